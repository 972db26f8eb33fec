//! Every value in its long form: one spelling for what a file may write in several.
//!
//! It must never resolve paths or fill in what depends on the project; it works on what is written.

use std::collections::HashSet;

use crate::merge::{build, dependencies, hosts, names};
use crate::node::{Entry, Node, Value};
use crate::report::{Problem, Report, Stop};
use crate::source::Span;

mod device;
pub(crate) mod mount;
mod port;
mod words;

/// Brings a project, or a part of one, into its long form. Doing it twice changes nothing.
pub(crate) fn canonical(report: &mut Report, project: &mut Node) -> Result<(), Stop> {
    let before = project.weight();
    long_forms(report, project)?;
    report.charge(project.span, project.weight().saturating_sub(before))
}

fn long_forms(report: &mut Report, project: &mut Node) -> Result<(), Stop> {
    for (_, service) in project.children_mut("services") {
        self::service(report, service)?;
    }
    for (_, network) in project.children_mut("networks") {
        named(network);
        for pool in network.get_mut("ipam").and_then(|ipam| ipam.get_mut("config")).into_iter() {
            each(pool, |_| {});
        }
    }
    for section in ["volumes", "secrets", "configs"] {
        for (_, node) in project.children_mut(section) {
            named(node);
        }
    }
    Ok(())
}

/// What networks, volumes, secrets and configs have in common.
fn named(node: &mut Node) {
    if node.is_null() {
        node.value = Value::Map(crate::node::Map::new());
    }
    on(node, "labels", pairs);
}

fn service(report: &mut Report, service: &mut Node) -> Result<(), Stop> {
    for key in ["annotations", "labels", "environment", "sysctls"] {
        on(service, key, pairs);
    }
    for key in ["dns", "dns_search", "tmpfs", "label_file"] {
        on(service, key, listed);
    }
    replace(service, "depends_on", dependencies);
    replace(service, "networks", names);
    replace(service, "models", names);
    replace(service, "build", build);
    replace(service, "extra_hosts", |node| host_list(hosts(node)));
    on(service, "extends", |node| wrap(node, "service"));
    on(service, "env_file", env_files);
    on(service, "gpus", gpus);
    for key in ["secrets", "configs"] {
        on(service, key, |list| each(list, |item| wrap(item, "source")));
    }
    if let Some(provider) = service.get_mut("provider") {
        for (_, option) in provider.children_mut("options") {
            if let Some(text) = option.value.scalar_text() {
                option.value = Value::List(vec![Node::text(text, option.span)]);
            }
        }
    }
    for key in ["command", "entrypoint"] {
        command(report, service, key);
    }
    on(service, "healthcheck", |check| on(check, "test", test));
    for (_, dependency) in service.children_mut("depends_on") {
        dependency.set_default("required", Value::Bool(true));
    }
    sections(report, service);
    device::devices(report, service);
    mount::mounts(report, service);
    port::ports(report, service)
}

/// The sections of a service that hold further short forms.
fn sections(report: &mut Report, service: &mut Node) {
    on(service, "build", |build| {
        for key in ["args", "labels", "additional_contexts"] {
            on(build, key, pairs);
        }
        replace(build, "extra_hosts", |node| host_list(hosts(node)));
        on(build, "secrets", |list| each(list, |item| wrap(item, "source")));
        on(build, "ssh", ssh_keys);
    });
    on(service, "deploy", |deploy| on(deploy, "labels", pairs));
    for key in ["post_start", "pre_stop"] {
        for hook in service.get_mut(key).and_then(Node::as_list_mut).into_iter().flatten() {
            command(report, hook, "command");
            on(hook, "environment", pairs);
        }
    }
    let watch = service.get_mut("develop").and_then(|develop| develop.get_mut("watch"));
    for rule in watch.and_then(Node::as_list_mut).into_iter().flatten() {
        on(rule, "ignore", listed);
        on(rule, "include", listed);
        on(rule, "exec", |exec| on(exec, "environment", pairs));
        if let Some(exec) = rule.get_mut("exec") {
            command(report, exec, "command");
        }
    }
}

/// Changes the value under a key, when it is there.
fn on(node: &mut Node, key: &str, change: impl FnOnce(&mut Node)) {
    if let Some(value) = node.get_mut(key) {
        change(value);
    }
}

