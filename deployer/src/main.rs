//! Parses the command line, runs the verb, sets the exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use deployer::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One provider for every TLS connection; a second install would be a bug and changes nothing.
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => ExitCode::from(runtime.block_on(deployer::commands::run(cli)) as u8),
        Err(_) => ExitCode::from(1),
    }
}
