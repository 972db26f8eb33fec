//! A tree against the tables: every unknown key and every value of a wrong form, all at once.
//!
//! It must never change the tree.

use std::collections::HashSet;

use super::{Kind, Object, Trail, closest};
use crate::node::{Map, Node, Value};
use crate::report::{Problem, Report};
use crate::source::Span;

/// Reports what does not fit.
pub(crate) fn validate(report: &mut Report, kind: &Kind, node: &Node, trail: Trail<'_>) {
    if !fits(kind, &node.value) {
        report.add(wrong(kind, node, trail));
        return;
    }
    match (kind, &node.value) {
        (Kind::Maybe(inner), value) if *value != Value::Null => validate(report, inner, node, trail),
        (Kind::Either(forms), value) => {
            if let Some(form) = forms.iter().find(|form| fits(form, value)) {
                validate(report, form, node, trail);
            }
        }
        (Kind::Object(object), Value::Map(map)) => keys(report, object, node.span, map, trail),
        (Kind::Named(inner), Value::Map(map)) => named(report, inner, map, trail),
        (Kind::Keyed(inner), Value::Map(map)) => {
            for (key, entry) in map {
                validate(report, inner, &entry.node, Trail::Key(&trail, key));
            }
        }
        (Kind::List(inner), Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                validate(report, inner, item, Trail::Index(&trail, index));
            }
        }
        (kind, Value::List(items)) => list_items(report, kind, items, trail),
        (kind, Value::Map(map)) => {
            let scalar = |node: &Node| match (kind, &node.value) {
                (Kind::Hosts, _) => true,
                (Kind::Options, Value::Bool(_)) => false,
                (_, value) => value.scalar_text().is_some(),
            };
            if let Some(entry) = map.get("") {
                report.error("invalid-name", entry.key, format!("`{trail}` has an empty key"));
            }
            for (key, entry) in map.iter().filter(|(_, entry)| !scalar(&entry.node)) {
                let trail = Trail::Key(&trail, key);
                let message = format!(
                    "`{trail}` must be a single value of a fitting type, not {}",
                    entry.node.value.kind()
                );
                report.error("wrong-type", entry.node.span, message);
            }
        }
        (kind, Value::Text(text)) => word(report, kind, text, node.span, trail),
        _ => {}
    }
}

/// Whether YAML's own type of a value is one that the kind can have.
pub(super) fn fits(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Any => true,
        Kind::Maybe(inner) => *value == Value::Null || fits(inner, value),
        Kind::Either(forms) => forms.iter().any(|form| fits(form, value)),
        Kind::Text | Kind::Form(..) | Kind::Choice(_) | Kind::Duration | Kind::Pause | Kind::BytesText => {
            matches!(value, Value::Text(_))
        }
        Kind::Flag | Kind::Switch | Kind::FlagOrText => matches!(value, Value::Bool(_) | Value::Text(_)),
        Kind::Int(low, high) | Kind::Count(low, high) => match value {
            Value::Int(number) => (low..=high).contains(&number),
            Value::Float(number) => number.fract() == 0.0,
            other => matches!(other, Value::Text(_)),
        },
        Kind::Whole => matches!(value, Value::Int(0..)),
        Kind::Size => matches!(value, Value::Int(0..) | Value::Text(_)),
        Kind::Number | Kind::Bytes | Kind::Mode | Kind::Loose => {
            matches!(value, Value::Int(_) | Value::Float(_) | Value::Text(_))
        }
        Kind::Texts | Kind::Set | Kind::LooseSet | Kind::List(_) => matches!(value, Value::List(_)),
        Kind::OneOrMore => matches!(value, Value::List(_) | Value::Text(_)),
        Kind::Command => matches!(value, Value::List(_) | Value::Text(_) | Value::Null),
        Kind::Pairs | Kind::Variables | Kind::Hosts => matches!(value, Value::List(_) | Value::Map(_)),
        Kind::Options | Kind::Object(_) | Kind::Named(_) | Kind::Keyed(_) => matches!(value, Value::Map(_)),
    }
}

fn wrong(kind: &Kind, node: &Node, trail: Trail<'_>) -> Problem {
    let got = match &node.value {
        Value::Int(number) => format!("the integer {number}"),
        Value::Float(number) => format!("the number {}", crate::units::float_text(*number)),
        Value::Bool(flag) => format!("the boolean {flag}"),
        other => other.kind().to_owned(),
    };
    let problem =
        Problem::error("wrong-type", node.span, format!("`{trail}` must be {}, not {got}", words(kind)));
    let quotable = matches!(node.value, Value::Int(_) | Value::Float(_) | Value::Bool(_));
    if quotable && fits(kind, &Value::Text(String::new())) {
        return problem.help("put the value in quotes");
    }
    if node.is_null() {
        return problem.help("give it a value, or remove the key");
    }
    problem
}

