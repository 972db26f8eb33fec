//! Plain scalars to values, by the rules of the YAML library that `docker compose` is built with.
//!
//! It must never see quoted text without a tag: that is text.

use saphyr_parser::Tag;

use crate::node::Value;

/// The value of a scalar; nothing when its tag does not fit it.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&Tag>) -> Option<Value> {
    let core = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str());
    match core {
        Some("str") => Some(Value::Text(text.to_owned())),
        Some("null") => Some(Value::Null),
        Some("int") => integer(text),
        Some("float") => integer(text).and_then(as_float).or_else(|| float(text)),
        Some("bool") => boolean(text),
        _ if plain => Some(untagged(text)),
        _ => Some(Value::Text(text.to_owned())),
    }
}

fn untagged(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        _ => {}
    }
    let numeric = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    let number = if numeric { integer(text).or_else(|| float(text)) } else { boolean(text) };
    number.unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn boolean(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => None,
    }
}

fn as_float(value: Value) -> Option<Value> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "that is what the tag `!!float` asks for")]
        Value::Int(number) => Some(Value::Float(number as f64)),
        other => Some(other),
    }
}

/// Integers in base 2, 8 (`0o17` and `017`), 10 and 16, with `_` between digits.
fn integer(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (base, digits) = base(digits);
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, base).ok()?;
    let number = if negative { -number } else { number };
    if let Ok(number) = i64::try_from(number) {
        return Some(Value::Int(number));
    }
    #[expect(clippy::cast_precision_loss, reason = "only numbers beyond 64 bits come here")]
    u64::try_from(number).ok().map(|number| Value::Float(number as f64))
}

fn base(digits: &str) -> (u32, &str) {
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    }
}

fn float(text: &str) -> Option<Value> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(Value::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return Some(Value::Float(f64::NEG_INFINITY)),
        ".nan" | ".NaN" | ".NAN" => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let plain = text.replace('_', "");
    let mantissa = plain.trim_start_matches(['+', '-']);
    let shape = mantissa.chars().all(|one| one.is_ascii_digit() || ".eE+-".contains(one));
    let digits = mantissa.starts_with(|first: char| first.is_ascii_digit()) || mantissa.starts_with('.');
    if shape && digits && plain.len() - mantissa.len() < 2 {
        return plain.parse().ok().map(Value::Float);
    }
    None
}
