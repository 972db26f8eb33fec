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

/// A stack with a part of every kind, and everything that changes with `version` asked for as v1.
pub fn every_part(sentence: &'static str) -> Scenario {
    let scenario = Scenario::with_image(sentence, "every");
    ask_for(&scenario, "v1");
    scenario
}

/// Everything changes: image, configuration, secret and config.
pub fn ask_for(scenario: &Scenario, version: &str) {
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
    let scenario = every_part("a deploy that fails at any step changes nothing");
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
    let scenario = every_part("a first deploy that fails after any step leaves nothing");
    a_first_deploy_that_fails_leaves_nothing(&scenario, Faults::after);
}

fn a_rollback_that_fails_changes_nothing(fault: fn(usize) -> Faults) {
    let scenario = every_part("a rollback that fails at any step changes nothing");
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

/// The number of the last step before the commit.
fn last_step(scenario: &Scenario, arguments: &[&str]) -> usize {
    let plan = scenario.expect(0, &[arguments, &["--dry-run"]].concat()).data;
    plan.lines().take_while(|line| *line != "commit").filter(|line| line.starts_with("   ")).count() - 1
}

#[test]
fn every_call_and_every_undo_may_be_repeated() {
    let scenario = every_part("every call and every undo may be repeated");
    scenario.deploy("v1");
    let load = Load::start(scenario.port(), Mix::Light);
    ask_for(&scenario, "v2");
    scenario.expect(0, &["build", "--tag", "v2"]);
    for (arguments, version) in [(&["deploy", "--tag", "v2", "--no-build"][..], "v2"), (&["rollback"], "v1")]
    {
        let before = snapshot(&scenario);
        let last = Faults::after(last_step(&scenario, arguments)).twice();
        assert_eq!(scenario.run_with(last, arguments), 10, "{arguments:?}");
        same("every undo was done twice", &before, &snapshot(&scenario));
        assert_eq!(scenario.run_with(Faults::none().twice(), arguments), 0, "{arguments:?}");
        assert_eq!(http::version(scenario.port()).as_deref(), Some(version));
    }
    load.end().assert_unnoticed("a deploy and a rollback with every call repeated");
    assert_eq!(scenario.run_with(Faults::none().twice(), &["down", "--volumes", "--yes"]), 0);
    assert_eq!(snapshot(&scenario), Snapshot::default());
}

#[test]
fn a_down_that_fails_at_any_step_brings_everything_back() {
    let scenario = every_part("a down that fails at any step brings everything back");
    scenario.deploy("v1");
    let before = snapshot(&scenario);
    let mut failed = 0;
    for step in 0..MOST {
        let fault = if step % 2 == 0 { Faults::before(step) } else { Faults::after(step) };
        match scenario.run_with(fault, &["down", "--yes"]) {
            10 => failed += 1,
            // What follows the commit is only removing: that is finished by the next command.
            11 => break,
            other => panic!("{fault:?}: exit code {other}"),
        }
        // The containers were started again, and the front holds requests until theirs answers.
        assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"), "{fault:?}");
        same(
            &format!("{fault:?}"),
            &Snapshot { started: BTreeMap::new(), ..before.clone() },
            &Snapshot { started: BTreeMap::new(), ..snapshot(&scenario) },
        );
    }
    assert!(failed >= 4, "{failed} steps");
    scenario.expect(0, &["down", "--volumes", "--yes"]);
    assert_eq!(snapshot(&scenario), Snapshot::default());
}

/// An undo that fails leaves something that a person has to look at; the next command goes on from there.
#[test]
fn a_deploy_that_cannot_be_taken_back_is_gone_on_with_by_the_next() {
    let scenario = every_part("a deploy that cannot be taken back is gone on with by the next command");
    scenario.deploy("v1");
    let before = snapshot(&scenario);
    ask_for(&scenario, "v2");
    scenario.expect(0, &["build", "--tag", "v2"]);
    let deploy = ["deploy", "--tag", "v2", "--no-build"];
    let load = Load::start(scenario.port(), Mix::Light);
    let last = last_step(&scenario, &deploy);
    for step in [0, last / 2, last] {
        assert_eq!(scenario.run_with(Faults::after(last).undo(step), &deploy), 11, "undo of step {step}");
        let left = snapshot(&scenario);
        assert!(left.records.contains(&"unfinished deploy".to_owned()), "{:?}", left.records);
        assert_eq!(scenario.run_with(Faults::before(0), &deploy), 10);
        same(&format!("after the undo of step {step} failed"), &before, &snapshot(&scenario));
    }
    load.end().assert_unnoticed("deploys that could not be taken back");
}

/// Ends a deploy at every second step and has the next one put things in order, until one is not ended any more. Two
/// versions take turns, so that nothing has to be built.
fn a_deploy_that_ends_is_put_in_order(first: usize) {
    let scenario = every_part("a deploy that ends half way is put in order by the next one");
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

/// Taken back when it was not committed, finished when it was: a deploy of the release that was live begins with that.
#[test]
fn a_rollback_that_ends_at_any_step_is_put_in_order_by_the_next_deploy() {
    let scenario = every_part("a rollback that ends half way is put in order by the next deploy");
    for version in ["v1", "v2"] {
        ask_for(&scenario, version);
        scenario.deploy(version);
    }
    let (usual, deploy) = (parts(&scenario), ["deploy", "--tag", "v2", "--no-build"]);
    let load = Load::start(scenario.port(), Mix::Light);
    let ended = |step: &usize| scenario.run_with(Faults::crash(*step), &["rollback"]) != 0;
    let steps = (0..MOST).take_while(ended).inspect(|step| {
        assert_eq!(scenario.run_with(Faults::none(), &deploy), 0, "after step {step}");
        assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"), "after step {step}");
        assert_eq!(parts(&scenario), usual, "something is left over, or gone, after step {step}");
        assert!(snapshot(&scenario).records.iter().all(|line| !line.starts_with("unfinished")));
    });
    let steps = steps.count();
    assert!(steps > 8, "{steps} steps");
    let tally = load.end();
    eprintln!("a rollback ended at {steps} steps: {tally}");
    tally.assert_unnoticed("a rollback that ended at every step");
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
pub fn parts(scenario: &Scenario) -> BTreeMap<String, usize> {
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
