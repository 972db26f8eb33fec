//! The gate before the switch: is this container fit to serve?
//!
//! With a health check: its command is run at once and again every half second, and one success passes. Without one:
//! every declared port accepts a connection from inside the network; with neither, the container stays up for a moment.

use std::time::Duration;

use front::admin::Command;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::apply::millis;
use super::evidence::settled;
use super::{Evidence, Site, StepError};
use crate::engine::Inspected;
use crate::snapshot::State;
use crate::stack::{ContainerName, Service, ServiceName};

/// Between two own probes.
const PACE: Duration = Duration::from_millis(500);
/// Between two attempts to connect to a port.
const PORT_PACE: Duration = Duration::from_millis(100);
/// Without a health check that says how long it may take.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);
/// Without health check and port.
const STAYS_UP: Duration = Duration::from_secs(2);

/// Why a container does not pass.
enum Verdict {
    Fit,
    Wait,
    Unfit(String),
}

/// Waits until a container is fit to serve.
///
/// # Errors
/// When it is not, or will not be within its time, with what it left behind.
pub async fn await_healthy(
    site: &Site,
    name: &ContainerName,
    stop: &CancellationToken,
) -> Result<(), StepError> {
    let (instance, service) = site.instance(name)?;
    let first = site.engine.inspect(name).await?;
    let checked = first.probe.len() > 1;
    let natural = if checked { first.probe_limit } else { DEFAULT_LIMIT };
    let limit = site.timeout.unwrap_or(natural);
    let gate = Gate { site, name, service_name: &instance.service, service, limit };
    let ports = gate.declared_ports();
    let passing = async {
        match (checked, ports.is_empty()) {
            (true, _) => gate.probe(&first).await,
            (false, false) => gate.reach(&ports).await,
            (false, true) => gate.stays_up().await,
        }
    };
    // The stream to the front is opened meanwhile: the switch must not wait for that. Check says if it cannot be had.
    let opening = async {
        if service.front.is_some() {
            drop(site.fronts.open(&instance.service).await);
        }
        std::future::pending().await
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(StepError::Interrupted),
        result = passing => result,
        never = opening => never,
        () = sleep(limit + PACE) => {
            Err(gate.unfit(format!("not healthy within {} s", limit.as_secs_f32()), None).await)
        }
    }
}

struct Gate<'a> {
    site: &'a Site,
    name: &'a ContainerName,
    service_name: &'a ServiceName,
    service: &'a Service,
    limit: Duration,
}

