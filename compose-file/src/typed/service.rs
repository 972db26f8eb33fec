//! A service.
//!
//! It must never decide how a service is deployed.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::fields::Fields;
use super::storage::{mount, mounted_file, tmpfs};
use super::{build, deploy, extensions, network};
use crate::model::{
    Attachment, Condition, Dependency, Device, Healthcheck, Limits, Logging, PullPolicy, Restart, Service,
    Ulimit,
};
use crate::node::Node;

pub(super) fn read(mut at: Fields<'_, '_>) -> Service {
    at.done_with(&["profiles", "env_file", "label_file", "extends"]);
    links(&mut at);
    let (networks, mac_address) = joined(&mut at);
    Service {
        image: at.text("image"),
        build: at.inside("build", "build").map(build::read),
        pull_policy: pull_policy(&mut at),
        platform: at.text("platform"),
        command: at.maybe_texts("command"),
        entrypoint: at.maybe_texts("entrypoint"),
        environment: at.pairs("environment"),
        labels: at.pairs("labels"),
        annotations: at.pairs("annotations"),
        ports: at.items("ports").iter().filter_map(|item| network::port(at.other(item, "port"))).collect(),
        expose: network::exposed(&mut at),
        networks,
        network_mode: at.text("network_mode"),
        volumes: at.items("volumes").iter().filter_map(|item| mount(at.other(item, "mount"))).collect(),
        tmpfs: at.texts("tmpfs").iter().map(|item| tmpfs(item)).collect(),
        secrets: files(&mut at, "secrets", "/run/secrets/"),
        configs: files(&mut at, "configs", "/"),
        healthcheck: at.inside("healthcheck", "healthcheck").map(healthcheck),
        depends_on: dependencies(&mut at),
        deploy: deployment(&mut at),
        restart: restart(&mut at),
        container_name: at.text("container_name"),
        hostname: at.text("hostname"),
        domainname: at.text("domainname"),
        user: at.text("user"),
        group_add: at.texts("group_add"),
        working_dir: at.text("working_dir"),
        read_only: at.flag("read_only"),
        privileged: at.flag("privileged"),
        tty: at.flag("tty"),
        stdin_open: at.flag("stdin_open"),
        init: at.maybe_flag("init"),
        cap_add: at.texts("cap_add"),
        cap_drop: at.texts("cap_drop"),
        security_opt: at.texts("security_opt"),
        stop_signal: at.text("stop_signal"),
        stop_grace_period: at.duration("stop_grace_period"),
        logging: at.inside("logging", "logging").map(logging),
        ulimits: at.entries("ulimits").map(|(name, node)| (name.clone(), ulimit(node))).collect(),
        sysctls: at.pairs("sysctls"),
        extra_hosts: hosts(&mut at),
        devices: at.items("devices").iter().map(|item| device(at.other(item, "device"))).collect(),
        dns: at.texts("dns"),
        dns_search: at.texts("dns_search"),
        dns_opt: at.texts("dns_opt"),
        shm_size: at.bytes("shm_size"),
        pid: at.text("pid"),
        ipc: at.text("ipc"),
        uts: at.text("uts"),
        userns_mode: at.text("userns_mode"),
        cgroup: at.text("cgroup"),
        cgroup_parent: at.text("cgroup_parent"),
        runtime: at.text("runtime"),
        mac_address,
        limits: limits(&mut at),
        extensions: extensions(at.whole()),
    }
}

/// How the service joins its networks. Its own MAC address is for the network that is joined first.
fn joined(at: &mut Fields<'_, '_>) -> (BTreeMap<String, Attachment>, Option<String>) {
    let entries = at.entries("networks");
    let mut networks: BTreeMap<_, _> = entries
        .map(|(name, node)| (name.clone(), network::attachment(at.other(node, "network attachment"))))
        .collect();
    let mac_address = at.text("mac_address");
    let first = networks.iter_mut().max_by_key(|(name, one)| (one.priority, Reverse((*name).clone())));
    let (Some((name, first)), Some(wanted)) = (first, &mac_address) else { return (networks, mac_address) };
    let span = at.whole().get("mac_address").map_or(at.whole().span, |node| node.span);
    if first.mac_address.get_or_insert_with(|| wanted.clone()) != wanted {
        let message = format!("the service has another MAC address in the network `{name}`");
        at.error("conflict", span, message, Some("keep one of the two"));
    }
    (networks, None)
}

/// A link without another name says only what the implied dependency already says.
fn links(at: &mut Fields<'_, '_>) {
    let plain = |item: &Node| {
        item.as_text().is_some_and(|link| link.split_once(':').is_none_or(|(name, alias)| name == alias))
    };
    let links = at.whole().get("links").and_then(Node::as_list).unwrap_or_default();
    if links.iter().all(plain) {
        at.done_with(&["links"]);
    }
}

