//! Images from Dockerfiles, built by the engine's own BuildKit. Files are given as the engine asks for them, over a
//! session, exactly as the docker CLI does it: so a Dockerfile that is excluded is still found and not copied, and
//! what has not changed since the last build is not sent again. Nothing here may run on this host.

mod context;
mod ignore;
mod progress;
mod session;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::BollardRequest;
use bollard::errors::Error as Bollard;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::credentials::{Credentials, registry_of};
use super::error::Context;
use super::images::split_tag;
use super::{Engine, Error, Kind};
use progress::Steps;
pub use progress::{BuildEvent, BuildProgress};
use session::{Offer, Session};

pub(super) const ACTION: &str = "build image";
/// No message of the engine is longer.
const LONGEST_MESSAGE: usize = 64 << 20;
/// What BuildKit takes as a secret.
const LARGEST_SECRET: usize = 500 * 1024;

/// What is to be built.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// The context: a folder on this host.
    pub context: String,
    /// The Dockerfile.
    pub dockerfile: Dockerfile,
    /// The stage to build; absent: the last.
    pub target: Option<String>,
    /// `ARG`s.
    pub args: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// The image's names. There is at least one.
    pub tags: Vec<String>,
    /// Images to take cache from.
    pub cache_from: Vec<String>,
    /// The network of `RUN` steps: `default`, `host` or `none`.
    pub network: Option<String>,
    /// At most one: `os/arch[/variant]`.
    pub platforms: Vec<String>,
    /// Base images are looked for at their registry even if the engine has them.
    pub pull: bool,
    /// Every step is run again.
    pub no_cache: bool,
    /// `/dev/shm` of `RUN` steps in bytes.
    pub shm_size: Option<u64>,
    /// `host:address` pairs.
    pub extra_hosts: Vec<String>,
    /// What `RUN --mount=type=secret,id=…` finds.
    pub secrets: BTreeMap<String, BuildSecret>,
}

/// Where a Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dockerfile {
    /// A file, absolute or relative to the context.
    File(PathBuf),
    /// The text itself.
    Inline(String),
}

/// The content of a secret, which no `Debug` text shows.
#[derive(Clone, PartialEq, Eq)]
pub struct BuildSecret(pub Vec<u8>);

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The engine, or what was given to it.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The build itself.
    #[error(transparent)]
    Failed(Box<BuildFailure>),
}

/// A build that failed.
#[derive(Debug, thiserror::Error)]
#[error("could not build image {image}{}", step.as_ref().map(|step| format!(": `{step}` failed")).unwrap_or_default())]
pub struct BuildFailure {
    /// The image that there is not.
    pub image: String,
    /// The step that failed, when it was one.
    pub step: Option<String>,
    /// The last lines that the step printed.
    pub log: Vec<String>,
    /// What the engine said.
    #[source]
    pub message: BuildMessage,
}

impl BuildFailure {
    /// What to do about it, when there is more to say than the message does.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let base = self.step.as_ref()?.split_once("load metadata for ")?.1;
        let registry = registry_of(base);
        Some(format!(
            "the base image {base} cannot be had: check its spelling, and whether the engine itself reaches {registry}; \
             `docker login {registry}` when it is private"
        ))
    }
}

/// The engine's words about a build.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildMessage(pub String);

impl Engine {
    /// Builds an image and gives it its names. The answer is the image's id.
    ///
    /// # Errors
    /// When what is given cannot be used, when a step fails, and when the engine does.
    pub async fn build_image(
        &self,
        build: &Build,
        credentials: &Credentials,
        mut progress: impl FnMut(BuildProgress) + Send,
    ) -> Result<String, BuildError> {
        let image = build.tags.first().map(String::as_str).unwrap_or_default();
        let files = Files::of(build, image)?;
        let offer = Offer {
            folders: HashMap::from([
                ("context", files.context.clone()),
                ("dockerfile", files.folder.clone()),
            ]),
            secrets: build.secrets.clone(),
            credentials: credentials.clone(),
        };
        let session = Session::open(self, &files.key(image), image, offer).await?;
        let request = request(build, &files.name, &session.id).context(ACTION, image)?;
        let answer = self.call(request).await.context(ACTION, image)?;
        let mut steps = Steps::default();
        let id = follow(answer, image, &mut steps, &mut progress).await?;
        match id {
            Some(id) => Ok(id),
            None => Ok(self.image(image).await?.id),
        }
    }

    /// Sends a request, and takes an answer of any length; an answer that is a refusal is an error.
    async fn call(&self, request: BollardRequest) -> Result<http::Response<Incoming>, Bollard> {
        let answer = self.wire.send(request).await?;
        let status = answer.status();
        if status.is_success() || status == http::StatusCode::SWITCHING_PROTOCOLS {
            return Ok(answer);
        }
        let body = answer.into_body().collect().await?.to_bytes();
        let said = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.message);
        let message = said.unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned());
        Err(Bollard::DockerResponseServerError { status_code: status.as_u16(), message })
    }
}

/// The folders that a build reads.
struct Files {
    context: PathBuf,
    /// The folder of the Dockerfile, and its name there.
    folder: PathBuf,
    name: String,
    /// Holds the Dockerfile that came as a text.
    _inline: Option<tempfile::TempDir>,
}

