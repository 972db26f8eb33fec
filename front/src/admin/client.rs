//! The deployer's end of the admin protocol, over any stream.
//! Must never make one call wait for another, nor leave one waiting when the stream is gone.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Command, Reply, Request, Response, lines};

/// A call got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The stream is closed.
    #[error("the stream to the front is closed")]
    Closed,
    /// The stream broke, or what came over it is not the protocol.
    #[error("the stream to the front is broken: {0}")]
    Broken(String),
}

/// Speaks to one front. Calls may be made at the same time; dropping it closes the stream.
pub struct AdminClient {
    /// Whole lines, so that a call that is dropped half way cannot cut one in two.
    lines: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    reading: JoinHandle<()>,
}

impl std::fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminClient").finish_non_exhaustive()
    }
}

impl AdminClient {
    /// Starts reading answers; needs a Tokio runtime.
    pub fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let waiting = Arc::new(Waiting::default());
        let reading = tokio::spawn(read(BufReader::new(reader), Arc::clone(&waiting)));
        let (lines, queue) = mpsc::unbounded_channel();
        tokio::spawn(write(writer, queue, Arc::clone(&waiting)));
        Self { lines, waiting, next: AtomicU64::new(1), reading }
    }

    /// Asks the front, and waits for its answer as long as the stream lives.
    ///
    /// # Errors
    ///
    /// When the stream is closed or broken. [`Reply::Failed`] is an answer and no error.
    pub async fn call(&self, command: Command) -> Result<Reply, CallError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut line = serde_json::to_vec(&Request { id, command }).map_err(broken)?;
        line.push(b'\n');
        let answer = self.waiting.expect(id)?;
        let _forget = Forget { waiting: &self.waiting, id };
        self.lines.send(line).map_err(|_| CallError::Closed)?;
        answer.await.unwrap_or(Err(CallError::Closed))
    }
}

impl AdminClient {
    /// What the front has counted, in Prometheus' text format.
    ///
    /// # Errors
    ///
    /// As [`AdminClient::call`], and when the front is too old to count.
    pub async fn metrics(&self) -> Result<String, CallError> {
        match self.call(Command::Metrics).await? {
            Reply::Metrics { text } => Ok(text),
            Reply::Failed { reason } => Err(CallError::Broken(reason)),
            other => Err(CallError::Broken(format!("{other:?} is no answer to metrics"))),
        }
    }
}

impl Drop for AdminClient {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

fn broken(error: impl std::fmt::Display) -> CallError {
    CallError::Broken(error.to_string())
}

type Answer = Result<Reply, CallError>;

/// The calls that have no answer yet.
#[derive(Default)]
struct Waiting {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: HashMap<u64, oneshot::Sender<Answer>>,
    end: Option<CallError>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect(&self, id: u64) -> Result<oneshot::Receiver<Answer>, CallError> {
        let mut state = self.lock();
        if let Some(end) = &state.end {
            return Err(end.clone());
        }
        let (sender, receiver) = oneshot::channel();
        state.calls.insert(id, sender);
        Ok(receiver)
    }

    fn answer(&self, response: Response) {
        if let Some(call) = self.lock().calls.remove(&response.id) {
            // Whoever asked may have stopped waiting.
            let _ = call.send(Ok(response.reply));
        }
    }

    /// Tells every waiting call, and every later one; the first reason stays.
    fn end(&self, reason: CallError) {
        let mut state = self.lock();
        let reason = state.end.get_or_insert(reason).clone();
        for (_, call) in state.calls.drain() {
            let _ = call.send(Err(reason.clone()));
        }
    }
}

/// Takes a call back that nobody waits for any more.
struct Forget<'a> {
    waiting: &'a Waiting,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.waiting.lock().calls.remove(&self.id);
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<Waiting>,
) {
    while let Some(line) = queue.recv().await {
        let sent = async { writer.write_all(&line).await.and(writer.flush().await) }.await;
        if let Err(e) = sent {
            return waiting.end(broken(e));
        }
    }
    // Nobody is left who could ask.
    let _ = writer.shutdown().await;
}

async fn read(mut reader: BufReader<impl AsyncRead + Unpin>, waiting: Arc<Waiting>) {
    let end = match read_all(&mut reader, &waiting).await {
        Ok(()) => CallError::Closed,
        Err(e) => broken(e),
    };
    waiting.end(end);
}

async fn read_all(reader: &mut BufReader<impl AsyncRead + Unpin>, waiting: &Waiting) -> io::Result<()> {
    let mut line = Vec::new();
    while let Some(text) = lines::next(reader, &mut line).await? {
        waiting.answer(serde_json::from_slice(text)?);
    }
    Ok(())
}
