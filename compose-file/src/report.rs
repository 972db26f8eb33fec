//! Findings while they are gathered, and the budget that bounds all work on an input.
//!
//! It must never decide what is wrong; the stages do.

use std::collections::HashSet;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::source::{Sources, Span};

/// The most values that a project may consist of, copies by aliases, `extends` and ranges included.
const LARGEST_PROJECT: usize = 400_000;
/// More findings help nobody.
const MOST_FINDINGS: usize = 100;

/// The load cannot go on; the reason has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop;

/// A finding with its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Problem {
    severity: Severity,
    code: &'static str,
    span: Span,
    message: String,
    help: Option<String>,
}

impl Problem {
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Problem { severity: Severity::Error, code, span, message: message.into(), help: None }
    }

    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Problem { severity: Severity::Warning, ..Problem::error(code, span, message) }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Problem { help: Some(help.into()), ..self }
    }

    /// The finding with its place in words.
    pub fn diagnostic(&self, sources: &Sources) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(self.severity, self.code, self.message.clone());
        diagnostic.help.clone_from(&self.help);
        diagnostic.at(sources, self.span)
    }

    pub fn maybe_help(self, help: Option<String>) -> Self {
        Problem { help, ..self }
    }
}

/// All that was read and found so far.
#[derive(Debug)]
pub(crate) struct Report {
    pub sources: Sources,
    problems: Vec<Problem>,
    seen: HashSet<Problem>,
    errors: usize,
    left: usize,
    /// Top-level `x-…` keys of included files, which belong to no project.
    pub left_out: Vec<(String, Span)>,
}

impl Report {
    pub fn new(base: &Path) -> Self {
        let sources = Sources::new(base);
        Report {
            sources,
            problems: Vec::new(),
            seen: HashSet::new(),
            errors: 0,
            left: LARGEST_PROJECT,
            left_out: Vec::new(),
        }
    }

    /// Takes a finding in, once.
    pub fn add(&mut self, problem: Problem) {
        if problem.severity == Severity::Error {
            self.errors += 1;
        }
        let full = self.problems.len() >= MOST_FINDINGS && self.errors != 1;
        if !full && self.seen.insert(problem.clone()) {
            self.problems.push(problem);
        }
    }

    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.add(Problem::error(code, span, message));
    }

    /// Reports an error after which nothing can go on.
    pub fn stop<T>(&mut self, problem: Problem) -> Result<T, Stop> {
        self.add(problem);
        Err(Stop)
    }

    /// Stops when there were errors.
    pub fn checkpoint(&self) -> Result<(), Stop> {
        if self.errors > 0 { Err(Stop) } else { Ok(()) }
    }

    /// Whether further findings would be dropped: then they need not be worded with care.
    pub fn is_full(&self) -> bool {
        self.problems.len() >= MOST_FINDINGS
    }

    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Takes from the budget; the place is what is blamed when it is used up.
    pub fn charge(&mut self, span: Span, amount: usize) -> Result<(), Stop> {
        match self.left.checked_sub(amount) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.stop(
                Problem::error(
                    "too-large",
                    span,
                    format!("the project is too large: more than {LARGEST_PROJECT} values"),
                )
                .help(
                    "aliases, `extends`, `include`, port ranges and long values all count; use fewer of them",
                ),
            ),
        }
    }

    /// The findings with their places in words, errors and warnings in the order of the files.
    pub fn diagnostics(&self) -> Diagnostics {
        in_words(self.problems.clone(), &self.sources)
    }
}

/// Findings in the order of the files, errors first.
pub(crate) fn in_words(mut problems: Vec<Problem>, sources: &Sources) -> Diagnostics {
    problems.sort_by_key(|one| (one.severity, one.span));
    Diagnostics(problems.iter().map(|one| one.diagnostic(sources)).collect())
}
