//! HTTP/1.1, request by request. Must never hold a whole body in memory, nor send a request twice that may not be.

mod activity;
mod answer;
mod body;
mod client_io;
mod connection;
mod exchange;
mod forwarded;
mod guard;
mod head;
mod linger;
mod multiplexed;
mod pool;
mod relay;
mod upgrade;
mod upstream;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::net::TcpStream;

use crate::shared::Shared;
use crate::trust::Peer;
use activity::{Activity, Busy};
use answer::Answer;
pub(crate) use client_io::ClientIo;
use forwarded::Address;
pub(crate) use pool::Pool;
pub(crate) use upstream::Upstream;

/// A client's connection.
#[derive(Debug)]
struct Client {
    shared: Arc<Shared>,
    /// Index of the port it came through.
    port: usize,
    address: Address,
    /// What it says about who is behind it is believed.
    trusted: bool,
    activity: Arc<Activity>,
}

impl Client {
    fn new(shared: Arc<Shared>, peer: Peer, port: usize) -> Option<Arc<Self>> {
        let address = Address::new(peer.address)?;
        Some(Arc::new(Self { shared, port, address, trusted: peer.trusted, activity: Arc::default() }))
    }

    /// The same client in one of its streams, which runs beside the others.
    fn for_stream(&self, open: &Arc<()>) -> Arc<Self> {
        let activity = Arc::new(Activity::of(Arc::clone(open)));
        let (shared, address) = (Arc::clone(&self.shared), self.address.clone());
        Arc::new(Self { shared, port: self.port, address, trusted: self.trusted, activity })
    }
}

/// Serves one connection, of which `read` was read already, until one side ends it.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, read: Bytes, peer: Peer, port: usize) {
    if let Some(client) = Client::new(shared, peer, port) {
        let _open = client.shared.table.metrics().http.enter();
        connection::serve(&client, stream, read).await;
    }
}

async fn handle(
    client: Arc<Client>,
    request: Request<Incoming>,
    busy: Busy,
) -> Result<Response<Answer>, Infallible> {
    let version = request.version();
    let response = match head::refuse(&request) {
        Some(refusal) => {
            let metrics = client.shared.table.metrics();
            metrics.unrouted().answered(refusal.status(), Duration::ZERO);
            refusal
        }
        // In a box, so that an idle connection does not keep room for it.
        None => Box::pin(exchange::exchange(&client, request)).await,
    };
    Ok(last_if_leaving(&client.shared, version, response).map(|content| Answer::new(content, busy)))
}

/// A client that is told goes on over a new connection, and no request of its can meet the end of this one. HTTP/2 says it
/// once for the whole connection.
fn last_if_leaving<B>(shared: &Shared, version: Version, mut response: Response<B>) -> Response<B> {
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if shared.leaving.is_cancelled() && version <= Version::HTTP_11 && !upgrades {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
