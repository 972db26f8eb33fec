//! The deployer as a library; `main` only parses, runs and sets the exit code.

pub mod engine;
pub mod labels;
pub mod plan;
pub mod record;
pub mod snapshot;
pub mod stack;
