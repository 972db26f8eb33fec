//! What only the whole project knows: names, the default network, implied dependencies, defaults.
//!
//! It must never undo what the files say.

use std::collections::BTreeSet;

use crate::node::{Map, Node, Value};
use crate::source::Span;

mod files;
mod profiles;

pub(crate) use files::load as load_files;
pub(crate) use profiles::{drop_inactive, drop_unused};

/// Completes a model.
pub(crate) fn normalise(model: &mut Node, name: &str) {
    model.set("name", Node::text(name, Span::NOWHERE));
    model.set_default("services", Value::Map(Map::new()));
    for (_, service) in model.children_mut("services") {
        self::service(service);
    }
    default_network(model);
    for section in ["networks", "volumes", "configs", "secrets"] {
        for (key, node) in model.children_mut(section) {
            if node.is_null() {
                node.value = Value::Map(Map::new());
            }
            let external = node.get("external").is_some_and(|external| external.as_bool() == Some(true));
            if node.text_at("name").is_none() {
                let full = if external { key.clone() } else { format!("{name}_{key}") };
                node.set("name", Node::text(full, node.span));
            }
        }
    }
    for (_, network) in model.children_mut("networks") {
        network.set_default("ipam", Value::Map(Map::new()));
    }
    for (key, node) in model.children_mut("models") {
        node.set_default("name", Value::Text(format!("{name}_{key}")));
    }
}

fn service(service: &mut Node) {
    if service.text_at("pull_policy") == Some("if_not_present") {
        service.set("pull_policy", Node::text("missing", service.span));
    }
    let joined = service.get("networks").and_then(Node::as_map).is_some_and(|networks| !networks.is_empty());
    if !joined && service.text_at("network_mode").is_none() && service.get("provider").is_none() {
        let default = Node::map([("default", Node::new(Value::Null, service.span))], service.span);
        service.set("networks", default);
    }
    if let Some(build) = service.get_mut("build")
        && build.text_at("dockerfile").is_none()
        && build.text_at("dockerfile_inline").is_none()
    {
        build.set_default("dockerfile", Value::Text("Dockerfile".to_owned()));
    }
    for mount in service.get_mut("secrets").and_then(Node::as_list_mut).into_iter().flatten() {
        if let Some(source) = mount.text_at("source").map(str::to_owned) {
            mount.set_default("target", Value::Text(format!("/run/secrets/{source}")));
        }
    }
    for mount in service.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
        if let Some(target) = mount.get_mut("target")
            && let Some(path) = target.as_text().filter(|path| path.starts_with('/'))
        {
            let tidy = crate::resolve::tidy(std::path::Path::new(path));
            target.value = Value::Text(tidy.to_string_lossy().into_owned());
        }
    }
    always_there(service);
    implied_dependencies(service);
}

/// Sections that the normalised form shows even when nothing was written.
fn always_there(service: &mut Node) {
    service.set_default("command", Value::Null);
    service.set_default("entrypoint", Value::Null);
    if let Some(deploy) = service.get_mut("deploy").filter(|deploy| deploy.as_map().is_some()) {
        deploy.set_default("resources", Value::Map(Map::new()));
        deploy.set_default("placement", Value::Map(Map::new()));
    }
    let watch = service.get_mut("develop").and_then(|develop| develop.get_mut("watch"));
    for rule in watch.and_then(Node::as_list_mut).into_iter().flatten() {
        rule.set_default("exec", Value::Map(Map::new()));
        if let Some(exec) = rule.get_mut("exec") {
            exec.set_default("command", Value::Null);
        }
    }
}

/// Links, shared namespaces and shared volumes imply that those start first.
fn implied_dependencies(service: &mut Node) {
    let mut implied: Vec<(String, bool)> = Vec::new();
    let texts = |key: &str| {
        let items = service.get(key).and_then(Node::as_list).unwrap_or_default();
        items.iter().filter_map(Node::as_text).map(str::to_owned).collect::<Vec<_>>()
    };
    for link in texts("links") {
        let name = link.split_once(':').map_or(link.as_str(), |(name, _)| name);
        implied.push((name.to_owned(), true));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(name) = service.text_at(key).and_then(|mode| mode.strip_prefix("service:")) {
            implied.push((name.to_owned(), true));
        }
    }
    for from in texts("volumes_from").iter().filter(|from| !from.starts_with("container:")) {
        let name = from.split_once(':').map_or(from.as_str(), |(name, _)| name);
        implied.push((name.to_owned(), false));
    }
    for (name, restart) in implied {
        add_dependency(service, &name, restart);
    }
}

fn add_dependency(service: &mut Node, name: &str, restart: bool) {
    let span = service.span;
    service.set_default("depends_on", Value::Map(Map::new()));
    let Some(known) = service.get_mut("depends_on").filter(|known| known.get(name).is_none()) else { return };
    let flag = |value| Node::new(Value::Bool(value), span);
    let mut dependency =
        Node::map([("condition", Node::text("service_started", span)), ("required", flag(true))], span);
    if restart {
        dependency.set("restart", flag(true));
    }
    known.set(name, dependency);
}

/// The default network exists when a service joins it.
fn default_network(model: &mut Node) {
    let joined: BTreeSet<&str> = model
        .children("services")
        .flat_map(|(_, service)| service.children("networks"))
        .map(|(name, _)| name.as_str())
        .collect();
    if joined.contains("default") {
        model.set_default("networks", Value::Map(Map::new()));
        let span = model.span;
        if let Some(networks) = model.get_mut("networks")
            && networks.get("default").is_none()
        {
            networks.set("default", Node::new(Value::Map(Map::new()), span));
        }
    }
}
