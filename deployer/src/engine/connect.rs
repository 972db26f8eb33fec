//! Where the engine is, and the way there. Nothing here may send a call that changes anything.

mod contexts;
mod endpoint;
mod forward;
mod tls;
mod wire;

use std::path::PathBuf;

use super::error::{Error, Kind};
pub use endpoint::{Certificates, Endpoint};
pub(super) use forward::Forward;
pub(super) use wire::{ANSWER_LIMIT, Wire};

/// The socket that an engine has when nobody says otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
pub(super) const ACTION: &str = "find the engine";

/// What the process's environment says about engines.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// `DOCKER_TLS_VERIFY`: any text but the empty one means yes.
    pub verify: bool,
    /// `DOCKER_CERT_PATH`.
    pub certificates: Option<PathBuf>,
    /// `DOCKER_CONFIG`, or `.docker` in the home folder.
    pub config: Option<PathBuf>,
}

impl Environment {
    /// That of this process; empty variables count as absent, as they do for docker.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            host: text("DOCKER_HOST"),
            context: text("DOCKER_CONTEXT"),
            verify: text("DOCKER_TLS_VERIFY").is_some(),
            certificates: text("DOCKER_CERT_PATH").map(PathBuf::from),
            config: config_folder(),
        }
    }
}

/// The folder of docker's own configuration.
#[must_use]
pub fn config_folder() -> Option<PathBuf> {
    let given = std::env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
    given.or_else(|| std::env::home_dir().map(|home| home.join(".docker")))
}

/// The engine that `host`, `DOCKER_HOST` or the docker context names, in this order; else the local socket.
///
/// # Errors
/// When an address, or the context that is named, cannot be used.
pub fn resolve(host: Option<&str>, environment: &Environment) -> Result<Endpoint, Error> {
    if let Some(host) = host.or(environment.host.as_deref()) {
        return Endpoint::parse(host, environment_certificates(environment));
    }
    match contexts::current(environment)? {
        Some(context) => context.endpoint(),
        None => Ok(Endpoint::Unix(DEFAULT_SOCKET.into())),
    }
}

fn environment_certificates(environment: &Environment) -> Option<Certificates> {
    let folder = environment.certificates.clone().or_else(|| environment.config.clone());
    folder.filter(|_| environment.verify).map(|folder| Certificates { folder, required: true })
}

pub(super) fn invalid(object: impl std::fmt::Display, why: impl Into<String>) -> Error {
    Error::because(Kind::Invalid, ACTION, object, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(host: Option<&str>, config: Option<PathBuf>) -> Environment {
        Environment { host: host.map(str::to_owned), config, ..Environment::default() }
    }

    fn resolved(host: Option<&str>, environment: &Environment) -> String {
        match resolve(host, environment) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => format!("{error}: {}", error.source),
        }
    }

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_default() {
        assert_eq!(resolved(None, &environment(None, None)), "unix:///var/run/docker.sock");
        assert_eq!(resolved(None, &environment(Some("tcp://a:1"), None)), "tcp://a:1");
        assert_eq!(resolved(Some("unix:///x.sock"), &environment(Some("tcp://a:1"), None)), "unix:///x.sock");
    }

    #[test]
    fn certificates_are_used_when_verification_is_asked_for() {
        let mut environment = environment(Some("tcp://a"), Some("/home/u/.docker".into()));
        assert_eq!(resolved(None, &environment), "tcp://a:2375");
        environment.verify = true;
        assert_eq!(resolved(None, &environment), "tcp://a:2376 (TLS)");
        let Ok(Endpoint::Tcp { tls: Some(tls), .. }) = resolve(None, &environment) else { panic!() };
        assert_eq!(tls.folder, PathBuf::from("/home/u/.docker"));
    }

    /// The folder that `docker context create prod --docker host=…` leaves, and `docker context use prod`.
    fn with_context(meta: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.json"), r#"{"currentContext":"prod"}"#).unwrap();
        let folder = home.path().join("contexts/meta").join(contexts::folder_name("prod"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("meta.json"), meta).unwrap();
        home
    }

    #[test]
    fn the_current_context_names_the_engine_unless_a_host_does() {
        let home = with_context(r#"{"Name":"prod","Endpoints":{"docker":{"Host":"ssh://me@prod:2222"}}}"#);
        let mut environment = environment(None, Some(home.path().into()));
        assert_eq!(resolved(None, &environment), "ssh://me@prod:2222");
        environment.host = Some("tcp://a:1".into());
        assert_eq!(resolved(None, &environment), "tcp://a:1");
        environment.host = None;
        environment.context = Some("default".into());
        assert_eq!(resolved(None, &environment), "unix:///var/run/docker.sock");
        environment.context = Some("gone".into());
        assert!(resolved(None, &environment).contains("docker context `gone` does not exist"));
    }

    #[test]
    fn a_context_that_skips_verification_is_refused() {
        let home =
            with_context(r#"{"Endpoints":{"docker":{"Host":"tcp://prod:2376","SkipTLSVerify":true}}}"#);
        let text = resolved(None, &environment(None, Some(home.path().into())));
        assert!(text.contains("skips the verification"), "{text}");
    }

    #[test]
    fn the_folder_of_a_context_is_the_sha256_of_its_name() {
        let expected = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(contexts::folder_name("test"), expected);
    }
}
