//! Open streams to the fronts. An exec costs far more than a line, so each is opened once, before the switch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use front::admin::{AdminClient, Command, Reply, Status};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Evidence, StepError, chain};
use crate::engine::Engine;
use crate::stack::{ContainerName, ServiceName, StackName};

/// One stream, opened by the first who asks; who comes meanwhile waits for it.
type Stream = Arc<OnceCell<Arc<AdminClient>>>;

/// The fronts of a stack.
pub struct Fronts {
    engine: Engine,
    stack: StackName,
    streams: Mutex<BTreeMap<ContainerName, Stream>>,
}

/// A front that was just started answers within this, or not at all.
const START: Duration = Duration::from_secs(30);
/// A front answers a line within this.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two attempts to reach a front that was just started: its socket opens some milliseconds after its start, and
/// nothing announces it.
const PACE: Duration = Duration::from_millis(50);

impl Fronts {
    /// None is asked yet.
    #[must_use]
    pub fn new(engine: Engine, stack: StackName) -> Self {
        Self { engine, stack, streams: Mutex::default() }
    }

    /// A poisoned lock still guards a whole map: every change is one call.
    fn streams(&self) -> MutexGuard<'_, BTreeMap<ContainerName, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn client(&self, front: &ContainerName) -> Result<Arc<AdminClient>, StepError> {
        let stream = Arc::clone(self.streams().entry(front.clone()).or_default());
        let open = async || {
            let pipe = self.engine.open_front(front).await?;
            Ok(Arc::new(AdminClient::new(pipe.output, pipe.input)))
        };
        stream.get_or_try_init(open).await.map(Arc::clone)
    }

    /// Opens the stream to the front of a service ahead of the first question.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn open(&self, service: &ServiceName) -> Result<(), StepError> {
        self.client(&self.stack.front(service)).await.map(drop)
    }

    /// Asks the front of a service.
    ///
    /// # Errors
    /// When it cannot be asked, or what was asked cannot be done.
    pub async fn ask(
        &self,
        service: &ServiceName,
        command: Command,
        limit: Duration,
    ) -> Result<Reply, StepError> {
        self.ask_front(&self.stack.front(service), command, limit).await
    }

    /// A stream that broke is opened once more, because every question may be repeated.
    async fn ask_front(
        &self,
        front: &ContainerName,
        command: Command,
        limit: Duration,
    ) -> Result<Reply, StepError> {
        let mut broken = String::new();
        for _ in 0..2 {
            let client = self.client(front).await?;
            match timeout(limit + ANSWER, client.call(command.clone())).await {
                Ok(Ok(Reply::Failed { reason })) => return Err(front_error(front, reason)),
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(error)) => broken = error.to_string(),
                Err(_) => broken = format!("no answer within {} s", (limit + ANSWER).as_secs()),
            }
            self.streams().remove(front);
        }
        Err(front_error(front, broken))
    }

    /// What was open to the front of a service leads nowhere any more.
    pub(super) fn forget(&self, service: &ServiceName) {
        self.streams().remove(&self.stack.front(service));
    }

    /// What the front of a service is doing.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn status(&self, service: &ServiceName) -> Result<Status, StepError> {
        match self.ask(service, Command::Status, Duration::ZERO).await? {
            Reply::Status(status) => Ok(status),
            other => Err(front_error(&self.stack.front(service), format!("{other:?}"))),
        }
    }

    /// What the front of a service has counted, in Prometheus' text format.
    ///
    /// # Errors
    /// When it cannot be asked, or is too old to count.
    pub async fn metrics(&self, service: &ServiceName) -> Result<String, StepError> {
        match self.ask(service, Command::Metrics, Duration::ZERO).await? {
            Reply::Metrics { text } => Ok(text),
            other => Err(front_error(&self.stack.front(service), format!("{other:?}"))),
        }
    }

    /// Starts a front and waits until it answers: from then on it accepts connections.
    ///
    /// # Errors
    /// When it does not start or keeps ending.
    pub async fn start(&self, front: &ContainerName, stop: &CancellationToken) -> Result<(), StepError> {
        self.engine.start(front).await?;
        // What was open led to an earlier life, or to an earlier container of that name.
        self.streams().remove(front);
        let deadline = Instant::now() + START;
        loop {
            let error = match self.ask_front(front, Command::Hello, Duration::ZERO).await {
                Ok(Reply::Hello { .. }) => return Ok(()),
                Ok(other) => front_error(front, format!("{other:?}")),
                Err(error) => error,
            };
            tokio::select! {
                () = stop.cancelled() => return Err(StepError::Interrupted),
                () = sleep(PACE) => {}
            }
            let ended = self.engine.inspect(front).await?.restarts > 2;
            if ended || Instant::now() > deadline {
                let evidence = Box::new(Evidence::collect(&self.engine, front, None).await);
                return Err(StepError::FrontStart { front: front.clone(), reason: chain(&error), evidence });
            }
        }
    }
}

/// A front's answer that is no answer to what was asked.
pub fn front_error(front: &ContainerName, reason: String) -> StepError {
    StepError::Front { front: front.clone(), reason }
}
