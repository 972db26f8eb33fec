//! What the user should know before a plan is carried out.

use super::assemble::{Change, How};
use crate::stack::{Kind, Service, without_effect};

/// One sentence for each thing that is not as seamless as the rest.
pub fn notes(changes: &[Change<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    for change in changes.iter().filter(|change| change.how != How::Keep) {
        let name = change.name;
        let replaces = change.targets_before().is_some();
        match &change.service.kind {
            Kind::InPlace(reason) if replaces => notes.push(format!(
                "{name} is replaced in place ({reason}): it is interrupted from its stop until its new container is ready"
            )),
            Kind::Portless if replaces && change.service.definition.network_mode.is_some() => notes.push(
                format!("{name} is in no network: the new containers start, then the old ones stop"),
            ),
            Kind::Portless if replaces => notes.push(format!(
                "{name} declares no port: the new containers start, then the old ones stop, and callers by name are \
                 switched by DNS alone"
            )),
            _ => {}
        }
        let definition = &change.service.definition;
        notes.extend(without_effect(definition).into_iter().map(|sentence| format!("{name}: {sentence}")));
        let declared = !definition.ports.is_empty() || !definition.expose.is_empty();
        if change.service.front.is_some() && !declared {
            notes.push(format!("{name} is known to its front only by the ports that its image exposes"));
        }
        if monitor_is_idle(change.service) {
            notes.push(format!(
                "{name}: `deploy.update_config.monitor` has no meaning here, because its health check or its ports say \
                 when it is fit to serve"
            ));
        }
        if definition.restart.is_none()
            && definition.deploy.restart_policy.is_none()
            && change.service.kind != Kind::Job
        {
            notes.push(format!("{name}: restart is unless-stopped, because the file names none"));
        }
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
