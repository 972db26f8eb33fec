//! The test that matters most: for every step of a plan, fail there, and everything is as before; end there, and the
//! next command puts everything in order.

use std::collections::BTreeMap;

use deployer::execute::Faults;

use crate::checks::{Snapshot, same, snapshot};
use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::Scenario;

/// More steps than any plan here has.
const MOST: usize = 200;

fn scenario(sentence: &'static str) -> Scenario {
    let scenario = Scenario::with_image(sentence, "every");
    ask_for(&scenario, "v1");
    scenario
}

/// Everything changes: image, configuration, secret and config.
fn ask_for(scenario: &Scenario, version: &str) {
    scenario.set("VERSION", version);
    scenario.set("TOKEN", &format!("hunter2-{version}"));
}

/// Fails at every step before the commit, one after the other, and returns how many there were.
fn fail_at_every_step(scenario: &Scenario, fault: fn(usize) -> Faults, arguments: &[&str]) -> usize {
    let before = snapshot(scenario);
    for step in 0..MOST {
        match scenario.run_with(fault(step), arguments) {
            10 => same(&format!("{:?}", fault(step)), &before, &snapshot(scenario)),
            // The first step that can no longer be taken back: the release is committed.
            0 => return step,
            other => panic!("{:?}: exit code {other}", fault(step)),
        }
    }
    panic!("no plan has {MOST} steps");
}

fn a_deploy_that_fails_changes_nothing(fault: fn(usize) -> Faults) {
    let scenario = scenario("a deploy that fails at any step changes nothing");
    scenario.deploy("v1");
    let load = Load::start(scenario.port(), Mix::Light);
    ask_for(&scenario, "v2");
    scenario.expect(0, &["build", "--tag", "v2"]);
    let steps = fail_at_every_step(&scenario, fault, &["deploy", "--tag", "v2", "--no-build"]);
    assert!(steps > 12, "{steps} steps");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    let tally = load.end();
    eprintln!("{:?}: a deploy failed at {steps} steps: {tally}", fault(0));
    tally.assert_unnoticed("a deploy that failed at every step");
}

#[test]
fn a_deploy_that_fails_before_any_step_changes_nothing() {
    a_deploy_that_fails_changes_nothing(Faults::before);
}

#[test]
fn a_deploy_that_fails_after_any_step_changes_nothing() {
    a_deploy_that_fails_changes_nothing(Faults::after);
}

fn a_first_deploy_that_fails_leaves_nothing(scenario: &Scenario, fault: fn(usize) -> Faults) {
    assert_eq!(snapshot(scenario), Snapshot::default());
    scenario.expect(0, &["build", "--tag", "v1"]);
    let steps = fail_at_every_step(scenario, fault, &["deploy", "--tag", "v1", "--no-build"]);
    assert!(steps > 6, "{steps} steps");
    eprintln!("{:?}: a first deploy failed at {steps} steps", fault(0));
}

/// With the smallest stack: the undo of what never happened is tried for every other kind of step by a later deploy.
#[test]
fn a_first_deploy_that_fails_before_any_step_leaves_nothing() {
    let scenario = Scenario::new("a first deploy that fails before any step leaves nothing", "web");
    a_first_deploy_that_fails_leaves_nothing(&scenario, Faults::before);
}

#[test]
fn a_first_deploy_that_fails_after_any_step_leaves_nothing() {
    let scenario = scenario("a first deploy that fails after any step leaves nothing");
    a_first_deploy_that_fails_leaves_nothing(&scenario, Faults::after);
}

fn a_rollback_that_fails_changes_nothing(fault: fn(usize) -> Faults) {
    let scenario = scenario("a rollback that fails at any step changes nothing");
    scenario.deploy("v1");
    ask_for(&scenario, "v2");
    scenario.deploy("v2");
    let load = Load::start(scenario.port(), Mix::Light);
    let steps = fail_at_every_step(&scenario, fault, &["rollback"]);
    assert!(steps > 6, "{steps} steps");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    let tally = load.end();
    eprintln!("{:?}: a rollback failed at {steps} steps: {tally}", fault(0));
    tally.assert_unnoticed("a rollback that failed at every step");
}

