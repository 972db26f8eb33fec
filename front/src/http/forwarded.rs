//! `Forwarded` and `X-Forwarded-*`: who asked, how, and for what.
//! Must never pass on a stranger's word about it.

use std::net::IpAddr;

use http::header::{FORWARDED, HOST, HeaderName};
use http::{HeaderMap, HeaderValue};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// A client as both kinds of headers name it, made once for its connection.
#[derive(Debug, Clone)]
pub(super) struct Address {
    plain: HeaderValue,
    element: HeaderValue,
}

impl Address {
    pub(super) fn new(peer: IpAddr) -> Option<Self> {
        let element = match peer {
            IpAddr::V4(v4) => format!("for={v4};proto=http"),
            IpAddr::V6(v6) => format!("for=\"[{v6}]\";proto=http"),
        };
        Some(Self { plain: peer.to_string().try_into().ok()?, element: element.try_into().ok()? })
    }
}

/// From a trusted peer everything is kept as it is, so that an application sees what it saw without a front, and only
/// what is missing is added. From anybody else it is replaced. A trusted peer that has named the client in one way is
/// not contradicted in the other.
pub(super) fn apply(headers: &mut HeaderMap, peer: &Address, trusted: bool) {
    if !trusted {
        forget(headers);
    }
    let named = trusted && (headers.contains_key(FOR) || headers.contains_key(FORWARDED));
    if !named {
        headers.insert(FOR, peer.plain.clone());
        headers.insert(FORWARDED, peer.element.clone());
    }
    headers.entry(PROTO).or_insert(HeaderValue::from_static("http"));
    if let Some(host) = headers.get(HOST).cloned() {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
}

/// Removes whatever says where a request comes from.
pub(super) fn forget(headers: &mut HeaderMap) {
    if headers.keys().any(is_claim) {
        let claims: Vec<HeaderName> = headers.keys().filter(|n| is_claim(n)).cloned().collect();
        for name in claims {
            headers.remove(name);
        }
    }
}

/// Where names become variables, an underscore is a hyphen.
fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    let same = |(given, known): (&u8, &u8)| given == known || (*given == b'_' && *known == b'-');
    let begins = |known: &[u8]| name.len() >= known.len() && name.iter().zip(known).all(same);
    begins(b"x-forwarded-") || (begins(b"x-real-ip") && name.len() == 9) || name == b"forwarded"
}
