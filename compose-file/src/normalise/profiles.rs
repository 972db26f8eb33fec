//! Services of inactive profiles, and resources that no service uses, leave the project.
//!
//! It must never remove what an active service needs.

use std::collections::BTreeSet;

use crate::node::Node;

/// Removes services whose profiles are all inactive, and returns their names.
pub(crate) fn drop_inactive(model: &mut Node, active: &BTreeSet<String>) -> BTreeSet<String> {
    let mut dropped = BTreeSet::new();
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else { return dropped };
    services.retain(|name, entry| {
        let profiles = entry.node.get("profiles").and_then(Node::as_list).unwrap_or_default();
        let mut named = profiles.iter().filter_map(Node::as_text);
        let kept = profiles.is_empty() || active.contains("*") || named.any(|one| active.contains(one));
        if !kept {
            dropped.insert(name.clone());
        }
        kept
    });
    dropped
}

/// Removes top-level resources that no service uses.
pub(crate) fn drop_unused(model: &mut Node) {
    let mut used: [(&str, BTreeSet<String>); 5] =
        ["networks", "volumes", "secrets", "configs", "models"].map(|section| (section, BTreeSet::new()));
    for (_, service) in model.children("services") {
        let [networks, volumes, secrets, configs, models] = &mut used;
        networks.1.extend(service.children("networks").map(|(name, _)| name.clone()));
        models.1.extend(service.children("models").map(|(name, _)| name.clone()));
        volumes.1.extend(mounted(service));
        secrets.1.extend(sources(service, "secrets"));
        configs.1.extend(sources(service, "configs"));
        if let Some(build) = service.get("build") {
            secrets.1.extend(sources(build, "secrets"));
        }
    }
    for (section, names) in used {
        let Some(map) = model.get_mut(section).and_then(Node::as_map_mut) else { continue };
        map.retain(|name, _| names.contains(name));
        if map.is_empty() {
            model.remove(section);
        }
    }
}

fn mounted(service: &Node) -> impl Iterator<Item = String> {
    let mounts = service.get("volumes").and_then(Node::as_list).unwrap_or_default();
    let volumes = mounts.iter().filter(|mount| mount.text_at("type") == Some("volume"));
    volumes.filter_map(|mount| mount.text_at("source")).map(str::to_owned)
}

fn sources<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = String> + 'a {
    let items = node.get(key).and_then(Node::as_list).unwrap_or_default();
    items.iter().filter_map(|item| item.text_at("source")).map(str::to_owned)
}
