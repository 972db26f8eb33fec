//! `metrics`: what the fronts have counted, in Prometheus' text format, without a published port.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::Session;
use super::status::look;
use crate::cli;
use crate::error::{Code, Failure};
use crate::execute::Fronts;
use crate::labels::Role;
use crate::snapshot::{Container, State};
use crate::stack::ServiceName;
use crate::suggest::refuse_unknown;

/// Runs the verb.
///
/// # Errors
/// When a front does not answer, or none runs.
pub async fn run(session: &Session, args: &cli::Metrics) -> anyhow::Result<Code> {
    let stack = session.stack_name()?;
    let engine = session.engine().await?;
    let (observed, _) = look(session, &engine, &stack).await?;
    let is_front =
        |container: &&Container| container.role() == Some(Role::Front) && container.state == State::Running;
    let mut services: Vec<ServiceName> =
        observed.of(&stack).filter(is_front).filter_map(Container::service).collect();
    services.sort();
    let known: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    args.services.iter().try_for_each(|name| refuse_unknown(name, &known))?;
    services.retain(|name| args.services.is_empty() || args.services.iter().any(|it| it == name.as_str()));
    if services.is_empty() {
        let failure = Failure::new(Code::Configuration, format!("no front of stack {stack} runs"));
        return Err(failure.hint("services that declare a port have one once they are deployed").into());
    }
    let fronts = Fronts::new(engine.clone(), stack);
    let texts = join_all(services.iter().map(|service| fronts.metrics(service))).await;
    let texts: Vec<String> = texts.into_iter().collect::<Result<_, _>>()?;
    session.ui.print(&merged(&texts));
    Ok(Code::Done)
}

/// One text of several: readers want everything about a metric in one place, and its description once.
fn merged(texts: &[String]) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut families: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for text in texts {
        let mut family = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("# ").and_then(|line| line.split(' ').nth(1)) {
                family = name;
            }
            let (about, samples) = families.entry(family).or_insert_with(|| {
                order.push(family);
                Default::default()
            });
            if !line.starts_with('#') {
                samples.push(line);
            } else if !about.contains(&line) {
                about.push(line);
            }
        }
    }
    let lines = order.iter().flat_map(|name| {
        let (about, samples) = &families[name];
        about.iter().chain(samples)
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_about_a_metric_stands_together() {
        let text = |service: &str| {
            format!(
                "# HELP a About a.\n# TYPE a counter\na{{s=\"{service}\"}} 1\n# HELP b About b.\nb{{s=\"{service}\"}} 2\n"
            )
        };
        let merged = merged(&[text("x"), text("y")]);
        let expected = "# HELP a About a.\n# TYPE a counter\na{s=\"x\"} 1\na{s=\"y\"} 1\n# HELP b About b.\n\
                        b{s=\"x\"} 2\nb{s=\"y\"} 2\n";
        assert_eq!(merged, expected);
    }
}
