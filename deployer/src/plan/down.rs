//! From a running stack to nothing. Volumes with data stay unless they are asked for.

use std::collections::BTreeMap;

use super::{Op, Plan, Step, Verb, Wave};
use crate::labels::Role;
use crate::snapshot::{Container, Observed, State};
use crate::stack::{ImageId, Nameless, Release, StackName};

/// What becomes of the volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volumes {
    /// Data and history stay.
    Keep,
    /// Everything goes.
    Remove,
}

/// The plan: stop everything, which can be taken back; then remove it, which cannot.
#[must_use]
pub fn down(stack: &StackName, observed: &Observed, volumes: Volumes) -> Plan {
    let (cause, remove) = ("the stack goes down", volumes == Volumes::Remove);
    let nameless = if remove { Nameless::Remove } else { Nameless::Keep };
    let ours: Vec<&Container> =
        observed.of(stack).filter(|container| container.role() != Some(Role::Keeper)).collect();
    let running = |role: Role| {
        ours.iter()
            .filter(move |container| container.role() == Some(role) && container.state != State::Exited)
            .filter(|container| container.state != State::Created)
            .map(|container| {
                let name = container.name.clone();
                let undo =
                    if role == Role::Front { Op::StartFront(name.clone()) } else { Op::Start(name.clone()) };
                Step::new(Op::Stop(name), Some(undo), cause)
            })
            .collect::<Vec<_>>()
    };
    // Fronts go first: a client gets a refused connection at once instead of an answer from half a stack.
    let waves = vec![
        Wave::new("stop the fronts", running(Role::Front)),
        Wave::new(
            "stop the services",
            running(Role::Service).into_iter().chain(running(Role::Job)).collect(),
        ),
    ];
    let containers = ours
        .iter()
        .map(|container| Step::new(Op::RemoveContainer(container.name.clone(), nameless), None, cause))
        .collect();
    let networks: Vec<Step> = observed
        .networks
        .iter()
        .filter(|(_, network)| network.is_of(stack))
        .map(|(name, _)| Step::new(Op::RemoveNetwork(name.clone()), None, cause))
        .collect();
    let removable =
        observed.volumes.iter().filter(|(_, volume)| volume.is_of(stack)).filter(|(_, volume)| {
            match volume.role() {
                // The keeper that writes this very plan's journal lives on it.
                Some(Role::State) => false,
                Some(Role::Front) => true,
                // A rollback needs the secrets of the releases that the history keeps.
                _ => remove,
            }
        });
    let volumes_gone: Vec<Step> =
        removable.map(|(name, _)| Step::new(Op::RemoveVolume(name.clone()), None, cause)).collect();
    // Without the history nobody can go back to what they are for.
    let releases = observed.history.releases.iter().filter(|_| remove);
    let images: BTreeMap<String, ImageId> = releases.flat_map(Release::names_by_number).collect();
    let untag = |(name, image)| Step::new(Op::UntagImage(image, name), None, cause);
    let images = images.into_iter().map(untag).collect();
    let retire = vec![
        Wave::new("remove the containers", containers),
        Wave::new("remove networks, volumes and images", [networks, volumes_gone, images].concat()),
    ];
    Plan {
        verb: Verb::Down,
        stack: stack.clone(),
        release: None,
        waves: super::assemble::without_empty(waves),
        retire: super::assemble::without_empty(retire),
        instances: BTreeMap::new(),
        notes: Vec::new(),
    }
}
