//! `status`: what runs, and whether it is what was deployed.

use serde::Serialize;

use super::Session;
use crate::engine::Engine;
use crate::error::Code;
use crate::labels::{self, Role};
use crate::observe::{Records, records};
use crate::snapshot::{Container, Observed, State};
use crate::stack::{ReleaseNumber, ServiceName, Serving, StackName};
use crate::transaction::agent;

/// What runs.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The stack.
    pub stack: StackName,
    /// The release that serves.
    pub release: Option<ReleaseNumber>,
    /// Its tag.
    pub tag: Option<String>,
    /// Who holds the lock, and since when.
    pub lock: Option<String>,
    /// A command did not finish; the next writing one puts that in order.
    pub unfinished: bool,
    /// Its services.
    pub services: Vec<ServiceStatus>,
}

/// One service.
#[derive(Debug, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub service: ServiceName,
    /// The color that serves.
    pub color: Option<String>,
    /// Containers that should serve.
    pub wanted: u32,
    /// Containers that run and are not unhealthy.
    pub running: u32,
    /// What differs from the release, if anything does.
    pub drift: Option<String>,
    /// Its containers, fronts and standby included.
    pub containers: Vec<ContainerStatus>,
}

/// One container.
#[derive(Debug, Serialize)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// `live`, `standby`, `front`, `job` or `new`.
    pub part: &'static str,
    /// The engine's sentence on it.
    pub status: String,
}

/// Runs the verb.
///
/// # Errors
/// When the engine does not answer or the records cannot be understood.
pub async fn run(session: &Session) -> anyhow::Result<Code> {
    let stack = session.stack_name()?;
    let engine = session.engine().await?;
    let (observed, records) = look(session, &engine, &stack).await?;
    let status = status(&stack, &observed, &records);
    if session.ui.is_json() {
        session.ui.data(&status);
        return Ok(Code::Done);
    }
    match (status.release, &status.tag) {
        (Some(release), Some(tag)) => {
            session.ui.print(&format!("stack {stack}: release {release} (tag {tag})\n"))
        }
        _ => session.ui.print(&format!("stack {stack}: no release\n")),
    }
    if let Some(lock) = &status.lock {
        session.ui.print(&format!("locked: {lock}\n"));
    }
    if status.unfinished && status.lock.is_none() {
        session.ui.print(
            "an earlier command did not finish: the next deploy, rollback or down puts that in order\n",
        );
    }
    let rows = status.services.iter().flat_map(rows).collect();
    session.ui.table(&["SERVICE", "CONTAINER", "PART", "STATUS"], rows);
    for drift in status.services.iter().filter_map(|service| service.drift.as_ref()) {
        session.ui.print(&format!("drift: {drift}\n"));
    }
    Ok(Code::Done)
}

/// Observes one stack without the lock.
///
/// # Errors
/// When the engine does not answer or the records cannot be understood.
pub async fn look(
    session: &Session,
    engine: &Engine,
    stack: &StackName,
) -> anyhow::Result<(Observed, Records)> {
    let containers = engine.containers(Some(stack)).await?;
    let records = records(engine, stack, &containers, async || agent(session, engine).await).await?;
    let history = records.history.clone();
    Ok((Observed { containers, history, ..Observed::default() }, records))
}

/// What is seen, beside what was recorded.
#[must_use]
pub fn status(stack: &StackName, observed: &Observed, records: &Records) -> Status {
    let live = observed.history.live();
    // One that has ended is about to be removed by the engine, and holds nothing.
    let holds =
        |container: &&Container| container.role() == Some(Role::Keeper) && container.state == State::Running;
    let keeper = observed.of(stack).find(holds);
    let lock = keeper.map(|keeper| {
        let label = |key: &str| keeper.labels.get(key).cloned().unwrap_or_default();
        format!("{} since {}", label(labels::HOLDER), label(labels::SINCE))
    });
    let services = live.into_iter().flat_map(|release| release.serving.keys());
    Status {
        stack: stack.clone(),
        release: live.map(|release| release.number),
        tag: live.map(|release| release.tag.clone()),
        unfinished: records.journal.is_some(),
        lock,
        services: services.map(|name| service(stack, observed, name)).collect(),
    }
}

fn service(stack: &StackName, observed: &Observed, name: &ServiceName) -> ServiceStatus {
    let serving = observed.history.serving(name);
    let containers = observed.of(stack).filter(|container| container.service().as_ref() == Some(name));
    let mut parts: Vec<(&'static str, &Container)> =
        containers.map(|container| (part(container, observed, serving), container)).collect();
    parts.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.name.cmp(&b.name)));
    let job = parts.iter().any(|(part, _)| *part == "job");
    let live = parts.iter().filter(|(part, container)| *part == "live" && container.looks_healthy()).count();
    let running = u32::try_from(live).unwrap_or(u32::MAX);
    let wanted = serving.map_or(0, |serving| if job { 0 } else { serving.replicas });
    let shown = |(part, container): (&'static str, &Container)| ContainerStatus {
        name: container.name.to_string(),
        part,
        status: container.status.clone(),
    };
    ServiceStatus {
        service: name.clone(),
        color: serving.filter(|_| !job).map(|serving| serving.color.to_string()),
        wanted,
        running,
        drift: missing_front(observed, name, &parts).or_else(|| drift(name, &parts, running, wanted)),
        containers: parts.into_iter().map(shown).collect(),
    }
}

fn part(container: &Container, observed: &Observed, serving: Option<&Serving>) -> &'static str {
    let live = observed.history.live().map(|release| release.number);
    match container.role() {
        Some(Role::Front) => "front",
        Some(Role::Job) => "job",
        _ if container.release() == serving.map(|serving| serving.made_in) => "live",
        // A release that is not recorded yet is under way.
        _ if container.release() > live => "new",
        _ => "standby",
    }
}

/// A front that is gone is not among the containers.
fn missing_front(observed: &Observed, name: &ServiceName, parts: &[(&str, &Container)]) -> Option<String> {
    let service = observed.history.live()?.stack.as_ref()?.services.get(name)?;
    let gone = service.front.is_some() && !parts.iter().any(|(part, _)| *part == "front");
    gone.then(|| format!("the front of {name} is gone"))
}

/// What differs from the release, if anything does.
fn drift(name: &ServiceName, parts: &[(&str, &Container)], running: u32, wanted: u32) -> Option<String> {
    let stopped =
        |(part, container): &&(&str, &Container)| *part == "front" && container.state != State::Running;
    if let Some((_, front)) = parts.iter().find(stopped) {
        return Some(format!("{} does not run", front.name));
    }
    (running < wanted)
        .then(|| format!("{running} of {wanted} containers of {name} run and are not unhealthy"))
}

fn rows(service: &ServiceStatus) -> Vec<Vec<String>> {
    let cells = |container: &ContainerStatus| {
        let part = match (&service.color, container.part) {
            (Some(color), "live") => format!("live ({color})"),
            (_, part) => part.to_owned(),
        };
        vec![service.service.to_string(), container.name.clone(), part, container.status.clone()]
    };
    service.containers.iter().map(cells).collect()
}
