//! What each route answers. Never speaks S3 and never decides how long anything may take.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::{self, Refusal};
use crate::budget::{Budget, Share};
use crate::storage::Storage;
use crate::{body, document, listing, metrics, names};

/// What the routes share.
#[derive(Debug)]
pub struct Service {
    /// The documents.
    pub storage: Arc<Storage>,
    /// What `GET /` shows as the version.
    pub version: String,
    /// The largest body of an upload.
    pub max_body_bytes: usize,
    /// The memory that large documents share.
    pub budget: Budget,
}

type Shared = State<Arc<Service>>;
type Named = Result<Path<String>, PathRejection>;

pub async fn index(State(service): Shared) -> Json<Value> {
    Json(json!({
        "service": "Data Analytics Hub - S3 Data Service",
        "version": service.version,
        "endpoints": {
            "health": "/health",
            "storage_health": "/storage/health",
            "upload_data": "POST /data",
            "list_data": "GET /data",
            "get_data": "GET /data/<filename>",
            "delete_data": "DELETE /data/<filename>",
        },
    }))
}

pub async fn health() -> Json<Value> {
    Json(json!({
        "status": "healthy",
        "timestamp": names::iso(Timestamp::now()),
        "service": "data-analytics-service",
    }))
}

pub async fn storage_health(State(service): Shared) -> Response {
    match service.storage.ready().await {
        Ok(()) => Json(json!({
            "status": "healthy",
            "storage": "connected",
            "endpoint": service.storage.endpoint(),
        }))
        .into_response(),
        Err(_) => {
            let body =
                json!({ "status": "unhealthy", "storage": "disconnected", "error": answer::STORAGE_AWAY });
            answer::retry_later((StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response())
        }
    }
}

pub async fn upload(State(service): Shared, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let (document, _share) = body::read(&headers, body, service.max_body_bytes, &service.budget).await?;
    document::check(&document)?;
    let name = names::fresh(Timestamp::now());
    service.storage.put(&name, document).await?;
    let bucket = service.storage.bucket();
    let body = json!({ "message": "Data uploaded successfully", "filename": name, "bucket": bucket });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub async fn list(State(service): Shared) -> Result<Response, Refusal> {
    listing::answer(Arc::clone(&service.storage)).await
}

pub async fn read(State(service): Shared, name: Named) -> Result<Response, Refusal> {
    let name = possible(name)?;
    let (document, share) = service.storage.get(&name).await?;
    if !document::is_json(&document) {
        return Err(Refusal::NotReadable);
    }
    Ok(framed(&name, document, share))
}

pub async fn delete(State(service): Shared, name: Named) -> Result<Json<Value>, Refusal> {
    let name = possible(name)?;
    service.storage.delete(&name).await?;
    Ok(Json(json!({ "message": "File deleted successfully", "filename": name })))
}

pub async fn prometheus() -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render()).into_response()
}

pub async fn no_route() -> Refusal {
    Refusal::NoRoute
}

pub async fn no_method() -> Refusal {
    Refusal::NoMethod
}

fn possible(name: Named) -> Result<String, Refusal> {
    match name {
        Ok(Path(name)) if names::possible(&name) => Ok(name),
        _ => Err(Refusal::NoFile),
    }
}

/// The document between the words of the answer: it is neither parsed into values nor copied, and its memory
/// counts until the last byte is sent.
fn framed(name: &str, document: Bytes, share: Share) -> Response {
    let head = Bytes::from(format!("{{\"filename\":{},\"data\":", Value::from(name)));
    let pieces = [head, document, Bytes::from_static(b"}")];
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let body = stream::iter(pieces.into_iter().map(move |piece| {
        let _held = &share;
        Ok::<_, std::convert::Infallible>(piece)
    }));
    let headers = [(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_LENGTH, length.to_string())];
    (headers, Body::from_stream(body)).into_response()
}
