//! Volumes, mounts, secrets and configs. Only data: nothing here reads, checks or derives.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is mounted where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path in the container.
    pub target: String,
    /// Read-only.
    pub read_only: bool,
    /// `consistency`, kept and without meaning on Linux.
    pub consistency: Option<String>,
    /// What is mounted.
    pub kind: MountKind,
}

/// The kinds of mount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum MountKind {
    /// A volume: `source` is a key of [`crate::Project::volumes`], absent for an anonymous one.
    Volume {
        /// Key of the volume.
        source: Option<String>,
        /// The image's content is not copied in.
        nocopy: bool,
        /// A folder inside the volume.
        subpath: Option<String>,
    },
    /// A path of the host.
    Bind {
        /// Absolute path.
        source: String,
        /// The path is made when it is missing.
        create_host_path: bool,
        /// Mount propagation.
        propagation: Option<String>,
        /// SELinux relabelling, `z` or `Z`.
        selinux: Option<String>,
        /// The path was written relative to the project.
        relative: bool,
    },
    /// Memory.
    Tmpfs {
        /// Bytes.
        size: Option<u64>,
        /// Mode bits.
        mode: Option<u32>,
    },
}

/// A named volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Name on the engine.
    pub name: String,
    /// Made by someone else.
    pub external: bool,
    /// Driver.
    pub driver: Option<String>,
    /// Options for the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A secret or config in a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileMount {
    /// Key of the top-level secret or config.
    pub source: String,
    /// Absolute path in the container (for a build: the id).
    pub target: String,
    /// Owner; absent: 0.
    pub uid: Option<String>,
    /// Group; absent: 0.
    pub gid: Option<String>,
    /// Mode bits; absent: 0444.
    pub mode: Option<u32>,
}

/// Where the content of a secret or config comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileSource {
    /// Name on the engine.
    pub name: String,
    /// Origin.
    pub origin: FileOrigin,
}

/// The origins of a secret's or config's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOrigin {
    /// A file, by absolute path.
    File(PathBuf),
    /// A variable of the interpolation environment.
    Environment(String),
    /// The text itself (configs).
    Content(String),
    /// Made by someone else.
    External,
}
