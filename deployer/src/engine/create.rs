//! A service's definition as the engine's create call wants it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointSettings, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig,
    PortBinding, ResourcesUlimits,
};
use compose_file::model::{self, MountKind, Port, Restart};

use super::containers::restart_policy;
use super::networks::{endpoint, hash_map};
use super::{Engine, Error};
use crate::stack::{ContainerName, NetworkName, Service, Stack, StackName};

/// Everything that a container of a service is made from.
pub struct ServiceContainer<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The service.
    pub service: &'a Service,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// The networks it joins, first the one that it is created in, with all its names there.
    pub networks: Vec<(NetworkName, model::Attachment)>,
    /// Its ports are published on the host by itself.
    pub publish: bool,
    /// When the engine starts it by itself.
    pub restart: Restart,
    /// Volumes without a name that it takes over, by path.
    pub inherited: BTreeMap<String, String>,
    /// Where its file volume lies on the engine's host.
    pub files_root: Option<String>,
}

/// Where the volume of secrets and configs is seen as a whole: a reference that keeps the engine from pruning it.
const FILES_MOUNT: &str = "/.deployer-files";

impl Engine {
    /// Makes a container of a service and puts it into its networks.
    ///
    /// # Errors
    /// When the engine refuses the definition.
    pub async fn create_service_container(
        &self,
        name: &ContainerName,
        spec: &ServiceContainer<'_>,
    ) -> Result<(), Error> {
        let platform = spec.service.definition.platform.as_deref();
        self.create_in_networks(&spec.stack.name, name, platform, body(spec), &spec.networks).await
    }

    /// Makes a container in its first network and puts it into the others: older engines take one at creation.
    pub(in crate::engine) async fn create_in_networks(
        &self,
        stack: &StackName,
        name: &ContainerName,
        platform: Option<&str>,
        mut body: ContainerCreateBody,
        networks: &[(NetworkName, model::Attachment)],
    ) -> Result<(), Error> {
        if let Some((first, attachment)) = networks.first() {
            body.networking_config = Some(networking(first, endpoint(attachment)));
        }
        self.create(stack, name, platform, body).await?;
        for (network, attachment) in networks.iter().skip(1) {
            self.connect_network(name, network, attachment).await?;
        }
        Ok(())
    }
}

fn networking(network: &NetworkName, endpoint: EndpointSettings) -> NetworkingConfig {
    NetworkingConfig { endpoints_config: Some(HashMap::from([(network.to_string(), endpoint)])) }
}

fn body(spec: &ServiceContainer<'_>) -> ContainerCreateBody {
    let definition = &spec.service.definition;
    let environment = definition.environment.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let exposed = definition.expose.iter().map(|port| (port.port, port.protocol));
    let published = definition.ports.iter().map(|port| (port.target, port.protocol));
    ContainerCreateBody {
        image: Some(spec.service.image.reference.clone()),
        cmd: definition.command.clone(),
        entrypoint: definition.entrypoint.clone(),
        env: Some(environment),
        labels: Some(spec.labels.clone().into_iter().collect()),
        hostname: definition.hostname.clone(),
        domainname: definition.domainname.clone(),
        user: definition.user.clone(),
        working_dir: definition.working_dir.clone(),
        tty: Some(definition.tty),
        open_stdin: Some(definition.stdin_open),
        stop_signal: definition.stop_signal.clone(),
        stop_timeout: definition.stop_grace_period.map(whole_seconds),
        healthcheck: definition.healthcheck.as_ref().map(healthcheck),
        exposed_ports: Some(
            exposed.chain(published).map(|(port, protocol)| port_key(port, protocol)).collect(),
        ),
        host_config: Some(host_config(spec)),
        ..Default::default()
    }
}

