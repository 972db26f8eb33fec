//! The engine's way back to us while it builds: it asks for files, logins and secrets over a connection of its own.
//! Nothing is given away that the build did not name, and a secret must never reach an error or a log line.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bollard::errors::Error as Bollard;
use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::{FileSync, FileSyncServer};
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use futures_util::Stream;
use futures_util::stream::unfold;
use http::Request as HttpRequest;
use hyper::server::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinHandle;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::super::Engine;
use super::super::credentials::Credentials;
use super::super::error::{Context, Error, Kind};
use super::context::{Wanted, send};
use super::{ACTION, BuildSecret};

/// What the engine may ask for.
const METHODS: [&str; 3] = [
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
];

/// What one build gives to the engine.
pub(super) struct Offer {
    /// Folders by the names that the engine has for them: `context` and `dockerfile`.
    pub(super) folders: HashMap<&'static str, PathBuf>,
    pub(super) secrets: BTreeMap<String, BuildSecret>,
    pub(super) credentials: Credentials,
}

/// An open session. It ends when it is dropped.
pub(super) struct Session {
    pub(super) id: String,
    server: JoinHandle<()>,
}

impl Session {
    /// Opens the connection. Builds with the same `key` share what the engine has of their files already.
    pub(super) async fn open(engine: &Engine, key: &str, image: &str, offer: Offer) -> Result<Self, Error> {
        let id = format!("{:032x}", rand::random::<u128>());
        let mut request = HttpRequest::post("/session")
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "deployer")
            .header("X-Docker-Expose-Session-Sharedkey", key);
        for method in METHODS {
            request = request.header("X-Docker-Expose-Session-Grpc-Method", method);
        }
        let request = request.body(bollard::body_full(bytes::Bytes::new()));
        let request = request.map_err(Bollard::from).context(ACTION, image)?;
        let answer = engine.call(request).await.context(ACTION, image)?;
        let connection = hyper::upgrade::on(answer).await;
        let connection =
            connection.map_err(|error| Error::caused_by(Kind::Unreachable, ACTION, image, error))?;
        let service = TowerToHyperService::new(services(offer));
        let serve = http2::Builder::new(TokioExecutor::new()).serve_connection(connection, service);
        // It ends with the build, or the build fails and says more than this could.
        let server = tokio::spawn(async { drop(serve.await) });
        Ok(Self { id, server })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn services(offer: Offer) -> Routes {
    let guest = Guest(Arc::new(offer));
    Routes::new(HealthServer::new(guest.clone()))
        .add_service(FileSyncServer::new(guest.clone()))
        .add_service(SecretsServer::new(guest.clone()))
        .add_service(AuthServer::new(guest))
        .prepare()
}

#[derive(Clone)]
struct Guest(Arc<Offer>);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl FileSync for Guest {
    type DiffCopyStream = Answers<Packet>;
    type TarStreamStream = Answers<Packet>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let asked = |name| values(request.metadata(), name);
        let name = asked("dir-name").into_iter().next().unwrap_or_default();
        let Some(root) = self.0.folders.get(name.as_str()) else {
            return Err(Status::not_found(format!("this build has no folder `{name}`")));
        };
        let wanted =
            Wanted::new(root, &asked("include-patterns"), &asked("exclude-patterns"), &asked("followpaths"))
                .map_err(Status::invalid_argument)?;
        let packets = send(root.clone(), wanted, request.into_inner());
        let packets =
            unfold(packets, |mut packets| async { packets.recv().await.map(|packet| (packet, packets)) });
        Ok(Response::new(Box::pin(packets)))
    }

    async fn tar_stream(
        &self,
        _: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("archives"))
    }
}

#[tonic::async_trait]
impl Secrets for Guest {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        let secret = self.0.secrets.get(id).ok_or_else(|| Status::not_found(format!("no secret `{id}`")))?;
        Ok(Response::new(GetSecretResponse { data: secret.0.clone() }))
    }
}

/// Only logins are given; the engine gets its tokens itself.
#[tonic::async_trait]
impl Auth for Guest {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        // Public images need no login; one that cannot be read shows in what the registry then refuses.
        let login = self.0.credentials.for_registry(&request.get_ref().host).await.unwrap_or_default();
        let (username, secret) = login.as_ref().map(|login| login.reveal()).unwrap_or_default();
        Ok(Response::new(CredentialsResponse { username: username.to_owned(), secret: secret.to_owned() }))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(tokens())
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(tokens())
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(tokens())
    }
}

fn tokens() -> Status {
    Status::unavailable("the engine gets its tokens itself")
}

/// The engine asks now and then whether somebody is still here.
#[tonic::async_trait]
impl Health for Guest {
    type WatchStream = Answers<HealthCheckResponse>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("list"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("watch"))
    }
}

/// The values of a header; the engine encodes them when one of them is not ASCII, and says so in a second header.
fn values(metadata: &MetadataMap, name: &str) -> Vec<String> {
    let encoded = metadata.get(format!("{name}-encoded")).is_some();
    let texts = metadata.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.map(|text| if encoded { decode(text) } else { text.to_owned() }).collect()
}

/// Form encoding: `+` is a blank, `%C3` a byte.
fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (first, _) => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_values_are_read() {
        let mut metadata = MetadataMap::new();
        metadata.append("exclude-patterns", "Gr%C3%B6%C3%9Fe/a+b".parse().unwrap());
        metadata.append("exclude-patterns", "100%".parse().unwrap());
        assert_eq!(values(&metadata, "exclude-patterns"), ["Gr%C3%B6%C3%9Fe/a+b", "100%"]);
        metadata.append("exclude-patterns-encoded", "1".parse().unwrap());
        assert_eq!(values(&metadata, "exclude-patterns"), ["Größe/a b", "100%"]);
    }
}
