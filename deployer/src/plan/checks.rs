//! What is refused before anything is touched: names, ports and volumes that belong to somebody else.

use compose_file::model::{Port, Volume};

use super::PlanError;
use crate::labels;
use crate::snapshot::{Container, HostPort, Observed, State};
use crate::stack::{ContainerName, Kind, NetworkName, ServiceName, Stack, StackName, VolumeName};

/// Everything that needs no image: refused even before something is built.
///
/// # Errors
/// The first thing that stands in the way.
pub fn check_ground(stack: &Stack, observed: &Observed) -> Result<(), PlanError> {
    check_adoption(&stack.name, observed)?;
    check_names(stack, observed)?;
    check_ports(stack, observed)?;
    check_networks(stack, observed)?;
    check_volumes(stack, observed)
}

/// A project of that name that another tool runs is not ours to touch.
///
/// # Errors
/// When there is one.
pub fn check_adoption(stack: &StackName, observed: &Observed) -> Result<(), PlanError> {
    let foreign = observed.containers.iter().find(|container| {
        !container.is_of(stack)
            && container.labels.get(labels::COMPOSE_PROJECT).is_some_and(|project| project == stack.as_str())
    });
    match foreign {
        Some(container) => {
            Err(PlanError::ComposeProject { stack: stack.clone(), container: container.name.clone() })
        }
        None => Ok(()),
    }
}

fn check_names(stack: &Stack, observed: &Observed) -> Result<(), PlanError> {
    let foreign = |container: &&Container| !container.is_of(&stack.name);
    let release = observed.history.next();
    for container in observed.containers.iter().filter(foreign) {
        let ours = |name: &ContainerName| *name == container.name;
        let taken = stack.services.iter().any(|(name, service)| {
            service.definition.container_name.as_deref() == Some(container.name.as_str())
                || ours(&stack.name.front(name))
                || (1..=service.replicas).any(|replica| ours(&stack.name.container(name, release, replica)))
        });
        if taken || ours(&stack.name.lock()) {
            return Err(PlanError::ForeignContainer(container.name.clone()));
        }
    }
    Ok(())
}

fn check_ports(stack: &Stack, observed: &Observed) -> Result<(), PlanError> {
    let mut wanted: Vec<(&ServiceName, &Port, u16)> = Vec::new();
    for (name, service) in stack.services.iter().filter(|(_, service)| service.kind != Kind::Job) {
        for port in &service.definition.ports {
            let Some(host) = single(port) else { continue };
            let ip = address(port);
            if let Some(holder) = holder(observed, &stack.name, ip, host, protocol(port)) {
                return Err(PlanError::PortTaken {
                    port: spell(ip, host),
                    service: name.clone(),
                    holder: holder.name.clone(),
                    stack: holder
                        .labels
                        .get(labels::COMPOSE_PROJECT)
                        .map(|stack| format!(" of stack {stack}"))
                        .unwrap_or_default(),
                });
            }
            let clashes = |(other, before, number): &&(&ServiceName, &Port, u16)| {
                *other != name
                    && *number == host
                    && before.protocol == port.protocol
                    && overlap(address(before), ip)
            };
            if let Some((other, ..)) = wanted.iter().find(clashes) {
                return Err(PlanError::PortTwice((*other).clone(), name.clone(), spell(ip, host)));
            }
            wanted.push((name, port, host));
        }
    }
    Ok(())
}

fn holder<'a>(
    observed: &'a Observed,
    stack: &StackName,
    ip: &str,
    host: u16,
    protocol: &str,
) -> Option<&'a Container> {
    let overlaps = |held: &HostPort| held.host == host && held.protocol == protocol && overlap(&held.ip, ip);
    observed
        .containers
        .iter()
        .filter(|container| !container.is_of(stack) && container.state != State::Exited)
        .find(|container| container.ports.iter().any(overlaps))
}

/// Whether a port at both addresses would be one port.
fn overlap(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|ip| ip.trim_matches(['[', ']']));
    let any = |ip: &str| matches!(ip, "" | "0.0.0.0" | "::");
    one == other || any(one) || any(other)
}

fn address(port: &Port) -> &str {
    port.host_ip.as_deref().unwrap_or_default()
}

fn single(port: &Port) -> Option<u16> {
    port.published.as_deref()?.parse().ok().filter(|number| *number != 0)
}

fn protocol(port: &Port) -> &'static str {
    match port.protocol {
        compose_file::model::Protocol::Tcp => "tcp",
        compose_file::model::Protocol::Udp => "udp",
        compose_file::model::Protocol::Sctp => "sctp",
    }
}

fn spell(ip: &str, port: u16) -> String {
    if ip.is_empty() { port.to_string() } else { format!("{ip}:{port}") }
}

fn check_networks(stack: &Stack, observed: &Observed) -> Result<(), PlanError> {
    let before = observed.history.live().and_then(|release| release.stack.as_ref());
    for (key, network) in &stack.networks {
        let name = NetworkName::new(&network.name);
        match observed.networks.get(&name) {
            None if network.external => return Err(PlanError::NoNetwork(name)),
            Some(found) if !network.external => {
                if !found.is_of(&stack.name) {
                    return Err(PlanError::ForeignNetwork(name));
                }
                let old =
                    before.and_then(|stack| stack.networks.get(key)).filter(|old| old.name == network.name);
                if old.is_some_and(|old| old != network) {
                    return Err(PlanError::NetworkChanged(name));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What the newest release that knows a volume of ours says of it: a volume outlives the releases that leave it out.
fn recorded_volume<'a>(observed: &'a Observed, name: &VolumeName) -> Option<&'a Volume> {
    let stacks = observed.history.releases.iter().rev().filter_map(|release| release.stack.as_ref());
    let mut volumes = stacks.flat_map(|stack| stack.volumes.values());
    volumes.find(|volume| volume.name == name.as_str() && !volume.external)
}

/// The part of a volume's definition that the engine takes when it makes the volume, and never again. Labels hold no
/// data.
fn volume_differs(old: &Volume, new: &Volume) -> Option<&'static str> {
    let driver = |volume: &Volume| volume.driver.clone().unwrap_or_else(|| "local".into());
    if driver(old) != driver(new) {
        Some("driver")
    } else {
        (old.driver_opts != new.driver_opts).then_some("driver_opts")
    }
}

fn check_volumes(stack: &Stack, observed: &Observed) -> Result<(), PlanError> {
    for (key, volume) in &stack.volumes {
        let name = VolumeName::new(&volume.name);
        let wanted = stack.settings.volumes.get(key).and_then(|settings| settings.format.as_ref());
        match observed.volumes.get(&name) {
            None if volume.external => return Err(PlanError::NoVolume(name)),
            Some(found) => {
                if !volume.external && !found.is_of(&stack.name) {
                    return Err(PlanError::ForeignVolume(name));
                }
                let old = recorded_volume(observed, &name).filter(|_| !volume.external);
                if let Some(what) = old.and_then(|old| volume_differs(old, volume)) {
                    return Err(PlanError::VolumeChanged { volume: name, what });
                }
                let format = found.labels.get(labels::FORMAT);
                if let Some((found, wanted)) = format.zip(wanted).filter(|(found, wanted)| found != wanted) {
                    let (found, wanted) = (found.clone(), wanted.clone());
                    return Err(PlanError::VolumeFormat { volume: name, found, wanted });
                }
            }
            None => {}
        }
    }
    let state = stack.name.state_volume();
    match observed.volumes.get(&state) {
        Some(found) if !found.is_of(&stack.name) => Err(PlanError::ForeignVolume(state)),
        _ => Ok(()),
    }
}
