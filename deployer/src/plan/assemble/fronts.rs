//! The fronts of changed services: which stay, which make way for others, and when each gets its route.

use std::collections::BTreeSet;

use compose_file::model::Port;

use super::{Builder, Change, How};
use crate::labels::Role;
use crate::plan::{Op, Step, Wave};
use crate::snapshot::{Container, State};
use crate::stack::{ContainerName, Nameless};

/// Where the front of a changed service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrontState {
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

impl Builder<'_> {
    pub(super) fn front_container(&self, change: &Change<'_>) -> Option<&Container> {
        self.observed.container(&self.stack.name.front(change.name))
    }

    pub(super) fn front_state(&self, change: &Change<'_>) -> FrontState {
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

    pub(super) fn with_front(&self, state: FrontState) -> impl Iterator<Item = &Change<'_>> {
        self.changes.iter().filter(move |change| self.front_state(change) == state)
    }

    pub(super) fn old_front(&self, change: &Change<'_>) -> ContainerName {
        ContainerName::new(format!("{}-until-{}", self.stack.name.front(change.name), self.release.number))
    }

    pub(super) fn create_front(&self, change: &Change<'_>) -> Vec<Step> {
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

    /// Everything that is ready is switched to in one wave.
    pub(super) fn switch(&self) -> Vec<Wave> {
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
        let reach = self
            .new_fronts()
            .map(|change| change.step(Op::Check(change.name.clone(), change.targets(self.stack)), None));
        vec![
            Wave::new("check from the fronts", check.collect()),
            Wave::new("stop the fronts that make way", self.stop_fronts()),
            Wave::new("start the fronts with the new ports", start.collect()),
            Wave::new("check from the new fronts", reach.collect()),
            Wave::new("switch", switch.chain(first).collect()),
        ]
    }

    /// The fronts that can start only when others have made way.
    fn new_fronts(&self) -> impl Iterator<Item = &Change<'_>> {
        self.with_front(FrontState::Replaced).chain(self.with_front(FrontState::Late))
    }

    /// What clients will notice of fronts that make way for others.
    pub(super) fn gaps(&self) -> impl Iterator<Item = String> {
        self.new_fronts().map(|change| {
            let name = change.name;
            format!(
                "the ports or addresses of {name} change: they refuse connections for a moment at the switch"
            )
        })
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
}

/// The one port of the host that an entry names.
fn host_port(port: &Port) -> Option<u16> {
    port.published.as_deref()?.parse().ok()
}
