//! Changes to services become waves of steps. Deploy and rollback differ in the changes, not in this.

use std::collections::BTreeMap;

use compose_file::model::Restart;

use super::levels::levels;
use super::retire::retire;
use super::{Instance, Op, Plan, PlanError, Step, Targets, Verb, Wave};
use crate::labels::Role;
use crate::snapshot::{Container, Observed, State};
use crate::stack::{ContainerName, Kind, Nameless, Release, Service, ServiceName, Serving, Stack};

mod fronts;
mod ground;
mod restart;

use fronts::FrontState;
pub use restart::restart_policy;

/// How the containers that a service shall have come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// New ones.
    Create,
    /// Those of an earlier release that were kept.
    Revive,
    /// Those that serve already; only the front is new.
    Keep,
}

/// A service that does not stay as it is.
pub struct Change<'a> {
    /// Its name.
    pub name: &'a ServiceName,
    /// What it shall be.
    pub service: &'a Service,
    /// The containers that serve it now.
    pub from: Option<(Serving, Vec<&'a Container>)>,
    /// The containers that shall.
    pub to: Serving,
    /// Where those come from.
    pub how: How,
    /// Why.
    pub cause: String,
}

/// Leaves out waves with nothing to do.
pub fn without_empty(waves: Vec<Wave>) -> Vec<Wave> {
    waves.into_iter().filter(|wave| !wave.steps.is_empty()).collect()
}

/// The plan for these changes.
///
/// # Errors
/// When services wait for each other.
pub fn assemble(
    verb: Verb,
    changes: &[Change<'_>],
    observed: &Observed,
    release: &Release,
    mut notes: Vec<String>,
) -> Result<Plan, PlanError> {
    let stack = release.stack.as_ref().expect("a release that is planned has its definition");
    let builder = Builder { stack, observed, release, changes };
    notes.extend(builder.gaps());
    let mut waves = builder.prepare();
    for level in levels(stack, changes)? {
        waves.extend(builder.level(&level));
    }
    waves.extend(builder.switch());
    Ok(Plan {
        verb,
        stack: stack.name.clone(),
        release: Some(release.number),
        waves: without_empty(waves),
        retire: without_empty(retire(stack, changes, observed, release)),
        instances: builder.instances(),
        notes,
    })
}

struct Builder<'a> {
    stack: &'a Stack,
    observed: &'a Observed,
    release: &'a Release,
    changes: &'a [Change<'a>],
}

impl Change<'_> {
    /// The containers that shall serve, by the names that they will have.
    pub fn targets(&self, stack: &Stack) -> Targets {
        let containers = (1..=self.to.replicas).map(|replica| self.container(stack, replica)).collect();
        Targets { release: self.to.made_in, color: self.to.color, containers }
    }

    fn container(&self, stack: &Stack, replica: u32) -> ContainerName {
        match &self.service.definition.container_name {
            Some(name) if self.service.kind != Kind::Job => ContainerName::new(name),
            _ => stack.name.container(self.name, self.to.made_in, replica),
        }
    }

    /// The containers that serve now, as a route.
    pub fn targets_before(&self) -> Option<Targets> {
        let (serving, containers) = self.from.as_ref().filter(|(_, containers)| !containers.is_empty())?;
        let containers = containers.iter().map(|container| container.name.clone()).collect();
        Some(Targets { release: serving.made_in, color: serving.color, containers })
    }

    /// The name of an old container once the new ones have theirs.
    pub fn name_aside(&self, stack: &Stack, container: &Container) -> ContainerName {
        match container.release() {
            Some(release) if self.names(stack).contains(&container.name) => {
                stack.name.container(self.name, release, container.replica().unwrap_or(1))
            }
            _ => container.name.clone(),
        }
    }

    fn names(&self, stack: &Stack) -> Vec<ContainerName> {
        self.targets(stack).containers
    }

    fn old(&self) -> impl Iterator<Item = &Container> {
        self.from.iter().flat_map(|(_, containers)| containers.iter().copied())
    }

    /// The old containers have to stop before the new ones start.
    fn needs_room(&self) -> bool {
        let was_in_place = self.old().any(|container| !container.ports.is_empty());
        self.how != How::Keep && (matches!(self.service.kind, Kind::InPlace(_)) || was_in_place)
    }

    fn step(&self, op: Op, undo: Option<Op>) -> Step {
        Step::new(op, undo, self.cause.clone())
    }
}

