//! Which way a service goes from one release to the next, read off standard Compose keys.

use compose_file::model::{self, Condition, MountKind, Project, Protocol, UpdateOrder};

use super::resolve::ImageFacts;
use super::{Kind, ServiceName};

/// The kind of a service.
pub fn kind_of(project: &Project, name: &ServiceName, service: &model::Service, image: &ImageFacts) -> Kind {
    if is_job(project, name) {
        return Kind::Job;
    }
    match in_place_reason(service, image) {
        Some(reason) => Kind::InPlace(reason),
        None if has_front(service, image) => Kind::TwoColor,
        // A front would hold the address, but there is none, and two containers cannot.
        None => fixed_address(service).map_or(Kind::Portless, Kind::InPlace),
    }
}

/// A front reaches a container by network, so one without any has no front, whatever it declares.
fn has_front(service: &model::Service, image: &ImageFacts) -> bool {
    service.network_mode.is_none() && !tcp_ports(service, image).is_empty()
}

/// An address that only one container can have.
pub fn fixed_address(service: &model::Service) -> Option<String> {
    service.networks.values().find_map(|attachment| {
        let addresses = [
            ("ipv4_address", &attachment.ipv4_address),
            ("ipv6_address", &attachment.ipv6_address),
            ("mac_address", &attachment.mac_address),
        ];
        addresses.into_iter().find_map(|(key, address)| Some(format!("{key}: {}", address.as_ref()?)))
    })
}

/// Every TCP port that the service declares: published, exposed, and exposed by its image.
pub fn tcp_ports(service: &model::Service, image: &ImageFacts) -> Vec<u16> {
    let published =
        service.ports.iter().filter(|port| port.protocol == Protocol::Tcp).map(|port| port.target);
    let exposed = service.expose.iter().filter(|port| port.protocol == Protocol::Tcp).map(|port| port.port);
    let mut ports: Vec<u16> = published.chain(exposed).chain(image.exposed.iter().copied()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// `VOLUME` paths of the image that no mount of the service covers.
pub fn anonymous_volumes(service: &model::Service, image: &ImageFacts) -> Vec<String> {
    let covered = |path: &str| {
        service.volumes.iter().any(|mount| mount.target.trim_end_matches('/') == path.trim_end_matches('/'))
            || service.tmpfs.keys().any(|target| target.trim_end_matches('/') == path.trim_end_matches('/'))
    };
    image.volumes.iter().filter(|path| !covered(path)).cloned().collect()
}

fn is_job(project: &Project, name: &ServiceName) -> bool {
    project.services.values().any(|other| {
        other
            .depends_on
            .get(name.as_str())
            .is_some_and(|dependency| dependency.condition == Condition::ServiceCompletedSuccessfully)
    })
}

fn in_place_reason(service: &model::Service, image: &ImageFacts) -> Option<String> {
    let order = service.deploy.update_config.as_ref().and_then(|config| config.order);
    if let Some(name) = &service.container_name {
        return Some(format!("container_name: {name}"));
    }
    if let Some(mode) = service.network_mode.as_deref().filter(|mode| *mode != "none") {
        return Some(format!("network_mode: {mode}"));
    }
    if let Some(port) = service.ports.iter().find(|port| port.protocol != Protocol::Tcp) {
        return Some(format!("publishes port {} that is not TCP", port.target));
    }
    match order {
        Some(UpdateOrder::StopFirst) => Some("update_config.order: stop-first".into()),
        Some(UpdateOrder::StartFirst) => None,
        None => writable_mount(service)
            .or_else(|| anonymous_volumes(service, image).first().cloned())
            .map(|target| format!("writable volume at {target}")),
    }
}

fn writable_mount(service: &model::Service) -> Option<String> {
    service
        .volumes
        .iter()
        .find(|mount| !mount.read_only && !matches!(mount.kind, MountKind::Tmpfs { .. }))
        .map(|mount| mount.target.clone())
}
