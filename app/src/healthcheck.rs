//! `data-app healthcheck`, the image's own probe. Never needs the configuration, a runtime or another program.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(1500);

/// Succeeds when the service on this port of loopback answers `GET /health` with 200.
pub fn probe(port: u16) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0_u8; 64];
    let read = stream.read(&mut answer)?;
    let text = String::from_utf8_lossy(&answer[..read]);
    let status = text.lines().next().unwrap_or_default();
    anyhow::ensure!(status.split(' ').nth(1) == Some("200"), "GET /health answered `{status}`");
    Ok(())
}
