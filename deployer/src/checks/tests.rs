//! Checks against a server that answers what it is told to.

use super::*;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers each connection with the next of these, and gives the first lines of what was asked.
async fn server(answers: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            asked.push(request.lines().next().unwrap_or_default().to_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (base, asked)
}

fn check(steps: Value) -> Check {
    serde_json::from_value(json!({ "name": "round trip", "service": "web", "steps": steps })).unwrap()
}

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_round_trip_uses_what_it_was_given() {
    let created = "HTTP/1.1 201 Created\r\nconnection: close\r\n\r\n{\"filename\":\"a b\"}";
    let found = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"data\":{\"probe\":1},\"more\":2}";
    let (base, asked) = server(vec![created, found]).await;
    let check = check(json!([
        { "method": "POST", "path": "/data", "json": { "probe": 1 }, "status": 201, "capture": { "name": "filename" } },
        { "path": "/data/{name}", "expect": { "data": { "probe": 1 } } },
    ]));
    assert_eq!(run(&check, &base, LIMIT).await.unwrap(), 2);
    assert_eq!(asked.await.unwrap(), ["POST /data HTTP/1.1", "GET /data/a%20b HTTP/1.1"]);
}

#[tokio::test]
async fn a_failure_says_what_was_expected_and_seen() {
    let (base, _asked) =
        server(vec!["HTTP/1.1 503 No\r\nconnection: close\r\n\r\n{\"error\":\n \"down\"}"]).await;
    let error = run(&check(json!([{ "path": "/" }])), &base, LIMIT).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 1, GET /: expected status 200, got 503; the answer is {\"error\": \"down\"}"
    );
}

#[tokio::test]
async fn silence_is_named() {
    let (base, asked) = server(vec![]).await;
    asked.await.unwrap();
    let error = run(&check(json!([{ "path": "/" }])), &base, LIMIT).await.unwrap_err();
    assert!(error.to_string().starts_with("step 1, GET /: no answer: Connection refused"), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let error = run(&check(json!([{ "path": "/" }])), &base, Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "step 1, GET /: no answer within 0.05 s");
}
