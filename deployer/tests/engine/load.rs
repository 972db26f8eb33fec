//! Clients that ask all along, each as a real one would, and count everything that they would have noticed.
//!
//! A kept connection may be closed by its server between two requests; every real client repeats a GET that was not
//! answered at all on such a connection. That is counted apart. Nothing else is ever repeated.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What the clients saw.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers as they should be, by client.
    pub good: BTreeMap<&'static str, u64>,
    /// Everything else, by client and reason.
    pub bad: BTreeMap<String, u64>,
    /// GETs that found their kept connection closed and were repeated.
    pub repeated: u64,
    /// The longest time in which no GET on a kept connection was answered.
    pub gap: Duration,
    last: Option<Instant>,
}

/// Which clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Kept and new connections, and uploads: little enough for a test that is about something else.
    Light,
    /// Besides, more of them, requests that take 2 s, and upgraded streams that stay open for 1.5 s.
    Full,
}

/// Clients at work, in a thread of their own.
pub struct Load {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
    tally: Arc<Mutex<Tally>>,
}

/// Nobody waits longer than this for an answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long an upgraded stream stays open: the drain time covers it.
const STREAM: Duration = Duration::from_millis(1500);

type Sender = SendRequest<Full<Bytes>>;

impl Load {
    /// Begins to ask at that port, and returns when the first answers are there.
    pub fn start(port: u16, mix: Mix) -> Self {
        let (stop, stopped) = watch::channel(false);
        let tally = Arc::new(Mutex::new(Tally::default()));
        let client = Client { port, tally: Arc::clone(&tally), stopped };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(client.all(mix));
        });
        let this = Self { stop, thread, tally };
        crate::scenario::eventually("the clients get answers", Duration::from_secs(10), || {
            !this.tally.lock().unwrap().good.is_empty()
        });
        this
    }

    /// Lets every client finish what it is doing, and says what they saw.
    pub fn end(self) -> Tally {
        self.stop.send_replace(true);
        self.thread.join().unwrap();
        std::mem::take(&mut *self.tally.lock().unwrap())
    }
}

impl Tally {
    /// Fails when any client noticed anything.
    #[track_caller]
    pub fn assert_unnoticed(&self, what: &str) {
        assert!(self.bad.is_empty() && !self.good.is_empty(), "{what}: clients noticed: {self}");
    }

