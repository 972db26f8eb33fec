//! What the kernel tells of a process: its memory. It must never guess where it tells nothing.

use std::fs;

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
