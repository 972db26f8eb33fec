//! Counts what the process does, for Prometheus. Labels never carry a name, a path or anything else that clients choose.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The routes that are counted apart; the last one stands for everything else.
pub const ROUTES: [&str; 7] =
    ["/", "/health", "/storage/health", "/data", "/data/{filename}", "/metrics", "other"];
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper bounds in microseconds, beside the text that Prometheus shows them as.
const BUCKETS: [(u64, &str); 11] = [
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
];

struct Route {
    requests: [[AtomicU64; CLASSES.len()]; METHODS.len()],
    within: [AtomicU64; BUCKETS.len()],
    microseconds: AtomicU64,
    answered: AtomicU64,
}

static SERVED: [Route; ROUTES.len()] = [const { Route::new() }; ROUTES.len()];
static STORAGE_ERRORS: Mutex<Vec<(&'static str, &'static str, u64)>> = Mutex::new(Vec::new());

impl Route {
    const fn new() -> Self {
        Self {
            requests: [const { [const { AtomicU64::new(0) }; CLASSES.len()] }; METHODS.len()],
            within: [const { AtomicU64::new(0) }; BUCKETS.len()],
            microseconds: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }
}

/// Counts one answered request.
pub fn request(route: &str, method: &str, status: u16, took: Duration) {
    let served = &SERVED[position(&ROUTES, route)];
    let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
    served.requests[position(&METHODS, method)][class].fetch_add(1, Relaxed);
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if let Some(bucket) = BUCKETS.iter().position(|(bound, _)| microseconds <= *bound) {
        served.within[bucket].fetch_add(1, Relaxed);
    }
    served.microseconds.fetch_add(microseconds, Relaxed);
    served.answered.fetch_add(1, Relaxed);
}

/// Counts one operation that the storage did not do.
pub fn storage_error(operation: &'static str, kind: &'static str) {
    let mut errors = STORAGE_ERRORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match errors.iter_mut().find(|(known, of, _)| (*known, *of) == (operation, kind)) {
        Some((.., count)) => *count += 1,
        None => errors.push((operation, kind, 1)),
    }
}

/// Everything, as Prometheus reads it.
pub fn render() -> String {
    let mut text = String::with_capacity(4096);
    requests(&mut text);
    durations(&mut text);
    family(&mut text, "data_app_storage_errors_total", "counter", "Operations that the storage did not do");
    for (operation, kind, count) in
        STORAGE_ERRORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter()
    {
        line(&mut text, "data_app_storage_errors_total", &[("operation", operation), ("kind", kind)], *count);
    }
    text
}

fn requests(text: &mut String) {
    const NAME: &str = "data_app_http_requests_total";
    family(text, NAME, "counter", "Answered requests");
    for (route, served) in ROUTES.iter().zip(&SERVED) {
        for (method, classes) in METHODS.iter().zip(&served.requests) {
            for (class, count) in CLASSES.iter().zip(classes) {
                let count = count.load(Relaxed);
                if count > 0 {
                    line(text, NAME, &[("route", route), ("method", method), ("class", class)], count);
                }
            }
        }
    }
}

fn durations(text: &mut String) {
    const NAME: &str = "data_app_http_request_duration_seconds";
    const BUCKET: &str = "data_app_http_request_duration_seconds_bucket";
    family(text, NAME, "histogram", "Time until an answer's first byte");
    for (route, served) in ROUTES.iter().zip(&SERVED) {
        let answered = served.answered.load(Relaxed);
        if answered == 0 {
            continue;
        }
        let mut up_to = 0;
        for ((_, bound), count) in BUCKETS.iter().zip(&served.within) {
            up_to += count.load(Relaxed);
            line(text, BUCKET, &[("route", route), ("le", bound)], up_to);
        }
        // A request may be counted between two reads: the last bucket never shows less than the one before.
        let all = answered.max(up_to);
        line(text, BUCKET, &[("route", route), ("le", "+Inf")], all);
        let seconds = Duration::from_micros(served.microseconds.load(Relaxed)).as_secs_f64();
        line(text, "data_app_http_request_duration_seconds_sum", &[("route", route)], seconds);
        line(text, "data_app_http_request_duration_seconds_count", &[("route", route)], all);
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    text.push_str(name);
    for (index, (label, content)) in labels.iter().enumerate() {
        let _ = write!(text, "{}{label}=\"{content}\"", if index == 0 { '{' } else { ',' });
    }
    let _ = writeln!(text, "}} {value}");
}

/// Where a text stands in its table; what is not in it counts as the last entry.
fn position(table: &[&str], text: &str) -> usize {
    table.iter().position(|known| *known == text).unwrap_or(table.len() - 1)
}
