//! `rollback`: a release of the history is the target.

use std::collections::{BTreeMap, BTreeSet};

use super::Session;
use super::deploy::conclude;
use crate::cli;
use crate::engine::Engine;
use crate::error::Code;
use crate::execute::{Fronts, Site};
use crate::observe::{observe, records};
use crate::plan::{self, Decision, Meta, Planned};
use crate::snapshot::Observed;
use crate::stack::{ImageId, Release, ReleaseNumber, StackName};
use crate::transaction::{KeepState, Transaction, agent, agent_name, now};

/// Runs the verb.
///
/// # Errors
/// When there is nothing to go back to, or it ended with the old release serving.
pub async fn run(session: &Session, args: &cli::Rollback) -> anyhow::Result<Code> {
    let stack = session.stack_name()?;
    let engine = session.engine().await?;
    if args.dry_run {
        return show(session, &engine, &stack, args).await;
    }
    // What cannot be done is said before the lock is taken, and the state of a stack that never was is not made.
    let early = look(session, &engine, &stack).await?;
    plan::target(&early, &stack, args.to.map(ReleaseNumber))?;
    let transaction = Transaction::begin(session, &engine, &stack, plan::Verb::Rollback).await?;
    let result = within(session, &engine, &transaction, args, &stack).await;
    transaction.end(KeepState::Yes).await?;
    result
}

async fn within(
    session: &Session,
    engine: &Engine,
    transaction: &Transaction<'_>,
    args: &cli::Rollback,
    stack: &StackName,
) -> anyhow::Result<Code> {
    let observed = observe(engine, stack, transaction.records.history.clone()).await?;
    let maker = Maker {
        created: transaction.at.clone(),
        by: transaction.by.clone(),
        agent: Some(transaction.agent.clone()),
    };
    let planned = match decide(engine, stack, &observed, args, maker).await? {
        Decision::Nothing(number, tag) => {
            session.ui.say(&format!("nothing to do: stack {stack} is release {number} (tag {tag}) already"));
            return Ok(Code::Done);
        }
        Decision::Change(planned) => *planned,
    };
    planned.plan.notes.iter().for_each(|note| session.events.note(note));
    let site = Site {
        engine: engine.clone(),
        agent: transaction.agent.clone(),
        name: stack.clone(),
        definitions: planned.release.stack.clone(),
        instances: planned.plan.instances.clone(),
        contents: BTreeMap::new(),
        fronts: Fronts::new(engine.clone(), stack.clone()),
        timeout: args.timeout,
    };
    let outcome = transaction.execute(&site, &planned.plan, Some(&planned.release)).await?;
    conclude(session, outcome, planned, observed.history.live())
}

/// When, by whom and with what a release is made.
struct Maker {
    created: String,
    by: String,
    agent: Option<String>,
}

async fn decide(
    engine: &Engine,
    stack: &StackName,
    observed: &Observed,
    args: &cli::Rollback,
    maker: Maker,
) -> anyhow::Result<Decision> {
    let target = plan::target(observed, stack, args.to.map(ReleaseNumber))?;
    let Maker { created, by, agent } = maker;
    let meta = Meta { tag: target.tag.clone(), revision: target.revision.clone(), created, by, agent };
    Ok(plan::rollback(target, observed, &images(engine, target).await?, &meta)?)
}

async fn look(session: &Session, engine: &Engine, stack: &StackName) -> anyhow::Result<Observed> {
    let containers = engine.containers(Some(stack)).await?;
    let records = records(engine, stack, &containers, async || agent(session, engine).await).await?;
    Ok(Observed { containers, history: records.history, ..Observed::default() })
}

async fn show(
    session: &Session,
    engine: &Engine,
    stack: &StackName,
    args: &cli::Rollback,
) -> anyhow::Result<Code> {
    let history = look(session, engine, stack).await?.history;
    let observed = observe(engine, stack, history).await?;
    let maker = Maker { created: now(), by: String::new(), agent: agent_name(session) };
    match decide(engine, stack, &observed, args, maker).await? {
        Decision::Nothing(number, tag) => {
            session.ui.print(&format!("nothing to do: release {number} (tag {tag}) is live\n"))
        }
        Decision::Change(planned) => {
            let Planned { plan, .. } = *planned;
            if session.ui.is_json() { session.ui.data(&plan) } else { session.ui.print(&plan.to_string()) }
        }
    }
    Ok(Code::Done)
}

/// Those of the release's images that the engine still has.
async fn images(engine: &Engine, release: &Release) -> anyhow::Result<BTreeSet<ImageId>> {
    let services = release.stack.iter().flat_map(|stack| stack.services.values());
    let wanted: BTreeSet<&ImageId> = services.map(|service| &service.image.id).collect();
    let mut found = BTreeSet::new();
    for id in wanted {
        if engine.find_image(id.as_str()).await?.is_some() {
            found.insert(id.clone());
        }
    }
    Ok(found)
}
