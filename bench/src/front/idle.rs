//! What connections cost that are kept and do nothing: each has asked once and is silent then.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::runtime::{Builder, Runtime};

use super::proxies::{Kind, Proxy};
use super::upstream::Upstream;
use crate::figures::{Figure, Unit};
use crate::http1::{Connection, Keep, request};
use crate::parts::Bench;
use crate::process::memory;

const CONNECTIONS: [usize; 3] = [0, 1_000, 10_000];
const ROUNDS: usize = 3;
/// What was needed for requests only is given back by then.
const SETTLE: Duration = Duration::from_secs(3);

/// Each proxy anew in every round.
pub fn measure(bench: &Bench, upstream: &Upstream) -> Result<Vec<Figure>> {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_there(bench));
    let kinds: Vec<_> = kinds.collect();
    let mut megabytes: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    let mut started: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for round in 1..=bench.rounds(ROUNDS) {
        eprintln!("idle connections, round {round} of {}", bench.rounds(ROUNDS));
        for kind in &kinds {
            let proxy = Proxy::start(bench, *kind, upstream)?;
            started.entry(kind.name()).or_default().push(proxy.started);
            for (count, bytes) in CONNECTIONS.into_iter().zip(with_connections(&proxy)?) {
                megabytes.entry((count, kind.name())).or_default().push(bytes / 1e6);
            }
        }
    }
    let of = |count: usize, name| megabytes.get(&(count, name)).cloned().unwrap_or_default();
    let counts = CONNECTIONS.into_iter().flat_map(|count| kinds.iter().map(move |kind| (count, kind.name())));
    let mut figures: Vec<_> = counts
        .map(|(count, name)| {
            let title = format!("resident memory with {count} idle connections, {name}");
            Figure::values(title, Unit::Megabytes, of(count, name))
        })
        .collect();
    let start = |kind: &Kind| {
        let name = format!("start until a connection is accepted, {}", kind.name());
        Figure::times(name, started.get(kind.name()).map_or(&[], Vec::as_slice))
    };
    figures.extend(kinds.iter().map(start));
    Ok(figures)
}

/// Resident bytes at each number of connections.
fn with_connections(proxy: &Proxy) -> Result<Vec<f64>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut open = Vec::new();
    let mut resident = Vec::new();
    for count in CONNECTIONS {
        connect(&runtime, proxy.http, count, &mut open)
            .with_context(|| format!("{} with {count} connections", proxy.kind.name()))?;
        std::thread::sleep(SETTLE);
        let memory = memory(proxy.pid()).context("the proxy has ended")?;
        resident.push(memory.resident as f64);
    }
    Ok(resident)
}

fn connect(runtime: &Runtime, address: SocketAddr, count: usize, open: &mut Vec<Connection>) -> Result<()> {
    let request = request("/16", Keep::Alive);
    runtime.block_on(async {
        while open.len() < count {
            let mut connection = Connection::open(address).await?;
            let head = connection.ask(&request).await?;
            ensure!(head.status == 200, "answered {head:?}");
            connection.rest();
            open.push(connection);
        }
        Ok(())
    })
}
