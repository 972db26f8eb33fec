//! Whose line it is, and how it is shown. A line of one container is never inside of another's.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use crate::engine::logs::LogLine;
use crate::labels::{self, Role};
use crate::stack::ContainerName;
use crate::ui::Ui;

/// A container that prints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub service: String,
    pub release: Option<u64>,
    pub replica: Option<u64>,
    pub role: Role,
    pub container: ContainerName,
}

impl Source {
    /// From a container's name and labels; none when it is not one of ours.
    pub fn of(container: &ContainerName, labels: &BTreeMap<String, String>) -> Option<Self> {
        let number = |key: &str| labels.get(key).and_then(|text| text.parse().ok());
        Some(Self {
            service: labels.get(labels::SERVICE)?.clone(),
            release: number(labels::RELEASE),
            replica: number(labels::REPLICA),
            role: Role::parse(labels.get(labels::ROLE)?)?,
            container: container.clone(),
        })
    }

    /// `data-app-7-1`, `data-app-front`.
    fn prefix(&self) -> String {
        let numbers = [self.release, self.replica].into_iter().flatten().map(|number| format!("-{number}"));
        match self.role {
            Role::Front => format!("{}-front", self.service),
            _ => std::iter::once(self.service.clone()).chain(numbers).collect(),
        }
    }
}

/// A line as data.
#[derive(Serialize)]
struct Record<'a> {
    service: &'a str,
    release: Option<u64>,
    replica: Option<u64>,
    container: &'a ContainerName,
    output: &'a str,
    time: &'a str,
    line: &'a str,
}

/// Shows lines, each in its service's colour and behind its container's name.
pub(super) struct Printer<'a> {
    ui: &'a Ui,
    width: usize,
    services: Vec<String>,
}

impl<'a> Printer<'a> {
    pub fn new(ui: &'a Ui, sources: &[Source]) -> Self {
        let width = sources.iter().map(|source| source.prefix().len()).max().unwrap_or_default();
        Self { ui, width, services: Vec::new() }
    }

    /// Shows one line.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn print(&mut self, source: &Source, line: &LogLine) -> io::Result<()> {
        if self.ui.is_json() {
            return self.ui.stream(&json(source, line));
        }
        let prefix = source.prefix();
        self.width = self.width.max(prefix.len());
        let prefix =
            self.ui.tint(self.color(&source.service), &format!("{prefix:<width$} |", width = self.width));
        self.ui.stream(&format!("{prefix} {}", line.text))
    }

    fn color(&mut self, service: &str) -> usize {
        let known = self.services.iter().position(|known| known == service);
        known.unwrap_or_else(|| {
            self.services.push(service.to_owned());
            self.services.len() - 1
        })
    }
}

fn json(source: &Source, line: &LogLine) -> String {
    let record = Record {
        service: &source.service,
        release: source.release,
        replica: source.replica,
        container: &source.container,
        output: line.output,
        time: &line.time,
        line: &line.text,
    };
    serde_json::to_string(&record).expect("a line is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(role: &str) -> Option<Source> {
        let labels =
            [(labels::SERVICE, "web"), (labels::RELEASE, "7"), (labels::REPLICA, "2"), (labels::ROLE, role)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Source::of(&ContainerName::new("demo-web-7-2"), &labels)
    }

    #[test]
    fn a_container_is_named_without_its_stack() {
        assert_eq!(source("service").unwrap().prefix(), "web-7-2");
        assert_eq!(source("front").unwrap().prefix(), "web-front");
        assert_eq!(source("something"), None);
    }

    #[test]
    fn a_line_is_one_object() {
        let line = LogLine { time: "2026-01-02T03:04:05Z".into(), output: "stderr", text: "a \"b\"".into() };
        assert_eq!(
            json(&source("service").unwrap(), &line),
            r#"{"service":"web","release":7,"replica":2,"container":"demo-web-7-2","output":"stderr","time":"2026-01-02T03:04:05Z","line":"a \"b\""}"#
        );
    }
}
