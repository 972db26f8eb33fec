//! Everything that steps need besides their own words: the engine, the fronts, the definitions, the secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use compose_file::model::{self, Attachment, MountKind};

use super::{Fronts, StepError};
use crate::engine::{Engine, ServiceContainer, agents};
use crate::labels::{self, Labels, Role};
use crate::plan::{Instance, restart_policy};
use crate::stack::{
    ContainerName, FileEntry, Front, Kind, NetworkName, Service, ServiceName, Stack, StackName, VolumeName,
};

/// Where a plan is carried out.
pub struct Site {
    /// The engine.
    pub engine: Engine,
    /// Our own image on it.
    pub agent: String,
    /// The stack.
    pub name: StackName,
    /// What is to be made; absent when something is only taken back.
    pub definitions: Option<Stack>,
    /// Which container is what.
    pub instances: BTreeMap<ContainerName, Instance>,
    /// The content of file volumes.
    pub contents: BTreeMap<VolumeName, Vec<FileEntry>>,
    /// The fronts.
    pub fronts: Fronts,
    /// What the user allows the gate at most.
    pub timeout: Option<Duration>,
}

impl Site {
    /// Where something is only taken back or cleaned up: no definition is needed for that.
    #[must_use]
    pub fn for_undo(engine: &Engine, agent: &str, stack: &StackName) -> Self {
        Self {
            engine: engine.clone(),
            agent: agent.into(),
            name: stack.clone(),
            definitions: None,
            instances: BTreeMap::new(),
            contents: BTreeMap::new(),
            fronts: Fronts::new(engine.clone(), stack.clone()),
            timeout: None,
        }
    }

    pub(super) fn stack(&self, what: &dyn std::fmt::Display) -> Result<&Stack, StepError> {
        self.definitions.as_ref().ok_or_else(|| StepError::NoDefinition(what.to_string()))
    }

    pub(super) fn instance(&self, name: &ContainerName) -> Result<(&Instance, &Service), StepError> {
        let missing = || StepError::NoDefinition(name.to_string());
        let instance = self.instances.get(name).ok_or_else(missing)?;
        let service = self.stack(name)?.services.get(&instance.service).ok_or_else(missing)?;
        Ok((instance, service))
    }

    /// How long the old color may finish what it began.
    pub(super) fn drain(&self) -> Duration {
        self.definitions.as_ref().map_or(Duration::from_secs(30), |stack| stack.settings.drain)
    }

    pub(super) async fn create_network(&self, name: &NetworkName) -> Result<(), StepError> {
        let stack = self.stack(name)?;
        let network = stack.networks.values().find(|network| network.name == name.as_str());
        let network = network.ok_or_else(|| StepError::NoDefinition(name.to_string()))?;
        let labels = Labels::of(&self.name, Role::Service).over(&network.labels);
        Ok(self.engine.create_network(&self.name, network, labels).await?)
    }

    pub(super) async fn create_volume(&self, name: &VolumeName, role: Role) -> Result<(), StepError> {
        if role != Role::Service {
            let volume = model::Volume { name: name.to_string(), ..Default::default() };
            let labels = Labels::of(&self.name, role).over(&BTreeMap::new());
            return Ok(self.engine.create_volume(&self.name, &volume, labels).await?);
        }
        let stack = self.stack(name)?;
        let found = stack.volumes.iter().find(|(_, volume)| volume.name == name.as_str());
        let (key, volume) = found.ok_or_else(|| StepError::NoDefinition(name.to_string()))?;
        let mut labels = Labels::of(&self.name, role);
        if let Some(format) = stack.settings.volumes.get(key).and_then(|settings| settings.format.as_ref()) {
            labels = labels.with(labels::FORMAT, format);
        }
        Ok(self.engine.create_volume(&self.name, volume, labels.over(&volume.labels)).await?)
    }

    pub(super) async fn fill_volume(&self, name: &VolumeName) -> Result<(), StepError> {
        let files = self.contents.get(name).ok_or_else(|| StepError::NoDefinition(name.to_string()))?;
        self.create_volume(name, Role::Files).await?;
        let labels = Labels::of(&self.name, Role::Aid).over(&BTreeMap::new());
        Ok(self.engine.fill_volume(&self.name, &self.agent, labels, name, files).await?)
    }

    pub(super) async fn create_container(&self, name: &ContainerName) -> Result<(), StepError> {
        let stack = self.stack(name)?;
        let (instance, service) = self.instance(name)?;
        let labels = Labels::of(&self.name, instance.role)
            .service(&instance.service)
            .instance(instance.release, instance.color, instance.replica)
            .hash(&service.hash)
            .over(&service.definition.labels);
        let files_root = match &service.files {
            Some(files) => Some(self.engine.volume_mountpoint(&files.volume).await?),
            None => None,
        };
        let spec = ServiceContainer {
            stack,
            service,
            labels,
            networks: service_networks(stack, &instance.service, service),
            publish: service.front.is_none(),
            restart: restart_policy(service),
            inherited: self.inherited(instance, service).await?,
            files_root,
        };
        Ok(self.engine.create_service_container(name, &spec).await?)
    }

