//! The program itself: its arguments, its log, its end.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::garage::free_port;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_data-app"));
    command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn healthy(port: u16) -> bool {
    program().arg("healthcheck").env("PORT", port.to_string()).output().unwrap().status.success()
}

fn started(port: u16) -> Child {
    let child = program()
        .env("PORT", port.to_string())
        .env("MINIO_ENDPOINT", "127.0.0.1:1")
        .env("MINIO_ACCESS_KEY", "key-of-the-tests")
        .env("MINIO_SECRET_KEY", "a-secret-of-the-tests")
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !healthy(port) {
        assert!(Instant::now() < deadline, "not healthy within 5 s");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn both_signals_end_it_cleanly_and_every_line_of_its_log_is_json() {
    for signal in ["-TERM", "-INT"] {
        let port = free_port();
        assert!(!healthy(port));
        let child = started(port);
        let began = Instant::now();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && began.elapsed() < Duration::from_secs(2), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let request = lines.iter().find(|line| line["message"] == "request").unwrap();
        assert_eq!((&request["path"], &request["status"]), (&"/health".into(), &200.into()));
        assert!(!text.contains("a-secret-of-the-tests"));
    }
}

#[test]
fn default_credentials_are_refused_at_the_start() {
    let known = |command: &mut Command| {
        command.env("MINIO_ACCESS_KEY", "minioadmin").env("MINIO_SECRET_KEY", "minioadmin");
    };
    let mut refused = program();
    known(&mut refused);
    let output = refused.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("MINIO_SECRET_KEY is a default"));
}

#[test]
fn an_argument_that_it_does_not_know_is_named() {
    let output = program().arg("serve").output().unwrap();
    assert!(!output.status.success() && String::from_utf8(output.stderr).unwrap().contains("`serve`"));
}
