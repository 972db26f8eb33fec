//! `history`: the releases, newest first.

use serde::Serialize;

use super::Session;
use crate::error::Code;
use crate::observe::records;
use crate::stack::{Release, ReleaseNumber};
use crate::transaction::agent;

#[derive(Serialize)]
struct Row<'a> {
    release: ReleaseNumber,
    tag: &'a str,
    source: Option<ReleaseNumber>,
    revision: Option<&'a str>,
    created: &'a str,
    by: &'a str,
    live: bool,
    kept: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the engine does not answer or the records cannot be understood.
pub async fn run(session: &Session) -> anyhow::Result<Code> {
    let stack = session.stack_name()?;
    let engine = session.engine().await?;
    let containers = engine.containers(Some(&stack)).await?;
    let records = records(&engine, &stack, &containers, async || agent(session, &engine).await).await?;
    let live = records.history.live().map(|release| release.number);
    let rows: Vec<Row<'_>> =
        records.history.releases.iter().rev().map(|release| row(release, live)).collect();
    if session.ui.is_json() {
        session.ui.data(&rows);
        return Ok(Code::Done);
    }
    if rows.is_empty() {
        session.ui.say(&format!("stack {stack} has no release yet"));
        return Ok(Code::Done);
    }
    let lines = rows.iter().map(|row| {
        let what = row.source.map_or_else(String::new, |source| format!("again release {source}"));
        let state = if row.live {
            "live"
        } else if row.kept {
            "kept"
        } else {
            ""
        };
        let release = row.release.to_string();
        [&release, row.tag, state, row.created, row.by, &what].map(str::to_owned).to_vec()
    });
    session.ui.table(&["RELEASE", "TAG", "STATE", "CREATED", "BY", ""], lines.collect());
    Ok(Code::Done)
}

fn row(release: &Release, live: Option<ReleaseNumber>) -> Row<'_> {
    Row {
        release: release.number,
        tag: &release.tag,
        source: release.source,
        revision: release.revision.as_deref(),
        created: &release.created,
        by: &release.by,
        live: live == Some(release.number),
        kept: release.stack.is_some(),
    }
}
