//! What is wrong with a file, where, and what to do: for people and, as JSON, for editors.
//!
//! It must never print; [`Diagnostics::render`] returns text.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::{Position, Sources, Span};

mod render;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; something in it has no effect or not the expected one.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name of the kind of finding, `unknown-key` for example.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where.
    #[serde(flatten)]
    pub location: Option<Location>,
}

/// A place in a file, with the lines that a message shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The file, relative to the current directory when it is below it.
    pub file: String,
    /// Where it starts.
    #[serde(flatten)]
    pub start: Position,
    /// Where it ends.
    pub end: Position,
    #[serde(skip)]
    excerpt: render::Excerpt,
}

/// Findings, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostic {
    /// A finding without a place.
    pub fn new(severity: Severity, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Diagnostic { severity, code: code.to_owned(), message, help: None, location: None }
    }

    /// The same with a place.
    pub(crate) fn at(mut self, sources: &Sources, span: Span) -> Self {
        self.location = sources.file(span).map(|file| Location {
            file: sources.shown(span),
            start: sources.position(span, span.start),
            end: sources.position(span, span.end),
            excerpt: render::Excerpt::of(&file.text, span),
        });
        self
    }

    /// The same with a remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The text for a person; its first line holds `file:line:column`.
    pub fn render(&self, color: Color) -> String {
        render::render(self, color)
    }
}

/// Whether a text may hold colour codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// No codes.
    Plain,
    /// Codes of a terminal.
    Ansi,
}

impl Diagnostics {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|one| one.severity == Severity::Error)
    }

    /// The text for a person, one finding after the other.
    pub fn render(&self, color: Color) -> String {
        let texts: Vec<String> = self.0.iter().map(|one| one.render(color)).collect();
        texts.join("\n\n")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Color::Plain))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Color::Plain))
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Diagnostics(vec![one])
    }
}
