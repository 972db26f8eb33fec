//! Builds on a real engine, from empty images only. Tests must remove the images that they make, and touch nothing
//! else.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use deployer::engine::Engine;
use deployer::engine::build::{Build, BuildError, BuildEvent, BuildFailure, BuildSecret, Dockerfile};
use deployer::engine::credentials::Credentials;

/// A build from a folder of its own, whose images go when it is dropped.
struct Scenario {
    engine: Engine,
    folder: tempfile::TempDir,
    build: Build,
}

impl Scenario {
    async fn new(what: &str, files: &[(&str, &str)]) -> Self {
        let engine = Engine::connect(None).await.expect("these tests need a Docker Engine");
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let tags = vec![format!("deployer-test-{what}-{}:v1", std::process::id())];
        let context = folder.path().to_str().unwrap().to_owned();
        Self { engine, folder, build: Build { context, tags, ..Build::default() } }
    }

    /// The same, with a static program that can print, fail and read a file.
    async fn with_program(what: &str, dockerfile: &str) -> Self {
        let scenario = Self::new(what, &[("Dockerfile", dockerfile)]).await;
        std::fs::copy(program(), scenario.folder.path().join("program")).unwrap();
        scenario
    }

    async fn run(&self, events: &mut Vec<BuildEvent>) -> Result<String, BuildError> {
        self.engine.build_image(&self.build, &Credentials::default(), |told| events.push(told.event)).await
    }

    async fn built(&self) -> String {
        self.run(&mut Vec::new()).await.unwrap()
    }

    async fn failed(&self) -> BuildFailure {
        match self.run(&mut Vec::new()).await.unwrap_err() {
            BuildError::Failed(failure) => *failure,
            BuildError::Engine(error) => panic!("{error:?}"),
        }
    }

    async fn refused(&self) -> String {
        match self.run(&mut Vec::new()).await.unwrap_err() {
            BuildError::Engine(error) => format!("{error}: {}", error.source),
            BuildError::Failed(failure) => panic!("{failure:?}"),
        }
    }

    /// The files of the image, and what one of them says.
    fn files(&self) -> Vec<String> {
        let listed = self.through_tar("t");
        let mut names: Vec<String> =
            listed.lines().filter(|name| !name.ends_with('/')).map(str::to_owned).collect();
        // The engine adds these to every container.
        names.retain(|name| {
            !["dev/", "etc/", "proc", "sys", ".dockerenv"].iter().any(|own| name.starts_with(own))
        });
        names.sort();
        names
    }

    fn through_tar(&self, action: &str) -> String {
        let image = &self.build.tags[0];
        let script = format!(
            "id=$(docker create {image} x) && docker export $id | tar {action}; docker rm $id >/dev/null"
        );
        let output = Command::new("sh").args(["-c", &script]).env("LC_ALL", "C.UTF-8").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        let _ = Command::new("docker").arg("rmi").args(&self.build.tags).output();
    }
}

/// A static program, compiled once: prints its first argument, or the length of a file; ends with its last.
fn program() -> std::path::PathBuf {
    static BUILT: OnceLock<tempfile::TempDir> = OnceLock::new();
    let source = r#"
        fn main() {
            let words: Vec<String> = std::env::args().skip(1).collect();
            match words[0].as_str() {
                "size" => println!("{} bytes", std::fs::read(&words[1]).unwrap().len()),
                "lines" => (0..60).for_each(|number| println!("line {number}")),
                other => println!("{other}"),
            }
            std::process::exit(words.last().and_then(|word| word.parse().ok()).unwrap_or_default());
        }"#;
    let folder = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("program.rs"), source).unwrap();
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2021", "-C", "strip=symbols", "-C", "target-feature=+crt-static"]);
        assert!(
            rustc
                .args(["-o", "program", "program.rs"])
                .current_dir(folder.path())
                .status()
                .unwrap()
                .success()
        );
        folder
    });
    folder.path().join("program")
}

#[tokio::test]
async fn an_image_is_built_from_what_the_ignore_file_leaves() {
    let files = [
        (
            "Dockerfile",
            "FROM scratch AS first\nARG NAME\nLABEL name=${NAME}\nCOPY . /\nFROM scratch\nCOPY absent /\n",
        ),
        (".dockerignore", "Dockerfile\n.dockerignore\ntarget\n!target/release/app\n**/*.tmp\n"),
        ("target/debug/app", "debug"),
        ("target/release/app", "release"),
        ("src/main.rs", "fn main() {}"),
        ("src/deep/x.tmp", "no"),
        ("Größe.txt", "ü"),
    ];
    let mut scenario = Scenario::new("ignore", &files).await;
    scenario.build.target = Some("first".to_owned());
    scenario.build.args = BTreeMap::from([("NAME".to_owned(), "a b&c".to_owned())]);
    scenario.build.labels = BTreeMap::from([("deployer.role".to_owned(), "test".to_owned())]);
    scenario.build.tags.push(scenario.build.tags[0].replace(":v1", ":v2"));
    let id = scenario.built().await;
    let image = scenario.engine.image(&scenario.build.tags[1]).await.unwrap();
    assert_eq!(image.id, id);
    assert_eq!(image.config.labels["name"], "a b&c");
    assert_eq!(image.config.labels["deployer.role"], "test");
    assert_eq!(scenario.files(), ["Größe.txt", "src/main.rs", "target/release/app"]);
}

