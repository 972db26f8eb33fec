//! Reads what a client sends. Never holds more than the limit, and never waits long for a client that stalls.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Refusal;
use crate::budget::{Budget, SMALL, Share};

/// How long a client may pause inside a body, and how long a whole body may take.
const PAUSE: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);

/// How much of a body that is too large is read and thrown away, and for how long. A client that sends
/// everything before it reads would otherwise see a reset connection in place of the answer.
const DRAIN: usize = 128 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// The body of an upload, with the memory that it may hold.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    budget: &Budget,
) -> Result<(Bytes, Share), Refusal> {
    if !announces_json(headers) {
        let unread = !drain(headers, body).await;
        return Err(Refusal::NotJson { unread });
    }
    let hint = body.size_hint();
    if hint.lower() > limit as u64 {
        let unread = !drain(headers, body).await;
        return Err(Refusal::TooLarge { unread });
    }
    // Of a body without a length, a small part is read before it counts as large as bodies can be.
    let expected = hint.exact().map_or(SMALL, |length| usize::try_from(length).unwrap_or(limit));
    let Some(share) = budget.take(expected).await else {
        let unread = !drain(headers, body).await;
        return Err(Refusal::Busy { unread });
    };
    Reader { body, held: BytesMut::with_capacity(expected.min(limit)), limit }
        .read(share, hint.exact().is_some(), budget)
        .await
}

struct Reader {
    body: Body,
    held: BytesMut,
    limit: usize,
}

impl Reader {
    async fn read(
        mut self,
        mut share: Share,
        measured: bool,
        budget: &Budget,
    ) -> Result<(Bytes, Share), Refusal> {
        let deadline = Instant::now() + WHOLE;
        let mut counted = measured;
        while let Some(chunk) = next(&mut self.body, deadline).await? {
            if self.held.len() + chunk.len() > self.limit {
                self.held = BytesMut::new();
                let unread = !discard(self.body).await;
                return Err(Refusal::TooLarge { unread });
            }
            if !counted && self.held.len() + chunk.len() > SMALL {
                counted = true;
                let Some(whole) = budget.take(self.limit).await else {
                    let unread = !discard(self.body).await;
                    return Err(Refusal::Busy { unread });
                };
                share = whole;
            }
            self.held.extend_from_slice(&chunk);
        }
        Ok((self.held.freeze(), share))
    }
}

/// The next piece of a body, `None` at its end.
async fn next(body: &mut Body, deadline: Instant) -> Result<Option<Bytes>, Refusal> {
    loop {
        let limit = deadline.min(Instant::now() + PAUSE);
        match timeout_at(limit, body.frame()).await {
            Err(_) => return Err(Refusal::SlowBody),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Refusal::BrokenBody),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Throws a refused body away, so that its sender can read the answer; true when nothing of it is left.
async fn drain(headers: &HeaderMap, body: Body) -> bool {
    // Who asks before sending has not sent anything, and reading would invite it to.
    !headers.contains_key(EXPECT) && discard(body).await
}

async fn discard(mut body: Body) -> bool {
    let all = async {
        let mut left = DRAIN;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    };
    timeout(DRAIN_TIME, all).await.unwrap_or(false)
}

/// `application/json` and what is built on it (`application/geo+json`), with any parameters.
fn announces_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}
