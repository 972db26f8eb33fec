//! From what runs to what the file says.

use std::collections::BTreeMap;

use super::assemble::{Change, How, assemble};
use super::checks::check_ground;
use super::notes::notes;
use super::{Decision, PlanError, Planned, Verb};
use crate::snapshot::{Container, Observed, State};
use crate::stack::{Color, Kind, Release, ReleaseNumber, Service, ServiceName, Serving, Stack};

/// What is known of a release besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its tag.
    pub tag: String,
    /// The project's revision.
    pub revision: Option<String>,
    /// Now, RFC 3339, UTC.
    pub created: String,
    /// `user@host`.
    pub by: String,
    /// The deployer's own image, which fronts run; absent when a plan is only shown by a program that has none.
    pub agent: Option<String>,
}

/// The plan that makes the engine what the stack says, or the release that is it already.
///
/// # Errors
/// When something stands in the way that the deploy must not touch.
pub fn deploy(stack: &Stack, observed: &Observed, meta: &Meta) -> Result<Decision, PlanError> {
    if stack.services.is_empty() {
        return Err(PlanError::NoServices(stack.name.clone()));
    }
    check_ground(stack, observed)?;
    let number = observed.history.next();
    let stack = stack.bind(number, meta.revision.as_deref());
    let changes = changes(&stack, observed, number);
    let live = observed.history.live();
    if let Some(live) = live.filter(|live| changes.is_empty() && same_services(&stack, live)) {
        return Ok(Decision::Nothing(live.number, live.tag.clone()));
    }
    let mut serving: BTreeMap<ServiceName, Serving> =
        live.map(|live| live.serving.clone()).unwrap_or_default();
    serving.retain(|name, _| stack.services.contains_key(name));
    serving.extend(changes.iter().map(|change| (change.name.clone(), change.to.clone())));
    let release = Release {
        number,
        tag: meta.tag.clone(),
        source: None,
        revision: meta.revision.clone(),
        created: meta.created.clone(),
        by: meta.by.clone(),
        agent: meta.agent.clone(),
        serving,
        stack: Some(stack.clone()),
    };
    let notes = notes(&changes);
    let plan = assemble(Verb::Deploy, &changes, observed, &release, notes)?;
    Ok(Decision::Change(Box::new(Planned { plan, release })))
}

/// Nothing of the stack differs from the live release.
pub fn is_live(stack: &Stack, observed: &Observed, live: &Release) -> bool {
    changes(stack, observed, observed.history.next()).is_empty() && same_services(stack, live)
}

fn same_services(stack: &Stack, live: &Release) -> bool {
    live.serving.keys().all(|name| stack.services.contains_key(name))
}

fn changes<'a>(stack: &'a Stack, observed: &'a Observed, number: ReleaseNumber) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'_>> = stack
        .services
        .iter()
        .filter(|(_, service)| service.kind != Kind::Job)
        .filter_map(|(name, service)| change(stack, observed, number, name, service))
        .collect();
    let jobs = stack.services.iter().filter(|(_, service)| service.kind == Kind::Job);
    // A job is run once in every release, whatever the release changes.
    let due = !changes.is_empty() || jobs.clone().any(|(name, service)| job_changed(observed, name, service));
    if due {
        changes.extend(jobs.map(|(name, service)| Change {
            name,
            service,
            from: None,
            to: Serving { made_in: number, color: Color::Blue, replicas: 1 },
            how: How::Create,
            cause: "runs once in every release".into(),
        }));
    }
    changes
}

fn job_changed(observed: &Observed, name: &ServiceName, service: &Service) -> bool {
    let before = observed
        .history
        .live()
        .and_then(|live| live.stack.as_ref())
        .and_then(|stack| stack.services.get(name));
    before.is_none_or(|before| before.hash != service.hash)
}

fn change<'a>(
    stack: &'a Stack,
    observed: &'a Observed,
    number: ReleaseNumber,
    name: &'a ServiceName,
    service: &'a Service,
) -> Option<Change<'a>> {
    let serving = observed.history.serving(name);
    let found = serving.map(|serving| (serving.clone(), observed.serving(&stack.name, name, serving)));
    if let Some(cause) = containers_differ(service, found.as_ref()) {
        let color = serving.map_or(Color::Blue, |serving| serving.color.other());
        let to = Serving { made_in: number, color, replicas: service.replicas };
        return Some(Change { name, service, from: found, to, how: How::Create, cause });
    }
    let cause = front_differs(stack, observed, name, service)?;
    let to = serving?.clone();
    Some(Change { name, service, from: found, to, how: How::Keep, cause })
}

/// Why the containers that serve cannot stay, if they cannot.
fn containers_differ(service: &Service, found: Option<&(Serving, Vec<&Container>)>) -> Option<String> {
    let Some((serving, containers)) = found else { return Some("new service".into()) };
    if let Some(other) = containers.iter().find(|container| container.hash().as_ref() != Some(&service.hash))
    {
        let what = if other.image == service.image.id { "configuration changed" } else { "image changed" };
        return Some(what.into());
    }
    if serving.replicas != service.replicas {
        return Some(format!("{} replicas become {}", serving.replicas, service.replicas));
    }
    let expected = usize::try_from(service.replicas).unwrap_or(usize::MAX);
    if containers.len() < expected {
        return Some(format!("{} of {expected} containers are gone", expected - containers.len()));
    }
    let stopped =
        containers.iter().find(|container| matches!(container.state, State::Exited | State::Created))?;
    Some(format!("{} does not run", stopped.name))
}

/// Why the front of a service cannot stay as it is, if it cannot.
pub(super) fn front_differs(
    stack: &Stack,
    observed: &Observed,
    name: &ServiceName,
    service: &Service,
) -> Option<String> {
    let front = service.front.as_ref()?;
    let Some(container) = observed.container(&stack.name.front(name)) else {
        return Some("its front is gone".into());
    };
    if container.hash().as_ref() != Some(&front.hash) {
        return Some("its ports or addresses changed".into());
    }
    if container.state != State::Running {
        return Some("its front does not run".into());
    }
    let mut wanted = service.definition.networks.keys().filter_map(|key| stack.network(key));
    wanted
        .find(|network| !container.networks.contains(network))
        .map(|network| format!("joins network {network}"))
}
