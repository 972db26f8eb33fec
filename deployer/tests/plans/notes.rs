//! What a plan says of keys that are accepted and have no meaning on a single engine.

use crate::given::deploy;

/// The notes of a first deploy of a service with these keys.
fn notes(keys: &str) -> String {
    let text = format!("services: {{web: {{image: 'web:1', {keys}}}, db: {{image: 'db:1', restart: 'no'}}}}");
    let plan = deploy(&[], &text);
    plan.lines().filter_map(|line| line.strip_prefix("note: ")).map(|note| format!("{note}\n")).collect()
}

#[test]
fn what_is_for_a_cluster() {
    insta::assert_snapshot!(notes(
        "restart: always, deploy: {replicas: 2, mode: global, labels: {a: b}, placement: {constraints: ['node.role==manager']},
         rollback_config: {parallelism: 1}, resources: {reservations: {cpus: '0.5'}}}"
    ), @r"
    web: `deploy.mode: global` has no meaning here, because there is one engine
    web: `deploy.rollback_config` has no meaning here, because a rollback switches all replicas at once, like a deploy
    web: `deploy.labels` has no meaning here, because they are for a service of a cluster; `labels` are for its containers
    web: `deploy.placement.constraints` has no meaning here, because there is one engine
    web: `deploy.resources.reservations.cpus` has no meaning here, because an engine can limit processors, but cannot reserve them
    ");
}

#[test]
fn how_an_update_and_a_restart_go() {
    insta::assert_snapshot!(notes(
        "restart: always, deploy: {update_config: {failure_action: pause, parallelism: 1},
         restart_policy: {condition: any, delay: 5s, window: 10s, max_attempts: 3}}"
    ), @r"
    web: `restart` has no meaning here, because deploy.restart_policy is there too, and wins
    web: parallelism, delay and ratios have no meaning here, because all replicas switch at once
    web: `deploy.update_config.failure_action: pause` has no meaning here, because a release that is not fit to serve is always taken back
    web: `deploy.restart_policy.delay` has no meaning here, because the engine waits as long as it sees fit
    web: `deploy.restart_policy.window` has no meaning here, because the engine decides when a start has succeeded
    web: `deploy.restart_policy.max_attempts` has no meaning here, because the engine counts attempts with `condition: on-failure` only
    ");
    insta::assert_snapshot!(notes("restart: always, depends_on: {db: {condition: service_started, restart: true}}"), @"web: `depends_on.db.restart` has no meaning here, because a deploy starts again only what changed");
}

#[test]
fn a_cache_that_goes_elsewhere() {
    insta::assert_snapshot!(notes("restart: always, build: {context: ., cache_to: ['type=local,dest=/c']}"), @"web: `build.cache_to` has no meaning here, because the engine keeps the build cache itself, and exports it inline only");
    assert_eq!(notes("restart: always, build: {context: ., cache_to: ['type=inline']}"), "");
}

#[test]
fn ports_without_a_network() {
    insta::assert_snapshot!(notes("restart: always, network_mode: host, ports: ['80:80']"), @"web: `ports` has no meaning here, because a container with that network_mode publishes none");
}

#[test]
fn a_time_to_watch_where_there_is_something_to_ask() {
    let monitored = "restart: always, deploy: {update_config: {monitor: 5s}}";
    assert_eq!(notes(monitored), "");
    insta::assert_snapshot!(notes(&format!("{monitored}, healthcheck: {{test: 'true'}}")), @"web: `deploy.update_config.monitor` has no meaning here, because its health check or its ports say when it is fit to serve");
}
