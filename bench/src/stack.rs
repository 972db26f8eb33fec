//! The stack that is deployed: a name that nobody else uses, a folder, a free port of loopback. It must leave the
//! engine as it was, also when a measurement fails; what an interrupted run left, the next one removes.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::runs::{Programs, Watched, docker, finish, watch};

const COMPOSE_FILE: &str = r#"services:
  web:
    image: ${FIXTURE_IMAGE}
    environment: {VERSION: "${VERSION}"}
    ports: ["127.0.0.1:${PORT}:8080"]
    healthcheck: {test: [CMD, /fixture, healthcheck], interval: 1s, timeout: 2s, retries: 3, start_period: 5s}
    stop_grace_period: 10s
"#;
const DOCKERFILE: &str = "FROM scratch\nCOPY fixture /\nENTRYPOINT [\"/fixture\"]\n";
const PREFIX: &str = "bench-";

/// A stack of one service, and of the same service under `docker compose`.
pub struct Stack<'a> {
    /// The stack's name.
    pub name: String,
    /// Where it answers.
    pub port: u16,
    /// What it is measured with.
    pub programs: &'a Programs,
    folder: PathBuf,
    compose_port: u16,
}

impl<'a> Stack<'a> {
    /// A folder with the files, and nothing on the engine yet.
    pub fn new(programs: &'a Programs, root: &Path) -> Result<Self> {
        let name = format!("{PREFIX}{}", std::process::id());
        let folder = folder_of(root, &name);
        let (port, compose_port) = free_ports()?;
        let stack = Self { name, port, programs, folder, compose_port };
        let image = stack.folder.join("image");
        fs::create_dir_all(&image)?;
        fs::copy(&programs.fixture, image.join("fixture"))?;
        fs::write(image.join("Dockerfile"), DOCKERFILE)?;
        fs::write(stack.folder.join("compose.yaml"), COMPOSE_FILE)?;
        let helper = format!("services: {{fixture: {{build: ./image, image: {}-fixture}}}}\n", stack.name);
        fs::write(stack.folder.join("image.yaml"), helper)?;
        Ok(stack)
    }

    /// Builds the image by another file, so that the stack itself builds nothing.
    pub fn build_image(&self) -> Result<()> {
        eprintln!("building the image");
        let mut command = self.command(&self.programs.deployer, "v1", self.port);
        command.args(["-p", &self.name, "-f", "image.yaml", "--output", "plain", "build", "--tag", "1"]);
        finish(command).map(drop)
    }

    /// Runs the deployer; returns how long it took.
    pub fn deployer(&self, version: &str, arguments: &[&str]) -> Result<Duration> {
        let mut command = self.command(&self.programs.deployer, version, self.port);
        command.args(["-p", &self.name, "--output", "plain"]).args(arguments);
        finish(command).map(|(_, took)| took)
    }

    /// Runs the deployer; returns what it said and when.
    pub fn watch(&self, version: &str, arguments: &[&str]) -> Result<Watched> {
        let mut command = self.command(&self.programs.deployer, version, self.port);
        command.args(["-p", &self.name, "--output", "json"]).args(arguments);
        watch(command)
    }

    /// Runs `docker compose` on the same file, as another project on another port.
    pub fn compose(&self, words: &[String], arguments: &[&str]) -> Result<Duration> {
        let mut command = self.command(Path::new(&words[0]), "v1", self.compose_port);
        command.args(&words[1..]).args(["-p", &format!("{}-compose", self.name)]).args(arguments);
        finish(command).map(|(_, took)| took)
    }

    fn command(&self, program: &Path, version: &str, port: u16) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_remove("COMPOSE_FILE").env_remove("COMPOSE_PROJECT_NAME");
        command.env("VERSION", version).env("PORT", port.to_string());
        command.env("FIXTURE_IMAGE", format!("{}-fixture:1", self.name));
        command
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        eprintln!("cleaning up");
        let _gone_before = fs::remove_dir_all(&self.folder);
        if let Err(error) = clean(&self.name) {
            eprintln!("warning: of {} something is left: {error:#}", self.name);
        }
    }
}

/// A run that was interrupted could not clean up; its process number is in its stack's name.
pub fn remove_what_earlier_runs_left(root: &Path) -> Result<()> {
    let labels = docker(&["ps", "--all", "--format", "{{.Label \"com.docker.compose.project\"}}"])?;
    let images = docker(&["images", "--format", "{{.Repository}}"])?;
    let mut found: Vec<&str> = labels.lines().chain(images.lines()).filter_map(run_of).collect();
    found.sort_unstable();
    found.dedup();
    for process in found {
        if !Path::new("/proc").join(process).exists() {
            let name = format!("{PREFIX}{process}");
            let _gone_before = fs::remove_dir_all(folder_of(root, &name));
            clean(&name)?;
        }
    }
    Ok(())
}

fn folder_of(root: &Path, name: &str) -> PathBuf {
    root.join("target/bench").join(name)
}

/// The process number in a name that one of our runs gave.
fn run_of(name: &str) -> Option<&str> {
    let process = name.strip_prefix(PREFIX)?.split('-').next()?;
    process.parse::<u32>().is_ok().then_some(process)
}

/// Removes everything on the engine that carries the stack's name.
fn clean(name: &str) -> Result<()> {
    let compose = format!("{name}-compose");
    let labels = [
        format!("label=deployer.stack={name}"),
        format!("label=com.docker.compose.project={name}"),
        format!("label=com.docker.compose.project={compose}"),
        format!("label=deployer.bench={name}"),
    ];
    for label in &labels {
        remove(&["ps", "-aq", "--filter", label], &["rm", "-fv"])?;
    }
    for label in &labels {
        remove(&["network", "ls", "-q", "--filter", label], &["network", "rm"])?;
        remove(&["volume", "ls", "-q", "--filter", label], &["volume", "rm", "-f"])?;
    }
    let image = format!("reference={name}-*");
    remove(&["images", "--filter", &image, "--format", "{{.Repository}}:{{.Tag}}"], &["rmi", "-f"])
}

fn remove(list: &[&str], verb: &[&str]) -> Result<()> {
    let listed = docker(list)?;
    let found: Vec<&str> = listed.lines().collect();
    if found.is_empty() { Ok(()) } else { docker(&[verb, &found].concat()).map(drop) }
}

/// Two ports of loopback that nobody listens on, below those that the system gives to outgoing connections.
fn free_ports() -> Result<(u16, u16)> {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let mut free = (first..32_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().zip(free.next()).context("no port of loopback is free")
}
