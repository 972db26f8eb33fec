//! Stacks that change their shape: replicas, ports, names, services.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::checks::snapshot;
use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::{Scenario, eventually};

fn answering(scenario: &Scenario) -> BTreeSet<String> {
    (0..40).map(|_| http::get(scenario.port(), "/who")).collect()
}

#[test]
fn replicas_grow_and_shrink_under_load() {
    let scenario = Scenario::new("replicas grow and shrink", "web");
    scenario.deploy("v1");
    let load = Load::start(scenario.port(), Mix::Light);
    for count in [3, 2] {
        scenario.set("REPLICAS", &count.to_string());
        scenario.deploy("v1");
        assert_eq!(answering(&scenario).len(), count);
    }
    scenario.expect(0, &["rollback"]);
    assert_eq!(answering(&scenario).len(), 3);
    load.end().assert_unnoticed(scenario.sentence);
}

#[test]
fn another_published_port_needs_a_new_front_and_no_new_containers() {
    let scenario = Scenario::new("a port that changes replaces the front only", "web");
    scenario.deploy("v1");
    let (old, new) = (scenario.port(), scenario.get("PORT2"));
    let before = snapshot(&scenario);
    scenario.set("PORT", &new);
    let plan = scenario.expect(0, &["plan", "--tag", "v1"]);
    assert!(plan.data.contains("they refuse connections for a moment"), "{}", plan.text);
    scenario.deploy("v1");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    assert_eq!(http::version(old), None);
    let (web, front) = (format!("{}-web-1-1", scenario.name), format!("{}-web-front", scenario.name));
    let after = snapshot(&scenario);
    assert_eq!(after.started[&web], before.started[&web], "the containers serve on");
    assert_ne!(after.containers[&front], before.containers[&front]);
    assert_eq!(after.containers.len(), before.containers.len(), "{after:#?}");
}

#[test]
fn a_service_that_is_renamed_takes_its_port_along() {
    let scenario = Scenario::new("a renamed service takes its port along", "web");
    scenario.deploy("v1");
    let text = std::fs::read_to_string(scenario.folder.path().join("compose.yaml")).unwrap();
    scenario.write("compose.yaml", &text.replace("  web:\n", "  site:\n"));
    scenario.deploy("v2");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    scenario.deploy("v3");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v3"));
}

#[test]
fn a_network_that_a_service_left_is_removed_once_no_release_needs_it() {
    let scenario = Scenario::new("a network that nobody needs any more goes", "web");
    let networks =
        |list: &str| format!("services: {{web: {{networks: [{list}]}}}}\nnetworks: {{side: {{}}}}\n");
    scenario.overlay(&networks("default, side"));
    scenario.deploy("v1");
    let side = format!("{}_side", scenario.name);
    assert!(snapshot(&scenario).networks.contains_key(&side));
    scenario.write("overlay.yaml", "services: {web: {}}\n");
    for version in ["v2", "v3"] {
        let ended = scenario.deploy(version);
        assert!(!ended.text.contains("unfinished"), "{}", ended.text);
    }
    assert!(!snapshot(&scenario).networks.contains_key(&side));
}

#[test]
fn a_service_with_a_fixed_container_name_is_replaced_under_that_name() {
    let scenario = Scenario::new("a container_name is kept from release to release", "web");
    let name = format!("{}-fixed", scenario.name);
    scenario.overlay(&format!("services: {{web: {{container_name: {name}}}}}\n"));
    for version in ["v1", "v2", "v3"] {
        scenario.deploy(version);
        assert_eq!(http::version(scenario.port()).as_deref(), Some(version));
        let found = docker::get(&format!("/containers/{name}/json"));
        assert_eq!(found["State"]["Running"], true);
        assert_eq!(found["Config"]["Labels"]["deployer.service"], "web");
    }
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    assert_eq!(docker::get(&format!("/containers/{name}/json"))["State"]["Running"], true);
}

#[test]
fn a_service_that_leaves_the_file_goes_and_a_rollback_brings_it_back() {
    let scenario = Scenario::with_image("a service that is removed comes back with a rollback", "pair");
    scenario.deploy("v1");
    let guest: u16 = scenario.get("PORT2").parse().unwrap();
    assert_eq!(http::version(guest).as_deref(), Some("v1"));
    scenario.overlay("services: {guest: !reset null}\nnetworks: {own: !reset null}\n");
    scenario.deploy("v1");
    assert_eq!((http::version(scenario.port()).as_deref(), http::version(guest)), (Some("v1"), None));
    let load = Load::start(scenario.port(), Mix::Light);
    scenario.expect(0, &["rollback"]);
    assert_eq!(http::version(guest).as_deref(), Some("v1"));
    load.end().assert_unnoticed("the service that stayed");
}

#[test]
fn a_server_that_speaks_first_is_switched_too() {
    let scenario = Scenario::with_image("a TCP service whose server speaks first is switched", "tcp");
    scenario.deploy("v1");
    let port = scenario.port();
    assert_eq!(greeting(port).unwrap(), "220 v1");
    let (done, asked) = (AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let line = greeting(port).unwrap();
                assert!(line.starts_with("220 v"), "{line}");
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        scenario.deploy("v2");
        done.store(true, Ordering::Relaxed);
        client.join().unwrap();
    });
    eprintln!("{} TCP conversations during a deploy", asked.into_inner());
    assert_eq!(greeting(port).unwrap(), "220 v2");
}

/// What the server says first; then it has to give a line back.
fn greeting(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut line = || lines.next().unwrap_or(Err(std::io::ErrorKind::UnexpectedEof.into()));
    let greeting = line()?;
    stream.write_all(b"hello\n")?;
    assert_eq!(line()?, "hello");
    Ok(greeting)
}

#[test]
fn a_live_container_that_somebody_removed_is_made_again() {
    let scenario = Scenario::new("a live container that is gone is made again", "web");
    scenario.set("REPLICAS", "2");
    scenario.deploy("v1");
    docker::delete(&format!("/containers/{}-web-1-2?force=true", scenario.name));
    let again = scenario.expect(0, &["deploy", "--tag", "v1"]);
    assert!(!again.text.contains("nothing to do"), "{}", again.text);
    eventually("both replicas answer", Duration::from_secs(5), || answering(&scenario).len() == 2);
}
