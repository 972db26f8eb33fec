//! `build`: host commands and images, and nothing else.

use super::{Session, deploy};
use crate::cli;
use crate::error::{Code, Failure};
use crate::observe::records;
use crate::project::{Wanted, Workspace};
use crate::transaction::agent;

/// Runs the verb.
///
/// # Errors
/// The first command or build that fails.
pub async fn run(session: &Session, args: &cli::Build) -> anyhow::Result<Code> {
    let workspace = Workspace::open(session, args.tag.as_deref())?;
    let wanted = Wanted::parse(&workspace.project, &args.services)?;
    let engine = session.engine().await?;
    let name = workspace.name();
    let containers = engine.containers(Some(&name)).await?;
    let records = records(&engine, &name, &containers, async || agent(session, &engine).await).await?;
    tokio::select! {
        prepared = deploy::prepare(session, &engine, &workspace, &wanted, records.history.next()) => prepared?,
        () = session.interrupt.cancelled() => {
            return Err(Failure::new(Code::RolledBack, "interrupted: what was built stays, nothing was deployed").into());
        }
    }
    let built = workspace.builds(&wanted);
    let names: Vec<&str> = built.iter().map(|name| name.as_str()).collect();
    session.ui.say(&format!("built with tag {}: {}", workspace.tag, names.join(", ")));
    Ok(Code::Done)
}
