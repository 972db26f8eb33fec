//! The command's end: the lock as a value. Only who holds it has the writing methods.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{BEAT, PATIENCE, Reply, Request, Stored};
use crate::engine::{self, Engine, Inspected, Pipe};
use crate::labels::{self, Labels, Role};
use crate::record::Entry;
use crate::snapshot::State;
use crate::stack::{Nameless, Release, StackName};

/// Why there is no lock, or no lock any more.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("stack {stack} is locked by {holder} since {since}")]
    Held {
        /// The stack.
        stack: StackName,
        /// Who, and with which command.
        holder: String,
        /// Since when.
        since: String,
    },
    /// A container of that name is not ours.
    #[error("a container named {0} exists and is not a lock of ours")]
    Foreign(String),
    /// The engine did not make the keeper.
    #[error("the keeper of stack {stack} could not be started")]
    Engine {
        /// The stack.
        stack: StackName,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// The keeper does not answer any more.
    #[error("the keeper of stack {stack} does not answer: {reason}")]
    Lost {
        /// The stack.
        stack: StackName,
        /// How that showed.
        reason: String,
    },
    /// The keeper could not write.
    #[error("the keeper of stack {stack} could not write: {reason}")]
    Write {
        /// The stack.
        stack: StackName,
        /// Why.
        reason: String,
    },
}

