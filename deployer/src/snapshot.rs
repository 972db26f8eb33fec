//! What was seen on the engine at one moment. Plain, read-only data.

use std::collections::{BTreeMap, BTreeSet};

use crate::labels::{self, Role};
use crate::record::History;
use crate::stack::{
    Color, ConfigHash, ContainerName, ImageId, NetworkName, ReleaseNumber, ServiceName, Serving, StackName,
    VolumeName,
};

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: ContainerName,
    /// The engine's id.
    pub id: String,
    /// What it runs.
    pub image: ImageId,
    /// What it is doing.
    pub state: State,
    /// The engine's sentence on it (`Up 3 minutes (healthy)`).
    pub status: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// The networks it is in.
    pub networks: BTreeSet<NetworkName>,
    /// TCP and UDP ports of the host that it holds.
    pub ports: Vec<HostPort>,
    /// When it was created, in seconds since 1970.
    pub created: i64,
}

/// A port of the host that a container holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Address, empty for all.
    pub ip: String,
    /// The host's port.
    pub host: u16,
    /// The container's port.
    pub container: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Never started.
    Created,
    /// Running.
    Running,
    /// Paused.
    Paused,
    /// Between two starts.
    Restarting,
    /// Ended, dead or being removed.
    Exited,
}

/// A network or a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// The engine and the stack's history at one moment.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Every container of the engine.
    pub containers: Vec<Container>,
    /// Networks, by name.
    pub networks: BTreeMap<NetworkName, Labelled>,
    /// Volumes, by name.
    pub volumes: BTreeMap<VolumeName, Labelled>,
    /// What has been done.
    pub history: History,
}

impl Container {
    fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// It belongs to that stack.
    #[must_use]
    pub fn is_of(&self, stack: &StackName) -> bool {
        self.label(labels::STACK) == Some(stack.as_str())
    }

    /// What it is for.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.label(labels::ROLE).and_then(Role::parse)
    }

    /// Its service.
    #[must_use]
    pub fn service(&self) -> Option<ServiceName> {
        self.label(labels::SERVICE).map(ServiceName::new)
    }

    /// The release that made it.
    #[must_use]
    pub fn release(&self) -> Option<ReleaseNumber> {
        self.label(labels::RELEASE)?.parse().ok().map(ReleaseNumber)
    }

    /// Its color.
    #[must_use]
    pub fn color(&self) -> Option<Color> {
        self.label(labels::COLOR).and_then(Color::parse)
    }

    /// Its number among the replicas.
    #[must_use]
    pub fn replica(&self) -> Option<u32> {
        self.label(labels::REPLICA)?.parse().ok()
    }

    /// What it was made from.
    #[must_use]
    pub fn hash(&self) -> Option<ConfigHash> {
        self.label(labels::CONFIG_HASH).map(|hash| ConfigHash(hash.into()))
    }

    /// The engine says that it is healthy or that it has no health check.
    #[must_use]
    pub fn looks_healthy(&self) -> bool {
        self.state == State::Running && !self.status.contains("unhealthy")
    }
}

impl Labelled {
    /// It belongs to that stack.
    #[must_use]
    pub fn is_of(&self, stack: &StackName) -> bool {
        self.labels.get(labels::STACK).map(String::as_str) == Some(stack.as_str())
    }

    /// What it is for.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.labels.get(labels::ROLE).and_then(|role| Role::parse(role))
    }
}

impl Observed {
    /// The containers of a stack.
    pub fn of<'a>(&'a self, stack: &'a StackName) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().filter(|container| container.is_of(stack))
    }

    /// The container of that name.
    #[must_use]
    pub fn container(&self, name: &ContainerName) -> Option<&Container> {
        self.containers.iter().find(|container| container.name == *name)
    }

    /// The containers that a release's record names for a service, by replica.
    #[must_use]
    pub fn serving(&self, stack: &StackName, service: &ServiceName, serving: &Serving) -> Vec<&Container> {
        let mut found: Vec<&Container> = self
            .containers
            .iter()
            .filter(|container| container.is_of(stack))
            .filter(|container| matches!(container.role(), Some(Role::Service | Role::Job)))
            .filter(|container| container.service().as_ref() == Some(service))
            .filter(|container| container.release() == Some(serving.made_in))
            .collect();
        found.sort_by_key(|container| container.replica());
        found
    }
}
