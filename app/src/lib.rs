//! data-app: JSON documents on S3-compatible storage over HTTP.
//!
//! [`run`] serves a listener until it is told to stop, [`router`] is the service without a socket. Nothing here
//! reads the environment, installs a logger or ends the process: that is `main`'s.

mod access;
mod answer;
mod body;
mod budget;
pub mod config;
mod document;
pub mod healthcheck;
mod listing;
mod metrics;
mod names;
mod routes;
mod storage;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use budget::Budget;
use config::Config;
use routes::Service;
use storage::Storage;

/// How many of the largest documents fit into memory at once.
const LARGE_AT_ONCE: usize = 4;

/// How long requests may go on after the service was told to stop.
const GRACE: Duration = Duration::from_secs(20);

/// Between two attempts to make the bucket while the storage is away at the start.
const BUCKET_RETRY: Duration = Duration::from_secs(2);

/// The service, with storage as the configuration says.
pub fn router(config: &Config) -> Router {
    with_storage(config, open(config))
}

/// Serves the listener until `shutdown` is done, then finishes the requests that are under way.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let parts = open(&config);
    let keeper = tokio::spawn(ensure_bucket(Arc::clone(&parts.0)));
    let (told, stopping) = oneshot::channel();
    let graceful = async move {
        shutdown.await;
        tracing::info!("stopping");
        let _ = told.send(());
    };
    // Answers are small and complete: waiting to fill a packet only delays them.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, with_storage(&config, parts)).with_graceful_shutdown(graceful);
    let outcome = tokio::select! {
        outcome = served => outcome,
        () = expired(stopping) => {
            tracing::warn!("requests are cut off: they outlasted the time to stop");
            Ok(())
        }
    };
    keeper.abort();
    outcome
}

fn open(config: &Config) -> (Arc<Storage>, Budget) {
    let budget = Budget::new(config.max_body_bytes.saturating_mul(LARGE_AT_ONCE));
    (Arc::new(Storage::new(&config.storage, budget.clone())), budget)
}

fn with_storage(config: &Config, (storage, budget): (Arc<Storage>, Budget)) -> Router {
    let service =
        Service { storage, version: config.version.clone(), max_body_bytes: config.max_body_bytes, budget };
    Router::new()
        .route("/", get(routes::index))
        .route("/health", get(routes::health))
        .route("/storage/health", get(routes::storage_health))
        .route("/data", get(routes::list).post(routes::upload))
        .route("/data/{filename}", get(routes::read).delete(routes::delete))
        .route("/metrics", get(routes::prometheus))
        .method_not_allowed_fallback(routes::no_method)
        .fallback(routes::no_route)
        .layer(axum::middleware::from_fn(access::record))
        .with_state(Arc::new(service))
}

/// Makes the bucket as soon as the storage can be reached. Later losses are repaired by the requests that meet them.
async fn ensure_bucket(storage: Arc<Storage>) {
    while storage.ready().await.is_err() {
        tokio::time::sleep(BUCKET_RETRY).await;
    }
    tracing::info!(bucket = storage.bucket(), "storage is ready");
}

async fn expired(stopping: oneshot::Receiver<()>) {
    match stopping.await {
        Ok(()) => tokio::time::sleep(GRACE).await,
        Err(_) => std::future::pending().await,
    }
}
