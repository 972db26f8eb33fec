//! Exit codes and hints: what the world outside learns of an error besides its text.

use std::fmt;

use compose_file::Diagnostics;

use crate::engine;
use crate::engine::build::{BuildError, BuildFailure};
use crate::execute::{ExecuteError, StepError};
use crate::host::HostError;
use crate::keeper::LockError;
use crate::observe::ReadError;
use crate::plan::PlanError;
use crate::record::RecordError;

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done, or nothing to do.
    Done = 0,
    /// A bug of this program.
    Bug = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is, or a gate or `doctor` refused.
    Configuration = 3,
    /// Engine or front cannot be reached.
    Unreachable = 4,
    /// Another command holds the lock.
    Locked = 5,
    /// A gate could not judge.
    Unjudged = 6,
    /// Taken back: the old release serves.
    RolledBack = 10,
    /// A person is needed.
    Stuck = 11,
    /// `health` found something unhealthy.
    Unhealthy = 12,
}

/// An error that a command makes itself, with its exit code and what to do.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A lowercase sentence without its period.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The exit code that an error stands for.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> Code {
    for cause in error.chain().map(bare) {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.code;
        }
        if cause.is::<Diagnostics>() || cause.is::<PlanError>() || cause.is::<RecordError>() {
            return Code::Configuration;
        }
        if matches!(cause.downcast_ref(), Some(LockError::Lost { .. } | LockError::Write { .. })) {
            return Code::Unreachable;
        }
        if cause.is::<BuildFailure>() || cause.is::<HostError>() {
            return Code::Configuration;
        }
        if let Some(engine) = cause.downcast_ref::<engine::Error>() {
            return match engine.kind {
                engine::Kind::Unreachable | engine::Kind::TimedOut | engine::Kind::Refused => {
                    Code::Unreachable
                }
                engine::Kind::NotFound | engine::Kind::Conflict | engine::Kind::Invalid => {
                    Code::Configuration
                }
            };
        }
    }
    Code::Bug
}

/// What to do about an error, if there is something.
#[must_use]
pub fn hint_of(error: &anyhow::Error) -> Option<String> {
    error.chain().map(bare).find_map(|cause| {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.hint.clone();
        }
        if let Some(plan) = cause.downcast_ref::<PlanError>() {
            return Some(plan.hint());
        }
        if let Some(record) = cause.downcast_ref::<RecordError>() {
            return Some(record.hint());
        }
        if let Some(failure) = cause.downcast_ref::<BuildFailure>() {
            return failure.hint();
        }
        if let Some(host) = cause.downcast_ref::<HostError>() {
            return Some(host.hint());
        }
        cause.downcast_ref::<engine::Error>().and_then(|error| error.hint().map(ToOwned::to_owned))
    })
}

/// The error that a transparent one stands for: those are left out of a chain of causes.
fn bare<'a>(cause: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    if let Some(error) = cause.downcast_ref::<BuildError>() {
        return match error {
            BuildError::Engine(error) => error,
            BuildError::Failed(failure) => &**failure,
        };
    }
    if let Some(error) = cause.downcast_ref::<ReadError>() {
        return match error {
            ReadError::Engine(error) => error,
            ReadError::Record(error) => error,
        };
    }
    match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(ExecuteError::Lock(error)), _) => error,
        (_, Some(StepError::Engine(error))) => error,
        _ => cause,
    }
}
