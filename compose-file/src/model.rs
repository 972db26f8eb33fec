//! The typed project: what a Compose file means once it is interpolated, merged and normalised.
//!
//! Every value here is final: paths are absolute, names are those on the engine, defaults are filled in.
//! Nothing here knows how it was written; where a value came from is answered by [`crate::Sources`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod build;
mod deploy;
mod network;
mod service;
mod storage;

pub use build::{Build, PullPolicy};
pub use deploy::{Deploy, DeviceRequest, Resources, RestartPolicy, UpdateConfig, UpdateOrder};
pub use network::{Attachment, ContainerPort, Ipam, IpamPool, Network, Port, Protocol};
pub use service::{Condition, Dependency, Device, Healthcheck, Limits, Logging, Restart, Service, Ulimit};
pub use storage::{FileMount, FileOrigin, FileSource, Mount, MountKind, Volume};

/// One Compose project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The project's name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The folder that relative paths were resolved against.
    pub directory: PathBuf,
    /// The services of the active profiles, by name.
    pub services: BTreeMap<String, Service>,
    /// Networks that an active service uses, by their key in the file.
    pub networks: BTreeMap<String, Network>,
    /// Named volumes that an active service uses, by their key in the file.
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets that an active service uses, by their key in the file.
    pub secrets: BTreeMap<String, FileSource>,
    /// Configs that an active service uses, by their key in the file.
    pub configs: BTreeMap<String, FileSource>,
    /// Top-level `x-*` keys.
    pub extensions: BTreeMap<String, serde_json::Value>,
    /// What the files define besides.
    pub inactive: Inactive,
}

/// What the files define and the project does without: names only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inactive {
    /// Services of profiles that are not active.
    pub services: BTreeSet<String>,
    /// Named volumes that no active service uses.
    pub volumes: BTreeSet<String>,
}
