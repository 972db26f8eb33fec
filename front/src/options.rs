//! What a front is told once, when its container is created.
//! Must never hold what changes from release to release: that is the route.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Limits;

/// Everything a front needs to know besides its route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The service it stands for, for logs and answers.
    pub service: String,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// How long a request waits while no target is live, in milliseconds.
    pub hold_ms: u64,
    /// CIDR ranges whose `X-Forwarded-*` is kept, besides those that the front finds out itself.
    pub trusted_proxies: Vec<String>,
    /// Folder of the persisted route.
    pub state: PathBuf,
    /// Unix socket of the admin protocol.
    pub admin: PathBuf,
    /// Identity of the program, which tells builds of one version apart; empty: it has none.
    #[serde(default)]
    pub program: String,
    /// Tells this front from one that was there before and had the same state folder: what that one was upgraded to means
    /// nothing to this one. A restart changes nothing about it.
    #[serde(default)]
    pub made: String,
    /// A port on which `GET /metrics` is answered in Prometheus' text format, on all addresses; absent: none. The admin
    /// protocol answers the same text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<u16>,
    /// Listeners' ports on which a trusted proxy's connection may begin with a PROXY header, of version 1 or 2, that
    /// names the client. Who is trusted: `trusted_proxies`, and those that the front finds out itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxy_protocol: Vec<u16>,
    /// What one peer may take; absent: the defaults.
    #[serde(default)]
    pub limits: Limits,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The port it listens on, which is also the port of the targets.
    pub port: u16,
    /// How connections are treated.
    pub mode: Mode,
    /// It is published on the host's loopback address and nowhere else: who comes through the gateway is a local proxy.
    pub loopback: bool,
}

/// How connections are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The first bytes decide.
    Auto,
    /// Request by request.
    Http,
    /// Connection by connection.
    Tcp,
}
