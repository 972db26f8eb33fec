//! The typed project: what a Compose file means once it is interpolated, merged and normalised.
//!
//! Every value here is final: paths are absolute, names are those on the engine, defaults are filled in.
//! Nothing here knows how it was written; where a value came from is answered by [`crate::Sources`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
}

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
    /// MAC address on the default network.
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

/// A port that is published on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The port inside the container.
    pub target: u16,
    /// The host's port, or a range to choose from as `start-end`; absent: any free one.
    pub published: Option<String>,
    /// The host's address; absent: all.
    pub host_ip: Option<String>,
    /// Transport.
    pub protocol: Protocol,
    /// `http`, `tcp`, … as written.
    pub app_protocol: Option<String>,
    /// `ingress` or `host`.
    pub mode: Option<String>,
    /// The port's name.
    pub name: Option<String>,
}

/// A port inside the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContainerPort {
    /// Number.
    pub port: u16,
    /// Transport.
    pub protocol: Protocol,
}

/// Transport protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// How a service joins a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// Further names on that network.
    pub aliases: Vec<String>,
    /// Fixed IPv4 address.
    pub ipv4_address: Option<String>,
    /// Fixed IPv6 address.
    pub ipv6_address: Option<String>,
    /// Link-local addresses.
    pub link_local_ips: Vec<String>,
    /// MAC address.
    pub mac_address: Option<String>,
    /// Networks with a higher one are joined first.
    pub priority: i64,
    /// Highest wins the default route.
    pub gw_priority: i64,
    /// Options for the network driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Interface name inside the container.
    pub interface_name: Option<String>,
}

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
    /// A volume: `source` is a key of [`Project::volumes`], absent for an anonymous one.
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

/// The `deploy` section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// Containers of the service; absent: `scale`, else 1.
    pub replicas: Option<u64>,
    /// `replicated`, `global`, `replicated-job` or `global-job`.
    pub mode: Option<String>,
    /// How an update goes.
    pub update_config: Option<UpdateConfig>,
    /// How a rollback goes.
    pub rollback_config: Option<UpdateConfig>,
    /// When a container is started again.
    pub restart_policy: Option<RestartPolicy>,
    /// Hard limits.
    pub limits: Resources,
    /// Reservations.
    pub reservations: Resources,
    /// Labels of the service (not of its containers).
    pub labels: BTreeMap<String, String>,
    /// Placement constraints, for a cluster.
    pub constraints: Vec<String>,
}

/// `update_config` and `rollback_config`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateConfig {
    /// `start-first` or `stop-first`.
    pub order: Option<UpdateOrder>,
    /// How many at a time.
    pub parallelism: Option<u64>,
    /// Between two groups.
    pub delay: Option<Duration>,
    /// Watched for this long.
    pub monitor: Option<Duration>,
    /// `pause`, `continue` or `rollback`.
    pub failure_action: Option<String>,
    /// Share of failures that is tolerated.
    pub max_failure_ratio: Option<f64>,
}

/// The order of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrder {
    /// New ones first: two at once.
    StartFirst,
    /// Old ones stop first: never two at once.
    StopFirst,
}

/// `deploy.restart_policy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartPolicy {
    /// `none`, `on-failure`, `any` or `unless-stopped`.
    pub condition: Option<String>,
    /// Between two attempts.
    pub delay: Option<Duration>,
    /// Attempts.
    pub max_attempts: Option<u64>,
    /// When an attempt counts as a success.
    pub window: Option<Duration>,
}

/// Limits or reservations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Billionths of a processor.
    pub nano_cpus: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Processes.
    pub pids: Option<i64>,
    /// Devices (`reservations` only), as written after normalisation; `gpus` is one of these too.
    pub devices: Vec<serde_json::Value>,
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

/// A network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Name on the engine.
    pub name: String,
    /// Made by someone else.
    pub external: bool,
    /// Driver.
    pub driver: Option<String>,
    /// Options for the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// No way out.
    pub internal: bool,
    /// Other containers may join by hand.
    pub attachable: bool,
    /// IPv4; absent: on.
    pub enable_ipv4: Option<bool>,
    /// IPv6; absent: off.
    pub enable_ipv6: Option<bool>,
    /// Address management.
    pub ipam: Ipam,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Address management of a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    /// Driver.
    pub driver: Option<String>,
    /// Pools.
    pub config: Vec<IpamPool>,
    /// Options.
    pub options: BTreeMap<String, String>,
}

/// One pool of addresses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamPool {
    /// CIDR.
    pub subnet: Option<String>,
    /// CIDR that containers get addresses from.
    pub ip_range: Option<String>,
    /// Gateway.
    pub gateway: Option<String>,
    /// Addresses that others use, by name.
    pub aux_addresses: BTreeMap<String, String>,
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