    /// Volumes without a name that the container it replaces has, and that it goes on with.
    async fn inherited(
        &self,
        instance: &Instance,
        service: &Service,
    ) -> Result<BTreeMap<String, String>, StepError> {
        let Some(old) = &instance.inherits else { return Ok(BTreeMap::new()) };
        let nameless = service.definition.volumes.iter().filter_map(|mount| match mount.kind {
            MountKind::Volume { source: None, .. } => Some(mount.target.clone()),
            _ => None,
        });
        let paths: Vec<String> = service.image.anonymous.iter().cloned().chain(nameless).collect();
        if paths.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = match self.engine.inspect(old).await {
            Err(error) if error.is_not_found() => return Ok(BTreeMap::new()),
            other => other?,
        };
        Ok(found.volumes.into_iter().filter(|(path, _)| paths.contains(path)).collect())
    }

    pub(super) async fn create_front(&self, name: &ServiceName) -> Result<(), StepError> {
        let stack = self.stack(name)?;
        let missing = || StepError::NoDefinition(format!("the front of {name}"));
        let service = stack.services.get(name).ok_or_else(missing)?;
        let front = service.front.as_ref().ok_or_else(missing)?;
        let labels =
            Labels::of(&self.name, Role::Front).service(name).hash(&front.hash).over(&BTreeMap::new());
        let options = front_options(stack, name, front, &self.agent);
        let container = agents::FrontContainer {
            stack: &self.name,
            image: &self.agent,
            labels,
            options: &options,
            published: &front.published,
            networks: front_networks(stack, name, service),
            volume: self.name.front_volume(name),
        };
        Ok(self.engine.create_front(&self.name.front(name), &container).await?)
    }

    pub(super) async fn connect(
        &self,
        front: &ContainerName,
        network: &NetworkName,
    ) -> Result<(), StepError> {
        let stack = self.stack(front)?;
        let fronts = stack.services.iter().filter(|(name, _)| self.name.front(name) == *front);
        let mut networks = fronts.flat_map(|(name, service)| front_networks(stack, name, service));
        let found = networks.find(|(name, _)| name == network);
        let (_, attachment) = found.ok_or_else(|| StepError::NoDefinition(network.to_string()))?;
        Ok(self.engine.connect_network(front, network, &attachment).await?)
    }
}

fn front_options(stack: &Stack, service: &ServiceName, front: &Front, agent: &str) -> front::Options {
    let proxied = stack.settings.proxy_protocol.iter().any(|name| name == service.as_str());
    let ports = front.listeners.iter().map(|listener| listener.port);
    front::Options {
        service: service.to_string(),
        listeners: front.listeners.clone(),
        hold_ms: u64::try_from(stack.settings.hold.as_millis()).unwrap_or(u64::MAX),
        trusted_proxies: stack.settings.trusted_proxies.clone(),
        state: agents::ROUTE.into(),
        admin: agents::SOCKET.into(),
        program: agents::identity(agent).to_owned(),
        made: format!("{:016x}", rand::random::<u64>()),
        metrics: stack.settings.metrics,
        proxy_protocol: if proxied { ports.collect() } else { Vec::new() },
        limits: front::Limits::default(),
    }
}

/// The networks of a service's own containers. Behind a front they leave its name and fixed addresses to it.
fn service_networks(stack: &Stack, name: &ServiceName, service: &Service) -> Vec<(NetworkName, Attachment)> {
    let every_replica = format!("tasks.{name}");
    joined(stack, service, |attachment| match service.kind {
        Kind::TwoColor => {
            attachment.aliases = vec![every_replica.clone()];
            attachment.ipv4_address = None;
            attachment.ipv6_address = None;
            attachment.mac_address = None;
        }
        _ => attachment.aliases.extend([name.to_string(), every_replica.clone()]),
    })
}

fn front_networks(stack: &Stack, name: &ServiceName, service: &Service) -> Vec<(NetworkName, Attachment)> {
    joined(stack, service, |attachment| attachment.aliases.push(name.to_string()))
}

/// In the order in which they are joined: the highest priority first.
fn joined(
    stack: &Stack,
    service: &Service,
    adapt: impl Fn(&mut Attachment),
) -> Vec<(NetworkName, Attachment)> {
    let networks = service.definition.networks.iter();
    let mut networks: Vec<(NetworkName, Attachment)> = networks
        .filter_map(|(key, attachment)| {
            let mut attachment = attachment.clone();
            adapt(&mut attachment);
            Some((stack.network(key)?, attachment))
        })
        .collect();
    networks.sort_by(|(name, one), (other_name, other)| {
        other.priority.cmp(&one.priority).then_with(|| name.cmp(other_name))
    });
    networks
}
