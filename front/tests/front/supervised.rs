//! Fronts whose worker is a process of its own: it may be killed and replaced, and no request is lost.

use std::fs;
use std::path::PathBuf;
use std::process::Command as Process;
use std::time::Duration;

use bytes::Bytes;
use front::admin::{Command, Reply, Route};
use front::{Launch, Mode, Options, Supervisor};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::clients::{Client, Load, open};
use crate::replica::Replica;
use crate::setup::{connect, eventually, options};

const PROGRAM: &str = env!("CARGO_BIN_EXE_front-test-program");
/// How long a front that was replaced still answers kept connections.
const GRACE: Duration = Duration::from_secs(5);

struct Supervised {
    address: std::net::SocketAddr,
    options: Options,
    folders: (TempDir, TempDir),
    stop: oneshot::Sender<()>,
    running: JoinHandle<u8>,
}

impl Supervised {
    /// A program can be linked into the state folder, which is on the same file system.
    async fn new() -> Self {
        Self::within((TempDir::new().unwrap(), TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap())).await
    }

    async fn within(folders: (TempDir, TempDir)) -> Self {
        let mut options = options(&folders.0, Mode::Auto);
        options.state = folders.1.path().to_owned();
        options.program = "own".to_owned();
        options.metrics =
            Some(std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let launch = Launch { program: PROGRAM.into(), arguments: vec!["work".to_owned()] };
        let supervisor = Supervisor::with_listeners(options.clone(), vec![listener], launch).unwrap();
        let address = supervisor.addresses()[0];
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(supervisor.run(async { _ = stopped.await }));
        let this = Self { address, options, folders, stop, running };
        eventually(|| async { this.hello().await.is_some() }).await;
        this
    }

    async fn to(replica: &Replica) -> Self {
        let this = Self::new().await;
        this.switch(replica).await;
        this
    }

    async fn switch(&self, replica: &Replica) {
        let route = Route { release: 1, color: "blue".to_owned(), targets: vec![replica.name()] };
        let reply = self.ask(Command::Switch { route }).await;
        assert!(matches!(reply, Reply::Switched { .. }), "{reply:?}");
    }

    async fn ask(&self, command: Command) -> Reply {
        connect(&self.options.admin).await.call(command).await.unwrap()
    }

    /// The identity of the program that answers over a new stream.
    async fn hello(&self) -> Option<String> {
        let (reader, writer) = tokio::net::UnixStream::connect(&self.options.admin).await.ok()?.into_split();
        match front::admin::AdminClient::new(reader, writer).call(Command::Hello).await {
            Ok(Reply::Hello { program, .. }) => program,
            _ => None,
        }
    }

    fn file(&self, identity: &str) -> PathBuf {
        self.options.state.join(format!("program-{identity}"))
    }

    /// Puts the test's own program there, or a script. Nothing is written by this process: what it has open for
    /// writing, its other children have too for a moment, and then nobody can start it.
    fn put(&self, identity: &str, script: Option<&str>) -> PathBuf {
        let file = self.file(identity);
        _ = fs::remove_file(&file);
        match script {
            None => fs::hard_link(PROGRAM, &file).unwrap(),
            Some(script) => {
                let text = format!("printf '#!/bin/sh\\n{script}\\n' > {0}; chmod +x {0}", file.display());
                assert!(Process::new("sh").args(["-c", &text]).status().unwrap().success());
            }
        }
        file
    }

    async fn upgrade(&self, program: PathBuf) -> Reply {
        self.ask(Command::Upgrade { program }).await
    }

    async fn upgrade_to(&self, identity: &str) {
        let reply = self.upgrade(self.put(identity, None)).await;
        assert_eq!(reply, Reply::Upgraded { program: identity.to_owned() });
        assert_eq!(self.hello().await.as_deref(), Some(identity));
    }

    /// The processes that work for this front.
    fn workers(&self) -> Vec<Pid> {
        let folder = self.options.state.to_str().unwrap().to_owned();
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let ours = String::from_utf8_lossy(&line).contains(&folder);
            Pid::from_raw(pid).filter(|_| ours)
        });
        processes.collect()
    }

    async fn stop(self) -> (u8, (TempDir, TempDir)) {
        drop(self.stop);
        (self.running.await.unwrap(), self.folders)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upgrades_under_load_fail_no_request() {
    let blue = Replica::start("blue");
    let front = Supervised::to(&blue).await;
    let load = Load::start(front.address);
    let began = Instant::now();
    for identity in ["1", "2", "3", "2", "1", "own"] {
        load.more(300).await;
        front.upgrade_to(identity).await;
    }
    // The last one that left closes what it still has.
    tokio::time::sleep(GRACE + Duration::from_millis(500)).await;
    load.more(300).await;
    let (done, failures) = load.end().await;
    assert!(failures.is_empty(), "{done} answered, and {failures:#?}");
    assert!(done > 3000, "{done} requests in {:?}", began.elapsed());
    eventually(|| async { front.workers().len() == 1 }).await;
    // The metrics are those of the one that serves.
    let metrics = format!("http://127.0.0.1:{}/metrics", front.options.metrics.unwrap());
    assert!(reqwest::get(metrics).await.unwrap().text().await.unwrap().contains("front_"));
    // Files of programs that are no longer used are gone.
    assert!(!front.file("1").exists() && !front.file("3").exists() && front.file("own").exists());
    assert_eq!(front.stop().await.0, 0);
}

/// Whether a program that must not take over leaves everything as it was.
async fn refused(front: &Supervised, program: PathBuf, expected: &str) {
    let Reply::Failed { reason } = front.upgrade(program).await else { panic!("{expected}") };
    assert!(reason.contains(expected), "{reason}");
    assert_eq!(front.hello().await.as_deref(), Some("own"));
    assert_eq!(front.workers().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_cannot_serve_leaves_the_old_one_serving() {
    let blue = Replica::start("blue");
    let front = Supervised::to(&blue).await;
    let worker = front.workers();
    let load = Load::start(front.address);
    refused(&front, front.put("ends", Some("exit 3")), "ended with code 3").await;
    refused(&front, front.put("dies", Some("kill -9 $$")), "ended by signal 9").await;
    refused(&front, front.put("chats", Some("echo x >&0; exit 0")), "ended with code 0").await;
    refused(&front, front.put("late", Some("exec sleep 60 ")), "not ready within 10 s").await;
    fs::write(front.file("text"), "no program").unwrap();
    refused(&front, front.file("text"), "cannot be started").await;
    refused(&front, front.file("gone"), "not a program of this front").await;
    refused(&front, "/bin/true".into(), "not a program of this front").await;
    load.more(100).await;
    let (done, failures) = load.end().await;
    assert!(failures.is_empty(), "{done} answered, and {failures:#?}");
    assert_eq!(front.workers(), worker, "the same one all along");
    let names = fs::read_dir(&front.options.state).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["route.json"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_wait_while_a_killed_worker_is_started_again() {
    let blue = Replica::start("blue");
    let front = Supervised::to(&blue).await;
    for _ in 0..4 {
        let [worker] = front.workers()[..] else { panic!("one worker") };
        kill_process(worker, Signal::KILL).unwrap();
        for _ in 0..20 {
            // Not answered is not refused: it was accepted by the one that was killed.
            eventually(|| async { front.workers() != [worker] }).await;
            let client = Client { address: front.address, kept: false, posts: true };
            timeout(Duration::from_secs(5), client.ask(&mut None)).await.unwrap().unwrap();
        }
        eventually(|| async { front.hello().await.is_some() }).await;
    }
    assert_eq!(front.stop().await.0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_outlives_a_restart() {
    let blue = Replica::start("blue");
    let front = Supervised::to(&blue).await;
    front.upgrade_to("1").await;
    let (code, folders) = front.stop().await;
    assert_eq!(code, 0);
    let front = Supervised::within(folders).await;
    assert_eq!(front.hello().await.as_deref(), Some("1"));
    Client { address: front.address, kept: false, posts: false }.ask(&mut None).await.unwrap();
    // A killed worker comes back as what it was.
    kill_process(front.workers()[0], Signal::KILL).unwrap();
    eventually(|| async { front.hello().await.as_deref() == Some("1") }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgraded_program_that_cannot_serve_any_more_makes_way_for_the_first_one() {
    let blue = Replica::start("blue");
    let front = Supervised::to(&blue).await;
    front.upgrade_to("1").await;
    let (_, folders) = front.stop().await;
    let file = folders.1.path().join("program-1");
    fs::remove_file(&file).unwrap();
    fs::copy("/bin/false", &file).unwrap();
    let front = Supervised::within(folders).await;
    assert_eq!(front.hello().await.as_deref(), Some("own"));
    assert!(!file.exists());
    Client { address: front.address, kept: false, posts: false }.ask(&mut None).await.unwrap();
}

#[tokio::test]
async fn options_of_no_use_end_the_front_with_the_workers_code() {
    let folder = TempDir::new().unwrap();
    let mut options = options(&folder, Mode::Http);
    options.trusted_proxies = vec!["nonsense".to_owned()];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let launch = Launch { program: PROGRAM.into(), arguments: vec!["work".to_owned()] };
    let supervisor = Supervisor::with_listeners(options, vec![listener], launch).unwrap();
    assert_eq!(supervisor.run(std::future::pending()).await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_flight_comes_to_its_end() {
    let blue = Replica::start("blue");
    let front = Supervised::to(&blue).await;
    let admin = connect(&front.options.admin).await;
    let address = front.address;
    let slow = tokio::spawn(async move {
        let request = Request::get("/slow").header("host", "web").body(Full::default()).unwrap();
        let mut sender = open(address).await.unwrap();
        sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes()
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /upgrade HTTP/1.1\r\nHost: web\r\nConnection: upgrade\r\nUpgrade: words\r\n\r\n")
        .await
        .unwrap();
    let (mut kept, mut idle) = (open(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    let get = || Request::get("/").header("host", "web").body(Full::<Bytes>::default()).unwrap();
    let answer = kept.send_request(get()).await.unwrap();
    assert_eq!(answer.headers().get("connection"), None);
    answer.into_body().collect().await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n").await.unwrap();
    eventually(|| async { blue.requests() == 4 }).await;

    let program = front.put("1", None);
    let upgraded = Instant::now();
    let reply = admin.call(Command::Upgrade { program }).await.unwrap();
    assert_eq!(reply, Reply::Upgraded { program: "1".to_owned() });
    // The old stream leads nowhere any more, and says so.
    let route = Route { release: 2, color: "green".to_owned(), targets: vec![] };
    let reply = admin.call(Command::Switch { route }).await.unwrap();
    assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
    // A kept connection has one more answer, which says that it is the last one.
    let answer = kept.send_request(get()).await.unwrap();
    assert_eq!(answer.headers().get("connection").unwrap(), "close");
    // A drain waits for what the old program still does.
    assert_eq!(front.ask(Command::Drain { timeout_ms: 100 }).await, Reply::Drained { remaining: 1 });
    // The stream goes on both ways.
    stream.write_all(b"more").await.unwrap();
    let mut said = Vec::new();
    eventually(|| {
        let mut part = [0; 256];
        let read = stream.try_read(&mut part).unwrap_or(0);
        said.extend_from_slice(&part[..read]);
        let all = said.ends_with(b"more");
        async move { all }
    })
    .await;
    // What is idle is closed when the grace is over, and not before.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"blue") && upgraded.elapsed() > GRACE, "{:?}", upgraded.elapsed());
    // The stream has the time of a stop, and the request has more.
    let mut rest = Vec::new();
    _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.unwrap();
    assert!(upgraded.elapsed() > GRACE + Duration::from_millis(front.options.limits.stop_ms));
    assert_eq!(front.workers().len(), 2);
    blue.slow.add_permits(1);
    assert_eq!(slow.await.unwrap(), "blue");
    assert_eq!(front.ask(Command::Drain { timeout_ms: 5000 }).await, Reply::Drained { remaining: 0 });
    assert_eq!(front.workers().len(), 1);
}
