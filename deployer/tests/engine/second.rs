//! A second engine of a test's own, which may be stopped and started: everybody shares the machine's own one.
//!
//! It changes the machine's packet rules and bridges beside the first engine, so it has to be asked for:
//! `SECOND_ENGINE=1`, with root and `dockerd`. Without, the tests that want it say so and are left out.

use std::os::unix::fs::FileTypeExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::docker;
use crate::scenario::eventually;

/// What becomes of containers while the engine is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containers {
    /// They run on (`live-restore`).
    RunOn,
    /// They end with it, and come back by their restart policies.
    End,
}

/// The engine, with a bridge and a folder of its own.
pub struct SecondEngine {
    folder: tempfile::TempDir,
    bridge: String,
    /// The second number of its networks' addresses.
    pool: u16,
    daemon: Option<Child>,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl SecondEngine {
    /// Starts one, and has the calling thread's tests use it.
    pub fn start(containers: Containers) -> Option<Self> {
        if std::env::var_os("SECOND_ENGINE").is_none() {
            eprintln!(
                "LEFT OUT: set SECOND_ENGINE=1, as root and with dockerd, for tests that restart an engine"
            );
            return None;
        }
        // One at a time: several that start at once wait for each other's packet rules.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let number: u16 = rand::random_range(0..4096);
        let bridge = format!("t{number:x}br");
        run(&["ip", "link", "add", &bridge, "type", "bridge"]);
        let (high, low) = (number / 64, number % 64 * 4);
        run(&["ip", "address", "add", &format!("10.{}.{low}.1/22", 192 + high), "dev", &bridge]);
        run(&["ip", "link", "set", &bridge, "up"]);
        let pool = 128 + number % 64;
        let folder = tempfile::Builder::new().prefix("t-engine").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let configuration = json!({
            "data-root": path("data"), "exec-root": path("exec"), "pidfile": path("pid"), "bridge": bridge,
            "hosts": [format!("unix://{}", path("sock"))], "storage-driver": docker::get("/info")["Driver"],
            "live-restore": containers == Containers::RunOn,
            // Networks of its own, apart from those of the machine's engine.
            "default-address-pools": [{ "base": format!("10.{pool}.0.0/16"), "size": 26 }],
        });
        std::fs::write(folder.path().join("daemon.json"), configuration.to_string()).unwrap();
        docker::use_socket(&path("sock"));
        let mut this = Self { folder, bridge, pool, daemon: None, _alone: alone };
        this.begin();
        Some(this)
    }

    /// Starts the program, and waits until it answers.
    pub fn begin(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let daemon = Command::new("dockerd")
            .arg("--config-file")
            .arg(self.folder.path().join("daemon.json"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.daemon = Some(daemon.unwrap());
        let socket = self.folder.path().join("sock");
        eventually("the second engine answers", Duration::from_secs(60), || {
            let listens = socket.metadata().is_ok_and(|found| found.file_type().is_socket());
            listens && docker::answers()
        });
    }

    /// Ends the program as its service manager would.
    pub fn end(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
        daemon.wait().unwrap();
    }

    /// Ends everything at once, as a power cut does.
    pub fn cut_power(&mut self) {
        for pid in self.processes() {
            let _ended_already = kill_process(pid, Signal::KILL);
        }
        if let Some(mut daemon) = self.daemon.take() {
            let _gone = daemon.kill();
            daemon.wait().unwrap();
        }
        eventually("everything has ended", Duration::from_secs(10), || self.processes().is_empty());
        // Mounts, and what lies in memory (`/run`), do not outlive a power cut.
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let own = |path: &&str| path.starts_with(self.folder.path().to_str().unwrap());
        for mount in mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(own) {
            let _gone_already = Command::new("umount").args(["--lazy", mount]).output();
        }
        let _never_begun = std::fs::remove_dir_all(self.folder.path().join("exec"));
        let _gone_already = std::fs::remove_file(self.folder.path().join("pid"));
    }

    /// The program, what it runs containers with, and the containers' processes: all are in its folder's name.
    fn processes(&self) -> Vec<Pid> {
        let folder = self.folder.path().to_str().unwrap().to_owned();
        let all = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let all: Vec<i32> = all.filter_map(|name| name.parse().ok()).collect();
        let named = |pid: &i32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&folder)
        };
        let own: Vec<i32> = all.iter().copied().filter(named).collect();
        let parent = |pid: i32| -> Option<i32> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
        };
        let below =
            |pid: &i32| std::iter::successors(Some(*pid), |pid| parent(*pid)).any(|pid| own.contains(&pid));
        all.iter().filter(|pid| below(pid)).filter_map(|pid| Pid::from_raw(*pid)).collect()
    }
}

impl SecondEngine {
    /// The bridges of its networks, and the addresses that it gives out, as rules of the kernel's name them.
    fn marks(&self) -> Vec<String> {
        let networks = if docker::answers() { docker::get("/networks") } else { json!([]) };
        let ids = networks.as_array().unwrap().iter().filter_map(|network| network["Id"].as_str());
        let bridges = ids.map(|id| format!("br-{}", &id[..12]));
        bridges.chain([self.bridge.clone(), format!("10.{}.", self.pool)]).collect()
    }
}

/// Nobody takes an engine's packet rules away when it ends.
fn remove_rules(marks: &[String]) {
    for table in ["filter", "nat"] {
        let listed = Command::new("iptables").args(["-t", table, "-S"]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let own = listed.lines().filter(|rule| marks.iter().any(|mark| rule.contains(mark.as_str())));
        for rule in own.filter_map(|rule| rule.strip_prefix("-A ")) {
            let words = ["-t", table, "-D"].into_iter().chain(rule.split(' '));
            let _gone_already = Command::new("iptables").args(words).output();
        }
    }
}

impl Drop for SecondEngine {
    fn drop(&mut self) {
        let marks = self.marks();
        self.cut_power();
        for bridge in marks.iter().filter(|mark| mark.starts_with("br-")) {
            let _was_never_made = Command::new("ip").args(["link", "delete", bridge]).output();
        }
        remove_rules(&marks);
        run(&["ip", "link", "delete", &self.bridge]);
        docker::use_the_machines_socket();
    }
}

fn succeeds(words: &[&str]) -> bool {
    Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success())
}

#[track_caller]
fn run(words: &[&str]) {
    assert!(succeeds(words), "{words:?}");
}
