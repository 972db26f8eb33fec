//! The route table: which targets are live, and who still uses those that were.
//! Must never let an exchange be uncounted: it is claimed under the lock that reads the table.

pub(crate) mod persist;
mod target;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use crate::admin::{Route, Status};
use crate::http::Upstream;
use crate::metrics::{Metrics, Open, Series};
pub(crate) use target::{Endpoint, Target, Use};

/// How often idle upstream connections are looked at, while there are any.
const SWEEP: Duration = Duration::from_secs(1);

/// Shared by everything that serves.
#[derive(Debug)]
pub(crate) struct Table {
    inner: Mutex<Inner>,
    /// A target became usable, or the route changed.
    changed: Notify,
    /// Something ended that used a target of an earlier route.
    released: Notify,
    metrics: Arc<Metrics>,
    total: AtomicU64,
    ports: Vec<u16>,
    /// Idle connections for each target and port.
    idle: usize,
    /// An upstream connection became idle.
    parked: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    route: Option<Route>,
    live: Vec<Arc<Target>>,
    /// Where exchanges with the live targets are counted.
    series: Arc<Series>,
    /// Targets of earlier routes that are still in use.
    earlier: Vec<Arc<Target>>,
    /// Where the search starts among equals.
    turn: usize,
}

/// No target was live in time.
#[derive(Debug)]
pub(crate) struct NoTarget;

impl Table {
    pub(crate) fn new(ports: Vec<u16>, idle: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            inner: Mutex::default(),
            changed: Notify::new(),
            released: Notify::new(),
            metrics,
            total: AtomicU64::new(0),
            ports,
            idle,
            parked: Notify::new(),
        }
    }

    /// A poisoned lock still guards a whole table: every change is a few plain assignments.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Puts the route of an earlier life in force; nothing goes to its targets before they were checked.
    pub(crate) fn restore(&self, route: Route) -> Vec<Arc<Target>> {
        let live: Vec<_> =
            route.targets.iter().map(|name| Arc::new(Target::new(name, &self.ports, false))).collect();
        let mut inner = self.lock();
        inner.series = self.metrics.of(&route);
        inner.route = Some(route);
        inner.live.clone_from(&live);
        live
    }

    /// From here on every new claim is for this route; answers the one before. Targets that stay keep their count and their connections.
    pub(crate) fn switch(&self, route: Route) -> Option<Route> {
        let mut inner = self.lock();
        let known: Vec<_> = inner.live.iter().chain(&inner.earlier).cloned().collect();
        let live: Vec<_> = route
            .targets
            .iter()
            .map(|name| known.iter().find(|t| t.name() == name).cloned())
            .zip(&route.targets)
            .map(|(known, name)| known.unwrap_or_else(|| Arc::new(Target::new(name, &self.ports, true))))
            .collect();
        let stays = |target: &Arc<Target>| live.iter().any(|t| Arc::ptr_eq(t, target));
        let left: Vec<_> = known.iter().filter(|t| !stays(t)).cloned().collect();
        live.iter().for_each(|t| t.revive());
        left.iter().for_each(|t| t.retire());
        inner.earlier = left.into_iter().filter(|t| t.in_flight() > 0).collect();
        inner.live = live;
        inner.series = self.metrics.of(&route);
        self.metrics.switches.add(1);
        let previous = inner.route.replace(route);
        drop(inner);
        self.changed.notify_waiters();
        previous
    }

    /// Claims the live target that is used least for the port with this index.
    pub(crate) fn claim(
        self: &Arc<Self>,
        port: usize,
        used: Use,
        avoid: Option<&Arc<Target>>,
    ) -> Option<Claim> {
        let mut inner = self.lock();
        let target = inner.least(port, avoid)?;
        target.enter(used);
        let series = Arc::clone(&inner.series);
        drop(inner);
        Some(self.claimed(target, port, used, series))
    }

    /// Claims, and waits for a target until the deadline while none is live.
    pub(crate) async fn claim_by(
        self: &Arc<Self>,
        port: usize,
        used: Use,
        avoid: Option<&Arc<Target>>,
        deadline: Instant,
    ) -> Result<Claim, NoTarget> {
        if let Some(claim) = self.claim(port, used, avoid) {
            return Ok(claim);
        }
        // In a box, because it is rare and every connection has room for what a request may need.
        Box::pin(self.when_live(deadline, || self.claim(port, used, None))).await
    }

    /// A target to connect to before it is known whether anything will be exchanged; it is not counted.
    pub(crate) async fn candidate_by(&self, port: usize, deadline: Instant) -> Result<Arc<Target>, NoTarget> {
        self.when_live(deadline, || self.lock().least(port, None)).await
    }

    /// Counts a connection with a candidate, unless the route has left it meanwhile.
    pub(crate) fn confirm(self: &Arc<Self>, target: &Arc<Target>, port: usize) -> Option<Claim> {
        let inner = self.lock();
        if !inner.live.iter().any(|t| Arc::ptr_eq(t, target)) {
            return None;
        }
        let used = Use::Connection;
        target.enter(used);
        let series = Arc::clone(&inner.series);
        drop(inner);
        Some(self.claimed(Arc::clone(target), port, used, series))
    }

    fn claimed(self: &Arc<Self>, target: Arc<Target>, port: usize, used: Use, series: Arc<Series>) -> Claim {
        self.total.fetch_add(1, Ordering::Relaxed);
        series.in_flight.add(1);
        Claim { target, port, used, series, table: Arc::clone(self) }
    }

    /// Ends when the route has left this target.
    pub(crate) async fn left(&self, target: &Target) {
        loop {
            let changed = self.changed.notified();
            if target.is_retired() {
                return;
            }
            changed.await;
        }
    }

    async fn when_live<T>(&self, deadline: Instant, attempt: impl Fn() -> Option<T>) -> Result<T, NoTarget> {
        let mut held: Option<Open<'_>> = None;
        loop {
            let changed = self.changed.notified();
            if let Some(found) = attempt() {
                return Ok(found);
            }
            held.get_or_insert_with(|| self.metrics.held.enter());
            timeout_at(deadline, changed).await.map_err(|_| NoTarget)?;
        }
    }

    /// Waits until no exchange is in flight to a target that is not live; answers how many are left. TCP connections
    /// are not waited for: nobody knows what they carry, so the replica itself must be told to end them.
    pub(crate) async fn drain(&self, limit: Duration) -> u64 {
        let deadline = Instant::now() + limit;
        loop {
            let released = self.released.notified();
            let remaining = self.lock().remaining();
            if remaining == 0 || timeout_at(deadline, released).await.is_err() {
                self.metrics.drains.add(1);
                self.metrics.cut_short.add(u64::from(remaining > 0));
                return remaining;
            }
        }
    }

    /// A target answers (again): who waits may go on.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    pub(crate) fn status(&self) -> Status {
        let inner = self.lock();
        Status {
            route: inner.route.clone(),
            targets: inner.live.iter().map(|t| t.status()).collect(),
            in_flight: inner.live.iter().chain(&inner.earlier).map(|t| t.in_flight()).sum(),
            held: self.metrics.held.open.get(),
            total: self.total.load(Ordering::Relaxed),
        }
    }

    /// Drops upstream connections that were idle for too long or closed by the target; ends never, and sleeps while
    /// there are none.
    pub(crate) async fn sweep(&self, limit: Duration) {
        loop {
            self.parked.notified().await;
            let mut left = 1;
            while left > 0 {
                sleep(SWEEP).await;
                let live = self.lock().live.clone();
                left = live.iter().map(|t| t.sweep(limit)).sum();
            }
        }
    }
}

