//! Deploys that cannot succeed: the exit code, why, and the old release that serves on.

use std::net::TcpListener;
use std::time::Duration;

use crate::checks::{Snapshot, same, snapshot};
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::{Ended, Scenario, eventually};

/// Deploys v1, spoils something, and deploys v2, which has to fail without a trace.
#[track_caller]
fn fails(scenario: &Scenario, code: i32, spoil: impl FnOnce(&Scenario)) -> Ended {
    scenario.deploy("v1");
    let (port, before) = (scenario.port(), snapshot(scenario));
    let load = Load::start(port, Mix::Light);
    scenario.set("VERSION", "v2");
    spoil(scenario);
    let ended = scenario.expect(code, &["deploy", "--tag", "v2"]);
    same(scenario.sentence, &before, &snapshot(scenario));
    assert_eq!(http::version(port).as_deref(), Some("v1"));
    load.end().assert_unnoticed(scenario.sentence);
    ended
}

#[track_caller]
fn says(ended: &Ended, parts: &[&str]) {
    for part in parts {
        assert!(ended.text.contains(part), "`{part}` is not said:\n{}", ended.text);
    }
}

#[test]
fn a_health_check_that_never_passes_leaves_v1_serving() {
    let scenario = Scenario::new("a failed health check must leave v1 serving", "web");
    let ended = fails(&scenario, 10, |scenario| {
        scenario.set("UNHEALTHY", "on-purpose");
        scenario.set("INTERVAL", "1s");
    });
    let container = format!("{}-web-2-1", scenario.name);
    let probe = "health check: /fixture healthcheck";
    let all = [&container, "service web", probe, "unhealthy as asked: on-purpose", "version v2 serves"];
    says(&ended, &all);
    says(&ended, &["release 1 (tag v1) serves"]);
}

#[test]
fn a_container_that_crashes_leaves_v1_serving() {
    let scenario = Scenario::new("a container that crashes must leave v1 serving", "web");
    let ended = fails(&scenario, 10, |scenario| {
        scenario.set("CRASH_AFTER_MS", "1");
        scenario.set("EXIT_CODE", "7");
    });
    says(&ended, &["service web", "exit code: 7", "crashing as asked", "release 1 (tag v1) serves"]);
}

#[test]
fn a_container_that_runs_out_of_memory_leaves_v1_serving() {
    let scenario = Scenario::new("a container that runs out of memory must leave v1 serving", "web");
    let ended = fails(&scenario, 10, |scenario| {
        scenario
            .overlay("services: {web: {restart: 'no', mem_limit: 24m, memswap_limit: 24m, environment: {EAT_MIB: '64'}}}\n");
    });
    says(&ended, &["service web", "exit code: 137", "want of memory (OOM)", "eating as asked"]);
}

#[test]
fn a_container_without_a_health_check_that_crashes_leaves_v1_serving() {
    let scenario = Scenario::with_image("a crash is seen without a health check, too", "pulled");
    let ended = fails(&scenario, 10, |scenario| {
        scenario.overlay("services: {web: {environment: {CRASH_AFTER_MS: '1', EXIT_CODE: '9'}}}\n");
    });
    says(&ended, &["service web", "exit code: 9", "crashing as asked"]);
}

#[test]
fn an_image_that_does_not_build_leaves_v1_serving() {
    let scenario = Scenario::new("an image that does not build must leave v1 serving", "web");
    let ended = fails(&scenario, 3, |scenario| {
        scenario.write("image/Dockerfile", "FROM scratch\nCOPY fixture /\nCOPY no-such-file /\n");
    });
    says(&ended, &["web", "COPY no-such-file /", "no-such-file"]);
}

#[test]
fn a_build_step_that_fails_shows_what_it_printed() {
    let scenario = Scenario::new("a failed build step shows what it printed", "web");
    let ended = fails(&scenario, 3, |scenario| {
        let text =
            "FROM scratch\nARG VERSION\nCOPY fixture /\nENV EXIT_CODE=3\nRUN [\"/fixture\", \"job\"]\n";
        scenario.write("image/Dockerfile", text);
    });
    says(&ended, &["RUN [\"/fixture\", \"job\"]", "job of version v2 runs", "exit code: 3"]);
}