    fn answered(&mut self, client: &'static str) {
        *self.good.entry(client).or_default() += 1;
        if client == "kept" {
            let now = Instant::now();
            if let Some(last) = self.last.replace(now) {
                self.gap = self.gap.max(now - last);
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad): (u64, u64) = (self.good.values().sum(), self.bad.values().sum());
        write!(f, "{good} answers {:?}, {bad} failures {:?}, ", self.good, self.bad)?;
        write!(f, "{} repeated, longest gap {} ms", self.repeated, self.gap.as_millis())
    }
}

#[derive(Clone)]
struct Client {
    port: u16,
    tally: Arc<Mutex<Tally>>,
    stopped: watch::Receiver<bool>,
}

impl Client {
    async fn all(self, mix: Mix) {
        let mut clients = JoinSet::new();
        let full = mix == Mix::Full;
        // Between two requests of one client, in milliseconds.
        let pace = |number: u64| Duration::from_millis(if full { 10 + number } else { 30 + number });
        for number in 0..if full { 4 } else { 2 } {
            clients.spawn(self.clone().kept(pace(number)));
        }
        clients.spawn(self.clone().new_connections(pace(10)));
        clients.spawn(self.clone().uploads(pace(15)));
        if full {
            clients.spawn(self.clone().uploads(pace(20)));
            for number in 0..4 {
                clients.spawn(self.clone().slow(Duration::from_millis(500 * number)));
                clients.spawn(self.clone().streams(Duration::from_millis(300 * number)));
            }
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    }

    fn goes_on(&self) -> bool {
        !*self.stopped.borrow()
    }

    fn note(&self, client: &'static str, result: Result<(), String>) {
        let mut tally = self.tally.lock().unwrap();
        match result {
            Ok(()) => tally.answered(client),
            Err(reason) => *tally.bad.entry(format!("{client}: {reason}")).or_default() += 1,
        }
    }

    async fn kept(self, pace: Duration) {
        let mut connection = None;
        while self.goes_on() {
            let reused = connection.is_some();
            let mut result = self.get(&mut connection, "/").await;
            if let Err(Broken { unanswered: true, .. }) = result
                && reused
            {
                self.tally.lock().unwrap().repeated += 1;
                connection = None;
                result = self.get(&mut connection, "/").await;
            }
            if result.is_err() {
                connection = None;
            }
            self.note("kept", result.map(drop).map_err(|broken| broken.reason));
            sleep(pace).await;
        }
    }

    async fn new_connections(self, pace: Duration) {
        while self.goes_on() {
            let result = self.get(&mut None, "/").await;
            self.note("new", result.map(drop).map_err(|broken| broken.reason));
            sleep(pace).await;
        }
    }

    async fn slow(self, offset: Duration) {
        sleep(offset).await;
        while self.goes_on() {
            let result = self.get(&mut None, "/slow?ms=2000").await;
            self.note("slow", result.map(drop).map_err(|broken| broken.reason));
        }
    }

    /// Bodies that must come back equal, byte for byte.
    async fn uploads(self, pace: Duration) {
        let (mut connection, mut count) = (None, 0_usize);
        while self.goes_on() {
            count += 1;
            let size = 1 + count * 7919 % 40_000;
            let body: Bytes = (0..size).map(|at| ((at * 31 + count) % 251) as u8).collect();
            let request =
                Request::post("/echo").header("host", "test").body(Full::new(body.clone())).unwrap();
            let result = match self.ask(&mut connection, request).await {
                Ok(answer) if answer == body => Ok(()),
                Ok(answer) => Err(format!("{size} bytes came back as {} others", answer.len())),
                Err(broken) => Err(broken.reason),
            };
            if result.is_err() {
                connection = None;
            }
            self.note("upload", result);
            sleep(pace).await;
        }
    }

    async fn streams(self, offset: Duration) {
        sleep(offset).await;
        while self.goes_on() {
            let result = timeout(PATIENCE, self.stream()).await.unwrap_or_else(|_| Err("no end".into()));
            self.note("stream", result);
        }
    }

    async fn stream(&self) -> Result<(), String> {
        let mut sender = self.connect().await.map_err(|broken| broken.reason)?;
        let request = Request::get("/ws").header("host", "test").header("connection", "upgrade");
        let request = request.header("upgrade", "echo").body(Full::default()).unwrap();
        let answer = sender.send_request(request).await.map_err(|error| spell("upgrade", &error))?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(format!("status {} for an upgrade", answer.status().as_u16()));
        }
        let upgraded = hyper::upgrade::on(answer).await.map_err(|error| spell("upgrade", &error))?;
        let mut stream = TokioIo::new(upgraded);
        let (until, mut count) = (Instant::now() + STREAM, 0_u32);
        while Instant::now() < until {
            count += 1;
            let (sent, mut back) = (count.to_le_bytes(), [0; 4]);
            stream.write_all(&sent).await.map_err(|error| format!("open stream: {}", error.kind()))?;
            stream.read_exact(&mut back).await.map_err(|error| format!("open stream: {}", error.kind()))?;
            if sent != back {
                return Err("a stream gave back something else".into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn get(&self, connection: &mut Option<Sender>, path: &str) -> Result<Bytes, Broken> {
        let request = Request::get(path).header("host", "test").body(Full::default()).unwrap();
        let body = self.ask(connection, request).await?;
        if body.starts_with(b"v") {
            return Ok(body);
        }
        Err(Broken { reason: "an answer without a version".into(), unanswered: false })
    }

    async fn ask(
        &self,
        connection: &mut Option<Sender>,
        request: Request<Full<Bytes>>,
    ) -> Result<Bytes, Broken> {
        let exchange = async {
            let mut sender = match connection.take().filter(|sender| !sender.is_closed()) {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            let answer = sender.send_request(request).await.map_err(|error| Broken {
                unanswered: error.is_canceled() || error.is_incomplete_message() || is_reset(&error),
                reason: spell("request", &error),
            })?;
            let status = answer.status();
            let closes = answer.headers().get("connection").is_some_and(|value| value == "close");
            let body = answer.into_body().collect().await;
            let body =
                body.map_err(|error| Broken { reason: spell("body", &error), unanswered: false })?.to_bytes();
            if status != StatusCode::OK {
                let reason = format!("status {}", status.as_u16());
                return Err(Broken { reason, unanswered: false });
            }
            *connection = Some(sender).filter(|_| !closes);
            Ok(body)
        };
        let late = Broken { reason: "no answer in time".into(), unanswered: false };
        timeout(PATIENCE, exchange).await.unwrap_or(Err(late))
    }

    async fn connect(&self) -> Result<Sender, Broken> {
        let broken = |reason: String| Broken { reason, unanswered: false };
        let stream = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .map_err(|error| broken(format!("connect: {}", error.kind())))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| broken(spell("handshake", &error)))?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }
}

struct Broken {
    reason: String,
    /// Not a byte of an answer came, and the connection is gone.
    unanswered: bool,
}

fn is_reset(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            return matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
            );
        }
        source = cause.source();
    }
    false
}

fn spell(what: &str, error: &hyper::Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
