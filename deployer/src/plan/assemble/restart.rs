//! When the engine starts containers by itself.

use compose_file::model::Restart;

use crate::stack::{Kind, Service};

/// When the engine starts a container of this service by itself. A deployed service comes back with the host.
pub fn restart_policy(service: &Service) -> Restart {
    if service.kind == Kind::Job {
        return Restart::No;
    }
    let definition = &service.definition;
    definition.restart.unwrap_or_else(|| {
        let policy = definition.deploy.restart_policy.as_ref();
        match policy.and_then(|policy| policy.condition.as_deref()) {
            Some("none") => Restart::No,
            Some("on-failure") => Restart::OnFailure(policy.and_then(|policy| policy.max_attempts)),
            Some("any") => Restart::Always,
            _ => Restart::UnlessStopped,
        }
    })
}
