//! The server behind the proxies: this program again, in a container, because a front's port is also its targets' port
//! and so the two cannot share an address. It must never be slower than what it is there to measure.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::clean::clean_stack;
use crate::images;
use crate::parts::Bench;
use crate::runs::docker;
use crate::stack::free_ports;

const STARTS_WITHIN: Duration = Duration::from_secs(20);
const LARGEST: usize = 1 << 20;
const BLOCK: usize = 256 * 1024;

/// The container.
pub struct Upstream {
    /// Answers `GET /N` with N bytes.
    pub http: SocketAddr,
    /// Sends bytes until the client leaves.
    pub tcp: SocketAddr,
    name: String,
}

impl Upstream {
    /// Starts it, and waits until it answers.
    pub fn start(bench: &Bench) -> Result<Self> {
        let ports = free_ports(2)?;
        let name = format!("{}-upstream", bench.name);
        let container = run(bench, &name, &ports)?;
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address: IpAddr = docker(&["inspect", "--format", format, &container])?.parse()?;
        let upstream = Self { http: (address, ports[0]).into(), tcp: (address, ports[1]).into(), name };
        let deadline = Instant::now() + STARTS_WITHIN;
        while std::net::TcpStream::connect(upstream.tcp).is_err() {
            ensure!(Instant::now() < deadline, "the server behind the proxies does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(upstream)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Err(error) = clean_stack(&self.name) {
            eprintln!("warning: of {} something is left: {error:#}", self.name);
        }
    }
}

/// The image has no libraries: the container sees those that this process uses.
fn run(bench: &Bench, name: &str, ports: &[u16]) -> Result<String> {
    let program = std::env::current_exe()?.canonicalize()?.display().to_string();
    let libraries = libraries()?;
    let loader =
        libraries.iter().find(|path| path.rsplit('/').next().is_some_and(|it| it.starts_with("ld-")));
    let (label, image) =
        (format!("deployer.bench={name}"), format!("{}:{}", images::name(bench), images::tag(1)));
    let mounts: Vec<String> = libraries.iter().map(|path| format!("{path}:{path}:ro")).collect();
    let own = format!("{program}:/bench:ro");
    let mut arguments = vec!["run", "-d", "--label", &label, "--volume", &own];
    arguments.extend(mounts.iter().flat_map(|mount| ["--volume", mount]));
    arguments.extend(["--entrypoint", loader.map_or("/bench", String::as_str), &image]);
    arguments.extend(loader.map(|_| "/bench"));
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    arguments.push("--upstream");
    arguments.extend(ports.iter().map(String::as_str));
    docker(&arguments)
}

fn libraries() -> Result<Vec<String>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    let mut paths: Vec<_> = paths.filter(|path| path.contains(".so")).map(ToOwned::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// Serves until it is killed.
pub fn serve(http: u16, tcp: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let http = TcpListener::bind((Ipv4Addr::UNSPECIFIED, http)).await?;
        let tcp = TcpListener::bind((Ipv4Addr::UNSPECIFIED, tcp)).await?;
        let answers = Rc::new(prepared());
        loop {
            tokio::select! {
                accepted = http.accept() => {
                    drop(tokio::task::spawn_local(answer(accepted?.0, answers.clone())));
                }
                accepted = tcp.accept() => drop(tokio::task::spawn_local(send(accepted?.0))),
            }
        }
    })
}

/// By path; each has its head.
type Answers = BTreeMap<String, Vec<u8>>;

fn prepared() -> Answers {
    let answer = |(_, bytes): &(&str, usize)| (format!("/{bytes}"), prepare((*bytes).min(LARGEST)));
    super::SIZES.iter().map(answer).collect()
}

fn prepare(bytes: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {bytes}\r\n\r\n"
    );
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + bytes, b'x');
    answer
}

async fn answer(mut stream: TcpStream, answers: Rc<Answers>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut filled) = (vec![0; 8192], 0);
    loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => return Ok(()),
            count => filled += count,
        }
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            let path = buffer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            let answer = std::str::from_utf8(path).ok().and_then(|path| answers.get(path));
            stream.write_all(answer.ok_or(io::ErrorKind::InvalidData)?).await?;
            filled = 0;
        }
    }
}

async fn send(mut stream: TcpStream) -> io::Result<()> {
    let block = vec![b'x'; BLOCK];
    loop {
        stream.write_all(&block).await?;
    }
}
