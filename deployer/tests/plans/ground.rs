//! What stands in the way before anything is built or locked.

use deployer::plan::{self, PlanError};

use crate::given::{deployed, stack};

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
