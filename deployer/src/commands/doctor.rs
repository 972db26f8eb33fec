//! `doctor`: what a deploy needs, each with a remedy for what is missing. It must never change anything, and one
//! answer must never keep the others from being given.

use serde::Serialize;

use super::Session;
use crate::engine::Engine;
use crate::error::{Code, hint_of};
use crate::project::Workspace;

mod dockerfile;
mod images;
mod machine;
mod ports;
mod variables;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    check: String,
    verdict: Verdict,
    detail: String,
    remedy: Option<String>,
}

/// All of them.
#[derive(Debug, Serialize)]
struct Report {
    ready: bool,
    checks: Vec<Finding>,
}

impl Finding {
    fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Ok, detail: detail.into(), remedy: None }
    }

    fn failed(check: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { check: check.into(), verdict: Verdict::Failed, detail: detail.into(), remedy }
    }

    fn warning(check: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, ..Self::failed(check, detail, remedy) }
    }

    /// An error with its causes on one line, and what it says to do.
    fn error(check: impl Into<String>, error: &anyhow::Error, remedy: &str) -> Self {
        Self::failed(check, format!("{error:#}"), hint_of(error).unwrap_or_else(|| remedy.to_owned()))
    }
}

/// Looks at everything.
///
/// # Errors
/// None so far: what fails is a finding.
pub async fn run(session: &Session) -> anyhow::Result<Code> {
    let mut checks = variables::check(&session.global);
    let workspace = match Workspace::open(session, None) {
        Ok(workspace) => {
            let files =
                workspace.loaded.files().iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
            checks.push(Finding::ok("Compose files", files.join(", ")));
            checks.extend(machine::commands(&workspace));
            Some(workspace)
        }
        Err(error) => {
            checks.push(Finding::error(
                "Compose files",
                &error,
                "`deployer config` shows what is wrong with them",
            ));
            None
        }
    };
    match session.engine().await {
        Ok(engine) => checks.extend(of_engine(session, &engine, workspace.as_ref()).await),
        Err(error) => {
            checks.push(Finding::error("engine", &error, "start it, or name another one with --host"))
        }
    }
    let ready = checks.iter().all(|finding| finding.verdict != Verdict::Failed);
    show(session, &Report { ready, checks });
    Ok(if ready { Code::Done } else { Code::Configuration })
}

async fn of_engine(session: &Session, engine: &Engine, workspace: Option<&Workspace>) -> Vec<Finding> {
    let mut found = machine::engine(session, engine).await;
    if let Some(workspace) = workspace {
        found.extend(ports::check(engine, workspace).await);
        found.extend(images::check(engine, workspace).await);
    }
    found
}

fn show(session: &Session, report: &Report) {
    if session.ui.is_json() {
        return session.ui.data(report);
    }
    for finding in &report.checks {
        let word = match finding.verdict {
            Verdict::Ok => "ok     ",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED ",
        };
        let detail = finding.detail.trim_end().replace('\n', "\n           ");
        session.ui.print(&format!("{word}  {}: {detail}", finding.check));
        if let Some(remedy) = &finding.remedy {
            session.ui.print(&format!("         remedy: {remedy}"));
        }
    }
    let failed = report.checks.iter().filter(|finding| finding.verdict == Verdict::Failed).count();
    session.ui.print(&match failed {
        0 => "ready to deploy".to_owned(),
        1 => "not ready to deploy: 1 check failed".to_owned(),
        failed => format!("not ready to deploy: {failed} checks failed"),
    });
}
