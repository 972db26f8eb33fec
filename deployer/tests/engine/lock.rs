//! One writing command at a time, and none that was killed stands in the way of the next.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::{Scenario, eventually};

fn is_locked(scenario: &Scenario) -> bool {
    docker::find(&format!("/containers/{}-lock/json", scenario.name))
        .is_some_and(|keeper| keeper["State"]["Running"] == true)
}

fn exists(scenario: &Scenario, container: &str) -> bool {
    docker::find(&format!("/containers/{}-{container}/json", scenario.name)).is_some()
}

#[test]
fn of_two_deploys_at_once_one_is_told_who_holds_the_lock_and_since_when() {
    let scenario = Scenario::new("two deploys at once: one runs, the other says who is first", "web");
    scenario.deploy("v1");
    scenario.set("UNHEALTHY", "it keeps the first one waiting");
    scenario.set("INTERVAL", "1s");
    let mut first = scenario.start(&["deploy", "--tag", "v2"]);
    eventually("the first one holds the lock", Duration::from_secs(10), || is_locked(&scenario));
    let second = scenario.expect(5, &["deploy", "--tag", "v3"]);
    let today = jiff::Timestamp::now().strftime("since %Y-%m-%dT").to_string();
    assert!(second.text.contains("deploy (") && second.text.contains(&today), "{}", second.text);
    assert!(second.took < Duration::from_secs(4), "{:?}", second.took);
    let status = scenario.expect(0, &["status", "--output", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.data).unwrap();
    assert_eq!(status["release"], 1);
    assert!(status["lock"].as_str().unwrap().contains("deploy ("), "{status}");
    assert_eq!(scenario.expect(0, &["history", "--output", "json"]).data.matches("\"tag\"").count(), 1);
    assert_eq!(first.wait().unwrap().code(), Some(10));
    assert!(!is_locked(&scenario));
}

#[test]
fn a_deploy_that_is_killed_leaves_no_lock_and_the_next_one_works() {
    let scenario = Scenario::new("kill -9 half way: the next deploy works by itself", "web");
    scenario.deploy("v1");
    let load = Load::start(scenario.port(), Mix::Light);
    scenario.set("UNHEALTHY", "it never gets further");
    let mut killed = scenario.start(&["deploy", "--tag", "v2"]);
    eventually("it has made a container", Duration::from_secs(20), || exists(&scenario, "web-2-1"));
    killed.kill().unwrap();
    assert_eq!(killed.wait().unwrap().signal(), Some(9));
    scenario.expect(0, &["status"]);
    eventually("the lock is gone by itself", Duration::from_secs(3), || !is_locked(&scenario));
    assert!(exists(&scenario, "web-2-1"), "nobody has cleaned up yet");
    let status = scenario.expect(0, &["status", "--output", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.data).unwrap();
    assert_eq!((&status["unfinished"], &status["lock"]), (&true.into(), &serde_json::Value::Null));
    scenario.set("UNHEALTHY", "");
    scenario.deploy("v3");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v3"));
    let running: Vec<_> = docker::labelled("/containers/json", &format!("deployer.stack={}", scenario.name))
        .into_iter()
        .map(|container| format!("{} {}", container["Names"][0], container["State"]))
        .collect();
    assert_eq!(running.len(), 3, "the front, v3 and v1 on standby: {running:?}");
    load.end().assert_unnoticed(scenario.sentence);
}

#[test]
fn a_deploy_that_is_interrupted_takes_back_what_it_did() {
    let scenario = Scenario::new("Ctrl-C takes back what was done", "web");
    scenario.deploy("v1");
    let before = crate::checks::snapshot(&scenario);
    scenario.set("UNHEALTHY", "it never gets further");
    let mut interrupted = scenario.start(&["deploy", "--tag", "v2"]);
    eventually("it has made a container", Duration::from_secs(20), || exists(&scenario, "web-2-1"));
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&interrupted),
        rustix::process::Signal::INT,
    )
    .unwrap();
    assert_eq!(interrupted.wait().unwrap().code(), Some(10));
    crate::checks::same(scenario.sentence, &before, &crate::checks::snapshot(&scenario));
}
