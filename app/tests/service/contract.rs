//! What every route answers while all is well, and what it refuses.

use std::collections::HashSet;

use aws_sdk_s3::primitives::ByteStream;
use reqwest::Method;
use serde_json::json;

use crate::garage::Garage;
use crate::harness::{BUCKET, Service, behind};

#[tokio::test]
async fn a_document_comes_back_as_it_was_sent_until_it_is_deleted() {
    let garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    let document = json!({ "städte": ["Zürich", "Köln"], "n": 1.5, "nested": { "a": null } });
    let uploaded = service.post(&document).await;
    assert_eq!(uploaded.body["message"], "Data uploaded successfully");
    assert_eq!(uploaded.body["bucket"], BUCKET);
    let name = uploaded.filename();
    let parts: Vec<&str> = name.strip_suffix(".json").unwrap().split('_').collect();
    assert!(
        parts[0] == "data" && parts[1].len() == 8 && parts[2].len() == 6 && parts[3].len() >= 12,
        "{name}"
    );

    let path = format!("/data/{name}");
    let read = service.get(&path).await;
    assert_eq!(read.body, json!({ "filename": name, "data": document }));
    for _ in 0..2 {
        let deleted = service.delete(&path).await;
        assert_eq!(deleted.status, 200);
        assert_eq!(deleted.body, json!({ "message": "File deleted successfully", "filename": name }));
    }
    let gone = service.get(&path).await;
    gone.refuses(404);
    assert_eq!(gone.body["error"], "File not found");
}

#[tokio::test]
async fn numbers_that_no_double_holds_come_back_exactly() {
    let garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    let text = r#"{"n":12345678901234567890123,"x":0.10000000000000000555}"#;
    let name = service.post_as("application/vnd.api+json; charset=utf-8", text).await;
    let read = reqwest::get(service.url(&format!("/data/{}", name.filename()))).await.unwrap();
    assert!(read.text().await.unwrap().contains(text));
}

#[tokio::test]
async fn sixteen_clients_at_once_get_names_of_their_own() {
    let garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    let mut names = HashSet::new();
    for round in 0..10 {
        let documents: Vec<_> = (0..16).map(|client| json!([round, client])).collect();
        let uploads = documents.iter().map(|document| service.post(document));
        names.extend(
            futures_util::future::join_all(uploads).await.iter().map(|answer| answer.filename().to_owned()),
        );
    }
    assert_eq!(names.len(), 160);
}

#[tokio::test]
async fn an_object_that_is_no_json_is_a_bad_gateway() {
    let garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    service.post(&json!(1)).await.filename();
    let text = ByteStream::from_static(b"not json");
    behind(&garage.endpoint()).put_object().bucket(BUCKET).key("note.txt").body(text).send().await.unwrap();
    service.get("/data/note.txt").await.refuses(502);
}

#[tokio::test]
async fn health_and_index_are_those_of_the_contract() {
    let garage = Garage::start();
    let service = Service::start_with(&garage.endpoint(), &[("APP_VERSION", "v7")]).await;
    let index = service.get("/").await.body;
    assert_eq!(index["service"], "Data Analytics Hub - S3 Data Service");
    assert_eq!(index["version"], "v7");
    assert_eq!(index["endpoints"]["upload_data"], "POST /data");
    let health = service.get("/health").await.body;
    assert_eq!(
        (&health["status"], &health["service"]),
        (&json!("healthy"), &json!("data-analytics-service"))
    );
    health["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let ready = service.get("/storage/health").await.body;
    assert_eq!(ready, json!({ "status": "healthy", "storage": "connected", "endpoint": garage.endpoint() }));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_in_json() {
    let garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    for falsy in ["", "{}", "[]", "null", "\"\"", "0", "false"] {
        let answer = service.post_as("application/json", falsy).await;
        answer.refuses(400);
        assert_eq!(answer.body["error"], "No data provided", "{falsy:?}");
    }
    service.post_as("application/json", "{").await.refuses(400);
    service.post_as("text/plain", "{\"a\":1}").await.refuses(415);
    let bare = reqwest::Client::new().post(service.url("/data")).body("{\"a\":1}").send().await.unwrap();
    assert_eq!(bare.status(), 415);
    let wrong = service.ask(Method::PUT, "/data").await;
    wrong.refuses(405);
    assert_eq!(wrong.headers["allow"], "GET,HEAD,POST");
    for path in ["/nope", "/data/", "/data/a/b"] {
        service.get(path).await.refuses(404);
    }
    for name in ["..%2F..%2Fetc%2Fpasswd", "%2e%2e%5Cx", "a%00b", "a%0Ab", "%ff", "absent.json"] {
        service.get(&format!("/data/{name}")).await.refuses(404);
    }
    service.delete("/data/..%2Fx").await.refuses(404);
}

#[tokio::test]
async fn metrics_count_by_route_method_and_class() {
    let service = Service::start("127.0.0.1:1").await;
    service.get("/health").await;
    service.get("/data/some-name").await.says_storage_is_away();
    let text = service.get("/metrics").await.body.as_str().unwrap().to_owned();
    for line in [
        "data_app_http_requests_total{route=\"/health\",method=\"GET\",class=\"2xx\"}",
        "data_app_http_requests_total{route=\"/data/{filename}\",method=\"GET\",class=\"5xx\"}",
        "data_app_http_request_duration_seconds_bucket{route=\"/health\",le=\"+Inf\"}",
        "data_app_storage_errors_total{operation=\"get\",kind=\"connect\"}",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("some-name"));
}
