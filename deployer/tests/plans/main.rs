//! What a stack and what was observed become: every plan word for word, as `--dry-run` prints it. No engine is asked.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use deployer::plan::{self, Decision, Volumes};
use deployer::stack::{Color, ContainerName, ReleaseNumber, StackName};

use given::{deploy, deployed, engine_of, meta, rollback, show, stack};

mod fronts;
mod given;
mod ground;
mod kinds;
mod newer;
mod notes;
mod refusals;
mod restart;
mod settings;
mod upgrades;

const WEB: &str = "services: {web: {image: 'web:1', ports: ['127.0.0.1:8080:80']}}";
const STORE: &str = "
services:
  web: {image: 'web:1', ports: ['8080:80'], depends_on: {store: {condition: service_healthy}}}
  store: {image: 'store:1', volumes: ['data:/data'], restart: always}
volumes: {data: {}}
";
const JOB: &str = "
services:
  web: {image: 'web:1', ports: ['8080:80'], depends_on: {migrate: {condition: service_completed_successfully}}}
  migrate: {image: 'web:1', command: migrate}
";

#[test]
fn a_first_deploy() {
    insta::assert_snapshot!(deploy(&[], WEB), @r"
    deploy of shop to release 1
    note: web: restart is unless-stopped, because the file names none
    1. images, networks and volumes
       create network shop_default | undo: remove network shop_default | new network
       create volume shop-web-front | undo: remove volume shop-web-front | new volume
    2. create
       create container shop-web-1-1 | undo: remove container shop-web-1-1 | new service
       create the front of web | undo: remove container shop-web-front | new service
    3. start web
       start shop-web-front and wait until it answers | undo: stop shop-web-front | new service
       start shop-web-1-1 | undo: stop shop-web-1-1 | new service
    4. wait for web
       wait until shop-web-1-1 is fit to serve | new service
    5. first route to web
       switch web to blue (release 1, 1 replicas) | new service
    commit
    ");
}

#[test]
fn nothing_changed() {
    insta::assert_snapshot!(deploy(&[WEB], WEB), @"nothing: release 1 (tag v1)");
    insta::assert_snapshot!(deploy(&[JOB], JOB), @"nothing: release 1 (tag v1)");
}

#[test]
fn one_service_of_two_changed() {
    insta::assert_snapshot!(deploy(&[STORE], &STORE.replace("web:1", "web:2")), @r"
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
    ");
}

#[test]
fn a_service_that_is_replaced_in_place() {
    insta::assert_snapshot!(deploy(&[STORE], &STORE.replace("store:1", "store:2")), @r"
    deploy of shop to release 2
    note: store is replaced in place (writable volume at /data): it is interrupted from its stop until its new container is ready
    1. create
       create container shop-store-2-1 | undo: remove container shop-store-2-1 | image changed
    2. make room for store
       stop shop-store-1-1 | undo: start shop-store-1-1 | image changed
    3. start store
       start shop-store-2-1 | undo: stop shop-store-2-1 | image changed
    4. wait for store
       wait until shop-store-2-1 is fit to serve | image changed
    commit
    5. keep the old containers as standby
       set restart policy of shop-store-1-1 to no | kept for a rollback
    6. stop the old containers
       stop shop-store-1-1 | kept for a rollback
    ");
}

#[test]
fn a_job_goes_first() {
    insta::assert_snapshot!(deploy(&[JOB], &JOB.replace("web:1", "web:2")), @r"
    deploy of shop to release 2
    note: web: restart is unless-stopped, because the file names none
    1. create
       create container shop-web-2-1 | undo: remove container shop-web-2-1 | image changed
       create container shop-migrate-2-1 | undo: remove container shop-migrate-2-1 | runs once in every release
    2. wait for migrate
       run job shop-migrate-2-1 | undo: stop shop-migrate-2-1 | runs once in every release
    3. start web
       start shop-web-2-1 | undo: stop shop-web-2-1 | image changed
    4. wait for web
       wait until shop-web-2-1 is fit to serve | image changed
    5. check from the fronts
       have the front of web reach green (release 2, 1 replicas) | image changed
    6. switch
       switch web to green (release 2, 1 replicas) | undo: switch web to blue (release 1, 1 replicas) | image changed
    commit
    7. drain
       drain the earlier containers of web | requests that the old color still answers
    8. keep the old containers as standby
       set restart policy of shop-web-1-1 to no | kept for a rollback
    9. stop the old containers
       stop shop-web-1-1 | kept for a rollback
    ");
}

#[test]
fn images_that_are_built_get_a_name_in_their_release() {
    let text = "services: {web: {build: ., ports: ['8080:80']}}";
    insta::assert_snapshot!(deploy(&[], text), @r"
    deploy of shop to release 1
    note: web: restart is unless-stopped, because the file names none
    1. images, networks and volumes
       tag image shop-web:release-1 | undo: untag image shop-web:release-1 | keeps the image for a rollback
       create network shop_default | undo: remove network shop_default | new network
       create volume shop-web-front | undo: remove volume shop-web-front | new volume
    2. create
       create container shop-web-1-1 | undo: remove container shop-web-1-1 | new service
       create the front of web | undo: remove container shop-web-front | new service
    3. start web
       start shop-web-front and wait until it answers | undo: stop shop-web-front | new service
       start shop-web-1-1 | undo: stop shop-web-1-1 | new service
    4. wait for web
       wait until shop-web-1-1 is fit to serve | new service
    5. first route to web
       switch web to blue (release 1, 1 replicas) | new service
    commit
    ");
}

#[test]
fn more_replicas() {
    let text = WEB.replace("image:", "deploy: {replicas: 2}, image:");
    insta::assert_snapshot!(deploy(&[WEB], &text), @r"
    deploy of shop to release 2
    note: web: restart is unless-stopped, because the file names none
    1. create
       create container shop-web-2-1 | undo: remove container shop-web-2-1 | 1 replicas become 2
       create container shop-web-2-2 | undo: remove container shop-web-2-2 | 1 replicas become 2
    2. start web
       start shop-web-2-1 | undo: stop shop-web-2-1 | 1 replicas become 2
       start shop-web-2-2 | undo: stop shop-web-2-2 | 1 replicas become 2
    3. wait for web
       wait until shop-web-2-1 is fit to serve | 1 replicas become 2
       wait until shop-web-2-2 is fit to serve | 1 replicas become 2
    4. check from the fronts
       have the front of web reach green (release 2, 2 replicas) | 1 replicas become 2
    5. switch
       switch web to green (release 2, 2 replicas) | undo: switch web to blue (release 1, 1 replicas) | 1 replicas become 2
    commit
    6. drain
       drain the earlier containers of web | requests that the old color still answers
    7. keep the old containers as standby
       set restart policy of shop-web-1-1 to no | kept for a rollback
    8. stop the old containers
       stop shop-web-1-1 | kept for a rollback
    ");
}

#[test]
fn a_fixed_container_name() {
    let text = "services: {web: {image: 'web:1', container_name: shop-web, ports: ['8080:80']}}";
    let mut before = deployed(&[text]);
    before.containers[0].name = ContainerName::new("shop-web");
    let decision = plan::deploy(&stack(&text.replace("web:1", "web:2")), &before, &meta("v2")).unwrap();
    insta::assert_snapshot!(show(decision), @r"
    deploy of shop to release 2
    note: web is replaced in place (container_name: shop-web): it is interrupted from its stop until its new container is ready
    note: web: restart is unless-stopped, because the file names none
    1. set names aside
       rename container shop-web to shop-web-1-1 | undo: rename container shop-web-1-1 to shop-web | image changed
    2. create
       create container shop-web | undo: remove container shop-web | image changed
    3. make room for web
       stop shop-web-1-1 | undo: start shop-web-1-1 | image changed
    4. start web
       start shop-web | undo: stop shop-web | image changed
    5. wait for web
       wait until shop-web is fit to serve | image changed
    commit
    6. keep the old containers as standby
       set restart policy of shop-web-1-1 to no | kept for a rollback
    7. stop the old containers
       stop shop-web-1-1 | kept for a rollback
    ");
}

#[test]
fn a_service_that_left_the_file() {
    insta::assert_snapshot!(deploy(&[STORE], WEB.replace("127.0.0.1:", "").as_str()), @r"
    deploy of shop to release 2
    commit
    1. keep the old containers as standby
       set restart policy of shop-store-1-1 to no | kept for a rollback
    2. stop the old containers
       stop shop-store-1-1 | kept for a rollback
    ");
}

#[test]
fn a_rollback_to_the_release_before() {
    let second = STORE.replace("web:1", "web:2");
    insta::assert_snapshot!(rollback(&[STORE, &second], None), @r"
    rollback of shop to release 3
    note: web: restart is unless-stopped, because the file names none
    1. set names aside
       set restart policy of shop-web-1-1 to unless-stopped | undo: set restart policy of shop-web-1-1 to no | back to release 1
    2. start web
       start shop-web-1-1 | undo: stop shop-web-1-1 | back to release 1
    3. wait for web
       wait until shop-web-1-1 is fit to serve | back to release 1
    4. check from the fronts
       have the front of web reach blue (release 1, 1 replicas) | back to release 1
    5. switch
       switch web to blue (release 1, 1 replicas) | undo: switch web to green (release 2, 1 replicas) | back to release 1
    commit
    6. drain
       drain the earlier containers of web | requests that the old color still answers
    7. keep the old containers as standby
       set restart policy of shop-web-2-1 to no | kept for a rollback
    8. stop the old containers
       stop shop-web-2-1 | kept for a rollback
    ");
}

#[test]
fn a_rollback_to_a_release_without_its_containers() {
    let [second, third] = ["web:2", "web:3"].map(|image| WEB.replace("web:1", image));
    insta::assert_snapshot!(rollback(&[WEB, &second, &third], Some(1)), @r"
    rollback of shop to release 4
    note: web: restart is unless-stopped, because the file names none
    1. create
       create container shop-web-4-1 | undo: remove container shop-web-4-1 | back to release 1
    2. start web
       start shop-web-4-1 | undo: stop shop-web-4-1 | back to release 1
    3. wait for web
       wait until shop-web-4-1 is fit to serve | back to release 1
    4. check from the fronts
       have the front of web reach green (release 4, 1 replicas) | back to release 1
    5. switch
       switch web to green (release 4, 1 replicas) | undo: switch web to blue (release 3, 1 replicas) | back to release 1
    commit
    6. drain
       drain the earlier containers of web | requests that the old color still answers
    7. keep the old containers as standby
       set restart policy of shop-web-3-1 to no | kept for a rollback
    8. stop the old containers
       stop shop-web-3-1 | kept for a rollback
    9. remove what no kept release needs
       remove container shop-web-2-1 | no kept release runs on it
    ");
}

#[test]
fn down_with_and_without_volumes() {
    let observed = deployed(&[STORE]);
    let down = |volumes| plan::down(&StackName::new("shop"), &observed, volumes).to_string();
    insta::assert_snapshot!(down(Volumes::Keep), @r"
    down of shop
    1. stop the fronts
       stop shop-web-front | undo: start shop-web-front and wait until it answers | the stack goes down
    2. stop the services
       stop shop-store-1-1 | undo: start shop-store-1-1 | the stack goes down
       stop shop-web-1-1 | undo: start shop-web-1-1 | the stack goes down
    commit
    3. remove the containers
       remove container shop-store-1-1 | the stack goes down
       remove container shop-web-1-1 | the stack goes down
       remove container shop-web-front | the stack goes down
    4. remove networks, volumes and images
       remove network shop_default | the stack goes down
       remove volume shop-web-front | the stack goes down
    ");
    insta::assert_snapshot!(down(Volumes::Remove), @r"
    down of shop
    1. stop the fronts
       stop shop-web-front | undo: start shop-web-front and wait until it answers | the stack goes down
    2. stop the services
       stop shop-store-1-1 | undo: start shop-store-1-1 | the stack goes down
       stop shop-web-1-1 | undo: start shop-web-1-1 | the stack goes down
    commit
    3. remove the containers
       remove container shop-store-1-1 | the stack goes down
       remove container shop-web-1-1 | the stack goes down
       remove container shop-web-front | the stack goes down
    4. remove networks, volumes and images
       remove network shop_default | the stack goes down
       remove volume shop-web-front | the stack goes down
       remove volume shop_data | the stack goes down
    ");
}

#[test]
fn a_second_rollback_goes_one_further_back() {
    let [second, third] = ["web:2", "web:3"].map(|image| WEB.replace("web:1", image));
    let mut observed = deployed(&[WEB, &second, &third]);
    for expected in [2, 1] {
        let target = plan::target(&observed, &StackName::new("shop"), None).unwrap();
        assert_eq!(target.content(), ReleaseNumber(expected));
        let images =
            target.stack.iter().flat_map(|s| s.services.values()).map(|s| s.image.id.clone()).collect();
        let Decision::Change(planned) = plan::rollback(target, &observed, &images, &meta("")).unwrap() else {
            panic!("a rollback to {expected} changes something");
        };
        assert_eq!(planned.release.source, Some(ReleaseNumber(expected)));
        observed = engine_of(observed.history.with(planned.release));
    }
    assert!(plan::target(&observed, &StackName::new("shop"), None).is_err());
    assert_eq!(observed.history.live().unwrap().serving["web"].color, Color::Blue);
}
