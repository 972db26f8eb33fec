//! `extends`: a service that starts from another one, of the same file or of another.
//!
//! It must never follow a chain without end, and never fetch anything from a network.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::assemble::{Scope, open};
use crate::canonical::canonical;
use crate::interpolate::interpolate;
use crate::merge::{Place, merge};
use crate::node::{Entry, Map, Mark, Node, Value};
use crate::parse::parse;
use crate::report::{Problem, Report, Stop};
use crate::resolve;
use crate::schema::closest;
use crate::source::Span;

/// Longer chains are refused.
const LONGEST_CHAIN: usize = 64;

/// Replaces every service that extends another one by the two merged.
pub(crate) fn extend(
    report: &mut Report,
    document: &mut Node,
    path: &Path,
    scope: &Scope,
) -> Result<(), Stop> {
    let Some(Value::Map(services)) = document.get_mut("services").map(|node| &mut node.value) else {
        return Ok(());
    };
    if !services.values().any(|entry| entry.node.get("extends").is_some()) {
        return Ok(());
    }
    let names: Vec<String> = services.keys().cloned().collect();
    let own = Table {
        path: path.to_owned(),
        directory: scope.directory.clone(),
        services: std::mem::take(services),
    };
    let mut extender = Extender { report, scope, tables: vec![own], done: HashMap::new(), chain: Vec::new() };
    for name in names {
        extender.settle(0, &name)?;
    }
    *services = std::mem::take(&mut extender.tables[0].services);
    Ok(())
}

/// The services of one file.
struct Table {
    path: PathBuf,
    directory: PathBuf,
    services: Map,
}

struct Extender<'a> {
    report: &'a mut Report,
    scope: &'a Scope,
    tables: Vec<Table>,
    done: HashMap<(usize, String), ()>,
    chain: Vec<(usize, String)>,
}

/// What an `extends` key says.
struct Reference {
    service: String,
    service_at: Span,
    file: Option<(String, Span)>,
}

impl Extender<'_> {
    /// Makes a service of a table stand for itself.
    fn settle(&mut self, table: usize, name: &str) -> Result<(), Stop> {
        let this = (table, name.to_owned());
        let Some(reference) = self.reference(table, name) else { return Ok(()) };
        if self.done.contains_key(&this) {
            return Ok(());
        }
        if self.chain.contains(&this) || self.chain.len() >= LONGEST_CHAIN {
            return self.circle(&reference);
        }
        let from = match &reference.file {
            Some((file, at)) => self.open(table, file, *at)?,
            None => table,
        };
        if !self.tables[from].services.contains_key(&reference.service) {
            self.missing(from, &reference);
            self.done.insert(this, ());
            return Ok(());
        }
        self.chain.push(this.clone());
        self.settle(from, &reference.service)?;
        self.chain.pop();
        self.join(table, name, from, &reference)?;
        self.done.insert(this, ());
        Ok(())
    }

    fn join(&mut self, table: usize, name: &str, from: usize, reference: &Reference) -> Result<(), Stop> {
        let base = self.tables[from].services.get(&reference.service).map(|entry| entry.node.clone());
        let Some(base) = base.filter(|base| base.as_map().is_some()) else { return Ok(()) };
        self.report.charge(reference.service_at, base.weight())?;
        let Some(entry) = self.tables[table].services.get_mut(name) else { return Ok(()) };
        let key = entry.key;
        let mut service = std::mem::replace(&mut entry.node, Node::new(Value::Null, key));
        service.remove("extends");
        let mark = std::mem::replace(&mut service.mark, Mark::Merge);
        let mut marked = kept_resets(&service);
        let mut merged = merge(self.report, base, service, Place::Service);
        merged.mark = mark;
        if let Some(map) = merged.as_map_mut() {
            map.append(&mut marked);
        }
        self.tables[table].services.insert(name.to_owned(), Entry { key, node: merged });
        Ok(())
    }

    fn reference(&self, table: usize, name: &str) -> Option<Reference> {
        let extends = self.tables[table].services.get(name)?.node.get("extends")?;
        if let Some(service) = extends.as_text() {
            return Some(Reference { service: service.to_owned(), service_at: extends.span, file: None });
        }
        let service = extends.get("service")?;
        let file = extends.get("file").and_then(|file| Some((file.as_text()?.to_owned(), file.span)));
        Some(Reference { service: service.as_text()?.to_owned(), service_at: service.span, file })
    }

    /// The table of another file, which is read when it is new.
    fn open(&mut self, table: usize, file: &str, at: Span) -> Result<usize, Stop> {
        if resolve::is_remote(file) {
            let problem = Problem::error("remote-file", at, format!("`{file}` is not a local file"));
            return self.report.stop(problem.help("copy the file into the project, and extend the copy"));
        }
        let path = resolve::join(&self.tables[table].directory, file, &self.scope.environment);
        if let Some(known) = self.tables.iter().position(|table| table.path == path) {
            return Ok(known);
        }
        let id = open(self.report, &path, at)?;
        let directory = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut services = Map::new();
        for mut document in parse(self.report, id)? {
            interpolate(self.report, &mut document, &self.scope.environment)?;
            canonical(self.report, &mut document)?;
            resolve::paths(self.report, &mut document, &directory, &self.scope.environment);
            if let Some(Value::Map(map)) = document.remove("services").map(|node| node.value) {
                services.extend(map);
            }
        }
        self.tables.push(Table { path, directory, services });
        Ok(self.tables.len() - 1)
    }

    fn missing(&mut self, from: usize, reference: &Reference) {
        let table = &self.tables[from];
        let shown = self.report.sources.shown_path(&table.path);
        let message = format!("there is no service `{}` in `{shown}` to extend", reference.service);
        let near = closest(&reference.service, table.services.keys().map(String::as_str));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        self.report.add(Problem::error("unknown-service", reference.service_at, message).maybe_help(help));
    }

    fn circle<T>(&mut self, reference: &Reference) -> Result<T, Stop> {
        let names: Vec<&str> = self.chain.iter().map(|(_, name)| name.as_str()).take(8).collect();
        let message = format!("`extends` goes round in a circle, or too deep: {} …", names.join(" → "));
        self.report.stop(Problem::error("extends-cycle", reference.service_at, message))
    }
}

/// What a service resets or overrides must also be gone from the files that it is merged over later.
fn kept_resets(service: &Node) -> Map {
    let entries = service.as_map().into_iter().flatten();
    entries
        .filter(|(_, entry)| entry.node.mark == Mark::Reset)
        .map(|(key, entry)| (key.clone(), entry.clone()))
        .collect()
}
