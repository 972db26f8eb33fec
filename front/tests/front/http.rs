//! Requests and responses as HTTP/1.1 wants them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use front::Mode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::replica::Replica;
use crate::setup::{Setup, eventually};

#[track_caller]
fn starts(answer: &str, with: &str) {
    assert!(answer.starts_with(with), "{answer:?}");
}

#[tokio::test]
async fn wrong_requests_are_answered_400_and_seen_by_nobody() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let answer = setup.raw(request).await;
        assert!(
            answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400"),
            "{request:?}: {answer:?}"
        );
    }
    let coded = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    starts(&setup.raw(coded).await, "HTTP/1.1 501");
    starts(&setup.raw("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").await, "HTTP/1.1 405");
    assert_eq!(blue.requests(), 0);
}

#[tokio::test]
async fn a_wrong_request_is_refused_when_the_front_has_to_find_out_too() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Auto, &[&blue]).await;
    starts(&setup.raw("GET / HTTP/1.1\nHost: a\n\n").await, "HTTP/1.1 400");
    starts(&setup.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await, "HTTP/1.1 400");
    assert_eq!(blue.requests(), 0);
}

#[tokio::test]
async fn a_head_may_be_neither_too_large_nor_too_slow() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| {
        o.limits.head_ms = 100;
        o.limits.head_bytes = 16 * 1024;
    })
    .await;
    setup.switch(1, "blue", &[&blue]).await;
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    starts(&setup.raw(&large).await, "HTTP/1.1 431");
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(101));
    starts(&setup.raw(&many).await, "HTTP/1.1 431");
    assert_eq!(setup.raw("GET / HTTP/1.1\r\nHost: a\r\nX").await, "");
    assert_eq!(setup.raw("").await, "");
    // Between two requests there is more time.
    let mut stream = setup.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"blue") {
            answer.push(stream.read_u8().await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// What the replica sees of a request.
async fn seen(setup: &Setup, request: &str) -> String {
    let answer = setup.raw(&format!("{request}Connection: close\r\n\r\n")).await;
    starts(&answer, "HTTP/1.");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

const CLAIMS: &str = "GET /headers HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 9.9.9.9\r\n\
    X-Forwarded-Proto: https\r\nX-Forwarded-Host: other\r\nForwarded: for=9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\n\
    X-Forwarded-Port: 443\r\nX_Forwarded_For: 9.9.9.9\r\nX_Real_IP: 9.9.9.9\r\n";

#[tokio::test]
async fn a_stranger_is_not_believed() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let seen = seen(&setup, CLAIMS).await;
    assert!(!seen.contains("9.9.9.9") && !seen.contains("443") && !seen.contains("https"), "{seen}");
    for line in [
        "host: shop.example",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: shop.example",
        "forwarded: for=127.0.0.1;proto=http",
    ] {
        assert!(seen.contains(&format!("{line}\n")), "{line} in {seen}");
    }
    // Nor may one have the truth removed.
    let seen =
        self::seen(&setup, "GET /headers HTTP/1.1\r\nHost: a\r\nConnection: x-forwarded-for, host\r\n").await;
    assert!(seen.contains("x-forwarded-for: 127.0.0.1") && seen.contains("host: a"), "{seen}");
}

async fn believed(change: impl FnOnce(&mut front::Options)) {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, change).await;
    setup.switch(1, "blue", &[&blue]).await;
    let claimed = seen(&setup, CLAIMS).await;
    for line in [
        "x-forwarded-for: 9.9.9.9",
        "x-forwarded-proto: https",
        "x-forwarded-host: other",
        "forwarded: for=9.9.9.9",
    ] {
        assert!(claimed.contains(&format!("{line}\n")), "{line} in {claimed}");
    }
    let plain = seen(&setup, "GET /headers HTTP/1.1\r\nHost: shop.example\r\n").await;
    assert!(plain.contains("x-forwarded-for: 127.0.0.1\n"), "{plain}");
    assert!(plain.contains("\nforwarded: for=127.0.0.1;proto=http\n"), "{plain}");
    // Who was named in one way is not named differently in the other.
    let named = seen(&setup, "GET /headers HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\n").await;
    assert!(named.contains("x-forwarded-for: 9.9.9.9\n") && !named.contains("\nforwarded:"), "{named}");
    let named = seen(&setup, "GET /headers HTTP/1.1\r\nHost: a\r\nForwarded: for=9.9.9.9\r\n").await;
    assert!(named.contains("\nforwarded: for=9.9.9.9\n") && !named.contains("x-forwarded-for:"), "{named}");
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    believed(|o| o.trusted_proxies = vec!["127.0.0.0/8".to_owned()]).await;
    believed(|o| o.listeners[0].loopback = true).await;
}

#[tokio::test]
async fn a_trusted_proxy_may_name_the_client_before_it_speaks() {
    let blue = Replica::start("blue");
    let request = "GET /headers HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\n";
    let v1 = format!("PROXY TCP4 203.0.113.7 127.0.0.1 1234 80\r\n{request}");
    let v2 = format!("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x0b\x0c\x0d\x7f\0\0\x01\x04\x03\0\x50{request}");
    for mode in [Mode::Http, Mode::Auto] {
        let setup = Setup::with(mode, |o| {
            o.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
            o.proxy_protocol = vec![o.listeners[0].port];
        })
        .await;
        setup.switch(1, "blue", &[&blue]).await;
        for (sent, client) in [(&v1, "203.0.113.7"), (&v2, "10.11.12.13")] {
            let seen = seen(&setup, sent).await;
            assert!(seen.contains(&format!("x-forwarded-for: {client}\n")), "{seen}");
        }
        // It need not; and one that is none ends the connection.
        assert!(seen(&setup, request).await.contains("x-forwarded-for: 9.9.9.9\n"));
        assert_eq!(setup.raw("PROXY TCP4 nonsense\r\n").await, "");
    }
    let requests = blue.requests();
    // A stranger is not believed, and nobody where it was not asked for.
    let stranger = Setup::with(Mode::Http, |o| o.proxy_protocol = vec![o.listeners[0].port]).await;
    let plain = Setup::with(Mode::Http, |o| o.trusted_proxies = vec!["127.0.0.0/8".to_owned()]).await;
    for setup in [stranger, plain] {
        setup.switch(1, "blue", &[&blue]).await;
        starts(&setup.raw(&v1).await, "HTTP/1.1 400");
    }
    assert_eq!(blue.requests(), requests);
}

#[tokio::test]
async fn what_belongs_to_one_hop_is_not_passed_on() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let request = "GET http://real.example/headers?a=b HTTP/1.1\r\nHost: fake.example\r\nKeep-Alive: 5\r\n\
        Proxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-Mine: 1\r\nX-Yours: 2\r\n\
        TE: trailers\r\nConnection: x-mine, upgrade, http2-settings\r\n";
    let seen = seen(&setup, request).await;
    assert!(seen.starts_with("GET /headers?a=b\n"), "{seen}");
    for gone in ["keep-alive", "proxy-connection", "upgrade", "http2-settings", "x-mine", "fake"] {
        assert!(!seen.contains(gone), "{gone} in {seen}");
    }
    for kept in ["host: real.example\n", "x-yours: 2\n", "te: trailers\n"] {
        assert!(seen.contains(kept), "{kept} in {seen}");
    }
    let old = setup.raw("GET /headers HTTP/1.0\r\n\r\n").await;
    assert!(old.contains("host: web\n") && !old.to_lowercase().contains("transfer-encoding"), "{old}");
}

