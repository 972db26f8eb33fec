//! The labels that say what on the engine is ours, and what it is.
//!
//! Of Compose's own labels only project and service are set: with more of them `docker compose up` would start an idle
//! color and remove the live one. No label ever holds a value that came from the environment of a service.

use std::collections::BTreeMap;
use std::fmt;

use crate::stack::{Color, ConfigHash, ReleaseNumber, ServiceName, StackName};

/// The stack.
pub const STACK: &str = "deployer.stack";
/// The service.
pub const SERVICE: &str = "deployer.service";
/// The release that made it.
pub const RELEASE: &str = "deployer.release";
/// `blue` or `green`.
pub const COLOR: &str = "deployer.color";
/// What it is for.
pub const ROLE: &str = "deployer.role";
/// What it was made from.
pub const CONFIG_HASH: &str = "deployer.config-hash";
/// Its number among the replicas.
pub const REPLICA: &str = "deployer.replica";
/// The format of a volume's content.
pub const FORMAT: &str = "deployer.format";
/// Who holds the lock, and for which command.
pub const HOLDER: &str = "deployer.holder";
/// Since when the lock is held.
pub const SINCE: &str = "deployer.since";
/// Compose's own label for the project.
pub const COMPOSE_PROJECT: &str = "com.docker.compose.project";
/// Compose's own label for the service.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// What something on the engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A service's container, or a network or volume of the file.
    Service,
    /// A job's container.
    Job,
    /// A front, or its volume.
    Front,
    /// The lock.
    Keeper,
    /// Something short-lived that only looks or copies.
    Aid,
    /// A volume of secrets and configs.
    Files,
    /// The state volume.
    State,
}

impl Role {
    const ALL: [Self; 7] =
        [Self::Service, Self::Job, Self::Front, Self::Keeper, Self::Aid, Self::Files, Self::State];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Job => "job",
            Self::Front => "front",
            Self::Keeper => "keeper",
            Self::Aid => "aid",
            Self::Files => "files",
            Self::State => "state",
        }
    }

    /// From the label's value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of labels in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// What everything of a stack carries.
    #[must_use]
    pub fn of(stack: &StackName, role: Role) -> Self {
        Self::default().with(STACK, stack).with(COMPOSE_PROJECT, stack).with(ROLE, role)
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.insert(key.into(), value.to_string());
        self
    }

    /// The service that it belongs to.
    #[must_use]
    pub fn service(self, service: &ServiceName) -> Self {
        self.with(SERVICE, service).with(COMPOSE_SERVICE, service)
    }

    /// What it was made from.
    #[must_use]
    pub fn hash(self, hash: &ConfigHash) -> Self {
        self.with(CONFIG_HASH, hash)
    }

    /// Which of the service's containers it is.
    #[must_use]
    pub fn instance(self, release: ReleaseNumber, color: Color, replica: u32) -> Self {
        self.with(RELEASE, release).with(COLOR, color).with(REPLICA, replica)
    }

    /// Besides the labels that a file gives; ours win.
    #[must_use]
    pub fn over(self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = given.clone();
        all.extend(self.0);
        all
    }
}
