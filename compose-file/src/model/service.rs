//! A service and what is only ever part of one. Only data: nothing here reads, checks or derives.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Attachment, Build, ContainerPort, Deploy, FileMount, Mount, Port, PullPolicy};

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// The image reference as written.
    pub image: Option<String>,
    /// How the image is built.
    pub build: Option<Build>,
    /// When the image is pulled.
    pub pull_policy: Option<PullPolicy>,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// Replaces the image's `CMD`; an empty list clears it.
    pub command: Option<Vec<String>>,
    /// Replaces the image's `ENTRYPOINT`; an empty list clears it.
    pub entrypoint: Option<Vec<String>>,
    /// Variables, those of `env_file` included. A variable without a value that the environment lacks is left out.
    pub environment: BTreeMap<String, String>,
    /// Labels, those of `label_file` included.
    pub labels: BTreeMap<String, String>,
    /// OCI annotations.
    pub annotations: BTreeMap<String, String>,
    /// Ports that are published on the host, ranges expanded to one entry a port.
    pub ports: Vec<Port>,
    /// Ports that are offered inside the networks, ranges expanded, in order and without repeats.
    pub expose: Vec<ContainerPort>,
    /// Networks the service joins, by key; empty with `network_mode`.
    pub networks: BTreeMap<String, Attachment>,
    /// `host`, `none`, `bridge`, `service:NAME` or `container:NAME`.
    pub network_mode: Option<String>,
    /// Volumes and bind mounts.
    pub volumes: Vec<Mount>,
    /// Short-form `tmpfs`: path to mount options (`size=64m,mode=1777`), which may be empty.
    pub tmpfs: BTreeMap<String, String>,
    /// Secrets, each a file in the container.
    pub secrets: Vec<FileMount>,
    /// Configs, each a file in the container.
    pub configs: Vec<FileMount>,
    /// The health check; absent: the image's.
    pub healthcheck: Option<Healthcheck>,
    /// Services that start first.
    pub depends_on: BTreeMap<String, Dependency>,
    /// The `deploy` section.
    pub deploy: Deploy,
    /// The restart policy; absent when the file names none.
    pub restart: Option<Restart>,
    /// The name that the file asks for.
    pub container_name: Option<String>,
    /// Host name inside the container.
    pub hostname: Option<String>,
    /// Domain name inside the container.
    pub domainname: Option<String>,
    /// `user[:group]`.
    pub user: Option<String>,
    /// Supplementary groups.
    pub group_add: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Read-only root file system.
    pub read_only: bool,
    /// All capabilities and devices.
    pub privileged: bool,
    /// A terminal is allocated.
    pub tty: bool,
    /// Standard input is kept open.
    pub stdin_open: bool,
    /// Runs an init as process 1; absent: the engine's default.
    pub init: Option<bool>,
    /// Added capabilities.
    pub cap_add: Vec<String>,
    /// Dropped capabilities.
    pub cap_drop: Vec<String>,
    /// Security options.
    pub security_opt: Vec<String>,
    /// The signal that asks the service to stop.
    pub stop_signal: Option<String>,
    /// How long it may take to stop.
    pub stop_grace_period: Option<Duration>,
    /// Log driver and options.
    pub logging: Option<Logging>,
    /// Resource limits by name (`nofile`).
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// `host:address` pairs for `/etc/hosts`, in the engine's spelling.
    pub extra_hosts: Vec<String>,
    /// Devices.
    pub devices: Vec<Device>,
    /// DNS servers.
    pub dns: Vec<String>,
    /// DNS search domains.
    pub dns_search: Vec<String>,
    /// DNS options.
    pub dns_opt: Vec<String>,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: Option<u64>,
    /// PID namespace.
    pub pid: Option<String>,
    /// IPC namespace.
    pub ipc: Option<String>,
    /// UTS namespace.
    pub uts: Option<String>,
    /// User namespace.
    pub userns_mode: Option<String>,
    /// Cgroup namespace: `host` or `private`.
    pub cgroup: Option<String>,
    /// Parent cgroup.
    pub cgroup_parent: Option<String>,
    /// OCI runtime.
    pub runtime: Option<String>,
    /// MAC address of a service with `network_mode`; otherwise it is that of the network that is joined first.
    pub mac_address: Option<String>,
    /// Limits given as service keys (`mem_limit`, `cpus`, …); `deploy.resources` is in [`Deploy`].
    pub limits: Limits,
    /// Service-level `x-*` keys.
    pub extensions: BTreeMap<String, serde_json::Value>,
}

/// Limits that are keys of the service itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// `mem_limit` in bytes.
    pub memory: Option<u64>,
    /// `mem_reservation` in bytes.
    pub memory_reservation: Option<u64>,
    /// `memswap_limit` in bytes, -1 for no limit.
    pub memory_swap: Option<i64>,
    /// `mem_swappiness`, 0 to 100.
    pub memory_swappiness: Option<u64>,
    /// `cpus` in billionths of a processor.
    pub nano_cpus: Option<u64>,
    /// `cpu_shares`.
    pub cpu_shares: Option<u64>,
    /// `cpu_quota` in microseconds.
    pub cpu_quota: Option<i64>,
    /// `cpu_period` in microseconds.
    pub cpu_period: Option<i64>,
    /// `cpuset`.
    pub cpuset: Option<String>,
    /// `pids_limit`, -1 for no limit.
    pub pids: Option<i64>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i64>,
    /// `oom_kill_disable`.
    pub oom_kill_disable: bool,
}

/// A health check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", "…"]` or `["NONE"]`; empty: the image's.
    pub test: Vec<String>,
    /// Between two probes.
    pub interval: Option<Duration>,
    /// For one probe.
    pub timeout: Option<Duration>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u64>,
    /// Failures do not count for this long.
    pub start_period: Option<Duration>,
    /// Between two probes during the start period.
    pub start_interval: Option<Duration>,
    /// The image's check is turned off (`disable: true` or `NONE`).
    pub disable: bool,
}

/// A dependency on another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What it waits for.
    pub condition: Condition,
    /// Restarted with it.
    pub restart: bool,
    /// Its absence is an error.
    pub required: bool,
}

/// What a dependent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It was started.
    ServiceStarted,
    /// Its health check passed.
    ServiceHealthy,
    /// It ended with exit code 0: a job.
    ServiceCompletedSuccessfully,
}

/// The `restart` key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Never.
    No,
    /// Always.
    Always,
    /// After a failure, with an upper bound of attempts if one is given.
    OnFailure(Option<u64>),
    /// Always, unless somebody stopped it.
    UnlessStopped,
}

/// Log driver and options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// Driver.
    pub driver: Option<String>,
    /// Options.
    pub options: BTreeMap<String, String>,
}

/// A resource limit; -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Path on the host, or a CDI name.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// `rwm` or a part of it.
    pub permissions: String,
}
