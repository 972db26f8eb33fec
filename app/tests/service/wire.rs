//! HTTP by hand, for what a well-behaved client would not do or not show.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Begins an upload, and returns when the service has begun to read it.
    pub async fn begin_upload(&mut self, length: usize) {
        self.send(upload(length, "Expect: 100-continue\r\n")).await;
        assert!(self.head().await.starts_with("HTTP/1.1 100 "));
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("an answer before the connection ends"));
        }
        String::from_utf8(head).unwrap()
    }

    /// One answer with a `Content-Length`: its head and its body.
    pub async fn answer(&mut self) -> (String, String) {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Waits until the other side ends the connection.
    pub async fn ended(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.is_err() || rest.is_empty()
    }
}

/// The head of an upload.
pub fn upload(length: usize, more: &str) -> String {
    format!(
        "POST /data HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    )
}
