//! Where a service's image comes from. Only data: nothing here reads, checks or derives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FileMount;

/// How an image is built.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// Absolute path of the context folder, or a URL.
    pub context: String,
    /// Dockerfile, relative to the context or absolute.
    pub dockerfile: Option<String>,
    /// The Dockerfile's text.
    pub dockerfile_inline: Option<String>,
    /// The stage to build.
    pub target: Option<String>,
    /// Build arguments; one without a value and not in the environment is left out.
    pub args: BTreeMap<String, String>,
    /// Image labels.
    pub labels: BTreeMap<String, String>,
    /// Further tags.
    pub tags: Vec<String>,
    /// Images to take cache from.
    pub cache_from: Vec<String>,
    /// Where the cache goes.
    pub cache_to: Vec<String>,
    /// The network of `RUN` steps.
    pub network: Option<String>,
    /// Platforms.
    pub platforms: Vec<String>,
    /// Base images are pulled afresh.
    pub pull: bool,
    /// The cache is not used.
    pub no_cache: bool,
    /// `/dev/shm` of `RUN` steps in bytes.
    pub shm_size: Option<u64>,
    /// `host:address` pairs.
    pub extra_hosts: Vec<String>,
    /// Secrets by id: the key of a top-level secret.
    pub secrets: Vec<FileMount>,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// On every deploy.
    Always,
    /// Never: the engine must have it.
    Never,
    /// When the engine lacks it.
    Missing,
    /// Built, never pulled.
    Build,
}
