//! What happens to bodies that are too large and connections that go on after an error.

use std::time::Duration;

use crate::garage::{Garage, free_port};
use crate::harness::Service;
use crate::wire::{Wire, upload};

const LIMIT: &str = "1000000";

async fn service() -> Service {
    Service::start_with(&format!("127.0.0.1:{}", free_port()), &[("MAX_BODY_BYTES", LIMIT)]).await
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_even_by_clients_that_send_before_they_read() {
    let service = service().await;
    for size in [1_000_001, 64 << 20] {
        let mut wire = Wire::connect(service.address).await;
        wire.send(upload(size, "")).await;
        wire.send(vec![b'x'; size]).await;
        let (head, body) = wire.answer().await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        assert_eq!(body, "{\"error\":\"The document is too large\"}");
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let service = service().await;
    let mut wire = Wire::connect(service.address).await;
    wire.send(upload(1 << 30, "Expect: 100-continue\r\n")).await;
    let (head, _) = wire.answer().await;
    assert!(head.starts_with("HTTP/1.1 413 ") && head.contains("connection: close"), "{head}");
}

#[tokio::test]
async fn a_body_without_a_length_is_measured_while_it_comes() {
    let service = service().await;
    let pieces = futures_util::stream::iter((0..3).map(|_| Ok::<_, std::io::Error>(vec![b'1'; 400_000])));
    service.post_as("application/json", reqwest::Body::wrap_stream(pieces)).await.refuses(413);
}

#[tokio::test]
async fn more_large_documents_than_fit_into_memory_are_asked_to_come_later() {
    let service = service().await;
    let mut wires = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::connect(service.address).await;
        wire.begin_upload(1_000_000).await;
        wires.push(wire);
    }
    let late = service.post_as("application/json", vec![b'1'; 1_000_000]).await;
    late.refuses(503);
    assert_eq!(late.body["error"], "Too many large documents at once");
    assert!(late.headers.contains_key("retry-after"), "{late:?}");
}

#[tokio::test]
async fn documents_up_to_the_limit_are_stored_and_read() {
    let garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    let text = format!("\"{}\"", "x".repeat((16 << 20) - 2));
    let uploaded = service.post_as("application/json", text.clone()).await;
    let read = service.get(&format!("/data/{}", uploaded.filename())).await;
    assert_eq!(read.body["data"].as_str().unwrap().len(), text.len() - 2);
    service.post_as("application/json", text + " ").await.refuses(413);
}

#[tokio::test]
async fn a_connection_goes_on_after_errors() {
    let service = service().await;
    let mut wire = Wire::connect(service.address).await;
    for (request, status) in [
        ("GET /nope HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(), "404"),
        ("PUT /data HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "405"),
        ("POST /data HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "415"),
        (upload(1, "") + "{", "400"),
        (upload(2, "") + "{}", "400"),
        ("GET /data HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(), "503"),
        ("GET /health HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(), "200"),
    ] {
        wire.send(&request).await;
        let (head, _) = wire.answer().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request} got {head}");
    }
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_closes_what_is_idle() {
    let garage = Garage::start();
    let mut service = Service::start(&garage.endpoint()).await;
    let mut idle = Wire::connect(service.address).await;
    idle.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n").await;
    idle.answer().await;
    let mut busy = Wire::connect(service.address).await;
    busy.begin_upload(7).await;
    busy.send("{\"a\"").await;
    let address = service.address;

    service.stop();
    assert!(idle.ended().await);
    tokio::net::TcpStream::connect(address).await.expect_err("nothing listens any more");
    busy.send(":1}").await;
    let (head, body) = busy.answer().await;
    assert!(head.starts_with("HTTP/1.1 201 "), "{head}{body}");
    tokio::time::timeout(Duration::from_secs(1), service.stopped()).await.unwrap();
}
