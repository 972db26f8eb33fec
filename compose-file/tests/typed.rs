//! The typed project of small files: defaults, long forms and units.
//!
//! It must never read anything but its own small files.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use compose_file::model::{
    Condition, ContainerPort, FileOrigin, MountKind, Protocol, Restart, Service, UpdateOrder,
};
use compose_file::{Project, Request, load};

fn project(text: &str) -> Project {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    let request = Request {
        current_directory: folder.path().to_owned(),
        project_name: Some("shop".to_owned()),
        ..Request::default()
    };
    load(&request).and_then(|loaded| loaded.project()).unwrap()
}

fn web(keys: &str) -> Service {
    let text =
        format!("services:\n  web:\n    image: a\n    {keys}\n  db: {{image: b}}\nvolumes: {{vol: }}\n");
    project(&text).services.remove("web").unwrap()
}

#[test]
fn ports_are_expanded() {
    let ports = web("ports: ['127.0.0.1:8080-8081:80-81/udp']").ports;
    assert_eq!(ports.len(), 2);
    assert_eq!((ports[1].target, ports[1].published.as_deref()), (81, Some("8081")));
    assert_eq!((ports[1].protocol, ports[1].host_ip.as_deref()), (Protocol::Udp, Some("127.0.0.1")));
    let tcp = |port| ContainerPort { port, protocol: Protocol::Tcp };
    assert_eq!(web("expose: ['81-82', 81]").expose, [tcp(81), tcp(82)]);
}

#[test]
fn mounts_have_absolute_sources_and_remember_how_they_were_written() {
    let mounts = web("volumes: ['./d:/d:ro', '/e:/e', 'vol:/v']").volumes;
    assert!(mounts[0].read_only);
    match &mounts[0].kind {
        MountKind::Bind { source, relative, .. } => assert!(source.starts_with('/') && *relative),
        other => panic!("{other:?}"),
    }
    assert!(matches!(&mounts[1].kind, MountKind::Bind { relative: false, .. }));
    assert!(matches!(&mounts[2].kind, MountKind::Volume { source: Some(source), .. } if source == "vol"));
}

#[test]
fn durations_sizes_and_modes_have_units_no_more() {
    let service = web("{stop_grace_period: 1m30s, mem_limit: 64M, cpus: 0.5, restart: 'on-failure:3'}"
        .trim_matches(['{', '}'])
        .replace(", ", "\n    ")
        .as_str());
    assert_eq!(service.stop_grace_period, Some(Duration::from_secs(90)));
    assert_eq!((service.limits.memory, service.limits.nano_cpus), (Some(64 << 20), Some(500_000_000)));
    assert_eq!(service.restart, Some(Restart::OnFailure(Some(3))));
    let update =
        web("deploy: {update_config: {order: start-first, monitor: 2s}}").deploy.update_config.unwrap();
    assert_eq!((update.order, update.monitor), (Some(UpdateOrder::StartFirst), Some(Duration::from_secs(2))));
}

#[test]
fn dependencies_have_conditions() {
    let service = web("depends_on: [db]");
    assert_eq!(service.depends_on["db"].condition, Condition::ServiceStarted);
    assert!(service.depends_on["db"].required);
    assert!(web("links: [db]").depends_on["db"].restart);
}

#[test]
fn names_files_and_extensions_are_there() {
    let project = project(
        "services:
  web: {image: a, secrets: [pw], configs: [{source: c, mode: 0440}], x-deployer: {drain: 3s}, environment: {A: , B: 1}}
secrets: {pw: {environment: PW}, unused: {environment: X}}
configs: {c: {content: 'a$$b'}}
x-deployer: {checks: []}
",
    );
    let web = &project.services["web"];
    assert_eq!(web.secrets[0].target, "/run/secrets/pw");
    assert_eq!((web.configs[0].target.as_str(), web.configs[0].mode), ("/c", Some(0o440)));
    assert_eq!(web.extensions["x-deployer"]["drain"], "3s");
    assert_eq!(web.environment.keys().collect::<Vec<_>>(), ["B"]);
    assert_eq!(project.secrets.keys().collect::<Vec<_>>(), ["pw"]);
    assert_eq!(project.configs["c"].origin, FileOrigin::Content("a$b".to_owned()));
    assert_eq!(
        (project.networks["default"].name.as_str(), project.configs["c"].name.as_str()),
        ("shop_default", "shop_c")
    );
    assert!(project.extensions.contains_key("x-deployer"));
}

#[test]
fn gpus_are_devices_that_can_be_gpus() {
    let devices = |keys: &str| web(keys).deploy.reservations.devices;
    let all = devices("gpus: all");
    assert_eq!((all[0].count, all[0].capabilities.join(" ")), (Some(-1), "gpu".to_owned()));
    let two =
        devices("gpus: [{driver: nvidia, device_ids: ['0', '3'], capabilities: [utility], options: {a: b}}]");
    assert_eq!((two[0].count, two[0].device_ids.join(" ")), (None, "0 3".to_owned()));
    assert_eq!(
        (two[0].driver.as_deref(), two[0].capabilities.join(" ")),
        (Some("nvidia"), "utility gpu".to_owned())
    );
    assert_eq!(two[0].options["a"], "b");
    let reserved =
        devices("deploy: {resources: {reservations: {devices: [{capabilities: [tpu], count: 2}]}}}");
    assert_eq!((reserved[0].count, reserved[0].capabilities.join(" ")), (Some(2), "tpu".to_owned()));
}

#[test]
fn what_is_inactive_is_known_by_name() {
    let project = project(
        "services: {web: {image: a}, tool: {image: b, profiles: [tools], volumes: ['data:/d']}}
volumes: {data: }\n",
    );
    assert_eq!(project.inactive.services.into_iter().collect::<Vec<_>>(), ["tool"]);
    assert_eq!(project.inactive.volumes.into_iter().collect::<Vec<_>>(), ["data"]);
}

#[test]
fn a_project_survives_json() {
    let project =
        project("services: {web: {image: a, ports: ['80'], restart: always, volumes: ['/a:/b']}}\n");
    let json = serde_json::to_string(&project).unwrap();
    assert_eq!(serde_json::from_str::<Project>(&json).unwrap(), project);
}
