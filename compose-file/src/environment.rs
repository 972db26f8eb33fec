//! The variables of a project: the process's, those of env files, and what the caller decides.
//!
//! It must never read the process environment itself; the caller hands it in.

use std::collections::BTreeMap;
use std::path::Path;

use crate::assemble::open;
use crate::dotenv::{self, Lookup};
use crate::report::{Problem, Report, Stop};
use crate::source::Span;

/// Adds the variables of an env file that are not known yet.
pub(crate) fn add_file(
    report: &mut Report,
    environment: &mut BTreeMap<String, String>,
    path: &Path,
    wanted: Span,
) -> Result<(), Stop> {
    let values = read(report, path, wanted, &|name| environment.get(name).cloned(), &|_| None)?;
    for (name, value) in values {
        environment.entry(name).or_insert(value);
    }
    Ok(())
}

/// The variables of an env file.
pub(crate) fn read(
    report: &mut Report,
    path: &Path,
    wanted: Span,
    first: Lookup<'_>,
    last: Lookup<'_>,
) -> Result<BTreeMap<String, String>, Stop> {
    let file = open(report, path, wanted)?;
    let text = report.sources.files().get(file as usize).map(|one| one.text.clone()).unwrap_or_default();
    // Parsing costs each time, also for a file that has been read before.
    report.charge(wanted, text.len() / 16)?;
    match dotenv::parse(&text, first, last) {
        Ok(values) => {
            let weight = values.values().map(|value| 1 + value.len() / 64).sum();
            report.charge(wanted, weight)?;
            Ok(values)
        }
        Err(error) => {
            let at = u32::try_from(error.at).unwrap_or(0);
            report.stop(Problem::error("env-file", Span { file, start: at, end: at }, error.message))
        }
    }
}
