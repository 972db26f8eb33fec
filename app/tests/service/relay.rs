//! A way to the store that can break at a chosen request. It forwards bytes and never makes one up.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Starts a relay to the store that ends a connection as soon as a request on it contains this text.
pub async fn breaking_at(text: &'static str, store: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(client, store, text));
        }
    });
    address
}

async fn forward(mut client: TcpStream, store: SocketAddr, text: &str) -> std::io::Result<()> {
    let mut store = TcpStream::connect(store).await?;
    let (mut request, mut answer) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                read if String::from_utf8_lossy(&request[..read]).contains(text) => return Ok(()),
                read => store.write_all(&request[..read]).await?,
            },
            read = store.read(&mut answer) => match read? {
                0 => return Ok(()),
                read => client.write_all(&answer[..read]).await?,
            },
        }
    }
}
