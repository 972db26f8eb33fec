//! Connections that are forwarded as they are, and those about which that has to be found out.
//! Must never lose a byte that was read to find out.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::detect::{ENOUGH, Guess, Kind, kind};
use crate::health::{Verdict, suspect};
use crate::route::{Claim, Target, Use};
use crate::shared::Shared;
use crate::{connect, pump};

/// The beginning of an HTTP/2 connection, with settings that ask for nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What a connection turned out to be.
enum Found {
    /// HTTP, beginning with these bytes.
    Http(Bytes),
    /// HTTP/2, beginning with these bytes.
    Http2(Bytes),
    /// Something else, beginning with these bytes.
    Tcp(Bytes),
    /// The target spoke first.
    Greeted { target: TcpStream, claim: Claim, greeting: Bytes },
    /// Nothing was said, and nothing will be.
    Over,
}

/// Finds out what a connection carries, and serves it. HTTP is answered, with what was read of it.
pub(crate) async fn detect(
    shared: &Arc<Shared>,
    mut client: TcpStream,
    port: usize,
) -> Option<(TcpStream, Bytes)> {
    let finding = find_out(shared, &mut client, port);
    match shared.unless_aborted(finding).await.unwrap_or(Found::Over) {
        Found::Http(read) => return Some((client, read)),
        // A target that speaks it itself, as for gRPC, is not translated for.
        Found::Http2(read) if understands(shared, port).await => forward(shared, client, read, port).await,
        Found::Http2(read) => return Some((client, read)),
        Found::Tcp(read) => forward(shared, client, read, port).await,
        Found::Greeted { target, claim, greeting } => {
            let _open = shared.table.metrics().tcp.enter();
            let relaying = relay(client, target, claim, Bytes::new(), greeting);
            shared.unless_aborted(relaying).await.unwrap_or_default();
        }
        Found::Over => {}
    }
    None
}

/// Forwards a connection, of which `read` was read already.
pub(crate) async fn forward(shared: &Arc<Shared>, client: TcpStream, read: Bytes, port: usize) {
    let _open = shared.table.metrics().tcp.enter();
    let forwarding = async {
        if let Some((target, claim)) = open(shared, port).await {
            relay(client, target, claim, read, Bytes::new()).await;
        }
    };
    shared.unless_aborted(forwarding).await.unwrap_or_default();
}

async fn relay(mut client: TcpStream, mut target: TcpStream, claim: Claim, read: Bytes, greeting: Bytes) {
    let relaying = async {
        target.write_all(&read).await?;
        client.write_all(&greeting).await?;
        claim.series().received.add(read.len() as u64);
        claim.series().sent.add(greeting.len() as u64);
        pump::both_ways(client, target, claim.series()).await
    };
    if let Err(e) = relaying.await {
        tracing::debug!(error = %e, "connection broke");
    }
    drop(claim);
}

/// A connection to a target that accepts one, waiting as long as a request would.
async fn open(shared: &Arc<Shared>, port: usize) -> Option<(TcpStream, Claim)> {
    let deadline = Instant::now() + shared.hold();
    loop {
        let claim = shared.table.claim_by(port, Use::Connection, None, deadline).await.ok()?;
        let (name, number) = (claim.target().resolver(), claim.endpoint().port());
        match connect::to_name(name, number, shared.options.limits.connect()).await {
            Ok(stream) => return Some((stream, claim)),
            Err(e) if suspect(shared, claim.target(), port, &e) == Verdict::Exhausted => return None,
            Err(_) if Instant::now() >= deadline => return None,
            Err(_) => claim.series().connects.add(1),
        }
    }
}

async fn find_out(shared: &Arc<Shared>, client: &mut TcpStream, port: usize) -> Found {
    let mut read = BytesMut::new();
    match listen(shared, client, &mut read).await {
        Some(found) => found,
        None if read.is_empty() => either_speaks(shared, client, port).await,
        None => Found::Tcp(read.freeze()),
    }
}

