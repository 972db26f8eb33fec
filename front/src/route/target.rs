//! One replica: its name, how much it is used, and what is known about each of its ports.
//! Must never mix ports: one that nothing listens on says nothing about the others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::admin;
use crate::http::Pool;
use crate::resolve::Name;

/// A replica.
#[derive(Debug)]
pub(crate) struct Target {
    name: Name,
    in_flight: AtomicU64,
    /// The route has left it.
    retired: AtomicBool,
    endpoints: Vec<Endpoint>,
}

/// One port of a replica.
#[derive(Debug)]
pub(crate) struct Endpoint {
    port: u16,
    healthy: AtomicBool,
    pool: Pool,
}

impl Target {
    pub(crate) fn new(name: &str, ports: &[u16], healthy: bool) -> Self {
        let endpoint =
            |port: &u16| Endpoint { port: *port, healthy: AtomicBool::new(healthy), pool: Pool::default() };
        Self {
            name: Name::new(name),
            in_flight: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            endpoints: ports.iter().map(endpoint).collect(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(crate) fn resolver(&self) -> &Name {
        &self.name
    }

    pub(crate) fn endpoint(&self, index: usize) -> Option<&Endpoint> {
        self.endpoints.get(index)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
    }

    /// True when someone may wait for this.
    pub(super) fn leave(&self) -> bool {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.is_retired()
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Its idle connections are of no use any more.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        self.endpoints.iter().for_each(|e| e.pool.close());
    }

    /// It is live again after it had been left; whoever says so has checked it.
    pub(super) fn revive(&self) {
        if self.retired.swap(false, Ordering::SeqCst) {
            for endpoint in &self.endpoints {
                endpoint.pool.open();
                endpoint.recover();
            }
        }
    }

    pub(super) fn sweep(&self, limit: Duration) -> usize {
        self.endpoints.iter().map(|e| e.pool.sweep(limit)).sum()
    }

    pub(super) fn status(&self) -> admin::Target {
        let down: Vec<u16> = self.endpoints.iter().filter(|e| !e.is_healthy()).map(|e| e.port).collect();
        admin::Target {
            name: self.name().to_owned(),
            healthy: self.endpoints.is_empty() || down.len() < self.endpoints.len(),
            in_flight: self.in_flight(),
            down,
        }
    }
}

impl Endpoint {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::SeqCst)
    }

    /// True for the one who noticed first.
    pub(crate) fn eject(&self) -> bool {
        self.healthy.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn recover(&self) {
        self.healthy.store(true, Ordering::SeqCst);
    }
}
