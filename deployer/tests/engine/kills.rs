//! Commands that end at any moment, in any way: the stack serves all along, the next command puts everything in order by
//! itself, and nothing is left over.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::{Pid, Signal, kill_process};

use crate::checks::snapshot;
use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::eventually;
use crate::steps::{ask_for, every_part, parts};

/// Commands of each test, four tests beside each other: a hundred in all.
const COMMANDS: usize = 25;
/// A deploy of this stack takes about two seconds.
const LONGEST: u64 = 2500;

/// Ends commands at random moments, and lets now and then another one run to its end.
fn ended_at_random_moments(signals: &[Signal]) {
    let scenario = every_part("commands that end at random moments leave nothing over");
    for version in ["v1", "v2"] {
        ask_for(&scenario, version);
        scenario.deploy(version);
    }
    let usual = parts(&scenario);
    let seed = rand::random();
    eprintln!("{}: seed {seed}", scenario.name);
    let mut random = StdRng::seed_from_u64(seed);
    let load = Load::start(scenario.port(), Mix::Light);
    let mut ended = 0;
    for number in 0..COMMANDS {
        let version = if number % 2 == 0 { "v1" } else { "v2" };
        ask_for(&scenario, version);
        let verb = if random.random_bool(0.7) {
            &["deploy", "--no-build", "--tag", version][..]
        } else {
            &["rollback"]
        };
        let mut child = scenario.start(verb);
        std::thread::sleep(Duration::from_millis(random.random_range(0..LONGEST)));
        let pid = Pid::from_child(&child);
        for signal in signals {
            let _ended_already = kill_process(pid, *signal);
        }
        let status = child.wait().unwrap();
        ended +=
            usize::from(status.signal().is_some() || status.code() == Some(10) || status.code() == Some(130));
        if random.random_bool(0.3) {
            scenario.expect(0, &["status"]);
        }
    }
    ask_for(&scenario, "v1");
    scenario.expect(0, &["deploy", "--no-build", "--tag", "v1"]);
    // From any release of this file to the other one: what is kept does not depend on how it got there.
    ask_for(&scenario, "v2");
    scenario.expect(0, &["deploy", "--no-build", "--tag", "v2"]);
    let tally = load.end();
    eprintln!("{:?}: {ended} of {COMMANDS} commands ended early: {tally}", signals);
    assert!(ended > COMMANDS / 4, "{ended} of {COMMANDS} commands were ended early (seed {seed})");
    tally.assert_unnoticed("commands that ended at random moments");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    assert_eq!(parts(&scenario), usual, "something is left over, or gone (seed {seed})");
    let lock = format!("/containers/{}-lock/json", scenario.name);
    eventually("no lock is left", Duration::from_secs(3), || docker::find(&lock).is_none());
    assert!(snapshot(&scenario).records.iter().all(|line| !line.starts_with("unfinished")));
}

#[test]
fn commands_that_are_killed_at_random_moments() {
    ended_at_random_moments(&[Signal::KILL]);
}

#[test]
fn commands_that_are_killed_at_other_random_moments() {
    ended_at_random_moments(&[Signal::KILL]);
}

#[test]
fn commands_that_are_told_to_end_at_random_moments() {
    ended_at_random_moments(&[Signal::TERM]);
}

#[test]
fn commands_that_are_left_in_a_hurry_at_random_moments() {
    ended_at_random_moments(&[Signal::INT, Signal::HUP]);
}
