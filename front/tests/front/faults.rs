//! Targets that refuse, vanish, come back, and close at a bad moment.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use front::{Listener, Mode};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::replica::{Replica, address};
use crate::setup::{Setup, eventually};

async fn get(setup: &Setup) -> String {
    reqwest::get(setup.url("/")).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_request_waits_for_a_route() {
    let blue = Replica::start("blue");
    let setup = Setup::new(Mode::Http).await;
    let url = setup.url("/count");
    let waiting = tokio::spawn(reqwest::Client::new().post(url).body("12345").send());
    eventually(|| async { setup.status().await.held == 1 }).await;
    setup.switch(1, "blue", &[&blue]).await;
    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "blue 5");
}

#[tokio::test]
async fn a_request_that_waits_in_vain_is_answered_503() {
    let setup = Setup::with(Mode::Http, |o| o.hold_ms = 30).await;
    for _ in 0..2 {
        let answer = reqwest::get(setup.url("/")).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        setup.switch(1, "blue", &[]).await;
    }
    let gone = Replica::start_at(address(), "gone");
    gone.stop();
    setup.switch(2, "green", &[&gone]).await;
    assert_eq!(reqwest::get(setup.url("/")).await.unwrap().status(), 503);
    let status = setup.status().await;
    assert_eq!((status.held, status.in_flight), (0, 0));
}

#[tokio::test]
async fn a_refused_connect_is_tried_elsewhere_and_the_target_is_left_alone_until_it_answers() {
    let (one, other) = (Replica::start("one"), Replica::start("other"));
    let setup = Setup::to(Mode::Http, &[&one, &other]).await;
    one.stop();
    eventually(|| async { std::net::TcpStream::connect(one.address).is_err() }).await;
    let client = reqwest::Client::new();
    for _ in 0..20 {
        let post = client.post(setup.url("/count")).body("abc").send().await.unwrap();
        assert_eq!(post.text().await.unwrap(), "other 3");
        assert_eq!(get(&setup).await, "other");
    }
    let healthy = async || setup.status().await.targets.iter().filter(|t| t.healthy).count();
    assert_eq!(healthy().await, 1);
    let back = Replica::start_at(one.address, "back");
    eventually(|| async { healthy().await == 2 }).await;
    eventually(|| async { get(&setup).await == "back" }).await;
    assert!(back.requests() > 0);
}

#[tokio::test]
async fn the_replica_that_is_used_least_is_asked() {
    let (one, other) = (Replica::start("one"), Replica::start("other"));
    let setup = Setup::to(Mode::Http, &[&one, &other]).await;
    let mut slow = JoinSet::new();
    for _ in 0..10 {
        slow.spawn(reqwest::get(setup.url("/slow")));
    }
    eventually(|| async { one.requests() + other.requests() == 10 }).await;
    assert_eq!((one.requests(), other.requests()), (5, 5));
    one.slow.add_permits(5);
    for _ in 0..5 {
        slow.join_next().await;
    }
    eventually(|| async { setup.status().await.in_flight == 5 }).await;
    for _ in 0..5 {
        assert_eq!(get(&setup).await, "one");
    }
    other.slow.add_permits(5);
    slow.join_all().await;
}

#[tokio::test]
async fn a_target_that_is_restarted_keeps_requests_waiting_only() {
    let one = Replica::start("one");
    let setup = Setup::to(Mode::Http, &[&one]).await;
    assert_eq!(get(&setup).await, "one");
    one.stop();
    eventually(|| async { std::net::TcpStream::connect(one.address).is_err() }).await;
    let waiting = tokio::spawn(reqwest::get(setup.url("/")));
    eventually(|| async { setup.status().await.held == 1 }).await;
    let _again = Replica::start_at(one.address, "again");
    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "again");
}

