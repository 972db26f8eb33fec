//! What went wrong with the storage, sorted by what a client is told. Never by a message's words, only by codes.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;

use crate::metrics;

/// Why the storage did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such document.
    #[error("no such object")]
    NoObject,
    /// The bucket is not there.
    #[error("no such bucket")]
    NoBucket,
    /// The document is larger than any that this service stores.
    #[error("the object is too large to be read")]
    TooLarge,
    /// Too many large documents are held already.
    #[error("no memory is free for the object")]
    Busy,
    /// The storage does not answer, or not as a storage should.
    #[error("the storage is away during {operation} ({kind})")]
    Away {
        /// What was asked.
        operation: &'static str,
        /// Which way it failed.
        kind: &'static str,
    },
}

/// What the storage can be asked, as logs and metrics name it.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    Ready,
    Create,
    Put,
    Get,
    Delete,
    List,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Create => "create_bucket",
            Self::Put => "put",
            Self::Get => "get",
            Self::Delete => "delete",
            Self::List => "list",
        }
    }
}

impl StorageError {
    /// An outage, logged and counted where it is noticed.
    pub fn away(operation: Operation, kind: &'static str, detail: impl std::fmt::Display) -> Self {
        let operation = operation.name();
        tracing::warn!(operation, kind, detail = %detail, "storage error");
        metrics::storage_error(operation, kind);
        Self::Away { operation, kind }
    }

    /// An operation that took longer than it may.
    pub fn timed_out(operation: Operation) -> Self {
        Self::away(operation, "timeout", "no answer within the limit")
    }
}

/// Sorts an error of the S3 client.
pub fn from_sdk<E>(operation: Operation, error: SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
    match (code.as_str(), status, operation) {
        ("NoSuchBucket", ..) => StorageError::NoBucket,
        // A HEAD answer has no body, hence no code.
        (_, Some(404), Operation::Ready | Operation::List | Operation::Put) => StorageError::NoBucket,
        ("NoSuchKey", ..) | (_, Some(404), Operation::Get | Operation::Delete) => StorageError::NoObject,
        _ => StorageError::away(operation, kind(&error, status), chain(&error)),
    }
}

/// An error and what caused it, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(error.source(), |cause| (*cause).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whether a bucket could not be made because it is there, and ours.
pub fn already_there(error: &CreateBucketError) -> bool {
    error.is_bucket_already_owned_by_you() || error.is_bucket_already_exists()
}

fn kind<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>) -> &'static str {
    match (error, status) {
        (SdkError::TimeoutError(_), _) => "timeout",
        (SdkError::DispatchFailure(failure), _) if failure.is_timeout() => "timeout",
        (SdkError::DispatchFailure(_), _) => "connect",
        (_, Some(401 | 403)) => "denied",
        (_, Some(400..=499)) => "refused",
        (_, Some(500..)) => "server",
        _ => "protocol",
    }
}
