//! How large the programs are, on the disk and in memory while they wait, and how soon they are there.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::figures::{Figure, Unit};
use crate::parts::Bench;
use crate::process::memory;
use crate::runs::{docker, finish};
use crate::stack::{Order, Probe, Shape, Stack, Standby};

const SHAPE: Shape = Shape {
    services: 1,
    published: 1,
    order: Order::Independent,
    probe: Probe::None,
    standby: Standby::Stopped,
};
const STARTS: usize = 50;
const IMAGE: &str = "data-app: image";
const MEMORY: &str = "data-app, idle";
/// What was needed for the start only is given back by then.
const SETTLE: Duration = Duration::from_secs(2);
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// The deployer and its front, and data-app if its image is on the engine.
pub fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let binary = fs::metadata(&bench.programs.deployer)?.len();
    let mut figures = vec![Figure::bytes("deployer: binary", binary).aim(25.0)];
    figures.extend(versions(bench)?);
    figures.extend(front(bench)?);
    figures.extend(data_app(bench)?);
    Ok(figures)
}

/// In turns.
fn versions(bench: &Bench) -> Result<Vec<Figure>> {
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds(STARTS) {
        let mut command = Command::new(&bench.programs.deployer);
        command.arg("--version");
        own.push(finish(command)?.1);
        if let Some(words) = &bench.programs.compose {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).arg("version");
            other.push(finish(command)?.1);
        }
    }
    let own = Figure::times("deployer --version", &own);
    let name = "docker compose version";
    Ok(vec![
        own,
        if other.is_empty() {
            Figure::left_out(name, Unit::Milliseconds, "it is not installed")
        } else {
            Figure::times(name, &other)
        },
    ])
}

/// As it runs in its container.
fn front(bench: &Bench) -> Result<Vec<Figure>> {
    let stack = Stack::new(bench, "sizes", SHAPE)?;
    stack.deploy(1)?;
    thread::sleep(SETTLE);
    let (label, role) = (format!("label=deployer.stack={}", stack.name), "label=deployer.role=front");
    let fronts = docker(&["ps", "-q", "--filter", &label, "--filter", role])?;
    let front = fronts.lines().next().context("the stack has no front")?;
    let image = docker(&["inspect", "--format", "{{.Image}}", front])?;
    let mut figures = vec![size("front and keeper: image", &image)?];
    figures.extend(resident("front, idle", front, 12.0)?);
    stack.down();
    Ok(figures)
}

fn size(name: &str, image: &str) -> Result<Figure> {
    Ok(Figure::bytes(name, docker(&["image", "inspect", "--format", "{{.Size}}", image])?.parse()?))
}

fn data_app(bench: &Bench) -> Result<Vec<Figure>> {
    let title = "label=org.opencontainers.image.title=data-app";
    let images = docker(&["images", "--no-trunc", "--filter", title, "--format", "{{.ID}}"])?;
    let Some(image) = images.lines().next() else {
        let why = "its image is not on the engine: run `scripts/deploy.sh` or `deployer build`";
        let left_out = |name| Figure::left_out(name, Unit::Megabytes, why);
        return Ok(vec![left_out(IMAGE), left_out(MEMORY)]);
    };
    let mut figures = vec![size(IMAGE, image)?.aim(15.0)];
    figures.extend(idle_data_app(bench, image)?);
    Ok(figures)
}

/// One that serves already, else one of our own, which has no store: it serves without, and idles.
fn idle_data_app(bench: &Bench, image: &str) -> Result<Vec<Figure>> {
    let running = docker(&["ps", "-q", "--filter", &format!("ancestor={image}")])?;
    if let Some(container) = running.lines().next() {
        return resident(MEMORY, container, 25.0);
    }
    let label = format!("deployer.bench={}-data-app", bench.name);
    let secret = format!("MINIO_SECRET_KEY={}-secret", bench.name);
    let variables =
        ["MINIO_ENDPOINT=127.0.0.1:9", "MINIO_ACCESS_KEY=bench-access", "BUCKET_NAME=bench", &secret];
    let mut arguments = vec!["run", "-d", "--network", "none", "--label", &label];
    arguments.extend(variables.iter().flat_map(|variable| ["--env", variable]));
    arguments.push(image);
    let container = docker(&arguments)?;
    await_healthy(&container)?;
    thread::sleep(SETTLE);
    let figures = resident(&format!("{MEMORY}, without a store"), &container, 25.0);
    docker(&["rm", "-f", &container])?;
    figures
}

fn await_healthy(container: &str) -> Result<()> {
    let deadline = Instant::now() + STARTS_WITHIN;
    while docker(&["inspect", "--format", "{{.State.Health.Status}}", container])? != "healthy" {
        ensure!(Instant::now() < deadline, "data-app is not healthy within {} s", STARTS_WITHIN.as_secs());
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// The memory of a container's processes.
fn resident(name: &str, container: &str, aim: f64) -> Result<Vec<Figure>> {
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", container])?.parse()?;
    let Some(memory) = memory(pid) else {
        let why = "the engine is not on this machine";
        return Ok(vec![Figure::left_out(name, Unit::Megabytes, why)]);
    };
    Ok(vec![
        Figure::bytes(format!("{name}: resident memory"), memory.resident).aim(aim),
        Figure::bytes(format!("{name}: of it anonymous"), memory.anonymous),
    ])
}
