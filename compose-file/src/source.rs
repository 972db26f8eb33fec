//! The texts that a project was read from, and places in them.
//!
//! It must never interpret a text.

use std::path::{Path, PathBuf};

/// A range of bytes in one of the [`Sources`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub(crate) file: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// No place: a value that nobody wrote.
    pub(crate) const NOWHERE: Span = Span { file: u32::MAX, start: 0, end: 0 };
}

/// One file that was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Absolute path.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// All files that were read, in order: Compose files, extended and included ones, env files.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
    base: PathBuf,
}

/// A line and column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Sources {
    /// Sources whose paths are shown relative to `base`.
    pub(crate) fn new(base: &Path) -> Self {
        Sources { files: Vec::new(), base: base.to_owned() }
    }

    /// The files, in the order in which they were read.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The file that a span points into.
    pub fn file(&self, span: Span) -> Option<&SourceFile> {
        self.files.get(span.file as usize)
    }

    /// The text under a span.
    pub fn text(&self, span: Span) -> Option<&str> {
        self.file(span)?.text.get(span.start as usize..span.end as usize)
    }

    /// Where a byte of the span's file is.
    pub(crate) fn position(&self, span: Span, byte: u32) -> Position {
        let Some(file) = self.file(span) else { return Position { line: 1, column: 1 } };
        let mut end = (byte as usize).min(file.text.len());
        while !file.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &file.text[..end];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Position { line, column: before[start..].chars().count() + 1 }
    }

    /// The file's path as messages show it: relative when it is below the base.
    pub(crate) fn shown(&self, span: Span) -> String {
        self.file(span).map_or_else(String::new, |file| self.shown_path(&file.path))
    }

    pub(crate) fn shown_path(&self, path: &Path) -> String {
        let short = path.strip_prefix(&self.base).ok().filter(|rest| !rest.as_os_str().is_empty());
        short.unwrap_or(path).display().to_string()
    }

    pub(crate) fn add(&mut self, path: PathBuf, text: String) -> u32 {
        self.files.push(SourceFile { path, text });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }
}
