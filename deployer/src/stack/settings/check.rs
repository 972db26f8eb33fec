//! What `x-deployer` says about the project beside it. It must never ask whether something runs or answers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use compose_file::model::{Port, Project, Protocol, Service};

use super::{Check, HostCommand, Settings};
use crate::stack::Refusal;
use crate::suggest::closest;

impl Settings {
    /// What cannot be meant: addresses that are none, and names that the files do not have.
    #[must_use]
    pub fn check(&self, project: &Project) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let mut refuse = |place: String, message: String, help: String| {
            refusals.push(Refusal { place: format!("x-deployer.{place}"), message, help });
        };
        for (index, _) in self.build.iter().enumerate().filter(|(_, command)| is_empty(command)) {
            refuse(format!("build[{index}]"), "the command is empty".into(), "remove it".into());
        }
        for (index, range) in self.trusted_proxies.iter().enumerate().filter(|(_, range)| !is_range(range)) {
            let message = format!("`{range}` is neither an address nor a range of them");
            let help = "write it like `10.20.0.7`, `10.20.0.0/16` or `fd00::/8`";
            refuse(format!("trusted_proxies[{index}]"), message, help.into());
        }
        let volumes: Vec<&str> = names(project.volumes.keys(), &project.inactive.volumes);
        for name in self.volumes.keys().filter(|name| !volumes.contains(&name.as_str())) {
            let help = remedy(name, &volumes, "define it under the top-level key `volumes`");
            refuse(format!("volumes.{name}"), format!("there is no volume `{name}`"), help);
        }
        let services: Vec<&str> = names(project.services.keys(), &project.inactive.services);
        for (index, name) in self.proxy_protocol.iter().enumerate() {
            if !services.contains(&name.as_str()) {
                let help = remedy(name, &services, "name a service of this file");
                refuse(format!("proxy_protocol[{index}]"), format!("there is no service `{name}`"), help);
            }
        }
        let serves = |port: u16| project.services.values().any(|service| declares(service, port));
        if let Some(port) = self.metrics.filter(|port| serves(*port)) {
            let message = format!("a service serves port {port} itself");
            refuse("metrics".into(), message, "choose a port that no service of this file has".into());
        }
        for (index, check) in self.checks.iter().enumerate() {
            if let Some((key, message, help)) = against(check, project) {
                refuse(format!("checks[{index}].{key}"), message, help);
            }
        }
        refusals
    }
}

fn declares(service: &Service, port: u16) -> bool {
    let published = service.ports.iter().map(|entry| (entry.target, entry.protocol));
    let exposed = service.expose.iter().map(|entry| (entry.port, entry.protocol));
    published.chain(exposed).any(|declared| declared == (port, Protocol::Tcp))
}

/// What a check cannot do, with the key that says so.
fn against(check: &Check, project: &Project) -> Option<(String, String, String)> {
    let name = &check.service;
    if project.inactive.services.contains(name) {
        return None;
    }
    let Some(service) = project.services.get(name) else {
        let known = names(project.services.keys(), &project.inactive.services);
        let help = remedy(name, &known, "name a service of this file");
        return Some(("service".into(), format!("there is no service `{name}`"), help));
    };
    let publishes = |port: &&Port| {
        port.protocol == Protocol::Tcp && check.port.is_none_or(|wanted| wanted == port.target)
    };
    let Some(port) = service.ports.iter().find(publishes) else {
        let (key, message) = match check.port {
            Some(wanted) => ("port", format!("the service `{name}` does not publish its TCP port {wanted}")),
            None => ("service", format!("the service `{name}` publishes no TCP port")),
        };
        let help = "a check takes the way that clients take: publish the port under `ports`";
        return Some((key.into(), message, help.into()));
    };
    if port.published.as_deref().is_none_or(|text| text.parse::<u16>().is_err()) {
        let message = format!("port {} of the service `{name}` has no fixed port on the host", port.target);
        return Some((
            "service".into(),
            message,
            "publish it as `HOST:CONTAINER`, with one port each".into(),
        ));
    }
    let lost = check.steps.iter().position(|step| !step.path.starts_with('/'))?;
    let message = format!("`{}` is not a path", check.steps[lost].path);
    Some((format!("steps[{lost}].path"), message, "begin it with `/`".into()))
}

fn names<'a>(active: impl Iterator<Item = &'a String>, inactive: &'a BTreeSet<String>) -> Vec<&'a str> {
    active.chain(inactive).map(String::as_str).collect()
}

fn remedy(name: &str, known: &[&str], otherwise: &str) -> String {
    closest(name, known).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}

fn is_empty(command: &HostCommand) -> bool {
    match command {
        HostCommand::Line(line) => line.trim().is_empty(),
        HostCommand::Program(words) => words.first().is_none_or(String::is_empty),
    }
}

/// An address, or `ADDRESS/BITS`, as a front takes them.
fn is_range(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u32>().is_ok_and(|bits| bits <= most))
}
