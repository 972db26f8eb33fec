//! The list of all documents, sent while it is read. Never holds more than two pages, and never looks complete when it is not.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream};

use crate::answer::Refusal;
use crate::storage::{Listed, Page, Storage, StorageError};

/// What is still to be sent.
enum Rest {
    First(Page),
    After { token: String, sent: usize },
    Nothing,
}

/// The answer to `GET /data`. The first page is read before it begins, so that a storage that is away gets
/// its own status; an error after that ends the connection in the middle of the body, where no client can
/// take it for the end.
pub async fn answer(storage: Arc<Storage>) -> Result<Response, Refusal> {
    let first = storage.page(None).await?;
    let body = Body::from_stream(pieces(storage, first));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

fn pieces(storage: Arc<Storage>, first: Page) -> impl Stream<Item = Result<Bytes, StorageError>> {
    stream::try_unfold((storage, Rest::First(first)), |(storage, rest)| async move {
        let (mut text, sent, page) = match rest {
            Rest::First(page) => (head(storage.bucket()), 0, page),
            Rest::After { token, sent } => (Vec::new(), sent, storage.page(Some(&token)).await?),
            Rest::Nothing => return Ok(None),
        };
        let sent = append(&mut text, &page.files, sent);
        let rest = match page.next {
            Some(token) => Rest::After { token, sent },
            None => {
                text.extend_from_slice(format!("],\"count\":{sent}}}").as_bytes());
                Rest::Nothing
            }
        };
        Ok(Some((Bytes::from(text), (storage, rest))))
    })
}

fn head(bucket: &str) -> Vec<u8> {
    format!("{{\"bucket\":{},\"files\":[", serde_json::Value::from(bucket)).into_bytes()
}

/// Adds the files to the text, and returns how many there are by now.
fn append(text: &mut Vec<u8>, files: &[Listed], mut sent: usize) -> usize {
    for file in files {
        if sent > 0 {
            text.push(b',');
        }
        serde_json::to_writer(&mut *text, file).expect("texts and numbers can always be written to memory");
        sent += 1;
    }
    sent
}
