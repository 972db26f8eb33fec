//! `plan`, and what `--dry-run` prints: what a deploy would do. Nothing is locked, built or changed.

use std::collections::BTreeMap;

use super::Session;
use crate::cli;
use crate::engine::Engine;
use crate::error::Code;
use crate::observe::{observe, records};
use crate::plan::{self, Decision, Meta};
use crate::project::{Wanted, Workspace};
use crate::record::History;
use crate::stack::{ImageFacts, Key, ReleaseNumber, ServiceName, StackName};
use crate::transaction::{agent, agent_name, now};
use crate::{host, images};

/// Runs the verb.
///
/// # Errors
/// When the files, the engine or a planner refuse.
pub async fn run(session: &Session, args: &cli::Plan) -> anyhow::Result<Code> {
    let workspace = Workspace::open(session, args.tag.as_deref())?;
    let wanted = Wanted::parse(&workspace.project, &args.services)?;
    let engine = session.engine().await?;
    show(session, &engine, &workspace, &wanted).await
}

/// Prints the plan of a deploy.
///
/// # Errors
/// When the files, the engine or a planner refuse.
pub async fn show(
    session: &Session,
    engine: &Engine,
    workspace: &Workspace,
    wanted: &Wanted,
) -> anyhow::Result<Code> {
    let name = workspace.name();
    let containers = engine.containers(Some(&name)).await?;
    let records = records(engine, &name, &containers, async || agent(session, engine).await).await?;
    super::refuse_remote_binds(engine, workspace)?;
    workspace.check_engine(engine.api())?;
    if records.journal.is_some() {
        session.events.warn("an earlier command did not finish: a deploy puts that in order first");
    }
    let facts = guess(engine, workspace, &records.history).await?;
    let key = records.key.unwrap_or_else(Key::random);
    let stack = plan::select(workspace.resolve(&facts, &key)?.stack, records.history.live(), wanted);
    let observed = observe(engine, &name, records.history).await?;
    let meta = Meta {
        tag: workspace.tag.clone(),
        revision: workspace.revision.clone(),
        created: now(),
        by: String::new(),
        agent: agent_name(session),
    };
    let before = preparations(workspace, wanted, observed.history.next());
    print(session, &name, before, plan::deploy(&stack, &observed, &meta)?);
    Ok(Code::Done)
}

fn print(session: &Session, name: &StackName, before: Vec<String>, decision: Decision) {
    let ui = &session.ui;
    if ui.is_json() {
        return ui.data(&match decision {
            Decision::Nothing(number, tag) => serde_json::json!({
                "result": "unchanged", "stack": name, "release": number, "tag": tag, "prepare": before
            }),
            Decision::Change(planned) => {
                serde_json::json!({ "result": "change", "prepare": before, "plan": planned.plan })
            }
        });
    }
    ui.print(&before.iter().map(|line| format!("first: {line}\n")).collect::<String>());
    match decision {
        Decision::Nothing(number, tag) => {
            ui.print(&format!("nothing to do: stack {name} is release {number} (tag {tag}) already\n"));
        }
        Decision::Change(planned) => ui.print(&planned.plan.to_string()),
    }
}

/// What happens before the plan itself: a build may still change what has to be done.
fn preparations(workspace: &Workspace, wanted: &Wanted, number: ReleaseNumber) -> Vec<String> {
    let commands =
        workspace.commands(number).into_iter().map(|command| format!("run {}", host::spell(&command)));
    let builds = workspace.builds(wanted);
    let builds = builds.iter().map(|name| format!("build the image of {name}, here taken as unchanged"));
    commands.chain(builds).collect()
}

/// Without a build, an image that is built here is taken for the one that runs.
async fn guess(
    engine: &Engine,
    workspace: &Workspace,
    history: &History,
) -> anyhow::Result<BTreeMap<ServiceName, ImageFacts>> {
    let mut facts = images::unknown(&workspace.project);
    facts.extend(images::facts(engine, &workspace.project, &workspace.tag).await?);
    let live = history.live().and_then(|release| release.stack.as_ref());
    for (name, service) in live.into_iter().flat_map(|stack| &stack.services) {
        if let Some(fact) = facts.get_mut(name).filter(|fact| fact.built && service.image.built) {
            fact.id = service.image.id.clone();
            fact.exposed.clone_from(&service.image.exposed);
            fact.volumes.clone_from(&service.image.anonymous);
            fact.healthcheck = service.image.healthcheck;
        }
    }
    Ok(facts)
}
