//! One stack of one test: a name that nobody else uses, a folder with its Compose file, and an engine that is left as
//! it was found, however the test ends. `KEEP_FAILED=1` leaves what a failed test made.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser as _;
use deployer::cli::Cli;
use deployer::commands;
use deployer::execute::Faults;

use crate::docker;

/// A stack in a folder of its own.
pub struct Scenario {
    /// The sentence that the test is about.
    pub sentence: &'static str,
    /// The stack's name.
    pub name: String,
    /// The project's folder.
    pub folder: tempfile::TempDir,
    variables: Mutex<BTreeMap<String, String>>,
}

/// How a run of the deployer ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// Everything that it said, both streams.
    pub text: String,
    /// What it printed on standard output.
    pub data: String,
    /// How long it took.
    pub took: Duration,
}

impl Scenario {
    /// A scenario with the Compose file of that folder below `stacks`. `VERSION` is `v1`, `PORT` and `PORT2` are free.
    pub fn new(sentence: &'static str, stack: &str) -> Self {
        let (random, process) = (rand::random::<u16>(), std::process::id());
        let name = format!("t-{stack}-{process:x}-{random:04x}");
        let folder = tempfile::Builder::new().prefix(&name).tempdir().unwrap();
        let this = Self { sentence, name, folder, variables: Mutex::default() };
        this.clean();
        let image = this.folder.path().join("image");
        std::fs::create_dir(&image).unwrap();
        std::fs::copy(fixture(), image.join("fixture")).unwrap();
        // Content that no other stack has: an image that two stacks share could go while one of them is cleaned away.
        let dockerfile = format!(
            "FROM scratch\nARG VERSION=unset\nCOPY fixture /\nENV VERSION=$VERSION STACK={}\nENTRYPOINT [\"/fixture\"]\n",
            this.name
        );
        std::fs::write(image.join("Dockerfile"), dockerfile).unwrap();
        let stacks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/stacks");
        this.write(
            "compose.yaml",
            &std::fs::read_to_string(stacks.join(stack).join("compose.yaml")).unwrap(),
        );
        this.set("STACK", &this.name.clone());
        this.set("VERSION", "v1");
        this.set("PORT", &free_port().to_string());
        this.set("PORT2", &free_port().to_string());
        this
    }

    /// The same, with the fixture's image on the engine as `FIXTURE_IMAGE`, for services that are not built.
    pub fn with_image(sentence: &'static str, stack: &str) -> Self {
        let this = Self::new(sentence, stack);
        let reference = format!("{}-fixture:1", this.name);
        this.write(
            "fixture.yaml",
            &format!("services: {{fixture: {{build: ./image, image: '{}-fixture'}}}}\n", this.name),
        );
        let file = this.folder.path().join("fixture.yaml");
        let built = this.run_files(&[&file], &["build", "--tag", "1"]);
        assert_eq!(built.code, 0, "{}", built.text);
        this.set("FIXTURE_IMAGE", &reference);
        this
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        std::fs::write(self.folder.path().join(path), text).unwrap();
    }

    /// Adds to the Compose file what a test changes in it, as a second file.
    pub fn overlay(&self, text: &str) {
        self.write("overlay.yaml", text);
    }

    /// Sets a variable of the Compose file.
    pub fn set(&self, key: &str, value: &str) {
        let mut variables = self.variables.lock().unwrap();
        variables.insert(key.into(), value.into());
        let lines: String = variables.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        self.write(".env", &lines);
    }

    /// A variable of the Compose file.
    pub fn get(&self, key: &str) -> String {
        self.variables.lock().unwrap()[key].clone()
    }

    /// The port that the stack's main service is published on.
    pub fn port(&self) -> u16 {
        self.get("PORT").parse().unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        ["compose.yaml", "overlay.yaml"]
            .map(|name| self.folder.path().join(name))
            .into_iter()
            .filter(|path| path.exists())
            .collect()
    }

