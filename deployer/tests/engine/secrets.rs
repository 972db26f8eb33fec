//! Secrets and configs: where they have to be, and everywhere they must not be.

use std::process::Command;

use crate::docker;
use crate::http;
use crate::scenario::Scenario;

const TOKEN: &str = "s3cr3t-t0k3n-one";
const PASSWORD: &str = "p4ssw0rd-one";

/// Everything that anybody who may ask the engine sees of a stack, volumes' content apart.
fn everything_about(scenario: &Scenario) -> String {
    let label = format!("deployer.stack={}", scenario.name);
    let mut all = String::new();
    for container in docker::labelled("/containers/json", &label) {
        let id = container["Id"].as_str().unwrap();
        all += &docker::get(&format!("/containers/{id}/json")).to_string();
        let log = Command::new("docker").args(["logs", id]).output().unwrap();
        all += &String::from_utf8_lossy(&log.stdout);
        all += &String::from_utf8_lossy(&log.stderr);
    }
    for path in ["/volumes", "/networks"] {
        for found in docker::labelled(path, &label) {
            all += &found.to_string();
        }
    }
    all
}

#[test]
fn secrets_and_configs_are_files_with_their_modes_and_nowhere_else() {
    let scenario = Scenario::with_image("secrets are files, and nowhere else", "secrets");
    scenario.set("TOKEN", TOKEN);
    scenario.write("password.txt", PASSWORD);
    let first = scenario.expect(0, &["deploy", "--tag", "v1", "-v", "--output", "json"]);
    let file = |path: &str| http::get(scenario.port(), &format!("/file?path={path}"));
    let mode = |path: &str| http::get(scenario.port(), &format!("/mode?path={path}"));
    assert_eq!(file("/run/secrets/from_environment"), TOKEN);
    assert_eq!(mode("/run/secrets/from_environment"), "444 0 0");
    assert_eq!(file("/etc/app/password"), PASSWORD);
    assert_eq!(mode("/etc/app/password"), "400 10001 10002");
    assert_eq!(file("/etc/app/settings.ini"), format!("token = {TOKEN}\n"));
    assert_eq!(mode("/etc/app/settings.ini"), "440 0 10001");
    let said = scenario.expect(0, &["history", "--output", "json"]).text
        + &scenario.expect(0, &["status", "--output", "json"]).text
        + &scenario.expect(0, &["plan", "--output", "json"]).text
        + &first.text;
    let seen = everything_about(&scenario);
    for secret in [TOKEN, PASSWORD] {
        assert!(!seen.contains(secret), "the engine shows {secret}");
        assert!(!said.contains(secret), "the deployer says {secret}: {said}");
    }
}

#[test]
fn a_new_secret_is_a_change_and_a_rollback_brings_the_old_one_back() {
    let scenario = Scenario::with_image("a new secret is a change", "secrets");
    scenario.set("TOKEN", TOKEN);
    scenario.write("password.txt", PASSWORD);
    scenario.deploy("v1");
    scenario.write("password.txt", "p4ssw0rd-two");
    scenario.deploy("v1");
    let password = || http::get(scenario.port(), "/file?path=/etc/app/password");
    assert_eq!(password(), "p4ssw0rd-two");
    scenario.expect(0, &["rollback"]);
    assert_eq!(password(), PASSWORD);
}

#[test]
fn the_state_of_a_stack_is_readable_by_root_only() {
    let scenario = Scenario::with_image("history and key are files of root", "secrets");
    scenario.set("TOKEN", TOKEN);
    scenario.write("password.txt", PASSWORD);
    scenario.deploy("v1");
    let front = format!("{}-web-front", scenario.name);
    let copied =
        Command::new("sh").args(["-c", &format!("docker cp {front}:/state - | tar tv")]).output().unwrap();
    let listed = String::from_utf8(copied.stdout).unwrap();
    for name in ["history", "key", "journal"] {
        let line = listed.lines().find(|line| line.ends_with(name)).unwrap_or_else(|| panic!("{listed}"));
        assert!(line.starts_with("-rw------- 0/0") || line.starts_with("-rw------- root/root"), "{line}");
    }
    let user = docker::get(&format!("/containers/{front}/json"))["Config"]["User"].clone();
    assert_eq!(user, "65532:65532");
}