impl Inner {
    fn least(&mut self, port: usize, avoid: Option<&Arc<Target>>) -> Option<Arc<Target>> {
        let count = self.live.len();
        let start = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let usable = || {
            (0..count)
                .map(|i| &self.live[(start.wrapping_add(i)) % count])
                .filter(|t| t.endpoint(port).is_some_and(Endpoint::is_healthy))
        };
        let other = |t: &&Arc<Target>| avoid.is_none_or(|a| !Arc::ptr_eq(a, t));
        usable().filter(other).min_by_key(|t| t.in_flight()).or_else(|| usable().next()).cloned()
    }

    fn remaining(&mut self) -> u64 {
        self.earlier.retain(|t| t.in_flight() > 0);
        self.earlier.iter().map(|t| t.exchanges()).sum()
    }
}

/// The right to use a target; it counts as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    target: Arc<Target>,
    port: usize,
    used: Use,
    series: Arc<Series>,
    table: Arc<Table>,
}

impl Claim {
    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Where what happens is counted.
    pub(crate) fn series(&self) -> &Arc<Series> {
        &self.series
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.target.endpoint(self.port).expect("a claim is made for a port of the table")
    }
}

impl Claim {
    /// The connection can be used again.
    pub(crate) fn park(&self, upstream: Box<Upstream>) {
        if self.endpoint().pool().put(upstream, self.table.idle) {
            self.table.parked.notify_one();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.series.in_flight.one_less();
        if self.target.leave(self.used) {
            self.table.released.notify_waiters();
        }
    }
}
