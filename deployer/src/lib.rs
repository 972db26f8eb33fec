//! The deployer as a library; `main` only parses, runs and sets the exit code.

pub mod checks;
pub mod cli;
pub mod commands;
pub mod engine;
pub mod error;
pub mod event;
pub mod execute;
pub mod host;
pub mod images;
pub mod keeper;
pub mod labels;
pub mod lines;
pub mod observe;
pub mod plan;
pub mod project;
pub mod record;
pub mod snapshot;
pub mod stack;
pub mod suggest;
pub mod tail;
pub mod transaction;
pub mod ui;
