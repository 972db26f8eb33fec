//! The engine as anybody else sees it: plain HTTP on its socket, so that what a test finds there does not depend on
//! the code that it tests.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

/// Asks the engine; panics when it does not answer, or refuses.
pub fn get(path: &str) -> Value {
    let (status, body) = call("GET", path, None);
    assert!(status < 300, "GET {path}: {status} {body}");
    body
}

/// The same, where "it is not there" is an answer.
pub fn find(path: &str) -> Option<Value> {
    match call("GET", path, None) {
        (404, _) => None,
        (status, body) => {
            assert!(status < 300, "GET {path}: {status} {body}");
            Some(body)
        }
    }
}

/// Has the engine do something.
pub fn post(path: &str, body: &Value) -> Value {
    let (status, answer) = call("POST", path, Some(body));
    assert!(status < 400, "POST {path}: {status} {answer}");
    answer
}

/// Removes something; what is gone already is fine.
pub fn delete(path: &str) {
    let (status, answer) = call("DELETE", path, None);
    if status >= 300 && status != 404 {
        eprintln!("DELETE {path}: {status} {answer}");
    }
}

/// What the engine lists under `path` with this label.
pub fn labelled(path: &str, label: &str) -> Vec<Value> {
    let filters = json!({ "label": [label] }).to_string();
    let encoded: String = form_urlencoded::byte_serialize(filters.as_bytes()).collect();
    match get(&format!("{path}?all=true&filters={encoded}")) {
        Value::Array(found) => found,
        // Volumes come with warnings beside them.
        found => found["Volumes"].as_array().cloned().unwrap_or_default(),
    }
}

/// Writes one file of root into a volume, through a container that is never started.
pub fn write_to_volume(image: &str, volume: &str, name: &str, content: &str) {
    let body = json!({ "Image": image, "HostConfig": { "Binds": [format!("{volume}:/volume")] } });
    let made = post("/containers/create", &body);
    let container = made["Id"].as_str().unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    let archive = archive.into_inner().unwrap();
    let path = format!("/containers/{container}/archive?path=/volume");
    let (status, answer) = send("PUT", &path, "application/x-tar", &archive);
    assert!(status < 300, "PUT {path}: {status} {answer}");
    delete(&format!("/containers/{container}?force=true"));
}

fn call(method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let body = body.map(Value::to_string).unwrap_or_default();
    send(method, path, "application/json", body.as_bytes())
}

fn send(method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = UnixStream::connect(socket()).expect("these tests need a Docker Engine");
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // HTTP/1.0, so that the answer ends with the connection and is never cut into chunks.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.into())))
}

thread_local! {
    /// Where another engine than the machine's listens, for the test in this thread.
    static OTHER: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on this thread means the engine behind that socket.
pub fn use_socket(path: &str) {
    OTHER.set(Some(path.to_owned()));
}

/// And from now on the machine's again.
pub fn use_the_machines_socket() {
    OTHER.set(None);
}

/// Where the engine listens.
pub fn socket() -> String {
    OTHER.with_borrow(Clone::clone).unwrap_or_else(|| {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").to_owned()
    })
}

/// Somebody answers there.
pub fn answers() -> bool {
    let Ok(mut stream) = UnixStream::connect(socket()) else { return false };
    let mut answer = String::new();
    stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n").is_ok()
        && stream.read_to_string(&mut answer).is_ok_and(|_| answer.contains(" 200 "))
}
