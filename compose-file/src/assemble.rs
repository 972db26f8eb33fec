//! Files to one model: each is read, interpolated, extended, joined with what it includes, merged and checked.
//!
//! It must never fill in what only the whole project knows; that is the normalisation's part.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::canonical::canonical;
use crate::extends::extend;
use crate::include::include;
use crate::interpolate::interpolate;
use crate::merge::{Place, merge, plain, unique};
use crate::node::{Map, Node, Value};
use crate::parse::parse;
use crate::report::{Problem, Report, Stop};
use crate::schema::{self, Kind, PROJECT, Trail};
use crate::source::Span;
use crate::{external, resolve, variables};

/// Larger files are refused unread.
const LARGEST_FILE: u64 = 4 << 20;
/// What reading a file costs, so that files which include each other cannot multiply without end.
const PRICE_OF_A_FILE: usize = 200;

/// What a service costs on top of what is written: every one has a hundred fields in the end.
const PRICE_OF_A_SERVICE: usize = 30;

/// What the files of one model share.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// Relative paths start here.
    pub directory: PathBuf,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// The files whose `include` led here.
    pub including: Vec<PathBuf>,
}

/// Joins the files of a model.
pub(crate) fn assemble(report: &mut Report, files: &[PathBuf], scope: &Scope) -> Result<Node, Stop> {
    let mut model: Option<Node> = None;
    for path in files {
        let file = open(report, path, Span::NOWHERE)?;
        let documents = parse(report, file)?;
        if documents.iter().all(Node::is_null) {
            let start = Span { file, start: 0, end: 0 };
            let problem = Problem::error("empty-file", start, "the file is empty");
            return report.stop(problem.help("a Compose file needs at least `services`"));
        }
        for document in documents {
            let layer = layer(report, document, path, scope)?;
            let mut merged = match model {
                None => plain(layer),
                Some(base) => {
                    // The whole model is looked at again for every layer.
                    report.charge(layer.span, base.weight() / 8)?;
                    merge(report, base, layer, Place::Project)
                }
            };
            unique(&mut merged);
            schema::validate(report, &Kind::Object(&PROJECT), &merged, Trail::Root);
            version(report, &mut merged);
            model = Some(merged);
        }
    }
    report.checkpoint()?;
    let mut model = model.unwrap_or_else(|| Node::new(Value::Map(Map::new()), Span::NOWHERE));
    canonical(report, &mut model)?;
    unique(&mut model);
    external::settle(report, &mut model);
    resolve::paths(report, &mut model, &scope.directory, &scope.environment);
    variables::resolve(&mut model, &scope.environment);
    report.checkpoint()?;
    Ok(model)
}

/// One document of a file, ready to be merged over those before it.
fn layer(report: &mut Report, mut document: Node, path: &Path, scope: &Scope) -> Result<Node, Stop> {
    if document.is_null() {
        document.value = Value::Map(Map::new());
    }
    if document.as_map().is_none() {
        let message = format!("a Compose file must be a mapping, not {}", document.value.kind());
        return report.stop(Problem::error("wrong-type", document.span, message));
    }
    let services = document.get("services").and_then(Node::as_map).map_or(0, Map::len);
    report.charge(document.span, services * PRICE_OF_A_SERVICE)?;
    let before = report.errors();
    interpolate(report, &mut document, &scope.environment)?;
    if report.errors() == before {
        extend(report, &mut document, path, scope)?;
        include(report, &mut document, path, scope)?;
    }
    Ok(document)
}

/// `version` has had no meaning for long.
fn version(report: &mut Report, model: &mut Node) {
    if let Some(version) = model.remove("version") {
        let message = "the key `version` is obsolete and has no effect";
        report.add(Problem::warning("obsolete", version.span, message).help("remove it"));
    }
}

/// Reads a file, once; `wanted` is where a file names it.
pub(crate) fn open(report: &mut Report, path: &Path, wanted: Span) -> Result<u32, Stop> {
    report.charge(wanted, PRICE_OF_A_FILE)?;
    if let Some(known) = report.sources.files().iter().position(|file| file.path == path) {
        return Ok(u32::try_from(known).unwrap_or(u32::MAX));
    }
    match read(path) {
        Ok(text) => {
            report.charge(wanted, text.len() / 64)?;
            Ok(report.sources.add(path.to_owned(), text))
        }
        Err(reason) => {
            let shown = report.sources.shown_path(path);
            report.stop(Problem::error("unreadable-file", wanted, format!("cannot read `{shown}`: {reason}")))
        }
    }
}

/// The text of a file, which must be UTF-8 and of a sensible size.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| plain_words(&error))?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| plain_words(&error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("it is larger than {} MiB", LARGEST_FILE >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n');
        format!("it is not UTF-8 text (line {})", line.count() + 1)
    })
}

fn plain_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}
