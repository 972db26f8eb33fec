//! A client's HTTP/1 connection through its requests and the time between them.
//! Must never hold memory for a request that nobody has begun: thousands of connections are idle most of their time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Client, ClientIo, handle, multiplexed};
use crate::limits::REST;

/// Serves until one side ends it.
pub(super) async fn serve(client: &Arc<Client>, stream: TcpStream, read: Bytes) {
    let limits = &client.shared.options.limits;
    let mut awake = Some((stream, read));
    let mut patience = limits.head();
    while let Some((stream, read)) = awake {
        if read.is_empty() && !speaks(client, &stream, patience).await {
            return;
        }
        if client.activity.begun() == 0 && multiplexed::begins(&stream, &read).await {
            return Box::pin(multiplexed::serve(client, stream, read)).await;
        }
        awake = Box::pin(talk(client, stream, read)).await;
        patience = limits.idle().saturating_sub(REST);
    }
}

/// Whether the client says something in time; its end is something too.
async fn speaks(client: &Client, stream: &TcpStream, patience: Duration) -> bool {
    // Readiness alone may be a false alarm.
    let mut first = [0];
    tokio::select! {
        // What has come before the front stops is answered.
        biased;
        said = timeout(patience, stream.peek(&mut first)) => matches!(said, Ok(Ok(_))),
        () = client.shared.stop.cancelled() => false,
    }
}

/// Serves requests until the connection ends; answers it when nothing more is said for a while.
async fn talk(client: &Arc<Client>, stream: TcpStream, read: Bytes) -> Option<(TcpStream, Bytes)> {
    let shared = &client.shared;
    let limits = &shared.options.limits;
    let io = ClientIo::new(stream, read, Arc::clone(&client.activity), limits);
    let mut builder = http1::Builder::new();
    // Names are case-insensitive, and not every client knows: the spelling that servers have always used is safest.
    builder.title_case_headers(true);
    builder.max_buf_size(limits.head_bytes.max(8192));
    let service = service_fn(|request| {
        // Now, and not when it is polled: what is read next is no head.
        let busy = client.activity.begin();
        handle(Arc::clone(client), request, busy)
    });
    let mut connection = builder.serve_connection(TokioIo::new(io), service).with_upgrades();
    let talking = std::future::poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if client.activity.take_rest() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    let ended = tokio::select! {
        biased;
        ended = talking => ended,
        () = shared.stop.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            Some(shared.abort.run_until_cancelled(&mut connection).await.unwrap_or(Ok(())))
        }
    };
    match ended {
        Some(ended) => {
            if let Err(e) = ended {
                tracing::debug!(peer = ?client.address, error = %e, "connection ended");
            }
            None
        }
        None => connection.into_parts().map(|parts| parts.io.into_inner().into_parts()),
    }
}
