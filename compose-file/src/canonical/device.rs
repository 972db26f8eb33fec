//! Devices of a service in their long form.
//!
//! It must never look at the host.

use crate::node::{Node, Value};
use crate::report::{Problem, Report};

/// `SOURCE[:TARGET[:PERMISSIONS]]` items, and the counts of device requests.
pub(super) fn devices(report: &mut Report, service: &mut Node) {
    for item in service.get_mut("devices").and_then(Node::as_list_mut).into_iter().flatten() {
        device(report, item);
    }
    let reservations = service
        .get_mut("deploy")
        .and_then(|deploy| deploy.get_mut("resources")?.get_mut("reservations")?.get_mut("devices"));
    reservations.and_then(Node::as_list_mut).into_iter().flatten().for_each(|one| request(report, one));
    let gpus = service.get_mut("gpus").and_then(Node::as_list_mut);
    gpus.into_iter().flatten().for_each(|one| request(report, one));
}

fn device(report: &mut Report, item: &mut Node) {
    if let Some(text) = item.as_text() {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, permissions) = match parts[..] {
            [source] => (source, source, "rwm"),
            [source, target] => (source, target, "rwm"),
            [source, target, permissions] => (source, target, permissions),
            _ => {
                let problem =
                    Problem::error("device", item.span, format!("`{text}` has too many colons for a device"));
                report.add(problem.help("write `SOURCE:TARGET:PERMISSIONS`"));
                return;
            }
        };
        let entries = [("source", source), ("target", target), ("permissions", permissions)];
        *item = Node::map(entries.map(|(key, text)| (key, Node::text(text, item.span))), item.span);
    }
}

/// `count: all` is -1, which also holds when neither a count nor ids are given.
fn request(report: &mut Report, item: &mut Node) {
    if item.as_map().is_none() {
        return;
    }
    super::on(item, "options", super::pairs);
    if let (Some(_), Some(ids)) = (item.get("count"), item.get("device_ids")) {
        let problem = Problem::error("conflict", ids.span, "`count` and `device_ids` exclude each other");
        report.add(problem.help("keep one of the two"));
    }
    let span = item.span;
    let count = match item.get("count").map(|count| (&count.value, count.span)) {
        None if item.get("device_ids").is_none() => Some(-1),
        Some((Value::Text(text), at)) if text != "all" => text.parse().map_or_else(
            |_| {
                let message = format!("`{text}` is neither a number of devices nor `all`");
                report.error("wrong-value", at, message);
                None
            },
            Some,
        ),
        Some((Value::Text(_), _)) => Some(-1),
        _ => None,
    };
    if let Some(count) = count {
        item.set("count", Node::new(Value::Int(count), span));
    }
}
