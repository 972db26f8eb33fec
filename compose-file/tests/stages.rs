//! Stage by stage, through what a service becomes in the normalised document.
//!
//! It must never read anything but its own small files.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use compose_file::{Request, load};
use serde_json::Value;

/// Loads the files, the first ones over each other as far as their names start with `compose`, and compares the
/// keys of the service `web` that are expected, written as YAML.
fn check(files: &[(&str, &str)], expect: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let layers = files.iter().map(|(name, _)| *name).filter(|name| name.starts_with("compose"));
    let request = Request {
        files: layers.map(Into::into).collect(),
        current_directory: folder.path().to_owned(),
        project_name: Some("test".to_owned()),
        ..Request::default()
    };
    let loaded = load(&request).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let document = loaded.document().to_string().replace(&*folder.path().to_string_lossy(), "DIR");
    let document: Value = serde_json::from_str(&document).unwrap();
    let expect: Value = serde_yaml::from_str(expect).unwrap();
    for (key, value) in expect.as_object().unwrap() {
        assert_eq!(&document["services"]["web"][key], value, "{key} of {files:?}");
    }
}

fn layers(lower: &str, upper: &str, expect: &str) {
    let lower = format!("services: {{web: {{image: a, {lower}}}}}\n");
    let upper = format!("services: {{web: {{{upper}}}}}\n");
    check(&[("compose.a.yaml", &lower), ("compose.b.yaml", &upper)], expect);
}

#[test]
fn each_key_is_merged_by_its_own_rule() {
    layers("command: [a, b]", "command: c", "command: [c]");
    layers("environment: [A=1, B=1]", "environment: {B: 2}", "environment: {A: '1', B: '2'}");
    layers("dns: 1.1.1.1", "dns: [2.2.2.2]", "dns: [1.1.1.1, 2.2.2.2]");
    layers("cap_add: [A]", "cap_add: [A, B]", "cap_add: [A, B]");
    layers(
        "logging: {driver: a, options: {x: '1'}}",
        "logging: {driver: b, options: {y: '2'}}",
        "logging: {driver: b, options: {y: '2'}}",
    );
    layers("ulimits: {nofile: {soft: 1, hard: 2}}", "ulimits: {nofile: 3}", "ulimits: {nofile: 3}");
    layers("tmpfs: /a", "tmpfs: ", "tmpfs: [/a]");
}

#[test]
fn reset_removes_and_override_replaces() {
    layers("environment: {A: '1', B: '2'}", "environment: {A: !reset null}", "environment: {B: '2'}");
    layers("dns: [1.1.1.1]", "dns: !override [2.2.2.2]", "dns: [2.2.2.2]");
    layers("dns: [1.1.1.1], tty: true", "dns: !reset []", "tty: true\ndns: null");
}

#[test]
fn the_merge_key_fills_in() {
    let text = "x-a: &a {image: a, labels: {l: '1'}}\nx-b: &b {image: b, tty: true}\nservices: {web: {<<: [*a, *b], init: true}}\n";
    check(&[("compose.yaml", text)], "image: a\nlabels: {l: '1'}\ntty: true\ninit: true");
}

#[test]
fn extended_files_keep_their_own_folder() {
    let base = "services: {base: {image: b, volumes: ['./d:/d'], environment: {A: '1'}}}\n";
    let text = "services: {web: {extends: {file: ./base.yaml, service: base}, environment: {B: '2'}}}\n";
    check(
        &[("compose.yaml", text), ("base.yaml", base)],
        "image: b\nenvironment: {A: '1', B: '2'}\nvolumes: [{type: bind, source: DIR/d, target: /d, bind: {create_host_path: true}}]",
    );
}

#[test]
fn included_models_have_their_own_variables() {
    let included = "services: {web: {image: 'a:${TAG}'}}\n";
    check(
        &[
            ("compose.yaml", "include: [{path: part.yaml, env_file: part.env}]\n"),
            ("part.yaml", included),
            ("part.env", "TAG=7\n"),
        ],
        "image: a:7",
    );
}

#[test]
fn env_files_lose_to_the_service_itself() {
    let text = "services: {web: {image: a, env_file: [one.env, two.env], environment: {B: own}}}\n";
    check(
        &[("compose.yaml", text), ("one.env", "A=1\nB=1\n"), ("two.env", "A=2\nC=$A\n")],
        "environment: {A: '2', B: own, C: '2'}",
    );
}

#[test]
fn scalars_are_read_as_docker_compose_reads_them() {
    let text = "services: {web: {image: a, environment: {A: 0644, B: yes, C: 1.50, D: 0o17, E: 1e3, F: ~, G: 08}}}\n";
    check(
        &[("compose.yaml", text)],
        "environment: {A: '420', B: 'yes', C: '1.5', D: '15', E: '1000', F: null, G: '8'}",
    );
}
