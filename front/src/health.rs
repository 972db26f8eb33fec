//! Whether targets answer: checks on demand, and the look at an ejected one until it answers again.
//! Must never ask a target that is well: while nothing is wrong nothing is polled.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use crate::connect;
use crate::limits::RECHECK;
use crate::resolve::Name;
use crate::route::{Table, Target};
use crate::shared::Shared;

/// Whether another try can help after a connect has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing more is sent to that port until it accepts a connection again: the next try is for another one, or waits.
    Ejected,
    /// This machine can make no connections, to nobody.
    Exhausted,
}

/// A connect has failed.
pub(crate) fn suspect(shared: &Arc<Shared>, target: &Arc<Target>, port: usize, error: &io::Error) -> Verdict {
    let ours = connect::is_ours(error);
    let Some(endpoint) = target.endpoint(port).filter(|_| !ours) else {
        tracing::warn!(error = %error, "no connection can be made from here");
        return Verdict::Exhausted;
    };
    if endpoint.eject() {
        tracing::warn!(target = target.name(), port = endpoint.port(), error = %error, "ejected");
        watch(shared, Arc::clone(target), port);
    }
    Verdict::Ejected
}

/// Looks at every port of targets about which nothing is known.
pub(crate) fn watch_all(shared: &Arc<Shared>, targets: &[Arc<Target>]) {
    for target in targets {
        for port in 0..shared.table.ports().len() {
            watch(shared, Arc::clone(target), port);
        }
    }
}

fn watch(shared: &Arc<Shared>, target: Arc<Target>, port: usize) {
    let shared = Arc::clone(shared);
    let stop = shared.stop.clone();
    tokio::spawn(async move { stop.run_until_cancelled(until_well(&shared.table, &target, port)).await });
}

async fn until_well(table: &Table, target: &Target, port: usize) {
    let Some(endpoint) = target.endpoint(port) else { return };
    let (mut pause, longest) = RECHECK;
    while !target.is_retired() && !endpoint.is_healthy() {
        if connect::to_name(target.resolver(), endpoint.port(), longest).await.is_ok() {
            endpoint.recover();
            table.wake();
            tracing::info!(target = target.name(), port = endpoint.port(), "answers");
            return;
        }
        sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

/// Waits until every target accepts a connection on every port.
pub(crate) async fn check(targets: &[String], ports: &[u16], limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    let names: Vec<Name> = targets.iter().map(|t| Name::new(t)).collect();
    let all = names.iter().flat_map(|n| ports.iter().map(move |p| accepts(n, *p, deadline)));
    join_all(all).await.into_iter().collect()
}

async fn accepts(name: &Name, port: u16, deadline: Instant) -> Result<(), String> {
    let (mut pause, longest) = RECHECK;
    let mut last = None;
    let trying = async {
        while let Err(e) = connect::to_name(name, port, longest).await {
            last = Some(e);
            sleep(pause).await;
            pause = (pause * 2).min(longest / 4);
        }
    };
    let answered = timeout_at(deadline, trying).await.is_ok();
    let why = || last.map_or_else(|| "no answer in time".to_owned(), |e| e.to_string());
    if answered { Ok(()) } else { Err(format!("{}:{port} does not answer: {}", name.as_str(), why())) }
}

/// Tries `host:port` once.
pub(crate) async fn probe(address: &str, limit: Duration) -> Result<(), String> {
    let connected = connect::to_address(address, limit).await;
    connected.map(drop).map_err(|e| format!("{address} does not answer: {e}"))
}