impl Files {
    fn of(build: &Build, image: &str) -> Result<Self, Error> {
        let refuse = |why: String| Error::because(Kind::Invalid, ACTION, image, why);
        check(build).map_err(refuse)?;
        let context = Path::new(&build.context);
        let context = context
            .canonicalize()
            .ok()
            .filter(|context| context.is_dir())
            .ok_or_else(|| refuse(format!("its context {} is not a folder", context.display())))?;
        let (file, inline) = match &build.dockerfile {
            Dockerfile::File(path) => (context.join(path), None),
            Dockerfile::Inline(text) => {
                let kept =
                    keep(text).map_err(|error| refuse(format!("its Dockerfile cannot be kept: {error}")))?;
                (kept.path().join("Dockerfile"), Some(kept))
            }
        };
        let missing = || refuse(format!("there is no Dockerfile {}", file.display()));
        let file = file.canonicalize().ok().filter(|file| file.is_file()).ok_or_else(missing)?;
        let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(missing)?.to_owned();
        let folder = file.parent().ok_or_else(missing)?.to_owned();
        Ok(Self { context, folder, name, _inline: inline })
    }

    /// Names what the engine keeps of a context between builds. It holds what makes this folder this folder: when
    /// two machines deploy from equal paths, neither must build from the other's files.
    ///
    /// The image is part of it: engines of version 20.10 cancel one of two builds that share a key at the same time.
    fn key(&self, image: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(split_tag(image).0);
        hash.update(std::fs::read("/etc/machine-id").unwrap_or_default());
        if let Ok(metadata) = self.context.metadata() {
            hash.update(metadata.dev().to_le_bytes());
            hash.update(metadata.ino().to_le_bytes());
        }
        hash.update(self.context.as_os_str().as_encoded_bytes());
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn keep(dockerfile: &str) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("Dockerfile"), dockerfile)?;
    Ok(folder)
}

fn check(build: &Build) -> Result<(), String> {
    if build.context.contains("://") || build.context.starts_with("git@") {
        return Err(format!("its context {} is a URL: clone it, and name the folder", build.context));
    }
    if build.tags.is_empty() {
        return Err("it has no name".to_owned());
    }
    if build.platforms.len() > 1 {
        let all = build.platforms.join(", ");
        return Err(format!("an engine keeps an image for one platform, and {all} are asked for: name one"));
    }
    match build.secrets.iter().find(|(_, secret)| secret.0.len() > LARGEST_SECRET) {
        Some((id, _)) => Err(format!("its build secret `{id}` is larger than {} KiB", LARGEST_SECRET / 1024)),
        None => Ok(()),
    }
}

fn request(build: &Build, dockerfile: &str, session: &str) -> Result<BollardRequest, Bollard> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("version", "2").append_pair("remote", "client-session").append_pair("session", session);
    query.append_pair("dockerfile", dockerfile).append_pair("rm", "1");
    let mut all = |name: &str, values: &[String]| {
        for value in values {
            query.append_pair(name, value);
        }
    };
    all("t", &build.tags);
    all("extrahosts", &build.extra_hosts);
    all("platform", &build.platforms);
    all("target", build.target.as_slice());
    all("networkmode", build.network.as_slice());
    all("shmsize", build.shm_size.map(|size| size.to_string()).as_slice());
    let flags = [("pull", build.pull), ("nocache", build.no_cache)];
    for (name, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
        query.append_pair(name, "1");
    }
    query.append_pair("buildargs", &serde_json::to_string(&build.args)?);
    query.append_pair("labels", &serde_json::to_string(&build.labels)?);
    query.append_pair("cachefrom", &serde_json::to_string(&build.cache_from)?);
    let request = http::Request::post(format!("/build?{}", query.finish()));
    Ok(request.body(bollard::body_full(Bytes::new()))?)
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// One line of the engine's answer.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: String,
    aux: Option<serde_json::Value>,
    error: Option<String>,
}

/// Follows a build to its end; the answer is the image's id, when the engine told it.
async fn follow(
    answer: http::Response<Incoming>,
    image: &str,
    steps: &mut Steps,
    progress: &mut (impl FnMut(BuildProgress) + Send),
) -> Result<Option<String>, BuildError> {
    let mut body = answer.into_body();
    let (mut pending, mut id) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Bollard::from).context(ACTION, image)?;
        pending.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            take(&pending.split_to(end + 1), image, steps, progress, &mut id)?;
        }
        if pending.len() > LONGEST_MESSAGE {
            return Err(Error::because(Kind::Refused, ACTION, image, "the engine's answer has no end").into());
        }
    }
    take(&pending, image, steps, progress, &mut id)?;
    Ok(id)
}

fn take(
    line: &[u8],
    image: &str,
    steps: &mut Steps,
    progress: &mut (impl FnMut(BuildProgress) + Send),
    id: &mut Option<String>,
) -> Result<(), BuildError> {
    let Ok(line) = serde_json::from_slice::<Line>(line) else { return Ok(()) };
    if let Some(message) = line.error {
        let (step, log) = steps.culprit(&message).unzip();
        let failure = BuildFailure {
            image: image.to_owned(),
            step,
            log: log.unwrap_or_default(),
            message: BuildMessage(message.trim().to_owned()),
        };
        return Err(BuildError::Failed(Box::new(failure)));
    }
    match (line.id.as_str(), line.aux) {
        ("moby.image.id", Some(told)) => *id = told["ID"].as_str().map(str::to_owned),
        ("moby.buildkit.trace", Some(serde_json::Value::String(text))) => {
            // What cannot be read is progress only; the build goes on.
            let message =
                STANDARD.decode(text).ok().and_then(|bytes| StatusResponse::decode(&bytes[..]).ok());
            steps.take(message.unwrap_or_default(), progress);
        }
        _ => {}
    }
    Ok(())
}

impl Default for Dockerfile {
    fn default() -> Self {
        Self::File("Dockerfile".into())
    }
}

impl fmt::Debug for BuildSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BuildSecret(..)")
    }
}
