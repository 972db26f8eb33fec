//! What belongs to somebody else is never touched.

use serde_json::json;

use crate::checks::{Snapshot, same, snapshot};
use crate::docker;
use crate::scenario::Scenario;

/// A container that is not ours, for as long as the test.
struct Foreign(String);

impl Foreign {
    fn container(scenario: &Scenario, name: &str, labels: &serde_json::Value) -> Self {
        let body = json!({ "Image": scenario.get("FIXTURE_IMAGE"), "Cmd": ["work"], "Labels": labels });
        let made = docker::post(&format!("/containers/create?name={name}"), &body);
        Self(format!("/containers/{}?force=true", made["Id"].as_str().unwrap()))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        docker::delete(&self.0);
    }
}

#[track_caller]
fn refused(scenario: &Scenario, parts: &[&str]) {
    let refused = scenario.expect(3, &["deploy", "--tag", "v1"]);
    for part in parts {
        assert!(refused.text.contains(part), "`{part}` is not said: {}", refused.text);
    }
    same("refused", &Snapshot::default(), &snapshot(scenario));
}

#[test]
fn a_foreign_container_with_a_name_of_ours_is_refused_and_kept() {
    let scenario = Scenario::with_image("a foreign container is not touched", "pulled");
    for part in ["web-front", "web-1-1", "lock"] {
        let name = format!("{}-{part}", scenario.name);
        let foreign = Foreign::container(&scenario, &name, &json!({}));
        refused(&scenario, &[&name, "is not ours", "hint:"]);
        assert!(docker::find(&format!("/containers/{name}/json")).is_some());
        drop(foreign);
    }
    scenario.deploy("v1");
}

#[test]
fn a_foreign_network_or_volume_with_a_name_of_ours_is_refused_and_kept() {
    let scenario = Scenario::with_image("a foreign network or volume is not touched", "store");
    scenario.set("STORE_VERSION", "v1");
    let network = format!("{}_default", scenario.name);
    let made = docker::post("/networks/create", &json!({ "Name": network }));
    let foreign = Foreign(format!("/networks/{}", made["Id"].as_str().unwrap()));
    refused(&scenario, &[&network, "is not ours", "external: true"]);
    drop(foreign);
    let volume = format!("{}_data", scenario.name);
    docker::post("/volumes/create", &json!({ "Name": volume }));
    let foreign = Foreign(format!("/volumes/{volume}"));
    refused(&scenario, &[&volume, "is not ours", "external: true"]);
    assert!(docker::find(&format!("/volumes/{volume}")).is_some());
    drop(foreign);
}

#[test]
fn a_project_that_compose_runs_is_refused() {
    let scenario = Scenario::with_image("a project of docker compose is not touched", "pulled");
    let name = format!("{}-web-by-compose-1", scenario.name);
    let labels = json!({ "com.docker.compose.project": scenario.name, "com.docker.compose.service": "web" });
    let foreign = Foreign::container(&scenario, &name, &labels);
    refused(&scenario, &["docker compose", &name, "docker compose -p"]);
    let down = scenario.expect(3, &["down", "--yes"]);
    assert!(down.text.contains(&name), "{}", down.text);
    assert!(docker::find(&format!("/containers/{name}/json")).is_some());
    drop(foreign);
}