/// Answers some requests and closes the idle connection a random moment later, which is sometimes the moment in which
/// the next request is on its way.
fn hasty(received: Arc<Mutex<Vec<String>>>) -> Replica {
    let turn = Arc::new(AtomicU64::new(1));
    Replica::raw(move |mut stream| {
        let (received, turn) = (received.clone(), turn.clone());
        async move {
            stream.set_nodelay(true).unwrap();
            loop {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    request.push(byte);
                }
                let head = String::from_utf8(request).unwrap();
                let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |l| l.parse().unwrap())];
                stream.read_exact(&mut body).await.unwrap();
                received.lock().unwrap().push(String::from_utf8(body).unwrap());
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                // A poor man's random number: 0 to 2 ms.
                let micros = turn.fetch_add(7919, Ordering::Relaxed) * 2_654_435_761 % 2000;
                let pause = Duration::from_micros(micros);
                let mut peeked = [0];
                match tokio::time::timeout(pause, stream.peek(&mut peeked)).await {
                    Ok(Ok(1)) if !micros.is_multiple_of(3) => {}
                    // Closes without looking, also when a request is there already.
                    _ => return,
                }
            }
        }
    })
}

async fn bad_moments(method: Method) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let target = hasty(received.clone());
    let setup = Setup::to(Mode::Http, &[&target]).await;
    let client = reqwest::Client::new();
    let mut clients = JoinSet::new();
    for number in 0..8 {
        let (client, method, url) = (client.clone(), method.clone(), setup.url("/"));
        clients.spawn(async move {
            for turn in 0..60 {
                let mut request = client.request(method.clone(), &url);
                if method == Method::POST {
                    request = request.body(format!("{number}/{turn}"));
                }
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 200, "{method} {number}/{turn}");
                assert_eq!(answer.text().await.unwrap(), "ok");
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    if method == Method::POST {
        let received = received.lock().unwrap();
        let distinct: HashSet<_> = received.iter().collect();
        assert_eq!((received.len(), distinct.len()), (480, 480), "each exactly once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_get_fails_when_a_target_closes_its_idle_connections_at_a_bad_moment() {
    bad_moments(Method::GET).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_post_is_lost_or_doubled_when_a_target_closes_its_idle_connections_at_a_bad_moment() {
    bad_moments(Method::POST).await;
}

#[tokio::test]
async fn connections_to_a_target_are_used_again() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    for path in ["/", "/echo", "/headers", "/"] {
        for _ in 0..10 {
            reqwest::get(setup.url(path)).await.unwrap().text().await.unwrap();
        }
    }
    assert_eq!((blue.connections(), blue.requests()), (1, 40));
}

#[tokio::test]
async fn a_post_that_was_received_and_not_answered_is_not_sent_again() {
    let received = Arc::new(AtomicU64::new(0));
    let counted = received.clone();
    let target = Replica::raw(move |mut stream| {
        let counted = counted.clone();
        async move {
            _ = stream.read(&mut [0; 4096]).await;
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let setup = Setup::to(Mode::Http, &[&target]).await;
    let answer = reqwest::Client::new().post(setup.url("/")).body("once").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), received.load(Ordering::SeqCst)), (502, 1));
    let answer = reqwest::get(setup.url("/")).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(received.load(Ordering::SeqCst) > 2, "a GET may be sent again");
}

#[tokio::test]
async fn a_target_that_does_not_answer_in_time_is_a_504() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| o.limits.response_ms = 50).await;
    setup.switch(1, "blue", &[&blue]).await;
    assert_eq!(reqwest::get(setup.url("/slow")).await.unwrap().status(), 504);
    assert_eq!(get(&setup).await, "blue");
}

#[tokio::test]
async fn a_port_that_nothing_listens_on_says_nothing_about_the_others() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| {
        o.hold_ms = 30;
        o.listeners.push(Listener { port: 9, mode: Mode::Http, loopback: false });
    })
    .await;
    setup.switch(1, "blue", &[&blue]).await;
    let silent = format!("http://{}/", setup.addresses[1]);
    assert_eq!(reqwest::get(silent).await.unwrap().status(), 503);
    let target = &setup.status().await.targets[0];
    assert!(target.healthy && target.down == [9], "{target:?}");
    assert_eq!(get(&setup).await, "blue");
}

#[tokio::test]
async fn a_tcp_connect_that_is_refused_is_tried_elsewhere() {
    let (gone, other) = (Replica::start("gone"), Replica::start("other"));
    gone.stop();
    eventually(|| async { std::net::TcpStream::connect(gone.address).is_err() }).await;
    let setup = Setup::to(Mode::Tcp, &[&gone, &other]).await;
    for _ in 0..4 {
        let mut stream = setup.connect().await;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("other"), "{answer}");
    }
}
