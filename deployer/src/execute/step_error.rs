//! Why a step failed.

use crate::engine;
use crate::stack::{ContainerName, ServiceName};

use super::Evidence;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The engine refused or did not answer.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A front refused or did not answer.
    #[error("{front} answered: {reason}")]
    Front {
        /// Its container.
        front: ContainerName,
        /// What it said.
        reason: String,
    },
    /// A front does not start.
    #[error("{front} does not answer: {reason}")]
    FrontStart {
        /// Its container.
        front: ContainerName,
        /// What went wrong last.
        reason: String,
        /// What it left behind.
        evidence: Box<Evidence>,
    },
    /// A container is not fit to serve.
    #[error("{container} of service {service} is not fit to serve: {reason}")]
    Unfit {
        /// The container.
        container: ContainerName,
        /// Its service.
        service: ServiceName,
        /// What went wrong.
        reason: String,
        /// What it left behind.
        evidence: Box<Evidence>,
    },
    /// A job failed.
    #[error("job {service} ended with exit code {code}")]
    Job {
        /// The service.
        service: ServiceName,
        /// Its exit code.
        code: i64,
        /// What it left behind.
        evidence: Box<Evidence>,
    },
    /// A job did not end in time.
    #[error("job {service} did not end within {limit} s")]
    JobLate {
        /// The service.
        service: ServiceName,
        /// `--timeout`, in seconds.
        limit: f32,
        /// What it left behind.
        evidence: Box<Evidence>,
    },
    /// Somebody asked to stop, or another step of the wave failed.
    #[error("interrupted")]
    Interrupted,
    /// The keeper is gone.
    #[error("the lock was lost")]
    LockLost,
    /// The plan does not say what to make.
    #[error("the definition of {0} is not at hand")]
    NoDefinition(String),
    /// A test wanted it.
    #[error("a fault was asked for at step {0}")]
    Fault(usize),
    /// A test wanted it.
    #[error("a crash was asked for at step {0}")]
    Crashed(usize),
}

impl StepError {
    /// What a container left behind, if it is about one.
    #[must_use]
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::FrontStart { evidence, .. }
            | Self::Unfit { evidence, .. }
            | Self::Job { evidence, .. }
            | Self::JobLate { evidence, .. } => Some(evidence),
            _ => None,
        }
    }

    /// The whole story, over several lines when there is evidence.
    #[must_use]
    pub fn report(&self) -> String {
        let text = super::chain(self);
        match self.evidence() {
            Some(evidence) => format!("{text}\n{evidence}").trim_end().to_owned(),
            None => text,
        }
    }
}
