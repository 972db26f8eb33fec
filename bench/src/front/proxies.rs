//! The proxies as processes of this machine, one worker thread each. They listen on loopback; one must never outlive
//! its measurement.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use front::admin::{self, AdminClient, Reply, Route};
use front::{Limits, Listener, Mode, Options};
use tempfile::TempDir;
use tokio::net::UnixStream;

use super::upstream::Upstream;
use crate::http1::local;
use crate::parts::Bench;
use crate::process::end;
use crate::stack::free_ports;

const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// Which proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Front,
    /// HAProxy.
    HaProxy,
    /// nginx.
    Nginx,
}

impl Kind {
    /// In the order of the report.
    pub const ALL: [Self; 3] = [Self::Front, Self::HaProxy, Self::Nginx];

    /// In the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::HaProxy => "HAProxy",
            Self::Nginx => "nginx",
        }
    }

    /// It can be measured.
    pub fn is_there(self, bench: &Bench) -> bool {
        self.program(bench).is_some()
    }

    fn program(self, bench: &Bench) -> Option<&PathBuf> {
        match self {
            Self::Front => Some(&bench.programs.deployer),
            Self::HaProxy => bench.programs.haproxy.as_ref(),
            Self::Nginx => bench.programs.nginx.as_ref(),
        }
    }
}

/// One at work.
pub struct Proxy {
    /// Which.
    pub kind: Kind,
    /// Where it takes requests.
    pub http: SocketAddr,
    /// Where it relays connections, if it does.
    pub tcp: Option<SocketAddr>,
    /// From its start until it accepted a connection.
    pub started: Duration,
    child: Child,
    _folder: TempDir,
}

impl Proxy {
    /// Starts it, and waits until it answers.
    pub fn start(bench: &Bench, kind: Kind, upstream: &Upstream) -> Result<Self> {
        let folder = TempDir::with_prefix("bench-")?;
        let program = kind.program(bench).with_context(|| format!("{} is not installed", kind.name()))?;
        let mut command = Command::new(program);
        let (http, tcp) = match kind {
            // Its ports are also those of its targets.
            Kind::Front => (upstream.http.port(), upstream.tcp.port()),
            Kind::HaProxy | Kind::Nginx => two_ports()?,
        };
        match kind {
            Kind::Front => front_arguments(&mut command, &folder, http, tcp)?,
            Kind::HaProxy | Kind::Nginx => peer_arguments(&mut command, kind, &folder, upstream, http, tcp)?,
        }
        let began = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{} cannot be run", kind.name()))?;
        let tcp = (kind != Kind::Nginx).then(|| local(tcp));
        let started = Duration::ZERO;
        let mut proxy = Self { kind, http: local(http), tcp, started, child, _folder: folder };
        proxy.await_listening(began)?;
        if kind == Kind::Front {
            proxy.route(upstream)?;
        }
        Ok(proxy)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn await_listening(&mut self, began: Instant) -> Result<()> {
        while std::net::TcpStream::connect(self.http).is_err() {
            ensure!(began.elapsed() < STARTS_WITHIN, "{} does not listen", self.kind.name());
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once: {status}", self.kind.name());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        self.started = began.elapsed();
        Ok(())
    }

    fn route(&self, upstream: &Upstream) -> Result<()> {
        let socket = self._folder.path().join("admin");
        let targets = vec![upstream.http.ip().to_string()];
        let command = admin::Command::Switch { route: Route { release: 1, color: "blue".into(), targets } };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let reply = runtime.block_on(async {
            let (reader, writer) = connected(&socket).await?.into_split();
            anyhow::Ok(AdminClient::new(reader, writer).call(command).await?)
        })?;
        ensure!(matches!(reply, Reply::Switched { .. }), "the front has no route: {reply:?}");
        Ok(())
    }
}

/// The kernel takes connections to its ports a moment before the front takes commands.
async fn connected(socket: &Path) -> Result<UnixStream> {
    let deadline = Instant::now() + STARTS_WITHIN;
    loop {
        match UnixStream::connect(socket).await {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > deadline => return Err(error).context("the front's admin socket"),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        end(self.child.id());
        let _nobody_asks = self.child.wait();
    }
}

fn two_ports() -> Result<(u16, u16)> {
    let ports = free_ports(2)?;
    Ok((ports[0], ports[1]))
}

/// As the deployer runs it, but for the number of threads.
fn front_arguments(command: &mut Command, folder: &TempDir, http: u16, tcp: u16) -> Result<()> {
    let listener = |port, mode| Listener { port, mode, loopback: true };
    let options = Options {
        service: "bench".into(),
        listeners: vec![listener(http, Mode::Auto), listener(tcp, Mode::Tcp)],
        hold_ms: 5000,
        trusted_proxies: Vec::new(),
        state: folder.path().join("state"),
        admin: folder.path().join("admin"),
        program: String::new(),
        made: String::new(),
        metrics: None,
        proxy_protocol: Vec::new(),
        limits: Limits::default(),
    };
    fs::create_dir(folder.path().join("state"))?;
    command.args(["front", "serve", &serde_json::to_string(&options)?]).env("TOKIO_WORKER_THREADS", "1");
    Ok(())
}

fn peer_arguments(
    command: &mut Command,
    kind: Kind,
    folder: &TempDir,
    upstream: &Upstream,
    http: u16,
    tcp: u16,
) -> Result<()> {
    let (text, before): (_, &[&str]) = match kind {
        Kind::Nginx => (include_str!("../peers/nginx.conf"), &["-c"]),
        Kind::Front | Kind::HaProxy => (include_str!("../peers/haproxy.cfg"), &["-db", "-f"]),
    };
    let values = [
        ("{FOLDER}", folder.path().display().to_string()),
        ("{HTTP}", http.to_string()),
        ("{TCP}", tcp.to_string()),
        ("{UPSTREAM}", upstream.http.ip().to_string()),
        ("{UPSTREAM_HTTP}", upstream.http.port().to_string()),
        ("{UPSTREAM_TCP}", upstream.tcp.port().to_string()),
    ];
    let text = values.iter().fold(text.to_owned(), |text, (key, value)| text.replace(key, value));
    let file = folder.path().join("configuration");
    fs::write(&file, text)?;
    command.args(before).arg(file);
    Ok(())
}
