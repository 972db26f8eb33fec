//! What is being done (journal) and what has been done (history), as it lies on the state volume.
//!
//! Only the keeper writes it. An unknown newer format is an error, never a silent reset.

mod history;
mod journal;

pub use history::{History, KEPT};
pub use journal::{Entry, Journal};

/// The version of both formats.
pub const FORMAT: u32 = 1;

/// A record that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer deployer.
    #[error("the {what} of stack {stack} has format {found}, this deployer understands up to {FORMAT}")]
    Newer {
        /// `journal` or `history`.
        what: &'static str,
        /// The stack.
        stack: String,
        /// Its format.
        found: u64,
    },
    /// Not what was written.
    #[error("the {what} of stack {stack} is damaged: {reason}")]
    Damaged {
        /// `journal`, `history` or `key`.
        what: &'static str,
        /// The stack.
        stack: String,
        /// Where and how.
        reason: String,
    },
}

impl RecordError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Newer { .. } => "use the deployer that wrote it, or a newer one".into(),
            Self::Damaged { what, stack, .. } => format!(
                "nothing was touched; what runs goes on. Look at /state/{what} in volume {stack}-state: put a good copy \
                 back, or move it aside to go on without it"
            ),
        }
    }
}
