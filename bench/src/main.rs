//! Measures the product as its users run it: release binaries, a real engine, stacks of its own, and the peers beside
//! it in the same run where they are installed. It must never judge: it prints figures, each beside its aim, and
//! writes them to `bench/results.json` and, for people, to `docs/benchmarks.md`.
//!
//! `DEPLOYER` and `FIXTURE` name other binaries than those in `target/release`; `COMPOSE`, `HAPROXY` and `NGINX` other
//! peers than those in the search path.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::print_stderr, reason = "so is a word on what it does now")]

mod clean;
mod figures;
mod front;
mod health;
mod http1;
mod images;
mod load;
mod machine;
mod parts;
mod process;
mod report;
mod runs;
mod sizes;
mod stack;
mod switch;
mod walls;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use crate::parts::{Arguments, Bench};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.upstream.as_deref() {
        Some([http, tcp]) => front::upstream::serve(*http, *tcp),
        _ => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Every part that was asked for; what one has measured is written before the next one begins.
fn run(arguments: &Arguments) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate is in a workspace")?;
    let bench = Bench::new(root, arguments)?;
    clean::remove_what_earlier_runs_left(root)?;
    let mut failed = Vec::new();
    for part in arguments.parts() {
        eprintln!("== {}", part.name());
        if let Err(error) = one(&bench, part) {
            eprintln!("error: {}: {error:#}", part.name());
            failed.push(part.name());
        }
    }
    anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

fn one(bench: &Bench, part: parts::Part) -> Result<()> {
    let before = machine::describe(bench)?;
    let figures = part.measure(bench)?;
    println!("{}", figures::table(&figures));
    report::write(bench, part, before, &figures)
}
