//! From what runs to what an earlier release recorded.

use std::collections::{BTreeMap, BTreeSet};

use super::assemble::{Change, How, assemble};
use super::checks::check_ground;
use super::deploy::{Meta, front_differs};
use super::notes::notes;
use super::{Decision, PlanError, Planned, Verb};
use crate::snapshot::{Container, Observed, State};
use crate::stack::{ImageId, Kind, Release, ReleaseNumber, Service, ServiceName, Serving, Stack};

/// The release that a rollback goes to.
///
/// # Errors
/// When there is none.
pub fn target<'a>(
    observed: &'a Observed,
    stack: &crate::stack::StackName,
    wanted: Option<ReleaseNumber>,
) -> Result<&'a Release, PlanError> {
    let history = &observed.history;
    let live = history.live().ok_or_else(|| PlanError::NoRelease(stack.clone()))?;
    let found = match wanted {
        Some(wanted) => {
            history.get(wanted).ok_or_else(|| PlanError::NoSuchRelease { stack: stack.clone(), wanted })?
        }
        None => history.before_live().ok_or(PlanError::NothingBefore(live.content()))?,
    };
    let found = history.kept_as(found);
    if found.stack.is_some() { Ok(found) } else { Err(PlanError::NotKept(found.number)) }
}

/// The plan that brings a recorded release back. Jobs are not run: they cannot be taken back either.
///
/// # Errors
/// When the release is not kept, or what it needs is gone from the engine.
pub fn rollback(
    target: &Release,
    observed: &Observed,
    images: &BTreeSet<ImageId>,
    meta: &Meta,
) -> Result<Decision, PlanError> {
    let stack = target.stack.as_ref().ok_or(PlanError::NotKept(target.number))?;
    check_ground(stack, observed)?;
    let number = observed.history.next();
    let live = observed.history.live().ok_or_else(|| PlanError::NoRelease(stack.name.clone()))?;
    let going_back = GoingBack { target, stack, observed, images, number };
    let services = stack.services.iter().filter(|(_, service)| service.kind != Kind::Job);
    let changes: Vec<Change<'_>> = services
        .filter_map(|(name, service)| going_back.change(name, service).transpose())
        .collect::<Result<_, _>>()?;
    if changes.is_empty() && live.serving.keys().all(|name| stack.services.contains_key(name)) {
        return Ok(Decision::Nothing(live.number, live.tag.clone()));
    }
    let mut serving: BTreeMap<ServiceName, Serving> = target.serving.clone();
    serving.extend(
        live.serving
            .iter()
            .filter(|(name, _)| stack.services.contains_key(*name))
            .map(|(name, serving)| (name.clone(), serving.clone())),
    );
    serving.extend(changes.iter().map(|change| (change.name.clone(), change.to.clone())));
    let release = Release {
        number,
        tag: target.tag.clone(),
        source: Some(target.content()),
        revision: target.revision.clone(),
        created: meta.created.clone(),
        by: meta.by.clone(),
        agent: meta.agent.clone(),
        serving,
        stack: Some(stack.clone()),
    };
    let notes = notes(&changes);
    let plan = assemble(Verb::Rollback, &changes, observed, &release, notes)?;
    Ok(Decision::Change(Box::new(Planned { plan, release })))
}

struct GoingBack<'a> {
    target: &'a Release,
    stack: &'a Stack,
    observed: &'a Observed,
    images: &'a BTreeSet<ImageId>,
    number: ReleaseNumber,
}

impl<'a> GoingBack<'a> {
    fn change(&self, name: &'a ServiceName, service: &'a Service) -> Result<Option<Change<'a>>, PlanError> {
        let live = self.observed.history.serving(name);
        let from =
            live.map(|serving| (serving.clone(), self.observed.serving(&self.stack.name, name, serving)));
        if let Some((serving, _)) = from.as_ref().filter(|_| self.serves_already(service, from.as_ref())) {
            let to = serving.clone();
            let cause = front_differs(self.stack, self.observed, name, service);
            return Ok(cause.map(|cause| Change { name, service, from, to, how: How::Keep, cause }));
        }
        let (to, how) = match self.standby(name, service) {
            Some(serving) => (serving, How::Revive),
            None => (self.afresh(name, service, live)?, How::Create),
        };
        let cause = format!("back to release {}", self.target.content());
        Ok(Some(Change { name, service, from, to, how, cause }))
    }

    fn serves_already(&self, service: &Service, from: Option<&(Serving, Vec<&Container>)>) -> bool {
        let Some((serving, containers)) = from else { return false };
        let as_wanted = |container: &&Container| {
            container.hash().as_ref() == Some(&service.hash) && container.state == State::Running
        };
        serving.replicas == service.replicas
            && containers.len() == service.replicas as usize
            && containers.iter().all(as_wanted)
    }

    /// The containers that the release ran on, when all of them are still there.
    fn standby(&self, name: &ServiceName, service: &Service) -> Option<Serving> {
        let serving = self.target.serving.get(name)?;
        let found = self.observed.serving(&self.stack.name, name, serving);
        let usable = found.iter().all(|container| container.hash().as_ref() == Some(&service.hash));
        let live = self.observed.history.serving(name).map(|live| live.made_in);
        (usable && found.len() == serving.replicas as usize && live != Some(serving.made_in))
            .then(|| serving.clone())
    }

    /// New containers from the recorded definition, if what they are made of still exists.
    fn afresh(
        &self,
        name: &ServiceName,
        service: &Service,
        live: Option<&Serving>,
    ) -> Result<Serving, PlanError> {
        let release = self.target.number;
        if !self.images.contains(&service.image.id) {
            return Err(PlanError::ImageGone {
                image: service.image.reference.clone(),
                service: name.clone(),
                release,
            });
        }
        let volume = service.files.as_ref().map(|files| &files.volume);
        if let Some(volume) = volume.filter(|volume| !self.observed.volumes.contains_key(*volume)) {
            return Err(PlanError::FilesGone { volume: volume.clone(), service: name.clone(), release });
        }
        let color = live.map_or(crate::stack::Color::Blue, |live| live.color.other());
        Ok(Serving { made_in: self.number, color, replicas: service.replicas })
    }
}
