//! Another deployer than before: the fronts that stay go on as its program, and nobody notices.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use deployer::engine::own_image::Program;
use deployer::engine::{Engine, agents};
use deployer::execute::Faults;
use deployer::labels::{Labels, Role};
use deployer::stack::{ContainerName, FileEntry, StackName, VolumeName};
use front::admin::{AdminClient, Command, Reply};
use serde_json::Value;

use crate::checks::snapshot;
use crate::docker;
use crate::http;
use crate::load::{Load, Mix};
use crate::scenario::{Scenario, deployer, eventually, fixture};

/// How long a front that was replaced answers kept connections, and a moment more.
const GRACE: Duration = Duration::from_secs(6);

/// A deployer that differs from the one under test, and whose image goes with it.
struct Other {
    path: PathBuf,
    image: String,
    _folder: tempfile::TempDir,
}

impl Other {
    /// Equal but for what stands after its end, where nobody looks.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deployer");
        std::fs::copy(deployer(), &path).unwrap();
        let more = vec![0; rand::random_range(1..60_000)];
        std::fs::File::options().append(true).open(&path).unwrap().write_all(&more).unwrap();
        let image = Program::at(&path).unwrap().image();
        Self { path, image, _folder: folder }
    }

    fn identity(&self) -> &str {
        agents::identity(&self.image)
    }

    /// These arguments, and that it is this deployer's image that runs on the engine.
    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--agent-binary", self.path.to_str().unwrap()]].concat()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        docker::delete(&format!("/images/{}", self.image));
    }
}

fn with_engine<T>(work: impl AsyncFnOnce(Engine) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { work(Engine::connect(None).await.unwrap()).await })
}

fn ask(scenario: &Scenario, command: Command) -> Reply {
    with_engine(async |engine| {
        let pipe = engine.open_front(&front_of(scenario)).await.unwrap();
        AdminClient::new(pipe.output, pipe.input).call(command).await.unwrap()
    })
}

fn front_of(scenario: &Scenario) -> ContainerName {
    ContainerName::new(format!("{}-web-front", scenario.name))
}