fn host_config(spec: &ServiceContainer<'_>) -> HostConfig {
    let definition = &spec.service.definition;
    let network_mode =
        definition.network_mode.clone().or_else(|| spec.networks.first().map(|(name, _)| name.to_string()));
    let (named, paths): (Vec<_>, Vec<_>) = definition.devices.iter().partition(|device| is_named(device));
    let mut host = HostConfig {
        network_mode,
        restart_policy: Some(restart_policy(spec.restart)),
        port_bindings: spec.publish.then(|| port_bindings(&definition.ports)),
        binds: Some(binds(spec)),
        mounts: Some(mounts(spec)),
        tmpfs: hash_map(&definition.tmpfs),
        readonly_rootfs: Some(definition.read_only),
        privileged: Some(definition.privileged),
        init: definition.init,
        cap_add: some(&definition.cap_add),
        cap_drop: some(&definition.cap_drop),
        security_opt: some(&definition.security_opt),
        group_add: some(&definition.group_add),
        dns: some(&definition.dns),
        dns_search: some(&definition.dns_search),
        dns_options: some(&definition.dns_opt),
        extra_hosts: some(&definition.extra_hosts),
        sysctls: hash_map(&definition.sysctls),
        ulimits: some(&definition.ulimits.iter().map(ulimit).collect::<Vec<_>>()),
        devices: some(&paths.into_iter().map(device).collect::<Vec<_>>()),
        device_requests: some(&device_requests(&definition.deploy.reservations.devices, &named)),
        log_config: definition.logging.as_ref().map(|logging| HostConfigLogConfig {
            typ: logging.driver.clone(),
            config: hash_map(&logging.options),
        }),
        annotations: hash_map(&definition.annotations),
        shm_size: definition.shm_size.map(signed),
        pid_mode: definition.pid.clone(),
        ipc_mode: definition.ipc.clone(),
        uts_mode: definition.uts.clone(),
        userns_mode: definition.userns_mode.clone(),
        cgroupns_mode: definition.cgroup.as_deref().and_then(cgroup_namespace),
        cgroup_parent: definition.cgroup_parent.clone(),
        runtime: definition.runtime.clone(),
        ..Default::default()
    };
    limit(&mut host, definition);
    host
}

/// `deploy.resources` wins over the service's own keys, as in the Compose Specification.
fn limit(host: &mut HostConfig, definition: &model::Service) {
    let (own, deploy, reserved) =
        (&definition.limits, &definition.deploy.limits, &definition.deploy.reservations);
    host.memory = deploy.memory.or(own.memory).map(signed);
    host.memory_reservation = reserved.memory.or(own.memory_reservation).map(signed);
    host.memory_swap = own.memory_swap;
    host.memory_swappiness = own.memory_swappiness.map(signed);
    host.nano_cpus = deploy.nano_cpus.or(own.nano_cpus).map(signed);
    host.cpu_shares = own.cpu_shares.map(signed);
    host.cpu_quota = own.cpu_quota;
    host.cpu_period = own.cpu_period;
    host.cpuset_cpus = own.cpuset.clone();
    host.pids_limit = deploy.pids.or(own.pids);
    host.oom_score_adj = own.oom_score_adj;
    host.oom_kill_disable = own.oom_kill_disable.then_some(true);
}

/// Binds that the engine's `Mounts` cannot say: a host path to be made when it is missing, SELinux labels, and the
/// single files of a file volume, which lie below its mount point.
fn binds(spec: &ServiceContainer<'_>) -> Vec<String> {
    let volumes = spec.service.definition.volumes.iter().filter_map(|mount| match &mount.kind {
        MountKind::Bind { source, propagation, selinux, .. } if is_bind(&mount.kind) => {
            let access = if mount.read_only { "ro" } else { "rw" };
            let options = [Some(access), propagation.as_deref(), selinux.as_deref()];
            let options = options.into_iter().flatten().collect::<Vec<_>>().join(",");
            Some(format!("{source}:{}:{options}", mount.target))
        }
        _ => None,
    });
    let files = spec.service.files.iter().zip(&spec.files_root).flat_map(|(files, root)| {
        files.mounts.iter().map(move |(file, target)| format!("{root}/{file}:{target}:ro"))
    });
    volumes.chain(files).collect()
}

/// Whether a mount of the host has to be one of the engine's `Binds`.
fn is_bind(kind: &MountKind) -> bool {
    matches!(kind, MountKind::Bind { create_host_path: true, .. } | MountKind::Bind { selinux: Some(_), .. })
}

fn mounts(spec: &ServiceContainer<'_>) -> Vec<Mount> {
    let own = spec.service.definition.volumes.iter().filter_map(|mount| named_mount(spec, mount));
    let inherited = spec.inherited.iter().map(|(path, volume)| Mount {
        target: Some(path.clone()),
        source: Some(volume.clone()),
        typ: Some(MountType::VOLUME),
        ..Default::default()
    });
    let files = spec.service.files.iter().map(|files| Mount {
        target: Some(FILES_MOUNT.into()),
        source: Some(files.volume.to_string()),
        typ: Some(MountType::VOLUME),
        read_only: Some(true),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..Default::default() }),
        ..Default::default()
    });
    let taken: Vec<&String> = spec.inherited.keys().collect();
    own.filter(|mount| {
        mount.source.is_some() || mount.target.as_ref().is_none_or(|path| !taken.contains(&path))
    })
    .chain(inherited)
    .chain(files)
    .collect()
}

