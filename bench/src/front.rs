//! The front beside other proxies: the same upstream, the same clients, one worker thread each, in turns.

mod closed;
mod idle;
mod paced;
mod proxies;
mod relay;
pub mod upstream;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use crate::figures::{Figure, Unit};
use crate::parts::Bench;
use crate::process::open_many_files;

use proxies::{Kind, Proxy};
use upstream::Upstream;

/// Answers, by name and size.
const SIZES: [(&str, usize); 3] = [("16 bytes", 16), ("1 KiB", 1024), ("100 KiB", 100 * 1024)];
const ROUNDS: usize = 5;
/// Of the slowest proxy's requests in a second, for latencies that are not those of a full queue.
const SHARE: f64 = 0.5;

/// Requests, then connections without requests, then bytes.
pub fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    open_many_files()?;
    let upstream = Upstream::start(bench)?;
    let mut figures = Vec::new();
    for (size, bytes) in SIZES {
        figures.extend(requests(bench, &upstream, size, bytes)?);
    }
    figures.extend(relay::measure(bench, &upstream)?);
    figures.extend(idle::measure(bench, &upstream)?);
    let absent = Kind::ALL.into_iter().filter(|kind| !kind.is_there(bench));
    figures.extend(absent.map(|kind| Figure::left_out(kind.name(), Unit::PerSecond, "it is not installed")));
    Ok(figures)
}

/// Those that are installed, at work.
fn all(bench: &Bench, upstream: &Upstream) -> Result<Vec<Proxy>> {
    let there = Kind::ALL.into_iter().filter(|kind| kind.is_there(bench));
    there.map(|kind| Proxy::start(bench, kind, upstream)).collect()
}

/// How long each measurement of a round takes.
fn length(bench: &Bench) -> Duration {
    if bench.quick { Duration::from_millis(500) } else { Duration::from_secs(3) }
}

/// The measurements of one server, a value for each round.
#[derive(Default)]
struct Rounds {
    rate: Vec<f64>,
    cpu: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// What a figure is called, its unit, and its values.
type Column = (&'static str, Unit, fn(&Rounds) -> &Vec<f64>);

/// Without any proxy, for what the clients and the network take.
const DIRECT: &str = "no proxy";

fn requests(bench: &Bench, upstream: &Upstream, size: &str, bytes: usize) -> Result<Vec<Figure>> {
    let proxies = all(bench, upstream)?;
    let mut servers: Vec<_> = proxies.iter().map(|it| (it.kind.name(), it.http, Some(it.pid()))).collect();
    servers.push((DIRECT, upstream.http, None));
    let mut rounds: BTreeMap<&str, Rounds> = BTreeMap::new();
    let path = format!("/{bytes}");
    for round in 1..=bench.rounds(ROUNDS) {
        eprintln!("answers of {size}, round {round} of {}", bench.rounds(ROUNDS));
        for (name, address, pid) in &servers {
            let measured = closed::measure(*address, &path, bytes, *pid, length(bench))?;
            let of = rounds.entry(name).or_default();
            of.rate.push(measured.rate);
            of.cpu.extend(measured.cpu);
        }
        let slowest = rounds.values().filter_map(|it| it.rate.first()).copied().fold(f64::MAX, f64::min);
        for (name, address, _) in &servers {
            let measured = paced::measure(*address, &path, bytes, slowest * SHARE, length(bench))?;
            let of = rounds.entry(name).or_default();
            of.p50.push(measured.p50);
            of.p99.push(measured.p99);
        }
    }
    Ok(figures(size, &rounds))
}

fn figures(size: &str, rounds: &BTreeMap<&str, Rounds>) -> Vec<Figure> {
    let kinds: [Column; 4] = [
        ("requests/s", Unit::PerSecond, |it| &it.rate),
        ("CPU per request", Unit::Microseconds, |it| &it.cpu),
        ("p50 at half load", Unit::Microseconds, |it| &it.p50),
        ("p99 at half load", Unit::Microseconds, |it| &it.p99),
    ];
    let order = Kind::ALL.map(Kind::name).into_iter().chain([DIRECT]);
    let servers: Vec<_> = order.filter_map(|name| Some((name, rounds.get(name)?))).collect();
    let mut figures = Vec::new();
    for (what, unit, values) in kinds {
        let named = |(name, of): &(&str, &Rounds)| {
            Figure::values(format!("{size}: {what}, {name}"), unit, values(of).clone())
        };
        figures.extend(servers.iter().filter(|(_, of)| !values(of).is_empty()).map(named));
        for peer in [Kind::HaProxy, Kind::Nginx] {
            let (Some(own), Some(other)) = (rounds.get(Kind::Front.name()), rounds.get(peer.name())) else {
                continue;
            };
            let name = format!("{size}: {what}, front by {}", peer.name());
            let ratio = Figure::ratio(name, values(own), values(other));
            figures.push(match (peer, what) {
                (Kind::HaProxy, "requests/s") => ratio.aim_at_least(1.0),
                (Kind::HaProxy, "p99 at half load") => ratio.aim(1.0),
                _ => ratio,
            });
        }
    }
    figures
}
