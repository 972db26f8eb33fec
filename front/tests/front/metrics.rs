//! What a front counts, as its readers see it.

use front::Mode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::replica::Replica;
use crate::setup::{Setup, eventually};

/// The value of the series whose line begins like this.
fn value(text: &str, series: &str) -> u64 {
    let line = text.lines().find_map(|l| l.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn requests_are_counted_for_each_release_and_color() {
    let (blue, green) = (Replica::start("blue"), Replica::start("green"));
    let setup = Setup::to(Mode::Auto, &[&blue]).await;
    let client = reqwest::Client::new();
    client.post(setup.url("/count")).body("12345").send().await.unwrap().text().await.unwrap();
    assert_eq!(client.get(setup.url("/refuse")).send().await.unwrap().status(), 417);
    setup.switch(2, "green", &[&green]).await;
    setup.drain(5000).await;
    reqwest::get(setup.url("/")).await.unwrap().text().await.unwrap();
    setup.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    let text = setup.admin.metrics().await.unwrap();
    let blue = "service=\"web\",release=\"1\",color=\"blue\"";
    let green = "service=\"web\",release=\"2\",color=\"green\"";
    for (series, expected) in [
        (format!("front_requests_total{{{blue},class=\"2xx\"}}"), 1),
        (format!("front_requests_total{{{blue},class=\"4xx\"}}"), 1),
        (format!("front_requests_total{{{green},class=\"2xx\"}}"), 1),
        ("front_requests_total{service=\"web\",release=\"\",color=\"\",class=\"4xx\"}".to_owned(), 1),
        (format!("front_request_seconds_count{{{blue}}}"), 2),
        (format!("front_request_seconds_bucket{{{blue},le=\"+Inf\"}}"), 2),
        (format!("front_in_flight{{{blue}}}"), 0),
        (format!("front_received_bytes_total{{{blue}}}"), 5),
        (format!("front_sent_bytes_total{{{green}}}"), 5),
        ("front_switches_total{service=\"web\"}".to_owned(), 2),
        ("front_drains_total{service=\"web\"}".to_owned(), 1),
        ("front_drains_cut_short_total{service=\"web\"}".to_owned(), 0),
        ("front_connections_total{service=\"web\",kind=\"http\"}".to_owned(), 3),
    ] {
        assert_eq!(value(&text, &series), expected, "{series} in {text}");
    }
}

#[tokio::test]
async fn waiting_retries_and_connections_are_counted() {
    let (gone, other) = (Replica::start("gone"), Replica::start("other"));
    gone.stop();
    eventually(|| async { std::net::TcpStream::connect(gone.address).is_err() }).await;
    let setup = Setup::new(Mode::Auto).await;
    let mut stream = setup.connect().await;
    stream.write_all(b"\x01\x02\x03").await.unwrap();
    let held = "front_held{service=\"web\"}";
    eventually(|| async { value(&setup.admin.metrics().await.unwrap(), held) == 1 }).await;
    setup.switch(1, "blue", &[&gone, &other]).await;
    for _ in 0..3 {
        reqwest::get(setup.url("/")).await.unwrap().text().await.unwrap();
    }
    let series = "service=\"web\",release=\"1\",color=\"blue\"";
    let text = setup.admin.metrics().await.unwrap();
    assert_eq!(value(&text, held), 0);
    assert!(value(&text, "front_held_total{service=\"web\"}") >= 1);
    assert_eq!(value(&text, &format!("front_requests_total{{{series},class=\"2xx\"}}")), 3);
    // It was tried by the connection that waited, or by the first request.
    let retried = value(&text, &format!("front_connect_retries_total{{{series}}}"));
    assert_eq!(retried, 1, "{text}");
    assert_eq!(value(&text, "front_connections_total{service=\"web\",kind=\"tcp\"}"), 1);
    drop(stream);
    let open = "front_connections{service=\"web\",kind=\"tcp\"}";
    eventually(|| async { value(&setup.admin.metrics().await.unwrap(), open) == 0 }).await;
    assert_eq!(
        value(&setup.admin.metrics().await.unwrap(), &format!("front_received_bytes_total{{{series}}}")),
        3
    );
}

#[tokio::test]
async fn old_releases_are_forgotten() {
    let setup = Setup::new(Mode::Http).await;
    for release in 1..=40 {
        setup.switch(release, "blue", &[]).await;
    }
    let text = setup.admin.metrics().await.unwrap();
    assert!(text.contains("release=\"40\"") && !text.contains("release=\"30\""), "{text}");
    // It fits a line of the admin protocol.
    assert!(serde_json::to_string(&text).unwrap().len() < 32 * 1024);
}

#[tokio::test]
async fn they_may_be_read_on_a_port_of_their_own() {
    let port = std::net::TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let setup = Setup::with(Mode::Http, |o| o.metrics = Some(port)).await;
    setup.switch(7, "green", &[]).await;
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.text().await.unwrap().contains("release=\"7\",color=\"green\""));
    let other = reqwest::get(format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!(other.status(), 404);
    let mut idle = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    setup.stop().await;
    assert_eq!(idle.read(&mut [0]).await.unwrap_or(0), 0);
}
