//! One writing command from lock to last word: take the lock, finish or take back what an earlier command left, carry
//! out the plan, let the lock go.

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::commands::Session;
use crate::engine::own_image::Program;
use crate::engine::{self, Engine};
use crate::error::{Code, Failure};
use crate::event::Events;
use crate::execute::{Faults, Outcome, Run, Site};
use crate::host;
use crate::images::Activity;
use crate::keeper::{self, Lock, LockError};
use crate::observe::Records;
use crate::plan::{Plan, Verb};
use crate::record::Journal;
use crate::stack::{Release, StackName};

/// A writing command that holds the lock.
pub struct Transaction<'a> {
    engine: &'a Engine,
    /// Our own image on the engine.
    pub agent: String,
    /// What is stored.
    pub records: Records,
    /// `user@host`.
    pub by: String,
    /// When it began, RFC 3339, UTC.
    pub at: String,
    /// Ctrl-C.
    pub interrupt: CancellationToken,
    lock: Lock,
    stack: StackName,
    events: &'a Events,
    faults: Faults,
}

fn program(session: &Session) -> Result<Program, engine::Error> {
    match &session.global.agent_binary {
        Some(path) => Program::at(path),
        None => Program::running(),
    }
}

/// The name that our own image would have, for a plan that is only shown; none when there could be no image.
#[must_use]
pub fn agent_name(session: &Session) -> Option<String> {
    program(session).ok().map(|program| program.image())
}

/// Our own image, uploaded when the engine lacks it.
///
/// # Errors
/// When this program cannot run in an image, or the engine refuses.
pub async fn agent(session: &Session, engine: &Engine) -> Result<String, engine::Error> {
    let program = program(session)?;
    let mut work = None;
    let result = engine
        .ensure_own_image(&program, |progress| {
            let work =
                work.get_or_insert_with(|| Activity::begin(&session.events, "upload the deployer".into()));
            work.progress("bytes".into(), progress.sent, progress.total);
        })
        .await;
    match work {
        Some(work) => work.end(result, "uploaded, once for this engine and version"),
        None => result,
    }
}

impl<'a> Transaction<'a> {
    /// Takes the lock, and puts in order what an earlier command left.
    ///
    /// # Errors
    /// When somebody else holds the lock, or what was left cannot be put in order.
    pub async fn begin(
        session: &'a Session,
        engine: &'a Engine,
        stack: &StackName,
        verb: Verb,
    ) -> anyhow::Result<Self> {
        let agent = agent(session, engine).await?;
        let (by, at) = (host::who(), now());
        let holder = format!("{} ({by})", verb.as_str());
        let (lock, stored) = keeper::acquire(engine, stack, &agent, &holder, &at).await.map_err(locked)?;
        let records = Records::parse(stack, &stored)?;
        let interrupt = session.interrupt.clone();
        let (events, faults) = (&session.events, session.faults);
        let stack = stack.clone();
        let mut this = Self { engine, agent, records, by, at, interrupt, lock, stack, events, faults };
        if let Some(journal) = this.records.journal.take() {
            this.recover(&journal).await?;
        }
        Ok(this)
    }

    fn run<'b>(&'b self, site: &'b Site, faults: &'b Faults) -> Run<'b> {
        Run { site, lock: &self.lock, events: self.events, interrupt: &self.interrupt, faults }
    }

    /// Finishes a command that was committed, takes back one that was not.
    async fn recover(&self, journal: &Journal) -> anyhow::Result<()> {
        let site = Site::for_undo(self.engine, &self.agent, &self.stack);
        let none = Faults::none();
        let run = self.run(&site, &none);
        let what = format!("{} by {} at {}", journal.plan.verb.as_str(), journal.by, journal.at);
        if journal.committed {
            self.events.note(format!("finishing what an interrupted {what} left to do"));
            let first = journal.plan.waves.iter().map(|wave| wave.steps.len()).sum();
            if let Some(unfinished) = run.retire(&journal.plan, first).await? {
                self.events.warn(format!("still unfinished: {unfinished}"));
            }
            return Ok(());
        }
        self.events.note(format!("taking back an interrupted {what}"));
        let left = run.unwind(&journal.plan, journal.reached).await?;
        if left.is_empty() {
            return Ok(self.lock.close().await?);
        }
        Err(stuck(&self.stack, &left).into())
    }

    /// Carries out a plan.
    ///
    /// # Errors
    /// When the journal cannot be written any more.
    pub async fn execute(
        &self,
        site: &Site,
        plan: &Plan,
        release: Option<&Release>,
    ) -> anyhow::Result<Outcome> {
        let result = self.run(site, &self.faults).execute(plan, release, &self.by, &self.at).await;
        result.with_context(|| {
            format!(
                "the {} was left half done; the next command on stack {} puts it in order",
                plan.verb.as_str(),
                self.stack
            )
        })
    }

    /// Lets the lock go. A stack that never had a release leaves nothing behind.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn end(self, keep_state: KeepState) -> anyhow::Result<()> {
        let (engine, stack) = (self.engine.clone(), self.stack.clone());
        self.lock.release(&engine).await;
        if keep_state == KeepState::No {
            engine.remove_volume(&stack, &stack.state_volume()).await?;
        }
        Ok(())
    }
}

/// What becomes of journal, history and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepState {
    /// There is a release to remember.
    Yes,
    /// There is none.
    No,
}

/// Now, RFC 3339, UTC, in seconds.
#[must_use]
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What is left, word for word, and how to go on.
#[must_use]
pub fn stuck(stack: &StackName, left: &[(String, String)]) -> Failure {
    let lines: Vec<String> = left.iter().map(|(what, why)| format!("\n  {what}: {why}")).collect();
    Failure::new(Code::Stuck, format!("stack {stack} could not be put back; still to do:{}", lines.concat()))
        .hint("clear the reason that each line names, then run any writing command: it goes on from here")
}

fn locked(error: LockError) -> anyhow::Error {
    let text = error.to_string();
    match error {
        LockError::Held { .. } => {
            anyhow::Error::new(Failure::new(Code::Locked, text).hint("wait until it is done, then try again"))
        }
        LockError::Foreign(_) => anyhow::Error::new(
            Failure::new(Code::Configuration, text).hint("rename or remove that container, then try again"),
        ),
        other => anyhow::Error::new(other),
    }
}
