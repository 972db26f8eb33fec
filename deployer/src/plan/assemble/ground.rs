//! What a release stands on before it has a container: names of images, networks, volumes, secrets.

use std::collections::BTreeSet;

use super::{Builder, How};
use crate::labels::Role;
use crate::plan::{Op, Step};
use crate::stack::{Image, ImageId, NetworkName, ServiceName, VolumeName};

impl Builder<'_> {
    pub(super) fn tag_images(&self) -> Vec<Step> {
        if self.release.source.is_some() {
            return self.tag_images_again();
        }
        let live = self.observed.history.live().and_then(|release| release.stack.as_ref());
        // A service that is not asked for keeps the live release's name for its image, which is not ours to take back.
        let known = |name: &ServiceName, image: &Image| {
            let before = live.and_then(|stack| stack.services.get(name));
            before.is_some_and(|service| service.image.reference == image.reference)
        };
        let built = self
            .stack
            .services
            .iter()
            .filter(|(name, service)| service.image.built && !known(name, &service.image));
        let images: BTreeSet<_> =
            built.map(|(_, service)| (&service.image.reference, &service.image.id)).collect();
        images
            .into_iter()
            .map(|(reference, id)| {
                let undo = Op::UntagImage(id.clone(), reference.clone());
                Step::new(
                    Op::TagImage(id.clone(), reference.clone()),
                    Some(undo),
                    "keeps the image for a rollback",
                )
            })
            .collect()
    }

    /// The names that a release's images had, for containers that are made again: somebody may have taken them off.
    fn tag_images_again(&self) -> Vec<Step> {
        let created = self.changes.iter().filter(|change| change.how == How::Create);
        let images: BTreeSet<_> = created
            .map(|change| &change.service.image)
            .filter(|image| image.built)
            .map(|image| (&image.reference, &image.id))
            .collect();
        let tag = |(reference, id): (&String, &ImageId)| {
            Step::new(Op::TagImage(id.clone(), reference.clone()), None, "the image's name in that release")
        };
        images.into_iter().map(tag).collect()
    }

    pub(super) fn networks(&self) -> Vec<Step> {
        let missing = self
            .stack
            .networks
            .values()
            .filter(|network| !network.external)
            .map(|n| NetworkName::new(&n.name));
        missing
            .filter(|name| !self.observed.networks.contains_key(name))
            .map(|name| {
                Step::new(Op::CreateNetwork(name.clone()), Some(Op::RemoveNetwork(name)), "new network")
            })
            .collect()
    }

    pub(super) fn volumes(&self) -> Vec<Step> {
        let absent = |name: &VolumeName| !self.observed.volumes.contains_key(name);
        let create = |name: VolumeName, role: Role| {
            Step::new(Op::CreateVolume(name.clone(), role), Some(Op::RemoveVolume(name)), "new volume")
        };
        let named =
            self.stack.volumes.values().filter(|volume| !volume.external).map(|v| VolumeName::new(&v.name));
        let mut steps: Vec<Step> = named.filter(absent).map(|name| create(name, Role::Service)).collect();
        let fronted = self.changes.iter().filter(|change| change.service.front.is_some());
        let routes = fronted.map(|change| self.stack.name.front_volume(change.name));
        steps.extend(routes.filter(absent).map(|name| create(name, Role::Front)));
        let sets: BTreeSet<VolumeName> = self
            .changes
            .iter()
            .filter_map(|change| change.service.files.as_ref().map(|files| files.volume.clone()))
            .filter(absent)
            .collect();
        steps.extend(sets.into_iter().map(|name| {
            Step::new(Op::FillVolume(name.clone()), Some(Op::RemoveVolume(name)), "new secrets or configs")
        }));
        steps
    }
}
