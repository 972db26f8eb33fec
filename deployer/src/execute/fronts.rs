//! Open streams to the fronts. An exec costs far more than a line, so each is opened once, before the switch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use front::admin::{AdminClient, Command, Reply, Status};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::StepError;
use crate::engine::Engine;
use crate::stack::{ServiceName, StackName};

/// The fronts of a stack.
pub struct Fronts {
    engine: Engine,
    stack: StackName,
    open: Mutex<BTreeMap<ServiceName, Arc<AdminClient>>>,
}

/// A front that was just started answers within this, or not at all.
const START: Duration = Duration::from_secs(30);
/// A front answers a line within this.
const ANSWER: Duration = Duration::from_secs(10);

impl Fronts {
    /// None is asked yet.
    #[must_use]
    pub fn new(engine: Engine, stack: StackName) -> Self {
        Self { engine, stack, open: Mutex::default() }
    }

    async fn client(&self, service: &ServiceName) -> Result<Arc<AdminClient>, StepError> {
        if let Some(client) = self.open.lock().await.get(service) {
            return Ok(Arc::clone(client));
        }
        let pipe = self.engine.open_front(&self.stack.front(service)).await?;
        let client = Arc::new(AdminClient::new(pipe.output, pipe.input));
        self.open.lock().await.insert(service.clone(), Arc::clone(&client));
        Ok(client)
    }

    /// Asks a front; a stream that broke is opened once more, because every question may be repeated.
    pub async fn ask(
        &self,
        service: &ServiceName,
        command: Command,
        limit: Duration,
    ) -> Result<Reply, StepError> {
        let mut broken = String::new();
        for _ in 0..2 {
            let client = self.client(service).await?;
            match tokio::time::timeout(limit + ANSWER, client.call(command.clone())).await {
                Ok(Ok(Reply::Failed { reason })) => return Err(front_error(service, reason)),
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(error)) => broken = error.to_string(),
                Err(_) => broken = format!("no answer within {} s", (limit + ANSWER).as_secs()),
            }
            self.open.lock().await.remove(service);
        }
        Err(front_error(service, broken))
    }

    /// Forgets a stream: its container was replaced.
    pub async fn forget(&self, service: &ServiceName) {
        self.open.lock().await.remove(service);
    }

    /// Waits until a front that was just started answers.
    pub async fn await_front(
        &self,
        service: &ServiceName,
        stop: &CancellationToken,
    ) -> Result<(), StepError> {
        self.forget(service).await;
        let deadline = tokio::time::Instant::now() + START;
        loop {
            let error = match self.ask(service, Command::Hello, Duration::ZERO).await {
                Ok(Reply::Hello { .. }) => return Ok(()),
                Ok(other) => front_error(service, format!("{other:?}")),
                Err(error) => error,
            };
            // Its admin socket opens some milliseconds after its start; nothing announces it.
            tokio::select! {
                () = stop.cancelled() => return Err(StepError::Interrupted),
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
            let ended = self.engine.inspect(&self.stack.front(service)).await?.restarts > 2;
            if ended || tokio::time::Instant::now() > deadline {
                return Err(error);
            }
        }
    }

    /// What a front is doing.
    pub async fn status(&self, service: &ServiceName) -> Result<Status, StepError> {
        match self.ask(service, Command::Status, Duration::ZERO).await? {
            Reply::Status(status) => Ok(status),
            other => Err(front_error(service, format!("{other:?}"))),
        }
    }
}

/// A front's answer that is no answer to what was asked.
pub fn front_error(service: &ServiceName, reason: String) -> StepError {
    StepError::Front { service: service.clone(), reason }
}
