//! What a command is doing: its plan, and how far it came. Names only, no definitions: they may hold secrets.

use serde::{Deserialize, Serialize};

use super::{FORMAT, RecordError};
use crate::plan::Plan;

/// One line, written and synced before the engine hears of what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The command begins.
    Begin {
        /// Version of the format.
        format: u32,
        /// `user@host`.
        by: String,
        /// RFC 3339, UTC.
        at: String,
        /// Everything that it will do.
        plan: Box<Plan>,
    },
    /// The steps of this wave may have happened from now on.
    Wave(usize),
    /// The release serves: from here on forward only.
    Committed,
}

/// An unfinished command.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// Who began it.
    pub by: String,
    /// When.
    pub at: String,
    /// What it was going to do.
    pub plan: Plan,
    /// The last wave that began.
    pub reached: Option<usize>,
    /// It was committed: only retiring is left.
    pub committed: bool,
}

impl Journal {
    /// Reads what the keeper wrote. A last line without its end was never acknowledged and does not count.
    ///
    /// # Errors
    /// When it is damaged or newer than this program.
    pub fn parse(stack: &str, text: &str) -> Result<Option<Self>, RecordError> {
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = complete.lines().enumerate();
        let damaged = |line: usize, reason: &str| RecordError::Damaged {
            what: "journal",
            stack: stack.into(),
            reason: format!("line {}: {reason}", line + 1),
        };
        let Some((_, first)) = lines.next() else { return Ok(None) };
        if let Some(found) = newer_format(first) {
            return Err(RecordError::Newer { what: "journal", stack: stack.into(), found });
        }
        let mut journal = match serde_json::from_str(first) {
            Ok(Entry::Begin { by, at, plan, .. }) => {
                Self { by, at, plan: *plan, reached: None, committed: false }
            }
            Ok(_) => return Err(damaged(0, "it does not begin with a plan")),
            Err(error) => return Err(damaged(0, &error.to_string())),
        };
        for (number, line) in lines {
            match serde_json::from_str(line) {
                Ok(Entry::Wave(wave)) if wave < journal.plan.waves.len() => journal.reached = Some(wave),
                Ok(Entry::Committed) => journal.committed = true,
                Ok(_) => return Err(damaged(number, "it does not belong there")),
                Err(error) => return Err(damaged(number, &error.to_string())),
            }
        }
        Ok(Some(journal))
    }
}

fn newer_format(line: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let found = value.get("begin")?.get("format")?.as_u64()?;
    (found > u64::from(FORMAT)).then_some(found)
}
