//! The engine is restarted, and the host: what was deployed comes back by itself, in a state that serves.

use std::time::Duration;

use crate::checks::snapshot;
use crate::http;
use crate::scenario::{Scenario, eventually};
use crate::second::{Containers, SecondEngine};
use crate::steps::parts;

/// When the engine goes, after the beginning of a deploy: each falls into another phase of it.
const MOMENTS: [u64; 5] = [150, 450, 800, 1200, 1800];

fn serves(scenario: &Scenario, version: &str) {
    eventually(&format!("{version} is answered again"), Duration::from_secs(30), || {
        http::version(scenario.port()).as_deref() == Some(version)
    });
}

/// Restarts the engine in the middle of deploys.
fn restarted_during_deploys(containers: Containers) {
    let Some(mut engine) = SecondEngine::start(containers) else { return };
    let scenario = Scenario::new("an engine that is restarted during a deploy", "web");
    for version in ["v1", "v2"] {
        scenario.deploy(version);
    }
    let (usual, mut live) = (parts(&scenario), "v2");
    for moment in MOMENTS {
        let other = if live == "v1" { "v2" } else { "v1" };
        scenario.set("VERSION", other);
        let mut deploy = scenario.start(&["deploy", "--no-build", "--tag", other]);
        std::thread::sleep(Duration::from_millis(moment));
        engine.end();
        let code = deploy.wait().unwrap().code();
        engine.begin();
        eprintln!("{containers:?}, {moment} ms: the deploy ended with {code:?}");
        // One or the other release serves, whole.
        eventually("somebody answers", Duration::from_secs(30), || http::version(scenario.port()).is_some());
        scenario.expect(0, &["deploy", "--no-build", "--tag", other]);
        serves(&scenario, other);
        assert_eq!(parts(&scenario), usual, "after {moment} ms");
        live = other;
    }
}

#[test]
fn an_engine_that_is_restarted_while_containers_run_on() {
    restarted_during_deploys(Containers::RunOn);
}

#[test]
fn an_engine_that_is_restarted_and_its_containers_with_it() {
    restarted_during_deploys(Containers::End);
}

#[test]
fn a_host_that_is_cut_off_from_power_comes_back_with_the_live_release() {
    let Some(mut engine) = SecondEngine::start(Containers::End) else { return };
    let scenario = Scenario::with_image("a host that comes back", "every");
    for version in ["v1", "v2"] {
        crate::steps::ask_for(&scenario, version);
        scenario.deploy(version);
    }
    let (usual, before) = (parts(&scenario), snapshot(&scenario));
    engine.cut_power();
    assert_eq!(http::version(scenario.port()), None);
    engine.begin();
    serves(&scenario, "v2");
    assert_eq!(parts(&scenario), usual, "the standby stays stopped, everything else runs");
    assert_eq!(snapshot(&scenario).records, before.records);
    scenario.expect(0, &["rollback"]);
    serves(&scenario, "v1");
}
