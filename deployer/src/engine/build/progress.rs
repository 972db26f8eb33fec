//! What the engine tells while it builds, as steps, lines and numbers. Nothing here may decide whether the build
//! succeeded.

use std::collections::{HashMap, VecDeque};

use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};

/// How many of a step's last lines are kept for the day it fails.
const KEPT_LINES: usize = 50;
const LONGEST_LINE: usize = 4096;

/// What happened in a build, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildProgress {
    /// Steps that are done.
    pub done: usize,
    /// Steps that are known; more may follow.
    pub total: usize,
    /// What happened.
    pub event: BuildEvent,
}

/// What happened in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// A step has begun: `[2/3] RUN make`.
    Started {
        /// The step's name.
        step: String,
    },
    /// A step is done.
    Finished {
        /// The step's name.
        step: String,
        /// Whether it had been done before, with the same outcome.
        cached: bool,
    },
    /// A step printed a line.
    Line {
        /// The step's name.
        step: String,
        /// The line, without its end.
        line: String,
    },
    /// Something is moved: a layer, the context.
    Moved {
        /// What is moved.
        what: String,
        /// Bytes so far.
        current: u64,
        /// All bytes; 0 when nobody knows.
        total: u64,
    },
}

/// The steps of a build, as far as the engine has told.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: HashMap<String, Step>,
    /// In the order in which they failed.
    failed: Vec<String>,
    done: usize,
}

#[derive(Debug, Default)]
struct Step {
    name: String,
    error: String,
    started: bool,
    done: bool,
    lines: VecDeque<String>,
}

impl Steps {
    /// Takes one message, and reports what is new.
    pub(super) fn take(&mut self, message: StatusResponse, report: &mut impl FnMut(BuildProgress)) {
        for vertex in message.vertexes {
            self.vertex(vertex, report);
        }
        for status in message.statuses {
            self.status(status, report);
        }
        for log in message.logs {
            self.log(&log, report);
        }
    }

    /// The step that made the build fail, with its last lines. Steps that were stopped because of it fail too; the
    /// one whose error is part of the build's is the cause.
    pub(super) fn culprit(&self, message: &str) -> Option<(String, Vec<String>)> {
        let failed = || self.failed.iter().filter_map(|digest| self.steps.get(digest));
        let step = failed().find(|step| message.contains(&step.error)).or_else(|| failed().next())?;
        Some((step.name.clone(), step.lines.iter().cloned().collect()))
    }

    fn vertex(&mut self, vertex: Vertex, report: &mut impl FnMut(BuildProgress)) {
        let step = self.steps.entry(vertex.digest.clone()).or_default();
        step.name = vertex.name;
        let name = step.name.clone();
        let starts = vertex.started.is_some() && !step.started && !vertex.cached;
        let ends = (vertex.completed.is_some() || vertex.cached) && !step.done;
        step.started |= starts;
        step.done |= ends;
        self.done += usize::from(ends);
        if starts {
            report(self.progress(BuildEvent::Started { step: name.clone() }));
        }
        if !vertex.error.is_empty() {
            if let Some(step) = self.steps.get_mut(&vertex.digest).filter(|step| step.error.is_empty()) {
                step.error = vertex.error;
                self.failed.push(vertex.digest);
            }
        } else if ends {
            report(self.progress(BuildEvent::Finished { step: name, cached: vertex.cached }));
        }
    }

    fn status(&self, status: VertexStatus, report: &mut impl FnMut(BuildProgress)) {
        let bytes = |count: i64| u64::try_from(count).unwrap_or_default();
        let what = if status.name.is_empty() { status.id } else { status.name };
        let (current, total) = (bytes(status.current), bytes(status.total));
        if current > 0 {
            report(self.progress(BuildEvent::Moved { what, current, total }));
        }
    }

    fn log(&mut self, log: &VertexLog, report: &mut impl FnMut(BuildProgress)) {
        let text = String::from_utf8_lossy(&log.msg);
        for line in text.lines() {
            // A progress bar draws over its own line; what stays on a screen is the last that it drew.
            let line: String =
                line.rsplit('\r').next().unwrap_or_default().chars().take(LONGEST_LINE).collect();
            let step = self.steps.entry(log.vertex.clone()).or_default();
            if step.lines.len() == KEPT_LINES {
                step.lines.pop_front();
            }
            step.lines.push_back(line.clone());
            let step = step.name.clone();
            report(self.progress(BuildEvent::Line { step, line }));
        }
    }

    fn progress(&self, event: BuildEvent) -> BuildProgress {
        BuildProgress { done: self.done, total: self.steps.len(), event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertex(digest: &str, error: &str, completed: bool) -> Vertex {
        let now = Some(Default::default());
        Vertex {
            digest: digest.to_owned(),
            name: format!("RUN {digest}"),
            error: error.to_owned(),
            started: now,
            completed: now.filter(|_| completed),
            ..Vertex::default()
        }
    }

    fn take(steps: &mut Steps, vertexes: Vec<Vertex>, logs: Vec<(&str, &str)>) -> Vec<BuildProgress> {
        let logs = logs
            .into_iter()
            .map(|(vertex, text)| VertexLog {
                vertex: vertex.to_owned(),
                msg: text.as_bytes().to_vec(),
                ..VertexLog::default()
            })
            .collect();
        let mut all = Vec::new();
        let message = StatusResponse { vertexes, logs, ..StatusResponse::default() };
        steps.take(message, &mut |progress| all.push(progress));
        all
    }

    #[test]
    fn a_step_starts_and_ends_once_however_often_it_is_told() {
        let mut steps = Steps::default();
        let step = "RUN a".to_owned();
        let told = take(&mut steps, vec![vertex("a", "", false), vertex("a", "", false)], vec![]);
        assert_eq!(
            told,
            [BuildProgress { done: 0, total: 1, event: BuildEvent::Started { step: step.clone() } }]
        );
        let told = take(&mut steps, vec![vertex("a", "", true), vertex("a", "", true)], vec![]);
        let event = BuildEvent::Finished { step, cached: false };
        assert_eq!(told, [BuildProgress { done: 1, total: 1, event }]);
    }

    #[test]
    fn the_culprit_is_the_step_whose_error_the_build_names() {
        let mut steps = Steps::default();
        let many: String = (0..60).map(|number| format!("line {number}\n")).collect();
        take(&mut steps, vec![vertex("stopped", "context canceled", true)], vec![]);
        take(
            &mut steps,
            vec![vertex("bad", "exit code: 1", true)],
            vec![("bad", &many), ("bad", "10%\r99%")],
        );
        let (step, lines) = steps.culprit("process make: exit code: 1").unwrap();
        assert_eq!((step.as_str(), lines.len()), ("RUN bad", KEPT_LINES));
        assert_eq!(lines.last().map(String::as_str), Some("99%"));
        assert_eq!(steps.culprit("something else").unwrap().0, "RUN stopped");
        assert!(Steps::default().culprit("x").is_none());
    }
}
