//! What went wrong with a call, to which object. Sorted by status codes and types, never by the words of a
//! message: engines change their words.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;

use bollard::errors::Error as Bollard;

/// A call to the engine that failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {action}{}{object}", if object.is_empty() { "" } else { " " })]
pub struct Error {
    /// What was attempted: `create container`.
    pub action: &'static str,
    /// On which object; empty when the call has none.
    pub object: String,
    /// What kind of failure it is.
    pub kind: Kind,
    /// What the engine or the system said.
    #[source]
    pub source: Box<dyn StdError + Send + Sync>,
    hint: Option<String>,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The object is not there.
    NotFound,
    /// The name is taken, or the object's state does not allow it.
    Conflict,
    /// No engine answers, or the connection broke.
    Unreachable,
    /// The engine took longer than it may.
    TimedOut,
    /// The engine answered no.
    Refused,
    /// What was given cannot be used: an address, a docker context, a certificate, a build context.
    Invalid,
}

/// What the engine answered instead of doing it.
#[derive(Debug, thiserror::Error)]
#[error("the engine answered {status}: {message}")]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The engine's own words.
    pub message: String,
}

/// A connection that could not be made; travels through bollard inside of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("no engine answers at {endpoint}")]
pub(super) struct NoConnection {
    pub endpoint: String,
    pub hint: String,
    #[source]
    pub source: io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {0} seconds")]
struct NoAnswer(u64);

/// A plain sentence as a source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Because(String);

impl Error {
    /// An error with a sentence as its source.
    pub(super) fn because(
        kind: Kind,
        action: &'static str,
        object: impl Display,
        why: impl Into<String>,
    ) -> Self {
        Self::caused_by(kind, action, object, Because(why.into()))
    }

    /// An error with another error as its source.
    pub(super) fn caused_by(
        kind: Kind,
        action: &'static str,
        object: impl Display,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { action, object: object.to_string(), kind, source: source.into(), hint: None }
    }

    /// The same error with what to do about it.
    #[must_use]
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to do about it, when there is more to say than the message does.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The status that the engine answered with, when it did.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.source.downcast_ref::<Answer>().map(|answer| answer.status)
    }

    /// Whether the object is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// Whether the name is taken or the object's state does not allow it.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    /// Whether the engine could not be reached; the call may or may not have taken effect.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// Whether the engine took longer than it may; the call may or may not have taken effect.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.kind == Kind::TimedOut
    }
}

/// Says what was attempted, on which object.
pub(super) trait Context<T> {
    /// The result, with the failure sorted.
    fn context(self, action: &'static str, object: impl Display) -> Result<T, Error>;
}

impl<T> Context<T> for Result<T, Bollard> {
    fn context(self, action: &'static str, object: impl Display) -> Result<T, Error> {
        self.map_err(|error| sort(error, action, object))
    }
}

fn sort(error: Bollard, action: &'static str, object: impl Display) -> Error {
    match error {
        Bollard::DockerResponseServerError { status_code, message } => {
            let source = Answer { status: status_code, message: message.trim().to_owned() };
            Error::caused_by(kind_of_status(status_code), action, object, source)
        }
        Bollard::RequestTimeoutError => {
            Error::caused_by(Kind::TimedOut, action, object, NoAnswer(super::connect::ANSWER_LIMIT.as_secs()))
        }
        Bollard::DockerStreamError { error } => {
            Error::because(Kind::Refused, action, object, error.trim().to_owned())
        }
        Bollard::IOError { err } => sort_io(err, action, object),
        Bollard::HyperResponseError { err } => Error::caused_by(Kind::Unreachable, action, object, err),
        other => Error::caused_by(Kind::Refused, action, object, other),
    }
}

fn sort_io(error: io::Error, action: &'static str, object: impl Display) -> Error {
    match error.downcast::<NoConnection>() {
        Ok(refused) => {
            let hint = refused.hint.clone();
            Error::caused_by(Kind::Unreachable, action, object, refused).with_hint(hint)
        }
        Err(broken) => Error::caused_by(Kind::Unreachable, action, object, broken),
    }
}

fn kind_of_status(status: u16) -> Kind {
    match status {
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        408 | 504 => Kind::TimedOut,
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_decides_the_kind() {
        for (status, kind) in [
            (404, Kind::NotFound),
            (409, Kind::Conflict),
            (504, Kind::TimedOut),
            (400, Kind::Refused),
            (500, Kind::Refused),
        ] {
            let answer =
                Bollard::DockerResponseServerError { status_code: status, message: "not found\n".into() };
            let error = Err::<(), _>(answer).context("create container", "demo-web-1-1").unwrap_err();
            assert_eq!(error.kind, kind);
            assert_eq!(error.status(), Some(status));
            assert_eq!(error.to_string(), "could not create container demo-web-1-1");
            assert_eq!(error.source.to_string(), format!("the engine answered {status}: not found"));
        }
    }

    #[test]
    fn an_error_without_an_object_has_no_trailing_space() {
        let error = Error::because(Kind::Invalid, "find the engine", "", "no");
        assert_eq!(error.to_string(), "could not find the engine");
    }
}
