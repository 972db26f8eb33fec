//! What the kernel tells of a program: its processor time and its memory, of all its processes together, because a front
//! and nginx may have several. It must never guess where the kernel tells nothing.

use std::fs;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A process and those that it has started, the eldest first.
pub fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, fields(pid).ok()?.get(1)?.parse().ok()?)))
        .collect();
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    family
}

/// Ends a process that we have started, and what it has started.
pub fn end(pid: u32) {
    for pid in family(pid) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ended_already = kill_process(pid, Signal::KILL);
        }
    }
}

/// Seconds on a processor since the program began, of all its threads, in user mode and in the kernel.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut ticks = 0;
    for pid in family(pid) {
        let fields = fields(pid)?;
        let spent = fields.iter().skip(11).take(2).map(|ticks| ticks.parse::<u64>());
        ticks += spent.sum::<Result<u64, _>>()?;
    }
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// What `/proc/PID/stat` tells, from the state on. The program's name before it may hold anything.
fn fields(pid: u32) -> Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    let (_, fields) = stat.rsplit_once(')').context("a name in parentheses")?;
    Ok(fields.split_whitespace().map(ToOwned::to_owned).collect())
}

/// Resident memory in bytes: all of it, and what of it is no page of a file, which other processes may share.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// All.
    pub resident: u64,
    /// Of it anonymous.
    pub anonymous: u64,
}

/// Nothing when the program is not on this machine.
pub fn memory(pid: u32) -> Option<Memory> {
    let mut all = Memory::default();
    for pid in family(pid) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
        };
        all.resident += bytes("VmRSS:")?;
        all.anonymous += bytes("RssAnon:")?;
    }
    Some(all)
}

/// As many open files as the system allows this process; its children get the same.
pub fn open_many_files() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the limit of open files")
}
