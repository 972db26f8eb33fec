//! Replicas that answer badly, late, half or not at all: what their clients see of it, and that others step in where
//! that cannot do harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use front::Mode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::replica::Replica;
use crate::setup::{Setup, eventually};

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Answers every request with these bytes, and closes.
fn says(answer: impl Into<Vec<u8>>) -> Replica {
    let answer: Arc<[u8]> = answer.into().into();
    Replica::raw(move |mut stream| {
        let answer = answer.clone();
        async move {
            if read_head(&mut stream).await.is_some() {
                _ = stream.write_all(&answer).await;
                _ = stream.shutdown().await;
                _ = stream.read_to_end(&mut Vec::new()).await;
            }
        }
    })
}

/// Reads a request's head, says this much, and resets the connection.
fn resets_after(words: &'static str) -> Replica {
    Replica::raw(move |mut stream| async move {
        if read_head(&mut stream).await.is_some() {
            _ = stream.write_all(words.as_bytes()).await;
            stream.set_zero_linger().unwrap();
        }
    })
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn an_answer_that_is_no_answer_is_a_502_and_not_asked_for_again() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101));
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(200_000));
    for answer in [
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "\x15\x03\x01\x00\x02\x02\x50",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        &many,
        &large,
    ] {
        let replica = says(answer);
        let setup = Setup::to(Mode::Http, &[&replica]).await;
        for request in [GET, POST] {
            let answered = setup.raw(request).await;
            let shown = &answer[..answer.len().min(60)];
            assert!(
                answered.starts_with("HTTP/1.1 502"),
                "{shown:?}: {:?}",
                &answered[..answered.len().min(200)]
            );
        }
        assert_eq!(replica.connections(), 2, "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_framed_in_two_ways_leaves_the_front_framed_in_one() {
    let both =
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let replica = says(both);
    let setup = Setup::to(Mode::Http, &[&replica]).await;
    let answer = setup.raw(GET).await;
    assert!(!answer.contains("Content-Length") && answer.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{answer:?}");
}

#[tokio::test]
async fn what_a_replica_says_unasked_is_nobodys_answer() {
    let replica = Replica::raw(|mut stream| async move {
        while read_head(&mut stream).await.is_some() {
            let two = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none".to_owned()
                + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo";
            stream.write_all(two.as_bytes()).await.unwrap();
        }
    });
    let setup = Setup::to(Mode::Http, &[&replica]).await;
    for _ in 0..10 {
        assert_eq!(reqwest::get(setup.url("/")).await.unwrap().text().await.unwrap(), "one");
    }
}

#[tokio::test]
async fn half_an_answer_is_never_a_whole_one() {
    for half in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ] {
        for replica in [says(half), resets_after(half)] {
            let setup = Setup::to(Mode::Http, &[&replica]).await;
            let answer = async { reqwest::get(setup.url("/")).await?.bytes().await };
            assert!(answer.await.is_err(), "{half:?}");
            let status = setup.status().await;
            assert_eq!(status.in_flight, 0);
        }
    }
}

#[tokio::test]
async fn a_replica_that_resets_costs_a_get_nothing_and_a_post_a_502() {
    for words in ["", "HTTP/1.1 200 OK\r\nConte"] {
        let (bad, good) = (resets_after(words), Replica::start("good"));
        let setup = Setup::to(Mode::Http, &[&bad, &good]).await;
        for _ in 0..6 {
            let answer = setup.raw(GET).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("good"), "{words:?}: {answer:?}");
        }
        let (reached, asked) = (bad.connections(), good.requests());
        assert!(reached > 0, "it was tried");
        let mut refused = 0;
        for _ in 0..6 {
            let answer = setup.raw(POST).await;
            refused += u64::from(answer.starts_with("HTTP/1.1 502"));
        }
        // Each went to one replica and never to a second one.
        assert_eq!((bad.connections() - reached, good.requests() - asked), (refused, 6 - refused));
        assert!(refused > 0);
    }
}

