//! Every answer that is not a success. Never tells a client why in more words than the contract has.

use axum::Json;
use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::document::Rejection;
use crate::storage::StorageError;

/// Seconds after which a client may ask again: the storage recovers, or a large upload ends.
const RETRY_SECONDS: &str = "2";

/// Why a request is not served.
#[derive(Debug)]
pub enum Refusal {
    /// The body holds nothing.
    NoData,
    /// The body is not JSON.
    Malformed,
    /// The body ended early or could not be read.
    BrokenBody,
    /// The body came too slowly.
    SlowBody,
    /// The body is larger than allowed; `unread` when the rest of it is still on its way.
    TooLarge {
        /// Whether the connection still carries a part of it.
        unread: bool,
    },
    /// The body is not announced as JSON; `unread` as above.
    NotJson {
        /// Whether the connection still carries a part of the body.
        unread: bool,
    },
    /// No document has this name.
    NoFile,
    /// No route has this path.
    NoRoute,
    /// The route does not know this method.
    NoMethod,
    /// What is stored is no JSON, or more than can be read.
    NotReadable,
    /// The storage cannot be used now.
    Unavailable,
    /// Too much is being uploaded and read at this moment; `unread` as above.
    Busy {
        /// Whether the connection still carries a part of the body.
        unread: bool,
    },
}

impl Refusal {
    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoData => (StatusCode::BAD_REQUEST, "No data provided"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "Malformed JSON"),
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "The request body could not be read"),
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, "The request body came too slowly"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "The document is too large"),
            Self::NotJson { .. } => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json")
            }
            Self::NoFile => (StatusCode::NOT_FOUND, "File not found"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "Not found"),
            Self::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::NotReadable => (StatusCode::BAD_GATEWAY, "The stored file is not a readable JSON document"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, STORAGE_AWAY),
            Self::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "Too many large documents at once"),
        }
    }

    /// Whether the connection cannot carry another request.
    fn ends_connection(&self) -> bool {
        match self {
            Self::BrokenBody | Self::SlowBody => true,
            Self::TooLarge { unread } | Self::NotJson { unread } | Self::Busy { unread } => *unread,
            _ => false,
        }
    }
}

/// What clients are told when the storage is away.
pub const STORAGE_AWAY: &str = "Storage is unavailable";

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = self.parts();
        let mut response = (status, Json(json!({ "error": message }))).into_response();
        if self.ends_connection() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        retry_later(response)
    }
}

/// Adds `Retry-After` to an answer that says 503.
pub fn retry_later(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    }
    response
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Empty => Self::NoData,
            Rejection::Malformed => Self::Malformed,
        }
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NoObject => Self::NoFile,
            StorageError::TooLarge => Self::NotReadable,
            StorageError::Busy => Self::Busy { unread: false },
            StorageError::NoBucket | StorageError::Away { .. } => Self::Unavailable,
        }
    }
}
