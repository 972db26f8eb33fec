//! Carries a plan out, or takes it back.
//!
//! Intent is journalled first, then the call is made. Ctrl-C, recovery and a failed step take the same way back.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::event::{Event, Events};
use crate::keeper::{Lock, LockError};
use crate::plan::{Op, Plan, Step, Wave};
use crate::record::{Entry, FORMAT};
use crate::stack::Release;

mod apply;
mod evidence;
mod faults;
mod fronts;
mod gate;
mod site;
mod step_error;
mod upgrade;

pub use evidence::Evidence;
pub use faults::Faults;
pub use fronts::Fronts;
pub use site::Site;
pub use step_error::StepError;

/// How a plan ended. A rollback is a result, not an error.
#[derive(Debug)]
pub enum Outcome {
    /// It is done; what could not be retired is left to the next command.
    Committed {
        /// Why retiring stopped, if it did.
        unfinished: Option<String>,
    },
    /// Everything is as it was.
    RolledBack {
        /// The step that failed.
        failed: String,
        /// Why.
        cause: StepError,
    },
    /// Some steps could not be taken back.
    Stuck {
        /// The step that failed first.
        failed: String,
        /// Why.
        cause: StepError,
        /// What is left, each with the reason.
        left: Vec<(String, String)>,
    },
}

/// Why a plan could neither be finished nor taken back.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// Without its journal nothing may be done.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A test ended the command here.
    #[error("ended by a fault at step {0}")]
    Crashed(usize),
}

/// Who carries a plan out, and what may stop it.
pub struct Run<'a> {
    /// Everything that the steps need.
    pub site: &'a Site,
    /// The lock; nothing is written without it.
    pub lock: &'a Lock,
    /// Who listens.
    pub events: &'a Events,
    /// Asked to stop: nothing new is started, what was done is taken back.
    pub interrupt: &'a CancellationToken,
    /// Faults that a test wants.
    pub faults: &'a Faults,
}

/// An undo is tried this often before a person is asked.
const UNDO_ATTEMPTS: u32 = 4;