fn named_mount(spec: &ServiceContainer<'_>, mount: &model::Mount) -> Option<Mount> {
    let base = Mount {
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        consistency: mount.consistency.clone(),
        ..Default::default()
    };
    match &mount.kind {
        MountKind::Volume { source, nocopy, subpath } => {
            let source =
                source.as_ref().and_then(|key| spec.stack.volumes.get(key)).map(|volume| volume.name.clone());
            let options = MountVolumeOptions {
                no_copy: nocopy.then_some(true),
                subpath: subpath.clone(),
                ..Default::default()
            };
            Some(Mount { source, typ: Some(MountType::VOLUME), volume_options: Some(options), ..base })
        }
        MountKind::Bind { source, propagation, .. } if !is_bind(&mount.kind) => {
            let options = MountBindOptions {
                propagation: propagation.as_deref().and_then(propagation_mode),
                ..Default::default()
            };
            Some(Mount {
                source: Some(source.clone()),
                typ: Some(MountType::BIND),
                bind_options: Some(options),
                ..base
            })
        }
        MountKind::Bind { .. } => None,
        MountKind::Tmpfs { size, mode } => {
            let options = MountTmpfsOptions {
                size_bytes: size.map(signed),
                mode: mode.map(i64::from),
                ..Default::default()
            };
            Some(Mount { typ: Some(MountType::TMPFS), tmpfs_options: Some(options), ..base })
        }
    }
}

/// The engine counts whole seconds, and ends a program at once when there are none.
fn whole_seconds(time: Duration) -> i64 {
    let begun = u64::from(time.subsec_nanos() > 0);
    signed(time.as_secs().saturating_add(begun))
}

fn healthcheck(check: &model::Healthcheck) -> HealthConfig {
    let nanos = |time: Option<Duration>| time.map(|time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
    let test = if check.disable { vec!["NONE".into()] } else { check.test.clone() };
    HealthConfig {
        test: Some(test).filter(|test| !test.is_empty()),
        interval: nanos(check.interval),
        timeout: nanos(check.timeout),
        retries: check.retries.map(signed),
        start_period: nanos(check.start_period),
        start_interval: nanos(check.start_interval),
    }
}

/// The host's ports, as the engine spells them.
pub(in crate::engine) fn port_bindings(ports: &[Port]) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in ports {
        let binding = PortBinding { host_ip: port.host_ip.clone(), host_port: port.published.clone() };
        bindings
            .entry(port_key(port.target, port.protocol))
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    bindings
}

/// `80/tcp`.
pub(in crate::engine) fn port_key(port: u16, protocol: model::Protocol) -> String {
    let protocol = match protocol {
        model::Protocol::Tcp => "tcp",
        model::Protocol::Udp => "udp",
        model::Protocol::Sctp => "sctp",
    };
    format!("{port}/{protocol}")
}

fn ulimit((name, limit): (&String, &model::Ulimit)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.clone()), soft: Some(limit.soft), hard: Some(limit.hard) }
}

fn device(device: &model::Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.source.clone()),
        path_in_container: Some(device.target.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    }
}

/// A name of the Container Device Interface, `vendor.com/class=name`, and no path.
fn is_named(device: &model::Device) -> bool {
    device.source == device.target
        && !device.source.starts_with('/')
        && device.source.split_once('/').is_some_and(|(_, name)| name.contains('='))
}

fn device_requests(requests: &[model::DeviceRequest], named: &[&model::Device]) -> Vec<DeviceRequest> {
    let requested = requests.iter().map(|request| DeviceRequest {
        driver: request.driver.clone(),
        count: request.count,
        device_ids: some(&request.device_ids),
        capabilities: Some(vec![request.capabilities.clone()]),
        options: hash_map(&request.options),
    });
    let by_name = (!named.is_empty()).then(|| DeviceRequest {
        driver: Some("cdi".into()),
        device_ids: Some(named.iter().map(|device| device.source.clone()).collect()),
        ..Default::default()
    });
    requested.chain(by_name).collect()
}

fn cgroup_namespace(mode: &str) -> Option<HostConfigCgroupnsModeEnum> {
    match mode {
        "host" => Some(HostConfigCgroupnsModeEnum::HOST),
        "private" => Some(HostConfigCgroupnsModeEnum::PRIVATE),
        _ => None,
    }
}

fn propagation_mode(mode: &str) -> Option<MountBindOptionsPropagationEnum> {
    mode.parse().ok()
}

fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
