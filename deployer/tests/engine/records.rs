//! Records that are damaged, newer than the program, or gone: said, never reset in silence, and the stack serves on.

use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::Scenario;

fn deployed(sentence: &'static str) -> Scenario {
    let scenario = Scenario::with_image(sentence, "pulled");
    scenario.deploy("v1");
    scenario
}

fn write(scenario: &Scenario, name: &str, content: &str) {
    let volume = format!("{}-state", scenario.name);
    docker::write_to_volume(&scenario.get("FIXTURE_IMAGE"), &volume, name, content);
}

/// Every verb that needs the records refuses with these words, and nothing changes.
#[track_caller]
fn refused(scenario: &Scenario, words: &[&str]) {
    scenario.set("VERSION", "v2");
    for verb in [
        &["deploy", "--tag", "v2"][..],
        &["rollback"],
        &["status"],
        &["history"],
        &["health"],
        &["down", "--yes"],
    ] {
        let ended = scenario.expect(3, verb);
        for word in words {
            assert!(ended.text.contains(word), "{verb:?}: `{word}` is not said:\n{}", ended.text);
        }
        assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"), "{verb:?}");
    }
}

#[test]
fn a_damaged_history_is_said_and_nothing_is_touched() {
    let scenario = deployed("a damaged history is said, with its place");
    for garbage in ["{\"format\":1,\"releases\":[{", "\u{0}\u{1}\u{2}", "[]", "{\"format\":1}"] {
        write(&scenario, "history", garbage);
        refused(&scenario, &["history", "is damaged", "hint:", &format!("{}-state", scenario.name)]);
    }
}

#[test]
fn a_damaged_journal_is_said_and_nothing_is_touched() {
    let scenario = deployed("a damaged journal is said, with its place");
    for garbage in ["garbage\n", "{\"wave\":3}\n", "{\"begin\":{}}\n"] {
        write(&scenario, "journal", garbage);
        refused(&scenario, &["journal", "is damaged", "line 1", "hint:"]);
    }
    // A line without its end was never acknowledged: nothing was done for it.
    write(&scenario, "journal", "{\"begin\":{\"form");
    scenario.deploy("v2");
}

#[test]
fn records_of_a_newer_deployer_are_refused() {
    let scenario = deployed("records of a newer deployer are refused");
    write(&scenario, "history", "{\"format\":2,\"releases\":{\"of\":\"another shape\"}}");
    refused(&scenario, &["format 2", "use the deployer that wrote it"]);
}

#[test]
fn a_history_that_is_gone_is_read_from_what_runs() {
    let scenario = deployed("a deploy without a history begins beside what runs");
    scenario.deploy("v2");
    write(&scenario, "history", "");
    let load = Load::start(scenario.port(), Mix::Light);
    scenario.deploy("v3");
    load.end().assert_unnoticed(scenario.sentence);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v3"));
    let history = scenario.expect(0, &["history", "--output", "json"]).data;
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert_eq!((&history[0]["release"], history.as_array().unwrap().len()), (&3.into(), 1));
}

#[test]
fn a_stack_whose_records_are_all_gone_is_deployed_again() {
    let scenario = deployed("a stack without any records is deployed again");
    for name in ["history", "journal", "staged", "key"] {
        write(&scenario, name, "");
    }
    // Without the key nothing is known to be equal: the fronts are made again too, which refuses connections for a moment.
    scenario.deploy("v2");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    scenario.expect(0, &["health"]);
}
