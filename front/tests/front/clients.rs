//! Clients that repeat nothing, over kept and new connections and HTTP/2.
//! Must never count a request as answered whose answer is not as it should be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::setup::eventually;

/// Clients that repeat nothing: every request that is not answered as it should be is a failure.
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: JoinSet<Result<(), String>>,
}

impl Load {
    pub fn start(address: SocketAddr) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut clients = JoinSet::new();
        for number in 0..12 {
            let client = Client { address, kept: number % 3 != 0, posts: number % 2 == 0 };
            clients.spawn(client.run(Arc::clone(&stop), Arc::clone(&done)));
        }
        for _ in 0..2 {
            clients.spawn(http2(address, Arc::clone(&stop), Arc::clone(&done)));
        }
        Self { stop, done, clients }
    }

    pub async fn more(&self, count: u64) {
        let goal = self.done.load(Ordering::Relaxed) + count;
        eventually(|| async { self.done.load(Ordering::Relaxed) >= goal }).await;
    }

    /// How many were answered, and how clients failed.
    pub async fn end(mut self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            failures.extend(client.unwrap().err());
        }
        (self.done.load(Ordering::Relaxed), failures)
    }
}

#[derive(Clone, Copy)]
pub struct Client {
    pub address: SocketAddr,
    pub kept: bool,
    pub posts: bool,
}

impl Client {
    async fn run(self, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Result<(), String> {
        let mut connection = None;
        while !stop.load(Ordering::Relaxed) {
            let asked = timeout(Duration::from_secs(10), self.ask(&mut connection)).await;
            asked.map_err(|_| "no answer in time".to_owned())??;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub async fn ask(self, connection: &mut Option<SendRequest<Full<Bytes>>>) -> Result<(), String> {
        let mut sender = match connection.take() {
            Some(sender) => sender,
            None => open(self.address).await?,
        };
        let body = if self.posts { Bytes::from("a body".repeat(500)) } else { Bytes::new() };
        let request = if self.posts { Request::post("/echo") } else { Request::get("/") };
        let request = request.header("host", "web").body(Full::new(body.clone())).unwrap();
        let answer = sender.send_request(request).await.map_err(|e| format!("{self}: {e:?}"))?;
        let (status, closes) = (answer.status(), answer.headers().get("connection").cloned());
        let text = answer.into_body().collect().await.map_err(|e| format!("{self}: {e:?}"))?.to_bytes();
        if status != StatusCode::OK || (self.posts && text != body) {
            return Err(format!("{self}: {status}, {} bytes", text.len()));
        }
        *connection = Some(sender).filter(|_| self.kept && closes.is_none_or(|value| value != "close"));
        Ok(())
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "kept: {}, posts: {}", self.kept, self.posts)
    }
}

/// What was not sent, or was given back as not looked at, is asked again: that is how a connection of HTTP/2 ends.
async fn http2(address: SocketAddr, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Result<(), String> {
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let mut sender = match connection.take() {
            Some(sender) => sender,
            None => open_http2(address).await?,
        };
        if sender.ready().await.is_err() {
            continue;
        }
        let request = Request::post("http://web/echo").body(Full::from("a body")).unwrap();
        let answer = match sender.try_send_request(request).await {
            Ok(answer) => answer,
            Err(mut e) => match e.take_message() {
                Some(_) => continue,
                None => return Err(format!("HTTP/2: {:?}", e.into_error())),
            },
        };
        let status = answer.status();
        let text = answer.into_body().collect().await.map_err(|e| format!("HTTP/2: {e:?}"))?.to_bytes();
        if status != StatusCode::OK || text != "a body" {
            return Err(format!("HTTP/2: {status}, {text:?}"));
        }
        done.fetch_add(1, Ordering::Relaxed);
        connection = Some(sender);
    }
    Ok(())
}

type Http2 = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn open_http2(address: SocketAddr) -> Result<Http2, String> {
    let stream = TcpStream::connect(address).await.map_err(|e| format!("connect: {e}"))?;
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|e| format!("{e}"))?;
    tokio::spawn(connection);
    Ok(sender)
}

pub async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(address).await.map_err(|e| format!("connect: {e}"))?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| format!("{e}"))?;
    tokio::spawn(connection);
    Ok(sender)
}