/// Reads until the first bytes tell, or until nothing has come for a while.
async fn listen(shared: &Shared, client: &mut TcpStream, read: &mut BytesMut) -> Option<Found> {
    loop {
        let guess = match kind(read) {
            Kind::Http => return Some(Found::Http(read.split().freeze())),
            Kind::Http2 => return Some(Found::Http2(read.split().freeze())),
            Kind::Tcp => return Some(Found::Tcp(read.split().freeze())),
            Kind::Undecided(guess) => guess,
        };
        read.reserve(if read.is_empty() { 1024 } else { ENOUGH });
        match timeout(shared.options.limits.silence(), client.read_buf(read)).await {
            Ok(Ok(0)) if read.is_empty() => return Some(Found::Over),
            Ok(Ok(0)) => return Some(Found::Tcp(read.split().freeze())),
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Some(Found::Over),
            Err(_) if guess == Guess::Http => return Some(Found::Http(read.split().freeze())),
            Err(_) => return None,
        }
    }
}

/// Both are connected and silent. Nothing is exchanged yet, so nothing is counted, and a switch takes the connection
/// along to the new target without either side noticing.
async fn either_speaks(shared: &Arc<Shared>, client: &mut TcpStream, port: usize) -> Found {
    let mut said = BytesMut::with_capacity(1024);
    loop {
        let Some((target, mut stream)) = candidate(shared, port).await else { return Found::Over };
        let mut greeting = BytesMut::with_capacity(1024);
        tokio::select! {
            read = client.read_buf(&mut said) => match read {
                // Nothing is said by a client that only listens; a target may still have something for it.
                Ok(0) => return Found::Tcp(Bytes::new()),
                Ok(_) => return first_words(shared, client, said).await,
                Err(_) => return Found::Over,
            },
            read = stream.read_buf(&mut greeting) => match (read, shared.table.confirm(&target, port)) {
                (Ok(0) | Err(_), _) => return Found::Over,
                (Ok(_), Some(claim)) => {
                    return Found::Greeted { target: stream, claim, greeting: greeting.freeze() };
                }
                // The route has left it just now: the next one greets anew.
                (Ok(_), None) => {}
            },
            () = shared.table.left(&target) => {}
            () = shared.stop.cancelled() => return Found::Over,
        }
    }
}

async fn first_words(shared: &Shared, client: &mut TcpStream, mut said: BytesMut) -> Found {
    match listen(shared, client, &mut said).await {
        Some(found) => found,
        None => Found::Tcp(said.freeze()),
    }
}

/// Whether the target speaks HTTP/2 with prior knowledge, asked once of each.
async fn understands(shared: &Arc<Shared>, port: usize) -> bool {
    let Some((target, mut stream)) = candidate(shared, port).await else { return false };
    let Some(endpoint) = target.endpoint(port) else { return false };
    if let Some(known) = endpoint.multiplexes() {
        return known;
    }
    let asking = async {
        stream.write_all(PREFACE).await?;
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await?;
        // The first frame of a server is one of settings, on no stream.
        Ok::<_, std::io::Error>(frame[3] == 4 && frame[5..] == [0; 4])
    };
    let answer = timeout(Duration::from_secs(1), asking).await;
    let understood = matches!(answer, Ok(Ok(true)));
    endpoint.set_multiplexes(understood);
    understood
}

async fn candidate(shared: &Arc<Shared>, port: usize) -> Option<(Arc<Target>, TcpStream)> {
    let deadline = Instant::now() + shared.hold();
    loop {
        let target = shared.table.candidate_by(port, deadline).await.ok()?;
        let number = *shared.table.ports().get(port)?;
        match connect::to_name(target.resolver(), number, shared.options.limits.connect()).await {
            Ok(stream) => return Some((target, stream)),
            Err(e) if suspect(shared, &target, port, &e) == Verdict::Exhausted => return None,
            Err(_) if Instant::now() >= deadline => return None,
            Err(_) => {}
        }
    }
}