#[tokio::test]
async fn nothing_changed_means_the_same_image_and_a_change_another() {
    let scenario =
        Scenario::new("twice", &[("Dockerfile", "FROM scratch\nCOPY data /\n"), ("data", "one")]).await;
    let first = scenario.built().await;
    assert_eq!(scenario.built().await, first);
    std::fs::write(scenario.folder.path().join("data"), "two").unwrap();
    assert_ne!(scenario.built().await, first);
    assert_eq!(scenario.through_tar("xO data"), "two");
}

#[tokio::test]
async fn a_large_file_arrives_whole() {
    let scenario = Scenario::new("large", &[("Dockerfile", "FROM scratch\nCOPY . /\n")]).await;
    let pattern: Vec<u8> =
        (0..40_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(scenario.folder.path().join("large"), &pattern).unwrap();
    scenario.built().await;
    assert_eq!(scenario.through_tar("xO large | cksum"), cksum(&scenario.folder.path().join("large")));
    scenario.built().await;
}

fn cksum(file: &Path) -> String {
    let output = Command::new("sh").arg("-c").arg(format!("cksum < {}", file.display())).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_step_that_fails_is_named_with_its_last_lines() {
    let dockerfile = "FROM scratch\nCOPY program /\nRUN [\"/program\", \"lines\", \"3\"]\n";
    let failure = Scenario::with_program("fails", dockerfile).await.failed().await;
    assert!(failure.step.as_ref().unwrap().contains("RUN [\"/program\", \"lines\", \"3\"]"), "{failure:?}");
    assert!(failure.message.0.contains("exit code: 3"), "{failure:?}");
    assert_eq!(failure.log.len(), 50);
    assert_eq!(failure.log.last().map(String::as_str), Some("line 59"));
}

#[tokio::test]
async fn steps_lines_and_numbers_are_told() {
    let dockerfile = "FROM scratch\nCOPY program /\nRUN [\"/program\", \"hello there\"]\n";
    let mut scenario = Scenario::with_program("events", dockerfile).await;
    scenario.build.no_cache = true;
    let mut events = Vec::new();
    scenario.run(&mut events).await.unwrap();
    let has = |check: &dyn Fn(&BuildEvent) -> bool| assert!(events.iter().any(check), "{events:#?}");
    has(&|event| matches!(event, BuildEvent::Started { step } if step.contains("RUN")));
    has(&|event| matches!(event, BuildEvent::Finished { step, cached: false } if step.contains("RUN")));
    has(
        &|event| matches!(event, BuildEvent::Line { line, step } if line == "hello there" && step.contains("RUN")),
    );
}

#[tokio::test]
async fn a_build_secret_is_there_in_its_step_only() {
    let dockerfile = "FROM scratch\nCOPY program /\n\
                      RUN --mount=type=secret,id=token,required=true [\"/program\", \"size\", \"/run/secrets/token\"]\n";
    let mut scenario = Scenario::with_program("secret", dockerfile).await;
    scenario.build.no_cache = true;
    let failure = scenario.failed().await;
    assert!(failure.message.0.contains("token"), "{failure:?}");
    scenario.build.secrets = BTreeMap::from([("token".to_owned(), BuildSecret(b"hunter2".to_vec()))]);
    let mut events = Vec::new();
    scenario.run(&mut events).await.unwrap();
    assert!(events.iter().any(|event| matches!(event, BuildEvent::Line { line, .. } if line == "7 bytes")));
    assert!(!format!("{events:?} {:?}", scenario.build).contains("hunter2"));
    assert!(!scenario.files().iter().any(|file| file.contains("token")));
}

#[tokio::test]
async fn a_dockerfile_may_be_elsewhere_or_a_text() {
    let mut scenario =
        Scenario::new("where", &[("data", "x"), ("docker/prod.Dockerfile", "FROM scratch\nCOPY data /a\n")])
            .await;
    std::fs::write(scenario.folder.path().join("docker/prod.Dockerfile.dockerignore"), "docker").unwrap();
    scenario.build.dockerfile = Dockerfile::File("docker/prod.Dockerfile".into());
    scenario.built().await;
    assert_eq!(scenario.files(), ["a"]);
    scenario.build.dockerfile = Dockerfile::Inline("FROM scratch\nCOPY data /b\n".to_owned());
    scenario.built().await;
    assert_eq!(scenario.files(), ["b"]);
}

#[tokio::test]
async fn what_cannot_be_built_is_refused_before_anything_is_sent() {
    let mut scenario = Scenario::new("refused", &[("data", "x")]).await;
    assert!(scenario.refused().await.contains("there is no Dockerfile"));
    scenario.build.platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    assert!(scenario.refused().await.contains("linux/amd64, linux/arm64"));
    scenario.build.platforms.clear();
    scenario.build.context = "https://example.com/repository.git".to_owned();
    assert!(scenario.refused().await.contains("clone it"));
    scenario.build.context = "/no/such/folder".to_owned();
    assert!(scenario.refused().await.contains("/no/such/folder is not a folder"));
}

#[tokio::test]
async fn a_file_that_is_not_there_or_a_base_that_cannot_be_had_is_named() {
    let mut scenario =
        Scenario::new("absent", &[("Dockerfile", "FROM scratch\nCOPY no-such-file /\n")]).await;
    let failure = scenario.failed().await;
    assert!(failure.message.0.contains("no-such-file"), "{failure:?}");
    scenario.build.dockerfile = Dockerfile::Inline("FROM registry.invalid/base:1\n".to_owned());
    let failure = scenario.failed().await;
    assert!(failure.step.as_ref().unwrap().contains("registry.invalid/base:1"), "{failure:?}");
    assert!(failure.hint().unwrap().contains("docker login registry.invalid"), "{failure:?}");
}
