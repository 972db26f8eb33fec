//! `down`: asks, stops, removes.

use super::Session;
use crate::cli;
use crate::error::{Code, Failure};
use crate::execute::{Outcome, Site};
use crate::observe::observe;
use crate::plan::{self, Volumes};
use crate::stack::StackName;
use crate::transaction::{KeepState, Transaction, stuck};

/// Runs the verb.
///
/// # Errors
/// When it cannot begin, or the stack still serves.
pub async fn run(session: &Session, args: &cli::Down) -> anyhow::Result<Code> {
    let stack = session.stack_name()?;
    let engine = session.engine().await?;
    let seen = observe(&engine, &stack, Default::default()).await?;
    plan::check_adoption(&stack, &seen)?;
    let known = seen.of(&stack).next().is_some() || seen.volumes.values().any(|volume| volume.is_of(&stack));
    if !known {
        session.ui.say(&format!("nothing to do: stack {stack} is not on this engine"));
        return Ok(Code::Done);
    }
    if !args.yes && !confirmed(session, &stack, args)? {
        return Ok(Code::Done);
    }
    let volumes = if args.volumes { Volumes::Remove } else { Volumes::Keep };
    let transaction = Transaction::begin(session, &engine, &stack, plan::Verb::Down).await?;
    let observed = observe(&engine, &stack, transaction.records.history.clone()).await?;
    let plan = plan::down(&stack, &observed, volumes);
    let site = Site::for_undo(&engine, &transaction.agent, &stack);
    let outcome = transaction.execute(&site, &plan, None).await;
    let done = matches!(&outcome, Ok(Outcome::Committed { unfinished: None }));
    let keep = if done && args.volumes { KeepState::No } else { KeepState::Yes };
    transaction.end(keep).await?;
    conclude(session, &stack, volumes, outcome?)
}

/// Asks once, and once more for what cannot be brought back.
fn confirmed(session: &Session, stack: &StackName, args: &cli::Down) -> anyhow::Result<bool> {
    let stop = format!("Stop stack {stack} and remove its containers and networks?");
    let forget = format!("Remove its volumes and its history too? The data of {stack} is gone then.");
    Ok(session.ui.confirm(&stop)? && (!args.volumes || session.ui.confirm(&forget)?))
}

fn conclude(
    session: &Session,
    stack: &StackName,
    volumes: Volumes,
    outcome: Outcome,
) -> anyhow::Result<Code> {
    match outcome {
        Outcome::Committed { unfinished: None } => {
            let kept = if volumes == Volumes::Keep { "; its volumes and its history are kept" } else { "" };
            session.ui.say(&format!("stack {stack} is down{kept}"));
            Ok(Code::Done)
        }
        Outcome::Committed { unfinished: Some(left) } => {
            let text = format!("stack {stack} is stopped, but not all of it could be removed: {left}");
            let hint = "clear the reason, then run `deployer down` again";
            Err(Failure::new(Code::Stuck, text).hint(hint).into())
        }
        Outcome::RolledBack { failed, cause } => {
            let text = format!("down was taken back, stack {stack} serves: {failed}\n  {}", cause.report());
            Err(Failure::new(Code::RolledBack, text).into())
        }
        Outcome::Stuck { left, .. } => Err(stuck(stack, &left).into()),
    }
}
