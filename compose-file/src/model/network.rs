//! Ports, networks and how a service joins them. Only data: nothing here reads, checks or derives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
