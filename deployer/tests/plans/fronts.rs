//! What becomes of fronts: other ports, other services, other networks.

use crate::WEB;
use crate::given::{deploy, rollback};

#[test]
fn other_published_ports() {
    insta::assert_snapshot!(deploy(&[WEB], &WEB.replace("8080", "9090")), @r"
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
fn a_renamed_service_takes_over_its_port_at_the_switch() {
    insta::assert_snapshot!(deploy(&[WEB], &WEB.replace("{web:", "{site:")), @r"
    deploy of shop to release 2
    note: site: restart is unless-stopped, because the file names none
    note: the ports or addresses of site change: they refuse connections for a moment at the switch
    1. images, networks and volumes
       create volume shop-site-front | undo: remove volume shop-site-front | new volume
    2. create
       create container shop-site-2-1 | undo: remove container shop-site-2-1 | new service
       create the front of site | undo: remove container shop-site-front | new service
    3. start site
       start shop-site-2-1 | undo: stop shop-site-2-1 | new service
    4. wait for site
       wait until shop-site-2-1 is fit to serve | new service
    5. stop the fronts that make way
       stop shop-web-front | undo: start shop-web-front and wait until it answers | its ports go to another service
    6. start the fronts with the new ports
       start shop-site-front and wait until it answers | undo: stop shop-site-front | new service
    7. check from the new fronts
       have the front of site reach blue (release 2, 1 replicas) | new service
    8. switch
       switch site to blue (release 2, 1 replicas) | new service
    commit
    9. keep the old containers as standby
       set restart policy of shop-web-1-1 to no | kept for a rollback
    10. stop the old containers
       stop shop-web-1-1 | kept for a rollback
    11. remove what no kept release needs
       remove container shop-web-front | no kept release runs on it
    12. remove networks, volumes and images that nothing needs
       remove volume shop-web-front | no kept release needs it
    ");
}

#[test]
fn a_port_that_moves_to_another_service() {
    let two = "services: {web: {image: 'web:1', ports: ['80:80']}, api: {image: 'api:1', expose: ['80']}}";
    let moved = "services: {web: {image: 'web:1', expose: ['80']}, api: {image: 'api:1', ports: ['80:80']}}";
    insta::assert_snapshot!(deploy(&[two], moved), @r"
    deploy of shop to release 2
    note: the ports or addresses of api change: they refuse connections for a moment at the switch
    note: the ports or addresses of web change: they refuse connections for a moment at the switch
    1. set names aside
       rename container shop-api-front to shop-api-front-until-2 | undo: rename container shop-api-front-until-2 to shop-api-front | its ports or addresses changed
       rename container shop-web-front to shop-web-front-until-2 | undo: rename container shop-web-front-until-2 to shop-web-front | its ports or addresses changed
    2. create
       create the front of api | undo: remove container shop-api-front | its ports or addresses changed
       create the front of web | undo: remove container shop-web-front | its ports or addresses changed
    3. stop the fronts that make way
       stop shop-api-front-until-2 | undo: start shop-api-front-until-2 and wait until it answers | its ports or addresses changed
       stop shop-web-front-until-2 | undo: start shop-web-front-until-2 and wait until it answers | its ports or addresses changed
    4. start the fronts with the new ports
       start shop-api-front and wait until it answers | undo: stop shop-api-front | its ports or addresses changed
       start shop-web-front and wait until it answers | undo: stop shop-web-front | its ports or addresses changed
    5. check from the new fronts
       have the front of api reach blue (release 1, 1 replicas) | its ports or addresses changed
       have the front of web reach blue (release 1, 1 replicas) | its ports or addresses changed
    6. switch
       switch api to blue (release 1, 1 replicas) | its ports or addresses changed
       switch web to blue (release 1, 1 replicas) | its ports or addresses changed
    commit
    7. remove what no kept release needs
       remove container shop-api-front-until-2 | no kept release runs on it
       remove container shop-web-front-until-2 | no kept release runs on it
    ");
}

#[test]
fn a_network_that_a_service_leaves() {
    let before = "
services: {web: {image: 'web:1', ports: ['80:80'], networks: [default, side]}, api: {image: 'api:1', networks: [side]}}
networks: {side: {}}
";
    insta::assert_snapshot!(deploy(&[before], &before.replace("[default, side]", "[default]")), @r"
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
    9. remove what no kept release needs
       disconnect shop-web-front from network shop_side | the service has left the network
    ");
}

#[test]
fn a_rollback_of_ports_alone() {
    insta::assert_snapshot!(rollback(&[WEB, &WEB.replace("8080", "9090")], None), @r"
    rollback of shop to release 3
    note: the ports or addresses of web change: they refuse connections for a moment at the switch
    1. set names aside
       rename container shop-web-front to shop-web-front-until-3 | undo: rename container shop-web-front-until-3 to shop-web-front | its ports or addresses changed
    2. create
       create the front of web | undo: remove container shop-web-front | its ports or addresses changed
    3. stop the fronts that make way
       stop shop-web-front-until-3 | undo: start shop-web-front-until-3 and wait until it answers | its ports or addresses changed
    4. start the fronts with the new ports
       start shop-web-front and wait until it answers | undo: stop shop-web-front | its ports or addresses changed
    5. check from the new fronts
       have the front of web reach blue (release 1, 1 replicas) | its ports or addresses changed
    6. switch
       switch web to blue (release 1, 1 replicas) | its ports or addresses changed
    commit
    7. remove what no kept release needs
       remove container shop-web-front-until-3 | no kept release runs on it
    ");
}

#[test]
fn a_warm_standby_runs_on_and_is_only_switched_to() {
    let warm = format!("{WEB}\nx-deployer: {{standby: warm}}\n");
    let [second, third] = ["web:2", "web:3"].map(|image| warm.replace("web:1", image));
    insta::assert_snapshot!(deploy(&[&warm, &second], &third), @r"
    deploy of shop to release 3
    note: web: restart is unless-stopped, because the file names none
    1. create
       create container shop-web-3-1 | undo: remove container shop-web-3-1 | image changed
    2. start web
       start shop-web-3-1 | undo: stop shop-web-3-1 | image changed
    3. wait for web
       wait until shop-web-3-1 is fit to serve | image changed
    4. check from the fronts
       have the front of web reach blue (release 3, 1 replicas) | image changed
    5. switch
       switch web to blue (release 3, 1 replicas) | undo: switch web to green (release 2, 1 replicas) | image changed
    commit
    6. drain
       drain the earlier containers of web | requests that the old color still answers
    7. keep the old containers as standby
       set restart policy of shop-web-2-1 to no | kept for a rollback
    8. stop the old containers
       stop shop-web-1-1 | no kept release runs on it
    9. remove what no kept release needs
       remove container shop-web-1-1 | no kept release runs on it
    ");
    insta::assert_snapshot!(rollback(&[&warm, &second], None), @r"
    rollback of shop to release 3
    note: web: restart is unless-stopped, because the file names none
    1. set names aside
       set restart policy of shop-web-1-1 to unless-stopped | undo: set restart policy of shop-web-1-1 to no | back to release 1
    2. wait for web
       wait until shop-web-1-1 is fit to serve | back to release 1
    3. check from the fronts
       have the front of web reach blue (release 1, 1 replicas) | back to release 1
    4. switch
       switch web to blue (release 1, 1 replicas) | undo: switch web to green (release 2, 1 replicas) | back to release 1
    commit
    5. drain
       drain the earlier containers of web | requests that the old color still answers
    6. keep the old containers as standby
       set restart policy of shop-web-2-1 to no | kept for a rollback
    ");
}
