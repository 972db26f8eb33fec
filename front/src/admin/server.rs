//! The front's end of the admin protocol: a Unix socket, each command carried out on its own.
//! Must never let a line, however wrong, end anything but itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Command, PROTOCOL, Reply, Request, Response, Route, lines};
use crate::health;
use crate::limits::ADMIN_PENDING;
use crate::shared::Shared;

/// What a stream is told that was opened before its front was upgraded.
const REPLACED: &str = "another program has taken over; a new stream leads to it";

/// Serves until the front stops.
pub(crate) async fn serve(shared: Arc<Shared>, listener: UnixListener) {
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { conversations.spawn(converse(Arc::clone(&shared), stream)); }
                Err(e) => {
                    tracing::warn!(error = %e, "no admin connection can be accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = conversations.join_next() => {}
        }
    }
}

/// One connection: answers come when they are ready, in any order.
async fn converse(shared: Arc<Shared>, stream: UnixStream) {
    let (reader, writer) = stream.into_split();
    let (answers, queue) = mpsc::channel(ADMIN_PENDING);
    let answering = write(writer, queue);
    let reading = read(shared, BufReader::with_capacity(2048, reader), answers);
    let ((), ()) = tokio::join!(reading, answering);
}

async fn read(shared: Arc<Shared>, mut reader: BufReader<OwnedReadHalf>, answers: mpsc::Sender<Response>) {
    let room = Arc::new(Semaphore::new(ADMIN_PENDING));
    let mut line = Vec::new();
    loop {
        match lines::next(&mut reader, &mut line).await {
            Ok(Some(text)) => {
                let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                let (shared, answers, request) = (Arc::clone(&shared), answers.clone(), parse(text));
                tokio::spawn(async move {
                    let response = match request {
                        Ok(Request { id, command }) => {
                            Response { id, reply: carry_out(&shared, command).await }
                        }
                        Err(response) => response,
                    };
                    // The client may have gone.
                    let _ = answers.send(response).await;
                    drop(place);
                });
            }
            Ok(None) => return,
            Err(e) => {
                let _ = answers.send(failed(0, e)).await;
                return;
            }
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Response>) {
    while let Some(response) = queue.recv().await {
        let Ok(mut line) = serde_json::to_vec(&response) else { continue };
        line.push(b'\n');
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

fn failed(id: u64, reason: impl std::fmt::Display) -> Response {
    Response { id, reply: Reply::Failed { reason: reason.to_string() } }
}

/// A line that is no request is answered with its id, if it has one.
fn parse(line: &[u8]) -> Result<Request, Response> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    serde_json::from_slice(line).map_err(|e| {
        let id = serde_json::from_slice(line).map_or(0, |n: Numbered| n.id);
        failed(id, format_args!("the line is not understood: {e}"))
    })
}

async fn carry_out(shared: &Arc<Shared>, command: Command) -> Reply {
    match command {
        Command::Hello => hello(shared),
        Command::Check { targets, ports, timeout_ms } => {
            let limit = Duration::from_millis(timeout_ms);
            let ports = if ports.is_empty() { shared.table.ports() } else { &ports };
            reachable(health::check(&targets, ports, limit).await)
        }
        Command::Probe { address, timeout_ms } => {
            reachable(health::probe(&address, Duration::from_millis(timeout_ms)).await)
        }
        Command::Switch { route } => switch(shared, route).await,
        Command::Drain { timeout_ms } => {
            Reply::Drained { remaining: drain(shared, Duration::from_millis(timeout_ms)).await }
        }
        Command::Status => Reply::Status(shared.table.status()),
        Command::Metrics => Reply::Metrics { text: shared.table.metrics().text() },
        Command::Upgrade { program } => upgrade(shared, program).await,
    }
}

fn hello(shared: &Shared) -> Reply {
    let program = Some(&shared.options.program).filter(|program| !program.is_empty()).cloned();
    Reply::Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), program }
}

/// What an earlier program of this front still does may be for a target of an earlier route.
async fn drain(shared: &Shared, limit: Duration) -> u64 {
    let earlier = async {
        match &shared.supervisor {
            Some(supervisor) => supervisor.earlier(limit).await,
            None => 0,
        }
    };
    let (own, earlier) = tokio::join!(shared.table.drain(limit), earlier);
    own + earlier
}

/// No route is set meanwhile: the other program has read the one that is saved.
async fn upgrade(shared: &Shared, program: PathBuf) -> Reply {
    let Some(supervisor) = &shared.supervisor else {
        return Reply::Failed {
            reason: "this front has no supervisor that could start a program".to_owned(),
        };
    };
    let mut replaced = shared.switching.lock().await;
    if *replaced {
        return Reply::Failed { reason: REPLACED.to_owned() };
    }
    match supervisor.upgrade(program).await {
        Ok(program) => {
            *replaced = true;
            Reply::Upgraded { program }
        }
        Err(reason) => Reply::Failed { reason },
    }
}

fn reachable(result: Result<(), String>) -> Reply {
    result.map_or_else(|reason| Reply::Failed { reason }, |()| Reply::Reachable)
}

/// Saved first: an answer that was given is true after a crash too, and a route that cannot be saved changes nothing.
async fn switch(shared: &Arc<Shared>, route: Route) -> Reply {
    let replaced = shared.switching.lock().await;
    if *replaced {
        return Reply::Failed { reason: REPLACED.to_owned() };
    }
    let (store, saved) = (shared.store.clone(), route.clone());
    let outcome = tokio::task::spawn_blocking(move || store.save(&saved)).await;
    match outcome.unwrap_or_else(|e| Err(io::Error::other(e))) {
        Ok(()) => {
            tracing::info!(release = route.release, color = route.color, "switched");
            Reply::Switched { previous: shared.table.switch(route) }
        }
        Err(e) => Reply::Failed { reason: format!("the route cannot be saved: {e}") },
    }
}
