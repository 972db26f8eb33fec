//! One line for each thing that happens, with the time since the start. It must never write an escape sequence or
//! take a line back: its reader is a log file.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Verbosity;
use super::phrase::{self, committed, headline, indented, tame, time};
use crate::event::Event;
use crate::tail::Tail;

/// A CI runner takes silence for death: an activity says at least this often that it goes on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The plain form.
pub(super) struct Plain {
    verbosity: Verbosity,
    began: Instant,
    activities: HashMap<String, Activity>,
}

struct Activity {
    spoke: Instant,
    output: Tail,
}

impl Plain {
    pub fn new(verbosity: Verbosity) -> Self {
        Self { verbosity, began: Instant::now(), activities: HashMap::new() }
    }

    /// The lines that an event makes.
    pub fn hear(&mut self, event: &Event) -> Vec<String> {
        let lines = self.lines(event);
        if self.verbosity == Verbosity::Quiet && !phrase::is_failure(event) {
            return Vec::new();
        }
        let since = format!("[{:>6}] ", time(self.began.elapsed()));
        lines.into_iter().map(|line| format!("{since}{line}")).collect()
    }

    fn lines(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::Note { text } => text.lines().map(tame).collect(),
            Event::Warning { text } => phrase::warning(text).lines().map(tame).collect(),
            Event::ActivityStarted { name } => {
                self.activity(name);
                vec![format!("{name}: started")]
            }
            Event::ActivityProgress { name, text, done, total } => self.progress(name, text, *done, *total),
            Event::ActivityOutput { name, line } => self.output(name, line),
            Event::ActivityEnded { name, result, ok, took } => self.ended(name, result, *ok, *took),
            Event::Started { verb, stack, release, steps } => {
                vec![format!("{}, {steps} steps", headline(verb, stack, *release))]
            }
            Event::Wave { title } => vec![title.clone()],
            Event::StepStarted { text, cause, .. } => self.verbose(|| format!("  {text} … ({cause})")),
            Event::StepDone { text, took, .. } => vec![format!("  {text} ({})", time(*took))],
            Event::StepFailed { text, error, .. } => failed(&format!("failed: {text}"), error),
            Event::StepStopped { text, .. } => self.verbose(|| format!("  given up: {text}")),
            Event::Committed { release } => vec![committed(*release)],
            Event::Unwinding { reason } => failed("taking everything back", reason),
            Event::Undone { text } => vec![format!("  taken back: {text}")],
            Event::UndoFailed { text, error } => failed(&format!("could not take back: {text}"), error),
        }
    }

    fn activity(&mut self, name: &str) -> &mut Activity {
        self.activities
            .entry(name.to_owned())
            .or_insert_with(|| Activity { spoke: Instant::now(), output: Tail::default() })
    }

    fn progress(&mut self, name: &str, text: &str, done: u64, total: u64) -> Vec<String> {
        if self.verbosity != Verbosity::Verbose && !self.silent_for_long(name) {
            return Vec::new();
        }
        let share = done.saturating_mul(100).checked_div(total);
        let share = share.map(|share| format!(", {share}%")).unwrap_or_default();
        vec![format!("{name}: {}{share}", tame(text))]
    }

    fn output(&mut self, name: &str, line: &str) -> Vec<String> {
        let line = tame(line);
        self.activity(name).output.push(&line);
        if self.verbosity == Verbosity::Verbose || self.silent_for_long(name) {
            return vec![format!("{name} | {line}")];
        }
        Vec::new()
    }

    /// Whether nothing was heard of it for long; asking ends the silence.
    fn silent_for_long(&mut self, name: &str) -> bool {
        let activity = self.activity(name);
        let silent = activity.spoke.elapsed() >= SIGN_OF_LIFE;
        if silent {
            activity.spoke = Instant::now();
        }
        silent
    }

    fn ended(&mut self, name: &str, result: &str, ok: bool, took: Duration) -> Vec<String> {
        let activity = self.activities.remove(name);
        let mut lines = Vec::new();
        // Whoever is verbose has seen the output already.
        if let Some(activity) = activity.filter(|_| !ok && self.verbosity != Verbosity::Verbose) {
            lines.extend(activity.output.lines().map(|line| format!("{name} | {line}")));
        }
        let verdict = if ok { result.to_owned() } else { format!("failed: {result}") };
        lines.push(format!("{name}: {verdict} ({})", time(took)));
        lines
    }

    fn verbose(&self, line: impl FnOnce() -> String) -> Vec<String> {
        if self.verbosity == Verbosity::Verbose { vec![line()] } else { Vec::new() }
    }
}

