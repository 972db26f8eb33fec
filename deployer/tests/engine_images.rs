//! Images on a real engine: the way there, pulls, builds and the deployer's own image. Tests must remove what they
//! make, and touch nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use deployer::engine::credentials::Credentials;
use deployer::engine::own_image::{Program, UploadProgress};
use deployer::engine::pull::Policy;
use deployer::engine::{Endpoint, Engine, Kind};

async fn engine() -> Engine {
    Engine::connect(None).await.expect("these tests need a Docker Engine")
}

/// A name that no other test, and no other run, uses.
fn unique(what: &str) -> String {
    format!("deployer-test-{what}-{}", std::process::id())
}

/// A static program of half a megabyte, compiled once.
fn static_program() -> PathBuf {
    static BUILT: OnceLock<tempfile::TempDir> = OnceLock::new();
    BUILT
        .get_or_init(|| compile(&printing("it runs"), &["-C", "target-feature=+crt-static"]))
        .path()
        .join("program")
}

/// A program that prints, and that is another one in every run of the tests: so is the name of its image.
fn printing(text: &str) -> String {
    format!("#[used] static RUN: u32 = {}; fn main() {{ println!(\"{text}\"); }}", std::process::id())
}

/// Removes an image, however the test ends.
struct Removed(String);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "-f", &self.0]).output();
    }
}

fn compile(source: &str, options: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("program.rs"), source).unwrap();
    let done = Command::new("rustc")
        .args(["--edition", "2021", "-C", "strip=symbols", "-o", "program", "program.rs"])
        .args(options)
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(done.success());
    folder
}

#[tokio::test]
async fn an_engine_answers_and_says_what_it_is() {
    let engine = engine().await;
    let facts = engine.facts().await.unwrap();
    assert_eq!(facts.os, "linux");
    assert_eq!(facts.architecture, std::env::consts::ARCH);
    assert!(facts.root_dir.starts_with('/') && !facts.storage_driver.is_empty() && facts.cpus > 0);
    assert!(facts.api >= semver::Version::new(1, 41, 0));
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named_with_what_to_do() {
    let error = Engine::connect(Some("unix:///no/such/engine.sock")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.to_string().contains("no/such/engine.sock"), "{error}");
    assert!(error.hint().unwrap().contains("DOCKER_HOST"), "{error:?}");
}

#[tokio::test]
async fn something_else_that_answers_is_no_engine() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let server = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    };
    let endpoint = Endpoint::parse(&address, None).unwrap();
    let (connected, ()) = tokio::join!(Engine::connect_to(endpoint), server);
    let error = connected.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(error.source.to_string().contains("is it a Docker Engine?"));
}

/// Something that speaks like an engine that has no image and finds none: answers each connection once, and returns
/// the requests.
async fn engine_without_images(socket: &Path, connections: usize) -> Vec<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::UnixListener::bind(socket).unwrap();
    let mut requests = Vec::new();
    for _ in 0..connections {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        requests.push(String::from_utf8_lossy(&request[..length]).into_owned());
        let answer = match requests.len() {
            1 => "HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nContent-Length: 2\r\n\r\nOK",
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\n{\"message\":\"not me\"}",
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    requests
}

#[tokio::test]
async fn a_pull_speaks_the_agreed_version_and_sends_the_login_as_the_engine_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, config) = (folder.path().join("engine.sock"), folder.path().join("config.json"));
    // Chosen so that the usual base64 of the login has characters that the URL-safe one has not.
    std::fs::write(
        &config,
        r#"{"auths": {"r.example": {"username": "u", "password": "\u00bf?~\u00ff>>>???"}}}"#,
    )
    .unwrap();
    let credentials = Credentials::load(&config).unwrap();
    let pull = async {
        // The listener is bound as soon as the other side has been polled.
        tokio::task::yield_now().await;
        let engine = Engine::connect_to(Endpoint::Unix(socket.clone())).await.unwrap();
        engine.ensure_image("r.example/app", Policy::Always, Some("linux/arm64"), &credentials, |_| {}).await
    };
    let (requests, pulled) = tokio::join!(engine_without_images(&socket, 2), pull);
    let error = pulled.unwrap_err();
    assert!(error.is_not_found() && error.source.to_string().ends_with("404: not me"), "{error:?}");
    assert!(error.hint().unwrap().contains("the login at r.example is used"), "{error:?}");
    assert!(requests[0].starts_with("GET /_ping HTTP/1.1"), "{requests:?}");
    let first = requests[1].lines().next().unwrap();
    assert!(first.starts_with("POST /v1.44/images/create?"), "{first}");
    for part in ["fromImage=r.example%2Fapp", "tag=latest", "platform=linux%2Farm64"] {
        assert!(first.contains(part), "{first}");
    }
    let login = requests[1].lines().find_map(|line| line.strip_prefix("x-registry-auth: ")).unwrap();
    assert!(login.contains(['-', '_']) && !login.contains(['+', '/']), "{login}");
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_an_error_that_says_what_to_do() {
    let engine = engine().await;
    let reference = "registry.invalid/team/no-such-image:1";
    let none = Credentials::default();
    let error = engine.ensure_image(reference, Policy::Never, None, &none, |_| {}).await.unwrap_err();
    assert!(error.is_not_found() && error.hint().unwrap().contains("pull_policy"), "{error:?}");
    let error = engine.ensure_image(reference, Policy::Missing, None, &none, |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), format!("could not pull image {reference}"));
    let hint = error.hint().unwrap();
    for part in ["spelling", "docker login registry.invalid", "`build` section"] {
        assert!(hint.contains(part), "{hint}");
    }
    assert!(engine.find_image(reference).await.unwrap().is_none());
}

