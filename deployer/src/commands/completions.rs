//! `completions`: a script for a shell. It must never ask an engine.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::{Cli, Completions};
use crate::error::Code;

/// Prints the completions of a shell.
///
/// # Errors
/// When they cannot be written.
pub fn run(args: &Completions) -> anyhow::Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deployer", &mut script);
    match io::stdout().write_all(&script) {
        // `deployer completions bash | head` is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Code::Done),
    }
}
