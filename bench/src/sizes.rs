//! How large the programs are, on the disk and in memory while they wait.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::figures::{Figure, Unit};
use crate::runs::docker;
use crate::stack::Stack;

const IMAGE: &str = "data-app: image";
const MEMORY: &str = "data-app, idle";
/// What was needed for the start only is given back by then.
const SETTLE: Duration = Duration::from_secs(2);
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// The deployer, and data-app if its image is on the engine.
pub fn measure(stack: &Stack) -> Result<Vec<Figure>> {
    eprintln!("sizes");
    let binary = fs::metadata(&stack.programs.deployer)?.len();
    let title = "label=org.opencontainers.image.title=data-app";
    let images = docker(&["images", "--no-trunc", "--filter", title, "--format", "{{.ID}}"])?;
    let mut figures = vec![Figure::bytes("deployer: binary", binary).aim(25.0)];
    let Some(image) = images.lines().next() else {
        let why = "its image is not on the engine: run `scripts/deploy.sh` or `deployer build`";
        figures.push(Figure::left_out(IMAGE, Unit::Megabytes, why).aim(15.0));
        figures.push(Figure::left_out(MEMORY, Unit::Megabytes, why).aim(25.0));
        return Ok(figures);
    };
    let size = docker(&["image", "inspect", "--format", "{{.Size}}", image])?.parse()?;
    figures.push(Figure::bytes(IMAGE, size).aim(15.0));
    figures.extend(data_app(stack, image)?);
    Ok(figures)
}

/// The front of the stack.
pub fn front(stack: &Stack, name: &str) -> Result<Vec<Figure>> {
    let (stack, role) = (format!("label=deployer.stack={}", stack.name), "label=deployer.role=front");
    let fronts = docker(&["ps", "-q", "--filter", &stack, "--filter", role])?;
    let front = fronts.lines().next().context("the stack has no front")?;
    memory(name, front, 12.0)
}

/// One that serves already, else one of our own, which has no store: it serves without, and idles.
fn data_app(stack: &Stack, image: &str) -> Result<Vec<Figure>> {
    let running = docker(&["ps", "-q", "--filter", &format!("ancestor={image}")])?;
    if let Some(container) = running.lines().next() {
        return memory(MEMORY, container, 25.0);
    }
    let label = format!("deployer.bench={}", stack.name);
    let secret = format!("MINIO_SECRET_KEY={}-secret", stack.name);
    let variables =
        ["MINIO_ENDPOINT=127.0.0.1:9", "MINIO_ACCESS_KEY=bench-access", "BUCKET_NAME=bench", &secret];
    let mut arguments = vec!["run", "-d", "--network", "none", "--label", &label];
    arguments.extend(variables.iter().flat_map(|variable| ["--env", variable]));
    arguments.push(image);
    let container = docker(&arguments)?;
    await_healthy(&container)?;
    thread::sleep(SETTLE);
    let figures = memory(&format!("{MEMORY}, without a store"), &container, 25.0);
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

/// The memory of a container's main process, which the kernel tells when the engine is on this machine: all that is
/// resident, and what of it is no page of the program's file, which processes of the same image share.
fn memory(name: &str, container: &str, aim: f64) -> Result<Vec<Figure>> {
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", container])?;
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        let why = "the engine is not on this machine";
        return Ok(vec![Figure::left_out(name, Unit::Megabytes, why).aim(aim)]);
    };
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kilobytes
            .map(|kilobytes| kilobytes * 1024)
            .with_context(|| format!("{name}: no {key} of process {pid}"))
    };
    Ok(vec![
        Figure::bytes(format!("{name}: resident memory"), bytes("VmRSS:")?).aim(aim),
        Figure::bytes(format!("{name}: of it anonymous"), bytes("RssAnon:")?),
    ])
}