#[test]
fn an_image_that_is_not_there_leaves_v1_serving() {
    let scenario = Scenario::with_image("an image that is not there must leave v1 serving", "pulled");
    let ended = fails(&scenario, 3, |scenario| scenario.set("FIXTURE_IMAGE", "t-no-such-image:9"));
    says(&ended, &["t-no-such-image:9", "hint:"]);
}

#[test]
fn a_program_that_is_not_in_the_image_leaves_v1_serving() {
    let scenario = Scenario::new("a program that is not in the image must leave v1 serving", "web");
    let ended = fails(&scenario, 10, |scenario| {
        scenario.overlay("services: {web: {entrypoint: [/no-such-program]}}\n");
    });
    says(&ended, &["/no-such-program", "web-2-1"]);
}

#[test]
fn a_port_of_another_stack_is_refused_with_its_holder() {
    let holder = Scenario::new("a port that another stack holds is refused", "web");
    holder.deploy("v1");
    let scenario = Scenario::new("a port that another stack holds is refused", "web");
    scenario.set("PORT", &holder.get("PORT"));
    let ended = scenario.expect(3, &["deploy", "--tag", "v1"]);
    says(&ended, &[&holder.get("PORT"), &format!("{}-web-front", holder.name), "hint:"]);
    same("refused", &Snapshot::default(), &snapshot(&scenario));
    assert_eq!(http::version(holder.port()).as_deref(), Some("v1"));
}

#[test]
fn a_port_that_a_program_of_the_host_holds_is_rolled_back() {
    let scenario = Scenario::new("a port that the host holds must leave v1 serving", "web");
    let port = scenario.port();
    scenario.deploy("v1");
    let taken: u16 = scenario.get("PORT2").parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let mut before = snapshot(&scenario);
    scenario.set("PORT", &scenario.get("PORT2"));
    let ended = scenario.expect(10, &["deploy", "--tag", "v2"]);
    says(&ended, &[&taken.to_string(), "web-front"]);
    // The front that had made way was started again, which is the gap that the plan announces.
    eventually("the old port answers again", Duration::from_secs(3), || {
        http::version(port).as_deref() == Some("v1")
    });
    let (mut after, front) = (snapshot(&scenario), format!("{}-web-front", scenario.name));
    assert!(before.started.remove(&front) < after.started.remove(&front));
    same(scenario.sentence, &before, &after);
    drop(listener);
}

#[test]
fn a_first_deploy_on_a_port_that_the_host_holds_leaves_nothing() {
    let scenario = Scenario::new("a first deploy on a taken port leaves nothing", "web");
    let listener = TcpListener::bind(("127.0.0.1", scenario.port())).unwrap();
    let ended = scenario.expect(10, &["deploy", "--tag", "v1"]);
    says(&ended, &[&scenario.get("PORT"), "nothing was deployed before, and nothing is left"]);
    same(scenario.sentence, &Snapshot::default(), &snapshot(&scenario));
    drop(listener);
}

#[test]
fn a_first_deploy_that_never_gets_healthy_leaves_nothing() {
    let scenario = Scenario::new("a first deploy that never gets healthy leaves nothing", "web");
    scenario.set("UNHEALTHY", "on-purpose");
    let ended = scenario.expect(10, &["deploy", "--tag", "v1", "--timeout", "2s"]);
    says(&ended, &["web-1-1", "unhealthy as asked: on-purpose", "nothing was deployed before"]);
    same(scenario.sentence, &Snapshot::default(), &snapshot(&scenario));
}

#[test]
fn a_port_on_which_nobody_listens_is_not_switched_to() {
    let scenario = Scenario::new("a port on which nobody listens must leave v1 serving", "web");
    scenario.deploy("v1");
    scenario.overlay("services: {web: {ports: ['127.0.0.1:${PORT2}:9']}}\n");
    let ended = scenario.expect(10, &["deploy", "--tag", "v1"]);
    says(&ended, &["web-1-1:9 does not answer", "release 1 (tag v1) serves"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
}

#[test]
fn files_without_services_are_refused() {
    let scenario = Scenario::new("files without services take nothing down", "web");
    scenario.deploy("v1");
    let before = snapshot(&scenario);
    scenario.write("compose.yaml", "services: {}\n");
    let ended = scenario.expect(3, &["deploy", "--tag", "v2"]);
    says(&ended, &["no service to deploy", "deployer down"]);
    same(scenario.sentence, &before, &snapshot(&scenario));
}
