//! HTTP/2 with prior knowledge.

use std::convert::Infallible;

use bytes::Bytes;
use front::Mode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::replica::Replica;
use crate::setup::{Setup, eventually};

async fn connect(setup: &Setup) -> SendRequest<Full<Bytes>> {
    let stream = TokioIo::new(setup.connect().await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(path: &str) -> http::request::Builder {
    Request::builder().uri(format!("http://shop.example{path}"))
}

async fn text(sender: &SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> (u16, String) {
    let response = sender.clone().send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn forwarded_as_http1(mode: Mode) {
    let (blue, green) = (Replica::start("blue"), Replica::start("green"));
    let setup = Setup::to(mode, &[&blue]).await;
    let sender = connect(&setup).await;
    let asked = request("/headers?x=y").header("cookie", "a=b").header("cookie", "c=d");
    let (status, seen) = text(&sender, asked.body(Full::default()).unwrap()).await;
    assert_eq!(status, 200);
    assert!(seen.starts_with("GET /headers?x=y\n"), "{seen}");
    for line in ["host: shop.example", "cookie: a=b; c=d", "x-forwarded-for: 127.0.0.1"] {
        assert!(seen.contains(&format!("{line}\n")), "{line} in {seen}");
    }
    let large = "x".repeat(300_000);
    let echo = request("/echo").method("POST").body(Full::from(large.clone())).unwrap();
    assert_eq!(text(&sender, echo).await, (200, large));
    let twice = request("/").header("host", "other.example").body(Full::default()).unwrap();
    assert_eq!(text(&sender, twice).await.0, 400);
    // Requests of one connection run beside each other, are counted, and move with the route one by one.
    let slow = request("/slow").body(Full::default()).unwrap();
    let (waiting, asked) = (sender.clone(), blue.requests());
    let slow = tokio::spawn(async move { text(&waiting, slow).await });
    eventually(|| async { blue.requests() == asked + 1 }).await;
    setup.switch(2, "green", &[&green]).await;
    let next = request("/").body(Full::default()).unwrap();
    assert_eq!(text(&sender, next).await, (200, "green".to_owned()));
    assert_eq!(setup.drain(20).await, 1);
    blue.slow.add_permits(1);
    assert_eq!(slow.await.unwrap(), (200, "blue".to_owned()));
    assert_eq!(setup.drain(5000).await, 0);
}

#[tokio::test]
async fn every_stream_is_a_request() {
    forwarded_as_http1(Mode::Http).await;
    forwarded_as_http1(Mode::Auto).await;
}

#[tokio::test]
async fn a_target_that_speaks_it_itself_is_not_translated_for() {
    let server = Replica::raw(|stream| async move {
        let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!("{:?}", request.version()))))
        });
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        _ = builder.serve_connection(TokioIo::new(stream), service).await;
    });
    let setup = Setup::to(Mode::Auto, &[&server]).await;
    for _ in 0..2 {
        let sender = connect(&setup).await;
        let answer = text(&sender, request("/").body(Full::default()).unwrap()).await;
        assert_eq!(answer, (200, "HTTP/2.0".to_owned()));
    }
}

#[tokio::test]
async fn who_takes_back_what_it_asks_for_is_cut_off() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let mut stream = setup.connect().await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for number in 0..20_000u32 {
        let id = (number * 2 + 1).to_be_bytes();
        // GET, http, /slow and no authority but a Host: all of it from the table or as it is.
        let block = b"\x82\x86\x04\x05/slow\x66\x01a";
        bytes.extend([0, 0, block.len() as u8, 1, 5]);
        bytes.extend(id);
        bytes.extend(block);
        bytes.extend([0, 0, 4, 3, 0]);
        bytes.extend(id);
        bytes.extend([0, 0, 0, 8]);
    }
    // It is closed long before all of that is read.
    _ = stream.write_all(&bytes).await;
    _ = stream.read_to_end(&mut Vec::new()).await;
    eventually(|| async { setup.status().await.in_flight == 0 }).await;
    assert!(blue.requests() < 2_000, "{}", blue.requests());
    assert_eq!(reqwest::get(setup.url("/")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_stop_waits_for_streams() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| o.limits.idle_ms = 100).await;
    setup.switch(1, "blue", &[&blue]).await;
    let sender = connect(&setup).await;
    let waiting = sender.clone();
    let slow = request("/slow").body(Full::default()).unwrap();
    let slow = tokio::spawn(async move { text(&waiting, slow).await });
    eventually(|| async { blue.requests() == 1 }).await;
    // Longer than it may be idle: it is not.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    blue.slow.add_permits(1);
    assert_eq!(slow.await.unwrap(), (200, "blue".to_owned()));
    eventually(|| async { sender.is_closed() }).await;
    setup.stop().await;
}