impl Builder<'_> {
    fn prepare(&self) -> Vec<Wave> {
        let mut ground = self.tag_images();
        ground.extend(self.networks());
        ground.extend(self.volumes());
        vec![
            Wave::new("images, networks and volumes", ground),
            Wave::new("set names aside", self.set_aside()),
            Wave::new("create", self.create()),
        ]
    }

    /// Frees the names that a file fixes: `container_name`, and a front's.
    fn set_aside(&self) -> Vec<Step> {
        let fixed = self.changes.iter().filter(|change| change.service.definition.container_name.is_some());
        let mut steps: Vec<Step> = fixed
            .flat_map(|change| change.old().map(move |container| (change, container)))
            .filter(|(change, container)| change.names(self.stack).contains(&container.name))
            .map(|(change, container)| {
                rename(change, container.name.clone(), change.name_aside(self.stack, container))
            })
            .collect();
        steps.extend(
            self.with_front(FrontState::Replaced)
                .map(|change| rename(change, self.stack.name.front(change.name), self.old_front(change))),
        );
        steps.extend(self.restore_policies());
        steps
    }

    fn create(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for change in self.changes {
            steps.extend(match change.how {
                How::Create => self.create_containers(change),
                How::Revive => self.revive(change),
                How::Keep => Vec::new(),
            });
            steps.extend(self.create_front(change));
        }
        steps
    }

    fn create_containers(&self, change: &Change<'_>) -> Vec<Step> {
        let names = change.names(self.stack).into_iter();
        names
            .map(|name| {
                let undo = Op::RemoveContainer(name.clone(), Nameless::Remove);
                change.step(Op::CreateContainer(name), Some(undo))
            })
            .collect()
    }

    /// Containers that were kept get the names that the file fixes.
    fn revive(&self, change: &Change<'_>) -> Vec<Step> {
        let found = self.observed.serving(&self.stack.name, change.name, &change.to);
        let names = found.into_iter().map(|container| container.name.clone()).zip(change.names(self.stack));
        names.filter(|(from, to)| from != to).map(|(from, to)| rename(change, from, to)).collect()
    }

    /// Containers that were kept come back with the host again, from now on.
    fn restore_policies(&self) -> impl Iterator<Item = Step> {
        let revived = self.changes.iter().filter(|change| change.how == How::Revive);
        revived.flat_map(|change| {
            let policy = restart_policy(change.service);
            let found = self.observed.serving(&self.stack.name, change.name, &change.to);
            found.into_iter().map(move |container| {
                let undo = Op::SetRestart(container.name.clone(), Restart::No);
                change.step(Op::SetRestart(container.name.clone(), policy), Some(undo))
            })
        })
    }

    /// Room, start, wait and first route for the services that depend on nothing but earlier levels.
    fn level(&self, names: &[&ServiceName]) -> Vec<Wave> {
        let changes: Vec<&Change<'_>> =
            self.changes.iter().filter(|change| names.contains(&change.name)).collect();
        let label = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let room =
            changes.iter().filter(|change| change.needs_room()).flat_map(|change| self.make_room(change));
        let start = changes.iter().flat_map(|change| self.start(change));
        let wait = changes.iter().flat_map(|change| self.wait(change));
        let route = changes.iter().filter(|change| self.front_state(change) == FrontState::Fresh);
        let route = route
            .map(|change| change.step(Op::Switch(change.name.clone(), change.targets(self.stack)), None));
        vec![
            Wave::new(format!("make room for {label}"), room.collect()),
            Wave::new(format!("start {label}"), start.collect()),
            Wave::new(format!("wait for {label}"), wait.collect()),
            Wave::new(format!("first route to {label}"), route.collect()),
        ]
    }

    fn make_room(&self, change: &Change<'_>) -> Vec<Step> {
        let running = change.old().filter(|container| container.state != State::Exited);
        let containers = running.map(|container| change.name_aside(self.stack, container));
        let front = self.front_container(change).filter(|_| change.service.front.is_none());
        let front = front.map(|front| front.name.clone());
        let stop = containers.map(|name| change.step(Op::Stop(name.clone()), Some(Op::Start(name))));
        let stop_front = front.map(|name| change.step(Op::Stop(name.clone()), Some(Op::StartFront(name))));
        stop.chain(stop_front).collect()
    }

    fn start(&self, change: &Change<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.front_state(change) == FrontState::Fresh {
            let name = self.stack.name.front(change.name);
            steps.push(change.step(Op::StartFront(name.clone()), Some(Op::Stop(name))));
        }
        if change.how != How::Keep && change.service.kind != Kind::Job {
            let names = change.names(self.stack).into_iter().filter(|name| !self.runs_already(change, name));
            steps.extend(names.map(|name| change.step(Op::Start(name.clone()), Some(Op::Stop(name)))));
        }
        steps
    }

    /// A warm standby needs no start, and must not be stopped when the rest fails.
    fn runs_already(&self, change: &Change<'_>, name: &ContainerName) -> bool {
        if change.how != How::Revive {
            return false;
        }
        // By their places: the file may fix a name that another container has until then.
        let found = self.observed.serving(&self.stack.name, change.name, &change.to);
        let mut names = change.names(self.stack).into_iter().zip(found);
        names.any(|(to, container)| to == *name && container.state == State::Running)
    }

    fn wait(&self, change: &Change<'_>) -> Vec<Step> {
        let names = change.names(self.stack).into_iter();
        match (&change.service.kind, &change.how) {
            (Kind::Job, _) => {
                names.map(|name| change.step(Op::RunJob(name.clone()), Some(Op::Stop(name)))).collect()
            }
            (_, How::Keep) => Vec::new(),
            _ => names.map(|name| change.step(Op::AwaitHealthy(name), None)).collect(),
        }
    }

    /// The container that one of an in-place service takes over from.
    fn predecessor(&self, change: &Change<'_>, replica: u32) -> Option<ContainerName> {
        let in_place = matches!(change.service.kind, Kind::InPlace(_)) && change.how == How::Create;
        let old = change.old().find(|container| container.replica() == Some(replica)).filter(|_| in_place)?;
        Some(change.name_aside(self.stack, old))
    }

    fn instances(&self) -> BTreeMap<ContainerName, Instance> {
        let mut instances = BTreeMap::new();
        for change in self.changes {
            let role = if change.service.kind == Kind::Job { Role::Job } else { Role::Service };
            for (replica, name) in (1..).zip(change.names(self.stack)) {
                let instance = Instance {
                    service: change.name.clone(),
                    release: change.to.made_in,
                    color: change.to.color,
                    replica,
                    role,
                    inherits: self.predecessor(change, replica),
                };
                instances.insert(name, instance);
            }
        }
        instances
    }
}

fn rename(change: &Change<'_>, from: ContainerName, to: ContainerName) -> Step {
    let undo = Op::Rename { from: to.clone(), to: from.clone() };
    change.step(Op::Rename { from, to }, Some(undo))
}
