//! Names to addresses, remembered for a moment: a container that was restarted has another address.
//! Must never ask for the same name twice at the same time, since every question takes a thread.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use tokio::sync::Mutex;

use crate::limits::RESOLVED;

/// One name and what it was resolved to.
#[derive(Debug)]
pub(crate) struct Name {
    text: String,
    literal: Option<IpAddr>,
    known: Mutex<Option<(Instant, Vec<IpAddr>)>>,
}

impl Name {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), literal: text.parse().ok(), known: Mutex::new(None) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its addresses with a port; never empty.
    pub(crate) async fn addresses(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = self.literal {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut known = self.known.lock().await;
        if let Some((since, addresses)) = &*known
            && since.elapsed() < RESOLVED
        {
            return Ok(with_port(addresses, port));
        }
        *known = None;
        let found = tokio::net::lookup_host((self.text.as_str(), port)).await?;
        let addresses: Vec<IpAddr> = found.map(|a| a.ip()).collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        let answer = with_port(&addresses, port);
        *known = Some((Instant::now(), addresses));
        Ok(answer)
    }

    /// The addresses turned out to be wrong.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }
}

fn with_port(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    addresses.iter().map(|a| SocketAddr::new(*a, port)).collect()
}
