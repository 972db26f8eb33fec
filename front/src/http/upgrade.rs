//! WebSockets and whatever else leaves HTTP: from the 101 on, bytes both ways.
//! Must never let one side's end close the other side's.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::answer::Content;
use super::exchange::Answered;
use super::{Client, ClientIo, head};
use crate::pump;
use crate::route::Claim;

/// Answers the target's 101 and relays from then on; any other answer is an ordinary one.
pub(super) async fn finish(
    client: &Arc<Client>,
    mut answered: Answered,
    ours: OnUpgrade,
) -> Response<Content> {
    if answered.response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return answered.relay().await;
    }
    let theirs = hyper::upgrade::on(&mut answered.response);
    let claim = answered.claim;
    let shared = Arc::clone(&client.shared);
    client.shared.tasks.spawn(async move { shared.unless_aborted(tunnel(ours, theirs, claim)).await });
    let (mut head, _) = answered.response.into_parts();
    let protocol = head.headers.get(UPGRADE).cloned();
    head::strip(&mut head.headers);
    head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        head.headers.insert(UPGRADE, protocol);
    }
    Response::from_parts(head, Content::Own(Full::new(Bytes::new())))
}

/// The claim lasts as long as the stream: draining waits for it.
async fn tunnel(ours: OnUpgrade, theirs: OnUpgrade, claim: Claim) {
    if let Err(e) = relay(ours, theirs, &claim).await {
        tracing::debug!(error = %e, "upgraded stream ended");
    }
    drop(claim);
}

async fn relay(
    ours: OnUpgrade,
    theirs: OnUpgrade,
    claim: &Claim,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (ours, theirs) = tokio::try_join!(ours, theirs)?;
    let (mut client, from_client) = client_socket(ours)?;
    let (mut target, from_target) = target_socket(theirs)?;
    target.write_all(&from_client).await?;
    client.write_all(&from_target).await?;
    Ok(pump::both_ways(client, target, claim.series()).await?)
}

const FOREIGN: &str = "an upgraded stream is not one of ours";

fn client_socket(upgraded: Upgraded) -> Result<(TcpStream, Vec<u8>), &'static str> {
    let parts = upgraded.downcast::<TokioIo<ClientIo>>().map_err(|_| FOREIGN)?;
    let (stream, unread) = parts.io.into_inner().into_parts();
    Ok((stream, [parts.read_buf, unread].concat()))
}

fn target_socket(upgraded: Upgraded) -> Result<(TcpStream, Bytes), &'static str> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| FOREIGN)?;
    Ok((parts.io.into_inner(), parts.read_buf))
}
