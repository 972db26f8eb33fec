//! `external` networks, volumes, secrets and configs: what else they may say, and their old spelling.
//!
//! It must never ask whether such a thing exists.

use crate::node::{Node, Value};
use crate::report::{Problem, Report};
use crate::schema;

/// Brings the old spelling into the new one, and refuses what contradicts `external`.
pub(crate) fn settle(report: &mut Report, model: &mut Node) {
    for section in ["networks", "volumes", "secrets", "configs"] {
        for (name, node) in model.children_mut(section) {
            let place = format!("{section}.{name}");
            old_spelling(report, node, &place);
            match section {
                "volumes" => contradictions(report, node, &place),
                "secrets" => one_origin(report, node, &place, &["file", "environment"]),
                "configs" => one_origin(report, node, &place, &["file", "environment", "content"]),
                _ => {}
            }
        }
    }
}

fn old_spelling(report: &mut Report, node: &mut Node, place: &str) {
    let Some(old) = node.get("external").filter(|external| external.as_map().is_some()) else { return };
    let (span, name) = (old.span, old.get("name").cloned());
    node.set("external", Node::new(Value::Bool(true), span));
    let Some(name) = name else { return };
    let message = format!("`{place}.external.name` is deprecated");
    report.add(Problem::warning("deprecated", span, message).help("set `name`, and `external: true`"));
    match node.text_at("name") {
        Some(own) if name.as_text() != Some(own) => {
            let message = format!("`{place}` has two names: `name` and `external.name`");
            report.add(Problem::error("conflict", span, message).help("keep `name` only"));
        }
        _ => node.set("name", name),
    }
}

/// Secrets and configs have one origin, unless they are external or made by a driver.
fn one_origin(report: &mut Report, node: &Node, place: &str, origins: &[&str]) {
    let given: Vec<&Node> = origins.iter().filter_map(|key| node.get(key)).collect();
    let keys = origins.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if let [_, second, ..] = given[..] {
        let message = format!("`{place}` has several origins");
        report.add(Problem::error("conflict", second.span, message).help(format!("keep one of {keys}")));
    }
    if given.is_empty() && node.get("external").is_none() && node.get("driver").is_none() {
        let message = format!("`{place}` has no origin");
        report.add(Problem::error("no-origin", node.span, message).help(format!("give it one of {keys}")));
    }
}

fn contradictions(report: &mut Report, node: &Node, place: &str) {
    let Some(external) = node.get("external") else { return };
    let text = external.as_text().and_then(schema::boolean);
    if !external.as_bool().or(text).unwrap_or(false) {
        return;
    }
    let keys = node.as_map().into_iter().flatten();
    for (key, entry) in keys.filter(|(key, _)| !["name", "external"].contains(&key.as_str())) {
        if !key.starts_with("x-") {
            let message = format!("`{place}` is external, so `{key}` has no meaning");
            report.add(
                Problem::error("conflict", entry.key, message)
                    .help(format!("remove `{key}`, or remove `external` to have it made")),
            );
        }
    }
}
