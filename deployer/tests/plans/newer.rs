//! Keys that an engine may be too old for.

use deployer::stack::newer_keys;
use semver::Version;

use crate::given::{loaded, spell};

const NEWEST: &str = "
services:
  web:
    image: 'web:1'
    annotations: {a: b}
    mac_address: '02:00:00:00:00:07'
    healthcheck: {test: 'true', start_interval: 1s}
    volumes: ['all:/all', {type: volume, source: data, target: /data, volume: {subpath: one}}]
    networks: {net: {gw_priority: 1, interface_name: lan0}, dark: {}}
volumes: {all: , data: }
networks: {net: {enable_ipv4: true}, dark: {enable_ipv4: false}}
";

fn newer(minor: u64) -> String {
    let project = loaded(NEWEST).project().unwrap();
    spell(&newer_keys(&project, &Version::new(1, minor, 0)))
}

#[test]
fn an_old_engine_is_not_sent_what_it_would_leave_out() {
    insta::assert_snapshot!(newer(41), @r"
    services.web.annotations: `annotations` needs API 1.43 of the engine, and this one speaks 1.41 | upgrade the engine to Docker 24.0 or later, or remove the key
    services.web.healthcheck.start_interval: `start_interval` needs API 1.44 of the engine, and this one speaks 1.41 | upgrade the engine to Docker 25.0 or later, or remove the key
    services.web.volumes[1].volume.subpath: `subpath` needs API 1.45 of the engine, and this one speaks 1.41 | upgrade the engine to Docker 26.0 or later, or remove the key
    services.web.networks.dark.mac_address: `mac_address` needs API 1.44 of the engine, and this one speaks 1.41 | upgrade the engine to Docker 25.0 or later, or remove the key
    services.web.networks.net.gw_priority: `gw_priority` needs API 1.48 of the engine, and this one speaks 1.41 | upgrade the engine to Docker 28.0 or later, or remove the key
    services.web.networks.net.interface_name: `interface_name` needs API 1.49 of the engine, and this one speaks 1.41 | upgrade the engine to Docker 28.1 or later, or remove the key
    networks.dark.enable_ipv4: `enable_ipv4` needs API 1.48 of the engine, and this one speaks 1.41 | upgrade the engine to Docker 28.0 or later, or remove the key
    ");
    insta::assert_snapshot!(newer(48), @"services.web.networks.net.interface_name: `interface_name` needs API 1.49 of the engine, and this one speaks 1.48 | upgrade the engine to Docker 28.1 or later, or remove the key");
    assert_eq!(newer(49), "");
}
