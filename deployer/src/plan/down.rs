//! From a running stack to nothing. Volumes with data stay unless they are asked for.

use std::collections::BTreeMap;

use super::assemble::without_empty;
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
    let going = Going { stack, observed, volumes };
    // Fronts go first: a client gets a refused connection at once instead of an answer from half a stack.
    let waves = vec![
        Wave::new("stop the fronts", going.stop(Role::Front)),
        Wave::new("stop the services", [going.stop(Role::Service), going.stop(Role::Job)].concat()),
    ];
    let leftovers = [going.networks(), going.volumes(), going.images()].concat();
    let retire = vec![
        Wave::new("remove the containers", going.containers()),
        Wave::new("remove networks, volumes and images", leftovers),
    ];
    Plan {
        verb: Verb::Down,
        stack: stack.clone(),
        release: None,
        waves: without_empty(waves),
        retire: without_empty(retire),
        instances: BTreeMap::new(),
        notes: Vec::new(),
    }
}

struct Going<'a> {
    stack: &'a StackName,
    observed: &'a Observed,
    volumes: Volumes,
}

impl Going<'_> {
    fn ours(&self) -> impl Iterator<Item = &Container> {
        // The keeper that writes this very plan's journal ends by itself.
        self.observed.of(self.stack).filter(|container| container.role() != Some(Role::Keeper))
    }

    fn stop(&self, role: Role) -> Vec<Step> {
        let of_role = self.ours().filter(move |container| container.role() == Some(role));
        let running = of_role.filter(|container| !matches!(container.state, State::Exited | State::Created));
        running
            .map(|container| {
                let name = container.name.clone();
                let start = if role == Role::Front { Op::StartFront } else { Op::Start };
                let undo = start(name.clone());
                Step::new(Op::Stop(name), Some(undo), CAUSE)
            })
            .collect()
    }

    fn containers(&self) -> Vec<Step> {
        let nameless = match self.volumes {
            Volumes::Keep => Nameless::Keep,
            Volumes::Remove => Nameless::Remove,
        };
        let remove = |container: &Container| gone(Op::RemoveContainer(container.name.clone(), nameless));
        self.ours().map(remove).collect()
    }

    fn networks(&self) -> Vec<Step> {
        let ours = self.observed.networks.iter().filter(|(_, network)| network.is_of(self.stack));
        ours.map(|(name, _)| gone(Op::RemoveNetwork(name.clone()))).collect()
    }

    fn volumes(&self) -> Vec<Step> {
        let ours = self.observed.volumes.iter().filter(|(_, volume)| volume.is_of(self.stack));
        let removable = ours.filter(|(_, volume)| match volume.role() {
            // The keeper has it mounted.
            Some(Role::State) => false,
            Some(Role::Front) => true,
            // A rollback needs the secrets of the releases that the history keeps.
            _ => self.volumes == Volumes::Remove,
        });
        removable.map(|(name, _)| gone(Op::RemoveVolume(name.clone()))).collect()
    }

    /// Without the history nobody can go back to what these names are for.
    fn images(&self) -> Vec<Step> {
        if self.volumes == Volumes::Keep {
            return Vec::new();
        }
        let releases = self.observed.history.releases.iter();
        let names: BTreeMap<String, ImageId> = releases.flat_map(Release::names_by_number).collect();
        names.into_iter().map(|(name, image)| gone(Op::UntagImage(image, name))).collect()
    }
}

const CAUSE: &str = "the stack goes down";

fn gone(op: Op) -> Step {
    Step::new(op, None, CAUSE)
}
