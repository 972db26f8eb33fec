//! Changes to services become waves of steps. Deploy and rollback differ in the changes, not in this.

use std::collections::{BTreeMap, BTreeSet};

use compose_file::model::{Port, Restart};

use super::levels::levels;
use super::retire::retire;
use super::{Instance, Op, Plan, PlanError, Step, Targets, Verb, Wave};
use crate::labels::Role;
use crate::snapshot::{Container, Observed, State};
use crate::stack::{ContainerName, Kind, Nameless, Release, Service, ServiceName, Serving, Stack};

mod ground;
mod restart;

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

/// Where the front of a changed service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrontState {
    /// The service has none.
    None,
    /// It serves and stays.
    Stays,
    /// There is none that runs: it can be given its route as soon as there are targets.
    Fresh,
    /// The same, but another front of the stack, which has to make way, still holds its port.
    Late,
    /// It has to make way for one with other ports.
    Replaced,
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
    fn front_container(&self, change: &Change<'_>) -> Option<&Container> {
        self.observed.container(&self.stack.name.front(change.name))
    }

    fn front_state(&self, change: &Change<'_>) -> FrontState {
        let Some(front) = &change.service.front else { return FrontState::None };
        match self.front_container(change) {
            Some(container) if container.hash().as_ref() != Some(&front.hash) => FrontState::Replaced,
            Some(container) if container.state == State::Running => FrontState::Stays,
            _ if self.holds_ports_of(change).next().is_some() => FrontState::Late,
            _ => FrontState::Fresh,
        }
    }

    /// Fronts of other services that run and hold a port which the front of this one shall publish.
    fn holds_ports_of(&self, change: &Change<'_>) -> impl Iterator<Item = &Container> {
        let published = change.service.front.as_ref().map_or(&[][..], |front| &front.published);
        let wanted: Vec<u16> = published.iter().filter_map(host_port).collect();
        let own = self.stack.name.front(change.name);
        self.observed.of(&self.stack.name).filter(move |container| {
            container.role() == Some(Role::Front)
                && container.state == State::Running
                && container.name != own
                && container.ports.iter().any(|port| wanted.contains(&port.host))
        })
    }

    /// Fronts that no service needs any more and whose ports others shall have. Those that are replaced are not among
    /// them: they have their own way out.
    fn making_way(&self) -> BTreeSet<ContainerName> {
        let late = self.with_front(FrontState::Late).chain(self.with_front(FrontState::Replaced));
        let holders = late.flat_map(|change| self.holds_ports_of(change));
        let goes = |container: &&Container| {
            let service = container.service().and_then(|name| self.stack.services.get(&name));
            service.is_none_or(|service| service.front.is_none())
        };
        holders.filter(goes).map(|container| container.name.clone()).collect()
    }

    fn with_front(&self, state: FrontState) -> impl Iterator<Item = &Change<'_>> {
        self.changes.iter().filter(move |change| self.front_state(change) == state)
    }

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

    fn old_front(&self, change: &Change<'_>) -> ContainerName {
        ContainerName::new(format!("{}-until-{}", self.stack.name.front(change.name), self.release.number))
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

    fn create_front(&self, change: &Change<'_>) -> Vec<Step> {
        let name = self.stack.name.front(change.name);
        match self.front_state(change) {
            FrontState::None => Vec::new(),
            FrontState::Fresh | FrontState::Late if self.front_container(change).is_some() => Vec::new(),
            FrontState::Fresh | FrontState::Late | FrontState::Replaced => {
                let undo = Op::RemoveContainer(name, Nameless::Remove);
                vec![change.step(Op::CreateFront(change.name.clone()), Some(undo))]
            }
            FrontState::Stays => self.connect_front(change, &name),
        }
    }

    fn connect_front(&self, change: &Change<'_>, front: &ContainerName) -> Vec<Step> {
        let joined = self.front_container(change).map(|container| &container.networks);
        let wanted = change.service.definition.networks.keys().filter_map(|key| self.stack.network(key));
        wanted
            .filter(|network| joined.is_some_and(|joined| !joined.contains(network)))
            .map(|network| {
                let undo = Op::Disconnect(front.clone(), network.clone());
                change.step(Op::Connect(front.clone(), network), Some(undo))
            })
            .collect()
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
            let names = change.names(self.stack).into_iter();
            steps.extend(names.map(|name| change.step(Op::Start(name.clone()), Some(Op::Stop(name)))));
        }
        steps
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

    /// Everything that is ready is switched to in one wave.
    fn switch(&self) -> Vec<Wave> {
        let serving = || self.with_front(FrontState::Stays).filter(|change| change.how != How::Keep);
        let check = serving()
            .map(|change| change.step(Op::Check(change.name.clone(), change.targets(self.stack)), None));
        let switch = serving().map(|change| {
            let undo = change.targets_before().map(|targets| Op::Switch(change.name.clone(), targets));
            change.step(Op::Switch(change.name.clone(), change.targets(self.stack)), undo)
        });
        let first = self
            .new_fronts()
            .map(|change| change.step(Op::Switch(change.name.clone(), change.targets(self.stack)), None));
        let start = self.new_fronts().map(|change| {
            let name = self.stack.name.front(change.name);
            change.step(Op::StartFront(name.clone()), Some(Op::Stop(name)))
        });
        vec![
            Wave::new("check from the fronts", check.collect()),
            Wave::new("stop the fronts that make way", self.stop_fronts()),
            Wave::new("start the fronts with the new ports", start.collect()),
            Wave::new("switch", switch.chain(first).collect()),
        ]
    }

    /// What clients will notice of fronts that make way for others.
    fn gaps(&self) -> impl Iterator<Item = String> {
        self.new_fronts().map(|change| {
            let name = change.name;
            format!(
                "the ports or addresses of {name} change: they refuse connections for a moment at the switch"
            )
        })
    }

    /// The fronts that can start only when others have made way.
    fn new_fronts(&self) -> impl Iterator<Item = &Change<'_>> {
        self.with_front(FrontState::Replaced).chain(self.with_front(FrontState::Late))
    }

    fn stop_fronts(&self) -> Vec<Step> {
        let replaced = self.with_front(FrontState::Replaced).map(|change| {
            let name = self.old_front(change);
            change.step(Op::Stop(name.clone()), Some(Op::StartFront(name)))
        });
        let making_way = self.making_way().into_iter().map(|name| {
            let undo = Op::StartFront(name.clone());
            Step::new(Op::Stop(name), Some(undo), "its ports go to another service")
        });
        replaced.chain(making_way).collect()
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

/// The one port of the host that an entry names.
fn host_port(port: &Port) -> Option<u16> {
    port.published.as_deref()?.parse().ok()
}

fn rename(change: &Change<'_>, from: ContainerName, to: ContainerName) -> Step {
    let undo = Op::Rename { from: to.clone(), to: from.clone() };
    change.step(Op::Rename { from, to }, Some(undo))
}
