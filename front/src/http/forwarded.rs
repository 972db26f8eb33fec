//! `X-Forwarded-*`: who asked, how, and for what.
//! Must never pass on a stranger's word about it.

use http::header::{FORWARDED, HOST, HeaderName};
use http::{HeaderMap, HeaderValue};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// From a trusted peer everything is kept as it is, so that an application sees what it saw without a front, and only
/// what is missing is added. From anybody else it is replaced.
pub(super) fn apply(headers: &mut HeaderMap, peer: &HeaderValue, trusted: bool) {
    if !trusted {
        forget(headers);
    }
    let host = headers.get(HOST).cloned();
    headers.entry(FOR).or_insert_with(|| peer.clone());
    headers.entry(PROTO).or_insert(HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
}

fn forget(headers: &mut HeaderMap) {
    let is_claim = |name: &HeaderName| {
        name.as_str().starts_with("x-forwarded-") || *name == FORWARDED || *name == REAL_IP
    };
    if headers.keys().any(is_claim) {
        let claims: Vec<HeaderName> = headers.keys().filter(|n| is_claim(n)).cloned().collect();
        for name in claims {
            headers.remove(name);
        }
    }
}
