//! Networks, and how services join and publish.
//!
//! It must never ask whether an address or a port is free.

use super::fields::Fields;
use crate::model::{Attachment, ContainerPort, Ipam, IpamPool, Network, Port, Protocol};
use crate::node::Node;

const PROTOCOLS: [(&str, Protocol); 3] =
    [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("sctp", Protocol::Sctp)];

pub(super) fn read(mut at: Fields<'_, '_>) -> Network {
    Network {
        name: at.text("name").unwrap_or_default(),
        external: at.flag("external"),
        driver: at.text("driver"),
        driver_opts: at.pairs("driver_opts"),
        internal: at.flag("internal"),
        attachable: at.flag("attachable"),
        enable_ipv4: at.maybe_flag("enable_ipv4"),
        enable_ipv6: at.maybe_flag("enable_ipv6"),
        ipam: at.inside("ipam", "ipam").map(ipam).unwrap_or_default(),
        labels: at.pairs("labels"),
    }
}

fn ipam(mut at: Fields<'_, '_>) -> Ipam {
    Ipam {
        driver: at.text("driver"),
        config: at.items("config").iter().map(|item| pool(at.other(item, "pool"))).collect(),
        options: at.pairs("options"),
    }
}

fn pool(mut at: Fields<'_, '_>) -> IpamPool {
    IpamPool {
        subnet: at.text("subnet"),
        ip_range: at.text("ip_range"),
        gateway: at.text("gateway"),
        aux_addresses: at.pairs("aux_addresses"),
    }
}

pub(super) fn attachment(mut at: Fields<'_, '_>) -> Attachment {
    Attachment {
        aliases: at.texts("aliases"),
        ipv4_address: at.text("ipv4_address"),
        ipv6_address: at.text("ipv6_address"),
        link_local_ips: at.texts("link_local_ips"),
        mac_address: at.text("mac_address"),
        priority: at.integer("priority").unwrap_or(0),
        gw_priority: at.integer("gw_priority").unwrap_or(0),
        driver_opts: at.pairs("driver_opts"),
        interface_name: at.text("interface_name"),
    }
}

pub(super) fn port(mut at: Fields<'_, '_>) -> Option<Port> {
    let span = at.whole().span;
    let Some(target) = at.integer("target").and_then(|port| u16::try_from(port).ok()) else {
        let help = Some("say which port of the container is meant");
        at.error("port", span, "a port needs a `target`".to_owned(), help);
        return None;
    };
    Some(Port {
        target,
        published: at.text("published"),
        host_ip: at.text("host_ip"),
        protocol: at.choice("protocol", &PROTOCOLS, "use `tcp`, `udp` or `sctp`").unwrap_or_default(),
        app_protocol: at.text("app_protocol"),
        mode: at.text("mode"),
        name: at.text("name"),
    })
}

/// Exposed ports, ranges expanded, in order and without repeats.
pub(super) fn exposed(at: &mut Fields<'_, '_>) -> Vec<ContainerPort> {
    let mut ports: Vec<ContainerPort> = Vec::new();
    for item in at.items("expose") {
        match range(item) {
            Some((first, last, protocol)) => {
                ports.extend((first..=last).map(|port| ContainerPort { port, protocol }));
            }
            None => at.unsupported_value("expose", item, "write `PORT`, `FIRST-LAST` or `PORT/PROTOCOL`"),
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn range(item: &Node) -> Option<(u16, u16, Protocol)> {
    let text = item.value.scalar_text()?;
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let protocol = PROTOCOLS.iter().find(|(name, _)| name.eq_ignore_ascii_case(protocol))?.1;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    Some((first.parse().ok()?, last.parse().ok()?, protocol))
}