/// The identity of the program that the front runs.
fn program(scenario: &Scenario) -> String {
    match ask(scenario, Command::Hello) {
        Reply::Hello { program, .. } => program.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Which container it is, and since when it runs.
fn container(scenario: &Scenario) -> (Value, Value) {
    let found = docker::get(&format!("/containers/{}/json", front_of(scenario)));
    (found["Id"].clone(), found["State"]["StartedAt"].clone())
}

#[test]
fn a_front_becomes_another_program_and_nobody_notices() {
    let other = Other::new();
    let scenario = Scenario::new("an upgrade of the deployer is noticed by nobody", "web");
    scenario.set("REPLICAS", "2");
    scenario.deploy("v1");
    let (before, own) = (container(&scenario), program(&scenario));
    assert_eq!(agents::identity(&Program::at(&deployer()).unwrap().image()), own);
    let load = Load::start(scenario.port(), Mix::Full);

    // Another deployer alone changes nothing.
    let same = scenario.expect(0, &other.with(&["deploy", "--tag", "v1"]));
    assert!(same.text.contains("nothing to do"), "{}", same.text);
    assert_eq!(program(&scenario), own);

    scenario.set("VERSION", "v2");
    let upgraded = scenario.expect(0, &other.with(&["deploy", "--tag", "v2"]));
    assert_eq!(program(&scenario), other.identity(), "{}", upgraded.text);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    std::thread::sleep(GRACE);
    scenario.expect(0, &["rollback"]);
    assert_eq!(program(&scenario), own);
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v1"));
    scenario.expect(0, &other.with(&["rollback", "--to", "2"]));
    assert_eq!(program(&scenario), other.identity());
    std::thread::sleep(GRACE);
    let tally = load.end();
    eprintln!("three upgrades ({:.1} s with a deploy): {tally}", upgraded.took.as_secs_f32());
    tally.assert_unnoticed("three upgrades of a front");
    assert_eq!(container(&scenario), before, "the container was not touched");

    let front = front_of(&scenario);
    with_engine(async |engine| {
        engine.stop(&front).await.unwrap();
        engine.start(&front).await.unwrap();
    });
    eventually("it serves again", Duration::from_secs(10), || http::version(scenario.port()).is_some());
    assert_eq!(program(&scenario), other.identity(), "it is what it was upgraded to");
    assert_ne!(container(&scenario).1, before.1);
}

#[test]
fn an_upgrade_that_fails_is_finished_by_the_next_command() {
    let other = Other::new();
    let scenario = Scenario::new("an upgrade that fails is finished by the next command", "web");
    scenario.expect(0, &other.with(&["deploy", "--tag", "v1"]));
    let load = Load::start(scenario.port(), Mix::Light);
    // A change that a plan sees without a build.
    scenario.set("EXIT_CODE", "7");
    let deploy = ["deploy", "--tag", "v2", "--no-build"];
    scenario.expect(0, &["build", "--tag", "v2"]);
    let plan = scenario.expect(0, &["deploy", "--tag", "v2", "--no-build", "--dry-run"]).data;
    assert!(plan.ends_with("upgrade the front of web | another deployer than before\n"), "{plan}");
    let steps = plan.lines().filter(|line| line.starts_with("   ")).count();
    assert_eq!(scenario.run_with(Faults::before(steps - 1), &deploy), 0);
    let unfinished = |scenario| snapshot(scenario).records.contains(&"unfinished deploy".to_owned());
    assert!(unfinished(&scenario));
    assert_eq!(program(&scenario), other.identity());
    scenario.expect(0, &["rollback"]);
    assert!(!unfinished(&scenario));
    assert_ne!(program(&scenario), other.identity());
    // And an upgrade that is done twice is the same as one.
    scenario.expect(0, &other.with(&["rollback", "--to", "2"]));
    assert_eq!(program(&scenario), other.identity());
    assert_eq!(scenario.run_with(Faults::none().twice(), &["rollback", "--to", "1"]), 0);
    assert_ne!(program(&scenario), other.identity());
    load.end().assert_unnoticed("an upgrade that failed and was finished");
}

#[test]
fn a_program_that_cannot_serve_leaves_the_front_as_it_is() {
    let scenario = Scenario::new("a program that cannot serve leaves the front as it is", "web");
    scenario.deploy("v1");
    let (before, own) = (container(&scenario), program(&scenario));
    let load = Load::start(scenario.port(), Mix::Light);
    let fixture = std::fs::read(fixture()).unwrap();
    let nonsense = b"nonsense".to_vec();
    for (name, content, why) in [
        ("program-fixture", fixture, "it ended with code"),
        ("program-nonsense", nonsense, "it cannot be started"),
        ("other", Vec::new(), "is not a program"),
    ] {
        put(&scenario, name, content);
        let program = PathBuf::from(agents::ROUTE).join(name);
        let reply = ask(&scenario, Command::Upgrade { program });
        let Reply::Failed { reason } = reply else { panic!("{name}: {reply:?}") };
        assert!(reason.contains(why), "{name}: {reason}");
    }
    assert_eq!((container(&scenario), program(&scenario)), (before, own));
    scenario.deploy("v2");
    assert_eq!(http::version(scenario.port()).as_deref(), Some("v2"));
    load.end().assert_unnoticed("programs that cannot serve");
}

/// A file of the front's volume.
fn put(scenario: &Scenario, name: &str, content: Vec<u8>) {
    let stack = StackName::new(&scenario.name);
    let volume = VolumeName::new(front_of(scenario).as_str());
    let labels = Labels::of(&stack, Role::Aid).over(&Default::default());
    let image = Program::at(&deployer()).unwrap().image();
    let file = FileEntry { name: name.into(), content, mode: 0o755, uid: 65532, gid: 65532 };
    with_engine(async |engine| {
        engine.fill_volume(&stack, &image, labels, &volume, &[file]).await.unwrap();
    });
}
