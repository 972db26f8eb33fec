//! Scalars to their final types, by the tables: `"80"` becomes 80, `1.5gb` a number of bytes.
//!
//! It runs on the canonical tree, after validation, and must never change a tree's shape.

use super::validate::{fits, words};
use super::{Kind, Object, Trail};
use crate::node::{Map, Node, Value};
use crate::report::{Problem, Report};
use crate::units;

/// Gives every scalar its final type, and drops what means the same as an absent key.
pub(crate) fn finish(report: &mut Report, kind: &Kind, node: &mut Node, trail: Trail<'_>) {
    match kind {
        Kind::Maybe(inner) if !node.is_null() => finish(report, inner, node, trail),
        Kind::Either(forms) => {
            if let Some(form) = forms.iter().find(|form| fits(form, &node.value)) {
                finish(report, form, node, trail);
            }
        }
        Kind::Object(object) => {
            if let Some(map) = node.as_map_mut() {
                keys(report, object, map, trail);
            }
        }
        Kind::Named(inner) | Kind::Keyed(inner) => {
            for (key, entry) in node.as_map_mut().into_iter().flatten() {
                finish(report, inner, &mut entry.node, Trail::Key(&trail, key));
            }
        }
        Kind::List(inner) => {
            for (index, item) in node.as_list_mut().into_iter().flatten().enumerate() {
                finish(report, inner, item, Trail::Index(&trail, index));
            }
        }
        Kind::Options | Kind::LooseSet | Kind::Pairs => texts(node),
        _ => match scalar(kind, &node.value) {
            Ok(Some(value)) => node.value = value,
            Ok(None) => {}
            Err(()) => {
                let got = node.value.scalar_text().unwrap_or_default();
                let message = format!("`{trail}` must be {}, not `{got}`", words(kind));
                report.add(Problem::error("wrong-value", node.span, message));
            }
        },
    }
}

fn keys(report: &mut Report, object: &Object, map: &mut Map, trail: Trail<'_>) {
    for (key, entry) in map.iter_mut() {
        if let Some(kind) = object.kind(key) {
            finish(report, kind, &mut entry.node, Trail::Key(&trail, key));
        }
    }
    map.retain(|key, entry| object.kind(key).is_none_or(|kind| !is_default(kind, &entry.node)));
}

/// Whether a value says no more than an absent key.
fn is_default(kind: &Kind, node: &Node) -> bool {
    match (kind, &node.value) {
        (Kind::Command, _) => false,
        (_, Value::Null) => true,
        (Kind::Either(forms), value) => {
            forms.iter().find(|form| fits(form, value)).is_some_and(|form| is_default(form, node))
        }
        (Kind::Maybe(inner), _) => is_default(inner, node),
        (Kind::Flag, Value::Bool(false)) | (Kind::Int(..) | Kind::Number, Value::Int(0)) => true,
        (Kind::Bytes | Kind::Size | Kind::BytesText, Value::Text(text)) => text == "0",
        (Kind::Text | Kind::Form(..) | Kind::Loose | Kind::FlagOrText, Value::Text(text)) => text.is_empty(),
        (Kind::Pause, Value::Text(text)) => text == "0s",
        (_, Value::List(items)) => items.is_empty(),
        (Kind::Object(_), _) => false,
        (_, Value::Map(map)) => map.is_empty(),
        _ => false,
    }
}

/// The final value of a scalar, when it differs.
fn scalar(kind: &Kind, value: &Value) -> Result<Option<Value>, ()> {
    let value = match (kind, value) {
        (Kind::Flag | Kind::Switch, Value::Text(text)) => Value::Bool(boolean(text).ok_or(())?),
        (Kind::FlagOrText, Value::Bool(flag)) => Value::Text(flag.to_string()),
        (Kind::Int(low, high) | Kind::Count(low, high), Value::Text(text)) => {
            let number = text.parse().map_err(|_| ())?;
            if !(low..=high).contains(&&number) {
                return Err(());
            }
            Value::Int(number)
        }
        #[expect(clippy::cast_possible_truncation, reason = "only whole floats are let through")]
        (Kind::Int(..) | Kind::Count(..), Value::Float(number)) => Value::Int(*number as i64),
        (Kind::Number, Value::Text(text)) => number(text.parse().map_err(|_| ())?),
        (Kind::Number, Value::Float(float)) => number(*float),
        (Kind::Bytes | Kind::Size, Value::Int(size)) => Value::Text(size.to_string()),
        #[expect(clippy::cast_possible_truncation, reason = "a size has no fractions")]
        (Kind::Bytes, Value::Float(size)) => Value::Text((*size as i64).to_string()),
        (Kind::Bytes | Kind::Size | Kind::BytesText, Value::Text(text)) => {
            Value::Text(units::bytes(text).ok_or(())?.to_string())
        }
        (Kind::Duration | Kind::Pause, Value::Text(text)) => {
            Value::Text(units::duration_text(units::nanoseconds(text).ok_or(())?))
        }
        (Kind::Mode, Value::Int(mode)) => Value::Text(format!("{mode:04o}")),
        (Kind::Mode, Value::Text(text)) => {
            let digits = text.strip_prefix("0o").unwrap_or(text);
            let mode = u32::from_str_radix(digits, 8).map_err(|_| ())?;
            Value::Text(format!("{mode:04o}"))
        }
        (Kind::Loose, Value::Int(_) | Value::Float(_)) => {
            Value::Text(value.scalar_text().unwrap_or_default())
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn number(float: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    if float.fract() == 0.0 && float.abs() < 1e15 { Value::Int(float as i64) } else { Value::Float(float) }
}

/// The words that count as booleans when they are text.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// The scalars of a list or mapping as text.
fn texts(node: &mut Node) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(as_text),
        Value::Map(map) => map.values_mut().for_each(|entry| as_text(&mut entry.node)),
        _ => {}
    }
}

fn as_text(node: &mut Node) {
    if let Some(text) = node.value.scalar_text() {
        node.value = Value::Text(text);
    }
}
