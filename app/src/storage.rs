//! The documents in their bucket. One client for the process's life; no call may outlast its limit.
//!
//! Callers never see the storage's own words: they get one of four errors, and the details go to the log.

mod client;
mod error;

use std::future::Future;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

pub use error::StorageError;

use crate::budget::{Budget, Share};
use crate::config::StorageConfig;
use crate::names;
use error::{Operation, from_sdk};

/// A whole operation, with every retry and with a bucket that has to be made first. Clients are promised an
/// answer within 2 s.
const LIMIT: Duration = Duration::from_millis(1500);

/// After a first byte has come, a read goes on for as long as bytes keep coming.
const PAUSE: Duration = Duration::from_millis(1000);

/// An upload above this size gets more time, after the storage has shown that it answers at all.
const LARGE: usize = 1 << 20;
const LARGE_BYTES_PER_MILLISECOND: usize = 2 << 10;

/// No document that this service stored is larger; one that somebody else put there is not read.
const MOST_READ: usize = 64 << 20;

/// The storage, as the routes see it.
#[derive(Debug)]
pub struct Storage {
    client: Client,
    bucket: String,
    endpoint: String,
    budget: Budget,
}

/// One document in a list.
#[derive(Debug, Serialize)]
pub struct Listed {
    filename: String,
    size: i64,
    last_modified: String,
}

/// A part of a list, and where the next one begins.
#[derive(Debug)]
pub struct Page {
    /// The documents, in the order of their names.
    pub files: Vec<Listed>,
    /// What to ask the next page with; `None` on the last.
    pub next: Option<String>,
}

impl Storage {
    /// Prepares the client; nothing is asked yet, so this works while the storage is away.
    pub fn new(config: &StorageConfig, budget: Budget) -> Self {
        Self {
            client: client::build(config),
            bucket: config.bucket.clone(),
            endpoint: config.endpoint.clone(),
            budget,
        }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The endpoint as it was configured.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Succeeds when the bucket can be used; makes it when it is not there.
    pub async fn ready(&self) -> Result<(), StorageError> {
        within(LIMIT, Operation::Ready, self.with_bucket(|| self.head_bucket())).await
    }

    /// Stores a document under a name that nothing else has.
    pub async fn put(&self, name: &str, document: Bytes) -> Result<(), StorageError> {
        let extra = if document.len() > LARGE {
            self.ready().await?;
            Duration::from_millis((document.len() / LARGE_BYTES_PER_MILLISECOND) as u64)
        } else {
            Duration::ZERO
        };
        let store = || async {
            let call =
                self.client.put_object().bucket(&self.bucket).key(name).content_type("application/json");
            let call = call.body(ByteStream::from(document.clone())).customize();
            let sent = call.config_override(client::with_extra_time(extra)).send().await;
            sent.map(drop).map_err(|error| from_sdk(Operation::Put, error))
        };
        within(LIMIT + extra, Operation::Put, self.with_bucket(store)).await
    }

    /// A document's bytes, with the memory that they may hold.
    pub async fn get(&self, name: &str) -> Result<(Bytes, Share), StorageError> {
        let call = self.client.get_object().bucket(&self.bucket).key(name).send();
        let sent = async { call.await.map_err(|error| from_sdk(Operation::Get, error)) };
        let answer = match within(LIMIT, Operation::Get, sent).await {
            Err(StorageError::NoBucket) => return Err(StorageError::NoObject),
            answer => answer?,
        };
        let length =
            answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(MOST_READ);
        if length > MOST_READ {
            return Err(StorageError::TooLarge);
        }
        let share = self.budget.take(length).await.ok_or(StorageError::Busy)?;
        Ok((collect(answer.body, length).await?, share))
    }

    /// Removes a document; one that never existed is as gone as one that did.
    pub async fn delete(&self, name: &str) -> Result<(), StorageError> {
        let call = self.client.delete_object().bucket(&self.bucket).key(name).send();
        let sent = async { call.await.map(drop).map_err(|error| from_sdk(Operation::Delete, error)) };
        match within(LIMIT, Operation::Delete, sent).await {
            Err(StorageError::NoObject | StorageError::NoBucket) => Ok(()),
            outcome => outcome,
        }
    }

    /// The part of the list that begins after `token`, or the first one.
    pub async fn page(&self, token: Option<&str>) -> Result<Page, StorageError> {
        let list = || async {
            let call = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1000);
            let sent = call.set_continuation_token(token.map(str::to_owned)).send().await;
            sent.map_err(|error| from_sdk(Operation::List, error))
        };
        let answer = within(LIMIT, Operation::List, self.with_bucket(list)).await?;
        let more = answer.is_truncated().unwrap_or(false);
        let next = answer.next_continuation_token().filter(|_| more).map(str::to_owned);
        if more && next.is_none() {
            return Err(StorageError::away(
                Operation::List,
                "protocol",
                "a page is cut and names no next one",
            ));
        }
        Ok(Page { files: answer.contents.unwrap_or_default().into_iter().filter_map(listed).collect(), next })
    }

    /// Makes the call; when the bucket is not there (a new store, or one that came back empty), makes that first.
    async fn with_bucket<T, F>(&self, call: impl Fn() -> F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>>,
    {
        match call().await {
            Err(StorageError::NoBucket) => {
                self.create_bucket().await?;
                call().await
            }
            outcome => outcome,
        }
    }

    async fn head_bucket(&self) -> Result<(), StorageError> {
        let sent = self.client.head_bucket().bucket(&self.bucket).send().await;
        sent.map(drop).map_err(|error| from_sdk(Operation::Ready, error))
    }

    async fn create_bucket(&self) -> Result<(), StorageError> {
        let sent = self.client.create_bucket().bucket(&self.bucket).send().await;
        match sent {
            Ok(_) => tracing::info!(bucket = self.bucket, "bucket created"),
            // Another replica was faster.
            Err(error) if error.as_service_error().is_some_and(error::already_there) => {}
            Err(error) => return Err(from_sdk(Operation::Create, error)),
        }
        Ok(())
    }
}

async fn within<T>(
    limit: Duration,
    operation: Operation,
    call: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    timeout(limit, call).await.unwrap_or_else(|_| Err(StorageError::timed_out(operation)))
}

async fn collect(mut body: ByteStream, length: usize) -> Result<Bytes, StorageError> {
    let mut held = BytesMut::with_capacity(length.min(MOST_READ));
    loop {
        let piece = timeout_at(Instant::now() + PAUSE, body.try_next()).await;
        match piece.map_err(|_| StorageError::timed_out(Operation::Get))? {
            Ok(None) => return Ok(held.freeze()),
            Ok(Some(piece)) if held.len() + piece.len() > MOST_READ => return Err(StorageError::TooLarge),
            Ok(Some(piece)) => held.extend_from_slice(&piece),
            Err(error) => return Err(StorageError::away(Operation::Get, "io", error)),
        }
    }
}

fn listed(object: Object) -> Option<Listed> {
    let modified = object.last_modified()?;
    let time = Timestamp::new(modified.secs(), i32::try_from(modified.subsec_nanos()).ok()?).ok()?;
    Some(Listed { size: object.size().unwrap_or(0), last_modified: names::iso(time), filename: object.key? })
}
