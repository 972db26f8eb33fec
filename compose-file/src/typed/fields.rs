//! A mapping that knows which of its keys have been read.
//!
//! It must never forget a key: those that nobody read are reported when the mapping is let go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::unsupported;
use crate::node::{Map, Node, Value};
use crate::report::Problem;
use crate::source::Span;
use crate::units;

/// The keys of a mapping, being read.
pub(super) struct Fields<'a, 'o> {
    node: &'a Node,
    section: &'static str,
    unread: BTreeSet<&'a str>,
    out: &'o mut Vec<Problem>,
}

impl<'a, 'o> Fields<'a, 'o> {
    /// A mapping to be read; `section` is what it is called in messages.
    pub fn of(node: &'a Node, section: &'static str, out: &'o mut Vec<Problem>) -> Self {
        let keys = node.as_map().into_iter().flat_map(Map::keys).map(String::as_str);
        let unread = keys.filter(|key| !key.starts_with("x-")).collect();
        Fields { node, section, unread, out }
    }

    pub fn node(&mut self, key: &str) -> Option<&'a Node> {
        self.unread.remove(key);
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// The mapping itself.
    pub fn whole(&self) -> &'a Node {
        self.node
    }

    /// Keys that need no reading: an earlier stage has made use of them.
    pub fn done_with(&mut self, keys: &[&str]) {
        for key in keys {
            self.unread.remove(*key);
        }
    }

    pub fn text(&mut self, key: &str) -> Option<String> {
        self.node(key)?.value.scalar_text().filter(|text| !text.is_empty())
    }

    pub fn flag(&mut self, key: &str) -> bool {
        self.maybe_flag(key).unwrap_or(false)
    }

    pub fn maybe_flag(&mut self, key: &str) -> Option<bool> {
        self.node(key)?.as_bool()
    }

    pub fn integer(&mut self, key: &str) -> Option<i64> {
        match &self.node(key)?.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub fn count(&mut self, key: &str) -> Option<u64> {
        self.integer(key).and_then(|number| u64::try_from(number).ok())
    }

    pub fn float(&mut self, key: &str) -> Option<f64> {
        match self.node(key)?.value {
            Value::Float(number) => Some(number),
            #[expect(clippy::cast_precision_loss, reason = "shares and processors are small numbers")]
            Value::Int(number) => Some(number as f64),
            _ => None,
        }
    }

    /// A share of processors in billionths.
    pub fn nano(&mut self, key: &str) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
        self.float(key).map(|number| (number * 1e9).round() as u64)
    }

    pub fn bytes(&mut self, key: &str) -> Option<u64> {
        self.integer(key).and_then(|size| u64::try_from(size).ok())
    }

    pub fn duration(&mut self, key: &str) -> Option<Duration> {
        let node = self.node(key)?;
        let duration = units::duration(node.as_text()?);
        if duration.is_none() {
            self.error("wrong-value", node.span, format!("`{key}` must not be negative"), None);
        }
        duration
    }

    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.node(key).map(texts).unwrap_or_default()
    }

    pub fn maybe_texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.node(key).map(texts)
    }

    /// A mapping of texts; keys without a value are left out.
    pub fn pairs(&mut self, key: &str) -> BTreeMap<String, String> {
        let entries = self.node(key).and_then(Node::as_map).into_iter().flatten();
        let entries = entries.filter(|(_, entry)| !entry.node.is_null());
        entries.filter_map(|(key, entry)| Some((key.clone(), entry.node.value.scalar_text()?))).collect()
    }

    /// The items of a list.
    pub fn items(&mut self, key: &str) -> &'a [Node] {
        self.node(key).and_then(Node::as_list).unwrap_or_default()
    }

    /// The entries of a mapping.
    pub fn entries(&mut self, key: &str) -> impl Iterator<Item = (&'a String, &'a Node)> + use<'a> {
        let map = self.node(key).and_then(Node::as_map);
        map.into_iter().flatten().map(|(name, entry)| (name, &entry.node))
    }

    /// A mapping below this one.
    pub fn inside(&mut self, key: &str, section: &'static str) -> Option<Fields<'a, '_>> {
        let node = self.node(key)?;
        Some(Fields::of(node, section, self.out))
    }

    /// A mapping found elsewhere, reported to the same place.
    pub fn other<'b>(&mut self, node: &'b Node, section: &'static str) -> Fields<'b, '_> {
        Fields::of(node, section, self.out)
    }

    /// One of some words.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)], help: &str) -> Option<T> {
        let node = self.node(key)?;
        let text = node.as_text()?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.unsupported_value(key, node, help);
        }
        found
    }

    pub fn unsupported_value(&mut self, key: &str, node: &Node, help: &str) {
        let value = node.value.scalar_text().unwrap_or_default();
        self.error("unsupported", node.span, format!("`{key}: {value}` is not supported"), Some(help));
    }

    pub fn error(&mut self, code: &'static str, span: Span, message: String, help: Option<&str>) {
        self.out.push(Problem::error(code, span, message).maybe_help(help.map(str::to_owned)));
    }
}

impl Drop for Fields<'_, '_> {
    fn drop(&mut self) {
        for key in std::mem::take(&mut self.unread) {
            let entry = self.node.as_map().and_then(|map| map.get(key));
            if let Some(entry) = entry.filter(|entry| !entry.node.is_null()) {
                self.out.push(unsupported::finding(self.section, key, entry.key));
            }
        }
    }
}

fn texts(node: &Node) -> Vec<String> {
    node.as_list().unwrap_or_default().iter().filter_map(|item| item.value.scalar_text()).collect()
}
