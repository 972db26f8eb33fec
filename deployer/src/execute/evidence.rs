//! What is known of a container that is not fit to serve: everything that a person would look up next.

use std::fmt;
use std::time::Duration;

use crate::engine::{Engine, Error, Inspected};
use crate::snapshot::State;
use crate::stack::ContainerName;

/// This many of the last lines of a log are shown.
const LINES: usize = 50;
/// A container that was started again is looked at this often, in the hope to see how it ends.
const SETTLE_ATTEMPTS: u32 = 20;
/// And one that was killed this often, in the hope to see why.
const OOM_ATTEMPTS: u32 = 4;
/// The exit code of a program that was ended by SIGKILL.
const KILLED: i64 = 137;
/// Between two looks.
const SETTLE_PACE: Duration = Duration::from_millis(50);

/// What a container left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The command of its health check.
    pub probe: Option<String>,
    /// What the last probe said.
    pub output: Option<String>,
    /// Its exit code, if it ended.
    pub exit_code: Option<i64>,
    /// The kernel ended it for want of memory.
    pub oom_killed: bool,
    /// Why the engine could not start it.
    pub error: Option<String>,
    /// The end of its log.
    pub log: Vec<String>,
}

/// A container at close range; one that the engine keeps starting, in the moment after its last end. While it runs again
/// the engine does not tell how it ended.
pub(super) async fn settled(engine: &Engine, name: &ContainerName) -> Result<Inspected, Error> {
    let mut found = engine.inspect(name).await?;
    for attempt in 0..SETTLE_ATTEMPTS {
        let runs_again = found.state == State::Running && found.restarts > 0;
        // That it was for want of memory is told a moment after the end.
        let killed = found.state == State::Exited && found.exit_code == KILLED && !found.oom_killed;
        let more_to_come = runs_again || (killed && attempt < OOM_ATTEMPTS);
        if !more_to_come {
            break;
        }
        tokio::time::sleep(SETTLE_PACE).await;
        found = engine.inspect(name).await?;
    }
    Ok(found)
}

impl Evidence {
    /// Collects it, as far as the engine still answers.
    pub async fn collect(engine: &Engine, name: &ContainerName, last_probe: Option<String>) -> Self {
        let (inspected, log) = tokio::join!(settled(engine, name), engine.last_lines(name, LINES));
        let Ok(found) = inspected else { return Self { output: last_probe, log, ..Self::default() } };
        let ended = matches!(found.state, State::Exited | State::Restarting);
        let probe = (found.probe.len() > 1).then(|| found.probe[1..].join(" "));
        let engines_output = found.health.map(|health| health.output).filter(|output| !output.is_empty());
        Self {
            probe,
            output: last_probe.filter(|output| !output.is_empty()).or(engines_output),
            exit_code: ended.then_some(found.exit_code),
            oom_killed: found.oom_killed,
            error: Some(found.error).filter(|error| !error.is_empty()),
            log,
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            writeln!(f, "  engine: {error}")?;
        }
        if let Some(code) = self.exit_code {
            let oom = if self.oom_killed { ", ended by the kernel for want of memory (OOM)" } else { "" };
            writeln!(f, "  exit code: {code}{oom}")?;
        }
        if let Some(probe) = &self.probe {
            writeln!(f, "  health check: {probe}")?;
        }
        if let Some(output) = &self.output {
            writeln!(f, "  last probe: {}", output.replace('\n', "\n              "))?;
        }
        match self.log.len() {
            0 => writeln!(f, "  log: empty"),
            count => {
                writeln!(f, "  log, last {count} lines:")?;
                self.log.iter().try_for_each(|line| writeln!(f, "    {line}"))
            }
        }
    }
}
