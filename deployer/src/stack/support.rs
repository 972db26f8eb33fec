//! What becomes of every key of a service: most are used, some are refused, and of the rest the plan says that they
//! have no meaning here. Each section is taken apart field by field, so that a new field needs a decision here.
//!
//! It must never let a key through in silence.

use std::collections::BTreeSet;

use compose_file::model::{self, FileOrigin, Project, Protocol};

use super::Refusal;

/// More containers of one service are a slip of the hand.
const MOST_REPLICAS: u64 = 1000;

/// Everything in the files that is valid Compose and that a deploy cannot do.
#[must_use]
pub fn refusals(project: &Project) -> Vec<Refusal> {
    let mut refusals = external_files(project);
    for (name, definition) in &project.services {
        refusals.extend(Findings::of(definition).refused.into_iter().map(|refused| Refusal {
            place: format!("services.{name}.{}", refused.key),
            message: refused.message,
            help: refused.help.into(),
        }));
    }
    refusals
}

/// What a service's definition says to no effect, a sentence each, with the reason.
#[must_use]
pub fn without_effect(definition: &model::Service) -> Vec<String> {
    Findings::of(definition).idle
}

struct Refused {
    key: String,
    message: String,
    help: &'static str,
}

#[derive(Default)]
struct Findings {
    refused: Vec<Refused>,
    idle: Vec<String>,
}

impl Findings {
    fn of(definition: &model::Service) -> Self {
        let mut findings = Self::default();
        findings.service(definition);
        findings
    }

    fn refuse(&mut self, key: impl Into<String>, message: impl Into<String>, help: &'static str) {
        self.refused.push(Refused { key: key.into(), message: message.into(), help });
    }

    /// The plan says that a key has no meaning here, because of the reason.
    fn idle(&mut self, is_there: bool, key: &str, reason: &str) {
        if is_there {
            self.idle.push(format!("`{key}` has no meaning here, because {reason}"));
        }
    }

    fn service(&mut self, service: &model::Service) {
        #[rustfmt::skip]
        let model::Service {
            // What the containers are made from, and when they start.
            image: _, pull_policy: _, platform: _, command: _, entrypoint: _, environment: _, labels: _,
            annotations: _, expose: _, volumes: _, tmpfs: _, secrets: _, configs: _, healthcheck: _, hostname: _,
            domainname: _, user: _, group_add: _, working_dir: _, read_only: _, privileged: _, tty: _, stdin_open: _,
            init: _, cap_add: _, cap_drop: _, security_opt: _, stop_signal: _, stop_grace_period: _, logging: _,
            ulimits: _, sysctls: _, extra_hosts: _, devices: _, dns: _, dns_search: _, dns_opt: _, shm_size: _, uts: _,
            userns_mode: _, cgroup: _, cgroup_parent: _, runtime: _, limits: _,
            // What cannot be had in every form.
            build, ports, networks, network_mode, depends_on, deploy, restart, container_name, pid, ipc, mac_address,
            extensions,
        } = service;
        self.namespaces([("network_mode", network_mode), ("pid", pid), ("ipc", ipc)]);
        if container_name.is_some() && deploy.replicas.is_some_and(|count| count > 1) {
            let message = "several replicas cannot share one container name";
            self.refuse("container_name", message, "remove `container_name`");
        }
        if ports.iter().any(|port| port.protocol == Protocol::Sctp) {
            self.refuse("ports", "SCTP ports cannot be published", "use TCP or UDP");
        }
        if extensions.contains_key("x-deployer") {
            let message = "`x-deployer` has no meaning in a service";
            self.refuse("x-deployer", message, "it belongs at the top level of the file: docs/x-deployer.md");
        }
        if mac_address.is_some() {
            let message = "a MAC address cannot be chosen with a `network_mode`";
            self.refuse("mac_address", message, "join a network instead, or remove it");
        }
        let alone = network_mode.as_deref().is_some_and(|mode| ["host", "none"].contains(&mode));
        self.idle(alone && !ports.is_empty(), "ports", "a container with that network_mode publishes none");
        let restarted: BTreeSet<_> =
            depends_on.iter().filter(|(_, other)| other.restart).map(|(name, _)| name.as_str()).collect();
        for other in restarted {
            let key = format!("depends_on.{other}.restart");
            self.idle(true, &key, "a deploy starts again only what changed");
        }
        let both = restart.is_some() && deploy.restart_policy.is_some();
        self.idle(both, "restart", "deploy.restart_policy is there too, and wins");
        networks.values().for_each(attachment);
        build.iter().for_each(|build| self.build(build));
        self.deploy(deploy);
    }

    /// Namespaces of other containers.
    fn namespaces(&mut self, modes: [(&str, &Option<String>); 3]) {
        for (key, mode) in modes {
            let Some(mode) = mode else { continue };
            let tied = mode.starts_with("service:") || mode.starts_with("container:");
            let known = key != "network_mode" || ["host", "none", "bridge"].contains(&mode.as_str());
            if !tied && known {
                continue;
            }
            let help = match key {
                "network_mode" => "join both services to the same network",
                "ipc" => "share a volume, or run both programs in one service",
                _ => "run both programs in one service",
            };
            self.refuse(
                key,
                format!("`{mode}` ties two containers together, which a new color would break"),
                help,
            );
        }
    }

