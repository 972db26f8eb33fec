//! The admin protocol, and what a front remembers.

use std::fs;
use std::time::Duration;

use front::Mode;
use front::admin::{AdminClient, CallError, Command, PROTOCOL, Reply, Request, Response, Route, bridge};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex, split};
use tokio::net::UnixStream;

use crate::replica::Replica;
use crate::setup::{Setup, eventually};

#[tokio::test]
async fn hello_check_and_probe() {
    let blue = Replica::start("blue");
    let setup = Setup::new(Mode::Http).await;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let hello = setup.admin.call(Command::Hello).await.unwrap();
    assert_eq!(hello, Reply::Hello { protocol: PROTOCOL, version, program: None });
    let check =
        |targets, timeout_ms| setup.admin.call(Command::Check { targets, ports: Vec::new(), timeout_ms });
    assert_eq!(check(vec![blue.name()], 5000).await.unwrap(), Reply::Reachable);
    let Reply::Failed { reason } = check(vec![blue.name(), "127.0.0.1".to_owned()], 30).await.unwrap() else {
        panic!("nothing listens there")
    };
    assert!(reason.contains("127.0.0.1:18080") && reason.contains("refused"), "{reason}");
    let probe = |address| setup.admin.call(Command::Probe { address, timeout_ms: 500 });
    assert_eq!(probe(blue.address.to_string()).await.unwrap(), Reply::Reachable);
    assert!(matches!(probe("127.0.0.1:1".to_owned()).await.unwrap(), Reply::Failed { .. }));
    assert!(matches!(probe("nonsense".to_owned()).await.unwrap(), Reply::Failed { .. }));
}

#[tokio::test]
async fn a_check_waits_for_a_target_that_comes_late() {
    let setup = Setup::new(Mode::Http).await;
    let address = crate::replica::address();
    let check =
        Command::Check { targets: vec![address.ip().to_string()], ports: Vec::new(), timeout_ms: 5000 };
    let (reply, _replica) = tokio::join!(setup.admin.call(check), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Replica::start_at(address, "late")
    });
    assert_eq!(reply.unwrap(), Reply::Reachable);
}

#[tokio::test]
async fn the_bridge_carries_the_protocol() {
    let setup = Setup::new(Mode::Http).await;
    let (near, far) = duplex(1024);
    let (input, output) = split(far);
    let socket = setup.folder.path().join("admin.sock");
    let bridging = tokio::spawn(async move { bridge(&socket, input, output).await });
    let (reader, writer) = split(near);
    let client = AdminClient::new(reader, writer);
    assert!(matches!(client.call(Command::Status).await.unwrap(), Reply::Status(_)));
    let (drained, status) =
        tokio::join!(client.call(Command::Drain { timeout_ms: 30_000 }), client.call(Command::Status));
    assert_eq!(drained.unwrap(), Reply::Drained { remaining: 0 });
    assert!(matches!(status.unwrap(), Reply::Status(_)));
    drop(client);
    bridging.await.unwrap().unwrap();
}