/// The lock of a stack, held.
pub struct Lock {
    stack: StackName,
    pipe: std::sync::Arc<Mutex<Pipe>>,
    beat: JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

/// A contender that lost waits this long before it says so: locks are often held for less.
const CONTEND: Duration = Duration::from_secs(1);

/// Takes the lock and gives what is stored, or says who holds it.
///
/// # Errors
/// When somebody else holds the lock, or the engine cannot make a keeper.
pub async fn acquire(
    engine: &Engine,
    stack: &StackName,
    image: &str,
    holder: &str,
    since: &str,
) -> Result<(Lock, Stored), LockError> {
    let failed = |source| LockError::Engine { stack: stack.clone(), source };
    let volume = compose_file::model::Volume { name: stack.state_volume().to_string(), ..Default::default() };
    let state = Labels::of(stack, Role::State).over(&BTreeMap::new());
    let ensure_volume = async || engine.create_volume(stack, &volume, state.clone()).await;
    let labels = Labels::of(stack, Role::Keeper).with(labels::HOLDER, holder).with(labels::SINCE, since);
    let deadline = Instant::now() + CONTEND;
    loop {
        ensure_volume().await.map_err(failed)?;
        match engine.create_keeper(stack, image, labels.clone().over(&BTreeMap::new())).await {
            // A command that ended may have removed the volume in between: the engine makes one then without labels,
            // which goes with this keeper.
            Ok(()) if ensure_volume().await.is_err() && Instant::now() < deadline => {
                engine.remove_unstarted(&stack.lock()).await.map_err(failed)?;
                engine.remove_unlabelled_volume(&stack.state_volume()).await.map_err(failed)?;
            }
            Ok(()) => match engine.start_keeper(stack).await {
                Ok(pipe) => return open(stack, pipe).await,
                // A contender took it for one that was abandoned between creation and start.
                Err(error) if error.is_not_found() && Instant::now() < deadline => {}
                Err(error) => return Err(failed(abandon(engine, stack, error).await)),
            },
            Err(error) if error.is_conflict() => contend(engine, stack, deadline).await?,
            Err(error) => return Err(failed(abandon(engine, stack, error).await)),
        }
    }
}

/// A call that failed may have been carried out: a keeper that was made and never started goes at once. One that was
/// started ends by itself, because nobody holds its input.
async fn abandon(engine: &Engine, stack: &StackName, error: engine::Error) -> engine::Error {
    let _next_command_finds_it = engine.remove_unstarted(&stack.lock()).await;
    error
}

/// Looks at the keeper that is there: one that never started goes, one that runs is waited for a moment.
async fn contend(engine: &Engine, stack: &StackName, deadline: Instant) -> Result<(), LockError> {
    let failed = |source| LockError::Engine { stack: stack.clone(), source };
    let found: Inspected = match engine.inspect(&stack.lock()).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if found.labels.get(labels::ROLE).map(String::as_str) != Some(Role::Keeper.as_str()) {
        return Err(LockError::Foreign(stack.lock().to_string()));
    }
    let late = Instant::now() >= deadline;
    // Never by force: if its maker starts it this very moment, the engine keeps it.
    if found.state == State::Created && late && engine.remove_unstarted(&stack.lock()).await.is_ok() {
        return Ok(());
    }
    if late && found.state == State::Exited {
        // The engine was restarted between its end and its removal.
        return engine.remove_container(stack, &stack.lock(), Nameless::Remove).await.map_err(failed);
    }
    if late {
        let label = |key: &str| found.labels.get(key).cloned().unwrap_or_else(|| "somebody".into());
        let (holder, since) = (label(labels::HOLDER), label(labels::SINCE));
        return Err(LockError::Held { stack: stack.clone(), holder, since });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}

async fn open(stack: &StackName, pipe: Pipe) -> Result<(Lock, Stored), LockError> {
    let pipe = std::sync::Arc::new(Mutex::new(pipe));
    let (gone, lost) = watch::channel(false);
    let beating = std::sync::Arc::clone(&pipe);
    let name = stack.clone();
    let beat = tokio::spawn(async move {
        loop {
            tokio::time::sleep(BEAT).await;
            if call(&name, &mut *beating.lock().await, &Request::Ping).await.is_err() {
                let _nobody_watches = gone.send(true);
                return;
            }
        }
    });
    let lock = Lock { stack: stack.clone(), pipe, beat, lost };
    match lock.call(&Request::Open).await? {
        Reply::State(stored) => Ok((lock, stored)),
        _ => Err(LockError::Lost { stack: stack.clone(), reason: "it answered something else".into() }),
    }
}

impl Lock {
    /// Puts the release aside that the commit will record.
    ///
    /// # Errors
    /// When the keeper is gone or cannot write.
    pub async fn stage(&self, release: &Release) -> Result<(), LockError> {
        self.call(&Request::Stage(Box::new(release.clone()))).await.map(drop)
    }

    /// Writes a line of the journal; it is on disk when this returns.
    ///
    /// # Errors
    /// When the keeper is gone or cannot write.
    pub async fn journal(&self, entry: Entry) -> Result<(), LockError> {
        self.call(&Request::Journal(entry)).await.map(drop)
    }

    /// Closes the journal: nothing is left to be done.
    ///
    /// # Errors
    /// When the keeper is gone or cannot write.
    pub async fn close(&self) -> Result<(), LockError> {
        self.call(&Request::Close).await.map(drop)
    }

    /// Returns when the keeper does not answer any more. Never, as long as it does.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|gone| *gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The error that it stands for when the lock is lost.
    #[must_use]
    pub fn gone(&self) -> LockError {
        LockError::Lost { stack: self.stack.clone(), reason: "it fell silent".into() }
    }

    /// Lets the lock go and waits until the engine has removed the keeper.
    pub async fn release(self, engine: &Engine) {
        self.beat.abort();
        let stack = self.stack.clone();
        drop(self.pipe.lock().await.input.shutdown().await);
        drop(self);
        engine.await_absence(&stack.lock()).await;
    }

    async fn call(&self, request: &Request) -> Result<Reply, LockError> {
        call(&self.stack, &mut *self.pipe.lock().await, request).await
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

async fn call(stack: &StackName, pipe: &mut Pipe, request: &Request) -> Result<Reply, LockError> {
    let lost =
        |reason: &dyn std::fmt::Display| LockError::Lost { stack: stack.clone(), reason: reason.to_string() };
    let mut line = serde_json::to_string(request).map_err(|error| lost(&error))?;
    line.push('\n');
    let exchange = async {
        pipe.input.write_all(line.as_bytes()).await?;
        pipe.input.flush().await?;
        let mut answer = String::new();
        pipe.output.read_line(&mut answer).await?;
        Ok::<String, std::io::Error>(answer)
    };
    let answer = match tokio::time::timeout(PATIENCE, exchange).await {
        Err(_) => return Err(lost(&format!("no answer within {} s", PATIENCE.as_secs()))),
        Ok(Err(error)) => return Err(lost(&error)),
        Ok(Ok(answer)) if answer.is_empty() => return Err(lost(&"it ended")),
        Ok(Ok(answer)) => answer,
    };
    match serde_json::from_str(&answer).map_err(|error| lost(&error))? {
        Reply::Failed(reason) => Err(LockError::Write { stack: stack.clone(), reason }),
        reply => Ok(reply),
    }
}
