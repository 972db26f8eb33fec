//! How requests reach the engine: one connection each, with the negotiated version in front of every path. The
//! transports that come with the client library have no limit on connecting, hide the headers that tell the
//! engine's version, and never send the version that they negotiated. Nothing here may try a request twice.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::errors::Error as Bollard;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use http::header::{HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use semver::Version;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::super::error::{Context, Error, Kind, NoConnection};
use super::{Endpoint, Forward, invalid, tls};

/// How long the engine may take until the first byte of an ordinary answer.
pub(in crate::engine) const ANSWER_LIMIT: Duration = Duration::from_secs(120);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// For answers that may take as long as they take.
const PATIENCE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The oldest API that offers everything that is used: Docker 20.10.
const OLDEST: Version = Version::new(1, 41, 0);
const REGISTRY_LOGIN: HeaderName = HeaderName::from_static("x-registry-auth");
const API_VERSION: HeaderName = HeaderName::from_static("api-version");

/// The way to one engine.
#[derive(Clone)]
pub(in crate::engine) struct Wire {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    endpoint: Endpoint,
    /// `/v1.41`, as soon as it is known.
    prefix: OnceLock<String>,
    host: HeaderValue,
}

enum Target {
    Unix(std::path::PathBuf),
    Tcp { host: String, port: u16, tls: Option<TlsConnector> },
}

/// A connection of any kind.
trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

impl Wire {
    pub(in crate::engine) fn new(endpoint: &Endpoint, forward: Option<&Forward>) -> Result<Self, Error> {
        let target = match (endpoint, forward) {
            (_, Some(forward)) => Target::Unix(forward.socket()),
            (Endpoint::Unix(path), None) => Target::Unix(path.clone()),
            (Endpoint::Tcp { host, port, tls }, None) => {
                let tls = tls.as_ref().map(tls::connector).transpose()?;
                Target::Tcp { host: host.clone(), port: *port, tls }
            }
            (Endpoint::Ssh { .. }, None) => return Err(invalid(endpoint, "the ssh connection is not open")),
        };
        let host = match &target {
            Target::Unix(_) => HeaderValue::from_static("docker"),
            Target::Tcp { host, .. } => {
                HeaderValue::from_str(host).map_err(|error| invalid(endpoint, error.to_string()))?
            }
        };
        let shared = Shared { target, endpoint: endpoint.clone(), prefix: OnceLock::new(), host };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Asks the engine which API it speaks (`_ping`: 0.7 ms, where `version` takes 6 to 18), and speaks the newest
    /// that both know from then on.
    pub(in crate::engine) async fn negotiate(&self) -> Result<Version, Error> {
        let (action, object) = ("reach the engine at", &self.shared.endpoint);
        let request = http::Request::get("/_ping").body(bollard::body_full(bytes::Bytes::new()));
        let request = request.map_err(Bollard::from).context(action, object)?;
        let answer = tokio::time::timeout(CONNECT_LIMIT, self.send(request))
            .await
            .unwrap_or(Err(Bollard::RequestTimeoutError))
            .context(action, object)
            .map_err(|error| match error.hint() {
                Some(_) => error,
                None => error.with_hint(hint(object, io::ErrorKind::Other)),
            })?;
        let api = answer.headers().get(API_VERSION).and_then(|value| value.to_str().ok());
        let Some(api) = api.and_then(version) else {
            let why = "what answers there does not say which Docker API it speaks; is it a Docker Engine?";
            let error = Error::because(Kind::Refused, action, object, why);
            return Err(error.with_hint(hint(object, io::ErrorKind::Other)));
        };
        let api =
            agree(&api).map_err(|why| Error::because(Kind::Refused, "use the engine at", object, why))?;
        self.shared.prefix.get_or_init(|| format!("/v{}.{}", api.major, api.minor));
        Ok(api)
    }

    /// A client whose calls must be answered soon.
    pub(in crate::engine) fn client(&self) -> Docker {
        let wire = self.clone();
        let transport = move |request: BollardRequest| {
            let wire = wire.clone();
            async move { wire.send(request).await }
        };
        Docker::connect_with_custom_transport(
            transport,
            Some("http://engine"),
            ANSWER_LIMIT.as_secs(),
            API_DEFAULT_VERSION,
        )
        .expect("a client is only put together here, nothing can fail")
    }

    /// A client that waits for its answers.
    pub(in crate::engine) fn patient_client(&self) -> Docker {
        self.client().with_timeout(PATIENCE)
    }

    /// Sends one request over a connection of its own.
    pub(in crate::engine) async fn send(
        &self,
        mut request: BollardRequest,
    ) -> Result<Response<Incoming>, Bollard> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let prefix = self.shared.prefix.get().map_or("", String::as_str);
        *request.uri_mut() = format!("{prefix}{path}").parse::<Uri>()?;
        request.headers_mut().insert(HOST, self.shared.host.clone());
        make_url_safe(request.headers_mut());
        let pipe = self.open().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(pipe)).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender.send_request(request).await?)
    }

    async fn open(&self) -> io::Result<Box<dyn Pipe>> {
        let opened = tokio::time::timeout(CONNECT_LIMIT, self.shared.target.open());
        opened.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|source| {
            let endpoint = self.shared.endpoint.to_string();
            let hint = hint(&self.shared.endpoint, source.kind());
            io::Error::other(NoConnection { endpoint, hint, source })
        })
    }
}

