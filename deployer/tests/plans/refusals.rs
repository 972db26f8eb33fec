//! What a file says and a deploy cannot do: each refusal with its place and its remedy.

use crate::given::refused;

fn web(keys: &str) -> String {
    refused(&format!("services: {{web: {{image: 'web:1', {keys}}}, db: {{image: 'db:1'}}}}"))
}

#[test]
fn namespaces_of_other_containers() {
    insta::assert_snapshot!(web("network_mode: 'service:db', pid: 'service:db', ipc: 'container:other'"), @r"
    services.web.network_mode: `service:db` ties two containers together, which a new color would break | join both services to the same network
    services.web.pid: `service:db` ties two containers together, which a new color would break | run both programs in one service
    services.web.ipc: `container:other` ties two containers together, which a new color would break | share a volume, or run both programs in one service
    ");
    assert_eq!(web("pid: host, ipc: shareable, network_mode: none"), "");
}

#[test]
fn more_than_one_engine_can_do() {
    insta::assert_snapshot!(web("deploy: {replicas: 100000}"), @"services.web.deploy.replicas: 100000 replicas are more than an engine can run | ask for 1000 at most");
    insta::assert_snapshot!(web("scale: 1001"), @"services.web.deploy.replicas: 1001 replicas are more than an engine can run | ask for 1000 at most");
    insta::assert_snapshot!(web("deploy: {mode: global-job, restart_policy: {condition: sometimes}}"), @r"
    services.web.deploy.mode: `global-job` needs a cluster | depend on the service with `condition: service_completed_successfully`: that makes it a job
    services.web.deploy.restart_policy.condition: `sometimes` is not a condition to restart on | use `none`, `on-failure` or `any`
    ");
    insta::assert_snapshot!(web("ports: ['80:80/sctp'], container_name: one"), @"services.web.ports: SCTP ports cannot be published | use TCP or UDP");
}

#[test]
fn builds_that_an_engine_has_no_place_for() {
    insta::assert_snapshot!(web("build: {context: ., platforms: [linux/amd64, linux/arm64]}"), @"services.web.build.platforms: an engine keeps an image for one platform, not for linux/amd64 and linux/arm64 | name one platform, that of the engine");
    insta::assert_snapshot!(web("build: 'https://example.com/shop.git'"), @"services.web.build.context: the build context `https://example.com/shop.git` is not a folder | clone it, and name the folder");
}

#[test]
fn keys_in_the_wrong_place() {
    insta::assert_snapshot!(web("x-deployer: {drain: 3s}"), @"services.web.x-deployer: `x-deployer` has no meaning in a service | it belongs at the top level of the file: docs/x-deployer.md");
}