impl Gate<'_> {
    /// TCP ports that the file declares, or else those of the image.
    fn declared_ports(&self) -> Vec<u16> {
        if self.service.definition.network_mode.is_some() {
            return Vec::new();
        }
        let declared = self.service.declared_ports();
        if declared.is_empty() { self.service.image.exposed.clone() } else { declared }
    }

    async fn unfit(&self, reason: String, last_probe: Option<String>) -> StepError {
        let evidence = Box::new(Evidence::collect(&self.site.engine, self.name, last_probe).await);
        let (container, service) = (self.name.clone(), self.service_name.clone());
        StepError::Unfit { container, service, reason, evidence }
    }

    /// What the engine says of it.
    async fn look(&self) -> Result<Verdict, StepError> {
        let found: Inspected = match settled(&self.site.engine, self.name).await {
            Err(error) if error.is_not_found() => return Ok(Verdict::Unfit("it is gone".into())),
            other => other?,
        };
        let ended = matches!(found.state, State::Exited | State::Restarting | State::Created);
        Ok(match found.health.as_ref().map(|health| health.status) {
            // Its start set the count to zero.
            _ if found.state == State::Running && found.restarts > 0 => {
                Verdict::Unfit("it ended and was started again".into())
            }
            _ if ended || found.restarts > 0 => {
                let oom = if found.oom_killed { " for want of memory" } else { "" };
                Verdict::Unfit(format!("it exited with code {}{oom}", found.exit_code))
            }
            Some("unhealthy") => Verdict::Unfit("the engine says unhealthy".into()),
            Some("healthy") => Verdict::Fit,
            _ => Verdict::Wait,
        })
    }

    fn happenings(&self) -> impl Stream<Item = ()> + Send + use<> {
        self.site.engine.happenings(self.name)
    }

    /// Own probes beside the engine's; after one that timed out, only the engine probes.
    async fn probe(&self, first: &Inspected) -> Result<(), StepError> {
        // Only a warm standby is that before anybody has asked.
        if first.state == State::Running
            && first.health.as_ref().is_some_and(|health| health.status == "healthy")
        {
            return Ok(());
        }
        let command = probe_command(first);
        let mut happenings = Box::pin(self.happenings());
        let (mut own, mut last_output) = (true, None);
        let deadline = Instant::now() + self.limit;
        loop {
            let next = Instant::now() + PACE;
            if own {
                match self.site.engine.run_in(self.name, &command, first.probe_timeout).await {
                    Ok(ran) if ran.code == Some(0) => return Ok(()),
                    Ok(ran) => {
                        own = ran.code.is_some();
                        last_output = Some(ran.output);
                    }
                    // It does not run: the look says why.
                    Err(error) if error.is_conflict() || error.is_not_found() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match self.look().await? {
                Verdict::Fit => return Ok(()),
                Verdict::Unfit(reason) => return Err(self.unfit(reason, last_output).await),
                Verdict::Wait if Instant::now() > deadline => {
                    let reason = format!("not healthy within {} s", self.limit.as_secs_f32());
                    return Err(self.unfit(reason, last_output).await);
                }
                Verdict::Wait => {}
            }
            tokio::select! {
                _ = happenings.next() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Every declared port accepts a connection from inside the network.
    async fn reach(&self, ports: &[u16]) -> Result<(), StepError> {
        let fronted = self.service.front.is_some() && self.site.fronts.open(self.service_name).await.is_ok();
        if !fronted {
            return self.reach_alone(ports).await;
        }
        let deadline = Instant::now() + self.limit;
        for port in ports {
            let address = format!("{}:{port}", self.name);
            loop {
                let command = Command::Probe { address: address.clone(), timeout_ms: millis(PACE) };
                let Err(refused) = self.site.fronts.ask(self.service_name, command, PACE).await else {
                    break;
                };
                let refused = Some(format!("{address}: {refused}"));
                if let Verdict::Unfit(reason) = self.look().await? {
                    return Err(self.unfit(reason, refused).await);
                }
                if Instant::now() > deadline {
                    let reason = format!("port {port} does not answer within {} s", self.limit.as_secs_f32());
                    return Err(self.unfit(reason, refused).await);
                }
                sleep(PORT_PACE).await;
            }
        }
        Ok(())
    }

    /// The same without a front, or with one that starts only later: a short-lived container in the same network connects.
    async fn reach_alone(&self, ports: &[u16]) -> Result<(), StepError> {
        let addresses: Vec<String> = ports.iter().map(|port| format!("{}:{port}", self.name)).collect();
        let network = self.service.definition.networks.keys().next();
        let stack = self.site.stack(self.name)?;
        let Some(network) = network.and_then(|key| stack.network(key)) else { return self.stays_up().await };
        let agent = &self.site.agent;
        let probing =
            self.site.engine.probe_from(&self.site.name, agent, &network, self.name, &addresses, self.limit);
        let mut happenings = Box::pin(self.happenings());
        tokio::pin!(probing);
        loop {
            tokio::select! {
                result = &mut probing => return match result? {
                    None => Ok(()),
                    Some(refused) => Err(self.unfit("a declared port does not answer".into(), Some(refused)).await),
                },
                _ = happenings.next() => {
                    if let Verdict::Unfit(reason) = self.look().await? {
                        return Err(self.unfit(reason, None).await);
                    }
                }
            }
        }
    }

    async fn stays_up(&self) -> Result<(), StepError> {
        let config = self.service.definition.deploy.update_config.as_ref();
        let monitor = config.and_then(|config| config.monitor).unwrap_or(STAYS_UP).min(self.limit);
        let mut happenings = Box::pin(self.happenings());
        let until = Instant::now() + monitor;
        loop {
            let over = tokio::select! {
                _ = happenings.next() => false,
                () = sleep_until(until) => true,
            };
            match self.look().await? {
                Verdict::Unfit(reason) => return Err(self.unfit(reason, None).await),
                _ if over => return Ok(()),
                _ => {}
            }
        }
    }
}

/// The health check's command as the engine runs it: `CMD` as it is, `CMD-SHELL` by the image's shell.
fn probe_command(container: &Inspected) -> Vec<String> {
    match container.probe.split_first() {
        Some((kind, rest)) if kind == "CMD-SHELL" => [&container.shell, rest].concat(),
        Some((_, rest)) => rest.to_vec(),
        None => Vec::new(),
    }
}
