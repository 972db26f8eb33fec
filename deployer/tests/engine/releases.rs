//! History, rollbacks, and the end of a stack.

use serde_json::Value;

use crate::checks::{Snapshot, same, snapshot};
use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::Scenario;

fn history(scenario: &Scenario) -> Vec<(u64, String, Option<u64>)> {
    let listed = scenario.expect(0, &["history", "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed.data).unwrap();
    let releases = listed.as_array().unwrap().iter();
    let spelled = releases.map(|release| {
        let number = |key: &str| release[key].as_u64();
        (number("release").unwrap(), release["tag"].as_str().unwrap().to_owned(), number("source"))
    });
    spelled.collect()
}

#[test]
fn every_release_is_in_the_history_and_can_be_returned_to() {
    let scenario = Scenario::new("the history lists every release, and each can be returned to", "web");
    for version in ["v1", "v2", "v3"] {
        scenario.deploy(version);
    }
    let tag = |text: &str| text.to_owned();
    let three = [(3, tag("v3"), None), (2, tag("v2"), None), (1, tag("v1"), None)];
    assert_eq!(history(&scenario), three);
    let load = Load::start(scenario.port(), Mix::Light);
    scenario.expect(0, &["rollback", "--to", "1"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    assert_eq!(history(&scenario)[0], (4, tag("v1"), Some(1)));
    scenario.expect(0, &["rollback", "--to", "3"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v3"));
    for version in ["v2", "v1"] {
        scenario.expect(0, &["rollback"]);
        assert_eq!(http::version(scenario.port()).as_deref(), Some(version));
    }
    let nothing = scenario.expect(3, &["rollback"]);
    assert!(nothing.text.contains("nothing to roll back to"), "{}", nothing.text);
    let unknown = scenario.expect(3, &["rollback", "--to", "99"]);
    assert!(unknown.text.contains("no release 99"), "{}", unknown.text);
    load.end().assert_unnoticed(scenario.sentence);
}

#[test]
fn a_rollback_makes_a_standby_again_that_somebody_removed() {
    let scenario = Scenario::new("a rollback without its standby makes it again", "web");
    scenario.deploy("v1");
    scenario.deploy("v2");
    docker::delete(&format!("/containers/{}-web-1-1?force=true", scenario.name));
    let load = Load::start(scenario.port(), Mix::Light);
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    load.end().assert_unnoticed(scenario.sentence);
}

#[test]
fn a_rollback_to_a_release_whose_image_is_gone_is_refused() {
    let scenario = Scenario::new("a rollback to an image that is gone is refused", "web");
    scenario.deploy("v1");
    scenario.deploy("v2");
    docker::delete(&format!("/containers/{}-web-1-1?force=true", scenario.name));
    let image = |tag: &str| format!("/images/{}-web:{tag}", scenario.name);
    docker::delete(&image("release-1"));
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::get(scenario.port(), "/"), "v1", "one name is left, so it can be made again");
    scenario.expect(0, &["rollback", "--to", "2"]);
    docker::delete(&format!("/containers/{}-web-3-1?force=true", scenario.name));
    docker::delete(&image("release-1"));
    docker::delete(&image("v1"));
    let before = snapshot(&scenario);
    let refused = scenario.expect(3, &["rollback", "--to", "1"]);
    assert!(refused.text.contains("is gone from the engine"), "{}", refused.text);
    same(scenario.sentence, &before, &snapshot(&scenario));
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
}

#[test]
fn what_a_failed_deploy_was_to_be_never_gets_into_the_history() {
    let scenario = Scenario::new("a failed deploy is in no history, whatever comes after it", "web");
    scenario.deploy("v1");
    scenario.set("UNHEALTHY", "on-purpose");
    scenario.set("VERSION", "v2");
    scenario.expect(10, &["deploy", "--tag", "v2", "--timeout", "2s"]);
    scenario.expect(0, &["down", "--yes"]);
    assert_eq!(history(&scenario), [(1, "v1".to_owned(), None)]);
    scenario.set("UNHEALTHY", "");
    scenario.deploy("v3");
    assert_eq!(history(&scenario)[0], (2, "v3".to_owned(), None));
}

#[test]
fn a_rollback_brings_ports_back_too() {
    let scenario = Scenario::new("a rollback brings ports back, and no container is touched", "web");
    scenario.deploy("v1");
    let (old, new) = (scenario.port(), scenario.get("PORT2"));
    let web = format!("{}-web-1-1", scenario.name);
    let before = snapshot(&scenario).started[&web].clone();
    scenario.set("PORT", &new);
    scenario.deploy("v1");
    assert_eq!((http::version(old), http::version(scenario.port()).as_deref()), (None, Some("v1")));
    scenario.expect(0, &["rollback"]);
    assert_eq!((http::version(old).as_deref(), http::version(scenario.port())), (Some("v1"), None));
    assert_eq!(snapshot(&scenario).started[&web], before);
}

#[test]
fn five_releases_keep_their_images_and_one_its_containers() {
    let scenario = Scenario::new("five releases keep their images, and one its containers", "web");
    for version in ["v1", "v2", "v3", "v4", "v5", "v6", "v7"] {
        scenario.deploy(version);
    }
    let after = snapshot(&scenario);
    let images: Vec<String> = after.images.keys().cloned().collect();
    let kept: Vec<String> = (3..=7).map(|number| format!("{}-web:release-{number}", scenario.name)).collect();
    assert_eq!(images, kept);
    let containers: Vec<&String> = after.containers.keys().collect();
    let parts = ["web-6-1", "web-7-1", "web-front"].map(|part| format!("{}-{part}", scenario.name));
    assert_eq!(containers, parts.iter().collect::<Vec<_>>());
    assert_eq!(scenario.expect(3, &["rollback", "--to", "1"]).text.matches("no longer kept").count(), 1);
}

#[test]
fn down_keeps_data_and_history_and_the_next_deploy_finds_them() {
    let scenario = Scenario::with_image("down keeps data and history", "store");
    scenario.set("STORE_VERSION", "v1");
    scenario.deploy("v1");
    let store: u16 = scenario.get("PORT2").parse().unwrap();
    assert_eq!(http::request(store, "POST", "/log", "kept").unwrap().0, 200);
    let no = scenario.expect(0, &["down", "--yes"]);
    assert!(no.text.contains("is down"), "{}", no.text);
    let label = format!("deployer.stack={}", scenario.name);
    assert!(docker::labelled("/containers/json", &label).is_empty());
    assert!(docker::labelled("/networks", &label).is_empty());
    let volumes: Vec<Value> = docker::labelled("/volumes", &label);
    let names = ["_data", "-state"].map(|part| format!("{}{part}", scenario.name));
    assert_eq!(volumes.len(), 2, "{volumes:?}");
    assert!(volumes.iter().all(|volume| names.iter().any(|name| volume["Name"] == **name)), "{volumes:?}");
    scenario.deploy("v2");
    assert_eq!(http::get(store, "/log"), "kept\n");
    assert_eq!(history(&scenario).len(), 2);
    scenario.expect(0, &["down", "--yes", "--volumes"]);
    same("down --volumes", &Snapshot::default(), &snapshot(&scenario));
    let again = scenario.expect(0, &["down", "--yes"]);
    assert!(again.text.contains("nothing to do"), "{}", again.text);
}

#[test]
fn a_warm_standby_runs_on_until_it_is_needed_or_spare() {
    let scenario = Scenario::new("a warm standby runs on until it is needed or spare", "web");
    scenario.overlay("x-deployer: {standby: warm}\n");
    scenario.deploy("v1");
    scenario.deploy("v2");
    let web = |release: u32| format!("{}-web-{release}-1", scenario.name);
    let started = snapshot(&scenario).started;
    assert!(started.contains_key(&web(1)) && started.contains_key(&web(2)), "{started:?}");
    let load = Load::start(scenario.port(), Mix::Light);
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    assert_eq!(snapshot(&scenario).started, started, "nothing was started or stopped");
    scenario.deploy("v3");
    load.end().assert_unnoticed(scenario.sentence);
    let started = snapshot(&scenario).started;
    assert!(started.contains_key(&web(1)) && !started.contains_key(&web(2)), "{started:?}");
    let status = scenario.expect(0, &["status", "--output", "json"]).data;
    let status: Value = serde_json::from_str(&status).unwrap();
    let parts: Vec<&str> = status["services"][0]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["part"].as_str().unwrap())
        .collect();
    assert_eq!(parts, ["front", "live", "standby"]);
}

#[test]
fn a_rollback_goes_past_releases_that_only_repaired_something() {
    let scenario = Scenario::new("a rollback goes past a repair", "web");
    scenario.deploy("v1");
    scenario.deploy("v2");
    docker::delete(&format!("/containers/{}-web-2-1?force=true", scenario.name));
    let status = scenario.expect(0, &["status", "--output", "json"]).data;
    assert!(status.contains("0 of 1 containers of web"), "{status}");
    scenario.deploy("v2");
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    docker::delete(&format!("/containers/{}-web-front?force=true", scenario.name));
    let status = scenario.expect(0, &["status", "--output", "json"]).data;
    assert!(status.contains("the front of web is gone"), "{status}");
    scenario.deploy("v1");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
}