#[tokio::test]
async fn the_own_image_is_uploaded_once_and_runs() {
    let engine = engine().await;
    let program = Program::at(&static_program()).unwrap();
    let mut last = None;
    let image = engine.ensure_own_image(&program, |progress| last = Some(progress)).await.unwrap();
    let _removed = Removed(image.clone());
    assert!(matches!(last, Some(UploadProgress { sent, total }) if sent == total));
    engine.ensure_own_image(&program, |_| panic!("uploaded again")).await.unwrap();
    let found = engine.image(&image).await.unwrap();
    assert_eq!(found.architecture, std::env::consts::ARCH);
    assert_eq!(
        (found.config.user.as_str(), &found.config.entrypoint[..]),
        ("65532:65532", &["/deployer".to_owned()][..])
    );
    assert_eq!(found.config.labels["deployer.role"], "agent");
    let output = Command::new("docker").args(["run", "--rm", "--network=none", &image]).output().unwrap();
    engine.untag_image(&found.id, &image).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "it runs\n", "{output:?}");
    assert_eq!(engine.find_image(&image).await.unwrap(), None);
}

#[test]
fn a_binary_that_would_not_run_is_refused() {
    let dynamic = compile("fn main() {}", &[]);
    let error = Program::at(&dynamic.path().join("program")).unwrap_err();
    assert!(error.source.to_string().contains("dynamically"), "{error:?}");
    assert!(error.hint().unwrap().contains("+crt-static"));
    let error = Program::at(Path::new("Cargo.toml")).unwrap_err();
    assert!(error.source.to_string().contains("ELF"), "{error:?}");
}

#[tokio::test]
async fn a_binary_for_another_processor_is_refused_with_what_to_do() {
    let mut bytes = std::fs::read(static_program()).unwrap();
    // The machine field of the head: AArch64 for x86-64 and the other way round.
    let other = if std::env::consts::ARCH == "x86_64" { 183_u16 } else { 62 };
    bytes[18..20].copy_from_slice(&other.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("program"), bytes.iter().chain(b"\0").copied().collect::<Vec<_>>())
        .unwrap();
    let program = Program::at(&folder.path().join("program")).unwrap();
    let error = engine().await.ensure_own_image(&program, |_| {}).await.unwrap_err();
    assert!(error.hint().unwrap().contains("--agent-binary"), "{error:?}");
}

#[tokio::test]
async fn tags_are_given_listed_and_taken_away() {
    let engine = engine().await;
    let repository = unique("tags");
    let program = compile(&printing("tags"), &["-C", "target-feature=+crt-static"]);
    let program = Program::at(&program.path().join("program")).unwrap();
    let image = engine.ensure_own_image(&program, |_| {}).await.unwrap();
    let _removed = Removed(image.clone());
    for tag in ["v1", "v2"] {
        engine.tag_image(&image, &format!("{repository}:{tag}")).await.unwrap();
    }
    let tags: Vec<String> =
        engine.image_tags(&repository).await.unwrap().into_iter().map(|tag| tag.tag).collect();
    assert_eq!(tags, ["v1", "v2"]);
    let id = engine.image(&image).await.unwrap().id;
    let (first, second) = (format!("{repository}:v1"), format!("{repository}:v2"));
    engine.untag_image("sha256:another", &first).await.unwrap();
    assert!(engine.find_image(&first).await.unwrap().is_some(), "the name means another image");
    for name in [first, second, image, format!("{repository}:gone")] {
        engine.untag_image(&id, &name).await.unwrap();
    }
    assert!(engine.image_tags(&repository).await.unwrap().is_empty());
}
