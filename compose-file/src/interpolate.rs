//! Variables in all values of a file.
//!
//! It must never touch keys, and never look at a value's meaning: types are decided after the merge.

use std::collections::BTreeMap;

use crate::node::{Node, Value};
use crate::report::{Problem, Report, Stop};
use crate::source::Span;
use crate::template::{self, Error};

/// Fills in the variables of every text below a node.
pub(crate) fn interpolate(
    report: &mut Report,
    node: &mut Node,
    environment: &BTreeMap<String, String>,
) -> Result<(), Stop> {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => {
            let span = node.span;
            if let Some(filled) = fill(report, text, span, environment)? {
                *text = filled;
            }
        }
        Value::List(items) => {
            for item in items {
                interpolate(report, item, environment)?;
            }
        }
        Value::Map(map) => {
            for entry in map.values_mut() {
                interpolate(report, &mut entry.node, environment)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn fill(
    report: &mut Report,
    text: &str,
    span: Span,
    environment: &BTreeMap<String, String>,
) -> Result<Option<String>, Stop> {
    match template::fill(text, &|name| environment.get(name).cloned()) {
        Ok(filled) => {
            report.charge(span, filled.text.len() / 64)?;
            for name in filled.unset {
                let span = narrow(report, span, &name);
                let message = format!("the variable `{name}` is not set; it counts as empty");
                let help = format!("set it, or give a default: `${{{name}:-}}`");
                report.add(Problem::warning("unset-variable", span, message).help(help));
            }
            Ok(Some(filled.text))
        }
        Err(error) => {
            report.add(describe(report, span, &error));
            Ok(None)
        }
    }
}

fn describe(report: &Report, span: Span, error: &Error) -> Problem {
    let (code, part, help) = match error {
        Error::Invalid(part) => {
            ("interpolation", part.as_str(), Some("write `$$` for a dollar sign".to_owned()))
        }
        Error::Required { name, .. } => (
            "required-variable",
            name.as_str(),
            Some(format!("set `{name}` in the environment or in `.env`")),
        ),
        Error::TooMuch => ("interpolation", "", None),
    };
    Problem::error(code, narrow(report, span, part), error.to_string()).maybe_help(help)
}

/// The part of a place that is meant, when the text stands there as it was read.
fn narrow(report: &Report, span: Span, part: &str) -> Span {
    let found = report.sources.text(span).and_then(|text| text.find(part)).filter(|_| !part.is_empty());
    match found.and_then(|at| u32::try_from(at).ok()) {
        Some(at) => {
            let start = span.start + at;
            Span { start, end: start + u32::try_from(part.len()).unwrap_or(0), ..span }
        }
        None => span,
    }
}
