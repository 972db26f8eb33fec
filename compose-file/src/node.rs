//! The tree that every stage works on: YAML values that know where they were written.
//!
//! It must never know what a key means; that is the stages' business.

use indexmap::IndexMap;

use crate::source::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    pub span: Span,
    pub mark: Mark,
}

/// What a stage told the later ones about a value: a merge what to do with the value below it, most of the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Merge by the key's own rule.
    #[default]
    Merge,
    /// `!reset`: remove it.
    Reset,
    /// `!override`: replace it.
    Override,
    /// Merge; the path was written relative, and has been made absolute.
    Relative,
}

/// A YAML value, its scalars already resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

/// A mapping in the order of the file.
pub(crate) type Map = IndexMap<String, Entry>;

/// A mapping's value with the place of its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub key: Span,
    pub node: Node,
}

impl Entry {
    /// An entry whose key has no place of its own.
    pub fn of(node: Node) -> Self {
        Entry { key: node.span, node }
    }
}

impl Node {
    pub fn new(value: Value, span: Span) -> Self {
        Node { value, span, mark: Mark::Merge }
    }

    pub fn text(text: impl Into<String>, span: Span) -> Self {
        Node::new(Value::Text(text.into()), span)
    }

    pub fn list(items: Vec<Node>, span: Span) -> Self {
        Node::new(Value::List(items), span)
    }

    /// A mapping of keys that were not written by the user; their place is that of the whole.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Node)>, span: Span) -> Self {
        let entries = entries.into_iter().map(|(key, node)| (key.into(), Entry { key: span, node }));
        Node::new(Value::Map(entries.collect()), span)
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(flag) = self.value { Some(flag) } else { None }
    }

    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(number) = self.value { Some(number) } else { None }
    }

    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = &self.value { Some(map) } else { None }
    }

    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Value::Map(map) = &mut self.value { Some(map) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        if let Value::List(items) = &self.value { Some(items) } else { None }
    }

    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Node>> {
        if let Value::List(items) = &mut self.value { Some(items) } else { None }
    }

    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_map_mut()?.get_mut(key).map(|entry| &mut entry.node)
    }

    /// Text under a key; nothing when it is absent or empty.
    pub fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text().filter(|text| !text.is_empty())
    }

    /// Sets a key of a mapping; its place is that of the value.
    pub fn set(&mut self, key: &str, node: Node) {
        if let Some(map) = self.as_map_mut() {
            map.insert(key.to_owned(), Entry::of(node));
        }
    }

    /// Sets a key that is absent or null.
    pub fn set_default(&mut self, key: &str, value: Value) {
        let span = self.span;
        if self.get(key).is_none_or(Node::is_null) {
            self.set(key, Node::new(value, span));
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.as_map_mut()?.shift_remove(key).map(|entry| entry.node)
    }

    /// The mappings under a key, with their names: the services of a document, say.
    pub fn children(&self, key: &str) -> impl Iterator<Item = (&String, &Node)> {
        let map = self.get(key).and_then(Node::as_map);
        map.into_iter().flatten().map(|(name, entry)| (name, &entry.node))
    }

    pub fn children_mut(&mut self, key: &str) -> impl Iterator<Item = (&String, &mut Node)> {
        let map = self.get_mut(key).and_then(Node::as_map_mut);
        map.into_iter().flatten().map(|(name, entry)| (name, &mut entry.node))
    }

    /// What the budget is charged for a copy.
    pub fn weight(&self) -> usize {
        match &self.value {
            Value::Text(text) => 1 + text.len() / 64,
            Value::List(items) => 1 + items.iter().map(Node::weight).sum::<usize>(),
            Value::Map(map) => {
                1 + map.iter().map(|(key, entry)| 1 + key.len() / 64 + entry.node.weight()).sum::<usize>()
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 1,
        }
    }
}

impl Value {
    /// The value in the words of an error: `a list`, `text`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "empty",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// A scalar as the text that `docker compose` makes of it; nothing for lists and mappings.
    pub fn scalar_text(&self) -> Option<String> {
        match self {
            Value::Null => Some(String::new()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(crate::units::float_text(*number)),
            Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}
