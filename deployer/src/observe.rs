//! Engine, fronts and state volume become one read-only snapshot. Nothing here changes anything.

use std::collections::BTreeMap;

use crate::engine::{self, Engine};
use crate::keeper::{Stored, settled};
use crate::labels::{Labels, Role};
use crate::record::{History, Journal, RecordError};
use crate::snapshot::{Container, Observed, State};
use crate::stack::{Key, StackName};

/// What the state volume holds, understood.
#[derive(Debug, Clone)]
pub struct Records {
    /// The stack's key; absent before the first writing command.
    pub key: Option<Key>,
    /// What has been done.
    pub history: History,
    /// What was being done, when a command did not finish.
    pub journal: Option<Journal>,
}

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The engine does not give them.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// They cannot be understood.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Records {
    /// From the files as they are.
    ///
    /// # Errors
    /// When they are damaged, or a newer deployer wrote them.
    pub fn parse(stack: &StackName, stored: &Stored) -> Result<Self, RecordError> {
        let key = match stored.key.trim() {
            "" => None,
            text => Some(Key::parse(text).ok_or_else(|| RecordError::Damaged {
                what: "key",
                stack: stack.to_string(),
                reason: "it is not 64 hexadecimal digits".into(),
            })?),
        };
        let history = History::parse(stack.as_str(), &stored.history)?;
        let journal = Journal::parse(stack.as_str(), &stored.journal)?;
        Ok(Self { key, history, journal })
    }

    fn none() -> Self {
        Self { key: None, history: History::default(), journal: None }
    }
}

/// Reads the records through a running container that has the state volume mounted, which costs one call, or through
/// one that is made for it.
///
/// # Errors
/// When the engine does not answer, or the records cannot be understood.
pub async fn records(
    engine: &Engine,
    stack: &StackName,
    containers: &[Container],
    agent: impl AsyncFnOnce() -> Result<String, engine::Error>,
) -> Result<Records, ReadError> {
    let holds_state = |container: &&Container| {
        container.is_of(stack)
            && matches!(container.role(), Some(Role::Front | Role::Keeper))
            && container.state == State::Running
    };
    let mut holders: Vec<&Container> = containers.iter().filter(holds_state).collect();
    // A keeper may end at any moment; a front stays.
    holders.sort_by_key(|container| container.role() == Some(Role::Keeper));
    for holder in holders {
        if let Ok(files) = engine.read_state(&holder.name).await {
            return Ok(Records::parse(stack, &settled(stack.as_str(), files)?)?);
        }
    }
    if !engine.volumes().await?.contains_key(stack.state_volume().as_str()) {
        return Ok(Records::none());
    }
    let labels = Labels::of(stack, Role::Aid).over(&BTreeMap::new());
    let files = engine.read_state_volume(stack, &agent().await?, labels).await?;
    Ok(Records::parse(stack, &settled(stack.as_str(), files)?)?)
}

/// Everything that a plan for this stack depends on.
///
/// # Errors
/// When the engine does not answer.
pub async fn observe(
    engine: &Engine,
    stack: &StackName,
    history: History,
) -> Result<Observed, engine::Error> {
    let (containers, networks, volumes) =
        tokio::try_join!(engine.containers(None), engine.networks(), engine.volumes())?;
    let history = history.or_seen(stack, &containers);
    Ok(Observed { containers, networks, volumes, history })
}
