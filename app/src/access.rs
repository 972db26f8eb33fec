//! One log line and one count for each request. Never logs a body, a header or a query.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

use crate::metrics;

/// The middleware around every route, the fallbacks too.
pub async fn record(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    metrics::request(route.as_ref().map_or("other", MatchedPath::as_str), method.as_str(), status, took);
    let milliseconds = (took.as_secs_f64() * 1e6).round() / 1e3;
    tracing::info!(method = method.as_str(), path, status, milliseconds, "request");
    response
}
