//! Lists in which a later item replaces an earlier one that means the same thing.
//!
//! It must never fail: an item without a key of its own is kept.

use std::collections::HashMap;

use crate::node::{Node, Value};

/// Removes replaced items from all lists of a project that have keys.
pub(crate) fn unique(project: &mut Node) {
    for (_, service) in project.children_mut("services") {
        for (key, index) in SERVICE {
            if let Some(node) = service.get_mut(key) {
                dedupe(node, *index);
            }
        }
        nested(service, "build", &["args", "additional_contexts", "labels", "platforms", "tags"]);
        nested(service, "deploy", &["labels"]);
        for (_, network) in service.children_mut("networks") {
            dedupe_keys(network, &["aliases", "link_local_ips"]);
        }
    }
    for (_, network) in project.children_mut("networks") {
        dedupe_keys(network, &["labels"]);
    }
    for (_, volume) in project.children_mut("volumes") {
        dedupe_keys(volume, &["labels"]);
    }
}

fn nested(service: &mut Node, section: &str, keys: &[&str]) {
    if let Some(node) = service.get_mut(section) {
        dedupe_keys(node, keys);
    }
}

fn dedupe_keys(node: &mut Node, keys: &[&str]) {
    for key in keys {
        if let Some(list) = node.get_mut(key) {
            dedupe(list, pair_key);
        }
    }
}

type Index = fn(&Node) -> Option<String>;

const SERVICE: &[(&str, Index)] = &[
    ("annotations", pair_key),
    ("cap_add", pair_key),
    ("cap_drop", pair_key),
    ("configs", config_key),
    ("devices", device_key),
    ("dns", pair_key),
    ("dns_opt", pair_key),
    ("dns_search", pair_key),
    ("env_file", env_file_key),
    ("environment", pair_key),
    ("expose", whole_key),
    ("labels", pair_key),
    ("links", pair_key),
    ("ports", port_key),
    ("profiles", pair_key),
    ("secrets", secret_key),
    ("sysctls", pair_key),
    ("tmpfs", pair_key),
    ("volumes", mount_key),
];

fn dedupe(node: &mut Node, index: Index) {
    let Value::List(items) = &mut node.value else { return };
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in std::mem::take(items) {
        let Some(key) = index(&item) else {
            kept.push(item);
            continue;
        };
        match places.get(&key) {
            Some(place) => kept[*place] = item,
            None => {
                places.insert(key, kept.len());
                kept.push(item);
            }
        }
    }
    *items = kept;
}

fn pair_key(node: &Node) -> Option<String> {
    let text = node.as_text()?;
    Some(text.split_once('=').map_or(text, |(key, _)| key).to_owned())
}

fn whole_key(node: &Node) -> Option<String> {
    node.value.scalar_text()
}

fn env_file_key(node: &Node) -> Option<String> {
    node.as_text().or_else(|| node.text_at("path")).map(str::to_owned)
}

fn secret_key(node: &Node) -> Option<String> {
    mounted_at(node, "/run/secrets")
}

fn config_key(node: &Node) -> Option<String> {
    mounted_at(node, "")
}

fn mounted_at(node: &Node, folder: &str) -> Option<String> {
    if let Some(target) = node.text_at("target") {
        return Some(target.to_owned());
    }
    let source = node.as_text().or_else(|| node.text_at("source"))?;
    Some(format!("{folder}/{source}"))
}

fn mount_key(node: &Node) -> Option<String> {
    match node.as_text() {
        Some(text) => crate::canonical::mount::target(text),
        None => node.text_at("target").map(str::to_owned),
    }
}

fn device_key(node: &Node) -> Option<String> {
    match node.as_text() {
        Some(text) => Some(text.split(':').nth(1).unwrap_or(text).to_owned()),
        None => node.text_at("target").map(str::to_owned),
    }
}

fn port_key(node: &Node) -> Option<String> {
    if node.as_map().is_none() {
        return node.value.scalar_text();
    }
    let part = |key: &str| node.get(key).and_then(|part| part.value.scalar_text());
    let host = part("host_ip").unwrap_or_else(|| "0.0.0.0".to_owned());
    let protocol = part("protocol").unwrap_or_else(|| "tcp".to_owned());
    Some(format!("{host}:{}:{}/{protocol}", part("published").unwrap_or_default(), part("target")?))
}
