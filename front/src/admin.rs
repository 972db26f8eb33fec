//! What is said between the deployer and a front: one JSON object a line, each way.
//! Must never take a field away or give it another meaning.
//!
//! A request carries an id that its reply repeats, so that a drain of 30 s does not keep a status waiting.
//! A front stays when a newer deployer comes: fields are only ever added, and [`PROTOCOL`] grows when that is not enough.

mod bridge;
mod client;
pub(crate) mod lines;
pub(crate) mod server;
pub(crate) mod socket;

use std::path::PathBuf;

pub use bridge::{admin_bridge, bridge};
pub use client::{AdminClient, CallError};
use serde::{Deserialize, Serialize};

/// The version of this protocol.
///
/// 1: `hello`, `check`, `switch`, `drain`, `probe`, `status`. 2: `upgrade`, and the identity of the program in `hello`.
pub const PROTOCOL: u32 = 2;

/// Where a service's requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The release that made the targets.
    pub release: u64,
    /// `blue` or `green`.
    pub color: String,
    /// DNS names of the replicas.
    pub targets: Vec<String>,
}

/// A line to the front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Repeated in the reply.
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub command: Command,
}

/// What a front can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Which protocol and program is this?
    Hello,
    /// Does every target accept a connection on each of these ports? Tried until it does or the time is over.
    Check {
        /// DNS names.
        targets: Vec<String>,
        /// Ports; none: every one that the front listens on.
        #[serde(default)]
        ports: Vec<u16>,
        /// Milliseconds.
        timeout_ms: u64,
    },
    /// From now on, new requests go here. Saying it twice is harmless.
    Switch {
        /// The new route.
        route: Route,
    },
    /// Answers when no HTTP exchange and no upgraded stream uses an earlier route, or when the time is over.
    Drain {
        /// Milliseconds.
        timeout_ms: u64,
    },
    /// Does this `host:port` inside the networks accept a connection? Tried once.
    Probe {
        /// `host:port`.
        address: String,
        /// Milliseconds.
        timeout_ms: u64,
    },
    /// What is going on?
    Status,
    /// Go on as this program, which is in the front's state folder. Since protocol 2.
    Upgrade {
        /// Its file: `program-` and its identity.
        program: PathBuf,
    },
    /// What has been counted?
    Metrics,
}

/// A line from the front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request's id.
    pub id: u64,
    /// The answer.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What a front answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`.
    Hello {
        /// [`PROTOCOL`] of the running front.
        protocol: u32,
        /// Version of the running program.
        version: String,
        /// Its identity, which tells builds of one version apart. Since protocol 2, when it was told one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// `check` and `probe`: it answers.
    Reachable,
    /// `switch`: persisted and in force.
    Switched {
        /// What was in force before.
        previous: Option<Route>,
    },
    /// `drain`: how many exchanges with earlier routes are still open (0: idle).
    Drained {
        /// HTTP exchanges and upgraded streams, and earlier programs of this front that still finish theirs. TCP connections are not waited for: they are relayed until the replica,
        /// told to stop, closes them.
        remaining: u64,
    },
    /// `status`.
    Status(Status),
    /// `upgrade`: everything new goes to that program. What this stream leads to will end soon.
    Upgraded {
        /// The identity of the program that serves now.
        program: String,
    },
    /// `metrics`.
    Metrics {
        /// Prometheus' text format.
        text: String,
    },
    /// It could not be done.
    Failed {
        /// A lowercase fragment.
        reason: String,
    },
}

/// A snapshot of a front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The route in force.
    pub route: Option<Route>,
    /// The replicas of that route.
    pub targets: Vec<Target>,
    /// Exchanges in flight, of all routes.
    pub in_flight: u64,
    /// Requests that wait for a target.
    pub held: u64,
    /// Requests and connections since the start.
    pub total: u64,
}

/// One replica as the front sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// DNS name.
    pub name: String,
    /// Requests are sent to it.
    pub healthy: bool,
    /// Exchanges in flight.
    pub in_flight: u64,
    /// Ports on which it was last seen not to answer; it is `healthy` while another one does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub down: Vec<u16>,
}