    fn build(&mut self, build: &model::Build) {
        #[rustfmt::skip]
        let model::Build {
            dockerfile: _, dockerfile_inline: _, target: _, args: _, labels: _, tags: _, cache_from: _, network: _,
            pull: _, no_cache: _, shm_size: _, extra_hosts: _, secrets: _,
            context, cache_to, platforms,
        } = build;
        if context.contains("://") || context.starts_with("git@") {
            let message = format!("the build context `{context}` is not a folder");
            self.refuse("build.context", message, "clone it, and name the folder");
        }
        if platforms.len() > 1 {
            let message =
                format!("an engine keeps an image for one platform, not for {}", platforms.join(" and "));
            self.refuse("build.platforms", message, "name one platform, that of the engine");
        }
        let elsewhere = cache_to.iter().any(|target| !is_inline(target));
        self.idle(
            elsewhere,
            "build.cache_to",
            "the engine keeps the build cache itself, and exports it inline only",
        );
    }

    fn deploy(&mut self, deploy: &model::Deploy) {
        #[rustfmt::skip]
        let model::Deploy {
            limits: _,
            replicas, mode, update_config, rollback_config, restart_policy, reservations, labels, constraints,
        } = deploy;
        let one_engine = "there is one engine";
        if let Some(count) = replicas.filter(|count| *count > MOST_REPLICAS) {
            let message = format!("{count} replicas are more than an engine can run");
            self.refuse("deploy.replicas", message, "ask for 1000 at most");
        }
        match mode.as_deref() {
            None | Some("replicated") => {}
            Some("global") => self.idle(replicas.is_some(), "deploy.mode: global", one_engine),
            Some(job @ ("replicated-job" | "global-job")) => self.refuse(
                "deploy.mode",
                format!("`{job}` needs a cluster"),
                "depend on the service with `condition: service_completed_successfully`: that makes it a job",
            ),
            Some(other) => {
                self.refuse(
                    "deploy.mode",
                    format!("`{other}` is not a mode"),
                    "use `replicated`, or remove it",
                );
            }
        }
        update_config.iter().for_each(|config| self.update(config));
        let reason = "a rollback switches all replicas at once, like a deploy";
        self.idle(rollback_config.is_some(), "deploy.rollback_config", reason);
        restart_policy.iter().for_each(|policy| self.restart(policy));
        self.idle(
            !labels.is_empty(),
            "deploy.labels",
            "they are for a service of a cluster; `labels` are for its containers",
        );
        self.idle(!constraints.is_empty(), "deploy.placement.constraints", one_engine);
        let model::Resources { memory: _, devices: _, nano_cpus, pids: _ } = reservations;
        let reason = "an engine can limit processors, but cannot reserve them";
        self.idle(nano_cpus.is_some(), "deploy.resources.reservations.cpus", reason);
    }

    fn update(&mut self, config: &model::UpdateConfig) {
        let model::UpdateConfig {
            order: _,
            monitor: _,
            parallelism,
            delay,
            failure_action,
            max_failure_ratio,
        } = config;
        if parallelism.is_some() || delay.is_some() || max_failure_ratio.is_some() {
            let what =
                "parallelism, delay and ratios have no meaning here, because all replicas switch at once";
            self.idle.push(what.into());
        }
        if let Some(action) = failure_action.as_deref().filter(|action| *action != "rollback") {
            let key = format!("deploy.update_config.failure_action: {action}");
            self.idle(true, &key, "a release that is not fit to serve is always taken back");
        }
    }

    fn restart(&mut self, policy: &model::RestartPolicy) {
        let model::RestartPolicy { condition, delay, max_attempts, window } = policy;
        let known = ["none", "no", "on-failure", "any", "always", "unless-stopped"];
        let condition = condition.as_deref();
        if let Some(other) = condition.filter(|condition| !known.contains(condition)) {
            let message = format!("`{other}` is not a condition to restart on");
            self.refuse("deploy.restart_policy.condition", message, "use `none`, `on-failure` or `any`");
        }
        let own = "the engine waits as long as it sees fit";
        self.idle(delay.is_some(), "deploy.restart_policy.delay", own);
        self.idle(
            window.is_some(),
            "deploy.restart_policy.window",
            "the engine decides when a start has succeeded",
        );
        let counts = condition == Some("on-failure");
        let reason = "the engine counts attempts with `condition: on-failure` only";
        self.idle(max_attempts.is_some() && !counts, "deploy.restart_policy.max_attempts", reason);
    }
}

/// Every way to join a network is used, in `engine/networks.rs`.
#[rustfmt::skip]
fn attachment(attachment: &model::Attachment) {
    let model::Attachment {
        aliases: _, ipv4_address: _, ipv6_address: _, link_local_ips: _, mac_address: _, priority: _, gw_priority: _,
        driver_opts: _, interface_name: _,
    } = attachment;
}

/// The cache goes into the image, which BuildKit does by itself when it is asked to.
#[must_use]
pub fn is_inline(cache_to: &str) -> bool {
    cache_to.split(',').any(|part| part.trim() == "type=inline")
}

fn external_files(project: &Project) -> Vec<Refusal> {
    let sections = [("secrets", &project.secrets), ("configs", &project.configs)];
    let external = sections.into_iter().flat_map(|(section, files)| {
        files
            .iter()
            .filter(|(_, file)| file.origin == FileOrigin::External)
            .map(move |(key, _)| (section, key))
    });
    external
        .map(|(section, key)| Refusal {
            place: format!("{section}.{key}"),
            message: "external secrets and configs exist in a cluster only".into(),
            help: "give the content with `file:` or `environment:`".into(),
        })
        .collect()
}
