//! Which way a service goes from one release to the next.

use deployer::stack::Kind;

use crate::given::{stack, unresolved};

#[track_caller]
fn check(keys: &str, expect: Kind) {
    let networks = "networks: {net: {}, other: {}}";
    let stack = stack(&format!("services: {{web: {{image: 'web:1', {keys}}}}}\n{networks}"));
    assert_eq!(stack.services["web"].kind, expect, "{keys}");
}

fn in_place(reason: &str) -> Kind {
    Kind::InPlace(reason.into())
}

#[test]
fn ports_make_a_front_where_a_front_can_reach_them() {
    check("ports: ['80:80']", Kind::TwoColor);
    check("expose: ['80']", Kind::TwoColor);
    check("read_only: true", Kind::Portless);
    check("network_mode: none, expose: ['80']", Kind::Portless);
    check("network_mode: host, expose: ['80']", in_place("network_mode: host"));
}

#[test]
fn an_address_is_held_by_the_front_or_by_one_container() {
    check("networks: {net: {ipv4_address: 10.9.0.7}}, expose: ['80']", Kind::TwoColor);
    check("networks: {net: {ipv4_address: 10.9.0.7}}", in_place("ipv4_address: 10.9.0.7"));
    check("networks: [net], mac_address: '02:00:00:00:00:07'", in_place("mac_address: 02:00:00:00:00:07"));
    insta::assert_snapshot!(unresolved(
        "services: {web: {image: 'web:1', scale: 2, mac_address: '02:00:00:00:00:07'}}"
    ), @"services.web.networks: 2 replicas cannot share `mac_address: 02:00:00:00:00:07` | remove the address: the service's name stands for all replicas");
}

#[test]
fn the_mac_address_of_a_service_is_that_of_its_first_network() {
    let stack = stack(
        "services: {web: {image: 'web:1', mac_address: '02:00:00:00:00:07', networks: {net: {}, other: {priority: 1}}}}
networks: {net: {}, other: {}}",
    );
    let networks = &stack.services["web"].definition.networks;
    assert_eq!(networks["other"].mac_address.as_deref(), Some("02:00:00:00:00:07"));
    assert_eq!(networks["net"].mac_address, None);
}
