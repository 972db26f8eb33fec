//! Both ends of the keeper's stream: one JSON object a line, each answered before the next.
//!
//! The keeper is a container that lives as long as one writing command. Its name is the lock; it alone writes journal
//! and history, and it answers after they are on disk.

mod client;
mod server;

pub use client::{Lock, LockError, acquire};
pub use server::{Files, serve, settled};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::record::Entry;
use crate::stack::Release;

/// A line to the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    /// What is on the volume?
    Open,
    /// Still there?
    Ping,
    /// Puts the release aside that a commit will record.
    Stage(Box<Release>),
    /// One more line of the journal; a `begin` starts a new one.
    Journal(Entry),
    /// The command has ended: the journal is closed.
    Close,
}

/// A line from the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    /// What is on the volume.
    State(Stored),
    /// It is done, and on disk.
    Done,
    /// It could not be done.
    Failed(String),
}

/// The state volume's files as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The journal.
    pub journal: String,
    /// The history.
    pub history: String,
    /// The key.
    pub key: String,
}

/// The command says something this often.
const BEAT: Duration = Duration::from_secs(3);
/// The command stops acting after this long without an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The keeper ends after this long without a line. Longer than the command's patience: it must be still by then.
const SILENCE: Duration = Duration::from_secs(15);
