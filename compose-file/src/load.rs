//! The stages, one after the other.
//!
//! It must never do a stage's work itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::assemble::{Scope, assemble};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::model::{Inactive, Project};
use crate::node::Node;
use crate::report::{Problem, Report, Stop, in_words};
use crate::request::Request;
use crate::schema::{self, Kind, PROJECT, Trail};
use crate::source::{Sources, Span};
use crate::{check, name, normalise, output, place};

/// Loads a project: everything up to and including the normalisation.
pub fn load(request: &Request) -> Result<Loaded, Diagnostics> {
    let mut report = Report::new(&request.current_directory);
    match stages(&mut report, request) {
        Ok(stages) => Ok(stages.loaded(&report)),
        Err(Stop) => Err(report.diagnostics()),
    }
}

/// What the stages made.
struct Stages {
    name: String,
    inactive: Inactive,
    tree: Node,
    files: Vec<PathBuf>,
    directory: PathBuf,
    environment: BTreeMap<String, String>,
}

fn stages(report: &mut Report, request: &Request) -> Result<Stages, Stop> {
    let plan = request.plan(report)?;
    let mut environment = plan.environment.clone();
    if let Some(name) = name::foresee(request, &plan) {
        environment.insert(name::VARIABLE.to_owned(), name);
    }
    let mut scope = Scope { directory: plan.directory.clone(), environment, including: Vec::new() };
    let mut tree = assemble(report, &plan.files, &scope)?;
    let name = name::choose(report, request, &plan, &tree);
    scope.environment.insert(name::VARIABLE.to_owned(), name.clone());
    schema::finish(report, &Kind::Object(&PROJECT), &mut tree, Trail::Root);
    report.checkpoint()?;
    let dropped = normalise::drop_inactive(&mut tree, &plan.profiles);
    normalise::load_files(report, &mut tree, &scope.environment)?;
    normalise::normalise(&mut tree, &name);
    check::check(report, &tree, &dropped);
    report.checkpoint()?;
    let mut volumes: BTreeSet<String> = tree.children("volumes").map(|(name, _)| name.clone()).collect();
    normalise::drop_unused(&mut tree);
    volumes.retain(|name| tree.get("volumes").is_none_or(|used| used.get(name).is_none()));
    let inactive = Inactive { services: dropped, volumes };
    Ok(Stages {
        name,
        inactive,
        tree,
        files: plan.files,
        directory: plan.directory,
        environment: scope.environment,
    })
}

impl Stages {
    fn loaded(self, report: &Report) -> Loaded {
        let (mut project, findings) = crate::typed::project(&self.name, &self.directory, &self.tree);
        project.inactive = self.inactive;
        let (errors, notes): (Vec<_>, Vec<_>) = findings.into_iter().partition(Problem::is_error);
        let mut warnings = report.diagnostics();
        warnings.0.extend(in_words(notes, &report.sources).0);
        let errors = in_words(errors, &report.sources);
        Loaded {
            project: if errors.is_empty() { Ok(project) } else { Err(errors) },
            document: output::json(&self.tree),
            name: self.name,
            tree: self.tree,
            files: self.files,
            directory: self.directory,
            environment: self.environment,
            sources: report.sources.clone(),
            left_out: report.left_out.clone(),
            warnings,
        }
    }
}

/// A loaded project.
#[derive(Debug, Clone)]
pub struct Loaded {
    name: String,
    tree: Node,
    document: serde_json::Value,
    files: Vec<PathBuf>,
    directory: PathBuf,
    environment: BTreeMap<String, String>,
    sources: Sources,
    left_out: Vec<(String, Span)>,
    warnings: Diagnostics,
    project: Result<Project, Diagnostics>,
}

impl Loaded {
    /// The project's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The normalised document, in the shape that `docker compose config --format json` prints.
    pub fn document(&self) -> &serde_json::Value {
        &self.document
    }

    /// The variables that the files were read with, those of env files included.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The Compose files, without those that they extend or include.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The folder that relative paths were resolved against.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All texts that were read.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What is worth a word, and no error.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The typed project. What is valid Compose but has no place in it is an error here.
    pub fn project(&self) -> Result<Project, Diagnostics> {
        self.project.clone()
    }

    /// A finding about the value at a path of the document, `services.web.volumes[0]` for example. When nothing
    /// is there, the nearest value around it is meant.
    pub fn diagnostic_at(
        &self,
        path: &str,
        severity: Severity,
        message: &str,
        help: Option<&str>,
    ) -> Diagnostic {
        self.diagnostic(self.span(path), severity, message, help)
    }

    /// A finding about a place in the files.
    pub fn diagnostic(
        &self,
        span: Span,
        severity: Severity,
        message: &str,
        help: Option<&str>,
    ) -> Diagnostic {
        let diagnostic = Diagnostic::new(severity, "refused", message).at(&self.sources, span);
        match help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    }

    /// Where an included file has this `x-…` key at its top level: it is not part of the project.
    pub fn left_out(&self, key: &str) -> Option<Span> {
        self.left_out.iter().find(|(name, _)| name == key).map(|(_, span)| *span)
    }

    /// Where the value at a path of the document was written.
    pub fn span(&self, path: &str) -> Span {
        place::find(&self.tree, path)
    }

    /// The normalised document as YAML.
    pub fn config_yaml(&self) -> String {
        output::yaml(&self.tree)
    }
}
