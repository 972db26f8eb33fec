//! What the kernel tells of a process: its processor time and its memory. It must never guess where it tells nothing.

use std::fs;

use anyhow::{Context as _, Result};

/// Seconds on a processor since the process began, of all its threads, in user mode and in the kernel.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The program's name may hold anything, but what comes after its closing parenthesis is fixed.
    let (_, fields) = stat.rsplit_once(')').context("a name in parentheses")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Resident memory in bytes: all of it, and what of it is no page of a file, which other processes may share.
#[derive(Clone, Copy)]
pub struct Memory {
    /// All.
    pub resident: u64,
    /// Of it anonymous.
    pub anonymous: u64,
}

/// Nothing when the process is not on this machine.
pub fn memory(pid: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    };
    Some(Memory { resident: bytes("VmRSS:")?, anonymous: bytes("RssAnon:")? })
}

/// As many open files as the system allows this process; its children get the same.
pub fn open_many_files() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the limit of open files")
}
