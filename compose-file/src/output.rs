//! The normalised tree as JSON, in the shape of `docker compose config --format json`, and as YAML.
//!
//! It must never decide anything: what is to be shown is in the tree.

use serde_json::{Map as Object, Value as Json};

use crate::node::{Map, Node, Value};
use crate::schema::{Kind, PROJECT};

/// The document, keys in alphabetical order behind the name; extensions inside of sections are left out, and so are
/// models.
pub(crate) fn json(tree: &Node) -> Json {
    let mut document = document(tree, Extensions::Hidden);
    let services = document.get_mut("services").and_then(Json::as_object_mut);
    for service in services.into_iter().flat_map(|services| services.values_mut()) {
        if let Some(blkio) = service.get_mut("blkio_config") {
            capitals(blkio);
        }
    }
    document
}

/// `docker compose` prints the keys of block device limits with capitals, in JSON only.
fn capitals(blkio: &mut Json) {
    for list in blkio.as_object_mut().into_iter().flat_map(Object::values_mut) {
        for item in list.as_array_mut().into_iter().flatten() {
            let Json::Object(old) = item else { continue };
            let capital = |key: &str| key[..1].to_uppercase() + &key[1..];
            let renamed = old.iter().map(|(key, value)| (capital(key), value.clone()));
            *item = Json::Object(renamed.collect());
        }
    }
}

/// The document as YAML, extensions included.
pub(crate) fn yaml(tree: &Node) -> String {
    serde_yaml::to_string(&document(tree, Extensions::Shown)).unwrap_or_default()
}

fn document(tree: &Node, extensions: Extensions) -> Json {
    let mut document = Object::new();
    document.insert("name".to_owned(), Json::Null);
    let hidden = |key: &str| extensions == Extensions::Hidden && key == "models";
    for (key, entry) in sorted(tree).into_iter().filter(|(key, _)| !hidden(key)) {
        let kind = PROJECT.kind(key).unwrap_or(&Kind::Any);
        document.insert(key.clone(), value(kind, &entry.node, extensions));
    }
    let mut document = Json::Object(document);
    escape(&mut document);
    document
}

/// Dollars are doubled, so that the document can be read as a Compose file again.
fn escape(json: &mut Json) {
    match json {
        Json::String(text) if text.contains('$') => *text = text.replace('$', "$$"),
        Json::Array(items) => items.iter_mut().for_each(escape),
        Json::Object(map) => {
            map.values_mut().for_each(escape);
            if map.keys().any(|key| key.contains('$')) {
                let pairs = std::mem::take(map).into_iter();
                *map = pairs.map(|(key, value)| (key.replace('$', "$$"), value)).collect();
            }
        }
        _ => {}
    }
}

/// Whether `x-*` keys of sections are part of the output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extensions {
    Shown,
    Hidden,
}

fn sorted(tree: &Node) -> Vec<(&String, &crate::node::Entry)> {
    let mut entries: Vec<_> = tree.as_map().into_iter().flatten().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn value(kind: &Kind, node: &Node, extensions: Extensions) -> Json {
    match (kind, &node.value) {
        (Kind::Maybe(inner), _) => value(inner, node, extensions),
        (Kind::Either(forms), Value::Map(_) | Value::List(_)) => {
            let structured = |form: &&Kind| {
                matches!(
                    (form, &node.value),
                    (Kind::Object(_) | Kind::Named(_) | Kind::Keyed(_), Value::Map(_))
                        | (Kind::List(_), Value::List(_))
                )
            };
            value(forms.iter().find(structured).unwrap_or(&Kind::Any), node, extensions)
        }
        (Kind::Object(object), Value::Map(_)) => {
            let shown = |key: &str| extensions == Extensions::Shown || !key.starts_with("x-");
            let entries = sorted(node).into_iter().filter(|(key, _)| shown(key));
            let pairs = entries.map(|(key, entry)| {
                (key.clone(), value(object.kind(key).unwrap_or(&Kind::Any), &entry.node, extensions))
            });
            Json::Object(pairs.collect())
        }
        (Kind::Named(inner) | Kind::Keyed(inner), Value::Map(_)) => {
            let pairs = sorted(node).into_iter();
            Json::Object(
                pairs.map(|(key, entry)| (key.clone(), value(inner, &entry.node, extensions))).collect(),
            )
        }
        (Kind::List(inner), Value::List(items)) => {
            Json::Array(items.iter().map(|item| value(inner, item, extensions)).collect())
        }
        _ => plain(node),
    }
}

/// A value as JSON, just as it is.
pub(crate) fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => serde_json::Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(plain).collect()),
        Value::Map(map) => object(map),
    }
}

fn object(map: &Map) -> Json {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    Json::Object(entries.into_iter().map(|(key, entry)| (key.clone(), plain(&entry.node))).collect())
}
