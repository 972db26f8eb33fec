//! Faults that a test asks for, an ordinary argument of the executor.

use super::StepError;

/// What goes wrong at which step. Steps are counted over all waves, those after the commit included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    step: Option<(Point, usize)>,
    undo: Option<usize>,
    twice: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Before,
    After,
    Crash,
}

impl Faults {
    /// Nothing fails by itself.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The step fails without having been tried, as a call does that times out and never takes effect.
    #[must_use]
    pub fn before(step: usize) -> Self {
        Self { step: Some((Point::Before, step)), ..Self::none() }
    }

    /// The step fails after it has taken effect, as a call does whose answer never comes.
    #[must_use]
    pub fn after(step: usize) -> Self {
        Self { step: Some((Point::After, step)), ..Self::none() }
    }

    /// The command ends after the step has taken effect, without another word.
    #[must_use]
    pub fn crash(step: usize) -> Self {
        Self { step: Some((Point::Crash, step)), ..Self::none() }
    }

    /// Every step is done twice, and so is every undo.
    #[must_use]
    pub fn twice(self) -> Self {
        Self { twice: true, ..self }
    }

    /// The undo of this step fails, however often it is tried.
    #[must_use]
    pub fn undo(self, step: usize) -> Self {
        Self { undo: Some(step), ..self }
    }

    /// How often a step or an undo is done.
    pub(super) fn times(&self) -> usize {
        if self.twice { 2 } else { 1 }
    }

    pub(super) fn before_step(&self, step: usize) -> Result<(), StepError> {
        if self.step == Some((Point::Before, step)) { Err(StepError::Fault(step)) } else { Ok(()) }
    }

    pub(super) fn after_step(&self, step: usize) -> Result<(), StepError> {
        match self.step {
            Some((Point::After, at)) if at == step => Err(StepError::Fault(step)),
            Some((Point::Crash, at)) if at == step => Err(StepError::Crashed(step)),
            _ => Ok(()),
        }
    }

    pub(super) fn before_undo(&self, step: usize) -> Result<(), StepError> {
        if self.undo == Some(step) { Err(StepError::Fault(step)) } else { Ok(()) }
    }
}
