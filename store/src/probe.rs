//! The image's health check: asks the admin port on loopback. Never needs a credential, a shell or another program.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Where the baked-in configuration puts the admin port.
pub const ADMIN: ([u8; 4], u16) = ([127, 0, 0, 1], 3903);

const LIMIT: Duration = Duration::from_millis(1500);

/// Succeeds when the store says that it can serve requests.
pub fn healthy(address: impl Into<SocketAddr>) -> Result<(), String> {
    let status =
        status_line(address.into()).map_err(|error| format!("the admin port does not answer: {error}"))?;
    if status.split(' ').nth(1) == Some("200") {
        Ok(())
    } else {
        Err(format!("the store is not healthy: {status}"))
    }
}

fn status_line(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0_u8; 256];
    let read = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0_u8; 256];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_a_200_is_healthy() {
        assert!(healthy(answering("HTTP/1.1 200 OK\r\n\r\n")).is_ok());
        let error = healthy(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap_err();
        assert!(error.contains("503"), "{error}");
    }

    #[test]
    fn a_closed_port_is_not_healthy() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(healthy(address).is_err());
    }
}
