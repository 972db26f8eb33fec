//! Containers: one call each, and "already so" is success.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerStateStatusEnum, ContainerSummary, ContainerSummaryStateEnum,
    ContainerUpdateBody, HealthStatusEnum, PortSummary, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptions, WaitContainerOptions,
};
use compose_file::model::Restart;
use futures_util::StreamExt;

use super::error::Context;
use super::{Engine, Error, Kind};
use crate::labels;
use crate::snapshot::{Container, HostPort, State};
use crate::stack::{ContainerName, ImageId, Nameless, NetworkName, StackName};

/// A container at close range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The engine's id.
    pub id: String,
    /// What it is doing.
    pub state: State,
    /// What the engine's own probes found, when it has a health check.
    pub health: Option<Health>,
    /// The probe's command as the engine has it.
    pub probe: Vec<String>,
    /// What the engine runs a `CMD-SHELL` probe with.
    pub shell: Vec<String>,
    /// How long one probe may take.
    pub probe_timeout: Duration,
    /// After this long without a success the engine would have said unhealthy.
    pub probe_limit: Duration,
    /// Its exit code, once it ended.
    pub exit_code: i64,
    /// The kernel ended it for want of memory.
    pub oom_killed: bool,
    /// Why it could not start.
    pub error: String,
    /// How often the engine started it again.
    pub restarts: i64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Volumes by the path that they are mounted at.
    pub volumes: BTreeMap<String, String>,
}

/// What the engine's own probes found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: &'static str,
    /// What the last probe printed.
    pub output: String,
}

