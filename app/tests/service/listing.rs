//! Lists are complete, or they are visibly not.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use crate::garage::Garage;
use crate::harness::Service;
use crate::relay;

/// More than a store gives at once.
const MANY: usize = 1005;

async fn upload_many(service: &Service) -> HashSet<String> {
    let uploads = stream::iter(0..MANY)
        .map(|n| async move { service.post(&json!({ "n": n })).await.filename().to_owned() });
    uploads.buffer_unordered(32).collect().await
}

#[tokio::test]
async fn a_list_has_every_document_however_many_there_are() {
    let garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    let empty = service.get("/data").await;
    assert_eq!(empty.body, json!({ "bucket": "analytics-data", "count": 0, "files": [] }));

    let names = upload_many(&service).await;
    assert_eq!(names.len(), MANY);
    let list = service.get("/data").await.body;
    let files = list["files"].as_array().unwrap();
    assert_eq!((list["count"].as_u64(), files.len()), (Some(MANY as u64), MANY));
    assert!(files.iter().all(|file| names.contains(file["filename"].as_str().unwrap())));
    assert!(files[0]["size"].as_u64().unwrap() > 0);
    files[0]["last_modified"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();

    a_list_that_breaks_off_is_no_complete_answer(&garage).await;
}

/// Part of the test above, because it needs as many documents.
async fn a_list_that_breaks_off_is_no_complete_answer(garage: &Garage) {
    let broken = relay::breaking_at("continuation-token", garage.address()).await;
    let service = Service::start(&broken.to_string()).await;
    let response = reqwest::get(service.url("/data")).await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.expect_err("the connection must end before the list seems complete");
}
