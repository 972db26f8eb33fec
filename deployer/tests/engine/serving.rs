//! What clients notice of deploys and rollbacks: nothing.

use std::time::{Duration, Instant};

use crate::docker;
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

#[test]
fn what_a_front_counts_can_be_read_without_a_port() {
    let scenario = Scenario::new("metrics prints what the fronts have counted", "web");
    scenario.overlay("x-deployer: {metrics: 9100}\n");
    for version in ["v1", "v2"] {
        scenario.deploy(version);
        assert_eq!(http::version(scenario.port()).as_deref(), Some(version));
    }
    let text = scenario.expect(0, &["metrics"]).data;
    let served = |release: u32, color: &str| {
        format!(
            "front_requests_total{{service=\"web\",release=\"{release}\",color=\"{color}\",class=\"2xx\"}} 1\n"
        )
    };
    assert!(text.contains(&served(1, "blue")) && text.contains(&served(2, "green")), "{text}");
    assert_eq!(text.matches("# TYPE front_requests_total counter").count(), 1, "{text}");
    let unknown = scenario.expect(2, &["metrics", "wbe"]);
    assert!(unknown.text.contains("web"), "{}", unknown.text);
    // The same inside the networks, for a Prometheus of the stack.
    let front = format!("/containers/{}-web-front/json", scenario.name);
    let networks = docker::get(&front)["NetworkSettings"]["Networks"].clone();
    let address =
        networks.as_object().unwrap().values().next().unwrap()["IPAddress"].as_str().unwrap().to_owned();
    let (status, text) = http::request_at((&address, 9100), "GET", "/metrics", "").unwrap();
    assert!(status == 200 && text.contains("front_requests_total"), "{status} {text}");
}
