//! The walls between the rooms of this workspace, and the rules that no compiler checks.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files that may be longer than the others, each with the reason.
const LONG: &[(&str, &str)] = &[];
const LONGEST: usize = 400;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every Rust file below a folder of the workspace, by its path there.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = workspace();
    let (mut open, mut found) = (vec![root.join(folder)], Vec::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no Rust files");
    found
}

fn everything() -> Vec<(String, String)> {
    ["app", "bench", "compose-file", "deployer", "front", "store"].iter().flat_map(|f| files(f)).collect()
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn has_word(line: &str, word: &str) -> bool {
    code(line).split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

/// Fails with every place where one of these words stands.
#[track_caller]
fn forbid(files: &[(String, String)], words: &[&str], why: &str) {
    let mut places = Vec::new();
    for (name, text) in files {
        for (number, line) in (1..).zip(text.lines()) {
            if words.iter().any(|word| has_word(line, word)) {
                places.push(format!("{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(places.is_empty(), "{why}:\n{}", places.join("\n"));
}

#[test]
fn only_the_engine_module_names_bollard() {
    let mut files = files("deployer/src");
    files.retain(|(name, _)| !name.starts_with("deployer/src/engine"));
    files.extend(
        ["app", "bench", "compose-file", "front", "store"].iter().flat_map(|folder| self::files(folder)),
    );
    let words = ["bollard", "bollard_buildkit_proto"];
    forbid(&files, &words, "the engine's client is named only in deployer/src/engine");
}

#[test]
fn plans_and_the_vocabulary_are_pure() {
    let pure = ["plan", "stack", "record", "snapshot.rs", "labels.rs", "plan.rs", "stack.rs", "record.rs"];
    let files: Vec<_> = pure.iter().flat_map(|name| files(&format!("deployer/src/{name}"))).collect();
    let words = ["async", "await", "tokio", "bollard", "Instant", "SystemTime", "Timestamp"];
    forbid(&files, &words, "planning has no async, no clock and no engine");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = everything()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(name, _)| name)
        .collect();
    assert!(silent.is_empty(), "files without a `//!` header: {silent:#?}");
}

#[test]
fn no_file_is_longer_than_a_reader_likes() {
    let mut long = Vec::new();
    for (name, text) in everything() {
        let lines = text.lines().count();
        let known = LONG.iter().any(|(exception, _)| *exception == name);
        if (lines > LONGEST) != known {
            long.push(format!("{name}: {lines} lines"));
        }
    }
    assert!(long.is_empty(), "longer than {LONGEST} lines, or no longer an exception: {long:#?}");
}

#[test]
fn only_the_user_interface_prints() {
    let mut files = files("deployer/src");
    files.extend(["front/src", "compose-file/src"].iter().flat_map(|folder| self::files(folder)));
    files.retain(|(name, _)| name != "deployer/src/main.rs" && !name.starts_with("deployer/src/ui"));
    let mut places = Vec::new();
    for (name, text) in &files {
        for (number, line) in (1..).zip(text.lines()) {
            if ["print!(", "println!(", "eprint!(", "eprintln!(", "dbg!("]
                .iter()
                .any(|it| code(line).contains(it))
            {
                places.push(format!("{name}:{number}"));
            }
        }
    }
    assert!(places.is_empty(), "printing belongs into ui/ and main.rs: {places:#?}");
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    let mut places = Vec::new();
    for (name, text) in everything() {
        for (number, line) in (1..).zip(text.lines()) {
            let line = code(line).trim();
            if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
                places.push(format!("{name}:{number}: {line}"));
            }
        }
    }
    assert!(places.is_empty(), "use #[expect(.., reason = \"..\")]: {places:#?}");
}

#[test]
fn front_and_compose_file_do_not_know_docker() {
    for package in ["front", "compose-file"] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let tree = Command::new(cargo)
            .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "-p", package])
            .current_dir(workspace())
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let packages = String::from_utf8(tree.stdout).unwrap();
        assert!(!packages.contains("bollard"), "{package} depends on bollard");
        assert!(packages.starts_with(package), "{packages}");
    }
}
