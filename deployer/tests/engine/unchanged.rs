//! What changes nothing has to change nothing.

use crate::checks::{Snapshot, same, snapshot};
use crate::scenario::Scenario;

#[test]
fn a_second_deploy_of_the_same_changes_nothing_when_images_are_built() {
    let scenario = Scenario::new("deploying what runs changes nothing, with builds", "web");
    scenario.deploy("v1");
    let before = snapshot(&scenario);
    let again = scenario.expect(0, &["deploy", "--tag", "v1"]);
    assert!(again.text.contains("nothing to do"), "{}", again.text);
    let other_tag = scenario.expect(0, &["deploy", "--tag", "same-content"]);
    assert!(other_tag.text.contains("release 1 (tag v1)"), "{}", other_tag.text);
    same(scenario.sentence, &before, &snapshot(&scenario));
}

#[test]
fn a_second_deploy_of_the_same_changes_nothing_when_nothing_is_built() {
    let scenario = Scenario::with_image("deploying what runs changes nothing, without builds", "pulled");
    scenario.deploy("v1");
    let before = snapshot(&scenario);
    let again = scenario.expect(0, &["deploy", "--tag", "v1"]);
    assert!(again.text.contains("nothing to do"), "{}", again.text);
    same(scenario.sentence, &before, &snapshot(&scenario));
    eprintln!("a deploy of what runs took {} ms", again.took.as_millis());
}

#[test]
fn plan_and_dry_run_change_nothing() {
    let scenario = Scenario::new("plan and --dry-run change nothing", "web");
    let plan = scenario.expect(0, &["plan", "--tag", "v1"]);
    assert!(plan.data.contains("switch web"), "{}", plan.text);
    scenario.expect(0, &["deploy", "--dry-run", "--tag", "v1"]);
    same("before the first deploy", &Snapshot::default(), &snapshot(&scenario));
    assert!(scenario.image_tags().is_empty());
    scenario.deploy("v1");
    scenario.deploy("v2");
    let (before, images) = (snapshot(&scenario), scenario.image_tags());
    scenario.set("REPLICAS", "2");
    for arguments in [&["plan"][..], &["deploy", "--dry-run"], &["rollback", "--dry-run"]] {
        let shown = scenario.expect(0, arguments);
        assert!(shown.data.contains("commit\n"), "{arguments:?}: {}", shown.text);
    }
    same("on a running stack", &before, &snapshot(&scenario));
    assert_eq!(scenario.image_tags(), images);
}
