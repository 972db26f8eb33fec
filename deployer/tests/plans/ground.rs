//! What stands in the way before anything is built or locked.

use deployer::plan::{self, PlanError};

use crate::given::{deployed, stack};

#[track_caller]
fn refused(before: &[&str], text: &str) -> String {
    let error = plan::check_ground(&stack(text), &deployed(before)).unwrap_err();
    format!("{error} | {}", error.hint())
}

fn two(one: &str, other: &str) -> Result<(), PlanError> {
    let text = format!(
        "services: {{a: {{image: 'a:1', ports: ['{one}']}}, b: {{image: 'b:1', ports: ['{other}']}}}}"
    );
    plan::check_ground(&stack(&text), &deployed(&[]))
}

#[test]
fn a_port_of_all_addresses_is_a_port_of_each() {
    for (one, other) in [
        ("80:80", "80:81"),
        ("0.0.0.0:80:80", "127.0.0.1:80:81"),
        ("127.0.0.1:80:80", "80:81"),
        ("127.0.0.1:80:80", "[::]:80:81"),
        ("[::1]:80:80", "[::1]:80:81"),
    ] {
        assert!(matches!(two(one, other), Err(PlanError::PortTwice(..))), "{one} {other}");
    }
    for (one, other) in
        [("80:80", "81:80"), ("127.0.0.1:80:80", "127.0.0.2:80:80"), ("80:80", "80:80/udp"), ("80", "80")]
    {
        assert_eq!(two(one, other), Ok(()), "{one} {other}");
    }
}

#[test]
fn a_volume_is_never_made_again() {
    let file = |volume: &str| {
        format!("services: {{db: {{image: 'db:1', volumes: ['data:/data']}}}}\nvolumes: {{data: {volume}}}")
    };
    let without = "services: {db: {image: 'db:1'}}";
    let (plain, other) = (file("{}"), file("{driver_opts: {type: nfs, o: addr=10.0.0.1, device: ':/x'}}"));
    insta::assert_snapshot!(refused(&[&plain], &other), @"the definition of volume shop_data changed in its driver_opts, and it holds data | put the definition back; or give the changed volume another name, and copy the data of shop_data over");
    insta::assert_snapshot!(refused(&[&plain, without], &file("{driver: rexray}")), @"the definition of volume shop_data changed in its driver, and it holds data | put the definition back; or give the changed volume another name, and copy the data of shop_data over");
    for same in ["{driver: local}", "{labels: {a: b}}", "{external: true, name: shop_data}"] {
        assert_eq!(plan::check_ground(&stack(&file(same)), &deployed(&[&plain])), Ok(()), "{same}");
    }
}
