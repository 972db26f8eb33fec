//! Measures the deployer as its users run it: a release binary, a real engine, a stack of its own, and `docker compose`
//! beside it in the same run where that is installed. It must never judge: it prints figures, each beside its aim, and
//! writes them to `target/bench/results.json`.
//!
//! `DEPLOYER` and `FIXTURE` name other binaries than those in `target/release`; `COMPOSE` another `docker compose`.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::print_stderr, reason = "so is a word on what it does now")]

mod figures;
mod load;
mod machine;
mod noop;
mod releases;
mod runs;
mod sizes;
mod stack;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::figures::Figure;
use crate::runs::Programs;
use crate::stack::Stack;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate is in a workspace")?;
    let programs = Programs::find(root)?;
    let before = machine::describe(&programs)?;
    let figures = measure(&programs, root)?;
    println!("{}", figures::table(&figures));
    let figures: Vec<_> = figures.iter().map(Figure::to_json).collect();
    let results = json!({ "run": before, "load_after": machine::load(), "figures": figures });
    let file = root.join("target/bench/results.json");
    fs::create_dir_all(root.join("target/bench"))?;
    fs::write(&file, format!("{results:#}\n")).with_context(|| format!("{}", file.display()))?;
    println!("written to {}", file.display());
    Ok(())
}

/// Everything, on one stack, which is gone afterwards.
fn measure(programs: &Programs, root: &Path) -> Result<Vec<Figure>> {
    stack::remove_what_earlier_runs_left(root)?;
    let stack = Stack::new(programs, root)?;
    stack.build_image()?;
    stack.deployer("v1", &["deploy", "--tag", "v1"])?;
    let mut figures = noop::measure(&stack)?;
    figures.extend(sizes::front(&stack, "front, idle")?);
    figures.extend(releases::measure(&stack)?);
    figures.extend(sizes::front(&stack, "front, after the load")?);
    figures.extend(sizes::measure(&stack)?);
    Ok(figures)
}
