//! A deploy of what runs already, beside `docker compose up -d` of the same file: in turns, so that whatever else the
//! machine does falls on both.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::figures::{Figure, Unit};
use crate::machine::compose_version;
use crate::stack::Stack;

const TIMES: usize = 20;
const OURS: &str = "no-op deploy";

/// The stack runs; afterwards it runs as before.
pub fn measure(stack: &Stack) -> Result<Vec<Figure>> {
    let Some(words) = &stack.programs.compose else { return alone(stack) };
    let program = Path::new(&words[0]).file_name().unwrap_or_default().to_string_lossy();
    let words_after = words[1..].iter().map(|word| format!(" {word}")).collect::<String>();
    let version = compose_version(words).unwrap_or_default();
    let theirs = format!("no-op {program}{words_after} up -d ({version})");
    eprintln!("{OURS} and {theirs}, {TIMES} times each");
    let compose = || stack.compose(words, &["up", "-d"]);
    // The first one of each is not counted: it makes the project, or reads from the disk.
    compose()?;
    deploy(stack)?;
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        own.push(deploy(stack)?);
        other.push(compose()?);
    }
    stack.compose(words, &["down", "--volumes"])?;
    let (own, other) = (Figure::times(OURS, &own).aim(75.0), Figure::times(theirs, &other));
    let ratio = own.median().context("a median")? / other.median().context("a median")?;
    let ratio = Figure::values("ratio of the medians", Unit::Ratio, vec![ratio]).aim(0.5);
    Ok(vec![own, other, ratio])
}

fn alone(stack: &Stack) -> Result<Vec<Figure>> {
    eprintln!("{OURS}, {TIMES} times");
    deploy(stack)?;
    let own = (0..TIMES).map(|_| deploy(stack)).collect::<Result<Vec<_>>>()?;
    let other = Figure::left_out("no-op docker compose up -d", Unit::Milliseconds, "it is not installed");
    Ok(vec![Figure::times(OURS, &own).aim(75.0), other])
}

fn deploy(stack: &Stack) -> Result<Duration> {
    stack.deployer("v1", &["deploy", "--tag", "v1"])
}
