//! The drawing of a finding: title, source lines with the place underlined, help.
//!
//! It must never look at a file again; the excerpt was taken when the finding was made.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Color, Diagnostic, Severity};
use crate::source::Span;

/// Longer lines are cut around the place.
const LONGEST_LINE: usize = 160;

/// The line of a place, cut to a bearable length, and the place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    text: String,
    marked: Range<usize>,
}

impl Excerpt {
    /// The first line of the span; what goes on below it is not shown.
    pub fn of(text: &str, span: Span) -> Self {
        let start = floor(text, span.start as usize);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        let stop = floor(text, span.end as usize).clamp(start, end);
        let (from, to) = window(text, begin..end, start);
        let line = text[from..to].to_owned();
        let marked = start - from..(stop.min(to) - from).max(start - from);
        Excerpt { text: line, marked }
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn window(text: &str, line: Range<usize>, place: usize) -> (usize, usize) {
    if line.len() <= LONGEST_LINE {
        return (line.start, line.end);
    }
    let from = floor(text, place.saturating_sub(LONGEST_LINE / 2).max(line.start));
    (from, floor(text, (from + LONGEST_LINE).min(line.end)))
}

pub(super) fn render(one: &Diagnostic, color: Color) -> String {
    let renderer = match color {
        Color::Plain => Renderer::plain(),
        Color::Ansi => Renderer::styled(),
    };
    let level = match one.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = match &one.location {
        Some(at) => format!("{}:{}:{}: {}", at.file, at.start.line, at.start.column, one.message),
        None => one.message.clone(),
    };
    let mut group = Group::with_title(level.primary_title(title));
    if let Some(at) = &one.location {
        let mark = AnnotationKind::Primary.span(at.excerpt.marked.clone());
        let lines = Snippet::source(at.excerpt.text.as_str()).line_start(at.start.line);
        group = group.element(lines.annotation(mark));
    }
    if let Some(help) = &one.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}
