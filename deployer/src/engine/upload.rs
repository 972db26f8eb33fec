//! Archives that are written while they are sent: a thread writes, a request body takes, and little lies between
//! them, however large the archive is. Nothing here may know what is in it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, unfold};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

const CHUNK: usize = 128 * 1024;
/// Chunks that may wait for the engine.
const WAITING: usize = 4;
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// An archive on its way.
pub(super) struct Upload {
    receiver: Receiver<io::Result<Bytes>>,
    sent: Arc<AtomicU64>,
    writer: JoinHandle<io::Result<()>>,
}

/// What remains of an upload when its body has been handed over.
pub(super) struct Progress {
    sent: Arc<AtomicU64>,
    writer: JoinHandle<io::Result<()>>,
}

impl Upload {
    /// Runs `write` on a thread where it may block.
    pub(super) fn start(write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) -> Self {
        let (sender, receiver) = channel(WAITING);
        let sent = Arc::new(AtomicU64::new(0));
        let writer = tokio::task::spawn_blocking(move || {
            let mut out = Chunks { sender, buffer: BytesMut::with_capacity(CHUNK) };
            match write(&mut out).and_then(|()| out.flush()) {
                Ok(()) => Ok(()),
                Err(error) => {
                    // The body has to break, or the engine would take half an archive for a whole one.
                    let _ = out.sender.blocking_send(Err(error.kind().into()));
                    Err(error)
                }
            }
        });
        Self { receiver, sent, writer }
    }

    /// The request's body, and what tells how far it is.
    pub(super) fn split(self) -> (impl Stream<Item = io::Result<Bytes>> + Send + 'static, Progress) {
        let sent = self.sent.clone();
        let body = unfold((self.receiver, sent), |(mut receiver, sent)| async move {
            let chunk = receiver.recv().await?;
            if let Ok(bytes) = &chunk {
                sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Some((chunk, (receiver, sent)))
        });
        (body, Progress { sent: self.sent, writer: self.writer })
    }
}

impl Progress {
    /// Bytes that have gone into the connection.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits for the request, and says again and again how much has been sent.
    pub(super) async fn watch<T>(&self, request: impl Future<Output = T>, mut report: impl FnMut(u64)) -> T {
        let mut request = std::pin::pin!(request);
        let mut ticks = tokio::time::interval(REPORT_EVERY);
        loop {
            tokio::select! {
                result = &mut request => {
                    report(self.sent());
                    return result;
                }
                _ = ticks.tick() => report(self.sent()),
            }
        }
    }

    /// What kept the archive from being written, if something other than the engine did.
    pub(super) async fn failure(self) -> Option<io::Error> {
        let error = self.writer.await.ok()?.err()?;
        (error.kind() != io::ErrorKind::BrokenPipe).then_some(error)
    }
}

/// Collects what is written into chunks of one size.
struct Chunks {
    sender: Sender<io::Result<Bytes>>,
    buffer: BytesMut,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(CHUNK)).freeze();
        self.sender.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn everything_arrives_and_is_counted() {
        let upload = Upload::start(|out| out.write_all(&[7; 3 * CHUNK + 1]));
        let (body, progress) = upload.split();
        let chunks: Vec<_> = body.map(|chunk| chunk.unwrap().len()).collect().await;
        assert_eq!(chunks, [CHUNK, CHUNK, CHUNK, 1]);
        assert_eq!(progress.sent(), 3 * CHUNK as u64 + 1);
        assert!(progress.failure().await.is_none());
    }

    #[tokio::test]
    async fn a_writer_that_fails_breaks_the_body_and_says_why() {
        let upload = Upload::start(|_| Err(io::Error::new(io::ErrorKind::NotFound, "gone: a/b")));
        let (body, progress) = upload.split();
        assert!(body.collect::<Vec<_>>().await[0].is_err());
        assert_eq!(progress.failure().await.unwrap().to_string(), "gone: a/b");
    }

    #[tokio::test]
    async fn a_writer_stops_when_nobody_takes() {
        let upload = Upload::start(|out| {
            loop {
                out.write_all(&[0; CHUNK])?;
            }
        });
        let (body, progress) = upload.split();
        drop(body);
        assert!(progress.failure().await.is_none());
    }
}
