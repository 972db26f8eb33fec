//! Heads of requests and responses: what is refused, and what belongs to one connection only and is not passed on.
//! Must never let two readers of the same head come to different ends of it.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, request};

use super::answer::{Content, refused};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// The answer to a request that no target may see.
pub(super) fn refuse<B>(request: &Request<B>) -> Option<Response<Content>> {
    let headers = request.headers();
    if request.method() == Method::CONNECT {
        return Some(refused(StatusCode::METHOD_NOT_ALLOWED, "this is not a forward proxy\n"));
    }
    if !target_is_fine(request.uri(), request.method()) {
        return Some(refused(StatusCode::BAD_REQUEST, "the target of the request is not one of HTTP\n"));
    }
    if !host_is_fine(headers, request.version()) {
        return Some(refused(StatusCode::BAD_REQUEST, "exactly one valid Host header is needed\n"));
    }
    match coding(headers) {
        Coding::Plain | Coding::Chunked if !lengths_conflict(headers) => None,
        Coding::Unknown => {
            Some(refused(StatusCode::NOT_IMPLEMENTED, "the transfer coding is not supported\n"))
        }
        _ => Some(refused(StatusCode::BAD_REQUEST, "the length of the body is ambiguous\n")),
    }
}

/// A path, `*` where it means something, or the address of a page as a forward proxy is told it.
fn target_is_fine(uri: &Uri, method: &Method) -> bool {
    let path = uri.path();
    match (uri.scheme_str(), uri.authority()) {
        (None, None) => path.starts_with('/') || (path == "*" && *method == Method::OPTIONS),
        (Some("http" | "https"), Some(authority)) => !authority.as_str().contains('@'),
        _ => false,
    }
}

fn host_is_fine(headers: &HeaderMap, version: Version) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            // A user name has no place there, and is what tricks of confusion use.
            host.is_empty()
                || (!host.as_bytes().contains(&b'@') && Authority::try_from(host.as_bytes()).is_ok())
        }
        (None, _) => version == Version::HTTP_10,
        (Some(_), Some(_)) => false,
    }
}

enum Coding {
    Plain,
    Chunked,
    Unknown,
}

fn coding(headers: &HeaderMap) -> Coding {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Coding::Plain,
        (Some(only), None) if only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => {
            Coding::Chunked
        }
        _ => Coding::Unknown,
    }
}

fn lengths_conflict(headers: &HeaderMap) -> bool {
    // Where names become variables; HTTP/1 heads were looked at before.
    if headers.contains_key("content_length") || headers.contains_key("transfer_encoding") {
        return true;
    }
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    lengths > 1 || (lengths == 1 && headers.contains_key(TRANSFER_ENCODING))
}

/// The protocol that a client wants to change to. To HTTP/2 nobody may: what follows would not be looked at.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get(UPGRADE)?;
    let listed = tokens(headers).any(|t| t.eq_ignore_ascii_case("upgrade"));
    let http2 = wanted.to_str().is_ok_and(|w| w.split(',').any(|p| p.trim().eq_ignore_ascii_case("h2c")));
    (listed && !http2).then(|| wanted.clone())
}

pub(super) fn expects_continue(head: &request::Parts) -> bool {
    head.version == Version::HTTP_11
        && head.headers.get(EXPECT).is_some_and(|e| e.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Requests that have the same effect when they are carried out twice.
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
}

/// Removes what is meant for the next hop only.
pub(super) fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = tokens(headers).filter_map(|t| t.parse().ok()).collect();
        for name in named.iter().filter(|n| !is_protected(n)) {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE, HTTP2_SETTINGS] {
        headers.remove(name);
    }
}

/// A client must not be able to have these removed by calling them hop-by-hop.
fn is_protected(name: &HeaderName) -> bool {
    matches!(*name, HOST | CONTENT_LENGTH | TE) || name.as_str().starts_with("x-forwarded-")
}

/// Makes a client's head one for the target: origin form, one Host, nothing of this hop.
pub(super) fn for_target(head: &mut request::Parts, service: &str, streams: bool) {
    let trailers = head.headers.get_all(TE).iter().any(|v| v.as_bytes().eq_ignore_ascii_case(b"trailers"));
    strip(&mut head.headers);
    head.headers.remove(TE);
    if trailers {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
        head.headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    if streams && !head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    origin_form(head);
    if !head.headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::try_from(service)
    {
        head.headers.insert(HOST, host);
    }
    head.version = Version::HTTP_11;
}

/// In absolute form the target's authority outweighs the Host header.
fn origin_form(head: &mut request::Parts) {
    let Some(authority) = head.uri.authority() else { return };
    if let Ok(host) = HeaderValue::try_from(authority.as_str()) {
        head.headers.insert(HOST, host);
    }
    let path = head.uri.path_and_query().cloned();
    head.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
}
