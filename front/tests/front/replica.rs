//! An application behind the front.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Every replica has an address of its own, so all can have the same port.
pub const PORT: u16 = 18080;

pub fn address() -> SocketAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let process = std::process::id().to_be_bytes();
    let host = u8::try_from(NEXT.fetch_add(1, Ordering::Relaxed)).expect("fewer than 255 replicas");
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, process[2] | 1, process[3], host)), PORT)
}

pub fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

#[derive(Default)]
pub struct Seen {
    pub connections: AtomicU64,
    pub requests: AtomicU64,
    pub body_bytes: AtomicU64,
}

/// Answers with its label; see [`answer`] for its paths.
pub struct Replica {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    /// Requests to `/slow` wait for a permit.
    pub slow: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Replica {
    pub fn start(label: &'static str) -> Self {
        Self::start_at(address(), label)
    }

    pub fn start_at(address: SocketAddr, label: &'static str) -> Self {
        let listener = listen(address);
        let app = App { label, seen: Arc::default(), slow: Arc::new(Semaphore::new(0)) };
        let (seen, slow, stop) = (app.seen.clone(), app.slow.clone(), CancellationToken::new());
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, app, stop.clone())));
        Self { address, seen, slow, stop }
    }

    /// A raw server: every connection is given to `serve`.
    pub fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = address();
        let listener = listen(address);
        let (seen, stop) = (Arc::new(Seen::default()), CancellationToken::new());
        let (counted, stopped) = (seen.clone(), stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(stopped.clone().run_until_cancelled_owned(serve(stream)));
            }
        }));
        Self { address, seen, slow: Arc::new(Semaphore::new(0)), stop }
    }

    pub fn name(&self) -> String {
        self.address.ip().to_string()
    }

    pub fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// As when its process dies.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct App {
    label: &'static str,
    seen: Arc<Seen>,
    slow: Arc<Semaphore>,
}

async fn serve(listener: TcpListener, app: App, stop: CancellationToken) {
    while let Ok((stream, _)) = listener.accept().await {
        app.seen.connections.fetch_add(1, Ordering::SeqCst);
        stream.set_nodelay(true).unwrap();
        let app = app.clone();
        let service = service_fn(move |request| answer(app.clone(), request));
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(
            stop.clone().run_until_cancelled_owned(async move { _ = connection.with_upgrades().await }),
        );
    }
}

type Body = BoxBody<Bytes, hyper::Error>;

fn text(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed())
}

async fn answer(app: App, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    app.seen.requests.fetch_add(1, Ordering::SeqCst);
    Ok(match request.uri().path() {
        "/slow" => {
            app.slow.acquire().await.unwrap().forget();
            text(app.label)
        }
        "/echo" => Response::new(request.into_body().boxed()),
        "/headers" => text(dump(&request)),
        "/count" => {
            let mut count = 0;
            while let Some(Ok(frame)) = request.body_mut().frame().await {
                count += frame.data_ref().map_or(0, |d| d.len() as u64);
                app.seen.body_bytes.store(count, Ordering::SeqCst);
            }
            text(format!("{} {count}", app.label))
        }
        "/refuse" => {
            let mut response = text("too much");
            *response.status_mut() = StatusCode::EXPECTATION_FAILED;
            response
        }
        "/upgrade" => upgrade(app, request),
        _ => text(app.label),
    })
}

fn dump(request: &Request<Incoming>) -> String {
    let mut lines = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        lines += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    lines
}

/// Greets, then echoes until the client ends, then says its label and ends.
fn upgrade(app: App, mut request: Request<Incoming>) -> Response<Body> {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let stream = TokioIo::new(upgraded.await.unwrap());
        let (mut reader, mut writer) = tokio::io::split(stream);
        writer.write_all(b"hello ").await.unwrap();
        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        writer.write_all(app.label.as_bytes()).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut response = text("");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("connection", "upgrade".parse().unwrap());
    response.headers_mut().insert("upgrade", "words".parse().unwrap());
    response
}
