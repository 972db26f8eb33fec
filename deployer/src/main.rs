//! Parses the command line, runs the verb, sets the exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use deployer::cli::Cli;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.verb.speaks_tls() {
        // One provider for every TLS connection; a second install would be a bug and changes nothing.
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    // One thread is enough to wait for an engine; a front has requests to forward on every processor.
    let mut builder =
        if cli.verb.forwards() { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    let Ok(runtime) = builder.enable_all().build() else { return ExitCode::from(1) };
    let code = runtime.block_on(deployer::commands::run(cli));
    // A read of standard input cannot be cancelled, and nobody waits for it any more.
    runtime.shutdown_background();
    ExitCode::from(code)
}
