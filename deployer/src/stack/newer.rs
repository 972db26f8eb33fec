//! Keys that only newer engines know. Older ones take the request and leave them out: a volume would be mounted as a
//! whole where a part of it was meant.

use compose_file::model::{self, MountKind, Project};
use semver::Version;

use super::Refusal;

/// The keys, with the minor version of the API 1 and the engine that have them first.
const NEWER: [(&str, u64, &str); 7] = [
    ("annotations", 43, "24.0"),
    ("mac_address", 44, "25.0"),
    ("start_interval", 44, "25.0"),
    ("subpath", 45, "26.0"),
    ("enable_ipv4", 48, "28.0"),
    ("gw_priority", 48, "28.0"),
    ("interface_name", 49, "28.1"),
];

/// The keys that an engine which speaks this version of its API does not know.
#[must_use]
pub fn newer_keys(project: &Project, api: &Version) -> Vec<Refusal> {
    let services = project.services.iter().flat_map(|(name, service)| service_keys(name, service));
    // An engine that cannot turn IPv4 off has it on.
    let networks = project.networks.iter().filter(|(_, network)| network.enable_ipv4 == Some(false));
    let networks = networks.map(|(name, _)| (format!("networks.{name}.enable_ipv4"), "enable_ipv4"));
    let refusal = |(place, key): (String, &'static str)| {
        let known = NEWER.into_iter().find(|(newer, ..)| *newer == key);
        let (_, minor, engine) = known.expect("every newer key is in the table");
        (*api < Version::new(1, minor, 0)).then(|| Refusal {
            place,
            message: format!(
                "`{key}` needs API 1.{minor} of the engine, and this one speaks {}.{}",
                api.major, api.minor
            ),
            help: format!("upgrade the engine to Docker {engine} or later, or remove the key"),
        })
    };
    services.chain(networks).filter_map(refusal).collect()
}

/// The newer keys that a service has, each with its place.
fn service_keys(name: &str, service: &model::Service) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let mut add = |is_there: bool, place: &str, key: &'static str| {
        if is_there {
            found.push((format!("services.{name}.{place}{key}"), key));
        }
    };
    add(!service.annotations.is_empty(), "", "annotations");
    let begins = service.healthcheck.as_ref().is_some_and(|check| check.start_interval.is_some());
    add(begins, "healthcheck.", "start_interval");
    for (index, mount) in service.volumes.iter().enumerate() {
        let partly = matches!(&mount.kind, MountKind::Volume { subpath: Some(_), .. });
        add(partly, &format!("volumes[{index}].volume."), "subpath");
    }
    for (network, attachment) in &service.networks {
        let place = format!("networks.{network}.");
        add(attachment.mac_address.is_some(), &place, "mac_address");
        add(attachment.gw_priority != 0, &place, "gw_priority");
        add(attachment.interface_name.is_some(), &place, "interface_name");
    }
    found
}
