//! What `docker compose config` makes of a file, and what the loader makes of it.
//!
//! The cases are test data that is not part of the project: they are read from beside the work tree, or from where
//! `COMPOSE_CASES` says. It must never copy one of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use compose_file::{Request, load};
use serde_json::{Map, Value};

/// The number of cases that matched when this was last changed; it only ever rises.
const FLOOR: usize = 285;

#[test]
fn accepted_cases_mean_the_same_and_rejected_ones_are_rejected() {
    let folder = std::env::var_os("COMPOSE_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/compose-cases"),
        PathBuf::from,
    );
    let cases = cases(&folder);
    if cases.is_empty() {
        eprintln!("NO CONFORMANCE TEST: there are no cases in {}", folder.display());
        return;
    }
    let mut tally: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (kind, case) in &cases {
        let count = tally.entry(kind.clone()).or_default();
        count.1 += 1;
        match outcome(case) {
            Ok(()) => count.0 += 1,
            Err(reason) => eprintln!("{}: {reason}", case.display()),
        }
    }
    for (kind, (matched, total)) in &tally {
        eprintln!("{kind}: {matched}/{total}");
    }
    let matched: usize = tally.values().map(|(matched, _)| matched).sum();
    eprintln!("alike: {matched} of {}", cases.len());
    assert!(matched >= FLOOR.min(cases.len()), "only {matched} cases match, there were {FLOOR}");
}

/// Every folder with a `case.json`, with its kind.
fn cases(folder: &Path) -> Vec<(String, PathBuf)> {
    let list = |path: &Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let kinds = list(folder).into_iter().filter(|path| path.is_dir());
    let pairs = kinds.flat_map(|kind| {
        let name = kind.file_name().unwrap_or_default().to_string_lossy().into_owned();
        list(&kind).into_iter().map(move |case| (name.clone(), case))
    });
    pairs.filter(|(_, case)| case.join("case.json").is_file()).collect()
}

fn outcome(folder: &Path) -> Result<(), String> {
    let folder = folder.canonicalize().unwrap();
    let case: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
    let request = Request {
        files: case["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap().into()).collect(),
        project_name: Some("proj".to_owned()),
        profiles: vec!["*".to_owned()],
        current_directory: folder.clone(),
        environment: std::env::vars().filter(|(name, _)| name == "HOME").collect(),
        ..Request::default()
    };
    let accepted = case["rc"] == 0;
    let unprintable = case["error"].as_str().is_some_and(|error| error.contains("MarshalJSON"));
    match load(&request) {
        _ if unprintable => Ok(()),
        Ok(_) if !accepted => Err(format!("accepted; docker compose says: {}", case["error"])),
        Err(_) if !accepted => Ok(()),
        Err(diagnostics) => Err(format!("refused: {diagnostics}")),
        Ok(loaded) => {
            let got = general(loaded.document().to_string(), &folder);
            let (got, want) = (spelling("", &got), spelling("", &case["config"]));
            if got == want { Ok(()) } else { Err(format!("want {want}\n got {got}")) }
        }
    }
}

/// The document with its own folder replaced by a name.
fn general(document: String, folder: &Path) -> Value {
    let above = folder.parent().unwrap().to_string_lossy().into_owned();
    let text = document.replace(&*folder.to_string_lossy(), "$DIR").replace(&above, "$PARENT");
    serde_json::from_str(&text).unwrap()
}

/// The value without differences in spelling that mean nothing.
fn spelling(key: &str, value: &Value) -> Value {
    const EMPTY: [&str; 5] = ["ipam", "driver_opts", "labels", "networks", "environment"];
    const TEXT: [&str; 7] = ["published", "target", "mode", "cpus", "cpu_count", "gid", "uid"];
    match value {
        Value::Object(map) => {
            let kept = map.iter().map(|(key, value)| (key.clone(), spelling(key, value)));
            let empty = |key: &str, value: &Value| {
                value.is_null() || EMPTY.contains(&key) && value.as_object().is_some_and(Map::is_empty)
            };
            let mut kept: Vec<_> = kept.filter(|(key, value)| !empty(key, value)).collect();
            kept.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(kept.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| spelling(key, item)).collect()),
        Value::Number(number) if TEXT.contains(&key) => Value::String(number.to_string()),
        Value::String(text) if TEXT.contains(&key) => Value::String(text.trim().trim_matches('"').to_owned()),
        other => other.clone(),
    }
}
