//! What clients notice of deploys and rollbacks: nothing.

use std::time::{Duration, Instant};

use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::Scenario;

#[test]
fn ten_deploys_and_ten_rollbacks_under_constant_load_fail_no_request() {
    let scenario = Scenario::new("nobody notices ten deploys and ten rollbacks", "web");
    scenario.set("REPLICAS", "2");
    scenario.deploy("v0");
    let load = Load::start(scenario.port(), Mix::Full);
    let started = Instant::now();
    let (mut deploys, mut rollbacks) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=10 {
        let (version, before) = (format!("v{round}"), http::version(scenario.port()));
        deploys += scenario.deploy(&version).took;
        assert_eq!(http::version(scenario.port()), Some(version));
        rollbacks += scenario.expect(0, &["rollback"]).took;
        assert_eq!(http::version(scenario.port()), before);
    }
    let tally = load.end();
    eprintln!(
        "10 deploys ({:.1} s each) and 10 rollbacks ({:.1} s each) in {:.0} s: {tally}",
        deploys.as_secs_f32() / 10.0,
        rollbacks.as_secs_f32() / 10.0,
        started.elapsed().as_secs_f32()
    );
    tally.assert_unnoticed("ten deploys and ten rollbacks");
}
