//! Faults that a test asks for, an ordinary argument of the executor.

use super::StepError;

/// Where to fail. Steps are counted over all waves, those after the commit included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults(Option<(Point, usize)>);

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
        Self(None)
    }

    /// The step fails without having been tried.
    #[must_use]
    pub fn before(step: usize) -> Self {
        Self(Some((Point::Before, step)))
    }

    /// The step fails after it has taken effect.
    #[must_use]
    pub fn after(step: usize) -> Self {
        Self(Some((Point::After, step)))
    }

    /// The command ends after the step has taken effect, without another word.
    #[must_use]
    pub fn crash(step: usize) -> Self {
        Self(Some((Point::Crash, step)))
    }

    pub(super) fn before_step(&self, step: usize) -> Result<(), StepError> {
        if self.0 == Some((Point::Before, step)) { Err(StepError::Fault(step)) } else { Ok(()) }
    }

    pub(super) fn after_step(&self, step: usize) -> Result<(), StepError> {
        match self.0 {
            Some((Point::After, at)) if at == step => Err(StepError::Fault(step)),
            Some((Point::Crash, at)) if at == step => Err(StepError::Crashed(step)),
            _ => Ok(()),
        }
    }
}