#[tokio::test]
async fn all_calls_end_when_the_stream_does() {
    let (near, mut far) = duplex(1024);
    let (reader, writer) = split(near);
    let client = AdminClient::new(reader, writer);
    let ((one, other), ()) = tokio::join!(
        async { tokio::join!(client.call(Command::Hello), client.call(Command::Status)) },
        async {
            let mut lines = BufReader::new(&mut far).lines();
            lines.next_line().await.unwrap();
            lines.next_line().await.unwrap();
            drop(lines);
            far.shutdown().await.unwrap();
        }
    );
    assert_eq!((one, other), (Err(CallError::Closed), Err(CallError::Closed)));
    assert_eq!(client.call(Command::Hello).await, Err(CallError::Closed));
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_is_an_error() {
    let (near, mut far) = duplex(1024);
    let (reader, writer) = split(near);
    let client = AdminClient::new(reader, writer);
    let (answer, ()) = tokio::join!(client.call(Command::Hello), async {
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
    });
    assert!(matches!(answer, Err(CallError::Broken(_))), "{answer:?}");
}

async fn said(socket: &mut BufReader<UnixStream>, line: &[u8]) -> Response {
    socket.write_all(line).await.unwrap();
    let mut answer = String::new();
    socket.read_line(&mut answer).await.unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test]
async fn a_line_that_is_wrong_ends_nothing_but_itself() {
    let setup = Setup::new(Mode::Http).await;
    let stream = UnixStream::connect(setup.folder.path().join("admin.sock")).await.unwrap();
    let mut socket = BufReader::new(stream);
    for (line, id) in
        [("nonsense\n", 0), ("\n", 0), ("{\"id\":7,\"command\":\"dance\"}\n", 7), ("{\"id\":8}\n", 8)]
    {
        let response = said(&mut socket, line.as_bytes()).await;
        assert!(matches!(response.reply, Reply::Failed { .. }) && response.id == id, "{response:?}");
    }
    assert_eq!(said(&mut socket, b"{\"id\":9,\"command\":\"status\",\"more\":1}\n").await.id, 9);
    let endless = said(&mut socket, &vec![b'x'; 100_000]).await;
    assert!(matches!(endless.reply, Reply::Failed { .. }), "{endless:?}");
    assert_eq!(socket.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_route_outlives_the_front() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    let folder = setup.stop().await;
    let setup = Setup::within(folder, Mode::Http, |_| {}).await;
    assert_eq!(reqwest::get(setup.url("/")).await.unwrap().text().await.unwrap(), "blue");
    let status = setup.status().await;
    assert_eq!(status.route.unwrap().release, 1);
    assert!(status.targets[0].healthy);
}

#[tokio::test]
async fn a_restored_target_gets_nothing_before_it_answers() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    let address = crate::replica::address();
    let saved =
        format!(r#"{{"format":1,"route":{{"release":3,"color":"green","targets":["{}"]}}}}"#, address.ip());
    fs::write(folder.path().join("state/route.json"), saved).unwrap();
    let setup = Setup::within(folder, Mode::Http, |_| {}).await;
    let status = setup.status().await;
    assert!(!status.targets[0].healthy && status.targets[0].down == [18080], "{status:?}");
    let waiting = tokio::spawn(reqwest::get(setup.url("/")));
    eventually(|| async { setup.status().await.held == 1 }).await;
    let _replica = Replica::start_at(address, "back");
    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "back");
    eventually(|| async { setup.status().await.held == 0 }).await;
}

#[tokio::test]
async fn a_route_file_that_is_not_understood_is_kept_aside() {
    for garbage in
        ["", "{", "\0\0\0\0", "{\"format\":99,\"route\":{\"release\":1,\"color\":\"b\",\"targets\":[]}}"]
    {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::write(state.join("route.json"), garbage).unwrap();
        let setup = Setup::within(folder, Mode::Http, |_| {}).await;
        assert_eq!(setup.status().await.route, None);
        let kept: Vec<_> = fs::read_dir(&state).unwrap().map(|f| f.unwrap().path()).collect();
        assert!(kept.len() == 1 && kept[0].to_string_lossy().contains("unreadable"), "{kept:?}");
        assert_eq!(fs::read_to_string(&kept[0]).unwrap(), garbage);
        // And the next route is saved as ever.
        setup.switch(4, "blue", &[]).await;
        assert!(state.join("route.json").exists());
    }
}

#[tokio::test]
async fn a_route_that_cannot_be_saved_changes_nothing() {
    let blue = Replica::start("blue");
    let setup = Setup::to(Mode::Http, &[&blue]).await;
    fs::remove_dir_all(setup.folder.path().join("state")).unwrap();
    let route = Route { release: 2, color: "green".to_owned(), targets: vec![] };
    let reply = setup.admin.call(Command::Switch { route }).await.unwrap();
    assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
    assert_eq!(reqwest::get(setup.url("/")).await.unwrap().text().await.unwrap(), "blue");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn no_line_is_too_odd(bytes: Vec<u8>, text: String) {
        _ = serde_json::from_slice::<Request>(&bytes);
        _ = serde_json::from_str::<Response>(&text);
    }

    #[test]
    fn what_is_said_is_understood(id: u64, release: u64, color: String, targets in proptest::collection::vec(".{0,20}", 0..4), timeout_ms: u64) {
        let route = Route { release, color, targets: targets.clone() };
        for command in [Command::Switch { route }, Command::Check { targets: targets.clone(), ports: Vec::new(), timeout_ms }] {
            let request = Request { id, command };
            let line = serde_json::to_string(&request).unwrap();
            proptest::prop_assert!(!line.contains('\n'));
            proptest::prop_assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        }
    }
}
