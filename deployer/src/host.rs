//! The machine that the command runs on: its commands, its git checkout, its user. It must never touch the engine,
//! and never pass a secret on to a command.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio_util::io::ReaderStream;

use crate::event::{Event, Events};
use crate::lines::Lines;
use crate::stack::HostCommand;
use crate::tail::Tail;

mod identity;

pub use identity::{Revision, revision, who};

/// What a command left running keeps its output open; it is listened to for this long after the command's end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Longer names are cut, so that they fit beside a progress bar.
const NAME_LENGTH: usize = 40;

/// A host command that did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It could not be started.
    #[error("could not start the host command `{command}`")]
    Start {
        /// The command.
        command: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("the host command `{command}` failed: {status}")]
    Failed {
        /// The command.
        command: String,
        /// Its exit status or signal.
        status: ExitStatus,
        /// Where it ran.
        directory: PathBuf,
        /// The last lines that it printed.
        output: Vec<String>,
    },
}

impl HostError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Start { command, .. } => {
                let program = command.split_whitespace().next().unwrap_or_default();
                format!("install `{program}`, or use the images as they are with --no-build")
            }
            Self::Failed { directory, .. } => {
                format!(
                    "nothing was deployed; it ran in {}, where it can be tried by hand",
                    directory.display()
                )
            }
        }
    }
}

/// Runs commands in order, each to its end. Dropped, it ends the one that runs and everything that it started.
///
/// # Errors
/// The first that cannot be started or fails.
pub async fn run_commands(
    commands: &[HostCommand],
    directory: &Path,
    environment: &BTreeMap<String, String>,
    events: &Events,
) -> Result<(), HostError> {
    for command in commands {
        run(command, directory, environment, events).await?;
    }
    Ok(())
}

async fn run(
    command: &HostCommand,
    directory: &Path,
    environment: &BTreeMap<String, String>,
    events: &Events,
) -> Result<(), HostError> {
    let (text, began) = (spell(command), Instant::now());
    let name = shortened(&text);
    events.send(Event::ActivityStarted { name: name.clone() });
    let result = match start(command, directory, environment) {
        Ok(group) => attend(group, &name, events).await,
        Err(error) => Err(error),
    };
    let (ok, verdict) = match &result {
        Ok((status, _)) => {
            (status.success(), if status.success() { "done".into() } else { status.to_string() })
        }
        Err(error) => (false, error.to_string()),
    };
    events.send(Event::ActivityEnded { name, result: verdict, ok, took: began.elapsed() });
    match result {
        Ok((status, _)) if status.success() => Ok(()),
        Ok((status, output)) => {
            let (directory, output) = (directory.to_owned(), output.into_lines());
            Err(HostError::Failed { command: text, status, directory, output })
        }
        Err(source) => Err(HostError::Start { command: text, source }),
    }
}

/// A command and everything that it starts; dropped, all of it is told to end.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let _gone_already = kill_process_group(id, Signal::TERM);
        }
    }
}

fn start(
    command: &HostCommand,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> io::Result<Group> {
    let (program, arguments) = match command {
        HostCommand::Line(line) => ("sh", vec!["-c", line]),
        HostCommand::Program(words) => {
            let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
            (program.as_str(), arguments.iter().map(String::as_str).collect())
        }
    };
    let child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C goes to this process, which decides; and what it starts ends with it.
        .process_group(0)
        .spawn()?;
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    Ok(Group { child, id })
}

/// Passes on what the command says until it ends.
async fn attend(mut group: Group, name: &str, events: &Events) -> io::Result<(ExitStatus, Tail)> {
    let mut tail = Tail::default();
    let spoken = spoken(&mut group.child);
    let status = {
        let mut listening = pin!(spoken.for_each(|line| {
            tail.push(&line);
            events.send(Event::ActivityOutput { name: name.to_owned(), line });
            std::future::ready(())
        }));
        tokio::select! {
            status = group.child.wait() => {
                let _background_program_goes_on = tokio::time::timeout(LAST_WORDS, &mut listening).await;
                status?
            }
            () = &mut listening => group.child.wait().await?,
        }
    };
    // Whatever it left running is not ours to end.
    group.id = None;
    Ok((status, tail))
}

/// The lines of both outputs, in the order in which they come.
fn spoken(child: &mut Child) -> impl Stream<Item = String> + use<> {
    let output = child.stdout.take().map(|pipe| lines(ReaderStream::new(pipe)));
    let errors = child.stderr.take().map(|pipe| lines(ReaderStream::new(pipe)));
    stream::select(stream::iter(output).flatten(), stream::iter(errors).flatten())
}

fn lines(pieces: impl Stream<Item = io::Result<bytes::Bytes>>) -> impl Stream<Item = String> {
    let pieces = pieces.map(Some).chain(stream::once(std::future::ready(None)));
    pieces
        .scan(Lines::default(), |lines, piece| {
            let found = match piece {
                Some(Ok(piece)) => lines.feed(&piece),
                Some(Err(_)) | None => lines.finish().into_iter().collect(),
            };
            std::future::ready(Some(stream::iter(found)))
        })
        .flatten()
}

/// A command as a person writes it.
#[must_use]
pub fn spell(command: &HostCommand) -> String {
    match command {
        HostCommand::Line(line) => line.trim().to_owned(),
        HostCommand::Program(words) => words.join(" "),
    }
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(NAME_LENGTH) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short)?;
        if self.dirty { f.write_str("-dirty") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
