//! One connection to a target. It is driven by whoever uses it, in the same task, so that an exchange costs no hops
//! between tasks and ends with the one who wanted it.
//! Must never be used for two requests at a time.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::activity::Activity;
use super::body::RequestBody;

/// How long a target may take to close a connection that it was asked to close.
const PARTING: Duration = Duration::from_secs(1);

type Connection = http1::Connection<TokioIo<TcpStream>, RequestBody>;

/// A connection and the handle that sends over it.
#[derive(Debug)]
pub(crate) struct Upstream {
    sender: http1::SendRequest<RequestBody>,
    /// `None` when it has ended, or when a task of its own drives it.
    connection: Option<Connection>,
    /// The socket of a connection that HTTP is done with.
    ended: Option<TcpStream>,
    /// Set once for many requests: a timer for each would cost more than all else here.
    clock: Pin<Box<Sleep>>,
}

/// No response came.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of the request was sent.
    Unsent(Box<Request<RequestBody>>),
    /// The target may have got it.
    Lost(hyper::Error),
    /// The target may be working on it.
    TimedOut,
}

impl Upstream {
    pub(super) async fn new(stream: TcpStream, head_bytes: usize, limit: Duration) -> io::Result<Self> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(head_bytes.max(8192));
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let clock = Box::pin(sleep_until(Instant::now() + limit));
        Ok(Self { sender, connection: Some(connection), ended: None, clock })
    }

    /// Lets a task of its own drive it, which an upgrade needs.
    pub(super) fn detach(&mut self) {
        if let Some(connection) = self.connection.take() {
            tokio::spawn(async move {
                if let Err(e) = connection.with_upgrades().await {
                    tracing::debug!(error = %e, "upstream connection ended");
                }
            });
        }
    }

    /// Reads and writes what can be read and written now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && connection.poll_without_shutdown(cx).is_ready()
            && let Some(connection) = self.connection.take()
        {
            self.ended = Some(connection.into_parts().io.into_inner());
        }
    }

    /// Leaves a connection whose last exchange is complete to the target to close. Whoever closes first keeps the pair
    /// of ports for a minute, and one who does that for each request runs out of them.
    pub(super) fn leave(mut self) {
        if let Some(stream) = self.ended.take() {
            tokio::spawn(timeout(PARTING, closed(stream)));
        }
    }

    /// The last exchange is over and another one can begin, as far as this machine knows.
    pub(super) fn is_reusable(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
        limit: Duration,
        activity: &Activity,
    ) -> Result<Response<Incoming>, Failure> {
        let mut deadline = Instant::now() + limit;
        let mut response = pin!(self.sender.try_send_request(request));
        std::future::poll_fn(|cx| {
            self.drive(cx);
            if let Poll::Ready(result) = response.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(|mut e| match e.take_message() {
                    Some(request) => Failure::Unsent(Box::new(request)),
                    None => Failure::Lost(e.into_error()),
                }));
            }
            while self.poll_clock(cx, deadline).is_ready() {
                if !activity.has_body() {
                    return Poll::Ready(Err(Failure::TimedOut));
                }
                // A target may wait for the end of a long upload before it answers.
                deadline = Instant::now() + limit;
            }
            Poll::Pending
        })
        .await
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        while self.clock.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.clock.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

async fn closed(stream: TcpStream) {
    // Anything but silence is the end: nothing was asked that could still be answered.
    if stream.readable().await.is_ok() {
        drop(stream);
    }
}
