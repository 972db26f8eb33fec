//! Prometheus' text format, and the port on which it may be read.
//! Must never hold anything up: a reader that is slow or many wait for themselves.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{BOUNDS, Metrics, Series};

/// Readers at the same time, and how long each may take.
const READERS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

impl Metrics {
    /// Everything as text.
    pub(crate) fn text(&self) -> String {
        let mut page = Page { text: String::new(), service: escaped(&self.service) };
        let all = self.all();
        page.requests(&all);
        page.latency(&all);
        let gauge = [("front_in_flight", "Exchanges and TCP connections in flight")];
        let (counters, values) = counters();
        page.each(&all, gauge, "gauge", |s| [s.in_flight.get()]);
        page.each(&all, counters, "counter", values);
        self.front(&mut page);
        page.text
    }

    fn front(&self, page: &mut Page) {
        let kinds = [("http", &self.http), ("tcp", &self.tcp)];
        page.head("front_connections", "gauge", "Client connections that are open");
        kinds.iter().for_each(|(k, c)| page.kind("front_connections", k, c.open.get()));
        page.head("front_connections_total", "counter", "Client connections that were accepted");
        kinds.iter().for_each(|(k, c)| page.kind("front_connections_total", k, c.total.get()));
        for (name, kind, help, value) in [
            ("front_held", "gauge", "Requests and connections that wait for a replica", self.held.open.get()),
            ("front_held_total", "counter", "Those that had to wait for a replica", self.held.total.get()),
            ("front_switches_total", "counter", "Routes that came in force", self.switches.get()),
            ("front_drains_total", "counter", "Drains that ended", self.drains.get()),
            (
                "front_drains_cut_short_total",
                "counter",
                "Drains that had to leave something",
                self.cut_short.get(),
            ),
        ] {
            page.head(name, kind, help);
            _ = writeln!(page.text, "{name}{{service=\"{}\"}} {value}", page.service);
        }
    }
}

type Values = fn(&Series) -> [u64; 4];

fn counters() -> ([(&'static str, &'static str); 4], Values) {
    let names = [
        ("front_connect_retries_total", "Connects that failed and were tried elsewhere"),
        ("front_repeats_total", "Requests that were sent again because a connection was lost"),
        ("front_received_bytes_total", "Bytes of bodies and streams from clients"),
        ("front_sent_bytes_total", "Bytes of bodies and streams to clients"),
    ];
    (names, |s| [s.connects.get(), s.repeats.get(), s.received.get(), s.sent.get()])
}

struct Page {
    text: String,
    service: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        _ = writeln!(self.text, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    }

    fn labels(&self, series: &Series) -> String {
        let release = series.release.map_or_else(String::new, |r| r.to_string());
        let color = escaped(&series.color);
        format!("service=\"{}\",release=\"{release}\",color=\"{color}\"", self.service)
    }

    fn kind(&mut self, name: &str, kind: &str, value: u64) {
        _ = writeln!(self.text, "{name}{{service=\"{}\",kind=\"{kind}\"}} {value}", self.service);
    }

    fn each<const N: usize>(
        &mut self,
        all: &[Arc<Series>],
        names: [(&str, &str); N],
        kind: &str,
        values: impl Fn(&Series) -> [u64; N],
    ) {
        for (index, (name, help)) in names.iter().enumerate() {
            self.head(name, kind, help);
            for series in all {
                let labels = self.labels(series);
                _ = writeln!(self.text, "{name}{{{labels}}} {}", values(series)[index]);
            }
        }
    }

    fn requests(&mut self, all: &[Arc<Series>]) {
        self.head("front_requests_total", "counter", "Requests that were answered, by class of status");
        for series in all {
            let labels = self.labels(series);
            for (index, count) in series.classes.iter().enumerate() {
                let class = index + 1;
                _ = writeln!(
                    self.text,
                    "front_requests_total{{{labels},class=\"{class}xx\"}} {}",
                    count.get()
                );
            }
        }
    }

    fn latency(&mut self, all: &[Arc<Series>]) {
        let name = "front_request_seconds";
        self.head(name, "histogram", "Time from a request to the head of its response");
        for series in all {
            let labels = self.labels(series);
            let mut sum = 0;
            for (count, bound) in series.buckets.iter().zip(BOUNDS) {
                sum += count.get();
                let le = Duration::from_millis(bound).as_secs_f64();
                _ = writeln!(self.text, "{name}_bucket{{{labels},le=\"{le}\"}} {sum}");
            }
            sum += series.buckets[BOUNDS.len()].get();
            let seconds = Duration::from_micros(series.micros.get()).as_secs_f64();
            _ = writeln!(self.text, "{name}_bucket{{{labels},le=\"+Inf\"}} {sum}");
            _ = writeln!(self.text, "{name}_sum{{{labels}}} {seconds}\n{name}_count{{{labels}}} {sum}");
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Answers `GET /metrics` until it is dropped.
pub(crate) async fn serve(metrics: Arc<Metrics>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(READERS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        let service = service_fn(move |request| {
            let answer = answer(&metrics, &request);
            async move { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(async move {
            let connection =
                http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            // A reader that went away, or was too slow, has only itself to blame.
            let _ = timeout(PATIENCE, connection).await;
            drop(place);
        });
    }
}

fn answer(metrics: &Metrics, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" || ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = Response::new(Full::new(Bytes::from_static(b"there is only GET /metrics\n")));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = Response::new(Full::new(Bytes::from(metrics.text())));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