impl Engine {
    /// Every container, running or not; only those of one project when it is given.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn containers(&self, project: Option<&StackName>) -> Result<Vec<Container>, Error> {
        let mut options = ListContainersOptionsBuilder::new().all(true);
        if let Some(project) = project {
            let label = format!("{}={project}", labels::COMPOSE_PROJECT);
            options = options.filters(&HashMap::from([("label", vec![label])]));
        }
        let found =
            self.docker().list_containers(Some(options.build())).await.context("list containers", "")?;
        Ok(found.into_iter().map(container).collect())
    }

    /// A container at close range.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn inspect(&self, name: &ContainerName) -> Result<Inspected, Error> {
        let found = self
            .docker()
            .inspect_container(name.as_str(), None::<InspectContainerOptions>)
            .await
            .context("inspect container", name)?;
        Ok(inspected(found))
    }

    /// Makes a container. One of ours with the same labels is the one that was asked for; one of ours with other labels
    /// is what an earlier attempt left, and makes way.
    pub(in crate::engine) async fn create(
        &self,
        stack: &StackName,
        name: &ContainerName,
        platform: Option<&str>,
        body: ContainerCreateBody,
    ) -> Result<(), Error> {
        let mut options = CreateContainerOptionsBuilder::new().name(name.as_str());
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let options = options.build();
        let result = self.docker().create_container(Some(options.clone()), body.clone()).await;
        match result.context("create container", name) {
            Ok(_) => Ok(()),
            Err(error) if error.is_conflict() => {
                let found = self.inspect(name).await?;
                if found.labels.get(labels::STACK).map(String::as_str) != Some(stack.as_str()) {
                    return Err(error);
                }
                let wanted: BTreeMap<_, _> = body.labels.clone().unwrap_or_default().into_iter().collect();
                if wanted.iter().all(|(key, value)| found.labels.get(key) == Some(value)) {
                    return Ok(());
                }
                self.remove_container(stack, name, Nameless::Remove).await?;
                self.docker()
                    .create_container(Some(options), body)
                    .await
                    .context("create container", name)?;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Starts a container.
    ///
    /// # Errors
    /// When it cannot be started: a port that is taken, a program that is not in its image.
    pub async fn start(&self, name: &ContainerName) -> Result<(), Error> {
        self.docker()
            .start_container(name.as_str(), None::<StartContainerOptions>)
            .await
            .context("start container", name)
    }

    /// Stops a container with its own signal and grace period. One that is not there does not run either.
    ///
    /// # Errors
    /// When the engine cannot stop it.
    pub async fn stop(&self, name: &ContainerName) -> Result<(), Error> {
        let result = self.patient().stop_container(name.as_str(), None::<StopContainerOptions>).await;
        absent_is_fine(result.context("stop container", name))
    }

    /// Removes a container of this stack, running or not.
    ///
    /// # Errors
    /// When it is not ours, or the engine cannot remove it.
    pub async fn remove_container(
        &self,
        stack: &StackName,
        name: &ContainerName,
        nameless: Nameless,
    ) -> Result<(), Error> {
        let found = match self.inspect(name).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        if found.labels.get(labels::STACK).map(String::as_str) != Some(stack.as_str()) {
            return Err(Error::because(Kind::Conflict, "remove container", name, "it is not ours"));
        }
        let volumes = nameless == Nameless::Remove;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(volumes).build();
        let result = self.patient().remove_container(&found.id, Some(options)).await;
        match absent_is_fine(result.context("remove container", name)) {
            // Somebody else, or the engine itself after the end of an `AutoRemove` container, is at it already.
            Err(error) if error.is_conflict() => self.await_gone(name).await,
            other => other,
        }
    }

    /// Removes a container that was never started; one that runs stays.
    pub(crate) async fn remove_unstarted(&self, name: &ContainerName) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::new().force(false).v(true).build();
        let result = self.docker().remove_container(name.as_str(), Some(options)).await;
        absent_is_fine(result.context("remove container", name))
    }

    /// Waits, for a few seconds at most, until the engine has removed a container that ends by itself.
    pub async fn await_absence(&self, name: &ContainerName) {
        let _still_there = self.await_gone(name).await;
    }

    async fn await_gone(&self, name: &ContainerName) -> Result<(), Error> {
        let options = WaitContainerOptions { condition: "removed".into() };
        let mut gone = self.patient().wait_container(name.as_str(), Some(options));
        let _ended = tokio::time::timeout(Duration::from_secs(10), gone.next()).await;
        match self.inspect(name).await {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                Err(Error::because(Kind::Conflict, "remove container", name, "it is still there after 10 s"))
            }
        }
    }

    /// Gives a container another name; it may have it already.
    ///
    /// # Errors
    /// When neither name is one of ours.
    pub async fn rename(
        &self,
        stack: &StackName,
        from: &ContainerName,
        to: &ContainerName,
    ) -> Result<(), Error> {
        match self.inspect(from).await {
            Ok(found) if found.labels.get(labels::STACK).map(String::as_str) != Some(stack.as_str()) => {
                return Err(Error::because(Kind::Conflict, "rename container", from, "it is not ours"));
            }
            Err(error) if error.is_not_found() => {
                return self.inspect(to).await.map(|_| ());
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let options = RenameContainerOptionsBuilder::new().name(to.as_str()).build();
        self.docker().rename_container(from.as_str(), options).await.context("rename container", from)
    }

    /// Sets when the engine starts a container by itself. One that is not there never starts.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn set_restart(&self, name: &ContainerName, policy: Restart) -> Result<(), Error> {
        let body = ContainerUpdateBody { restart_policy: Some(restart_policy(policy)), ..Default::default() };
        absent_is_fine(
            self.docker().update_container(name.as_str(), body).await.context("update container", name),
        )
    }

    /// Waits until a container has ended, and gives its exit code.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn await_exit(&self, name: &ContainerName) -> Result<i64, Error> {
        let options = WaitContainerOptions { condition: "not-running".into() };
        let mut waiting = self.patient().wait_container(name.as_str(), Some(options));
        match waiting.next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(error).context("wait for container", name),
            None => Ok(self.inspect(name).await?.exit_code),
        }
    }
}

/// What is not there needs no undoing.
pub(in crate::engine) fn absent_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// A restart policy as the engine spells it.
pub(in crate::engine) fn restart_policy(policy: Restart) -> RestartPolicy {
    let (name, most) = match policy {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::OnFailure(most) => {
            (RestartPolicyNameEnum::ON_FAILURE, most.and_then(|most| i64::try_from(most).ok()))
        }
    };
    RestartPolicy { name: Some(name), maximum_retry_count: most }
}

