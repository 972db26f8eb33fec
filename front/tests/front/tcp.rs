//! Connections that are not HTTP, and how they are told from those that are.

use front::Mode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::replica::Replica;
use crate::setup::{Setup, eventually};

async fn read_exactly(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

/// Greets, reads until the client ends, says how much it was, and ends.
fn greeter() -> Replica {
    Replica::raw(|mut stream| async move {
        stream.write_all(b"220 ready\r\n").await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        stream.write_all(format!("{} bytes", said.len()).as_bytes()).await.unwrap();
    })
}

/// Waits for the client, like most.
fn listener() -> Replica {
    Replica::raw(|mut stream| async move {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        said.reverse();
        stream.write_all(&said).await.unwrap();
    })
}

async fn half_close(mode: Mode) {
    let server = listener();
    let setup = Setup::to(mode, &[&server]).await;
    let mut stream = setup.connect().await;
    stream.write_all(b"abc\ndef").await.unwrap();
    stream.shutdown().await.unwrap();
    read_exactly(&mut stream, "fed\ncba").await;
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn each_side_ends_by_itself() {
    half_close(Mode::Tcp).await;
    half_close(Mode::Auto).await;
}

async fn server_speaks_first(mode: Mode) {
    let server = greeter();
    let setup = Setup::to(mode, &[&server]).await;
    let mut stream = setup.connect().await;
    read_exactly(&mut stream, "220 ready\r\n").await;
    assert_eq!(setup.status().await.in_flight, 1);
    stream.write_all(&[7; 100_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    read_exactly(&mut stream, "100000 bytes").await;
}

#[tokio::test]
async fn a_server_may_speak_first() {
    server_speaks_first(Mode::Tcp).await;
    server_speaks_first(Mode::Auto).await;
}

#[tokio::test]
async fn a_late_request_is_still_a_request() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Auto, &[&blue]).await;
    let mut stream = setup.connect().await;
    eventually(|| async { blue.connections() == 1 }).await;
    for part in [
        "GE",
        "T /head",
        "ers HTTP/1.1\r\nHo",
        "st: a\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n",
    ] {
        stream.write_all(part.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("GET /headers") && answer.contains("x-forwarded-for: 127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn a_silent_connection_moves_with_the_route_and_keeps_nobody_waiting() {
    let (blue, green) = (Replica::start("blue"), Replica::start("green"));
    let setup = Setup::to(Mode::Auto, &[&blue]).await;
    let mut stream = setup.connect().await;
    eventually(|| async { blue.connections() == 1 }).await;
    setup.switch(2, "green", &[&green]).await;
    assert_eq!(setup.drain(5000).await, 0);
    eventually(|| async { green.connections() == 1 }).await;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("green"), "{answer}");
}

#[tokio::test]
async fn drain_leaves_a_connection_alone_which_goes_on() {
    for mode in [Mode::Auto, Mode::Tcp] {
        let (blue, green) = (greeter(), greeter());
        let setup = Setup::to(mode, &[&blue]).await;
        let mut stream = setup.connect().await;
        read_exactly(&mut stream, "220 ready\r\n").await;
        setup.switch(2, "green", &[&green]).await;
        let begin = std::time::Instant::now();
        assert_eq!(setup.drain(60_000).await, 0);
        assert!(begin.elapsed().as_secs() < 30, "it was not waited for");
        assert_eq!(setup.status().await.in_flight, 1);
        stream.write_all(b"still").await.unwrap();
        stream.shutdown().await.unwrap();
        read_exactly(&mut stream, "5 bytes").await;
        eventually(|| async { setup.status().await.in_flight == 0 }).await;
    }
}

#[tokio::test]
async fn a_connection_ends_when_its_replica_is_stopped() {
    let (blue, green) = (greeter(), greeter());
    let setup = Setup::to(Mode::Tcp, &[&blue]).await;
    let mut stream = setup.connect().await;
    read_exactly(&mut stream, "220 ready\r\n").await;
    setup.switch(2, "green", &[&green]).await;
    assert_eq!(setup.drain(60_000).await, 0);
    blue.stop();
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_connection_waits_for_a_target() {
    let blue = listener();
    let setup = Setup::new(Mode::Tcp).await;
    let mut stream = setup.connect().await;
    stream.write_all(b"xyz").await.unwrap();
    stream.shutdown().await.unwrap();
    eventually(|| async { setup.status().await.held == 1 }).await;
    setup.switch(1, "blue", &[&blue]).await;
    read_exactly(&mut stream, "zyx").await;
}

#[tokio::test]
async fn a_connection_that_waits_in_vain_is_closed() {
    let setup = Setup::with(Mode::Auto, |o| o.hold_ms = 20).await;
    assert_eq!(setup.raw("").await, "");
}