impl Run<'_> {
    /// Carries out a plan: every wave, or none.
    ///
    /// # Errors
    /// When the journal cannot be written any more. The next command takes it from there.
    pub async fn execute(
        &self,
        plan: &Plan,
        release: Option<&Release>,
        by: &str,
        at: &str,
    ) -> Result<Outcome, ExecuteError> {
        let steps = plan.waves.iter().chain(&plan.retire).map(|wave| wave.steps.len()).sum();
        let number = plan.release.map(|release| release.0);
        let (verb, stack) = (plan.verb.as_str(), plan.stack.to_string());
        self.events.send(Event::Started { verb, stack, release: number, steps });
        if let Some(release) = release {
            self.lock.stage(release).await?;
        }
        let begin =
            Entry::Begin { format: FORMAT, by: by.into(), at: at.into(), plan: Box::new(plan.clone()) };
        self.lock.journal(begin).await?;
        let mut first = 0;
        for (number, wave) in plan.waves.iter().enumerate() {
            if self.interrupt.is_cancelled() {
                let before = number.checked_sub(1);
                return self.give_up(plan, before, wave.title.clone(), StepError::Interrupted).await;
            }
            self.lock.journal(Entry::Wave(number)).await?;
            if let Err((failed, cause)) = self.wave(wave, first, self.interrupt).await {
                match cause {
                    StepError::Crashed(step) => return Err(ExecuteError::Crashed(step)),
                    // Whoever holds the lock now may be at work on the same containers.
                    StepError::LockLost => return Err(self.lock.gone().into()),
                    _ => {}
                }
                return self.give_up(plan, Some(number), failed, cause).await;
            }
            first += wave.steps.len();
        }
        self.lock.journal(Entry::Committed).await?;
        self.events.send(Event::Committed { release: number });
        let unfinished = self.retire(plan, first).await?;
        Ok(Outcome::Committed { unfinished })
    }

    /// Finishes what follows the commit. What fails is left to the next command, which serves as well as this one.
    ///
    /// # Errors
    /// When the journal cannot be written any more.
    pub async fn retire(&self, plan: &Plan, mut first: usize) -> Result<Option<String>, ExecuteError> {
        for wave in &plan.retire {
            match self.wave(wave, first, self.interrupt).await {
                Ok(()) => first += wave.steps.len(),
                Err((_, StepError::Crashed(step))) => return Err(ExecuteError::Crashed(step)),
                Err((_, StepError::LockLost)) => return Err(self.lock.gone().into()),
                Err((failed, cause)) => return Ok(Some(format!("{failed}: {}", chain(&cause)))),
            }
        }
        self.lock.close().await?;
        Ok(None)
    }

    async fn give_up(
        &self,
        plan: &Plan,
        reached: Option<usize>,
        failed: String,
        cause: StepError,
    ) -> Result<Outcome, ExecuteError> {
        self.events.send(Event::Unwinding { reason: failed.clone() });
        let left = self.unwind(plan, reached).await?;
        if left.is_empty() {
            self.lock.close().await?;
            return Ok(Outcome::RolledBack { failed, cause });
        }
        Ok(Outcome::Stuck { failed, cause, left })
    }

    /// Takes back the waves up to this one, from the end. Steps that never happened are safe to take back too. Gives
    /// what could not be taken back, each with the reason.
    ///
    /// # Errors
    /// When the lock is lost: from then on nothing may be touched.
    pub async fn unwind(
        &self,
        plan: &Plan,
        reached: Option<usize>,
    ) -> Result<Vec<(String, String)>, ExecuteError> {
        tokio::select! {
            biased;
            () = self.lock.lost() => Err(self.lock.gone().into()),
            left = self.take_back(plan, reached) => Ok(left),
        }
    }

    async fn take_back(&self, plan: &Plan, reached: Option<usize>) -> Vec<(String, String)> {
        let Some(reached) = reached else { return Vec::new() };
        let mut first: usize = plan.waves[..=reached].iter().map(|wave| wave.steps.len()).sum();
        for (index, wave) in plan.waves[..=reached].iter().enumerate().rev() {
            first -= wave.steps.len();
            let undone = (first..).zip(&wave.steps).map(|(number, step)| self.undo(step, number));
            let mut left: Vec<_> = join_all(undone).await.into_iter().flatten().collect();
            if !left.is_empty() {
                // What could not be taken back may serve: nothing below it is touched.
                let below = plan.waves[..index].iter().rev().flat_map(|wave| &wave.steps);
                let waits = below.filter_map(|step| step.undo.as_ref()).map(Op::to_string);
                left.extend(waits.map(|text| (text, "waits for that".to_owned())));
                return left;
            }
        }
        Vec::new()
    }

    async fn undo(&self, step: &Step, number: usize) -> Option<(String, String)> {
        let op = step.undo.as_ref()?;
        let text = op.to_string();
        let never = CancellationToken::new();
        for attempt in 1.. {
            let result = async {
                self.faults.before_undo(number)?;
                self.apply(op, &never).await
            };
            match result.await {
                Ok(()) => break,
                Err(error) if attempt == UNDO_ATTEMPTS => {
                    let error = chain(&error);
                    self.events.send(Event::UndoFailed { text: text.clone(), error: error.clone() });
                    return Some((text, error));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200) * 4_u32.pow(attempt - 1)).await,
            }
        }
        self.events.send(Event::Undone { text });
        None
    }

    /// Once; a test wants it twice, which has to be the same.
    async fn apply(&self, op: &Op, stop: &CancellationToken) -> Result<(), StepError> {
        for _ in 0..self.faults.times() {
            self.site.apply(op, self.events, stop).await?;
        }
        Ok(())
    }

    /// All steps of a wave at once. The first failure makes those that only wait give up; calls that are under way are
    /// let finish, because one that is forgotten could still take effect after its undo.
    async fn wave(
        &self,
        wave: &Wave,
        first: usize,
        interrupt: &CancellationToken,
    ) -> Result<(), (String, StepError)> {
        self.events.send(Event::Wave { title: wave.title.clone() });
        let stop = interrupt.child_token();
        let steps = wave.steps.iter().enumerate().map(|(index, step)| {
            let stop = &stop;
            async move {
                let result = self.step(step, first + index, stop).await;
                if result.is_err() {
                    stop.cancel();
                }
                result.map_err(|error| (step.op.to_string(), error))
            }
        });
        let failures: Vec<_> = join_all(steps).await.into_iter().filter_map(Result::err).collect();
        // A step that gave up because another one failed is not the cause.
        let cause = failures.into_iter().min_by_key(|(_, error)| match error {
            StepError::LockLost | StepError::Crashed(_) => 0,
            StepError::Interrupted => 2,
            _ => 1,
        });
        cause.map_or(Ok(()), Err)
    }

    async fn step(&self, step: &Step, number: usize, stop: &CancellationToken) -> Result<(), StepError> {
        let (text, started) = (step.op.to_string(), std::time::Instant::now());
        self.events.send(Event::StepStarted { step: number, text: text.clone(), cause: step.cause.clone() });
        let result = async {
            self.faults.before_step(number)?;
            tokio::select! {
                biased;
                () = self.lock.lost() => return Err(StepError::LockLost),
                result = self.apply(&step.op, stop) => result?,
            }
            self.faults.after_step(number)
        };
        match result.await {
            Ok(()) => {
                self.events.send(Event::StepDone { step: number, text, took: started.elapsed() });
                Ok(())
            }
            Err(error) => {
                self.events.send(match error {
                    StepError::Interrupted => Event::StepStopped { step: number, text },
                    _ => Event::StepFailed { step: number, text, error: error.report() },
                });
                Err(error)
            }
        }
    }
}

/// An error with its sources, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