/// Replaces the value under a key, when it is there.
fn replace(node: &mut Node, key: &str, change: impl FnOnce(Node) -> Node) {
    if let Some(value) = node.get_mut(key) {
        let span = value.span;
        *value = change(std::mem::replace(value, Node::new(Value::Null, span)));
    }
}

fn each(list: &mut Node, change: impl Fn(&mut Node)) {
    list.as_list_mut().into_iter().flatten().for_each(change);
}

/// A single text as a list of one.
fn listed(node: &mut Node) {
    if let Some(text) = node.as_text() {
        node.value = Value::List(vec![Node::text(text, node.span)]);
    }
}

/// A text as a mapping with one key.
fn wrap(node: &mut Node, key: &str) {
    if let Some(text) = node.as_text() {
        *node = Node::map([(key, Node::text(text, node.span))], node.span);
    }
}

/// `KEY=VALUE` items as a mapping; scalars become text, a missing value stays missing.
pub(crate) fn pairs(node: &mut Node) {
    if let Value::List(items) = &node.value {
        let entries = items.iter().filter_map(|item| {
            let (key, value) = match item.as_text()?.split_once('=') {
                Some((key, value)) => (key, Value::Text(value.to_owned())),
                None => (item.as_text()?, Value::Null),
            };
            Some((key.to_owned(), Entry::of(Node::new(value, item.span))))
        });
        node.value = Value::Map(entries.collect());
    }
    for entry in node.as_map_mut().into_iter().flat_map(|map| map.values_mut()) {
        if let (false, Some(text)) = (entry.node.is_null(), entry.node.value.scalar_text()) {
            entry.node.value = Value::Text(text);
        }
    }
}

/// `HOST:ADDRESS` and `HOST=ADDRESS[,ADDRESS]` as `HOST=ADDRESS`, sorted by host and without repeats.
fn host_list(mut node: Node) -> Node {
    let mut hosts: Vec<(String, String, Span)> = Vec::new();
    for item in node.as_list().unwrap_or_default() {
        let Some(text) = item.as_text() else { continue };
        let (host, addresses) = text.split_once('=').or_else(|| text.split_once(':')).unwrap_or((text, ""));
        for address in addresses.split(',') {
            let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            hosts.push((host.to_owned(), bare.unwrap_or(address).to_owned(), item.span));
        }
    }
    hosts.sort_by(|one, other| one.0.cmp(&other.0));
    let mut seen = HashSet::new();
    hosts.retain(|(host, address, _)| seen.insert((host.clone(), address.clone())));
    let items = hosts.into_iter().map(|(host, address, span)| Node::text(format!("{host}={address}"), span));
    if node.as_list().is_some() {
        node.value = Value::List(items.collect());
    }
    node
}

fn env_files(node: &mut Node) {
    listed(node);
    each(node, |item| {
        wrap(item, "path");
        item.set_default("required", Value::Bool(true));
    });
}

fn gpus(node: &mut Node) {
    if node.as_text() == Some("all") {
        let all = Node::new(Value::Int(-1), node.span);
        node.value = Value::List(vec![Node::map([("count", all)], node.span)]);
    }
}

/// A shell command, or a list whose first word says what the others are.
fn test(node: &mut Node) {
    if let Some(text) = node.as_text() {
        let shell = ["CMD-SHELL", text].map(|word| Node::text(word, node.span));
        node.value = Value::List(shell.into());
    }
}

fn ssh_keys(node: &mut Node) {
    let mut keys = std::mem::replace(node, Node::new(Value::Null, node.span));
    listed(&mut keys);
    if let Value::Map(map) = &keys.value {
        let text = |(key, entry): (&String, &Entry)| match entry.node.value.scalar_text() {
            Some(path) if !path.is_empty() => Node::text(format!("{key}={path}"), entry.key),
            _ => Node::text(key.as_str(), entry.key),
        };
        keys.value = Value::List(map.iter().map(text).collect());
    }
    *node = keys;
}

/// A command line as a list of its words.
fn command(report: &mut Report, node: &mut Node, key: &str) {
    let Some(value) = node.get_mut(key) else { return };
    let Some(text) = value.as_text() else { return };
    match words::split(text) {
        Some(words) => {
            let span = value.span;
            value.value = Value::List(words.into_iter().map(|word| Node::text(word, span)).collect());
        }
        None => {
            let problem = Problem::error("command", value.span, "a quote in the command is not closed");
            report.add(problem.help("write the command as a list of its words"));
        }
    }
}
