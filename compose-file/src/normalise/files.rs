//! `env_file` and `label_file`: their content becomes part of the service.
//!
//! It must never let a file win over what the service itself says.

use std::collections::BTreeMap;
use std::path::Path;

use crate::assemble::open;
use crate::node::{Entry, Map, Node, Value};
use crate::report::{Problem, Report, Stop};
use crate::source::Span;
use crate::{dotenv, environment};

/// Reads the files of all services.
pub(crate) fn load(
    report: &mut Report,
    model: &mut Node,
    variables: &BTreeMap<String, String>,
) -> Result<(), Stop> {
    for (_, service) in model.children_mut("services") {
        let values = env_files(report, service, variables)?;
        fill(service, "environment", values);
        let labels = label_files(report, service)?;
        fill(service, "labels", labels);
    }
    Ok(())
}

type Values = BTreeMap<String, (String, Span)>;

fn env_files(
    report: &mut Report,
    service: &mut Node,
    variables: &BTreeMap<String, String>,
) -> Result<Values, Stop> {
    let mut values = Values::new();
    let files = service.remove("env_file");
    for file in files.as_ref().and_then(Node::as_list).unwrap_or_default() {
        let Some(path) = file.text_at("path") else { continue };
        let required = file.get("required").and_then(Node::as_bool).unwrap_or(true);
        if !required && !Path::new(path).exists() {
            continue;
        }
        let span = file.get("path").map_or(file.span, |path| path.span);
        let first = |name: &str| variables.get(name).cloned();
        let last = |name: &str| values.get(name).map(|(value, _)| value.clone());
        let read = match file.text_at("format") {
            Some("raw") => {
                let id = open(report, Path::new(path), span)?;
                let text = report.sources.files().get(id as usize).map(|one| one.text.clone());
                dotenv::parse_raw(&text.unwrap_or_default(), &|name| first(name).or_else(|| last(name)))
            }
            None => environment::read(report, Path::new(path), span, &first, &last)?,
            Some(other) => {
                let message = format!("`{other}` is not a format of env files");
                let problem = Problem::error("env-file", file.span, message);
                report.add(problem.help("use `raw`, or remove the key"));
                continue;
            }
        };
        values.extend(read.into_iter().map(|(key, value)| (key, (value, span))));
    }
    Ok(values)
}

fn label_files(report: &mut Report, service: &mut Node) -> Result<Values, Stop> {
    let mut values = Values::new();
    let files = service.remove("label_file");
    for file in files.as_ref().and_then(Node::as_list).unwrap_or_default() {
        let Some(path) = file.as_text() else { continue };
        let read = environment::read(report, Path::new(path), file.span, &|_| None, &|_| None)?;
        values.extend(read.into_iter().map(|(key, value)| (key, (value, file.span))));
    }
    Ok(values)
}

fn fill(service: &mut Node, key: &str, values: Values) {
    if values.is_empty() {
        return;
    }
    service.set_default(key, Value::Map(Map::new()));
    let Some(map) = service.get_mut(key).and_then(Node::as_map_mut) else { return };
    for (name, (value, span)) in values {
        map.entry(name).or_insert_with(|| Entry::of(Node::text(value, span)));
    }
}
