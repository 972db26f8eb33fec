//! Thousands of connections that do nothing most of their time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use front::Mode;

use crate::replica::Replica;
use crate::setup::Setup;

const CLIENTS: usize = 1000;

/// Bytes of this process that are in memory. The clients here hold nothing but a descriptor.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a test\r\nAccept: */*\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while !answer.ends_with(b"blue") {
        match stream.read(&mut part).unwrap() {
            0 => panic!("closed after {answer:?}"),
            count => answer.extend_from_slice(&part[..count]),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn connect(address: SocketAddr) -> Vec<TcpStream> {
    (0..CLIENTS)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        })
        .collect()
}

#[tokio::test]
async fn an_idle_connection_needs_little_memory_and_serves_again() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let address = setup.address;
    let before = resident();
    let mut clients = blocking(move || connect(address)).await;
    // Half of it in an optimised build. Other tests of this process take their part.
    let each = resident().saturating_sub(before) / CLIENTS;
    assert!(each < 16 * 1024, "{each} bytes for each connection");
    for _ in 0..2 {
        clients = blocking(move || {
            clients.iter_mut().for_each(ask);
            clients
        })
        .await;
        // Long enough for every connection to rest: time is what this is about.
        tokio::time::sleep(Duration::from_millis(1300)).await;
    }
    assert_eq!(blue.requests(), 2 * CLIENTS as u64);
}

#[tokio::test]
async fn a_connection_that_rests_is_closed_when_its_time_is_over() {
    let blue = Replica::start("blue");
    let setup = Setup::with(Mode::Http, |o| o.limits.idle_ms = 1200).await;
    setup.switch(1, "blue", &[&blue]).await;
    let address = setup.address;
    let mut client = blocking(move || {
        let mut client = TcpStream::connect(address).unwrap();
        ask(&mut client);
        client
    })
    .await;
    assert_eq!(blocking(move || client.read(&mut [0]).unwrap_or(0)).await, 0);
}
