//! Where and when the figures were measured, and with which versions.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use crate::parts::Bench;
use crate::runs::{docker, finish};

/// Date, machine and versions, before anything is measured.
pub fn describe(bench: &Bench) -> Result<Value> {
    let programs = &bench.programs;
    let mut deployer = Command::new(&programs.deployer);
    deployer.arg("--version");
    let mut date = Command::new("date");
    date.args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
    Ok(json!({
        "date": finish(date)?.0,
        "quick": bench.quick,
        "machine": {
            "cpu": line_of("/proc/cpuinfo", "model name"),
            "cores": std::thread::available_parallelism()?.get(),
            "memory": line_of("/proc/meminfo", "MemTotal"),
            "kernel": read("/proc/sys/kernel/osrelease"),
            "load_before": load(),
        },
        "versions": {
            "deployer": finish(deployer)?.0,
            "engine": docker(&["version", "--format", "{{.Server.Version}}"])?,
            "storage_driver": docker(&["info", "--format", "{{.Driver}}"])?,
            "compose": programs.compose.as_deref().and_then(compose_version),
            "haproxy": programs.haproxy.as_deref().and_then(version),
            "nginx": programs.nginx.as_deref().and_then(version),
        },
    }))
}

/// The system's load averages: figures of a busy machine are worth less.
pub fn load() -> Option<String> {
    read("/proc/loadavg")
}

/// Which `docker compose` it is.
pub fn compose_version(words: &[String]) -> Option<String> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["version", "--short"]);
    finish(command).ok().map(|(said, _)| said)
}

/// What a proxy says of itself; nginx says it on standard error.
fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("-v").output().ok()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let words = said.lines().next()?.split([' ', '/']);
    words.map(ToOwned::to_owned).find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn line_of(path: &str, key: &str) -> Option<String> {
    let text = read(path)?;
    let (_, value) = text.lines().find(|line| line.starts_with(key))?.split_once(':')?;
    Some(value.trim().to_owned())
}
