//! The ports of the host that the stack publishes: free, or its own already.

use std::net::TcpListener;

use compose_file::model::{Port, Protocol};

use super::Finding;
use crate::engine::Engine;
use crate::project::Workspace;
use crate::snapshot::{Container, State};
use crate::stack::StackName;

/// Looks at every published port that is a single number.
pub(super) async fn check(engine: &Engine, workspace: &Workspace) -> Vec<Finding> {
    let containers = match engine.containers(None).await {
        Ok(containers) => containers,
        Err(error) => return vec![Finding::error("ports", &error.into(), "look at the engine's own log")],
    };
    let services = workspace.project.services.iter();
    let ports = services.flat_map(|(name, service)| service.ports.iter().map(move |port| (name, port)));
    ports
        .filter_map(|(name, port)| Some((name, port, port.published.as_deref()?.parse().ok()?)))
        .map(|(service, port, number)| one(engine, &workspace.name(), &containers, service, port, number))
        .collect()
}

fn one(
    engine: &Engine,
    stack: &StackName,
    containers: &[Container],
    service: &str,
    port: &Port,
    number: u16,
) -> Finding {
    let check = format!("port {number} of {service}");
    let remedy = format!("stop what holds it, or publish another port for {service}");
    if let Some(holder) = holder(containers, port, number) {
        return if holder.is_of(stack) {
            Finding::ok(check, format!("held by {} of this stack", holder.name))
        } else {
            Finding::failed(check, format!("held by container {}", holder.name), remedy)
        };
    }
    if port.protocol != Protocol::Tcp || !engine.is_local() {
        return Finding::ok(check, "no container holds it");
    }
    let address = port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
    match TcpListener::bind((address.trim_matches(['[', ']']), number)) {
        Ok(_) => Finding::ok(check, "free"),
        // The engine may do what this user may not.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Finding::ok(check, "no container holds it")
        }
        Err(error) => Finding::failed(check, format!("a program on this machine holds it ({error})"), remedy),
    }
}

fn holder<'a>(containers: &'a [Container], port: &Port, number: u16) -> Option<&'a Container> {
    let protocol = if port.protocol == Protocol::Tcp { "tcp" } else { "udp" };
    let wanted = port.host_ip.as_deref().unwrap_or_default();
    let all = |ip: &str| matches!(ip, "" | "0.0.0.0" | "::" | "[::]");
    containers.iter().filter(|container| container.state == State::Running).find(|container| {
        let mut held = container.ports.iter();
        held.any(|held| {
            held.host == number
                && held.protocol == protocol
                && (all(&held.ip) || all(wanted) || held.ip == wanted)
        })
    })
}
