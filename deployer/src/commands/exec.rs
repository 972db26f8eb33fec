//! `exec`: a command in a container of the live color. The command's input, output and exit code become those of
//! this program; nothing else may be written between them.

use std::io::{self, IsTerminal, Write};

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};

use self::terminal::{Raw, keys, size};
use super::Session;
use super::status::look;
use crate::cli::Exec;
use crate::engine::Engine;
use crate::engine::exec::{Running, Said};
use crate::error::{Code, Failure};
use crate::snapshot::{Observed, State};
use crate::stack::{ContainerName, ServiceName, StackName};
use crate::suggest::refuse_unknown;

mod terminal;

/// Runs the command, and gives its exit code: that is the command's own word, and none of this program's codes.
///
/// # Errors
/// When the service does not run, or the command cannot be started.
pub async fn run(session: &Session, args: &Exec) -> anyhow::Result<u8> {
    let loaded = session.load()?;
    let project = loaded.project()?;
    refuse_unknown(&args.service, &project.services.keys().map(String::as_str).collect::<Vec<_>>())?;
    let stack = StackName::new(loaded.name());
    let engine = session.engine().await?;
    let (observed, _) = look(session, &engine, &stack).await?;
    let container = live_container(&observed, &stack, &ServiceName::new(&args.service), args.index)?;
    let with_terminal = !args.no_tty && io::stdin().is_terminal() && io::stdout().is_terminal();
    let running = engine.exec(&container, &args.command, args.user.as_deref(), with_terminal).await?;
    let id = running.id.clone();
    let raw = if with_terminal { Some(Raw::enter()?) } else { None };
    let connected = connect(&engine, running, with_terminal).await;
    drop(raw);
    connected?;
    Ok(u8::try_from(engine.exit_code(&id).await?).unwrap_or(u8::MAX))
}

/// The container with this number among those that the live release names: a new color may run already.
fn live_container(
    observed: &Observed,
    stack: &StackName,
    service: &ServiceName,
    index: u32,
) -> Result<ContainerName, Failure> {
    let serving = observed.history.serving(service);
    let found = serving.map(|serving| observed.serving(stack, service, serving)).unwrap_or_default();
    let live: Vec<_> = found.into_iter().filter(|container| container.state == State::Running).collect();
    if live.is_empty() {
        let failure = Failure::new(Code::Configuration, format!("no container of {service} runs"));
        return Err(failure.hint("`deployer status` shows what runs"));
    }
    let found = live.iter().find(|container| container.replica() == Some(index));
    found.map(|container| container.name.clone()).ok_or_else(|| {
        let failure = Failure::new(Code::Usage, format!("{service} has no replica {index}"));
        failure.hint(format!("{} of them run, and the first is number 1", live.len()))
    })
}

/// Passes keys and bytes on in both directions until the command ends.
async fn connect(engine: &Engine, running: Running, with_terminal: bool) -> anyhow::Result<()> {
    let Running { id, mut output, mut input } = running;
    let mut resized = signal(SignalKind::window_change())?;
    let mut keys = keys();
    let mut open = true;
    if with_terminal {
        resize(engine, &id).await;
    }
    loop {
        tokio::select! {
            said = output.next() => match said {
                Some(said) => if write(&said?).is_err() { return Ok(()) },
                None => return Ok(()),
            },
            pressed = keys.recv(), if open => {
                let sent = match &pressed {
                    Some(bytes) => input.write_all(bytes).await.and(input.flush().await),
                    None => input.shutdown().await,
                };
                // A command that no longer reads may still have something to say.
                open = pressed.is_some() && sent.is_ok();
            }
            _ = resized.recv(), if with_terminal => resize(engine, &id).await,
        }
    }
}

/// A terminal of the wrong size is a nuisance and no failure.
async fn resize(engine: &Engine, id: &str) {
    if let Some(size) = size() {
        let _ended_already = engine.resize(id, size).await;
    }
}

fn write(said: &Said) -> io::Result<()> {
    match said {
        Said::Normal(bytes) => put(&mut io::stdout().lock(), bytes),
        Said::Errors(bytes) => put(&mut io::stderr().lock(), bytes),
    }
}

fn put(to: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels;
    use crate::record::History;
    use crate::snapshot::Container;
    use crate::stack::{Color, ImageId, Release, ReleaseNumber, Serving};

    fn container(release: u64, replica: u32, state: State) -> Container {
        let labels = [
            (labels::STACK, "demo".to_owned()),
            (labels::SERVICE, "web".to_owned()),
            (labels::ROLE, "service".to_owned()),
            (labels::RELEASE, release.to_string()),
            (labels::REPLICA, replica.to_string()),
        ];
        Container {
            name: ContainerName::new(format!("demo-web-{release}-{replica}")),
            id: String::new(),
            image: ImageId::new(""),
            state,
            status: String::new(),
            labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
            networks: Default::default(),
            ports: Vec::new(),
            created: 0,
        }
    }

    #[test]
    fn a_new_color_that_runs_already_is_not_live() {
        let containers = vec![
            container(1, 1, State::Exited),
            container(2, 1, State::Running),
            container(3, 1, State::Running),
        ];
        let serving = Serving { made_in: ReleaseNumber(2), color: Color::Green, replicas: 1 };
        let release = Release {
            number: ReleaseNumber(2),
            tag: "v2".into(),
            source: None,
            revision: None,
            created: String::new(),
            by: String::new(),
            agent: None,
            serving: [(ServiceName::new("web"), serving)].into(),
            stack: None,
        };
        let history = History::default().with(release);
        let observed = Observed { containers, history, ..Observed::default() };
        let stack = StackName::new("demo");
        let live = |service, index| live_container(&observed, &stack, &ServiceName::new(service), index);
        assert_eq!(live("web", 1).unwrap().as_str(), "demo-web-2-1");
        assert_eq!(live("web", 2).unwrap_err().to_string(), "web has no replica 2");
        assert_eq!(live("db", 1).unwrap_err().to_string(), "no container of db runs");
    }
}
