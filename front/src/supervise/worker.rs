//! A process that serves, as its supervisor sees it.
//! Must never leave one behind: who is dropped is ended.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use std::net::TcpListener;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use super::descriptors;
use super::programs::Program;
use super::words::{Order, PROTOCOL, Word, line};
use crate::Options;
use crate::admin::lines;

/// How long a worker takes to end once it has closed its stream.
const END: Duration = Duration::from_secs(1);

/// One that was started.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) program: Program,
    pub(super) since: Instant,
    child: Child,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    line: Vec<u8>,
}

impl Worker {
    /// Starts a program and passes the sockets on.
    pub(super) async fn start(
        program: &Program,
        arguments: &[String],
        options: &Options,
        listeners: &[TcpListener],
    ) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        descriptors::send(&ours, listeners)?;
        ours.set_nonblocking(true)?;
        let child = spawn(&program.path, arguments, options, theirs.into())?;
        let (reader, writer) = tokio::net::UnixStream::from_std(ours)?.into_split();
        let reader = BufReader::with_capacity(1024, reader);
        let (program, since) = (program.clone(), Instant::now());
        let mut this = Self { program, since, child, reader, writer, line: Vec::new() };
        this.say(&Order::Begin { protocol: PROTOCOL }).await;
        Ok(this)
    }

    /// One that is gone does not hear it; that it is gone is noticed when it is listened to.
    pub(super) async fn say(&mut self, order: &Order) {
        let _gone = self.writer.write_all(&line(order)).await;
    }

    /// What it says next; nothing when it has ended. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Option<Word> {
        let line = lines::next(&mut self.reader, &mut self.line).await.ok()??;
        // What is no word is none that is known.
        Some(serde_json::from_slice(line).unwrap_or(Word::Unknown))
    }

    /// Waits until it says this. Who ends before, or does not say it in time, is gone afterwards.
    pub(super) async fn until(
        &mut self,
        wanted: impl Fn(&Word) -> bool,
        limit: Duration,
    ) -> Result<(), String> {
        let saying = async {
            loop {
                match self.next().await {
                    Some(word) if wanted(&word) => return true,
                    Some(_) => {}
                    None => return false,
                }
            }
        };
        match timeout(limit, saying).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(spell(self.ended().await)),
            Err(_) => {
                self.kill().await;
                Err(format!("it was not ready within {} s", limit.as_secs()))
            }
        }
    }

    /// How it ended, once it has closed its stream.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        if let Ok(status) = timeout(END, self.child.wait()).await {
            return status.ok();
        }
        self.kill().await;
        None
    }

    /// How it ended, however long that takes.
    pub(super) async fn end(&mut self) -> Option<ExitStatus> {
        self.child.wait().await.ok()
    }

    pub(super) async fn kill(&mut self) {
        if let Err(e) = self.child.kill().await {
            tracing::warn!(error = %e, "a worker cannot be ended");
        }
    }
}

fn spawn(program: &Path, arguments: &[String], options: &Options, stream: OwnedFd) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .arg(serde_json::to_string(options)?)
        .stdin(Stdio::from(stream))
        .kill_on_drop(true)
        .spawn()
}

/// An end in words.
pub(super) fn spell(status: Option<ExitStatus>) -> String {
    match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("it ended with code {code}"),
            (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
        },
        None => "it closed its stream and did not end".to_owned(),
    }
}

/// An end as the code of the process that waited for it.
pub(super) fn code(status: Option<ExitStatus>) -> u8 {
    let code = status.and_then(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal)));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
