//! The Docker Engine: the only module that names bollard. It must never know of plans, releases or commands, and
//! it must never print: it makes one call, says what came of it, and sorts what went wrong.

pub mod agents;
pub mod build;
pub mod connect;
mod containers;
mod create;
pub mod credentials;
mod error;
pub mod exec;
pub mod images;
pub mod logs;
pub mod own_image;
pub mod pull;
pub mod registry;
mod upload;

mod networks;
mod streams;
mod volumes;
mod watch;

use std::sync::Arc;

use bollard::Docker;
use semver::Version;

pub use connect::Endpoint;
use connect::{Forward, Wire};
pub use containers::{Health, Inspected};
pub use create::ServiceContainer;
use error::Context;
pub use error::{Error, Kind};
pub use streams::{Pipe, Ran};

/// One engine that answered and is new enough. Cheap to clone; all clones share the connection's settings.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    patient: Docker,
    wire: Wire,
    shared: Arc<Shared>,
}

/// What is known since the engine answered, and what must live as long as somebody talks to it.
struct Shared {
    endpoint: Endpoint,
    api: Version,
    /// Ends the ssh process when the last clone is dropped.
    _forward: Option<Forward>,
}

/// What an engine says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The engine's version, `28.5.2`.
    pub version: String,
    /// The API version that this connection speaks.
    pub api: Version,
    /// `linux`.
    pub os: String,
    /// In Rust's words, as in [`std::env::consts::ARCH`]: `x86_64`, `aarch64`.
    pub architecture: String,
    /// `overlay2`, `fuse-overlayfs`, …
    pub storage_driver: String,
    /// Where the engine keeps its data, on its own host.
    pub root_dir: String,
    /// The engine's host, by name.
    pub host_name: String,
    /// Processors that the engine has.
    pub cpus: u64,
    /// Memory that the engine has, in bytes.
    pub memory: u64,
}

impl Engine {
    /// The engine that `host`, the environment or the user's docker context names, in this order.
    ///
    /// # Errors
    /// When what names the engine cannot be understood, when no engine answers, and when it is too old.
    pub async fn connect(host: Option<&str>) -> Result<Self, Error> {
        let endpoint = connect::resolve(host, &connect::Environment::of_process())?;
        Self::connect_to(endpoint).await
    }

    /// The engine at this endpoint.
    ///
    /// # Errors
    /// When no engine answers there, and when it is too old.
    pub async fn connect_to(endpoint: Endpoint) -> Result<Self, Error> {
        let forward = Forward::open(&endpoint).await?;
        let wire = Wire::new(&endpoint, forward.as_ref())?;
        let api = wire.negotiate().await?;
        let shared = Arc::new(Shared { endpoint, api, _forward: forward });
        Ok(Self { docker: wire.client(), patient: wire.patient_client(), wire, shared })
    }

    /// Where the engine is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// Whether the engine sees the same files as this process, as far as its address tells.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.shared.endpoint.is_local()
    }

    /// The API version that is spoken, `1.41.0` for 1.41.
    #[must_use]
    pub fn api(&self) -> &Version {
        &self.shared.api
    }

    /// Asks the engine what it is: two calls at once, about 10 ms.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn facts(&self) -> Result<Facts, Error> {
        let (version, info) = tokio::try_join!(self.docker.version(), self.docker.info())
            .context("ask the engine what it is", "")?;
        Ok(Facts {
            version: version.version.unwrap_or_default(),
            api: self.shared.api.clone(),
            os: version.os.unwrap_or_default(),
            architecture: rust_architecture(&version.arch.unwrap_or_default()).to_owned(),
            storage_driver: info.driver.unwrap_or_default(),
            root_dir: info.docker_root_dir.unwrap_or_default(),
            host_name: info.name.unwrap_or_default(),
            cpus: info.ncpu.and_then(|n| n.try_into().ok()).unwrap_or_default(),
            memory: info.mem_total.and_then(|n| n.try_into().ok()).unwrap_or_default(),
        })
    }

    /// The processor that the engine runs on, in Rust's words.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn architecture(&self) -> Result<String, Error> {
        let version = self.docker.version().await.context("ask the engine what it is", "")?;
        Ok(rust_architecture(&version.arch.unwrap_or_default()).to_owned())
    }

    /// For calls that are answered soon; the first byte of the answer must come within two minutes.
    pub(in crate::engine) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// For calls whose answer may take as long as it takes: stop, wait, build, load, attach, logs, events.
    pub(in crate::engine) fn patient(&self) -> &Docker {
        &self.patient
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("endpoint", &self.shared.endpoint)
            .field("api", &self.shared.api)
            .finish()
    }
}

/// Docker's name for an architecture in Rust's words; names that are the same in both are kept.
#[must_use]
pub fn rust_architecture(docker: &str) -> &str {
    match docker {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" | "i386" | "i686" => "x86",
        "ppc64le" => "powerpc64",
        "armv7l" | "armv6l" => "arm",
        same => same,
    }
}

/// Rust's name for an architecture in Docker's words.
#[must_use]
pub fn docker_architecture(rust: &str) -> &str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        same => same,
    }
}
