//! What a front counts, for each release and color, and how Prometheus reads it.
//! Must never take a lock for a request, nor keep what belonged to releases that are long gone.

mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use crate::admin::Route;
pub(crate) use text::serve;

/// Upper bounds of the histogram's buckets, in milliseconds.
const BOUNDS: [u64; 12] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000];
/// Releases that are remembered, the one in force among them.
const KEPT: usize = 4;

/// A number that only grows, or goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn one_less(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was counted for one release and color.
#[derive(Debug, Default)]
pub(crate) struct Series {
    release: Option<u64>,
    color: String,
    /// From 1xx to 5xx.
    classes: [Count; 5],
    /// The last one is for what took longer than every bound.
    buckets: [Count; BOUNDS.len() + 1],
    micros: Count,
    pub(crate) in_flight: Count,
    /// Connects that failed, after which another replica was tried.
    pub(crate) connects: Count,
    /// Requests that were sent again, because a connection was lost.
    pub(crate) repeats: Count,
    /// Bytes from clients and to them: bodies, upgraded streams and TCP connections.
    pub(crate) received: Count,
    pub(crate) sent: Count,
}

impl Series {
    /// A request was answered, its head so long after it had come.
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, self.classes.len());
        self.classes[class - 1].add(1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= bound * 1000);
        self.buckets[bucket.unwrap_or(BOUNDS.len())].add(1);
        self.micros.add(micros);
    }
}

/// Connections of clients, by what they carry.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    pub(crate) open: Count,
    pub(crate) total: Count,
}

impl Connections {
    pub(crate) fn enter(&self) -> Open<'_> {
        self.open.add(1);
        self.total.add(1);
        Open(self)
    }
}

/// A connection is open until this is dropped.
#[derive(Debug)]
pub(crate) struct Open<'a>(&'a Connections);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.one_less();
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    service: String,
    pub(crate) http: Connections,
    pub(crate) tcp: Connections,
    /// Requests and connections that had to wait for a target, and those that do.
    pub(crate) held: Connections,
    pub(crate) switches: Count,
    pub(crate) drains: Count,
    /// Drains that had something left when their time was over.
    pub(crate) cut_short: Count,
    /// What no route is to be blamed for.
    unrouted: Arc<Series>,
    /// The newest is the last one.
    series: Mutex<Vec<Arc<Series>>>,
}

impl Metrics {
    pub(crate) fn new(service: &str) -> Self {
        Self { service: service.to_owned(), ..Self::default() }
    }

    pub(crate) fn unrouted(&self) -> &Arc<Series> {
        &self.unrouted
    }

    /// The series of a route that comes in force; the oldest ones are forgotten.
    pub(crate) fn of(&self, route: &Route) -> Arc<Series> {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().position(|s| s.release == Some(route.release) && s.color == route.color);
        let series = match known {
            Some(index) => all.remove(index),
            None => {
                let (release, color) = (Some(route.release), route.color.clone());
                Arc::new(Series { release, color, ..Series::default() })
            }
        };
        all.push(Arc::clone(&series));
        let old = all.len().saturating_sub(KEPT);
        all.drain(..old);
        series
    }

    fn all(&self) -> Vec<Arc<Series>> {
        let kept = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().chain([&self.unrouted]).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(release: u64) -> Route {
        Route { release, color: "blue".to_owned(), targets: Vec::new() }
    }

    #[test]
    fn old_releases_are_forgotten_and_a_rollback_goes_on_counting() {
        let metrics = Metrics::new("web");
        metrics.of(&route(1)).answered(StatusCode::OK, Duration::ZERO);
        for release in [2, 1] {
            metrics.of(&route(release));
        }
        assert_eq!(metrics.of(&route(1)).classes[1].get(), 1);
        for release in 10..50 {
            metrics.of(&route(release));
        }
        let left: Vec<_> = metrics.all().iter().map(|s| s.release).collect();
        assert_eq!(left, [Some(46), Some(47), Some(48), Some(49), None]);
    }

    #[test]
    fn a_request_is_in_the_bucket_of_its_time() {
        let series = Series::default();
        for (micros, bucket) in [(0, 0), (1000, 0), (1001, 1), (5000, 1), (99_999, 5), (60_000_001, 12)] {
            let before = series.buckets[bucket].get();
            series.answered(StatusCode::NOT_FOUND, Duration::from_micros(micros));
            assert_eq!(series.buckets[bucket].get(), before + 1, "{micros}");
        }
        assert_eq!(series.classes[3].get(), 6);
    }
}
