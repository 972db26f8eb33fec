//! Which of a file's words on restarting the engine is told.

use compose_file::model::Restart;
use deployer::plan::restart_policy;

use crate::given::stack;

#[track_caller]
fn check(keys: &str, expect: Restart) {
    let stack = stack(&format!("services: {{web: {{image: 'web:1', {keys}}}}}"));
    assert_eq!(restart_policy(&stack.services["web"]), expect, "{keys}");
}

#[test]
fn the_deploy_section_wins() {
    check("read_only: true", Restart::UnlessStopped);
    check("restart: 'no'", Restart::No);
    check("restart: always, deploy: {restart_policy: {condition: none}}", Restart::No);
    let failures = "deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}";
    check(&format!("restart: unless-stopped, {failures}"), Restart::OnFailure(Some(3)));
    check("restart: 'no', deploy: {restart_policy: {condition: unless-stopped}}", Restart::UnlessStopped);
    check("deploy: {restart_policy: {condition: any}}", Restart::Always);
    check("restart: 'no', deploy: {restart_policy: {delay: 1s}}", Restart::Always);
}
