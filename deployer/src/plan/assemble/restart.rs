//! When the engine starts containers by itself.

use compose_file::model::{self, Restart};

use crate::stack::{Kind, Service};

/// When the engine starts a container of this service by itself. A deployed service comes back with the host.
///
/// As with `docker compose`, `deploy.restart_policy` wins over `restart`.
pub fn restart_policy(service: &Service) -> Restart {
    if service.kind == Kind::Job {
        return Restart::No;
    }
    let definition = &service.definition;
    let policy = definition.deploy.restart_policy.as_ref().map(of_deploy);
    policy.or(definition.restart).unwrap_or(Restart::UnlessStopped)
}

/// The Compose Specification's words for what the engine has others for; without a condition it means any.
fn of_deploy(policy: &model::RestartPolicy) -> Restart {
    match policy.condition.as_deref() {
        Some("none" | "no") => Restart::No,
        Some("on-failure") => Restart::OnFailure(policy.max_attempts),
        Some("unless-stopped") => Restart::UnlessStopped,
        _ => Restart::Always,
    }
}
