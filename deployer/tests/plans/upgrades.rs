//! What another deployer than before does for the fronts that stay.

use std::collections::BTreeSet;

use deployer::plan::{self, Meta};
use deployer::stack::StackName;

use crate::given::{deployed, meta, show, stack};
use crate::{STORE, WEB};

const TWO: &str =
    "services: {web: {image: 'web:1', ports: ['80:80']}, api: {image: 'api:1', expose: ['80']}}";

fn by_another(agent: Option<&str>) -> Meta {
    Meta { agent: agent.map(str::to_owned), ..meta("next") }
}

fn deploy(before: &str, text: &str, agent: Option<&str>) -> String {
    show(plan::deploy(&stack(text), &deployed(&[before]), &by_another(agent)).unwrap())
}

#[test]
fn fronts_that_stay_are_upgraded_after_everything_else() {
    insta::assert_snapshot!(deploy(TWO, &TWO.replace("web:1", "web:2"), Some("deployer-agent:2")), @r"
    deploy of shop to release 2
    note: web: restart is unless-stopped, because the file names none
    1. create
       create container shop-web-2-1 | undo: remove container shop-web-2-1 | image changed
    2. start web
       start shop-web-2-1 | undo: stop shop-web-2-1 | image changed
    3. wait for web
       wait until shop-web-2-1 is fit to serve | image changed
    4. check from the fronts
       have the front of web reach green (release 2, 1 replicas) | image changed
    5. switch
       switch web to green (release 2, 1 replicas) | undo: switch web to blue (release 1, 1 replicas) | image changed
    commit
    6. drain
       drain the earlier containers of web | requests that the old color still answers
    7. keep the old containers as standby
       set restart policy of shop-web-1-1 to no | kept for a rollback
    8. stop the old containers
       stop shop-web-1-1 | kept for a rollback
    9. upgrade the fronts
       upgrade the front of api | another deployer than before
       upgrade the front of web | another deployer than before
    ");
}

#[test]
fn fronts_that_are_made_anew_need_no_upgrade() {
    insta::assert_snapshot!(deploy(WEB, &WEB.replace("8080", "9090"), Some("deployer-agent:2")), @r"
    deploy of shop to release 2
    note: the ports or addresses of web change: they refuse connections for a moment at the switch
    1. set names aside
       rename container shop-web-front to shop-web-front-until-2 | undo: rename container shop-web-front-until-2 to shop-web-front | its ports or addresses changed
    2. create
       create the front of web | undo: remove container shop-web-front | its ports or addresses changed
    3. stop the fronts that make way
       stop shop-web-front-until-2 | undo: start shop-web-front-until-2 and wait until it answers | its ports or addresses changed
    4. start the fronts with the new ports
       start shop-web-front and wait until it answers | undo: stop shop-web-front | its ports or addresses changed
    5. check from the new fronts
       have the front of web reach blue (release 1, 1 replicas) | its ports or addresses changed
    6. switch
       switch web to blue (release 1, 1 replicas) | its ports or addresses changed
    commit
    7. remove what no kept release needs
       remove container shop-web-front-until-2 | no kept release runs on it
    ");
}

#[test]
fn another_deployer_alone_is_no_release() {
    assert_eq!(deploy(STORE, STORE, Some("deployer-agent:2")), "nothing: release 1 (tag v1)");
}

#[test]
fn the_same_deployer_and_none_that_is_known_upgrade_nothing() {
    for agent in [Some("deployer-agent:1"), None] {
        assert!(!deploy(STORE, &STORE.replace("web:1", "web:2"), agent).contains("upgrade"));
    }
}

#[test]
fn a_front_of_a_deployer_that_left_no_name_is_upgraded() {
    let mut observed = deployed(&[WEB]);
    observed.history.releases[0].agent = None;
    let decision = plan::deploy(&stack(&WEB.replace("web:1", "web:2")), &observed, &meta("next")).unwrap();
    assert!(show(decision).contains("upgrade the front of web"));
}

#[test]
fn a_rollback_upgrades_too() {
    let observed = deployed(&[WEB, &WEB.replace("web:1", "web:2")]);
    let target = plan::target(&observed, &StackName::new("shop"), None).unwrap();
    let images: BTreeSet<_> =
        target.stack.iter().flat_map(|s| s.services.values()).map(|s| s.image.id.clone()).collect();
    let decision = plan::rollback(target, &observed, &images, &by_another(Some("deployer-agent:2"))).unwrap();
    assert!(show(decision).ends_with("upgrade the front of web | another deployer than before\n"));
}
