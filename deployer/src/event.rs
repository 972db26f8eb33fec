//! What a command says while it works. Who listens decides how it looks: see `ui`.
//!
//! No event ever holds a value of a service's environment, a secret or a definition.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Something worth knowing.
    Note {
        /// A sentence.
        text: String,
    },
    /// Something to look at.
    Warning {
        /// A sentence.
        text: String,
    },
    /// A longer activity begins: a host command, a build, a pull, an upload.
    ActivityStarted {
        /// Names it until it ends: `build data-app`.
        name: String,
    },
    /// It came this far.
    ActivityProgress {
        /// Its name.
        name: String,
        /// What it does now.
        text: String,
        /// Of `total`, in the activity's own unit (bytes, build steps).
        done: u64,
        /// Zero when it is not known.
        total: u64,
    },
    /// It said something.
    ActivityOutput {
        /// Its name.
        name: String,
        /// One line.
        line: String,
    },
    /// It ended.
    ActivityEnded {
        /// Its name.
        name: String,
        /// How: a lowercase fragment, `cached` or `failed`.
        result: String,
        /// It did what it should.
        ok: bool,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// A plan is carried out.
    Started {
        /// `deploy`, `rollback`, `down`.
        verb: &'static str,
        /// The stack.
        stack: String,
        /// The release that it makes.
        release: Option<u64>,
        /// All steps, those after the commit included.
        steps: usize,
    },
    /// A wave begins.
    Wave {
        /// What it is about.
        title: String,
    },
    /// A step begins.
    StepStarted {
        /// Its number, from 0.
        step: usize,
        /// What it does.
        text: String,
        /// Why.
        cause: String,
    },
    /// A step succeeded.
    StepDone {
        /// Its number.
        step: usize,
        /// What it did.
        text: String,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// A step failed.
    StepFailed {
        /// Its number.
        step: usize,
        /// What it was to do.
        text: String,
        /// Why it failed, with everything that helps.
        error: String,
    },
    /// A step was given up, because another one failed or somebody asked to stop.
    StepStopped {
        /// Its number.
        step: usize,
        /// What it was to do.
        text: String,
    },
    /// All fronts have switched: the release serves.
    Committed {
        /// Its number.
        release: Option<u64>,
    },
    /// The steps are taken back.
    Unwinding {
        /// Why.
        reason: String,
    },
    /// One step was taken back.
    Undone {
        /// What took it back.
        text: String,
    },
    /// One step could not be taken back.
    UndoFailed {
        /// What was to take it back.
        text: String,
        /// Why not.
        error: String,
    },
}

/// Where events go. Cheap to clone; nobody waits for a listener.
#[derive(Debug, Clone)]
pub struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    /// A sender and what it sends.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Says something. Without a listener nothing happens.
    pub fn send(&self, event: Event) {
        let _nobody_listens = self.0.send(event);
    }

    /// Something worth knowing.
    pub fn note(&self, text: impl Into<String>) {
        self.send(Event::Note { text: text.into() });
    }

    /// Something to look at.
    pub fn warn(&self, text: impl Into<String>) {
        self.send(Event::Warning { text: text.into() });
    }
}

fn seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((took.as_secs_f64() * 1000.0).round() / 1000.0)
}
