//! The service under test, on a port of its own, and a client that reads its answers. Stops when it is dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config as S3Config, Credentials, Region};
use data_app::config::Config;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::garage::{ACCESS_KEY, SECRET_KEY};

pub const BUCKET: &str = "analytics-data";

/// A running service.
pub struct Service {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<std::io::Result<()>>,
    client: reqwest::Client,
}

/// What the service said, and how long that took.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub took: Duration,
}

impl Service {
    /// Starts it on the store at this endpoint.
    pub async fn start(endpoint: &str) -> Self {
        Self::start_with(endpoint, &[]).await
    }

    /// Starts it with more variables.
    pub async fn start_with(endpoint: &str, more: &[(&str, &str)]) -> Self {
        let plain = [
            ("MINIO_ENDPOINT", endpoint),
            ("MINIO_ACCESS_KEY", ACCESS_KEY),
            ("MINIO_SECRET_KEY", SECRET_KEY),
            ("BUCKET_NAME", BUCKET),
        ];
        let config = Config::from_variables(|name| {
            let mut pairs = more.iter().chain(&plain);
            pairs.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(data_app::run(listener, config.unwrap(), shutdown));
        Self { address, stop: Some(stop), running, client: reqwest::Client::new() }
    }

    /// Tells it to stop.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until it has stopped.
    pub async fn stopped(mut self) {
        (&mut self.running).await.unwrap().unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path).await
    }

    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        read(self.client.request(method, self.url(path))).await
    }

    /// Uploads a JSON value.
    pub async fn post(&self, document: &Value) -> Answer {
        self.post_as("application/json", document.to_string()).await
    }

    /// Uploads anything as anything.
    pub async fn post_as(&self, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
        read(self.client.post(self.url("/data")).header("content-type", kind).body(body)).await
    }
}

impl Answer {
    /// The name in the answer to an upload, which must have succeeded.
    pub fn filename(&self) -> &str {
        assert_eq!(self.status, StatusCode::CREATED, "{self:?}");
        self.body["filename"].as_str().unwrap()
    }

    /// Asserts a refusal: this status, and JSON with nothing but an `error`.
    #[track_caller]
    pub fn refuses(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let fields = self.body.as_object().unwrap();
        assert!(fields.len() == 1 && fields["error"].is_string(), "{self:?}");
    }

    /// Asserts that the storage is said to be away, in time, and when to ask again.
    #[track_caller]
    pub fn says_storage_is_away(&self) {
        assert_eq!(self.status, StatusCode::SERVICE_UNAVAILABLE, "{self:?}");
        assert!(self.headers.contains_key("retry-after"), "{self:?}");
        assert!(self.took < Duration::from_secs(2), "{self:?}");
    }
}

async fn read(request: reqwest::RequestBuilder) -> Answer {
    let began = Instant::now();
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
    Answer { status, headers, body, took: began.elapsed() }
}

/// Asks until the condition holds.
pub async fn eventually(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The store itself, for what no client of the service can do.
pub fn behind(endpoint: &str) -> Client {
    let config = S3Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .endpoint_url(format!("http://{endpoint}"))
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}
