//! The programs that are measured or asked, and how they are run.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// No command takes longer, unless it hangs.
const LIMIT: Duration = Duration::from_secs(600);

/// What is run.
pub struct Programs {
    /// The deployer that is measured.
    pub deployer: PathBuf,
    /// The server in the image that it deploys.
    pub fixture: PathBuf,
    /// `docker compose`, when there is one: program and first arguments.
    pub compose: Option<Vec<String>>,
    /// HAProxy, when it is there.
    pub haproxy: Option<PathBuf>,
    /// nginx, when it is there.
    pub nginx: Option<PathBuf>,
}

impl Programs {
    /// Finds them; says what to do about those that are missing.
    pub fn find(root: &Path) -> Result<Self> {
        let fixture = "cargo rustc --release --locked -p fixture -- -C target-feature=+crt-static";
        Ok(Self {
            deployer: built(root, "DEPLOYER", "deployer", "scripts/build-deployer.sh")?,
            fixture: built(root, "FIXTURE", "fixture", fixture)?,
            compose: compose(),
            haproxy: installed("HAPROXY", "haproxy"),
            nginx: installed("NGINX", "nginx"),
        })
    }
}

fn built(root: &Path, variable: &str, name: &str, how: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable)
        .map_or_else(|| root.join("target/release").join(name), PathBuf::from)
        .canonicalize();
    path.with_context(|| format!("{name} is not there: run `{how}`, or set {variable}"))
}

/// Where a peer is: system programs are not in everybody's search path.
fn installed(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    named.or_else(|| folders.map(|folder| folder.join(name)).find(|program| program.is_file()))
}

/// The plugin, else the program of old; `COMPOSE` goes before both.
fn compose() -> Option<Vec<String>> {
    let named = std::env::var("COMPOSE").ok().filter(|named| !named.trim().is_empty());
    let usual = || vec!["docker compose".to_owned(), "docker-compose".to_owned()];
    let candidates = named.map_or_else(usual, |named| vec![named]).into_iter();
    let mut candidates =
        candidates.map(|it| it.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>());
    candidates.find(|words| {
        let asked = Command::new(&words[0]).args(&words[1..]).arg("version").output();
        asked.is_ok_and(|output| output.status.success())
    })
}

/// Runs a program to its end; how it ended badly is the error. Returns its standard output and how long it took.
pub fn finish(mut command: Command) -> Result<(String, Duration)> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_owned();
    let name = program.to_string_lossy();
    let began = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().with_context(|| format!("{name} cannot be run"))?;
    let bound = Bound::new(&child);
    let output = child.wait_with_output()?;
    let took = began.elapsed();
    drop(bound);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed ({}): {}", output.status, said.trim());
    Ok((String::from_utf8_lossy(&output.stdout).trim().to_owned(), took))
}

/// Ends a program that does not end by itself, so that no measurement lasts for ever.
struct Bound {
    _ended: Sender<()>,
}

impl Bound {
    fn new(child: &Child) -> Self {
        let (ended, waiting) = channel::<()>();
        let process = Pid::from_child(child);
        std::thread::spawn(move || {
            if waiting.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                let _ended_just_now = kill_process(process, Signal::TERM);
            }
        });
        Self { _ended: ended }
    }
}

/// Asks the engine through the docker CLI.
pub fn docker(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments);
    finish(command).map(|(said, _)| said)
}

/// One line of `--output json`, and when it came.
pub struct Event {
    /// When it was read.
    pub at: Instant,
    fields: Value,
}

impl Event {
    /// The step that it is the good end of, if it is one.
    fn done(&self) -> Option<&str> {
        (self.fields["event"] == "step_done").then(|| self.fields["text"].as_str()).flatten()
    }

    /// It says that a container is fit to serve.
    pub fn is_gate(&self) -> bool {
        self.done().is_some_and(|text| text.starts_with("wait until ") && text.ends_with(" fit to serve"))
    }

    /// It says that a container was started.
    pub fn is_start(&self) -> bool {
        self.done().is_some_and(|text| text.starts_with("start "))
    }

    /// It says that the release serves.
    pub fn is_commit(&self) -> bool {
        self.fields["event"] == "committed"
    }

    /// How long the step took, as the deployer says.
    pub fn took(&self) -> Duration {
        Duration::from_secs_f64(self.fields["took"].as_f64().unwrap_or_default().max(0.0))
    }
}

/// A run of the deployer that ended well.
pub struct Watched {
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// What it said.
    pub events: Vec<Event>,
}

/// Runs the deployer to its end and notes when each event came. The command says `--output json`.
pub fn watch(mut command: Command) -> Result<Watched> {
    let began = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().context("the deployer cannot be run")?;
    let _bound = Bound::new(&child);
    let mut events = Vec::new();
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let (line, at) = (line?, Instant::now());
            if let Ok(fields) = serde_json::from_str(&line) {
                events.push(Event { at, fields });
            }
            said = line;
        }
    }
    let (status, took) = (child.wait()?, began.elapsed());
    if !status.success() {
        bail!("the deployer failed ({status}): {said}");
    }
    Ok(Watched { began, took, events })
}
