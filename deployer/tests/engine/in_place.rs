//! Services that cannot run in two colors, and jobs.

use std::time::Duration;

use serde_json::Value;

use crate::checks::{same, snapshot};
use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::{Scenario, eventually};

fn scenario(sentence: &'static str) -> Scenario {
    let scenario = Scenario::with_image(sentence, "store");
    scenario.set("STORE_VERSION", "v1");
    scenario
}

fn store_port(scenario: &Scenario) -> u16 {
    scenario.get("PORT2").parse().unwrap()
}

/// The store's container that runs: its id, and since when.
fn store(scenario: &Scenario) -> (Value, Value) {
    let label = format!("deployer.stack={}", scenario.name);
    let running = docker::labelled("/containers/json", &label).into_iter().find(|container| {
        container["Labels"]["deployer.service"] == "store" && container["State"] == "running"
    });
    let id = running.unwrap()["Id"].clone();
    let found = docker::get(&format!("/containers/{}/json", id.as_str().unwrap()));
    (id, found["State"]["StartedAt"].clone())
}

#[test]
fn a_store_that_did_not_change_is_not_touched() {
    let scenario = scenario("a store that did not change is not touched");
    scenario.deploy("v1");
    let before = store(&scenario);
    scenario.deploy("v2");
    scenario.expect(0, &["rollback"]);
    assert_eq!(store(&scenario), before);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
}

#[test]
fn a_store_that_changed_is_replaced_with_its_data() {
    let scenario = scenario("a store that changed is replaced, and its data stays");
    scenario.deploy("v1");
    let before = store(&scenario);
    assert_eq!(http::request(store_port(&scenario), "POST", "/log", "kept").unwrap().0, 200);
    scenario.set("STORE_VERSION", "v2");
    let plan = scenario.expect(0, &["plan"]);
    assert!(plan.data.contains("store is replaced in place (writable volume at /data)"), "{}", plan.text);
    let load = Load::start(scenario.port(), Mix::Light);
    scenario.deploy("v1");
    load.end().assert_unnoticed("the service beside the store");
    assert_ne!(store(&scenario).0, before.0);
    assert_eq!(http::get(store_port(&scenario), "/"), "v2");
    assert_eq!(http::get(store_port(&scenario), "/log"), "kept\n");
    scenario.expect(0, &["rollback"]);
    assert_eq!(store(&scenario).0, before.0, "the old container was kept, and is back");
    assert_eq!(http::get(store_port(&scenario), "/log"), "kept\n");
}

#[test]
fn a_store_that_fails_gives_way_to_the_one_before() {
    let scenario = scenario("a store that fails gives way to the one before");
    scenario.deploy("v1");
    assert_eq!(http::request(store_port(&scenario), "POST", "/log", "kept").unwrap().0, 200);
    let before = snapshot(&scenario);
    scenario.set("STORE_VERSION", "v2");
    scenario.set("UNHEALTHY", "on-purpose");
    scenario.set("INTERVAL", "1s");
    let load = Load::start(scenario.port(), Mix::Light);
    let ended = scenario.expect(10, &["deploy", "--tag", "v2"]);
    assert!(ended.text.contains("unhealthy as asked: on-purpose"), "{}", ended.text);
    load.end().assert_unnoticed("the service beside the store");
    same(scenario.sentence, &before, &snapshot(&scenario));
    eventually("the store is back", Duration::from_secs(5), || {
        http::version(store_port(&scenario)).as_deref() == Some("v1")
    });
    assert_eq!(http::get(store_port(&scenario), "/log"), "kept\n");
}

#[test]
fn a_job_runs_once_in_each_release_before_the_switch_and_never_in_a_rollback() {
    let scenario = Scenario::with_image("a job runs once in each release, and not in a rollback", "every");
    scenario.set("TOKEN", "hunter2");
    scenario.deploy("v1");
    assert_eq!(http::get(scenario.port(), "/log"), "v1\n");
    scenario.deploy("v1");
    assert_eq!(http::get(scenario.port(), "/log"), "v1\n", "nothing changed, so it is not run");
    scenario.deploy("v2");
    assert_eq!(http::get(scenario.port(), "/log"), "v1\nv2\n");
    scenario.set("VERSION", "v3");
    scenario.set("JOB_EXIT", "3");
    let before = snapshot(&scenario);
    let failed = scenario.expect(10, &["deploy", "--tag", "v3"]);
    for part in ["migrate", "exit code: 3", "job of version v3 runs", "release 2 (tag v2) serves"] {
        assert!(failed.text.contains(part), "{part}: {}", failed.text);
    }
    same("a job that failed", &before, &snapshot(&scenario));
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    assert_eq!(
        http::get(scenario.port(), "/log"),
        "v1\nv2\nv3\n",
        "what a job did stays, and nothing is added"
    );
}
