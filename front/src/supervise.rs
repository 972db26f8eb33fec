//! The first process of a front: it holds the listening sockets and has a worker serve on them. A worker that ends is
//! started again, and one of another program takes over from it, while connections wait in the kernel or are answered.
//! Must never accept a connection itself, nor let go of a socket.

mod descriptors;
mod link;
mod programs;
mod words;
mod work;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::server::sockets;
use crate::{Error, Options};
pub(crate) use link::Link;
pub use programs::place;
use programs::{Program, Programs};
use words::{Order, Word};
pub use work::work;
use worker::Worker;

/// A program says within this that it could serve, or it is given up.
const READY: Duration = Duration::from_secs(10);
/// A worker that lived shorter than this is taken for one that cannot live.
const SHORT: Duration = Duration::from_secs(10);
/// An upgraded program that has so many short lives in a row makes way for the container's own.
const ATTEMPTS: u32 = 3;
/// Pauses before a worker is started again: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(5));

/// How a program is made to work: `PROGRAM ARGUMENTS.. OPTIONS`.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program that the container began with.
    pub program: PathBuf,
    /// What any program is told before the options.
    pub arguments: Vec<String>,
}

/// Holds the sockets of a front.
#[derive(Debug)]
pub struct Supervisor {
    options: Options,
    /// Those of the options, and that of the metrics after them.
    listeners: Vec<TcpListener>,
    arguments: Vec<String>,
    programs: Programs,
    current: Option<Worker>,
    /// Workers that finish what they began.
    leaving: JoinSet<()>,
    stop: CancellationToken,
    failures: Failures,
}

/// Lives that were too short, one after the other.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    /// Some worker has served.
    served: bool,
}

impl Supervisor {
    /// Listens on every port, on all addresses of both families.
    ///
    /// # Errors
    ///
    /// When a port is of no use.
    pub fn bind(options: Options, launch: Launch) -> Result<Self, Error> {
        let bind = |port| sockets::bind(port).map_err(|source| Error::Bind { port, source });
        let listeners = options.listeners.iter().map(|l| bind(l.port)).collect::<Result<_, _>>()?;
        Self::with_listeners(options, listeners, launch)
    }

    /// As [`Supervisor::bind`], with sockets that listen already, one for each of the options' listeners and in
    /// their order.
    ///
    /// # Errors
    ///
    /// When the port of the metrics is of no use.
    pub fn with_listeners(
        options: Options,
        mut listeners: Vec<TcpListener>,
        launch: Launch,
    ) -> Result<Self, Error> {
        if let Some(port) = options.metrics {
            listeners.push(sockets::bind(port).map_err(|source| Error::Bind { port, source })?);
        }
        let own = Program { path: launch.program, identity: options.program.clone() };
        Ok(Self {
            programs: Programs::new(&options.state, &options.made, own),
            options,
            listeners,
            arguments: launch.arguments,
            current: None,
            leaving: JoinSet::new(),
            stop: CancellationToken::new(),
            failures: Failures::default(),
        })
    }

