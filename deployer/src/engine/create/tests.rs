//! What the engine is told of a service, for keys that are easily lost on the way.

use serde_json::{Value, json};

use super::*;
use crate::stack::{ConfigHash, Image, ImageId, Kind, ServiceName, Settings};

/// The create call of a service with these keys.
fn told(keys: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    std::fs::write(&file, format!("services: {{web: {{image: 'web:1', {keys}}}}}")).unwrap();
    let request = compose_file::Request {
        files: vec![file],
        project_name: Some("shop".into()),
        current_directory: folder.path().to_owned(),
        ..Default::default()
    };
    let mut project = compose_file::load(&request).unwrap().project().unwrap();
    let image = Image {
        reference: "web:1".into(),
        id: ImageId::new("sha256:1"),
        built: false,
        anonymous: Vec::new(),
        healthcheck: false,
        exposed: Vec::new(),
    };
    let service = Service {
        kind: Kind::Portless,
        definition: project.services.remove("web").unwrap(),
        image,
        replicas: 1,
        hash: ConfigHash(String::new()),
        front: None,
        files: None,
    };
    let stack = Stack {
        name: StackName::new("shop"),
        services: BTreeMap::from([(ServiceName::new("web"), service.clone())]),
        networks: project.networks,
        volumes: project.volumes,
        settings: Settings::default(),
    };
    let spec = ServiceContainer {
        stack: &stack,
        service: &service,
        labels: BTreeMap::new(),
        networks: Vec::new(),
        publish: false,
        restart: Restart::No,
        inherited: BTreeMap::new(),
        files_root: None,
    };
    serde_json::to_value(body(&spec)).unwrap()
}

#[test]
fn devices_are_asked_for_by_kind_by_name_and_by_path() {
    let told = told("gpus: all, devices: ['/dev/fuse', 'vendor.com/gpu=1']");
    let requests = json!([
        { "Count": -1, "Capabilities": [["gpu"]] },
        { "Driver": "cdi", "DeviceIDs": ["vendor.com/gpu=1"] },
    ]);
    assert_eq!(told["HostConfig"]["DeviceRequests"], requests);
    assert_eq!(told["HostConfig"]["Devices"][0]["PathOnHost"], "/dev/fuse");
    assert_eq!(told["HostConfig"]["Devices"].as_array().unwrap().len(), 1);
}

#[test]
fn a_label_for_selinux_is_kept_where_the_host_path_must_exist() {
    let told = told("volumes: [{type: bind, source: /a, target: /b, read_only: true, bind: {selinux: Z}}]");
    assert_eq!(told["HostConfig"]["Binds"], json!(["/a:/b:ro,Z"]));
    assert_eq!(told["HostConfig"]["Mounts"], json!([]));
}

#[test]
fn a_begun_second_counts_as_a_whole_one() {
    let seconds = |period: &str| told(&format!("stop_grace_period: {period}"))["StopTimeout"].clone();
    assert_eq!([seconds("500ms"), seconds("1500ms"), seconds("2s"), seconds("0s")], [1, 2, 2, 0]);
}

#[test]
fn the_name_of_an_interface_is_an_option_of_its_driver() {
    let attachment = model::Attachment { interface_name: Some("lan0".into()), ..Default::default() };
    let options = endpoint(&attachment).driver_opts.unwrap();
    assert_eq!(options["com.docker.network.endpoint.ifname"], "lan0");
}