fn pull_policy(at: &mut Fields<'_, '_>) -> Option<PullPolicy> {
    let choices = [
        ("always", PullPolicy::Always),
        ("never", PullPolicy::Never),
        ("missing", PullPolicy::Missing),
        ("build", PullPolicy::Build),
    ];
    at.choice("pull_policy", &choices, "use `always`, `missing`, `never` or `build`")
}

fn files(at: &mut Fields<'_, '_>, key: &str, folder: &str) -> Vec<crate::model::FileMount> {
    at.items(key).iter().map(|item| mounted_file(at.other(item, "mount"), folder)).collect()
}

fn healthcheck(mut at: Fields<'_, '_>) -> Healthcheck {
    let test = at.texts("test");
    let none = test.first().is_some_and(|first| first == "NONE");
    Healthcheck {
        interval: at.duration("interval"),
        timeout: at.duration("timeout"),
        retries: at.count("retries"),
        start_period: at.duration("start_period"),
        start_interval: at.duration("start_interval"),
        disable: at.flag("disable") || none,
        test,
    }
}

fn dependencies(at: &mut Fields<'_, '_>) -> BTreeMap<String, Dependency> {
    let conditions = [
        ("service_started", Condition::ServiceStarted),
        ("service_healthy", Condition::ServiceHealthy),
        ("service_completed_successfully", Condition::ServiceCompletedSuccessfully),
    ];
    let mut dependencies = BTreeMap::new();
    for (name, node) in at.entries("depends_on") {
        let mut inner = at.other(node, "dependency");
        let condition = inner.choice("condition", &conditions, "see the Compose Specification");
        let dependency = Dependency {
            condition: condition.unwrap_or(Condition::ServiceStarted),
            restart: inner.flag("restart"),
            required: inner.maybe_flag("required").unwrap_or(true),
        };
        dependencies.insert(name.clone(), dependency);
    }
    dependencies
}

/// The `deploy` section, with `scale` and `gpus`, which say the same in other words.
fn deployment(at: &mut Fields<'_, '_>) -> crate::model::Deploy {
    let mut deploy = at.inside("deploy", "deploy").map(deploy::read).unwrap_or_default();
    deploy.replicas = deploy.replicas.or(at.count("scale"));
    for item in at.items("gpus") {
        let mut request = deploy::device_request(at.other(item, "device request"));
        if !request.capabilities.iter().any(|capability| capability == "gpu") {
            request.capabilities.push("gpu".to_owned());
        }
        deploy.reservations.devices.push(request);
    }
    deploy
}

fn restart(at: &mut Fields<'_, '_>) -> Option<Restart> {
    let node = at.node("restart")?;
    let text = node.as_text()?;
    let (word, attempts) = match text.split_once(':') {
        Some((word, attempts)) => (word, Some(attempts.parse())),
        None => (text, None),
    };
    let restart = match (word, attempts) {
        ("no", None) => Some(Restart::No),
        ("always", None) => Some(Restart::Always),
        ("unless-stopped", None) => Some(Restart::UnlessStopped),
        ("on-failure", None) => Some(Restart::OnFailure(None)),
        ("on-failure", Some(Ok(attempts))) => Some(Restart::OnFailure(Some(attempts))),
        _ => None,
    };
    if restart.is_none() && !text.is_empty() {
        let help = "use `no`, `always`, `on-failure`, `on-failure:ATTEMPTS` or `unless-stopped`";
        at.unsupported_value("restart", node, help);
    }
    restart
}

fn logging(mut at: Fields<'_, '_>) -> Logging {
    Logging { driver: at.text("driver"), options: at.pairs("options") }
}

fn ulimit(node: &Node) -> Ulimit {
    let part = |key: &str| node.get(key).and_then(Node::as_int).or(node.as_int()).unwrap_or(0);
    Ulimit { soft: part("soft"), hard: part("hard") }
}

fn device(mut at: Fields<'_, '_>) -> Device {
    Device {
        source: at.text("source").unwrap_or_default(),
        target: at.text("target").unwrap_or_default(),
        permissions: at.text("permissions").unwrap_or_default(),
    }
}

/// Host names with addresses in the engine's spelling.
pub(super) fn hosts(at: &mut Fields<'_, '_>) -> Vec<String> {
    let hosts = at.texts("extra_hosts");
    hosts.iter().map(|host| host.replacen('=', ":", 1)).collect()
}

fn limits(at: &mut Fields<'_, '_>) -> Limits {
    Limits {
        memory: at.bytes("mem_limit"),
        memory_reservation: at.bytes("mem_reservation"),
        memory_swap: at.integer("memswap_limit"),
        memory_swappiness: at.count("mem_swappiness"),
        nano_cpus: at.nano("cpus"),
        cpu_shares: at.count("cpu_shares"),
        cpu_quota: at.integer("cpu_quota"),
        cpu_period: at.integer("cpu_period"),
        cpuset: at.text("cpuset"),
        pids: at.integer("pids_limit"),
        oom_score_adj: at.integer("oom_score_adj"),
        oom_kill_disable: at.flag("oom_kill_disable"),
    }
}
