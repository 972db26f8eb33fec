//! The stacks that are deployed: names that nobody else uses, a folder each, free ports of loopback. One must leave the
//! engine as it was, also when a measurement fails.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::clean::clean_stack;
use crate::images;
use crate::parts::Bench;
use crate::runs::{Watched, finish, watch};

/// Which service waits for which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// None for any.
    Independent,
    /// Each for the health of the one before.
    Chain,
}

/// How the engine finds out that a service is healthy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Not at all.
    None,
    /// By a command, every second.
    EverySecond,
}

/// What the old color does after a deploy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standby {
    /// It is stopped.
    Stopped,
    /// It runs on.
    Warm,
}

/// A Compose file in a few words.
#[derive(Clone, Copy)]
pub struct Shape {
    /// How many services.
    pub services: usize,
    /// How many of them are published.
    pub published: usize,
    /// Who waits for whom.
    pub order: Order,
    /// Health checks.
    pub probe: Probe,
    /// Kept for a rollback.
    pub standby: Standby,
}

/// A stack, which is either the deployer's or that of `docker compose`.
pub struct Stack<'a> {
    /// The stack's name.
    pub name: String,
    /// Where its services answer.
    pub ports: Vec<u16>,
    bench: &'a Bench,
    folder: PathBuf,
}

impl<'a> Stack<'a> {
    /// A folder with the file, and nothing on the engine yet.
    pub fn new(bench: &'a Bench, label: &str, shape: Shape) -> Result<Self> {
        let name = format!("{}-{label}", bench.name);
        let folder = bench.folder().join(label);
        fs::create_dir_all(&folder)?;
        let ports = free_ports(shape.published)?;
        fs::write(folder.join("compose.yaml"), shape.file(&images::name(bench), &ports))?;
        Ok(Self { name, ports, bench, folder })
    }

    /// Runs the deployer; returns how long it took.
    pub fn deployer(&self, version: usize, arguments: &[&str]) -> Result<Duration> {
        let mut command = self.command(&self.bench.programs.deployer, version);
        command.args(["-p", &self.name, "--output", "plain"]).args(arguments);
        finish(command).map(|(_, took)| took)
    }

    /// Deploys a version under its own tag.
    pub fn deploy(&self, version: usize) -> Result<Duration> {
        self.deployer(version, &["deploy", "--tag", &images::tag(version)])
    }

    /// Takes the stack down as a user would; what stays is removed with this value.
    pub fn down(&self) {
        if let Err(error) = self.deployer(1, &["down", "--volumes", "--yes"]) {
            eprintln!("warning: {error:#}");
        }
    }

    /// Runs the deployer; returns what it said and when.
    pub fn watch(&self, version: usize, arguments: &[&str]) -> Result<Watched> {
        let mut command = self.command(&self.bench.programs.deployer, version);
        command.args(["-p", &self.name, "--output", "json"]).args(arguments);
        watch(command)
    }

    /// Runs `docker compose`.
    pub fn compose(&self, words: &[String], version: usize, arguments: &[&str]) -> Result<Duration> {
        let mut command = self.command(Path::new(&words[0]), version);
        command.args(&words[1..]).args(["-p", &self.name]).args(arguments);
        finish(command).map(|(_, took)| took)
    }

    fn command(&self, program: &Path, version: usize) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_remove("COMPOSE_FILE").env_remove("COMPOSE_PROJECT_NAME");
        command.env("TAG", images::tag(version));
        command
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        if let Err(error) = clean_stack(&self.name) {
            eprintln!("warning: of {} something is left: {error:#}", self.name);
        }
    }
}

impl Shape {
    fn file(self, image: &str, ports: &[u16]) -> String {
        let standby = if self.standby == Standby::Warm { "warm" } else { "stopped" };
        let services = (0..self.services).map(|number| self.service(number, image, ports.get(number)));
        format!("x-deployer: {{standby: {standby}}}\nservices:\n{}", services.collect::<String>())
    }

    fn service(self, number: usize, image: &str, port: Option<&u16>) -> String {
        let mut text = format!("  s{number:02}:\n    image: {image}:${{TAG}}\n    expose: [\"8080\"]\n");
        if let Some(port) = port {
            text += &format!("    ports: [\"127.0.0.1:{port}:8080\"]\n");
        }
        if self.probe == Probe::EverySecond {
            text += "    healthcheck: {test: [CMD, /fixture, healthcheck], interval: 1s, timeout: 5s, retries: 5}\n";
        }
        if self.order == Order::Chain && number > 0 {
            let before = number - 1;
            text += &format!("    depends_on: {{s{before:02}: {{condition: service_healthy}}}}\n");
        }
        text
    }
}

/// Ports of loopback that nobody listens on and that none of our stacks got, below those that the system gives to
/// outgoing connections.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let mut free = Vec::new();
    while free.len() < count {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        anyhow::ensure!(port < 32_000, "no port of loopback is free");
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            free.push(port);
        }
    }
    Ok(free)
}
