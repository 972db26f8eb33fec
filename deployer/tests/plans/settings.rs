//! `x-deployer` beside the file that it is in: what cannot be meant is refused with its place.

use deployer::stack::Settings;

use crate::given::{loaded, spell};

fn refused(settings: &str) -> String {
    let project = loaded(&format!(
        "services:
  web: {{image: 'web:1', ports: ['8080:80', '81', '5353:53/udp'], volumes: ['data:/data']}}
  tool: {{image: 'tool:1', profiles: [tools], volumes: ['notes:/notes']}}
  store: {{image: 'store:1'}}
volumes: {{data: , notes: }}
x-deployer: {settings}"
    ));
    let project = project.project().unwrap();
    let settings: Settings = serde_json::from_value(project.extensions["x-deployer"].clone()).unwrap();
    spell(&settings.check(&project))
}

fn check(about: &str) -> String {
    refused(&format!("{{checks: [{{name: it answers, {about}}}]}}"))
}

#[test]
fn addresses_and_commands() {
    insta::assert_snapshot!(refused(
        "{trusted_proxies: [10.0.0.0/33, proxy.example.com, '10.0.0.1/', 10.0.0.7, 10.0.0.0/8, 'fd00::/8'], build: ['', [], [make]]}"
    ), @r"
    x-deployer.build[0]: the command is empty | remove it
    x-deployer.build[1]: the command is empty | remove it
    x-deployer.trusted_proxies[0]: `10.0.0.0/33` is neither an address nor a range of them | write it like `10.20.0.7`, `10.20.0.0/16` or `fd00::/8`
    x-deployer.trusted_proxies[1]: `proxy.example.com` is neither an address nor a range of them | write it like `10.20.0.7`, `10.20.0.0/16` or `fd00::/8`
    x-deployer.trusted_proxies[2]: `10.0.0.1/` is neither an address nor a range of them | write it like `10.20.0.7`, `10.20.0.0/16` or `fd00::/8`
    ");
}

#[test]
fn volumes() {
    insta::assert_snapshot!(refused("{volumes: {dta: {format: one}, other: {format: two}}}"), @r"
    x-deployer.volumes.dta: there is no volume `dta` | did you mean `data`?
    x-deployer.volumes.other: there is no volume `other` | define it under the top-level key `volumes`
    ");
    assert_eq!(refused("{volumes: {data: {format: one}, notes: {format: two}}}"), "");
}

#[test]
fn checks() {
    insta::assert_snapshot!(check("service: wbe, steps: []"), @"x-deployer.checks[0].service: there is no service `wbe` | name a service of this file");
    insta::assert_snapshot!(check("service: store, steps: []"), @"x-deployer.checks[0].service: the service `store` publishes no TCP port | a check takes the way that clients take: publish the port under `ports`");
    insta::assert_snapshot!(check("service: web, port: 53, steps: []"), @"x-deployer.checks[0].port: the service `web` does not publish its TCP port 53 | a check takes the way that clients take: publish the port under `ports`");
    insta::assert_snapshot!(check("service: web, port: 81, steps: []"), @"x-deployer.checks[0].service: port 81 of the service `web` has no fixed port on the host | publish it as `HOST:CONTAINER`, with one port each");
    insta::assert_snapshot!(check("service: web, steps: [{path: /}, {path: health}]"), @"x-deployer.checks[0].steps[1].path: `health` is not a path | begin it with `/`");
    assert_eq!(check("service: web, port: 80, steps: [{path: /}]"), "");
    assert_eq!(check("service: tool, steps: []"), "");
}
