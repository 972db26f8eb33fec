//! `health`: every service runs and is healthy, every published port answers, every check of the file passes.

use std::time::Duration;

use compose_file::model::Protocol;
use futures_util::future::join_all;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Session;
use super::deploy::bracketed;
use super::status::{look, status};
use crate::checks;
use crate::cli;
use crate::engine::Engine;
use crate::error::{Code, Failure};
use crate::execute::{Fronts, chain};
use crate::stack::{Check, Kind, Stack, StackName};

/// The verdict.
#[derive(Debug, Serialize)]
struct Verdict {
    stack: StackName,
    healthy: bool,
    release: u64,
    tag: String,
    findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    healthy: bool,
    detail: String,
}

/// Runs the verb.
///
/// # Errors
/// When there is nothing to look at, or the engine does not answer.
pub async fn run(session: &Session, args: &cli::Health) -> anyhow::Result<Code> {
    let name = session.stack_name()?;
    let engine = session.engine().await?;
    let (observed, records) = look(session, &engine, &name).await?;
    let Some((release, stack)) = observed.history.live().and_then(|live| Some((live, live.stack.as_ref()?)))
    else {
        let text = format!("stack {name} has no release");
        return Err(Failure::new(Code::Unhealthy, text).hint("deploy first").into());
    };
    let status = status(&name, &observed, &records);
    let mut findings: Vec<Finding> = status
        .services
        .iter()
        .filter(|service| service.wanted > 0)
        .map(|service| Finding {
            what: format!("service {}", service.service),
            healthy: service.drift.is_none(),
            detail: match &service.drift {
                Some(drift) => drift.clone(),
                None => format!("{} of {} run and are not unhealthy", service.running, service.wanted),
            },
        })
        .collect();
    findings.extend(fronts(&engine, stack, args.timeout).await);
    findings.extend(join_all(ports(stack).map(|(what, address)| port(what, address, args.timeout))).await);
    for check in &stack.settings.checks {
        findings.push(run_check(stack, check, args.timeout).await);
    }
    let healthy = findings.iter().all(|finding| finding.healthy);
    let verdict =
        Verdict { stack: name, healthy, release: release.number.0, tag: release.tag.clone(), findings };
    show(session, &verdict);
    Ok(if healthy { Code::Done } else { Code::Unhealthy })
}

fn show(session: &Session, verdict: &Verdict) {
    if session.ui.is_json() {
        return session.ui.data(verdict);
    }
    let rows = verdict.findings.iter().map(|finding| {
        let mark = if finding.healthy { "ok" } else { "FAILED" };
        vec![mark.to_owned(), finding.what.clone(), finding.detail.clone()]
    });
    session.ui.table(&["", "WHAT", "DETAIL"], rows.collect());
    let word = if verdict.healthy { "healthy" } else { "UNHEALTHY" };
    session.ui.print(&format!(
        "stack {} is {word} (release {}, tag {})\n",
        verdict.stack, verdict.release, verdict.tag
    ));
}

/// A published port accepts connections as long as its front runs: the front says whether there is anybody behind it.
async fn fronts(engine: &Engine, stack: &Stack, limit: Duration) -> Vec<Finding> {
    let fronts = Fronts::new(engine.clone(), stack.name.clone());
    let fronted = stack.services.iter().filter(|(_, service)| service.front.is_some());
    join_all(fronted.map(async |(name, service)| {
        let (healthy, detail) = match timeout(limit, fronts.status(name)).await {
            Ok(Ok(status)) => {
                let fit = status.targets.iter().filter(|target| target.healthy).count();
                let all = service.replicas as usize;
                (fit == all, format!("sends requests to {fit} of {all} replicas"))
            }
            Ok(Err(error)) => (false, chain(&error)),
            Err(_) => (false, format!("no answer within {} s", limit.as_secs_f32())),
        };
        Finding { what: format!("front of {name}"), healthy, detail }
    }))
    .await
}

/// The published TCP ports with the address that they are asked at.
fn ports(stack: &Stack) -> impl Iterator<Item = (String, String)> {
    let services = stack.services.iter().filter(|(_, service)| service.kind != Kind::Job);
    services
        .flat_map(|(name, service)| service.definition.ports.iter().map(move |port| (name, port)))
        .filter(|(_, port)| port.protocol == Protocol::Tcp)
        .filter_map(|(name, port)| {
            let published = port.published.as_deref().filter(|text| text.parse::<u16>().is_ok())?;
            let ip = reachable(port.host_ip.as_deref());
            Some((format!("port {published} of {name}"), format!("{ip}:{published}")))
        })
}

fn reachable(host_ip: Option<&str>) -> String {
    match host_ip {
        None | Some("" | "0.0.0.0") => "127.0.0.1".into(),
        Some("::" | "[::]") => "[::1]".into(),
        Some(ip) => bracketed(ip),
    }
}

async fn port(what: String, address: String, limit: Duration) -> Finding {
    let (healthy, detail) = match timeout(limit, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => (true, format!("{address} accepts connections")),
        Ok(Err(error)) => (false, format!("{address}: {error}")),
        Err(_) => (false, format!("{address}: no answer within {} s", limit.as_secs_f32())),
    };
    Finding { what, healthy, detail }
}

async fn run_check(stack: &Stack, check: &Check, limit: Duration) -> Finding {
    let what = format!("check {}", check.name);
    let Some(base) = base(stack, check) else {
        let detail = format!("service {} publishes no such TCP port", check.service);
        return Finding { what, healthy: false, detail };
    };
    match checks::run(check, &base, limit).await {
        Ok(steps) => Finding { what, healthy: true, detail: format!("{steps} steps passed") },
        Err(error) => Finding { what, healthy: false, detail: error.to_string() },
    }
}

fn base(stack: &Stack, check: &Check) -> Option<String> {
    let service = stack.services.get(check.service.as_str())?;
    let mut ports = service.definition.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    let port = ports.find(|port| check.port.is_none_or(|wanted| wanted == port.target))?;
    Some(format!("http://{}:{}", reachable(port.host_ip.as_deref()), port.published.as_deref()?))
}
