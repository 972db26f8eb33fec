//! `keeper`: runs in its container, where it holds the lock and writes the records.

use std::path::Path;

use crate::engine::agents::STATE;
use crate::error::Code;

/// Runs the verb until its command ends.
///
/// # Errors
/// When its stream breaks.
pub async fn run(stack: &str) -> anyhow::Result<Code> {
    crate::keeper::serve(stack, Path::new(STATE)).await?;
    Ok(Code::Done)
}
