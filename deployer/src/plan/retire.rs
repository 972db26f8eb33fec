//! What follows the commit: drain, keep as standby, remove what no kept release needs. Forward only.

use std::collections::{BTreeMap, BTreeSet};

use compose_file::model::Restart;

use super::assemble::{Change, How};
use super::{Op, Step, Wave};
use crate::labels::Role;
use crate::record::KEPT;
use crate::snapshot::{Container, Observed, State};
use crate::stack::{
    ContainerName, ImageId, Kind, Nameless, NetworkName, Release, ReleaseNumber, Service, ServiceName, Stack,
    Standby, VolumeName,
};

/// The waves after the commit.
pub fn retire(stack: &Stack, changes: &[Change<'_>], observed: &Observed, release: &Release) -> Vec<Wave> {
    let retiring = Retiring { stack, changes, observed, release };
    let (policy, stop) = retiring.stand_by();
    vec![
        Wave::new("drain", retiring.drain()),
        Wave::new("keep the old containers as standby", policy),
        Wave::new("stop the old containers", stop),
        Wave::new("remove what no kept release needs", [retiring.containers(), retiring.left()].concat()),
        Wave::new("remove networks, volumes and images that nothing needs", retiring.leftovers()),
        // The last one: when a program cannot serve, everything else has been done.
        Wave::new("upgrade the fronts", retiring.upgrades()),
    ]
}

struct Retiring<'a> {
    stack: &'a Stack,
    changes: &'a [Change<'a>],
    observed: &'a Observed,
    release: &'a Release,
}

