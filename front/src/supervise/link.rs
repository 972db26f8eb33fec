//! A worker's end of the stream to its supervisor.
//! Must never let a question wait for ever: when the supervisor is gone, nothing is answered any more.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::words::{Order, Word, line};
use crate::admin::lines;

type Answer = Result<String, String>;

/// What the front asks of its supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    words: mpsc::UnboundedSender<Word>,
    asked: Arc<Mutex<Option<oneshot::Sender<Answer>>>>,
    earlier: watch::Receiver<u64>,
}

/// What the supervisor says, one after the other.
#[derive(Debug)]
pub(super) struct Orders {
    reader: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
    asked: Arc<Mutex<Option<oneshot::Sender<Answer>>>>,
    earlier: watch::Sender<u64>,
}

/// Both halves of the stream.
pub(super) fn join(stream: UnixStream) -> (Link, Orders) {
    let (reader, writer) = stream.into_split();
    let (words, queue) = mpsc::unbounded_channel();
    tokio::spawn(write(writer, queue));
    let (count, earlier) = watch::channel(0);
    let asked = Arc::<Mutex<_>>::default();
    let link = Link { words, asked: Arc::clone(&asked), earlier };
    let reader = BufReader::with_capacity(1024, reader);
    (link, Orders { reader, line: Vec::new(), asked, earlier: count })
}

async fn write(mut writer: OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<Word>) {
    while let Some(word) = queue.recv().await {
        if writer.write_all(&line(&word)).await.is_err() {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Nobody hears it when the supervisor is gone, and then this worker ends too.
    pub(super) fn say(&self, word: Word) {
        let _gone = self.words.send(word);
    }

    /// The identity of the program that serves from now on, or why it does not. One question at a time.
    pub(crate) async fn upgrade(&self, program: PathBuf) -> Answer {
        let (sender, answer) = oneshot::channel();
        *lock(&self.asked) = Some(sender);
        self.say(Word::Upgrade { program });
        answer.await.unwrap_or_else(|_| Err("the front stops".to_owned()))
    }

    /// Waits until no earlier worker is left; answers how many are when the time is over.
    pub(crate) async fn earlier(&self, limit: Duration) -> u64 {
        let mut earlier = self.earlier.clone();
        let gone = timeout(limit, earlier.wait_for(|count| *count == 0)).await;
        let gone = matches!(gone, Ok(Ok(_)));
        if gone { 0 } else { *self.earlier.borrow() }
    }
}

impl Orders {
    /// The next order that is not about a question; the end of the stream is the end of the front.
    /// Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Order {
        loop {
            match self.read().await {
                Ok(Some(Order::Earlier { count })) => drop(self.earlier.send_replace(count)),
                Ok(Some(Order::Upgraded { program })) => self.answer(Ok(program)),
                Ok(Some(Order::Refused { reason })) => self.answer(Err(reason)),
                Ok(Some(Order::Begin { .. } | Order::Unknown)) => {}
                Ok(Some(order)) => return order,
                Ok(None) | Err(_) => {
                    lock(&self.asked).take();
                    return Order::Stop;
                }
            }
        }
    }

    async fn read(&mut self) -> io::Result<Option<Order>> {
        let Some(text) = lines::next(&mut self.reader, &mut self.line).await? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(text)?))
    }

    fn answer(&self, answer: Answer) {
        if let Some(question) = lock(&self.asked).take() {
            // Whoever asked may have gone.
            let _ = question.send(answer);
        }
    }
}