#[test]
fn a_rollback_that_fails_before_any_step_changes_nothing() {
    a_rollback_that_fails_changes_nothing(Faults::before);
}

#[test]
fn a_rollback_that_fails_after_any_step_changes_nothing() {
    a_rollback_that_fails_changes_nothing(Faults::after);
}

/// Ends a deploy at every second step and has the next one put things in order, until one is not ended any more. Two
/// versions take turns, so that nothing has to be built.
fn a_deploy_that_ends_is_put_in_order(first: usize) {
    let scenario = scenario("a deploy that ends half way is put in order by the next one");
    for version in ["v1", "v2"] {
        ask_for(&scenario, version);
        scenario.deploy(version);
    }
    let usual = parts(&scenario);
    let load = Load::start(scenario.port(), Mix::Light);
    let mut steps = 0;
    for (step, version) in (first..MOST).step_by(2).zip(["v1", "v2"].into_iter().cycle()) {
        ask_for(&scenario, version);
        let deploy = ["deploy", "--tag", version, "--no-build"];
        if scenario.run_with(Faults::crash(step), &deploy) == 0 {
            break;
        }
        steps += 1;
        assert_eq!(scenario.run_with(Faults::none(), &deploy), 0, "after step {step}");
        assert_eq!(http::version(scenario.port()).as_deref(), Some(version), "after step {step}");
        assert_eq!(parts(&scenario), usual, "something is left over, or gone, after step {step}");
        assert!(snapshot(&scenario).records.iter().all(|line| !line.starts_with("unfinished")));
    }
    assert!(steps > 8, "{steps} steps");
    let tally = load.end();
    eprintln!("a deploy ended at {steps} steps: {tally}");
    tally.assert_unnoticed("a deploy that ended at every step");
}

#[test]
fn a_deploy_that_ends_at_any_even_step_is_put_in_order_by_the_next() {
    a_deploy_that_ends_is_put_in_order(0);
}

#[test]
fn a_deploy_that_ends_at_any_odd_step_is_put_in_order_by_the_next() {
    a_deploy_that_ends_is_put_in_order(1);
}

#[test]
fn a_first_deploy_that_ends_at_any_step_is_put_in_order_by_the_next() {
    let scenario = Scenario::new("a first deploy that ends half way is put in order by the next one", "web");
    scenario.expect(0, &["build", "--tag", "v1"]);
    let (mut usual, deploy) = (None, ["deploy", "--tag", "v1", "--no-build"]);
    for step in 0..MOST {
        let ended = scenario.run_with(Faults::crash(step), &deploy);
        if ended != 0 {
            assert_eq!(scenario.run_with(Faults::none(), &deploy), 0, "after step {step}");
        }
        let now = (parts(&scenario), snapshot(&scenario).records);
        assert_eq!(&now, usual.get_or_insert(now.clone()), "after step {step}");
        assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
        assert_eq!(scenario.run_with(Faults::none(), &["down", "--volumes", "--yes"]), 0);
        same(
            "down --volumes",
            &Snapshot::default(),
            &Snapshot { images: BTreeMap::new(), ..snapshot(&scenario) },
        );
        if ended == 0 {
            assert!(step > 6, "{step} steps");
            return;
        }
    }
}

/// What a stack consists of, whatever the release: containers by service, role and state, networks, plain volumes.
fn parts(scenario: &Scenario) -> BTreeMap<String, usize> {
    let ours = format!("deployer.stack={}", scenario.name);
    let mut parts = BTreeMap::new();
    for container in docker::labelled("/containers/json", &ours) {
        let label = |key: &str| container["Labels"][key].as_str().unwrap_or_default().to_owned();
        let part = format!("{} {} {}", label("deployer.service"), label("deployer.role"), container["State"]);
        *parts.entry(part).or_default() += 1;
    }
    for network in docker::labelled("/networks", &ours) {
        parts.insert(format!("network {}", network["Name"]), 1);
    }
    for volume in docker::labelled("/volumes", &ours) {
        // Each kept release has its own secrets: their number depends on how many releases there were.
        if volume["Labels"]["deployer.role"] != "files" {
            parts.insert(format!("volume {}", volume["Name"]), 1);
        }
    }
    parts
}
