//! Calls to the engine that go wrong, one in each command: whatever it does, the stack serves on, and the next deploy
//! puts everything in order.

use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::proxy::{Mishap, Proxy};
use crate::scenario::{Scenario, eventually};
use crate::steps::parts;

use std::time::Duration;

/// No command here makes more calls.
const MOST: usize = 300;

/// Spoils every call of a deploy from `first` on, `step` apart, each in a deploy of its own.
fn spoil_calls(mishap: Mishap, first: usize, step: usize) {
    let scenario = Scenario::new("a call to the engine that goes wrong", "web");
    for version in ["v1", "v2"] {
        scenario.deploy(version);
    }
    let (usual, proxy) = (parts(&scenario), Proxy::start(scenario.folder.path()));
    let load = Load::start(scenario.port(), Mix::Light);
    let (mut live, mut taken_back, mut half_done, mut unharmed) = ("v2", 0, 0, 0);
    for call in (first..MOST).step_by(step) {
        let other = if live == "v1" { "v2" } else { "v1" };
        scenario.set("VERSION", other);
        proxy.spoil(mishap, call);
        let ended = scenario.run(&["--host", &proxy.url(), "deploy", "--no-build", "--tag", other]);
        let Some(spoiled) = proxy.spoiled() else { break };
        let what = format!("call {call} {mishap:?}: {spoiled}\n{}", ended.text);
        match ended.code {
            0 => unharmed += 1,
            10 => taken_back += 1,
            3 | 4 => half_done += 1,
            code => panic!("exit code {code}: {what}"),
        }
        let lock = format!("/containers/{}-lock/json", scenario.name);
        eventually("the lock goes by itself", Duration::from_secs(5), || docker::find(&lock).is_none());
        let next = scenario.run(&["deploy", "--no-build", "--tag", other]);
        assert_eq!(next.code, 0, "after {what}\n{}", next.text);
        assert_eq!(http::version(scenario.port()).as_deref(), Some(other), "after {what}");
        assert_eq!(parts(&scenario), usual, "after {what}");
        live = other;
    }
    let tally = load.end();
    eprintln!(
        "{mishap:?}: {taken_back} taken back, {half_done} left to the next, {unharmed} unharmed; {tally}"
    );
    // Which call falls where differs from run to run: a busy machine asks more often whether something is ready.
    assert!(taken_back > 0 && taken_back + half_done > 5, "{taken_back} and {half_done} deploys failed");
    tally.assert_unnoticed("deploys in which a call went wrong");
}

#[test]
fn calls_that_the_engine_refuses() {
    spoil_calls(Mishap::Refused, 0, 2);
}

#[test]
fn calls_that_are_carried_out_and_answered_with_an_error() {
    spoil_calls(Mishap::Forgotten, 1, 2);
}

#[test]
fn calls_whose_connection_is_cut() {
    spoil_calls(Mishap::Cut, 0, 2);
}
