//! Whether the parts of a project fit together: references, contradictions, circles.
//!
//! It must never change anything.

use std::collections::BTreeSet;

use crate::node::Node;
use crate::report::{Problem, Report};
use crate::schema::closest;
use crate::source::Span;

mod circles;
mod details;
mod limits;

/// Reports what does not fit. `inactive` are the services that the profiles left out.
pub(crate) fn check(report: &mut Report, model: &Node, inactive: &BTreeSet<String>) {
    for (name, service) in model.children("services") {
        let place = Place { model, inactive, name, service };
        place.image(report);
        place.networks(report);
        place.dependencies(report);
        place.mounts(report);
        place.files(report);
        place.models(report);
        place.names(report);
        limits::check(report, name, service);
        details::check(report, model, service);
    }
    secrets(report, model);
    container_names(report, model);
    circles::check(report, model);
}

struct Place<'a> {
    model: &'a Node,
    inactive: &'a BTreeSet<String>,
    name: &'a str,
    service: &'a Node,
}

impl Place<'_> {
    fn key_span(&self) -> Span {
        let services = self.model.get("services").and_then(Node::as_map);
        services.and_then(|map| map.get(self.name)).map_or(self.service.span, |entry| entry.key)
    }

    fn image(&self, report: &mut Report) {
        let parts = ["build", "provider"].iter().any(|key| self.service.get(key).is_some());
        if !parts && self.service.text_at("image").is_none() {
            let message = format!("the service `{}` has neither `image` nor `build`", self.name);
            let problem = Problem::error("no-image", self.key_span(), message);
            report.add(problem.help("say which image it runs, or how to build one"));
        }
    }

    fn networks(&self, report: &mut Report) {
        let own = self.service.get("networks").and_then(Node::as_map);
        for (name, entry) in own.into_iter().flatten() {
            self.defined(report, "networks", "network", name, entry.key);
            if name.starts_with("x-") {
                let message = format!("`{name}` cannot be the name of a network: it reads as an extension");
                report.add(Problem::error("invalid-name", entry.key, message).help("rename the network"));
            }
        }
        if let (Some(mode), Some(networks)) = (self.service.get("network_mode"), own)
            && !networks.is_empty()
        {
            let message = format!("the service `{}` has both `network_mode` and `networks`", self.name);
            report.add(Problem::error("conflict", mode.span, message).help("keep one of the two"));
        }
    }

    fn dependencies(&self, report: &mut Report) {
        let dependencies = self.service.get("depends_on").and_then(Node::as_map);
        for (name, entry) in dependencies.into_iter().flatten() {
            let required = entry.node.get("required").and_then(Node::as_bool).unwrap_or(true);
            let known = self.model.get("services").is_some_and(|services| services.get(name).is_some());
            if known || !required || report.is_full() {
                continue;
            }
            let message = format!("the service `{}` depends on `{name}`, which is not defined", self.name);
            let problem = Problem::error("unknown-service", entry.key, message);
            if self.inactive.contains(name) {
                let help = format!(
                    "`{name}` belongs to a profile that is not active: activate it with `--profile`, or say `required: false`"
                );
                report.add(problem.help(help));
                continue;
            }
            let others = self.model.children("services").map(|(name, _)| name.as_str());
            let near = closest(name, others).map(|near| format!("did you mean `{near}`?"));
            report.add(problem.maybe_help(near));
        }
    }

    fn mounts(&self, report: &mut Report) {
        for mount in self.service.get("volumes").and_then(Node::as_list).unwrap_or_default() {
            if let (Some("volume"), Some(source)) = (mount.text_at("type"), mount.text_at("source")) {
                let span = mount.get("source").map_or(mount.span, |source| source.span);
                self.defined(report, "volumes", "volume", source, span);
            }
        }
    }

    fn files(&self, report: &mut Report) {
        for (section, word) in [("secrets", "secret"), ("configs", "config")] {
            self.references(report, self.service, section, word);
        }
        if let Some(build) = self.service.get("build") {
            self.references(report, build, "secrets", "secret");
        }
    }

    fn references(&self, report: &mut Report, node: &Node, section: &str, word: &str) {
        for item in node.get(section).and_then(Node::as_list).unwrap_or_default() {
            if let Some(source) = item.get("source").and_then(Node::as_text) {
                let span = item.get("source").map_or(item.span, |source| source.span);
                self.defined(report, section, word, source, span);
            }
        }
    }

    fn models(&self, report: &mut Report) {
        let models = self.service.get("models").and_then(Node::as_map);
        for (name, entry) in models.into_iter().flatten() {
            self.defined(report, "models", "model", name, entry.key);
        }
    }

    fn names(&self, report: &mut Report) {
        let Some(name) = self.service.get("container_name") else { return };
        let replicas = self.service.get("deploy").and_then(|deploy| deploy.get("replicas"));
        let count = replicas.or_else(|| self.service.get("scale")).and_then(Node::as_int);
        if count.is_some_and(|count| count > 1) {
            let message = format!("the service `{}` has a `container_name` and several replicas", self.name);
            report.add(Problem::error("conflict", name.span, message).help("remove `container_name`"));
        }
    }

    /// Reports a reference to a top-level resource that is not there.
    fn defined(&self, report: &mut Report, section: &str, word: &str, name: &str, span: Span) {
        let known = self.model.get(section).is_some_and(|section| section.get(name).is_some());
        if known || report.is_full() {
            return;
        }
        let message = format!("the service `{}` uses the {word} `{name}`, which is not defined", self.name);
        let others = self.model.children(section).map(|(name, _)| name.as_str());
        let help = match closest(name, others) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("define it under the top-level key `{section}`"),
        };
        report.add(Problem::error("undefined", span, message).help(help));
    }
}

fn secrets(report: &mut Report, model: &Node) {
    for (name, secret) in model.children("secrets") {
        let external = secret.get("external").and_then(Node::as_bool).unwrap_or(false);
        if !external && secret.get("file").is_none() && secret.get("environment").is_none() {
            let message = format!("the secret `{name}` has no origin");
            let problem = Problem::error("no-origin", secret.span, message);
            report.add(problem.help("give it `file` or `environment`"));
        }
    }
}

fn container_names(report: &mut Report, model: &Node) {
    let mut names = BTreeSet::new();
    for (_, service) in model.children("services") {
        let Some(node) = service.get("container_name") else { continue };
        if !names.insert(node.as_text()) {
            let message = "another service has this `container_name` already";
            report.add(Problem::error("conflict", node.span, message).help("remove one of the two"));
        }
    }
}
