//! A deploy of some services leaves the others as the live release has them.

use crate::project::Wanted;
use crate::snapshot::Observed;
use crate::stack::{Release, ReleaseNumber, Stack};

/// The stack that is asked for: the wanted services from the file, the others from the live release.
#[must_use]
pub fn select(mut stack: Stack, live: Option<&Release>, wanted: &Wanted) -> Stack {
    if *wanted == Wanted::All {
        return stack;
    }
    stack.services.retain(|name, _| wanted.has(name.as_str()));
    if let Some(before) = live.and_then(|release| release.stack.as_ref()) {
        let others = before.services.iter().filter(|(name, _)| !wanted.has(name.as_str()));
        stack.services.extend(others.map(|(name, service)| (name.clone(), service.clone())));
        for (key, network) in &before.networks {
            stack.networks.entry(key.clone()).or_insert_with(|| network.clone());
        }
        for (key, volume) in &before.volumes {
            stack.volumes.entry(key.clone()).or_insert_with(|| volume.clone());
        }
    }
    stack
}

/// The release that the stack is already, if it is.
#[must_use]
pub fn unchanged(stack: &Stack, observed: &Observed) -> Option<(ReleaseNumber, String)> {
    let live = observed.history.live()?;
    super::deploy::is_live(stack, observed, live).then(|| (live.number, live.tag.clone()))
}
