//! What a client is answered: a relayed response, or a few words of the front's own.
//! Must never tell a client the names or addresses of targets.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::activity::Busy;
use super::relay::Relay;

/// Where the bytes come from.
#[derive(Debug)]
pub(super) enum Content {
    Relayed(Box<Relay>),
    Own(Full<Bytes>),
}

/// A body that keeps its connection busy while it lasts.
#[derive(Debug)]
pub(super) struct Answer {
    content: Content,
    _busy: Busy,
}

impl Answer {
    pub(super) fn new(content: Content, busy: Busy) -> Self {
        Self { content, _busy: busy }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.content {
            Content::Relayed(relay) => relay.poll_frame(cx),
            Content::Own(text) => {
                let never = |e: Infallible| match e {};
                Pin::new(text).poll_frame(cx).map(|frame| frame.map(|f| f.map_err(never)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Relayed(relay) => relay.is_end_stream(),
            Content::Own(text) => text.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Relayed(relay) => relay.size_hint(),
            Content::Own(text) => text.size_hint(),
        }
    }
}

/// An answer in the front's own words.
pub(super) fn own(status: StatusCode, words: &'static str) -> Response<Content> {
    let mut response = Response::new(Content::Own(Full::new(Bytes::from_static(words.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The request is wrong, and what follows it on the connection is not trusted.
pub(super) fn refused(status: StatusCode, words: &'static str) -> Response<Content> {
    let mut response = own(status, words);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// No target was live in time.
pub(super) fn unavailable() -> Response<Content> {
    let mut response = own(StatusCode::SERVICE_UNAVAILABLE, "no replica of this service answers\n");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
