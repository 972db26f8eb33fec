//! One replica: its name, how much it is used, and what is known about each of its ports.
//! Must never mix ports: one that nothing listens on says nothing about the others.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::admin;
use crate::http::Pool;
use crate::resolve::Name;

/// A replica.
#[derive(Debug)]
pub(crate) struct Target {
    name: Name,
    exchanges: AtomicU64,
    connections: AtomicU64,
    /// The route has left it.
    retired: AtomicBool,
    endpoints: Vec<Endpoint>,
}

/// What a target is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// An HTTP exchange, or a stream that one was upgraded to: it has an end that a drain can wait for.
    Exchange,
    /// A TCP connection, which may never end by itself: it lasts until the replica is told to stop.
    Connection,
}

/// One port of a replica.
#[derive(Debug)]
pub(crate) struct Endpoint {
    port: u16,
    healthy: AtomicBool,
    pool: Pool,
    /// It speaks HTTP/2, as far as that is known.
    multiplexes: OnceLock<bool>,
}

impl Target {
    pub(crate) fn new(name: &str, ports: &[u16], healthy: bool) -> Self {
        let endpoint = |port: &u16| Endpoint {
            port: *port,
            healthy: AtomicBool::new(healthy),
            pool: Pool::default(),
            multiplexes: OnceLock::new(),
        };
        Self {
            name: Name::new(name),
            exchanges: AtomicU64::new(0),
            connections: AtomicU64::new(0),
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
        self.exchanges() + self.connections.load(Ordering::SeqCst)
    }

    /// What a drain waits for.
    pub(super) fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::SeqCst)
    }

    fn count(&self, used: Use) -> &AtomicU64 {
        match used {
            Use::Exchange => &self.exchanges,
            Use::Connection => &self.connections,
        }
    }

    pub(super) fn enter(&self, used: Use) {
        self.count(used).fetch_add(1, Ordering::SeqCst);
    }

    /// True when someone may wait for this.
    pub(super) fn leave(&self, used: Use) -> bool {
        self.count(used).fetch_sub(1, Ordering::SeqCst);
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

    pub(crate) fn multiplexes(&self) -> Option<bool> {
        self.multiplexes.get().copied()
    }

    /// The first answer stays: a replica does not change what it runs.
    pub(crate) fn set_multiplexes(&self, answer: bool) {
        self.multiplexes.get_or_init(|| answer);
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