/// A sentence, and why; what is longer than a line comes below it.
fn failed(what: &str, why: &str) -> Vec<String> {
    let mut lines = why.lines();
    let first = lines.next().map(tame).unwrap_or_default();
    let rest: Vec<&str> = lines.collect();
    let mut all = vec![format!("{what}: {first}")];
    all.extend(indented(&rest.join("\n"), "    "));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(verbosity: Verbosity, events: &[Event]) -> String {
        let mut plain = Plain::new(verbosity);
        let lines = events.iter().flat_map(|event| plain.hear(event));
        let without_time: Vec<String> = lines.map(|line| line[9..].to_owned()).collect();
        without_time.join("\n")
    }

    fn a_build_that_fails() -> Vec<Event> {
        let name = || "build web".to_owned();
        vec![
            Event::ActivityStarted { name: name() },
            Event::ActivityProgress { name: name(), text: "step 1".into(), done: 1, total: 4 },
            Event::ActivityOutput { name: name(), line: "\u{1b}[31mno such file\u{1b}[0m".into() },
            Event::ActivityEnded {
                name: name(),
                result: "exit code 1".into(),
                ok: false,
                took: Duration::from_millis(1500),
            },
        ]
    }

    #[test]
    fn output_is_shown_when_it_failed() {
        assert_eq!(
            said(Verbosity::Normal, &a_build_that_fails()),
            "build web: started\nbuild web | no such file\nbuild web: failed: exit code 1 (1.5s)"
        );
    }

    #[test]
    fn verbose_shows_output_once_and_as_it_comes() {
        assert_eq!(
            said(Verbosity::Verbose, &a_build_that_fails()),
            "build web: started\nbuild web: step 1, 25%\nbuild web | no such file\nbuild web: failed: exit code 1 (1.5s)"
        );
    }

    #[test]
    fn quiet_tells_of_failures_only() {
        assert_eq!(
            said(Verbosity::Quiet, &a_build_that_fails()),
            "build web | no such file\nbuild web: failed: exit code 1 (1.5s)"
        );
        let warning = Event::Warning { text: "look".into() };
        assert_eq!(said(Verbosity::Quiet, &[warning]), "");
    }

    #[test]
    fn a_deploy_reads_as_a_list() {
        let step =
            |text: &str| Event::StepDone { step: 0, text: text.into(), took: Duration::from_millis(85) };
        let events = [
            Event::Started { verb: "deploy", stack: "demo".into(), release: Some(2), steps: 2 },
            Event::Wave { title: "new containers".into() },
            step("create container demo-web-2-1"),
            Event::StepFailed {
                step: 1,
                text: "await demo-web-2-1".into(),
                error: "unhealthy\nlast words".into(),
            },
            Event::Unwinding { reason: "a step failed".into() },
            Event::Undone { text: "remove container demo-web-2-1".into() },
        ];
        assert_eq!(
            said(Verbosity::Normal, &events),
            "deploy of demo: release 2, 2 steps\nnew containers\n  create container demo-web-2-1 (85ms)\n\
             failed: await demo-web-2-1: unhealthy\n    last words\ntaking everything back: a step failed\n  \
             taken back: remove container demo-web-2-1"
        );
    }
}
