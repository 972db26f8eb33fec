//! The normalised tree to the typed [`Project`].
//!
//! It must never drop a key in silence: what it does not read is an error, or a warning where the key has no
//! meaning in a deploy.

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::{Inactive, Project};
use crate::node::Node;
use crate::output;
use crate::report::Problem;

mod build;
mod deploy;
mod fields;
mod network;
mod service;
mod storage;
mod unsupported;

use fields::Fields;

/// The project, and what is to be said about it; without errors it is complete.
pub(crate) fn project(name: &str, directory: &Path, tree: &Node) -> (Project, Vec<Problem>) {
    let mut findings = Vec::new();
    let out = &mut findings;
    let mut services: BTreeMap<_, _> = tree
        .children("services")
        .filter(|(_, node)| node.get("provider").is_none())
        .map(|(name, node)| (name.clone(), service::read(Fields::of(node, "service", out))))
        .collect();
    for (provided, _) in tree.children("services").filter(|(_, node)| node.get("provider").is_some()) {
        let place = crate::place::find(tree, &format!("services.{provided}.provider"));
        let message = format!("the service `{provided}` is not run: providers have no part in a deploy");
        out.push(Problem::warning("no-meaning", place, message));
        for service in services.values_mut() {
            service.depends_on.remove(provided);
        }
    }
    let project = Project {
        name: name.to_owned(),
        directory: directory.to_owned(),
        services,
        networks: named(tree, "networks", |node| network::read(Fields::of(node, "network", out))),
        volumes: named(tree, "volumes", |node| storage::volume(Fields::of(node, "volume", out))),
        secrets: named(tree, "secrets", |node| storage::source(Fields::of(node, "secret", out))),
        configs: named(tree, "configs", |node| storage::source(Fields::of(node, "config", out))),
        extensions: extensions(tree),
        inactive: Inactive::default(),
    };
    (project, findings)
}

fn named<T>(tree: &Node, section: &str, mut read: impl FnMut(&Node) -> T) -> BTreeMap<String, T> {
    tree.children(section).map(|(name, node)| (name.clone(), read(node))).collect()
}

/// The `x-*` keys of a mapping.
fn extensions(node: &Node) -> BTreeMap<String, serde_json::Value> {
    let entries = node.as_map().into_iter().flatten().filter(|(key, _)| key.starts_with("x-"));
    entries.map(|(key, entry)| (key.clone(), output::plain(&entry.node))).collect()
}