/// The kind in the words of an error.
pub(super) fn words(kind: &Kind) -> String {
    match kind {
        Kind::Any => "anything".to_owned(),
        Kind::Maybe(inner) => words(inner),
        Kind::Either(forms) => forms.iter().map(words).collect::<Vec<_>>().join(" or "),
        Kind::Form(_, form) => (*form).to_owned(),
        Kind::Choice(choices) => {
            choices.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" or ")
        }
        Kind::Text => "text".to_owned(),
        Kind::Loose => "text or a number".to_owned(),
        Kind::Duration | Kind::Pause => "a duration like `1m30s`".to_owned(),
        Kind::BytesText => "a size like `512M`, as text".to_owned(),
        Kind::Flag | Kind::Switch => "a boolean".to_owned(),
        Kind::FlagOrText => "a boolean or text".to_owned(),
        Kind::Int(i64::MIN, _) => "an integer".to_owned(),
        Kind::Int(low, i64::MAX) | Kind::Count(low, i64::MAX) => format!("an integer not below {low}"),
        Kind::Int(low, high) | Kind::Count(low, high) => format!("an integer from {low} to {high}"),
        Kind::Whole => "an integer, not in quotes".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Bytes | Kind::Size => "a size like `512M`".to_owned(),
        Kind::Mode => "file mode bits like `0440`".to_owned(),
        Kind::Texts | Kind::Set | Kind::LooseSet | Kind::List(_) => "a list".to_owned(),
        Kind::OneOrMore | Kind::Command => "text or a list".to_owned(),
        Kind::Pairs | Kind::Variables | Kind::Hosts => "a mapping or a list".to_owned(),
        Kind::Options | Kind::Object(_) | Kind::Named(_) | Kind::Keyed(_) => "a mapping".to_owned(),
    }
}

fn keys(report: &mut Report, object: &Object, span: Span, map: &Map, trail: Trail<'_>) {
    for (key, entry) in map {
        match object.kind(key) {
            Some(kind) => validate(report, kind, &entry.node, Trail::Key(&trail, key)),
            None if object.extensible && key.starts_with("x-") => {}
            None if report.is_full() => {}
            None => report.add(unknown(object, key, entry.key, trail)),
        }
    }
    for missing in object.required.iter().filter(|key| !map.contains_key(**key)) {
        report.error("missing-key", span, format!("`{trail}` needs the key `{missing}`"));
    }
}

fn unknown(object: &Object, key: &str, span: Span, trail: Trail<'_>) -> Problem {
    let place = match trail {
        Trail::Root => "at the top level".to_owned(),
        trail => format!("in `{trail}`"),
    };
    let problem = Problem::error("unknown-key", span, format!("unknown key `{key}` {place}"));
    match closest(key, object.keys.iter().map(|(name, _)| *name)) {
        Some(name) => problem.help(format!("did you mean `{name}`?")),
        None if object.extensible => problem.help("remove it; a key of your own must start with `x-`"),
        None => problem.help("remove it"),
    }
}

fn named(report: &mut Report, inner: &Kind, map: &Map, trail: Trail<'_>) {
    for (name, entry) in map {
        let valid = |one: char| one.is_ascii_alphanumeric() || "._-".contains(one);
        if name.is_empty() || !name.chars().all(valid) {
            let problem = Problem::error(
                "invalid-name",
                entry.key,
                format!("`{name}` is not a valid name in `{trail}`"),
            );
            report.add(problem.help("use letters, digits, `.`, `_` and `-`"));
        }
        validate(report, inner, &entry.node, Trail::Key(&trail, name));
    }
}

fn list_items(report: &mut Report, kind: &Kind, items: &[Node], trail: Trail<'_>) {
    let unique = matches!(kind, Kind::Set | Kind::LooseSet | Kind::OneOrMore);
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let trail = Trail::Index(&trail, index);
        let fitting = matches!((kind, &item.value), (_, Value::Text(_)) | (Kind::LooseSet, Value::Int(_)));
        if !fitting {
            let as_text = Node::new(item.value.clone(), item.span);
            report.add(wrong(&Kind::Text, &as_text, trail));
        }
        let repeated = item.value.scalar_text().is_some_and(|text| !seen.insert(text));
        if unique && repeated {
            let problem =
                Problem::error("repeated-item", item.span, format!("`{trail}` repeats an earlier item"));
            report.add(problem.help("remove it"));
        }
    }
}

fn word(report: &mut Report, kind: &Kind, text: &str, span: Span, trail: Trail<'_>) {
    let valid = match kind {
        Kind::Form(check, _) => check(text),
        Kind::Choice(choices) => choices.contains(&text),
        _ => true,
    };
    if valid {
        return;
    }
    let message = format!("`{trail}` must be {}, not `{text}`", words(kind));
    let near = if let Kind::Choice(choices) = kind { closest(text, choices.iter().copied()) } else { None };
    report.add(
        Problem::error("wrong-value", span, message)
            .maybe_help(near.map(|near| format!("did you mean `{near}`?"))),
    );
}
