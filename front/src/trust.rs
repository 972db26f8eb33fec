//! Whose `X-Forwarded-*` is believed: containers of the stack's own networks, and proxies that were named.
//! Must never believe a gateway: through it comes everybody from outside.

mod networks;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Error;
pub(crate) use networks::{Networks, Range};

/// Networks are connected and disconnected while a front runs.
const FRESH: Duration = Duration::from_secs(1);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// What it says about who is behind it is believed.
    pub(crate) trusted: bool,
}

/// Who is trusted.
#[derive(Debug)]
pub(crate) struct Trust {
    proxies: Vec<Range>,
    networks: Mutex<Option<(Instant, Networks)>>,
}

impl Trust {
    pub(crate) fn new(ranges: &[String]) -> Result<Self, Error> {
        let parse = |range: &String| range.parse().map_err(|()| Error::TrustedProxy { range: range.clone() });
        let proxies = ranges.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { proxies, networks: Mutex::new(None) })
    }

    pub(crate) fn includes(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|r| r.contains(peer)) || self.is_neighbour(peer)
    }

    fn is_neighbour(&self, peer: IpAddr) -> bool {
        let mut known = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((since, networks)) if since.elapsed() < FRESH => networks.is_neighbour(peer),
            _ => {
                let networks = Networks::of_this_machine();
                let answer = networks.is_neighbour(peer);
                *known = Some((Instant::now(), networks));
                answer
            }
        }
    }
}
