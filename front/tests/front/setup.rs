//! A running front, and what asks it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use front::admin::{AdminClient, Command, Reply, Route, Status};
use front::{Front, Limits, Listener, Mode, Options};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::replica::{PORT, Replica};

pub struct Setup {
    pub address: SocketAddr,
    /// Of all listeners.
    pub addresses: Vec<SocketAddr>,
    pub admin: AdminClient,
    pub folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

pub fn options(folder: &TempDir, mode: Mode) -> Options {
    Options {
        service: "web".to_owned(),
        listeners: vec![Listener { port: PORT, mode, loopback: false }],
        hold_ms: 5000,
        trusted_proxies: vec![],
        metrics: None,
        proxy_protocol: vec![],
        state: folder.path().join("state"),
        admin: folder.path().join("admin.sock"),
        program: String::new(),
        made: String::new(),
        limits: Limits { connect_ms: 500, stop_ms: 2000, ..Limits::default() },
    }
}

impl Setup {
    pub async fn new(mode: Mode) -> Self {
        Self::with(mode, |_| {}).await
    }

    pub async fn with(mode: Mode, change: impl FnOnce(&mut Options)) -> Self {
        Self::within(TempDir::new().unwrap(), mode, change).await
    }

    pub async fn within(folder: TempDir, mode: Mode, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = options(&folder, mode);
        change(&mut options);
        let socket = options.admin.clone();
        let mut listeners = Vec::new();
        for _ in &options.listeners {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            listeners.push(socket.listen(4096).unwrap());
        }
        let front = Front::with_listeners(options, listeners).await.unwrap();
        let addresses = front.addresses();
        let address = addresses[0];
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(front.serve(async { _ = stopped.await }));
        let admin = connect(&socket).await;
        Self { address, addresses, admin, folder, stop: Some(stop), running: Some(running) }
    }

    /// A front that forwards to these replicas.
    pub async fn to(mode: Mode, replicas: &[&Replica]) -> Self {
        let setup = Self::new(mode).await;
        setup.switch(1, "blue", replicas).await;
        setup
    }

    pub async fn switch(&self, release: u64, color: &str, replicas: &[&Replica]) -> Option<Route> {
        let targets = replicas.iter().map(|r| r.name()).collect();
        let route = Route { release, color: color.to_owned(), targets };
        match self.admin.call(Command::Switch { route }).await.unwrap() {
            Reply::Switched { previous } => previous,
            other => panic!("{other:?}"),
        }
    }

    pub async fn drain(&self, timeout_ms: u64) -> u64 {
        match self.admin.call(Command::Drain { timeout_ms }).await.unwrap() {
            Reply::Drained { remaining } => remaining,
            other => panic!("{other:?}"),
        }
    }

    pub async fn status(&self) -> Status {
        match self.admin.call(Command::Status).await.unwrap() {
            Reply::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the front closes.
    pub async fn raw(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Ends the front and answers its folder.
    pub async fn stop(mut self) -> TempDir {
        self.stop.take();
        self.running.take().unwrap().await.unwrap();
        self.folder
    }
}

pub async fn connect(socket: &PathBuf) -> AdminClient {
    let (reader, writer) = UnixStream::connect(socket).await.unwrap().into_split();
    AdminClient::new(reader, writer)
}

/// Until it is so; a test that hangs says where.
#[track_caller]
pub fn eventually<F: Future<Output = bool>>(mut check: impl FnMut() -> F) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    let begin = Instant::now();
    async move {
        while !check().await {
            assert!(begin.elapsed() < Duration::from_secs(5), "it never became so: {caller}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
