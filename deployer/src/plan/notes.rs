//! What the user should know before a plan is carried out.

use super::assemble::{Change, How};
use crate::stack::Kind;

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
            Kind::Portless if replaces => notes.push(format!(
                "{name} declares no port: the new containers start, then the old ones stop, and callers by name are \
                 switched by DNS alone"
            )),
            _ => {}
        }
        let definition = &change.service.definition;
        if let Some(config) = &definition.deploy.update_config
            && (config.parallelism.is_some() || config.delay.is_some() || config.max_failure_ratio.is_some())
        {
            notes.push(format!(
                "{name}: parallelism, delay and ratios have no meaning here, because all replicas switch at once"
            ));
        }
        let declared = !definition.ports.is_empty() || !definition.expose.is_empty();
        if change.service.front.is_some() && !declared {
            notes.push(format!("{name} is known to its front only by the ports that its image exposes"));
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
