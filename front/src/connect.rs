//! Connections to addresses and targets. Must never wait longer than it was told.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::resolve::Name;

/// A connection to a name's port: every address is tried, and fresh ones when the remembered ones fail.
pub(crate) async fn to_name(name: &Name, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let result = within(limit, async { first(&name.addresses(port).await?).await }).await;
    if result.is_err() {
        name.forget().await;
    }
    result
}

/// A connection to `host:port`.
pub(crate) async fn to_address(address: &str, limit: Duration) -> io::Result<TcpStream> {
    within(limit, TcpStream::connect(address)).await
}

async fn within(
    limit: Duration,
    connecting: impl Future<Output = io::Result<TcpStream>>,
) -> io::Result<TcpStream> {
    let stream = timeout(limit, connecting)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Whether the failure says something about the front's own machine and nothing about the target.
pub(crate) fn is_ours(error: &io::Error) -> bool {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    error.kind() == io::ErrorKind::AddrNotAvailable || matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}
