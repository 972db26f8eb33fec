//! Captured values put into requests, and answers compared with what is expected. Pure.

use serde_json::Value;

use super::Captures;

/// A text with `{name}` replaced by captured values. Braces around anything else stay: bodies have them too.
pub(super) fn fill(text: &str, captures: &Captures) -> String {
    filled(text, captures, |value| value)
}

/// The same for a path: what was captured cannot end it or start a query.
pub(super) fn fill_path(path: &str, captures: &Captures) -> String {
    filled(path, captures, |value| escaped(&value))
}

/// The same for every text in a value; a text that is nothing but a name becomes the captured value itself.
pub(super) fn fill_value(value: &Value, captures: &Captures) -> Value {
    match value {
        Value::String(text) => whole(text, captures).unwrap_or_else(|| Value::String(fill(text, captures))),
        Value::Array(items) => items.iter().map(|item| fill_value(item, captures)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), fill_value(value, captures))).collect()
        }
        other => other.clone(),
    }
}

/// Where and how an answer lacks something that is expected; none when everything is there.
pub(super) fn difference(expected: &Value, seen: &Value) -> Option<String> {
    differs(expected, seen, String::new())
}

/// The value of a field: `filename`, `data.id`, `files.0.name`.
pub(super) fn captured<'a>(answer: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(answer, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}

fn filled(text: &str, captures: &Captures, prepare: impl Fn(String) -> String) -> String {
    captures.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), &prepare(bare(value)))
    })
}

/// A text without its quotes, anything else as JSON.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn whole(text: &str, captures: &Captures) -> Option<Value> {
    captures.get(text.strip_prefix('{')?.strip_suffix('}')?).cloned()
}

fn escaped(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    value.bytes().map(byte).collect()
}

fn differs(expected: &Value, seen: &Value, place: String) -> Option<String> {
    match (expected, seen) {
        (Value::Object(fields), Value::Object(found)) => fields.iter().find_map(|(key, expected)| {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            match found.get(key) {
                Some(seen) => differs(expected, seen, place),
                None => Some(format!("expected a field `{place}`")),
            }
        }),
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
            let pairs = items.iter().zip(found).enumerate();
            pairs.into_iter().find_map(|(index, (expected, seen))| {
                let place = if place.is_empty() { index.to_string() } else { format!("{place}.{index}") };
                differs(expected, seen, place)
            })
        }
        _ if expected == seen => None,
        _ if place.is_empty() => Some(format!("expected {expected}, got {seen}")),
        _ => Some(format!("expected `{place}` to be {expected}, got {seen}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_may_have_more_than_is_expected() {
        let seen = json!({ "data": { "probe": "x", "n": 1 }, "files": [{ "a": 1, "b": 2 }] });
        let check = |expected: Value, expect: Option<&str>| {
            assert_eq!(difference(&expected, &seen).as_deref(), expect, "{expected}");
        };
        check(json!({}), None);
        check(json!({ "data": { "probe": "x" } }), None);
        check(json!({ "files": [{ "a": 1 }] }), None);
        check(json!({ "data": { "probe": "y" } }), Some(r#"expected `data.probe` to be "y", got "x""#));
        check(json!({ "data": { "other": 1 } }), Some("expected a field `data.other`"));
        check(json!({ "files": [{ "a": 2 }] }), Some("expected `files.0.a` to be 2, got 1"));
        check(json!({ "data": [] }), Some(r#"expected `data` to be [], got {"probe":"x","n":1}"#));
        check(json!([]), Some(&format!("expected [], got {seen}")));
    }

    #[test]
    fn captured_values_come_back_in_paths_and_bodies() {
        let captures = Captures::from([("name".into(), json!("a/b?c")), ("id".into(), json!(7))]);
        assert_eq!(fill_path("/data/{name}/{id}?x={other}", &captures), "/data/a%2Fb%3Fc/7?x={other}");
        assert_eq!(fill("{\"n\": \"{name}\"}", &captures), "{\"n\": \"a/b?c\"}");
        assert_eq!(
            fill_value(&json!({ "id": "{id}", "t": "no {id}" }), &captures),
            json!({ "id": 7, "t": "no 7" })
        );
    }

    #[test]
    fn a_field_is_found_at_its_path() {
        let answer = json!({ "files": [{ "name": "x" }], "n": 1 });
        assert_eq!(captured(&answer, "files.0.name"), Some(&json!("x")));
        assert_eq!(captured(&answer, "n"), Some(&json!(1)));
        assert_eq!(captured(&answer, "files.1.name"), None);
        assert_eq!(captured(&answer, "n.x"), None);
    }
}
