//! Which keys and values a Compose file may have: the tables, and the walks that they drive.
//!
//! It must never know how stages before or after it work; the tables are plain data.

mod deploy;
mod finish;
mod service;
mod suggest;
mod top;
mod validate;

use std::fmt;

pub(crate) use finish::{boolean, finish};
pub(crate) use suggest::closest;
pub(crate) use top::PROJECT;
pub(crate) use validate::validate;

/// What a value may be, and what becomes of it in the normalised document.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Anything, kept as it is.
    Any,
    /// Text; left out when empty.
    Text,
    /// Text of a certain form, with the form in words.
    Form(fn(&str) -> bool, &'static str),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A number or text that becomes text.
    Loose,
    /// A boolean, or text that is one; false is left out.
    Flag,
    /// The same, but false is kept: it differs from an absent key.
    Switch,
    /// A boolean or a text; becomes text.
    FlagOrText,
    /// An integer or a text that is one, within limits; 0 is left out.
    Int(i64, i64),
    /// The same, but 0 is kept.
    Count(i64, i64),
    /// An integer that is not written as text.
    Whole,
    /// A number or a text that is one; 0 is left out.
    Number,
    /// A size; becomes a text of digits. 0 is left out.
    Bytes,
    /// A size that cannot be negative.
    Size,
    /// A size that must be written as text.
    BytesText,
    /// A duration; kept when zero.
    Duration,
    /// A duration; left out when zero.
    Pause,
    /// File mode bits; becomes octal text.
    Mode,
    /// A list of texts.
    Texts,
    /// A list of texts and numbers, without repeats.
    LooseSet,
    /// A list of texts without repeats.
    Set,
    /// A text or a list of texts without repeats.
    OneOrMore,
    /// A command line or a list of arguments; null is kept.
    Command,
    /// `KEY=VALUE` items or a mapping; a key without value has an empty one.
    Pairs,
    /// The same, but a key without value stays so.
    Variables,
    /// A mapping of scalars to be passed on as text.
    Options,
    /// Host names and their addresses.
    Hosts,
    /// A mapping with known keys.
    Object(&'static Object),
    /// A list.
    List(&'static Kind),
    /// A mapping whose keys are names.
    Named(&'static Kind),
    /// A mapping whose keys are anything.
    Keyed(&'static Kind),
    /// One of several forms, told apart by what YAML makes of them.
    Either(&'static [Kind]),
    /// The form, or nothing at all.
    Maybe(&'static Kind),
}

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its keys.
    pub keys: &'static [(&'static str, Kind)],
    /// Those that must be there.
    pub required: &'static [&'static str],
    /// Whether `x-*` keys may be there.
    pub extensible: bool,
}

impl Object {
    /// An object with optional keys only, that may have extensions.
    pub const fn of(keys: &'static [(&'static str, Kind)]) -> Self {
        Object { keys, required: &[], extensible: true }
    }

    pub const fn requiring(self, required: &'static [&'static str]) -> Self {
        Object { required, ..self }
    }

    pub const fn closed(self) -> Self {
        Object { extensible: false, ..self }
    }

    /// The kind of a key's value.
    pub fn kind(&self, key: &str) -> Option<&'static Kind> {
        self.keys.iter().find(|(name, _)| *name == key).map(|(_, kind)| kind)
    }
}

/// The way from the root to a value, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trail::Root => Ok(()),
            Trail::Key(Trail::Root, key) => f.write_str(key),
            Trail::Key(parent, key) => write!(f, "{parent}.{key}"),
            Trail::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
