//! A front whose sockets and whose end are in the hands of a supervisor.
//! Must never accept a connection before it is told to: a program that is given up has none that could be lost.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use tokio::net::TcpListener;

use super::descriptors;
use super::link::{self, Orders};
use super::words::{Order, PROTOCOL, Word};
use crate::server::{Front, Serving};
use crate::{Error, Options};

/// Serves as the worker of the supervisor that started this process, which is at the other end of standard input.
///
/// # Errors
///
/// When nobody is there, or its options are of no use.
pub async fn work(options: Options) -> Result<(), Error> {
    let stream = io::stdin().as_fd().try_clone_to_owned().map_err(Error::Supervisor)?;
    work_over(options, UnixStream::from(stream)).await
}

async fn work_over(options: Options, stream: UnixStream) -> Result<(), Error> {
    let count = options.listeners.len() + usize::from(options.metrics.is_some());
    let received = tokio::task::spawn_blocking(move || {
        stream.set_nonblocking(false)?;
        let listeners = descriptors::receive(&stream, count)?;
        stream.set_nonblocking(true)?;
        io::Result::Ok((listeners, stream))
    });
    let received = received.await.unwrap_or_else(|e| Err(io::Error::other(e)));
    let (listeners, stream) = received.map_err(Error::Supervisor)?;
    let listeners = listeners.into_iter().map(adopt).collect::<Result<_, _>>();
    let mut listeners: Vec<_> = listeners.map_err(Error::Supervisor)?;
    let metrics = listeners.split_off(options.listeners.len()).pop();
    let stream = tokio::net::UnixStream::from_std(stream).map_err(Error::Supervisor)?;
    let (link, mut orders) = link::join(stream);
    let front = Front::supervised(options, listeners, metrics, Some(link.clone()))?;
    front.restore();
    link.say(Word::Ready { protocol: PROTOCOL });
    match orders.next().await {
        Order::Serve => {}
        _ => return Ok(()),
    }
    front.take_over()?;
    let serving = front.start();
    link.say(Word::Serving);
    until_told(&serving, &mut orders).await;
    serving.stop().await;
    Ok(())
}

fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Until nothing is left that is worth more time than a stop gives it.
async fn until_told(serving: &Serving, orders: &mut Orders) {
    loop {
        match orders.next().await {
            Order::Leave => break,
            Order::Stop => return,
            _ => {}
        }
    }
    tokio::select! {
        () = serving.leave() => {}
        () = told_to_stop(orders) => {}
    }
}

async fn told_to_stop(orders: &mut Orders) {
    while orders.next().await != Order::Stop {}
}