fn container(found: ContainerSummary) -> Container {
    let name = found.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    Container {
        name: ContainerName::new(name.trim_start_matches('/')),
        id: found.id.unwrap_or_default(),
        image: ImageId::new(found.image_id.unwrap_or_default()),
        state: match found.state {
            Some(ContainerSummaryStateEnum::CREATED) => State::Created,
            Some(ContainerSummaryStateEnum::RUNNING) => State::Running,
            Some(ContainerSummaryStateEnum::PAUSED) => State::Paused,
            Some(ContainerSummaryStateEnum::RESTARTING) => State::Restarting,
            _ => State::Exited,
        },
        status: found.status.unwrap_or_default(),
        labels: found.labels.unwrap_or_default().into_iter().collect(),
        networks: networks.into_keys().map(NetworkName::new).collect(),
        ports: found.ports.unwrap_or_default().into_iter().filter_map(host_port).collect(),
        created: found.created.unwrap_or_default(),
    }
}

fn host_port(port: PortSummary) -> Option<HostPort> {
    Some(HostPort {
        ip: port.ip.unwrap_or_default(),
        host: port.public_port?,
        container: port.private_port,
        protocol: port.typ.map(|kind| kind.to_string()).unwrap_or_default(),
    })
}

fn inspected(found: bollard::models::ContainerInspectResponse) -> Inspected {
    let state = found.state.unwrap_or_default();
    let config = found.config.unwrap_or_default();
    let check = config.healthcheck.unwrap_or_default();
    let (timeout, limit) = probe_times(&check);
    let volumes =
        found.mounts.unwrap_or_default().into_iter().filter_map(|mount| mount.destination.zip(mount.name));
    Inspected {
        id: found.id.unwrap_or_default(),
        state: match state.status {
            Some(ContainerStateStatusEnum::CREATED) => State::Created,
            Some(ContainerStateStatusEnum::RUNNING) => State::Running,
            Some(ContainerStateStatusEnum::PAUSED) => State::Paused,
            Some(ContainerStateStatusEnum::RESTARTING) => State::Restarting,
            _ => State::Exited,
        },
        health: state.health.and_then(health),
        probe: check.test.unwrap_or_default(),
        shell: config.shell.filter(|shell| !shell.is_empty()).unwrap_or_else(default_shell),
        probe_timeout: timeout,
        probe_limit: limit,
        exit_code: state.exit_code.unwrap_or_default(),
        oom_killed: state.oom_killed.unwrap_or_default(),
        error: state.error.unwrap_or_default(),
        restarts: found.restart_count.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        volumes: volumes.collect(),
    }
}

fn default_shell() -> Vec<String> {
    ["/bin/sh", "-c"].map(str::to_owned).into()
}

/// One probe's limit, and `start_period + retries × (interval + timeout)`, with the engine's defaults.
fn probe_times(check: &bollard::models::HealthConfig) -> (Duration, Duration) {
    let time = |nanos: Option<i64>, default: u64| match nanos.and_then(|nanos| u64::try_from(nanos).ok()) {
        Some(nanos) if nanos > 0 => Duration::from_nanos(nanos),
        _ => Duration::from_secs(default),
    };
    let (interval, timeout) = (time(check.interval, 30), time(check.timeout, 30));
    let retries = check.retries.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(3);
    let limit = time(check.start_period, 0).saturating_add((interval + timeout).saturating_mul(retries));
    (timeout, limit)
}

fn health(found: bollard::models::Health) -> Option<Health> {
    let status = match found.status? {
        HealthStatusEnum::STARTING => "starting",
        HealthStatusEnum::HEALTHY => "healthy",
        HealthStatusEnum::UNHEALTHY => "unhealthy",
        _ => return None,
    };
    let output = found.log.unwrap_or_default().pop().and_then(|probe| probe.output).unwrap_or_default();
    Some(Health { status, output: output.trim().to_owned() })
}
