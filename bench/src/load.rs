//! Clients under whom a stack is changed. Requests are sent at a fixed rate whatever the answers do, so that a pause
//! holds nobody back, and what each of them took is counted from the moment when it was due. They ask loopback only.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep_until, timeout};

use crate::http1::{Connection, Keep, local, request};

/// Requests in a second, to all services together.
pub const RATE: u32 = 500;
/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// One request.
pub struct Asked {
    /// To which port.
    pub port: u16,
    /// When it should have been sent.
    pub due: Instant,
    /// When its answer was there, or it was clear that none comes.
    pub done: Instant,
    /// The version that answered, or why no good answer came.
    pub answer: Result<String, String>,
}

/// Clients at work, in a thread of their own.
pub struct Load {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Vec<Asked>>>>,
}

impl Load {
    /// Begins to ask these ports in turn.
    pub fn start(ports: &[u16]) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (ports, told) = (ports.to_vec(), ended.clone());
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            Ok(LocalSet::new().block_on(&runtime, ask_all(&ports, &told)))
        });
        Self { ended, thread: Some(thread) }
    }

    /// Sends no more, waits for the answers, and tells what was seen.
    pub fn stop(mut self) -> Result<Vec<Asked>> {
        self.ended.store(true, Ordering::Relaxed);
        let thread = self.thread.take().ok_or_else(|| anyhow!("the load was stopped before"))?;
        Ok(thread.join().map_err(|_| anyhow!("the load ended early"))??)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// What clients saw of a change.
#[derive(Default)]
pub struct Seen {
    /// Requests.
    pub asked: usize,
    /// Those without a good answer.
    pub failed: usize,
    /// Why, and how many.
    pub reasons: BTreeMap<String, usize>,
    /// The longest time in which a service that was asked gave no good answer to anybody.
    pub pause: Duration,
    /// The longest time from when a request was due to its good answer.
    pub slowest: Duration,
}

impl Seen {
    /// Of everything that was asked.
    pub fn of(asked: &[Asked]) -> Self {
        let mut reasons = BTreeMap::new();
        for reason in asked.iter().filter_map(|it| it.answer.as_ref().err()) {
            *reasons.entry(reason.clone()).or_default() += 1;
        }
        let good = || asked.iter().filter(|it| it.answer.is_ok());
        Self {
            asked: asked.len(),
            failed: asked.len() - good().count(),
            reasons,
            pause: pause(asked),
            slowest: good().map(|it| it.done.saturating_duration_since(it.due)).max().unwrap_or_default(),
        }
    }
}

/// When the first request was answered from which on every request was answered by this version, at every port.
pub fn settled(asked: &[Asked], version: &str) -> Option<Instant> {
    let is_new = |it: &&Asked| it.answer.as_deref() == Ok(version);
    let last_old = asked.iter().filter(|it| it.answer.is_ok() && !is_new(it)).map(|it| it.due).max()?;
    asked.iter().filter(is_new).filter(|it| it.due > last_old).map(|it| it.done).min()
}

/// From good answer to good answer of a service, and from the first request to the first and from the last good
/// answer to the last request.
fn pause(asked: &[Asked]) -> Duration {
    let mut times: BTreeMap<u16, Vec<Instant>> = BTreeMap::new();
    for it in asked {
        let times = times.entry(it.port).or_default();
        if it.answer.is_ok() {
            times.push(it.done);
        }
    }
    let (first, last) = (asked.iter().map(|it| it.due).min(), asked.iter().map(|it| it.due).max());
    let pauses = times.into_values().filter_map(|mut times| {
        times.extend(first);
        times.extend(last);
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1] - pair[0]).max()
    });
    pauses.max().unwrap_or_default()
}

/// Kept connections that are free, by port.
type Kept = Rc<RefCell<BTreeMap<u16, Vec<Connection>>>>;

async fn ask_all(ports: &[u16], ended: &AtomicBool) -> Vec<Asked> {
    let (kept, mut asking, mut all) = (Kept::default(), JoinSet::new(), Vec::new());
    let (begin, pace) = (Instant::now(), Duration::from_secs(1) / RATE);
    for (number, port) in (0_u32..).zip(ports.iter().cycle()) {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let due = begin + pace * number;
        sleep_until(due.into()).await;
        // In every second turn the services are asked on new connections.
        let turn = number as usize / ports.len();
        let keep = if turn.is_multiple_of(2) { Keep::Alive } else { Keep::Close };
        asking.spawn_local(one(*port, keep, due, kept.clone()));
        while let Some(done) = asking.try_join_next() {
            all.extend(done);
        }
    }
    while let Some(done) = asking.join_next().await {
        all.extend(done);
    }
    all
}

async fn one(port: u16, keep: Keep, due: Instant, kept: Kept) -> Asked {
    let answer = match timeout(PATIENCE, answer(port, keep, &kept)).await {
        Ok(Ok(version)) => Ok(version),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    Asked { port, due, done: Instant::now(), answer }
}

async fn answer(port: u16, keep: Keep, kept: &Kept) -> io::Result<String> {
    let request = request("/", keep);
    let free = (keep == Keep::Alive).then(|| kept.borrow_mut().get_mut(&port)?.pop()).flatten();
    if let Some(mut connection) = free {
        let head = connection.ask(&request).await;
        // A server may close a kept connection between two requests: every client asks again then.
        if head.is_ok() || !connection.is_untouched() {
            return finish(port, keep, connection, head?, kept);
        }
    }
    let mut connection = Connection::open(local(port)).await?;
    let head = connection.ask(&request).await?;
    finish(port, keep, connection, head, kept)
}

fn finish(
    port: u16,
    keep: Keep,
    connection: Connection,
    head: crate::http1::Head,
    kept: &Kept,
) -> io::Result<String> {
    let body = connection.body(head);
    if keep == Keep::Alive && !head.close {
        kept.borrow_mut().entry(port).or_default().push(connection);
    }
    if head.status == 200 { Ok(body) } else { Err(io::Error::other(format!("status {}", head.status))) }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Duration, Instant, Seen, settled};

    fn asked(begin: Instant, port: u16, due: u64, done: u64, answer: Result<&str, &str>) -> Asked {
        let at = |ms| begin + Duration::from_millis(ms);
        let answer = answer.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
        Asked { port, due: at(due), done: at(done), answer }
    }

    #[test]
    fn a_pause_is_that_of_one_service_and_ends_with_its_next_good_answer() {
        let begin = Instant::now();
        let all = [
            asked(begin, 1, 0, 1, Ok("v1")),
            asked(begin, 2, 0, 1, Ok("v1")),
            asked(begin, 2, 10, 11, Err("reset")),
            asked(begin, 1, 20, 21, Ok("v1")),
            asked(begin, 2, 20, 100, Ok("v2")),
            asked(begin, 1, 100, 101, Ok("v2")),
        ];
        let seen = Seen::of(&all);
        assert_eq!((seen.asked, seen.failed, seen.reasons["reset"]), (6, 1, 1));
        assert_eq!((seen.pause, seen.slowest), (Duration::from_millis(99), Duration::from_millis(80)));
        assert_eq!(settled(&all, "v2"), Some(begin + Duration::from_millis(101)));
    }
}
