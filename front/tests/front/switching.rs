//! The promise: a switch costs no request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use front::Mode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::replica::Replica;
use crate::setup::{Setup, eventually};

/// Clients of every kind that ask until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: JoinSet<()>,
}

impl Load {
    fn start(setup: &Setup) -> Self {
        let mut load = Self { stop: Arc::default(), done: Arc::default(), clients: JoinSet::new() };
        let kept = reqwest::Client::new();
        let single = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        for _ in 0..4 {
            load.client(kept.get(setup.url("/")), None);
            load.client(
                kept.post(setup.url("/echo")).body("a body".repeat(1000)),
                Some("a body".repeat(1000)),
            );
            load.client(single.get(setup.url("/")), None);
        }
        load
    }

    fn client(&mut self, request: reqwest::RequestBuilder, expected: Option<String>) {
        let (stop, done) = (self.stop.clone(), self.done.clone());
        self.clients.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let response = request.try_clone().unwrap().send().await.unwrap();
                assert_eq!(response.status(), 200);
                let text = response.text().await.unwrap();
                assert!(expected.as_ref().is_none_or(|e| *e == text));
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    async fn more(&self, count: u64) {
        let goal = self.done.load(Ordering::Relaxed) + count;
        eventually(|| async { self.done.load(Ordering::Relaxed) >= goal }).await;
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
    }
}

async fn switch_under_load(mode: Mode) {
    let mut live = Replica::start("blue");
    let setup = Setup::to(mode, &[&live]).await;
    let load = Load::start(&setup);
    for release in 2..12 {
        load.more(30).await;
        let next = Replica::start("next");
        setup.switch(release, "any", &[&next]).await;
        assert_eq!(setup.drain(5000).await, 0);
        // What was drained may be killed.
        live.stop();
        live = next;
    }
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_switches_under_load_fail_no_request() {
    switch_under_load(Mode::Http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_switches_under_load_fail_no_request_when_the_front_has_to_find_out() {
    switch_under_load(Mode::Auto).await;
}

#[tokio::test]
async fn a_client_that_stays_is_answered_by_the_new_color() {
    let (blue, green) = (Replica::start("blue"), Replica::start("green"));
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build().unwrap();
    let ask = async || client.get(setup.url("/")).send().await.unwrap().text().await.unwrap();
    assert_eq!(ask().await, "blue");
    let previous = setup.switch(2, "green", &[&green]).await.unwrap();
    assert_eq!((previous.release, previous.color.as_str()), (1, "blue"));
    assert_eq!(ask().await, "green");
    assert_eq!(setup.switch(2, "green", &[&green]).await.unwrap().release, 2);
    assert_eq!(ask().await, "green");
    assert_eq!(green.connections(), 1);
}

#[tokio::test]
async fn drain_waits_for_a_slow_request() {
    let (blue, green) = (Replica::start("blue"), Replica::start("green"));
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let slow = tokio::spawn(reqwest::get(setup.url("/slow")));
    eventually(|| async { blue.requests() == 1 }).await;
    setup.switch(2, "green", &[&green]).await;
    assert_eq!(setup.drain(20).await, 1);
    // A drain that waits keeps nobody else waiting.
    let (remaining, ()) = tokio::join!(setup.drain(5000), async {
        assert_eq!(setup.status().await.in_flight, 1);
        blue.slow.add_permits(1);
    });
    assert_eq!(remaining, 0);
    assert_eq!(slow.await.unwrap().unwrap().text().await.unwrap(), "blue");
}

#[tokio::test]
async fn drain_waits_for_an_upgraded_stream() {
    let (blue, green) = (Replica::start("blue"), Replica::start("green"));
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let mut stream = setup.connect().await;
    let request = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: words\r\n\r\nearly ";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"hello early ") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("upgrade: words") && head.contains("connection: upgrade"), "{head}");
    setup.switch(2, "green", &[&green]).await;
    assert_eq!(setup.drain(20).await, 1);
    stream.write_all(b"late ").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "late blue");
    assert_eq!(setup.drain(5000).await, 0);
}

#[tokio::test]
async fn a_stop_lets_what_is_in_flight_finish() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let slow = tokio::spawn(reqwest::get(setup.url("/slow")));
    eventually(|| async { blue.requests() == 1 }).await;
    let idle = setup.connect().await;
    let stopping = tokio::spawn(setup.stop());
    tokio::time::sleep(Duration::from_millis(20)).await;
    blue.slow.add_permits(1);
    assert_eq!(slow.await.unwrap().unwrap().text().await.unwrap(), "blue");
    stopping.await.unwrap();
    drop(idle);
}

#[tokio::test]
async fn a_stop_waits_only_so_long() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| o.limits.stop_ms = 50).await;
    setup.switch(1, "blue", &[&blue]).await;
    let slow = tokio::spawn(reqwest::get(setup.url("/slow")));
    eventually(|| async { blue.requests() == 1 }).await;
    setup.stop().await;
    assert!(slow.await.unwrap().is_err());
}
