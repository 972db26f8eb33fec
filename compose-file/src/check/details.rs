//! Rules of single keys that the tables cannot express.
//!
//! It must never look beyond one service, except at services that a build needs.

use std::collections::BTreeSet;

use crate::node::Node;
use crate::report::{Problem, Report};

/// Reports what breaks such a rule.
pub(super) fn check(report: &mut Report, model: &Node, service: &Node) {
    healthcheck(report, service);
    build(report, model, service);
    watch(report, service);
    variables(report, service);
    mounts(report, service);
    for host in service.get("extra_hosts").and_then(Node::as_list).unwrap_or_default() {
        if let Some(name) = host.as_text().and_then(|text| text.strip_suffix('=')) {
            let message = format!("the extra host `{name}` has no address");
            report.add(Problem::error("extra-host", host.span, message).help("write `HOST=ADDRESS`"));
        }
    }
}

fn healthcheck(report: &mut Report, service: &Node) {
    let test = service.get("healthcheck").and_then(|check| check.get("test"));
    let Some(first) = test.and_then(Node::as_list).and_then(<[Node]>::first) else { return };
    if !["CMD", "CMD-SHELL", "NONE"].iter().any(|word| first.as_text() == Some(word)) {
        let message = "the first word of `test` must be `CMD`, `CMD-SHELL` or `NONE`";
        let problem = Problem::error("healthcheck", first.span, message);
        report.add(problem.help("put `CMD` in front, or write the test as text to run it in a shell"));
    }
}

fn build(report: &mut Report, model: &Node, service: &Node) {
    let Some(build) = service.get("build") else { return };
    if let (Some(inline), Some(_)) = (build.get("dockerfile_inline"), build.get("dockerfile")) {
        let message = "`dockerfile` and `dockerfile_inline` exclude each other";
        report.add(Problem::error("conflict", inline.span, message).help("keep one of the two"));
    }
    if let (Some(platform), Some(platforms)) = (service.text_at("platform"), build.get("platforms")) {
        let listed = platforms.as_list().unwrap_or_default();
        if !listed.iter().any(|one| one.as_text() == Some(platform)) {
            let message = format!("the platforms of the build lack the service's own, `{platform}`");
            report.add(Problem::error("conflict", platforms.span, message).help("add it"));
        }
    }
    for (_, context) in build.children("additional_contexts") {
        let Some(name) = context.as_text().and_then(|text| text.strip_prefix("service:")) else { continue };
        let other = model.get("services").and_then(|services| services.get(name));
        if other.is_none_or(|other| other.get("build").is_none()) {
            let message = format!("the build needs the service `{name}`, which is not built here");
            report.error("undefined", context.span, message);
        }
    }
}

fn mounts(report: &mut Report, service: &Node) {
    let mut targets = BTreeSet::new();
    for item in service.get("tmpfs").and_then(Node::as_list).unwrap_or_default() {
        let text = item.as_text().unwrap_or_default();
        targets.insert(text.split_once(':').map_or(text, |(path, _)| path));
    }
    for mount in service.get("volumes").and_then(Node::as_list).unwrap_or_default() {
        let Some(target) = mount.text_at("target").filter(|target| !targets.insert(target)) else { continue };
        let message = format!("something else is mounted at `{target}` already");
        report.add(Problem::error("conflict", mount.span, message).help("remove one of the two mounts"));
    }
}

fn watch(report: &mut Report, service: &Node) {
    let rules = service.get("develop").and_then(|develop| develop.get("watch")).and_then(Node::as_list);
    for rule in rules.unwrap_or_default() {
        if rule.text_at("action") != Some("rebuild") && rule.text_at("target").is_none() {
            report.error("missing-key", rule.span, "a watch that does not rebuild needs a `target`");
        }
    }
}

fn variables(report: &mut Report, service: &Node) {
    let map = service.get("environment").and_then(Node::as_map);
    for (name, entry) in map.into_iter().flatten() {
        if name.ends_with(char::is_whitespace) {
            let message = format!("the name of the variable `{name}` ends with a space");
            report.add(Problem::error("environment", entry.key, message).help("remove the space"));
        }
    }
}
