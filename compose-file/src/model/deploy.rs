//! The `deploy` section. Only data: nothing here reads, checks or derives.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// Devices (`reservations` only); `gpus` are among them.
    pub devices: Vec<DeviceRequest>,
}

/// A request for devices of a kind, which the engine's device drivers answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// Driver; absent: any that has the capabilities.
    pub driver: Option<String>,
    /// How many, -1 for all; absent when ids are given.
    pub count: Option<i64>,
    /// Which ones.
    pub device_ids: Vec<String>,
    /// What they must be capable of, all at once.
    pub capabilities: Vec<String>,
    /// Options for the driver.
    pub options: BTreeMap<String, String>,
}