#[tokio::test]
async fn a_client_may_end_its_side_before_it_is_answered() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let mut stream = setup.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    eventually(|| async { blue.requests() == 1 }).await;
    blue.slow.add_permits(1);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("blue"), "{answer}");
}

#[tokio::test]
async fn who_waits_for_a_continue_gets_it_from_the_target() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let head = |path| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let mut stream = setup.connect().await;
    stream.write_all(head("/count").as_bytes()).await.unwrap();
    let mut interim = vec![0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("blue 4"), "{answer}");
    // A target that does not want the body is heard before it is sent.
    starts(&setup.raw(&head("/refuse")).await, "HTTP/1.1 417");
}

#[tokio::test]
async fn heads_without_bodies_and_bodies_with_trailers() {
    let server = Replica::raw(|mut stream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let answer: &[u8] = match request[0] {
            b'H' => b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            b'O' => b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 7\r\n\r\n",
            b'D' => b"HTTP/1.1 204 No Content\r\n\r\n",
            b'P' => b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
            _ => b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\
                Trailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n",
        };
        stream.write_all(answer).await.unwrap();
    });
    let setup = Setup::to(Mode::Http, &[&server]).await;
    let ask = async |method: &str| {
        setup
            .raw(&format!("{method} / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n"))
            .await
    };
    let head = ask("HEAD").await;
    assert!(head.contains("Content-Length: 1000") && head.ends_with("\r\n\r\n"), "{head}");
    let unchanged = ask("OPTIONS").await;
    assert!(unchanged.starts_with("HTTP/1.1 304") && unchanged.ends_with("\r\n\r\n"), "{unchanged}");
    let nothing = ask("DELETE").await;
    assert!(nothing.starts_with("HTTP/1.1 204") && !nothing.contains("Content-Length"), "{nothing}");
    let unframed = ask("PUT").await;
    assert!(unframed.contains("until the end"), "{unframed}");
    let trailed = ask("GET").await;
    assert!(
        trailed.starts_with("HTTP/1.1 200") && trailed.ends_with("abc\r\n0\r\nX-Sum: 6\r\n\r\n"),
        "{trailed}"
    );
}