    /// Where it listens, in the order of the options' listeners.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// Has workers serve until `shutdown` is ready and the last one has ended, whose exit code is the answer; or until
    /// the container's own program turns out to be unable to serve at all.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> u8 {
        tokio::select! {
            code = self.serve() => code,
            () = shutdown => self.end().await,
        }
    }

    async fn serve(&mut self) -> u8 {
        let (mut pause, longest) = PAUSE;
        loop {
            let program = self.programs.chosen();
            let lived = match self.bring_up(&program).await {
                Ok(worker) => {
                    self.failures.served = true;
                    self.accompany(worker).await
                }
                Err((reason, code)) => {
                    tracing::error!(program = program.identity, reason, "a worker cannot serve");
                    if !self.failures.served && program == *self.programs.own() {
                        return code;
                    }
                    Duration::ZERO
                }
            };
            if lived > SHORT {
                self.failures.count = 0;
                pause = PAUSE.0;
            }
            self.failures.count += 1;
            if self.failures.count >= ATTEMPTS && self.programs.chosen() != *self.programs.own() {
                tracing::error!("back to the program that the container began with");
                self.programs.forget();
                self.failures.count = 0;
            }
            sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    /// A worker that serves.
    async fn bring_up(&mut self, program: &Program) -> Result<Worker, (String, u8)> {
        let mut worker = self.make_ready(program).await?;
        match let_serve(&mut worker).await {
            Ok(()) => Ok(worker),
            Err(reason) => Err((reason, worker::code(worker.end().await))),
        }
    }

    /// A worker that could serve.
    async fn make_ready(&self, program: &Program) -> Result<Worker, (String, u8)> {
        let mut options = self.options.clone();
        options.program.clone_from(&program.identity);
        let started = Worker::start(program, &self.arguments, &options, &self.listeners).await;
        let mut worker = started.map_err(|e| (format!("it cannot be started: {e}"), 1))?;
        let earlier = self.earlier();
        worker.say(&Order::Earlier { count: earlier }).await;
        match worker.until(|word| matches!(word, Word::Ready { .. }), READY).await {
            Ok(()) => Ok(worker),
            Err(reason) => Err((reason, worker::code(worker.end().await))),
        }
    }

    fn earlier(&self) -> u64 {
        u64::try_from(self.leaving.len()).unwrap_or(u64::MAX)
    }

    /// Does what the worker asks for until it, or the one that took over from it, ends; answers how long that one
    /// lived.
    async fn accompany(&mut self, worker: Worker) -> Duration {
        let mut current = self.current.insert(worker);
        loop {
            let word = tokio::select! {
                word = current.next() => word,
                Some(_) = self.leaving.join_next() => {
                    let count = u64::try_from(self.leaving.len()).unwrap_or(u64::MAX);
                    current.say(&Order::Earlier { count }).await;
                    continue;
                }
            };
            match word {
                Some(Word::Upgrade { program }) => {
                    let answer = self.upgrade(&program).await;
                    current = self.current.as_mut().expect("a worker serves until it ends");
                    if let Err(reason) = answer {
                        tracing::error!(program = %program.display(), reason, "the front goes on as it is");
                        self.programs.clean();
                        current.say(&Order::Refused { reason }).await;
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
        let (lived, program) = (current.since.elapsed(), current.program.identity.clone());
        let reason = worker::spell(current.ended().await);
        tracing::error!(program, reason, "the worker is gone and is started again");
        self.current = None;
        lived
    }

    /// Has another program serve in place of the one that does, which is asked to leave only then.
    async fn upgrade(&mut self, path: &std::path::Path) -> Result<(), String> {
        let program = self.programs.named(path)?;
        let before = self.programs.chosen();
        let mut next = self.make_ready(&program).await.map_err(|(reason, _)| reason)?;
        self.programs.choose(&program).map_err(|e| format!("the choice cannot be kept: {e}"))?;
        next.say(&Order::Earlier { count: self.earlier() + 1 }).await;
        if let Err(reason) = let_serve(&mut next).await {
            self.choose_again(&before);
            return Err(reason);
        }
        tracing::info!(program = program.identity, "upgraded");
        self.failures.count = 0;
        self.programs.clean();
        if let Some(mut earlier) = self.current.replace(next) {
            earlier.say(&Order::Upgraded { program: program.identity }).await;
            earlier.say(&Order::Leave).await;
            let stop = self.stop.clone();
            self.leaving.spawn(leave(earlier, stop));
        }
        Ok(())
    }

    fn choose_again(&self, program: &Program) {
        if program == self.programs.own() {
            self.programs.forget();
        } else if let Err(e) = self.programs.choose(program) {
            tracing::error!(error = %e, "the choice of a program cannot be taken back");
        }
    }

    async fn end(&mut self) -> u8 {
        self.stop.cancel();
        let code = match &mut self.current {
            Some(worker) => {
                worker.say(&Order::Stop).await;
                worker::code(worker.end().await)
            }
            None => 0,
        };
        while self.leaving.join_next().await.is_some() {}
        code
    }
}

async fn let_serve(worker: &mut Worker) -> Result<(), String> {
    worker.say(&Order::Serve).await;
    worker.until(|word| *word == Word::Serving, READY).await
}

/// Waits for the end of a worker that was asked to leave; when the front stops, it is told so.
async fn leave(mut worker: Worker, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => worker.say(&Order::Stop).await,
        _ = worker.end() => return,
    }
    worker.end().await;
}
