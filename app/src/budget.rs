//! How much memory large documents may take at once. Never counts small ones: they cost less than the counting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Documents up to this size are read without asking.
pub const SMALL: usize = 32 << 10;

const UNIT: usize = 1 << 10;
const PATIENCE: Duration = Duration::from_millis(1500);

/// A share of the process's memory that documents hold while they pass through.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    units: u32,
}

/// The right to hold one document; what it took is free again when it is dropped.
#[derive(Debug)]
pub struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Waits a moment until a document of this size fits; `None` when it does not.
    pub async fn take(&self, bytes: usize) -> Option<Share> {
        if bytes <= SMALL {
            return Some(Share { _permit: None });
        }
        // A document above the whole budget takes all of it, so that it passes alone instead of never.
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        let permit = timeout(PATIENCE, Arc::clone(&self.free).acquire_many_owned(units)).await.ok()?.ok()?;
        Some(Share { _permit: Some(permit) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_large_document_waits_for_its_share_and_a_small_one_does_not() {
        let budget = Budget::new(4 << 20);
        let all = budget.take(64 << 20).await.expect("alone, everything fits");
        assert!(budget.take(1 << 20).await.is_none());
        assert!(budget.take(SMALL).await.is_some());
        drop(all);
        assert!(budget.take(1 << 20).await.is_some());
    }
}
