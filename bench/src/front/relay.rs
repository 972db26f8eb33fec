//! Connections that are relayed as bytes: how many bytes in a second, and what they cost.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::proxies::Kind;
use super::upstream::Upstream;
use super::{DIRECT, ROUNDS, all, length};
use crate::figures::{Figure, Unit};
use crate::parts::Bench;
use crate::process::cpu_seconds;

const CLIENTS: usize = 4;
const WARM_UP: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(15);

/// Those that relay, in turns, and the way without any.
pub fn measure(bench: &Bench, upstream: &Upstream) -> Result<Vec<Figure>> {
    let proxies = all(bench, upstream)?;
    let relays = proxies.iter().filter_map(|it| Some((it.kind.name(), it.tcp?, Some(it.pid()))));
    let servers: Vec<_> = relays.chain([(DIRECT, upstream.tcp, None)]).collect();
    let mut measured: Vec<_> = servers.iter().map(|(name, ..)| Relayed::new(name)).collect();
    for round in 1..=bench.rounds(ROUNDS) {
        eprintln!("relayed connections, round {round} of {}", bench.rounds(ROUNDS));
        for ((_, address, pid), relayed) in servers.iter().zip(&mut measured) {
            let (rate, cost) = receive(*address, *pid, length(bench))?;
            relayed.rate.push(rate);
            relayed.cost.extend(cost);
        }
    }
    Ok(figures(&measured))
}

/// What one server relayed, a value for each round.
struct Relayed {
    name: &'static str,
    rate: Vec<f64>,
    cost: Vec<f64>,
}

impl Relayed {
    fn new(name: &'static str) -> Self {
        Self { name, rate: Vec::new(), cost: Vec::new() }
    }
}

fn figures(measured: &[Relayed]) -> Vec<Figure> {
    let rate = |it: &Relayed| {
        let name = format!("relayed bytes, {}", it.name);
        Figure::values(name, Unit::MegabytesPerSecond, it.rate.clone())
    };
    let cost = |it: &Relayed| {
        let name = format!("relayed bytes: CPU for a gigabyte, {}", it.name);
        (!it.cost.is_empty()).then(|| Figure::values(name, Unit::Milliseconds, it.cost.clone()))
    };
    let mut figures: Vec<_> = measured.iter().map(rate).chain(measured.iter().filter_map(cost)).collect();
    let of = |kind: Kind| measured.iter().find(|it| it.name == kind.name());
    if let (Some(own), Some(other)) = (of(Kind::Front), of(Kind::HaProxy)) {
        figures.push(Figure::ratio("relayed bytes, front by HAProxy", &own.rate, &other.rate));
    }
    let why = "its module for relaying is not in the package that is measured";
    figures.push(Figure::left_out("relayed bytes, nginx", Unit::MegabytesPerSecond, why));
    figures
}

/// Megabytes in a second, and milliseconds of a processor for a gigabyte.
fn receive(address: SocketAddr, pid: Option<u32>, length: Duration) -> Result<(f64, Option<f64>)> {
    let (received, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (received, ended) = (received.clone(), ended.clone());
            std::thread::spawn(move || client(address, &received, &ended))
        })
        .collect();
    let spent = || pid.map(cpu_seconds).transpose();
    std::thread::sleep(WARM_UP);
    let (before, began, cpu) = (received.load(Ordering::Relaxed), Instant::now(), spent()?);
    std::thread::sleep(length);
    let (after, took, spent) = (received.load(Ordering::Relaxed), began.elapsed(), spent()?);
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().map_err(|_| anyhow!("a client ended early"))??;
    }
    let bytes = (after - before) as f64;
    ensure!(bytes > 0.0, "{address} relayed nothing");
    let cost = spent.zip(cpu).map(|(after, before)| (after - before) * 1e3 / (bytes / 1e9));
    Ok((bytes / 1e6 / took.as_secs_f64(), cost))
}

fn client(address: SocketAddr, received: &AtomicU64, ended: &AtomicBool) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = vec![0; 256 * 1024];
    while !ended.load(Ordering::Relaxed) {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "the connection was closed");
        received.fetch_add(count as u64, Ordering::Relaxed);
    }
    Ok(())
}
