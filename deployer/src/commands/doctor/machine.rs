//! The engine, its disk, this program and the programs that it runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use semver::Version;

use super::Finding;
use crate::commands::Session;
use crate::engine::own_image::Program;
use crate::engine::{Engine, Facts};
use crate::host::spell;
use crate::project::Workspace;
use crate::stack::HostCommand;

/// The oldest engine that the deployer is tried with.
const OLDEST: Version = Version::new(20, 10, 0);

/// Below this, an image may not fit.
const SCARCE: u64 = 5 << 30;

/// Below this, nothing fits.
const TOO_LITTLE: u64 = 1 << 30;

/// What a shell knows without a program.
const BUILTINS: [&str; 14] =
    [".", ":", "[", "cd", "echo", "eval", "exec", "export", "for", "if", "set", "test", "umask", "while"];

/// The engine itself, its disk, and whether this program runs on it.
pub(super) async fn engine(session: &Session, engine: &Engine) -> Vec<Finding> {
    let facts = match engine.facts().await {
        Ok(facts) => facts,
        Err(error) => return vec![Finding::error("engine", &error.into(), "look at the engine's own log")],
    };
    vec![version(engine, &facts), program(session, &facts), disk(engine.is_local(), &facts)]
}

fn version(engine: &Engine, facts: &Facts) -> Finding {
    let api = format!("{}.{}", facts.api.major, facts.api.minor);
    let what = format!(
        "{} at {}, API {api}, {}/{}, {}",
        facts.version,
        engine.endpoint(),
        facts.os,
        facts.architecture,
        facts.storage_driver
    );
    match lenient(&facts.version) {
        Some(version) if version < OLDEST => {
            Finding::failed("engine", what, format!("install Docker Engine {OLDEST} or newer"))
        }
        _ if facts.os != "linux" => Finding::failed("engine", what, "use an engine with Linux containers"),
        Some(_) => Finding::ok("engine", what),
        None => Finding::warning("engine", what, "its version is not understood; the API version fits"),
    }
}

/// Engines call themselves `20.10.24+dfsg1`, `28.5.2` or `29.0.0-rc.1`; some leave the last number out.
fn lenient(version: &str) -> Option<Version> {
    let numbers: Vec<u64> =
        version.split(['.', '-', '+', '~']).map_while(|part| part.parse().ok()).take(3).collect();
    let part = |index: usize| numbers.get(index).copied().unwrap_or_default();
    (!numbers.is_empty()).then(|| Version::new(part(0), part(1), part(2)))
}

fn program(session: &Session, facts: &Facts) -> Finding {
    const CHECK: &str = "deployer's image";
    let program = match &session.global.agent_binary {
        Some(path) => Program::at(path),
        None => Program::running(),
    };
    match program {
        Ok(program) if program.architecture() == facts.architecture => {
            Finding::ok(CHECK, format!("this program is static and for {}", facts.architecture))
        }
        Ok(program) => Finding::failed(
            CHECK,
            format!("this program is for {}, the engine for {}", program.architecture(), facts.architecture),
            "name a deployer binary for the engine's processor with --agent-binary or DEPLOYER_AGENT",
        ),
        Err(error) => Finding::error(CHECK, &error.into(), "build it with -C target-feature=+crt-static"),
    }
}

fn disk(is_local: bool, facts: &Facts) -> Finding {
    const CHECK: &str = "disk space";
    let root = Path::new(&facts.root_dir);
    if !is_local || !root.exists() {
        return Finding::ok(CHECK, "not checked: the engine's disk is not visible from here");
    }
    let free = match rustix::fs::statvfs(root) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            return Finding::warning(CHECK, format!("{}: {error}", root.display()), "look at it by hand");
        }
    };
    let what = format!("{} GB free in {}", free >> 30, root.display());
    let remedy = "remove images that nobody needs, or give the engine a larger disk";
    match free {
        ..TOO_LITTLE => Finding::failed(CHECK, what, remedy),
        TOO_LITTLE..SCARCE => Finding::warning(CHECK, what, remedy),
        _ => Finding::ok(CHECK, what),
    }
}

/// The programs that the file's host commands need.
pub(super) fn commands(workspace: &Workspace) -> Vec<Finding> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut programs: Vec<String> = workspace.settings.build.iter().filter_map(first_word).collect();
    programs.sort();
    programs.dedup();
    let look = |program: String| match find(&program, workspace.loaded.directory(), &path) {
        Some(found) => Finding::ok(format!("program {program}"), found),
        None => Finding::failed(
            format!("program {program}"),
            "not found, and x-deployer.build runs it",
            format!("install `{program}`, or deploy images that are there with --no-build"),
        ),
    };
    programs.into_iter().map(look).collect()
}

/// The program of a command; none when only the shell knows.
fn first_word(command: &HostCommand) -> Option<String> {
    let text = spell(command);
    let mut words = text.split_whitespace().skip_while(|word| word.contains('='));
    let word = words.next()?;
    let plain = word.chars().all(|c| c.is_alphanumeric() || "._-/+".contains(c));
    (plain && !BUILTINS.contains(&word)).then(|| word.to_owned())
}

fn find(program: &str, directory: &Path, path: &str) -> Option<String> {
    let runs = |file: &Path| {
        file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let file = directory.join(program);
        return runs(&file).then(|| file.display().to_string());
    }
    let mut files = std::env::split_paths(path).map(|folder| folder.join(program));
    files.find(|file| runs(file)).map(|file| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(lenient("20.10.24+dfsg1"), Some(Version::new(20, 10, 24)));
        assert_eq!(lenient("29.0-rc.1"), Some(Version::new(29, 0, 0)));
        assert!(lenient("9.1.0").unwrap() < OLDEST);
        assert_eq!(lenient("master"), None);
    }

    #[test]
    fn a_command_is_known_by_its_program() {
        let check = |line: &str, expect: Option<&str>| {
            assert_eq!(first_word(&HostCommand::Line(line.into())).as_deref(), expect, "{line}");
        };
        check("cargo build --release", Some("cargo"));
        check("RUSTFLAGS=-g cargo build", Some("cargo"));
        check("./scripts/build.sh", Some("./scripts/build.sh"));
        check("cd app && make", None);
        check("$TOOL x", None);
        assert!(find("sh", Path::new("/"), "/usr/bin:/bin").is_some());
        assert!(find("no-such-program", Path::new("/"), "/usr/bin:/bin").is_none());
        assert!(find("bin/sh", Path::new("/"), "").is_some());
    }
}
