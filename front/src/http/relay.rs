//! A response body on its way from a target to a client.
//! Must never read more from the target than the client takes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::upstream::Upstream;
use crate::route::Claim;

/// The body with the connection that it comes from, and the claim that counts it.
#[derive(Debug)]
pub(super) struct Relay {
    body: Incoming,
    source: Option<(Box<Upstream>, Claim)>,
    /// Bytes that came since they were counted last.
    sent: u64,
}

impl Relay {
    /// A response without a body is over at once: its connection is free before the client has its answer.
    pub(super) async fn new(body: Incoming, upstream: Box<Upstream>, claim: Claim) -> Self {
        let mut relay = Self { body, source: Some((upstream, claim)), sent: 0 };
        if relay.body.is_end_stream() {
            std::future::poll_fn(|cx| {
                relay.finish(cx);
                Poll::Ready(())
            })
            .await;
        }
        relay
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut frame = self.poll_driven(cx);
        if frame.is_pending() {
            // Asking was what let the connection read on.
            frame = self.poll_driven(cx);
        }
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        match &frame {
            Poll::Ready(None) => self.finish(cx),
            Poll::Ready(Some(Err(_))) => {
                self.count();
                self.source = None;
            }
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.finish(cx),
            _ => {}
        }
        frame
    }

    fn poll_driven(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some((upstream, _)) = &mut self.source {
            upstream.drive(cx);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    /// Gives the connection back when nothing is left on it; one whose request is not sent to the end is closed.
    fn finish(&mut self, cx: &mut Context<'_>) {
        self.count();
        if let Some((mut upstream, claim)) = self.source.take() {
            if upstream.is_reusable(cx) {
                claim.park(upstream);
            } else {
                upstream.leave();
            }
        }
    }

    fn count(&mut self) {
        if let Some((_, claim)) = &self.source {
            claim.series().sent.add(std::mem::take(&mut self.sent));
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.count();
    }
}