impl Retiring<'_> {
    fn ours(&self) -> impl Iterator<Item = &Container> {
        self.observed.of(&self.stack.name)
    }

    fn moved(&self) -> impl Iterator<Item = &Change<'_>> {
        self.changes.iter().filter(|change| change.how != How::Keep)
    }

    fn drain(&self) -> Vec<Step> {
        self.moved()
            .filter(|change| change.service.front.is_some() && change.targets_before().is_some())
            .map(|change| {
                Step::new(Op::Drain(change.name.clone()), None, "requests that the old color still answers")
            })
            .collect()
    }

    /// Containers that served until now and no longer do, with the names that they have by now. Those of a warm standby
    /// run on.
    fn stand_by(&self) -> (Vec<Step>, Vec<Step>) {
        let removed = self.removed_services().flat_map(|(name, _)| self.live_containers(&name));
        let removed = removed.map(|name| (name, Standby::Stopped));
        let replaced = self.moved().filter(|change| change.service.kind != Kind::Job).flat_map(|change| {
            let fronted = change.service.front.is_some();
            let standby = if fronted { self.stack.settings.standby } else { Standby::Stopped };
            let old = change.from.iter().flat_map(|(_, containers)| containers);
            old.map(move |container| (change.name_aside(self.stack, container), standby))
        });
        let (mut policy, mut stop) = (Vec::new(), Vec::new());
        let cause = "kept for a rollback";
        for (name, standby) in replaced.chain(removed) {
            policy.push(Step::new(Op::SetRestart(name.clone(), Restart::No), None, cause));
            if standby == Standby::Stopped {
                stop.push(Step::new(Op::Stop(name), None, cause));
            }
        }
        stop.extend(self.warm_spares());
        (policy, stop)
    }

    /// What was a warm standby and goes now: with its own signal and grace period, like every other.
    fn warm_spares(&self) -> impl Iterator<Item = Step> {
        let running = self.spares().filter(|container| container.state == State::Running);
        running
            .map(|container| Step::new(Op::Stop(container.name.clone()), None, "no kept release runs on it"))
    }

    fn removed_services(&self) -> impl Iterator<Item = (ServiceName, ReleaseNumber)> {
        let live = self.observed.history.live();
        let serving = live.into_iter().flat_map(|release| &release.serving);
        serving
            .filter(|(name, _)| !self.stack.services.contains_key(*name))
            .map(|(name, serving)| (name.clone(), serving.made_in))
    }

    fn live_containers(&self, service: &ServiceName) -> Vec<ContainerName> {
        let Some(serving) = self.observed.history.serving(service) else { return Vec::new() };
        let found = self.observed.serving(&self.stack.name, service, serving);
        found.into_iter().map(|container| container.name.clone()).collect()
    }

    /// Every container that neither this release nor the one before it runs on.
    fn spares(&self) -> impl Iterator<Item = &Container> {
        let before = self.observed.history.live();
        let needed: BTreeSet<(&ServiceName, ReleaseNumber)> = [Some(self.release), before]
            .into_iter()
            .flatten()
            .flat_map(|release| release.serving.iter().map(|(name, serving)| (name, serving.made_in)))
            .collect();
        self.ours().filter(move |container| {
            match (container.role(), container.service(), container.release()) {
                (Some(Role::Service | Role::Job), Some(service), Some(made_in)) => {
                    !needed.contains(&(&service, made_in))
                }
                (Some(Role::Aid), ..) => true,
                _ => false,
            }
        })
    }

    fn containers(&self) -> Vec<Step> {
        self.spares()
            .map(|container| container.name.clone())
            .chain(self.fronts())
            .map(|name| Op::RemoveContainer(name, Nameless::Remove))
            .map(|op| Step::new(op, None, "no kept release runs on it"))
            .collect()
    }

    /// Fronts that were there before and stay, of changed services or not.
    fn staying(&self) -> impl Iterator<Item = (&ServiceName, &Container, &Service)> {
        let fronted = self.stack.services.iter().filter(|(_, service)| service.front.is_some());
        fronted.filter_map(|(name, service)| {
            let front = self.observed.container(&self.stack.name.front(name))?;
            let stays = front.hash().as_ref() == service.front.as_ref().map(|front| &front.hash);
            stays.then_some((name, front, service))
        })
    }

    /// Fronts that another deployer made, or upgraded.
    fn upgrades(&self) -> Vec<Step> {
        let before = self.observed.history.live().and_then(|live| live.agent.as_ref());
        if self.release.agent.is_none() || self.release.agent.as_ref() == before {
            return Vec::new();
        }
        let upgrade = |name: &ServiceName| Op::UpgradeFront(name.clone());
        let fronts = self.staying().map(|(name, ..)| upgrade(name));
        fronts.map(|op| Step::new(op, None, "another deployer than before")).collect()
    }

    /// Networks that a service has left: its front leaves them too, or nobody could remove them.
    fn left(&self) -> Vec<Step> {
        let left = self.staying().flat_map(|(_, front, service)| {
            let wanted: BTreeSet<NetworkName> =
                service.definition.networks.keys().filter_map(|key| self.stack.network(key)).collect();
            let left = front.networks.iter().filter(move |network| !wanted.contains(*network));
            left.map(|network| Op::Disconnect(front.name.clone(), network.clone()))
        });
        left.map(|op| Step::new(op, None, "the service has left the network")).collect()
    }

    /// Fronts whose service has none any more, and those that made way for one with other ports.
    fn fronts(&self) -> Vec<ContainerName> {
        let fronts = self.ours().filter(|container| container.role() == Some(Role::Front));
        let mut names: Vec<ContainerName> = fronts
            .filter(|container| {
                let service = container.service().and_then(|name| self.stack.services.get(&name));
                service.is_none_or(|service| service.front.is_none())
            })
            .map(|container| container.name.clone())
            .collect();
        let replaced = self.changes.iter().filter_map(|change| {
            let name = self.stack.name.front(change.name);
            let old = self.observed.container(&name)?.hash()?;
            let makes_way = old != change.service.front.as_ref()?.hash;
            makes_way.then(|| ContainerName::new(format!("{name}-until-{}", self.release.number)))
        });
        names.extend(replaced);
        names
    }

    fn leftovers(&self) -> Vec<Step> {
        let networks = self.networks().into_iter().map(Op::RemoveNetwork);
        let volumes = self.volumes().into_iter().map(Op::RemoveVolume);
        let images = self.images().into_iter().map(|(name, image)| Op::UntagImage(image, name));
        networks
            .chain(volumes)
            .chain(images)
            .map(|op| Step::new(op, None, "no kept release needs it"))
            .collect()
    }

    fn networks(&self) -> Vec<NetworkName> {
        let before = self.observed.history.live().and_then(|release| release.stack.as_ref());
        let needed: BTreeSet<&str> = [Some(self.stack), before]
            .into_iter()
            .flatten()
            .flat_map(|stack| stack.networks.values().map(|network| network.name.as_str()))
            .collect();
        let ours = self.observed.networks.iter().filter(|(_, network)| network.is_of(&self.stack.name));
        ours.filter(|(name, _)| !needed.contains(name.as_str())).map(|(name, _)| name.clone()).collect()
    }

    /// The releases that keep their definition once this one is recorded.
    fn kept(&self) -> impl Iterator<Item = &Release> {
        let earlier = self.observed.history.releases.iter().rev().take(KEPT - 1);
        std::iter::once(self.release).chain(earlier)
    }

    fn volumes(&self) -> Vec<VolumeName> {
        let files = self
            .kept()
            .filter_map(|release| release.stack.as_ref())
            .flat_map(|stack| stack.services.values())
            .filter_map(|service| service.files.as_ref());
        let mut needed: BTreeSet<VolumeName> = files.map(|files| files.volume.clone()).collect();
        let fronted = self.stack.services.iter().filter(|(_, service)| service.front.is_some());
        needed.extend(fronted.map(|(name, _)| self.stack.name.front_volume(name)));
        let ours = self.observed.volumes.iter().filter(|(_, volume)| volume.is_of(&self.stack.name));
        ours.filter(|(_, volume)| matches!(volume.role(), Some(Role::Files | Role::Front)))
            .filter(|(name, _)| !needed.contains(*name))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Names of images that only releases have which the history lets go now.
    fn images(&self) -> BTreeMap<String, ImageId> {
        let names =
            |release: &Release| [release.names_by_number(), release.names_by_tag()].into_iter().flatten();
        let needed: BTreeMap<String, ImageId> = self.kept().flat_map(names).collect();
        let dropped = self.observed.history.releases.iter().rev().skip(KEPT - 1);
        dropped.flat_map(names).filter(|(name, _)| !needed.contains_key(name)).collect()
    }
}
