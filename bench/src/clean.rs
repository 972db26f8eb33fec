//! What a run leaves behind: nothing, also when a measurement fails; what an interrupted run left, the next one removes.
//! It must never touch what does not carry the name of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::parts::PREFIX;
use crate::runs::docker;

const ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// Everything that has a run's name is removed with this.
pub struct Cleaning {
    name: String,
    folder: PathBuf,
}

impl Cleaning {
    /// For the run of that name.
    pub fn new(root: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), folder: folder_of(root, name) }
    }
}

impl Drop for Cleaning {
    fn drop(&mut self) {
        eprintln!("cleaning up");
        let _gone_before = fs::remove_dir_all(&self.folder);
        if let Err(error) = clean_run(&self.name) {
            eprintln!("warning: of {} something is left: {error:#}", self.name);
        }
    }
}

/// A run that was interrupted could not clean up; its process number is in all its names.
pub fn remove_what_earlier_runs_left(root: &Path) -> Result<()> {
    let mut found: Vec<String> = stacks()?.iter().filter_map(|name| run_of(name)).collect();
    found.extend(images()?.iter().filter_map(|name| run_of(name)));
    found.sort_unstable();
    found.dedup();
    for process in found {
        if !Path::new("/proc").join(&process).exists() {
            let name = format!("{PREFIX}{process}");
            let _gone_before = fs::remove_dir_all(folder_of(root, &name));
            if let Err(error) = clean_run(&name) {
                eprintln!("warning: of the earlier {name} something is left: {error:#}");
            }
        }
    }
    Ok(())
}

/// Removes everything on the engine that carries the stack's name.
pub fn clean_stack(name: &str) -> Result<()> {
    let labels = ["deployer.stack", "com.docker.compose.project", "deployer.bench"]
        .map(|label| format!("label={label}={name}"));
    for label in &labels {
        remove(&["ps", "-aq", "--filter", label], &["rm", "-fv"])?;
    }
    for label in &labels {
        remove(&["volume", "ls", "-q", "--filter", label], &["volume", "rm", "-f"])?;
    }
    remove_images(name)?;
    for label in &labels {
        remove_networks(label);
    }
    Ok(())
}

/// Engines of version 20.10 lose count of a network's containers now and then, and keep it until they are started again
/// (moby issue 43286). It harms nobody: every measurement has a network of its own.
fn remove_networks(label: &str) {
    if let Err(error) = remove(&["network", "ls", "-q", "--filter", label], &["network", "rm"]) {
        eprintln!("warning: {error:#}");
    }
}

fn clean_run(name: &str) -> Result<()> {
    let run = run_of(name);
    let stacks = stacks()?;
    let cleaned = stacks.iter().filter(|stack| run_of(stack) == run).map(|stack| clean_stack(stack));
    let cleaned: Vec<Result<()>> = cleaned.collect();
    remove_images(name)?;
    cleaned.into_iter().collect()
}

/// Those whose names begin with the name of a run, or of a stack: the deployer names one for each service and release.
fn remove_images(name: &str) -> Result<()> {
    let image = format!("reference={name}-*");
    remove(&["images", "--filter", &image, "--format", "{{.Repository}}:{{.Tag}}"], &["rmi", "-f"])
}

/// The names on containers, networks and volumes that a run may have given.
fn stacks() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for label in ["deployer.stack", "com.docker.compose.project", "deployer.bench"] {
        let format = format!("{{{{.Label \"{label}\"}}}}");
        let lists: [&[&str]; 3] = [&["ps", "--all"], &["network", "ls"], &["volume", "ls"]];
        for list in lists {
            let names = docker(&[list, &["--format", &format]].concat())?;
            found.extend(names.lines().filter(|name| name.starts_with(PREFIX)).map(ToOwned::to_owned));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn images() -> Result<Vec<String>> {
    Ok(docker(&["images", "--format", "{{.Repository}}"])?.lines().map(ToOwned::to_owned).collect())
}

fn folder_of(root: &Path, name: &str) -> PathBuf {
    root.join("target/bench").join(name)
}

/// The process number in a name that one of our runs gave.
fn run_of(name: &str) -> Option<String> {
    let process = name.strip_prefix(PREFIX)?.split('-').next()?;
    process.parse::<u32>().is_ok().then(|| process.to_owned())
}

/// An engine that has much to do removes a network's last endpoint a little after its container.
fn remove(list: &[&str], verb: &[&str]) -> Result<()> {
    for _ in 0..ATTEMPTS {
        if remove_once(list, verb).is_ok() {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    remove_once(list, verb)
}

fn remove_once(list: &[&str], verb: &[&str]) -> Result<()> {
    let listed = docker(list)?;
    let found: Vec<&str> = listed.lines().collect();
    if found.is_empty() { Ok(()) } else { docker(&[verb, &found].concat()).map(drop) }
}