#[tokio::test]
async fn a_body_that_ends_too_early_ends_the_connection() {
    let server = Replica::raw(|mut stream| async move {
        _ = stream.read(&mut [0; 1024]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    });
    let setup = Setup::to(Mode::Http, &[&server]).await;
    let answer = async { reqwest::get(setup.url("/")).await?.bytes().await };
    assert!(answer.await.is_err());
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_order() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let one = "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let last = "GET /headers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = setup.raw(&format!("{one}{one}{last}")).await;
    assert_eq!(answer.matches("blue 3").count(), 2, "{answer}");
    assert!(answer.rfind("blue 3") < answer.find("GET /headers"), "{answer}");
}

/// A body far larger than all buffers, while nobody reads: the sender is held back, and everything arrives after all.
#[tokio::test]
async fn bodies_flow_both_ways_as_fast_as_they_are_taken() {
    const SIZE: usize = 64 * 1024 * 1024;
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let (mut reader, mut writer) = setup.connect().await.into_split();
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = sent.clone();
    let sending = tokio::spawn(async move {
        let head =
            format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n");
        writer.write_all(head.as_bytes()).await.unwrap();
        let chunk = vec![7; 64 * 1024];
        for _ in 0..SIZE / chunk.len() {
            writer.write_all(&chunk).await.unwrap();
            counted.fetch_add(chunk.len(), Ordering::SeqCst);
        }
        writer
    });
    // It stands still when the kernel's buffers are full.
    let mut last = usize::MAX;
    eventually(|| {
        let now = sent.load(Ordering::SeqCst);
        let still = now == std::mem::replace(&mut last, now);
        async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            still && now > 0
        }
    })
    .await;
    assert!(sent.load(Ordering::SeqCst) < SIZE / 2, "{}", sent.load(Ordering::SeqCst));
    let mut answer = Vec::with_capacity(SIZE + 1024);
    reader.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&[7; 1024]) && answer.len() > SIZE);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_target() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let mut stream = setup.connect().await;
    let head = "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await.unwrap();
    eventually(|| async { blue.seen.body_bytes.load(Ordering::SeqCst) == 3 }).await;
    assert_eq!(setup.status().await.in_flight, 1);
    drop(stream);
    eventually(|| async { setup.status().await.in_flight == 0 }).await;
}
