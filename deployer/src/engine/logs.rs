//! What containers print, line by line, and which of them start. Nothing here knows how a line is shown.

use std::collections::{BTreeMap, HashMap};

use bollard::container::LogOutput;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder};
use futures_util::{Stream, StreamExt, future, stream};

use super::error::Context;
use super::{Engine, Error};
use crate::labels;
use crate::lines::Lines;
use crate::stack::{ContainerName, StackName};

/// Which part of a container's log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogRange {
    /// With what is still to come, until the container ends.
    pub follow: bool,
    /// Only what is newer, in seconds since 1970.
    pub since: Option<i64>,
    /// Only so many of the last lines.
    pub tail: Option<u64>,
}

/// One line that a container printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When, RFC 3339 with nanoseconds; lines of one engine sort by it.
    pub time: String,
    /// `stdout` or `stderr`.
    pub output: &'static str,
    /// The line.
    pub text: String,
}

/// A container that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its name.
    pub name: ContainerName,
    /// When, in seconds since 1970.
    pub time: i64,
    /// Its labels, and what else the engine says of it.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// The lines of a container's log.
    pub fn log_lines(
        &self,
        container: &ContainerName,
        range: LogRange,
    ) -> impl Stream<Item = Result<LogLine, Error>> + Send + use<> {
        let mut options =
            LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).follow(range.follow);
        if let Some(since) = range.since {
            options = options.since(since.try_into().unwrap_or(i32::MAX));
        }
        let tail = range.tail.map_or_else(|| "all".to_owned(), |tail| tail.to_string());
        let container = container.clone();
        let pieces = self.patient().logs(container.as_str(), Some(options.tail(&tail).build()));
        let pieces = pieces.map(Some).chain(stream::once(future::ready(None)));
        pieces
            .scan(Assembly::default(), move |assembly, piece| {
                let lines = match piece {
                    Some(Ok(piece)) => assembly.feed(&piece).into_iter().map(Ok).collect(),
                    Some(Err(error)) => vec![Err(error).context("read the log of", &container)],
                    None => assembly.finish().into_iter().map(Ok).collect(),
                };
                future::ready(Some(stream::iter(lines)))
            })
            .flatten()
    }

    /// The containers of a stack that start from now on. It ends when the engine does.
    pub fn starts(&self, stack: &StackName) -> impl Stream<Item = Started> + Send + use<> {
        let filters = HashMap::from([
            ("type", vec!["container".to_owned()]),
            ("event", vec!["start".to_owned()]),
            ("label", vec![format!("{}={stack}", labels::STACK)]),
        ]);
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let events = self.patient().events(Some(options)).take_while(|event| future::ready(event.is_ok()));
        events.filter_map(|event| future::ready(event.ok().and_then(started)))
    }
}

fn started(event: EventMessage) -> Option<Started> {
    let labels: BTreeMap<String, String> = event.actor?.attributes?.into_iter().collect();
    Some(Started {
        name: ContainerName::new(labels.get("name")?),
        time: event.time.unwrap_or_default(),
        labels,
    })
}

/// Lines in the making, one of each output.
#[derive(Default)]
struct Assembly {
    normal: Lines,
    errors: Lines,
    time: String,
}

impl Assembly {
    fn feed(&mut self, piece: &LogOutput) -> Vec<LogLine> {
        let (output, lines) = match piece {
            LogOutput::StdErr { message } => ("stderr", self.errors.feed(message)),
            LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                ("stdout", self.normal.feed(message))
            }
        };
        lines.into_iter().map(|line| self.line(output, &line)).collect()
    }

    fn finish(&mut self) -> Vec<LogLine> {
        let rest = [("stdout", self.normal.finish()), ("stderr", self.errors.finish())];
        rest.into_iter().filter_map(|(output, line)| Some(self.line(output, &line?))).collect()
    }

    /// A line without its time; what is only a part of a line has the time of the part before it.
    fn line(&mut self, output: &'static str, line: &str) -> LogLine {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        let has_time = head.len() >= 20 && head.as_bytes()[4] == b'-' && head.as_bytes()[10] == b'T';
        if has_time {
            head.clone_into(&mut self.time);
        }
        let text = if has_time { rest } else { line };
        LogLine { time: self.time.clone(), output, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_output_and_time() {
        let mut assembly = Assembly::default();
        let normal = |text: &'static str| LogOutput::StdOut { message: text.into() };
        let errors = |text: &'static str| LogOutput::StdErr { message: text.into() };
        let mut all =
            assembly.feed(&normal("2026-11-21T12:00:00.000000001Z one\n2026-11-21T12:00:00.000000002Z tw"));
        all.extend(assembly.feed(&errors("2026-11-21T12:00:00.000000003Z \n")));
        all.extend(assembly.feed(&normal("o\rthree")));
        all.extend(assembly.finish());
        let shown: Vec<_> =
            all.iter().map(|line| (&line.time[27..29], line.output, line.text.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("01", "stdout", "one"),
                ("03", "stderr", ""),
                ("02", "stdout", "two"),
                ("02", "stdout", "three")
            ]
        );
    }
}
