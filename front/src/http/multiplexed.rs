//! A client's HTTP/2 connection with prior knowledge: each of its streams is a request like any other, and reaches its
//! target as HTTP/1.1. Must never let one connection ask for more than a few clients of HTTP/1 could.

use std::future::poll_fn;
use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Client, handle};
use crate::limits::{ALIVE, RESETS, STREAMS, WINDOW};

/// How such a connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Whether a connection is one. It is looked at where it lies, and not waited for: nobody sends so little in pieces.
pub(super) async fn begins(stream: &TcpStream, read: &Bytes) -> bool {
    if !read.is_empty() {
        return read.starts_with(PREFACE);
    }
    let mut seen = [0; PREFACE.len()];
    let mut seen = ReadBuf::new(&mut seen);
    poll_fn(|cx| Poll::Ready(stream.poll_peek(cx, &mut seen).is_ready())).await && seen.filled() == PREFACE
}

/// Serves until one side ends it.
pub(super) async fn serve(client: &Arc<Client>, stream: TcpStream, read: Bytes) {
    let shared = &client.shared;
    let (reader, writer) = stream.into_split();
    let io = tokio::io::join(Cursor::new(read).chain(reader), writer);
    let begun = AtomicUsize::new(0);
    // Every stream holds one of these while it lasts.
    let open = Arc::new(());
    let service = service_fn(|mut request: Request<Incoming>| {
        begun.fetch_add(1, Ordering::Relaxed);
        as_http1(&mut request);
        let client = client.for_stream(&open);
        let busy = client.activity.begin();
        handle(client, request, busy)
    });
    let builder = settings(shared.options.limits.head_bytes);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = idle(&begun, &open, shared.options.limits.idle()) => {
            connection.as_mut().graceful_shutdown();
            shared.abort.run_until_cancelled(connection).await.unwrap_or(Ok(()))
        }
        // Its client is told which of its requests were the last ones, so that it can send all others elsewhere.
        () = shared.leaving.cancelled() => {
            connection.as_mut().graceful_shutdown();
            shared.abort.run_until_cancelled(connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(e) = ended {
        tracing::debug!(peer = ?client.address, error = %e, "connection ended");
    }
}

fn settings(head_bytes: usize) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 8)
        .max_send_buf_size(WINDOW as usize)
        .keep_alive_interval(ALIVE)
        .keep_alive_timeout(ALIVE);
    builder
}

/// Ends when nothing was asked and nothing answered for so long.
async fn idle(begun: &AtomicUsize, open: &Arc<()>, limit: Duration) {
    let mut before = 0;
    loop {
        sleep(limit).await;
        let now = begun.load(Ordering::Relaxed);
        if now == before && Arc::strong_count(open) == 1 {
            return;
        }
        before = now;
    }
}

/// What HTTP/2 says in its own way is said as HTTP/1 says it.
fn as_http1(request: &mut Request<Incoming>) {
    let authority = request.uri().authority().and_then(|a| HeaderValue::try_from(a.as_str()).ok());
    let headers = request.headers_mut();
    match (authority, headers.contains_key(HOST)) {
        (Some(authority), false) => {
            headers.insert(HOST, authority);
        }
        // Two of them that differ are as wrong as two Host headers.
        (Some(authority), true) if headers.get(HOST) != Some(&authority) => {
            headers.append(HOST, authority);
        }
        _ => {}
    }
    join_cookies(headers);
}

fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, cookie);
    }
}
