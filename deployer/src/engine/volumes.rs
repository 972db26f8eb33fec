//! Volumes: one call each, and "already so" is success.

use std::collections::BTreeMap;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};
use compose_file::model;

use super::containers::absent_is_fine;
use super::error::Context;
use super::networks::hash_map;
use super::{Engine, Error, Kind};
use crate::labels;
use crate::snapshot::Labelled;
use crate::stack::{StackName, VolumeName};

impl Engine {
    /// Every volume, by name.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn volumes(&self) -> Result<BTreeMap<VolumeName, Labelled>, Error> {
        let found =
            self.docker().list_volumes(None::<ListVolumesOptions>).await.context("list volumes", "")?;
        let volumes = found.volumes.unwrap_or_default().into_iter();
        Ok(volumes
            .map(|volume| {
                (VolumeName::new(volume.name), Labelled { labels: volume.labels.into_iter().collect() })
            })
            .collect())
    }

    /// Makes a volume, unless it is there. The engine answers with the one that is there.
    ///
    /// # Errors
    /// When one of that name is not ours, or the engine refuses its definition.
    pub async fn create_volume(
        &self,
        stack: &StackName,
        volume: &model::Volume,
        labels: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let request = VolumeCreateRequest {
            name: Some(volume.name.clone()),
            driver: volume.driver.clone(),
            driver_opts: hash_map(&volume.driver_opts),
            labels: Some(labels.into_iter().collect()),
            ..Default::default()
        };
        let made = self.docker().create_volume(request).await.context("create volume", &volume.name)?;
        if made.labels.get(labels::STACK).map(String::as_str) == Some(stack.as_str()) {
            Ok(())
        } else {
            let why = "one of that name exists and is not ours";
            Err(Error::because(Kind::Conflict, "create volume", &volume.name, why))
        }
    }

    /// Where a volume's files are on the engine's host.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn volume_mountpoint(&self, name: &VolumeName) -> Result<String, Error> {
        Ok(self.docker().inspect_volume(name.as_str()).await.context("inspect volume", name)?.mountpoint)
    }

    /// Removes a volume of a stack.
    ///
    /// # Errors
    /// When it is not ours, or a container uses it.
    pub async fn remove_volume(&self, stack: &StackName, name: &VolumeName) -> Result<(), Error> {
        let found = match self.docker().inspect_volume(name.as_str()).await.context("inspect volume", name) {
            Err(error) if error.is_not_found() => return Ok(()),
            other => other?,
        };
        if found.labels.get(labels::STACK).map(String::as_str) != Some(stack.as_str()) {
            return Err(Error::because(Kind::Conflict, "remove volume", name, "it is not ours"));
        }
        let result = self.docker().remove_volume(name.as_str(), None::<RemoveVolumeOptions>).await;
        absent_is_fine(result.context("remove volume", name))
    }

    /// Removes a volume that the engine made by itself for a container that named it; one with labels stays.
    ///
    /// # Errors
    /// When somebody uses it, or the engine does not answer.
    pub(crate) async fn remove_unlabelled_volume(&self, name: &VolumeName) -> Result<(), Error> {
        match self.docker().inspect_volume(name.as_str()).await.context("inspect volume", name) {
            Err(error) if error.is_not_found() => return Ok(()),
            Ok(found) if found.labels.is_empty() => {}
            other => return other.map(drop),
        }
        let result = self.docker().remove_volume(name.as_str(), None::<RemoveVolumeOptions>).await;
        absent_is_fine(result.context("remove volume", name))
    }
}