    /// The deployer with these arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let files = self.files();
        self.command_with(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>(), arguments)
    }

    fn command_with(&self, files: &[&Path], arguments: &[&str]) -> Command {
        let mut command = Command::new(deployer());
        command.args(["-p", &self.name]).env("DOCKER_HOST", format!("unix://{}", docker::socket()));
        command.args(files.iter().flat_map(|file| [Path::new("-f"), file]));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("COMPOSE_FILE").env_remove("COMPOSE_PROJECT_NAME");
        command
    }

    /// Starts the deployer and lets it run.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs the deployer to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let files = self.files();
        self.run_files(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>(), arguments)
    }

    fn run_files(&self, files: &[&Path], arguments: &[&str]) -> Ended {
        let started = Instant::now();
        let output = self.command_with(files, arguments).output().unwrap();
        let data = String::from_utf8(output.stdout).unwrap();
        let text = format!("{data}{}", String::from_utf8(output.stderr).unwrap());
        Ended { code: output.status.code().unwrap_or(-1), text, data, took: started.elapsed() }
    }

    /// The same, where anything but that exit code is a failure of the test.
    #[track_caller]
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, code, "{}: {arguments:?}\n{}", self.sentence, ended.text);
        ended
    }

    /// Deploys that version under a tag of the same name.
    #[track_caller]
    pub fn deploy(&self, version: &str) -> Ended {
        self.set("VERSION", version);
        self.expect(0, &["deploy", "--tag", version])
    }

    /// Runs the deployer's code in this process, with a fault; the exit code is what it returns.
    pub fn run_with(&self, faults: Faults, arguments: &[&str]) -> i32 {
        let (program, files) = (deployer(), self.files());
        let host = format!("unix://{}", docker::socket());
        let files = files.iter().flat_map(|file| ["-f", file.to_str().unwrap()]);
        let own =
            ["deployer", "-q", "--output", "plain", "-p", &self.name, "--host", &host, "--agent-binary"];
        let words = own.into_iter().chain([program.to_str().unwrap()]).chain(files);
        let cli = Cli::try_parse_from(words.chain(arguments.iter().copied())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(commands::run_with(cli, faults)) as i32
    }

    /// Removes everything on the engine that carries the stack's name.
    pub fn clean(&self) {
        for label in ["deployer.stack", "com.docker.compose.project"] {
            let label = format!("{label}={}", self.name);
            for container in docker::labelled("/containers/json", &label) {
                docker::delete(&format!(
                    "/containers/{}?force=true&v=true",
                    container["Id"].as_str().unwrap()
                ));
            }
            for network in docker::labelled("/networks", &label) {
                docker::delete(&format!("/networks/{}", network["Id"].as_str().unwrap()));
            }
            for volume in docker::labelled("/volumes", &label) {
                docker::delete(&format!("/volumes/{}", volume["Name"].as_str().unwrap()));
            }
        }
        for tag in self.image_tags().keys() {
            docker::delete(&format!("/images/{tag}"));
        }
    }

    /// The stack's images on the engine: what they are, by tag.
    pub fn image_tags(&self) -> BTreeMap<String, String> {
        let images = docker::get("/images/json");
        let tags = images.as_array().unwrap().iter().flat_map(|image| {
            let tags = image["RepoTags"].as_array().cloned().unwrap_or_default();
            tags.into_iter()
                .map(|tag| (tag.as_str().unwrap().to_owned(), image["Id"].as_str().unwrap().to_owned()))
        });
        tags.filter(|(tag, _)| tag.starts_with(&self.name)).collect()
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed: {} (stack {})", self.sentence, self.name);
            if std::env::var_os("KEEP_FAILED").is_some() {
                self.folder.disable_cleanup(true);
                eprintln!("kept: stack {} and {}", self.name, self.folder.path().display());
                return;
            }
            if !docker::answers() {
                return;
            }
        }
        self.clean();
    }
}

/// Waits until something is so; fails when it is not within the limit.
#[track_caller]
pub fn eventually(what: &str, limit: Duration, mut check: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !check() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", limit.as_secs_f32());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The program under test.
pub fn deployer() -> PathBuf {
    program("DEPLOYER", "deployer", "scripts/build-deployer.sh")
}

/// What the stacks run.
pub fn fixture() -> PathBuf {
    let how = "cargo rustc --release --locked -p fixture -- -C target-feature=+crt-static";
    program("FIXTURE", "fixture", how)
}

fn program(variable: &str, name: &str, how: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release").join(name);
    let path = std::env::var_os(variable).map_or(built, PathBuf::from);
    path.canonicalize().unwrap_or_else(|_| panic!("{} is not there: run `{how}`", path.display()))
}

/// A port of loopback that nobody listens on, below those that the system gives to outgoing connections.
fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = rand::random_range(20_000..32_000);
        let free = TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free && GIVEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(port) {
            return port;
        }
    }
}
