//! What a stack is at one moment, so that "as before" can be compared.

use std::collections::BTreeMap;

use deployer::engine::Engine;
use deployer::execute::Fronts;
use deployer::observe;
use deployer::stack::{ServiceName, StackName};
use serde_json::Value;

use crate::docker;
use crate::scenario::Scenario;

/// Everything that a failed command has to leave as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Containers by name: id, state, restart policy and networks.
    pub containers: BTreeMap<String, String>,
    /// Since when the containers that serve a two-color service run, and its front: nothing may even restart them.
    pub started: BTreeMap<String, String>,
    /// Networks by name: id.
    pub networks: BTreeMap<String, String>,
    /// Volumes by name: their labels. When the engine made them it does not say: its date changes with the content.
    pub volumes: BTreeMap<String, String>,
    /// The images that releases keep, by tag: id.
    pub images: BTreeMap<String, String>,
    /// Where each running front sends requests.
    pub routes: BTreeMap<String, String>,
    /// The releases that are recorded, and a journal that is open.
    pub records: Vec<String>,
}

/// Looks at a stack.
pub fn snapshot(scenario: &Scenario) -> Snapshot {
    let ours = format!("deployer.stack={}", scenario.name);
    let containers = inspected(&docker::labelled("/containers/json", &ours));
    let two_color = |found: &Value| found["Config"]["Labels"]["com.docker.compose.service"] == "web";
    let (routes, records) = routes_and_records(scenario);
    Snapshot {
        started: containers
            .iter()
            .filter(|(_, found)| two_color(found) && found["State"]["Running"] == true)
            .map(|(name, found)| (name.clone(), text(&found["State"]["StartedAt"])))
            .collect(),
        containers: containers.iter().map(|(name, found)| (name.clone(), spell(found))).collect(),
        networks: docker::labelled("/networks", &ours)
            .iter()
            .map(|network| (text(&network["Name"]), text(&network["Id"])))
            .collect(),
        volumes: docker::labelled("/volumes", &ours)
            .iter()
            .map(|volume| (text(&volume["Name"]), volume["Labels"].to_string()))
            .collect(),
        images: scenario.image_tags().into_iter().filter(|(tag, _)| tag.contains(":release-")).collect(),
        routes,
        records,
    }
}

/// Fails with the lines that differ.
#[track_caller]
pub fn same(what: &str, before: &Snapshot, after: &Snapshot) {
    if before == after {
        return;
    }
    let (before, after) = (format!("{before:#?}"), format!("{after:#?}"));
    let gone = before.lines().filter(|line| !after.contains(line)).map(|line| format!("- {line}\n"));
    let new = after.lines().filter(|line| !before.contains(line)).map(|line| format!("+ {line}\n"));
    panic!("{what}: not as before\n{}", gone.chain(new).collect::<String>());
}

fn inspected(containers: &[Value]) -> Vec<(String, Value)> {
    let found = containers
        .iter()
        .filter_map(|container| docker::find(&format!("/containers/{}/json", container["Id"].as_str()?)));
    found.map(|found| (text(&found["Name"]).trim_start_matches('/').to_owned(), found)).collect()
}

fn spell(found: &Value) -> String {
    let networks: Vec<&String> = found["NetworkSettings"]["Networks"].as_object().unwrap().keys().collect();
    let (id, state) = (text(&found["Id"]), text(&found["State"]["Status"]));
    let restart = text(&found["HostConfig"]["RestartPolicy"]["Name"]);
    format!("{} {state} restart={restart} in {networks:?}", &id[..12])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn routes_and_records(scenario: &Scenario) -> (BTreeMap<String, String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stack = StackName::new(&scenario.name);
        let engine = Engine::connect(Some(&format!("unix://{}", docker::socket()))).await.unwrap();
        let containers = engine.containers(Some(&stack)).await.unwrap();
        let fronts = Fronts::new(engine.clone(), stack.clone());
        let mut routes = BTreeMap::new();
        for container in docker::labelled("/containers/json", &format!("deployer.stack={stack}")) {
            let labels = &container["Labels"];
            if labels["deployer.role"] == "front" && container["State"] == "running" {
                let service = ServiceName::new(labels["deployer.service"].as_str().unwrap());
                let route = fronts.status(&service).await.unwrap().route;
                routes.insert(service.to_string(), format!("{route:?}"));
            }
        }
        let nobody = async || panic!("{stack}: no container is there to read the records through");
        let records = observe::records(&engine, &stack, &containers, nobody).await.unwrap();
        let releases = records.history.releases.iter();
        let mut lines: Vec<String> =
            releases.map(|release| format!("release {} ({})", release.number, release.tag)).collect();
        lines.extend(records.journal.map(|journal| format!("unfinished {}", journal.plan.verb.as_str())));
        (routes, lines)
    })
}
