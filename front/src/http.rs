//! HTTP/1.1, request by request. Must never hold a whole body in memory, nor send a request twice that may not be.

mod answer;
mod body;
mod client_io;
mod exchange;
mod forwarded;
mod guard;
mod head;
mod pool;
mod relay;
mod upgrade;
mod upstream;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::shared::Shared;
use answer::Answer;
pub(crate) use client_io::ClientIo;
use client_io::{Activity, Busy};
pub(crate) use pool::Pool;
pub(crate) use upstream::Upstream;

/// A client's connection.
#[derive(Debug)]
struct Client {
    shared: Arc<Shared>,
    /// Index of the port it came through.
    port: usize,
    address: HeaderValue,
    /// What it says about who is behind it is believed.
    trusted: bool,
    activity: Arc<Activity>,
}

/// Serves one connection, of which `read` was read already, until one side ends it.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, read: Bytes, peer: IpAddr, port: usize) {
    let limits = &shared.options.limits;
    let activity = Arc::new(Activity::default());
    let io = ClientIo::new(stream, read, Arc::clone(&activity), limits);
    let mut builder = http1::Builder::new();
    // Names are case-insensitive, and not every client knows: the spelling that servers have always used is safest.
    builder.title_case_headers(true);
    builder.max_buf_size(limits.head_bytes.max(8192));
    let Ok(address) = HeaderValue::try_from(peer.to_string()) else { return };
    let trusted = shared.options.listeners[port].loopback || shared.trust.includes(peer);
    let (stop, abort) = (shared.stop.clone(), shared.abort.clone());
    let client = Arc::new(Client { shared, port, address, trusted, activity });
    let service = service_fn(move |request| {
        // Now, and not when it is polled: what is read next is no head.
        let busy = client.activity.begin();
        handle(Arc::clone(&client), request, busy)
    });
    let connection = builder.serve_connection(TokioIo::new(io), service).with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            abort.run_until_cancelled(connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(e) = ended {
        tracing::debug!(%peer, error = %e, "connection ended");
    }
}

async fn handle(
    client: Arc<Client>,
    request: Request<Incoming>,
    busy: Busy,
) -> Result<Response<Answer>, Infallible> {
    let response = match head::refuse(&request) {
        Some(refusal) => refusal,
        // In a box, so that an idle connection does not keep room for it.
        None => Box::pin(exchange::exchange(&client, request)).await,
    };
    Ok(response.map(|content| Answer::new(content, busy)))
}
