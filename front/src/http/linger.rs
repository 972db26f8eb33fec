//! The last moments of a connection whose client still sends: what comes is read and thrown away, so that the answer
//! that says why arrives. Must never last long, nor keep anything.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long it lasts at most.
const LINGER: Duration = Duration::from_secs(2);
/// How much is read at most.
const BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Linger {
    clock: Pin<Box<Sleep>>,
    left: usize,
}

impl Linger {
    pub(super) fn new() -> Self {
        Self { clock: Box::pin(sleep(LINGER)), left: BYTES }
    }

    /// Ready when the client has ended too, or has had its time.
    pub(super) fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        while self.clock.as_mut().poll(cx).is_pending() && self.left > 0 {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.left = self.left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}
