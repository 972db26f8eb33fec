//! What the user should know before a plan is carried out.

use super::assemble::{Change, How};
use crate::stack::{Kind, Service, without_effect};

/// One sentence for each thing that is not as seamless as the rest, or not as the file says.
pub fn notes(changes: &[Change<'_>]) -> Vec<String> {
    let moved = changes.iter().filter(|change| change.how != How::Keep);
    moved.flat_map(|change| interruption(change).into_iter().chain(differences(change))).collect()
}

/// What its clients and callers notice.
fn interruption(change: &Change<'_>) -> Option<String> {
    change.targets_before()?;
    let name = change.name;
    match &change.service.kind {
        Kind::InPlace(reason) => Some(format!(
            "{name} is replaced in place ({reason}): it is interrupted from its stop until its new container is ready"
        )),
        Kind::Portless if change.service.definition.network_mode.is_some() => {
            Some(format!("{name} is in no network: the new containers start, then the old ones stop"))
        }
        Kind::Portless => Some(format!(
            "{name} declares no port: the new containers start, then the old ones stop, and callers by name are \
             switched by DNS alone"
        )),
        _ => None,
    }
}

/// What has another meaning here than the file may suggest, or none.
fn differences(change: &Change<'_>) -> Vec<String> {
    let (name, service) = (change.name, change.service);
    let definition = &service.definition;
    let mut notes: Vec<String> =
        without_effect(definition).into_iter().map(|sentence| format!("{name}: {sentence}")).collect();
    if service.front.is_some() && definition.ports.is_empty() && definition.expose.is_empty() {
        notes.push(format!("{name} is known to its front only by the ports that its image exposes"));
    }
    if monitor_is_idle(service) {
        notes.push(format!(
            "{name}: `deploy.update_config.monitor` has no meaning here, because its health check or its ports say when \
             it is fit to serve"
        ));
    }
    let silent = definition.restart.is_none() && definition.deploy.restart_policy.is_none();
    if silent && service.kind != Kind::Job {
        notes.push(format!("{name}: restart is unless-stopped, because the file names none"));
    }
    notes
}

/// The gate watches a container for that long only when there is nothing to ask.
fn monitor_is_idle(service: &Service) -> bool {
    let config = service.definition.deploy.update_config.as_ref();
    let asks = service.image.healthcheck
        || (service.definition.network_mode.is_none()
            && !(service.declared_ports().is_empty() && service.image.exposed.is_empty()));
    config.is_some_and(|config| config.monitor.is_some()) && asks
}
