//! `include`: whole models of other files, each with its own folder and variables, joined with this one.
//!
//! It must never fetch anything from a network, and never include a file in itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::assemble::{Scope, assemble};
use crate::merge::plain;
use crate::node::{Entry, Map, Node, Value};
use crate::report::{Problem, Report, Stop};
use crate::source::Span;
use crate::{environment, resolve};

const SECTIONS: [&str; 6] = ["services", "volumes", "networks", "secrets", "configs", "models"];
/// Deeper chains are refused.
const DEEPEST: usize = 32;

/// Adds what the document includes, and removes the key.
pub(crate) fn include(
    report: &mut Report,
    document: &mut Node,
    path: &Path,
    scope: &Scope,
) -> Result<(), Stop> {
    if document.get("include").is_none_or(|node| node.as_list().is_none()) {
        return Ok(());
    }
    let Some(Value::List(items)) = document.remove("include").map(|node| node.value) else { return Ok(()) };
    for item in &items {
        let Some(wanted) = Wanted::read(item) else {
            report.add(
                Problem::error("wrong-type", item.span, "an included file must be a path or a mapping")
                    .help("write `- path/to/compose.yaml`, or a mapping with `path`"),
            );
            continue;
        };
        let model = wanted.load(report, path, scope)?;
        join(report, document, model);
    }
    Ok(())
}

/// One item of `include`.
struct Wanted {
    paths: Vec<(String, Span)>,
    env_files: Vec<(String, Span)>,
    directory: Option<String>,
    span: Span,
}

impl Wanted {
    fn read(item: &Node) -> Option<Self> {
        let texts = |node: &Node| match &node.value {
            Value::Text(text) => Some(vec![(text.clone(), node.span)]),
            Value::List(items) => {
                items.iter().map(|item| Some((item.as_text()?.to_owned(), item.span))).collect()
            }
            _ => None,
        };
        if item.as_text().is_some() {
            return Some(Wanted {
                paths: texts(item)?,
                env_files: Vec::new(),
                directory: None,
                span: item.span,
            });
        }
        let known = ["path", "env_file", "project_directory"];
        if !item.as_map()?.keys().all(|key| known.contains(&key.as_str())) {
            return None;
        }
        Some(Wanted {
            paths: texts(item.get("path")?)?,
            env_files: item.get("env_file").map_or(Some(Vec::new()), texts)?,
            directory: item.text_at("project_directory").map(str::to_owned),
            span: item.span,
        })
    }

    fn load(&self, report: &mut Report, from: &Path, scope: &Scope) -> Result<Node, Stop> {
        let mut files = Vec::new();
        for (path, at) in &self.paths {
            if resolve::is_remote(path) {
                let problem = Problem::error("remote-file", *at, format!("`{path}` is not a local file"));
                return report.stop(problem.help("copy the file into the project, and include the copy"));
            }
            files.push(resolve::join(&scope.directory, path, &scope.environment));
        }
        let mut including = scope.including.clone();
        including.push(from.to_owned());
        if including.len() > DEEPEST || files.iter().any(|file| including.contains(file)) {
            let chain: Vec<String> =
                including.iter().take(8).map(|path| report.sources.shown_path(path)).collect();
            let message = format!("`include` goes round in a circle, or too deep: {} …", chain.join(" → "));
            return report.stop(Problem::error("include-cycle", self.span, message));
        }
        let directory = self.directory(&files, scope);
        let environment = self.environment(report, &directory, scope)?;
        let mut model = assemble(report, &files, &Scope { directory, environment, including })?;
        model.remove("name");
        let extensions = model.as_map().into_iter().flatten().filter(|(key, _)| key.starts_with("x-"));
        report.left_out.extend(extensions.map(|(key, entry)| (key.clone(), entry.key)));
        Ok(model)
    }

    fn directory(&self, files: &[PathBuf], scope: &Scope) -> PathBuf {
        match &self.directory {
            Some(directory) => resolve::join(&scope.directory, directory, &scope.environment),
            None => files.first().and_then(|file| file.parent()).map_or_else(PathBuf::new, Path::to_owned),
        }
    }

    fn environment(
        &self,
        report: &mut Report,
        directory: &Path,
        scope: &Scope,
    ) -> Result<BTreeMap<String, String>, Stop> {
        let mut environment = scope.environment.clone();
        if self.env_files.is_empty() {
            let usual = directory.join(".env");
            if usual.is_file() {
                environment::add_file(report, &mut environment, &usual, self.span)?;
            }
        }
        for (file, at) in &self.env_files {
            let file = resolve::join(&scope.directory, file, &scope.environment);
            environment::add_file(report, &mut environment, &file, *at)?;
        }
        Ok(environment)
    }
}

/// Adds a model's resources; the same name twice is an error unless both say the same.
fn join(report: &mut Report, document: &mut Node, mut model: Node) {
    for section in SECTIONS {
        let Some(Value::Map(added)) = model.remove(section).map(|node| node.value) else { continue };
        if document.get(section).is_none_or(Node::is_null) {
            document.set(section, Node::new(Value::Map(Map::new()), model.span));
        }
        let Some(map) = document.get_mut(section).and_then(Node::as_map_mut) else { continue };
        for (name, entry) in added {
            add(report, map, section, name, entry);
        }
    }
}

fn add(report: &mut Report, map: &mut Map, section: &str, name: String, entry: Entry) {
    match map.get(&name) {
        None => {
            map.insert(name, Entry { node: plain(entry.node), ..entry });
        }
        Some(own) if same(&own.node, &entry.node) => {}
        Some(own) => {
            let message = format!("`{section}.{name}` is also defined by an included file");
            report.add(
                Problem::error("include-conflict", own.key, message)
                    .help("rename one of the two, or change the included one in an override of the include"),
            );
        }
    }
}

/// Whether two values say the same, wherever they were written.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, entry)| other.get(key).is_some_and(|found| same(&entry.node, &found.node)))
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Null, Value::Map(map)) | (Value::Map(map), Value::Null) => map.is_empty(),
        (one, other) => one == other,
    }
}
