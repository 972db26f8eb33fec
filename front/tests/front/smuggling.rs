//! Requests that two readers could take for different ones: refused by the front, and never seen whole by a replica.

use front::Mode;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::setup::Setup;
use crate::strict;

/// Refused before a replica sees anything.
const HEADS: [(&str, &str); 38] = [
    ("400", "GET / HTTP/1.1\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("400", "GET http://a/ HTTP/1.1\r\n\r\n"),
    ("400", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("400", "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("400", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("400", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    ("400", "GET /\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tfolded\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n"),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na"),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent_Length: 5\r\n\r\na"),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
];

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Refused when the body has begun.
const BODIES: [&str; 12] = [
    "x\r\n",
    "-1\r\na\r\n0\r\n\r\n",
    "0x1\r\na\r\n0\r\n\r\n",
    "1 \r\na\r\n0\r\n\r\n",
    "1\na\n0\n\n",
    "2\r\na\r\n0\r\n\r\n",
    "1\r\naX\r\n0\r\n\r\n",
    "1\r\na\r0\r\n\r\n",
    "1;x\ny\r\na\r\n0\r\n\r\n",
    "ffffffffffffffff1\r\na\r\n0\r\n\r\n",
    "1\r\na\r\n0\r\nX: y\n\r\n",
    "1\r\na\r\n0\r\n folded\r\n\r\n",
];

async fn refused_alone_and_behind_another_request(mode: Mode) {
    let (replica, record) = strict::replica();
    let setup = Setup::with(mode, |o| o.limits.idle_ms = 2000).await;
    setup.switch(1, "blue", &[&replica]).await;
    for (status, request) in HEADS {
        if mode == Mode::Http {
            let answer = setup.raw(request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:?}: {answer:?}");
            assert_eq!(record.requests(), [], "{request:?}");
        }
        let answer = setup.raw(&format!("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n{request}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{request:?}: {answer:?}");
        assert!(answer[15..].contains(&format!("HTTP/1.1 {status}")), "{request:?}: {answer:?}");
        let seen = record.requests();
        assert!(seen.len() == 1 && seen[0].target == "/1", "{request:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused_and_seen_by_nobody() {
    refused_alone_and_behind_another_request(Mode::Http).await;
    refused_alone_and_behind_another_request(Mode::Auto).await;
}

#[tokio::test]
async fn a_body_that_can_be_read_in_two_ways_is_refused_and_never_seen_whole() {
    let (replica, record) = strict::replica();
    let setup = Setup::to(Mode::Http, &[&replica]).await;
    for body in BODIES {
        for before in ["", "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"] {
            let answer =
                setup.raw(&format!("{before}{CHUNKED}{body}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let last = &answer[answer.rfind("HTTP/1.1").expect(body)..];
            assert!(last.starts_with("HTTP/1.1 400"), "{body:?}: {answer:?}");
            let seen = record.requests();
            assert!(seen.iter().all(|r| r.target == "/1"), "{body:?}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn garbage_behind_a_request_is_refused_after_its_answer() {
    let (replica, record) = strict::replica();
    let setup = Setup::to(Mode::Http, &[&replica]).await;
    for garbage in
        ["garbage", "\0", "\r\n\r\n\r\n", "0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x\n\n"]
    {
        let mut stream = setup.connect().await;
        stream.write_all(format!("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n{garbage}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        _ = stream.read_to_string(&mut answer).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.matches("HTTP/1.1 2").count() == 1,
            "{answer:?}"
        );
        assert_eq!(record.requests().len(), 1, "{garbage:?}");
    }
}

#[tokio::test]
async fn targets_that_are_right_arrive_as_they_were_sent() {
    let (replica, record) = strict::replica();
    let setup = Setup::to(Mode::Http, &[&replica]).await;
    for (line, method, target, host) in [
        ("OPTIONS * HTTP/1.1", "OPTIONS", "*", "a"),
        ("GET http://b:81/x?y HTTP/1.1", "GET", "/x?y", "b:81"),
        ("GET http://b HTTP/1.1", "GET", "/", "b"),
        ("GET http://b?x HTTP/1.1", "GET", "/?x", "b"),
        ("GET //x/../y/./%2e%2e/%00?a=b&&c=%zz HTTP/1.1", "GET", "//x/../y/./%2e%2e/%00?a=b&&c=%zz", "a"),
        ("GET /a;b=c|d^e{f}\\g\"h HTTP/1.1", "GET", "/a;b=c|d^e{f}\\g\"h", "a"),
        ("PURGE /x HTTP/1.1", "PURGE", "/x", "a"),
    ] {
        let answer = setup.raw(&format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{line}: {answer:?}");
        let seen = record.requests();
        assert_eq!(seen.len(), 1, "{line}");
        let got = (seen[0].method.as_str(), seen[0].target.as_str(), seen[0].header("host"));
        assert_eq!(got, (method, target, Some(host)), "{line}");
    }
}

/// One that is right, or nearly so.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("PUT")];
    let target = prop_oneof![Just("/"), Just("/a?b=c"), Just("http://h/x"), Just("*"), Just("/#")];
    let field = prop_oneof![
        Just("Content-Length: 5"),
        Just("Content-Length: 0"),
        Just("content-length: 05"),
        Just("Content-Length: 5, 5"),
        Just("Transfer-Encoding: chunked"),
        Just("transfer-encoding: Chunked"),
        Just("Transfer-Encoding: gzip"),
        Just("Transfer-Encoding:\tchunked"),
        Just("Host: b"),
        Just("X: y"),
        Just(" folded"),
        Just("Connection: close"),
        Just("Connection: content-length"),
        Just("Expect: 100-continue"),
        Just("Upgrade: x"),
        Just("Connection: upgrade"),
    ];
    let end = prop_oneof![9 => Just("\r\n"), 1 => Just("\n")];
    let body = prop_oneof![
        Just(""),
        Just("hello"),
        Just("5\r\nhello\r\n0\r\n\r\n"),
        Just("5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n"),
        Just("0\r\n\r\n"),
        Just("5\r\nhello0\r\n\r\n"),
        Just("GET /smuggled HTTP/1.1\r\nHost: s\r\n\r\n"),
    ];
    (method, target, prop::collection::vec((field, end), 0..4), body).prop_map(
        |(method, target, fields, body)| {
            let mut text = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n");
            for (field, end) in fields {
                text += &format!("{field}{end}");
            }
            format!("{text}\r\n{body}").into_bytes()
        },
    )
}

/// As the wire may cut and spoil it.
fn stream() -> impl Strategy<Value = (Vec<u8>, Vec<prop::sample::Index>)> {
    let spoil = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(request(), 1..3), spoil, prop::collection::vec(any::<prop::sample::Index>(), 0..3))
        .prop_map(|(requests, spoil, cuts)| {
            let mut bytes = requests.concat();
            if let Some((at, byte)) = spoil {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            (bytes, cuts)
        })
}

/// What one who knows nothing but the standard takes the stream for.
fn understood(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    while let Ok(Some((request, length))) = strict::parse(bytes) {
        all.push((request.method, request.body));
        bytes = &bytes[length..];
    }
    all
}

async fn send(setup: &Setup, bytes: &[u8], cuts: &[prop::sample::Index]) {
    let mut stream = setup.connect().await;
    let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len())).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    for part in cuts.windows(2) {
        // The front may have closed already.
        _ = stream.write_all(&bytes[part[0]..part[1]]).await;
        tokio::task::yield_now().await;
    }
    _ = stream.shutdown().await;
    _ = stream.read_to_end(&mut Vec::new()).await;
}

/// Whatever is sent: a replica gets whole requests that a strict reader reads without doubt, and the same ones in the
/// same order as a strict reader of the client's bytes, until one is refused.
#[test]
fn a_replica_sees_no_other_requests_than_were_sent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (setup, _replica, record) = runtime.block_on(async {
        let (replica, record) = strict::replica();
        (Setup::to(Mode::Http, &[&replica]).await, replica, record)
    });
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let tried = proptest::test_runner::TestRunner::new(config).run(&stream(), |(bytes, cuts)| {
        runtime.block_on(send(&setup, &bytes, &cuts));
        let seen: Vec<_> = record.requests().into_iter().map(|r| (r.method, r.body)).collect();
        let sent = understood(&bytes);
        // The front takes more than the strict reader: absolute targets, extensions of chunks.
        let common = seen.len().min(sent.len());
        prop_assert_eq!(&seen[..common], &sent[..common], "{:?}", String::from_utf8_lossy(&bytes));
        Ok(())
    });
    tried.unwrap();
}
