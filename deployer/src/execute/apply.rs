//! The only match over [`Op`]: each becomes one call, or a few that together are safe to repeat.

use std::time::Duration;

use front::admin::{Command, Reply, Route};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::fronts::front_error;
use super::{Evidence, Site, StepError, gate};
use crate::event::Events;
use crate::plan::{Op, Targets};
use crate::snapshot::State;
use crate::stack::{ContainerName, Service, ServiceName};

/// A front reaches containers that are already fit to serve within this.
const CHECK: Duration = Duration::from_secs(10);

impl Site {
    /// Does one thing. Doing it twice is the same as doing it once.
    pub(super) async fn apply(
        &self,
        op: &Op,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<(), StepError> {
        let (engine, stack) = (&self.engine, &self.name);
        match op {
            Op::TagImage(image, reference) => engine.tag_image(image.as_str(), reference).await?,
            Op::UntagImage(image, reference) => engine.untag_image(image.as_str(), reference).await?,
            Op::CreateNetwork(name) => self.create_network(name).await?,
            Op::RemoveNetwork(name) => engine.remove_network(stack, name).await?,
            Op::CreateVolume(name, role) => self.create_volume(name, *role).await?,
            Op::FillVolume(name) => self.fill_volume(name).await?,
            Op::RemoveVolume(name) => engine.remove_volume(stack, name).await?,
            Op::CreateContainer(name) => self.create_container(name).await?,
            Op::CreateFront(service) => self.create_front(service).await?,
            Op::Connect(container, network) => self.connect(container, network).await?,
            Op::Disconnect(container, network) => engine.disconnect_network(container, network).await?,
            Op::RemoveContainer(name, nameless) => engine.remove_container(stack, name, *nameless).await?,
            Op::Rename { from, to } => engine.rename(stack, from, to).await?,
            Op::Start(name) => engine.start(name).await?,
            Op::StartFront(name) => self.fronts.start(name, stop).await?,
            Op::Stop(name) => engine.stop(name).await?,
            Op::SetRestart(name, policy) => engine.set_restart(name, *policy).await?,
            Op::AwaitHealthy(name) => gate::await_healthy(self, name, stop).await?,
            Op::RunJob(name) => self.run_job(name, stop).await?,
            Op::Check(service, targets) => self.check(service, targets).await?,
            Op::Switch(service, targets) => self.switch(service, targets).await?,
            Op::Drain(service) => self.drain_front(service, events, stop).await?,
            Op::UpgradeFront(service) => self.upgrade_front(service, events).await?,
        }
        Ok(())
    }

    /// A job that has run is not run again: its container says how it ended.
    async fn run_job(&self, name: &ContainerName, stop: &CancellationToken) -> Result<(), StepError> {
        let (instance, _) = self.instance(name)?;
        if self.engine.inspect(name).await?.state == State::Created {
            self.engine.start(name).await?;
        }
        let code = tokio::select! {
            () = stop.cancelled() => return Err(StepError::Interrupted),
            code = self.engine.await_exit(name) => code?,
            // Nobody but the user can know how long a migration may take.
            () = sleep(self.timeout.unwrap_or(Duration::MAX)) => {
                let limit = self.timeout.unwrap_or_default().as_secs_f32();
                let evidence = Box::new(Evidence::collect(&self.engine, name, None).await);
                return Err(StepError::JobLate { service: instance.service.clone(), limit, evidence });
            }
        };
        if code == 0 {
            return Ok(());
        }
        let evidence = Box::new(Evidence::collect(&self.engine, name, None).await);
        Err(StepError::Job { service: instance.service.clone(), code, evidence })
    }

    /// Only ports that the file declares: those of the image alone were up to the gate.
    async fn check(&self, service: &ServiceName, targets: &Targets) -> Result<(), StepError> {
        let definition = self.stack(service)?.services.get(service);
        let ports = definition.map(Service::declared_ports).unwrap_or_default();
        if ports.is_empty() {
            return Ok(());
        }
        let command = Command::Check { targets: names(targets), ports, timeout_ms: millis(CHECK) };
        self.fronts.ask(service, command, CHECK).await.map(drop)
    }

    async fn switch(&self, service: &ServiceName, targets: &Targets) -> Result<(), StepError> {
        let route =
            Route { release: targets.release.0, color: targets.color.to_string(), targets: names(targets) };
        match self.fronts.ask(service, Command::Switch { route }, Duration::ZERO).await? {
            Reply::Switched { .. } => Ok(()),
            other => Err(front_error(&self.name.front(service), format!("{other:?}"))),
        }
    }

    /// What is not idle when the time is over is said, and ends with its container.
    async fn drain_front(
        &self,
        service: &ServiceName,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<(), StepError> {
        let limit = self.drain();
        let drain = self.fronts.ask(service, Command::Drain { timeout_ms: millis(limit) }, limit);
        let reply = tokio::select! {
            () = stop.cancelled() => return Err(StepError::Interrupted),
            reply = drain => reply?,
        };
        if let Reply::Drained { remaining: remaining @ 1.. } = reply {
            let seconds = limit.as_secs();
            events.warn(format!(
                "{service}: {remaining} exchanges with the old color were still open after {seconds} s"
            ));
        }
        Ok(())
    }
}

fn names(targets: &Targets) -> Vec<String> {
    targets.containers.iter().map(ToString::to_string).collect()
}

/// For the protocol, which counts milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