#[tokio::test]
async fn a_replica_that_hangs_holds_up_its_own_requests_only() {
    let hung = Replica::raw(|mut stream| async move {
        _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let good = Replica::start("good");
    let setup = Setup::with(Mode::Http, |o| o.limits.response_ms = 300).await;
    setup.switch(1, "blue", &[&hung, &good]).await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let url = setup.url("/");
        all.spawn(async move { reqwest::get(url).await.unwrap().status().as_u16() });
    }
    let answers = all.join_all().await;
    assert!(answers.iter().all(|s| [200, 504].contains(s)), "{answers:?}");
    // Least connections: who does not answer is asked no more while others do.
    assert!(answers.iter().filter(|s| **s == 200).count() >= 5, "{answers:?}");
    eventually(|| async { setup.status().await.in_flight == 0 }).await;
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let replica = Replica::raw(|mut stream| async move {
        _ = read_head(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" {
            stream.write_u8(*byte).await.unwrap();
            stream.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let setup = Setup::to(Mode::Http, &[&replica]).await;
    assert_eq!(reqwest::get(setup.url("/")).await.unwrap().text().await.unwrap(), "hello");
}

#[tokio::test]
async fn an_early_answer_arrives_although_the_client_still_sends() {
    for close in ["Connection: close\r\n", ""] {
        let replica = Replica::raw(move |mut stream| async move {
            _ = read_head(&mut stream).await;
            let answer = format!("HTTP/1.1 413 Too Large\r\n{close}Content-Length: 5\r\n\r\nlarge");
            _ = stream.write_all(answer.as_bytes()).await;
            _ = stream.shutdown().await;
            _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let setup = Setup::to(Mode::Http, &[&replica]).await;
        for _ in 0..5 {
            let mut stream = setup.connect().await;
            let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            let (mut reader, mut writer) = stream.into_split();
            let sending = tokio::spawn(async move {
                let sent = writer.write_all(&vec![b'x'; 4_000_000]).await;
                (writer, sent)
            });
            let mut answer = Vec::new();
            while !answer.ends_with(b"large") {
                answer.push(reader.read_u8().await.unwrap());
            }
            assert!(answer.starts_with(b"HTTP/1.1 413"));
            _ = sending.await;
        }
        eventually(|| async { setup.status().await.in_flight == 0 }).await;
    }
}

#[tokio::test]
async fn a_request_whose_body_does_not_come_is_a_408() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| o.limits.body_ms = 50).await;
    setup.switch(1, "blue", &[&blue]).await;
    for framing in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let answer = setup.raw(&format!("POST /count HTTP/1.1\r\nHost: a\r\n{framing}")).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("Connection: close"), "{answer:?}");
    }
    eventually(|| async { setup.status().await.in_flight == 0 }).await;
}

#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| o.limits.response_ms = 60).await;
    setup.switch(1, "blue", &[&blue]).await;
    let mut stream = setup.connect().await;
    let head = "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(b"x").await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("blue 10"), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = sent.clone();
    let endless = Replica::raw(move |mut stream| {
        let counted = counted.clone();
        async move {
            _ = read_head(&mut stream).await;
            _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[7; 64 * 1024]).await.is_ok() {
                counted.fetch_add(64 * 1024, Ordering::SeqCst);
            }
        }
    });
    let setup = Setup::with(Mode::Http, |o| o.limits.send_ms = 100).await;
    setup.switch(1, "blue", &[&endless]).await;
    let mut stream = setup.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    eventually(|| async { sent.load(Ordering::SeqCst) > 0 && setup.status().await.in_flight == 0 }).await;
    // An endless body is held back by the kernel's buffers, not by the front's memory.
    assert!(sent.load(Ordering::SeqCst) < 64 * 1024 * 1024);
}

#[tokio::test]
async fn hints_are_not_taken_for_the_answer() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(3);
    let replica = says(format!(
        "HTTP/1.1 100 Continue\r\n\r\n{hints}HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    ));
    let setup = Setup::to(Mode::Http, &[&replica]).await;
    let answer = setup.raw(GET).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("abc"), "{answer:?}");
}