impl Target {
    async fn open(&self) -> io::Result<Box<dyn Pipe>> {
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Tcp { host, port, tls } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                SockRef::from(&stream).set_tcp_keepalive(&keepalive())?;
                match tls {
                    None => Ok(Box::new(stream)),
                    Some(tls) => {
                        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                        Ok(Box::new(tls.connect(name, stream).await?))
                    }
                }
            }
        }
    }
}

/// The engine reads logins as URL-safe base64, and silently goes on without a login when it finds the other kind,
/// which is what the client library writes.
fn make_url_safe(headers: &mut HeaderMap) {
    if let Some(login) = headers.get_mut(REGISTRY_LOGIN) {
        let safe = login.as_bytes().iter().map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            same => *same,
        });
        if let Ok(mut value) = HeaderValue::from_bytes(&safe.collect::<Vec<u8>>()) {
            value.set_sensitive(true);
            *login = value;
        }
    }
}

/// A wait for a container may be silent for hours; a link that died must not look the same.
fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5))
        .with_retries(3)
}

/// `1.41` as a version that can be compared.
fn version(text: &str) -> Option<Version> {
    Version::parse(&format!("{text}.0")).ok()
}

/// The newest API that both sides know.
fn agree(engine: &Version) -> Result<Version, String> {
    if *engine < OLDEST {
        return Err(format!(
            "it speaks API {}.{}, and the oldest that is supported is {}.{} (Docker 20.10): upgrade the engine",
            engine.major, engine.minor, OLDEST.major, OLDEST.minor
        ));
    }
    let known = API_DEFAULT_VERSION;
    let ours = Version::new(known.major_version as u64, known.minor_version as u64, 0);
    Ok(engine.clone().min(ours))
}

fn hint(endpoint: &Endpoint, error: io::ErrorKind) -> String {
    let other = "or name another engine with --host or DOCKER_HOST";
    match (endpoint, error) {
        (Endpoint::Unix(path), io::ErrorKind::PermissionDenied) => format!(
            "this user may not use {}: add it to the group that owns the socket (usually `docker`), {other}",
            path.display()
        ),
        (Endpoint::Unix(_), _) => {
            format!("is Docker installed and running (`systemctl status docker`)? Start it, {other}")
        }
        (Endpoint::Tcp { tls: None, .. }, _) => format!(
            "is the engine listening there? If it wants TLS, set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, {other}"
        ),
        (Endpoint::Tcp { .. }, _) => format!(
            "is the engine listening there, and do ca.pem, cert.pem and key.pem belong to it? Check, {other}"
        ),
        (Endpoint::Ssh { .. }, _) => {
            format!("is the ssh connection still up, and Docker running there? Check, {other}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_engine_is_spoken_to_in_its_own_version() {
        assert_eq!(agree(&Version::new(1, 41, 0)), Ok(Version::new(1, 41, 0)));
        assert_eq!(agree(&Version::new(1, 99, 0)), Ok(Version::new(1, 53, 0)));
    }

    #[test]
    fn a_login_is_sent_in_the_alphabet_that_the_engine_reads() {
        let mut headers = HeaderMap::new();
        headers.insert(REGISTRY_LOGIN, HeaderValue::from_static("a+b/c="));
        make_url_safe(&mut headers);
        assert_eq!(headers[REGISTRY_LOGIN], "a-b_c=");
    }

    #[test]
    fn an_engine_that_is_too_old_is_refused() {
        // 1.9 is older than 1.41: numbers, not text.
        for (old, text) in [("1.40", "it speaks API 1.40"), ("1.9", "it speaks API 1.9")] {
            let refusal = agree(&version(old).unwrap()).unwrap_err();
            assert!(refusal.starts_with(text) && refusal.contains("Docker 20.10"), "{refusal}");
        }
    }
}
