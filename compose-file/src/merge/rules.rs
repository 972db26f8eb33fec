//! The rule of each key, and the common form that two spellings of a value are brought into first.
//!
//! It must never recurse into the merge itself.

use crate::node::{Entry, Map, Mark, Node, Value};
use crate::report::Report;

/// Where in a file the merge is: the same key has different rules in different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Project,
    Services,
    Service,
    Build,
    Deploy,
    Healthcheck,
    Networks,
    Network,
    Ipam,
    Volumes,
    Volume,
    Ulimits,
    Elsewhere,
}

/// How two values of a key are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Mappings key by key, lists one after the other, scalars replaced.
    Deep,
    /// The later one alone.
    Replace,
    /// As lists of `KEY=VALUE` or of plain items.
    Items,
    /// Host names with addresses.
    Hosts,
    /// A build context or its long form.
    Build,
    /// Service names or their long form.
    Dependencies,
    /// Names or a mapping of them.
    Names,
    /// Options only when the driver is the same.
    Logging,
    /// One number or two.
    Ulimit,
    /// Address pools, by subnet.
    Pools,
}

impl Place {
    /// The rule of a key here, and the place that its value is.
    pub(super) fn rule(self, key: &str) -> (Rule, Place) {
        use {Place as P, Rule as R};
        match (self, key) {
            (P::Project, "services") => (R::Deep, P::Services),
            (P::Project, "networks") => (R::Deep, P::Networks),
            (P::Project, "volumes") => (R::Deep, P::Volumes),
            (P::Services, _) => (R::Deep, P::Service),
            (P::Networks, _) => (R::Deep, P::Network),
            (P::Volumes, _) => (R::Deep, P::Volume),
            (P::Network, "ipam") => (R::Deep, P::Ipam),
            (P::Ipam, "config") => (R::Pools, P::Elsewhere),
            (P::Network | P::Volume | P::Deploy, "labels") => (R::Items, P::Elsewhere),
            (P::Service, _) => service(key),
            (P::Build, "args" | "labels" | "additional_contexts") => (R::Items, P::Elsewhere),
            (P::Build, "extra_hosts") => (R::Hosts, P::Elsewhere),
            (P::Build, "ulimits") => (R::Deep, P::Ulimits),
            (P::Healthcheck, "test") => (R::Replace, P::Elsewhere),
            (P::Ulimits, _) => (R::Ulimit, P::Elsewhere),
            _ => (R::Deep, P::Elsewhere),
        }
    }
}

fn service(key: &str) -> (Rule, Place) {
    let rule = match key {
        "build" => return (Rule::Build, Place::Build),
        "deploy" => return (Rule::Deep, Place::Deploy),
        "healthcheck" => return (Rule::Deep, Place::Healthcheck),
        "ulimits" => return (Rule::Deep, Place::Ulimits),
        "command" | "entrypoint" => Rule::Replace,
        "annotations" | "dns" | "dns_opt" | "dns_search" | "env_file" | "environment" | "label_file"
        | "labels" | "sysctls" | "tmpfs" => Rule::Items,
        "extra_hosts" => Rule::Hosts,
        "depends_on" => Rule::Dependencies,
        "networks" | "models" => Rule::Names,
        "logging" => Rule::Logging,
        _ => Rule::Deep,
    };
    (rule, Place::Elsewhere)
}

/// A list of `KEY=VALUE` without the keys that the later mapping resets.
pub(super) fn without_resets(mut list: Node, over: &Node) -> Node {
    let reset = |key: &str| {
        let entry = over.as_map().and_then(|map| map.get(key));
        entry.is_some_and(|entry| entry.node.mark == Mark::Reset)
    };
    if let Some(items) = list.as_list_mut() {
        items.retain(|item| {
            let text = item.as_text().unwrap_or_default();
            !reset(text.split_once('=').map_or(text, |(key, _)| key))
        });
    }
    list
}

/// A mapping or single value as a list.
pub(super) fn items(node: Node) -> Node {
    let value = match node.value {
        Value::Map(map) => Value::List(
            map.into_iter()
                .filter(|(_, entry)| entry.node.mark != Mark::Reset)
                .map(|(key, entry)| {
                    let span = entry.node.span;
                    match entry.node.value.scalar_text() {
                        Some(_) if entry.node.is_null() => Node::text(key, span),
                        Some(text) => Node::text(format!("{key}={text}"), span),
                        None => Node::map([(key, entry.node)], span),
                    }
                })
                .collect(),
        ),
        text @ Value::Text(_) => Value::List(vec![Node::new(text, node.span)]),
        other => other,
    };
    Node { value, ..node }
}

/// Host names as a list of `HOST=ADDRESS`.
pub(crate) fn hosts(node: Node) -> Node {
    let Value::Map(map) = node.value else { return node };
    let mut hosts = Vec::new();
    for (host, entry) in map {
        let span = entry.node.span;
        match entry.node.value {
            Value::List(addresses) => {
                let texts = addresses.iter().filter_map(Node::as_text);
                hosts.extend(texts.map(|address| Node::text(format!("{host}={address}"), span)));
            }
            other => {
                let address = other.scalar_text().unwrap_or_default();
                hosts.push(Node::text(format!("{host}={address}"), span));
            }
        }
    }
    Node { value: Value::List(hosts), ..node }
}

/// A build context as a mapping.
pub(crate) fn build(node: Node) -> Node {
    match node.value {
        Value::Text(context) => Node::map([("context", Node::text(context, node.span))], node.span),
        _ => node,
    }
}

/// Dependencies as a mapping.
pub(crate) fn dependencies(node: Node) -> Node {
    let Value::List(items) = node.value else { return node };
    let condition = |span| {
        let started = Node::text("service_started", span);
        Node::map([("condition", started), ("required", Node::new(Value::Bool(true), span))], span)
    };
    let entries =
        items.iter().filter_map(|item| Some((item.as_text()?.to_owned(), Entry::of(condition(item.span)))));
    Node::new(Value::Map(entries.collect()), node.span)
}

/// Names as a mapping.
pub(crate) fn names(node: Node) -> Node {
    let Value::List(items) = node.value else { return node };
    let nothing = |item: &Node| Entry::of(Node::new(Value::Null, item.span));
    let entries = items.iter().filter_map(|item| Some((item.as_text()?.to_owned(), nothing(item))));
    Node::new(Value::Map(entries.collect()), node.span)
}

/// Pools with the same subnet are merged, others added.
pub(super) fn pools(report: &mut Report, base: Node, over: Node) -> Node {
    let (Value::List(mut lower), Value::List(upper)) = (base.value, over.value) else {
        report.error("wrong-type", over.span, "`config` must be a list");
        return Node::new(Value::List(Vec::new()), over.span);
    };
    for pool in upper {
        let same = |one: &&mut Node| {
            one.get("subnet").is_some() && same_value(one.get("subnet"), pool.get("subnet"))
        };
        match lower.iter_mut().find(same) {
            Some(found) => {
                if let (Some(map), Value::Map(more)) = (found.as_map_mut(), pool.value) {
                    map.extend::<Map>(more);
                }
            }
            None => lower.push(pool),
        }
    }
    Node::list(lower, over.span)
}

fn same_value(one: Option<&Node>, other: Option<&Node>) -> bool {
    one.map(|node| &node.value) == other.map(|node| &node.value)
}
