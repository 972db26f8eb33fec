//! The order that `depends_on` asks for.

use std::collections::BTreeMap;

use super::PlanError;
use super::assemble::Change;
use crate::stack::{ServiceName, Stack};

/// The changed services, those first that wait for none of the others.
///
/// # Errors
/// When services wait for each other.
pub fn levels<'a>(stack: &Stack, changes: &'a [Change<'a>]) -> Result<Vec<Vec<&'a ServiceName>>, PlanError> {
    let mut waiting: BTreeMap<&ServiceName, &Change<'_>> =
        changes.iter().map(|change| (change.name, change)).collect();
    let mut levels = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<&ServiceName> = waiting
            .iter()
            .filter(|(_, change)| {
                !stack.dependencies(change.service).any(|(name, _)| waiting.contains_key(name))
            })
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            let names: Vec<&str> = waiting.keys().map(|name| name.as_str()).collect();
            return Err(PlanError::Cycle(names.join(", ")));
        }
        waiting.retain(|name, _| !ready.contains(name));
        levels.push(ready);
    }
    Ok(levels)
}
