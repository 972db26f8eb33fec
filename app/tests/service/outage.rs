//! The storage goes away, in every way that it can, and comes back.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::garage::{Garage, free_port};
use crate::harness::{BUCKET, Service, behind, eventually};

/// Every route that needs storage says 503 in time; every other one does not notice.
async fn everything_says_away(service: &Service) {
    let document = json!({ "a": 1 });
    let (ready, list, read, deleted, uploaded) = tokio::join!(
        service.get("/storage/health"),
        service.get("/data"),
        service.get("/data/a.json"),
        service.delete("/data/a.json"),
        service.post(&document),
    );
    for answer in [&ready, &list, &read, &deleted, &uploaded] {
        answer.says_storage_is_away();
    }
    for answer in [&list, &read, &deleted, &uploaded] {
        answer.refuses(503);
    }
    assert_eq!(
        (&ready.body["status"], &ready.body["storage"]),
        (&json!("unhealthy"), &json!("disconnected"))
    );
    assert!(ready.body["error"].is_string());
    let health = service.get("/health").await;
    assert!(health.status == 200 && health.took < Duration::from_millis(500), "{health:?}");
}

#[tokio::test]
async fn a_refused_port_is_an_outage() {
    everything_says_away(&Service::start(&format!("127.0.0.1:{}", free_port())).await).await;
}

#[tokio::test]
async fn a_store_that_never_answers_is_an_outage() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let service = Service::start(&silent.local_addr().unwrap().to_string()).await;
    everything_says_away(&service).await;
    let large = json!("x".repeat(2 << 20));
    service.post(&large).await.says_storage_is_away();
}

#[tokio::test]
async fn a_host_that_never_accepts_is_an_outage() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    // Connections that nobody accepts fill the queue; the kernel drops every further attempt without a word.
    let waiting: Vec<_> = (0..8).map(|_| tokio::spawn(TcpStream::connect(address))).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(waiting.iter().any(|attempt| !attempt.is_finished()), "the queue is not full");
    everything_says_away(&Service::start(&address.to_string()).await).await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_an_outage() {
    everything_says_away(&Service::start("no-such-store.invalid:9000").await).await;
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_an_outage_of_an_https_endpoint() {
    let garage = Garage::start();
    everything_says_away(&Service::start(&format!("https://{}", garage.endpoint())).await).await;
}

#[tokio::test]
async fn wrong_credentials_are_an_outage_and_no_secret() {
    let garage = Garage::start();
    let wrong = [("MINIO_SECRET_KEY", "not-the-secret-of-the-store")];
    everything_says_away(&Service::start_with(&garage.endpoint(), &wrong).await).await;
}

#[tokio::test]
async fn a_store_that_stops_and_starts_is_used_again_with_its_data() {
    let mut garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    let kept = service.post(&json!({ "kept": true })).await.filename().to_owned();
    garage.stop();
    everything_says_away(&service).await;
    garage.resume();
    eventually("an upload after the outage", Duration::from_secs(5), async || {
        service.post(&json!({ "after": true })).await.status == 201
    })
    .await;
    assert_eq!(service.get(&format!("/data/{kept}")).await.body["data"], json!({ "kept": true }));
}

#[tokio::test]
async fn a_store_that_comes_back_empty_gets_its_bucket_again() {
    let mut garage = Garage::start();
    let service = Service::start(&garage.endpoint()).await;
    let lost = format!("/data/{}", service.post(&json!({ "lost": true })).await.filename());
    garage.resume_empty();
    service.get(&lost).await.refuses(404);
    assert_eq!(service.delete(&lost).await.status, 200);
    let documents: Vec<_> = (0..8).map(|n| json!([n])).collect();
    for answer in
        futures_util::future::join_all(documents.iter().map(|document| service.post(document))).await
    {
        answer.filename();
    }
    assert_eq!(service.get("/data").await.body["count"], 8);
    garage.resume_empty();
    assert_eq!(service.get("/data").await.body["count"], 0);
    garage.resume_empty();
    assert_eq!(service.get("/storage/health").await.status, 200);
}

#[tokio::test]
async fn a_service_that_starts_before_its_store_makes_the_bucket_by_itself() {
    let mut garage = Garage::start();
    garage.stop();
    let service = Service::start(&garage.endpoint()).await;
    assert_eq!(service.get("/health").await.status, 200);
    garage.resume();
    let store = behind(&garage.endpoint());
    eventually("the bucket is made without a request", Duration::from_secs(8), async || {
        store.head_bucket().bucket(BUCKET).send().await.is_ok()
    })
    .await;
}
