//! A client for one request at a time, which shows what a user would see.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Status and body of a request to a port of loopback, on a connection of its own.
pub fn request(port: u16, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    request_at(("127.0.0.1", port), method, path, body)
}

/// The same, anywhere.
pub fn request_at(address: (&str, u16), method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.to_owned()))
}

/// The body of a successful GET.
#[track_caller]
pub fn get(port: u16, path: &str) -> String {
    let (status, body) = request(port, "GET", path, "").unwrap_or_else(|error| panic!("GET {path}: {error}"));
    assert_eq!(status, 200, "GET {path}: {body}");
    body
}

/// Which version answers, if one does.
pub fn version(port: u16) -> Option<String> {
    request(port, "GET", "/", "").ok().filter(|(status, _)| *status == 200).map(|(_, body)| body)
}
