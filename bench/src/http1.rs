//! As much of an HTTP client as a measurement needs: requests without bodies, answers with a length. It must never be
//! what limits a measurement, and never repeat a request.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CHUNK: usize = 64 * 1024;
const LONGEST_HEAD: usize = 16 * 1024;

/// Whether a connection is for one request or for more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// For more.
    Alive,
    /// For one.
    Close,
}

/// A request's bytes.
pub fn request(path: &str, keep: Keep) -> Vec<u8> {
    let connection = if keep == Keep::Close { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{connection}\r\n").into_bytes()
}

/// A port of loopback.
pub fn local(port: u16) -> SocketAddr {
    (IpAddr::V4(Ipv4Addr::LOCALHOST), port).into()
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of its first line.
    pub status: u16,
    /// Bytes of the head.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
    /// The connection ends with it.
    pub close: bool,
}

/// The head at the beginning of these bytes, when it is complete.
pub fn head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > LONGEST_HEAD { Err(invalid("a head without an end")) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| invalid("a head that is no text"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| invalid("an answer without a status"))?;
    let (mut body, mut close) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.trim().eq_ignore_ascii_case("close");
        }
    }
    let body = body.ok_or_else(|| invalid("an answer without a length"))?;
    Ok(Some(Head { status, head: end + 4, body, close }))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A connection to a server.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new(), filled: 0 })
    }

    /// Nothing of an answer has come.
    pub fn is_untouched(&self) -> bool {
        self.filled == 0
    }

    /// Sends a request and waits for the whole answer. [`Connection::body`] is of small answers only.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Head> {
        self.filled = 0;
        self.stream.write_all(request).await?;
        let head = loop {
            self.read(self.filled).await?;
            if let Some(head) = head(&self.buffer[..self.filled])? {
                break head;
            }
        };
        let mut left = (head.head + head.body).saturating_sub(self.filled);
        while left > 0 {
            let end = self.filled;
            // What is long is counted and forgotten.
            self.read(if end < CHUNK { end } else { 0 }).await?;
            let came = self.filled - if end < CHUNK { end } else { 0 };
            left = left.saturating_sub(came);
        }
        Ok(head)
    }

    /// The body of the answer that came last.
    pub fn body(&self, head: Head) -> String {
        let end = (head.head + head.body).min(self.filled);
        String::from_utf8_lossy(&self.buffer[head.head.min(end)..end]).into_owned()
    }

    /// Gives back the memory of the buffer.
    pub fn rest(&mut self) {
        self.buffer = Vec::new();
    }

    async fn read(&mut self, at: usize) -> io::Result<()> {
        if self.buffer.len() < at + CHUNK {
            self.buffer.resize(at + CHUNK, 0);
        }
        match self.stream.read(&mut self.buffer[at..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.filled = at + count;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, head};

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-Length: 2\r\nConnection: close\r\n\r\nv1";
        assert_eq!(head(&text[..50]).unwrap(), None);
        let head = head(text).unwrap();
        assert_eq!(head, Some(Head { status: 200, head: 57, body: 2, close: true }));
    }
}
