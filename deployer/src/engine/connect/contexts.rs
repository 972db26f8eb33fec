//! Docker contexts, as `docker context` stores them. They are read, never written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::error::{Error, Kind};
use super::{ACTION, Certificates, Endpoint, Environment, invalid};

/// One context that somebody chose.
pub(super) struct Chosen {
    name: String,
    address: Address,
    certificates: PathBuf,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints", default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_verification: bool,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(rename = "currentContext", default)]
    current: String,
}

impl Chosen {
    pub(super) fn endpoint(self) -> Result<Endpoint, Error> {
        if self.address.skip_verification {
            let why = "it skips the verification of the engine's certificate, which gives whoever answers the \
                       host; create it again with the engine's ca.pem";
            return Err(invalid(label(&self.name), why));
        }
        let tls = Certificates { folder: self.certificates, required: false };
        let wanted = self.address.host.starts_with("tcp://") && tls.folder.is_dir();
        Endpoint::parse(&self.address.host, wanted.then_some(tls))
    }
}

/// The context that `DOCKER_CONTEXT` or the configuration names; none when that is `default` or nothing.
pub(super) fn current(environment: &Environment) -> Result<Option<Chosen>, Error> {
    let Some(config) = &environment.config else { return Ok(None) };
    let name = match &environment.context {
        Some(name) => name.clone(),
        None => named_in(&config.join("config.json"))?,
    };
    match name.as_str() {
        "" | "default" => Ok(None),
        _ => load(config, name).map(Some),
    }
}

/// The folder of a context's files.
pub(super) fn folder_name(context: &str) -> String {
    Sha256::digest(context).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn named_in(file: &Path) -> Result<String, Error> {
    match std::fs::read(file) {
        Ok(text) => Ok(parse::<Config>(&text, file)?.current),
        // Nobody has to have logged in anywhere, or be allowed to read root's configuration.
        Err(_) => Ok(String::new()),
    }
}

fn load(config: &Path, name: String) -> Result<Chosen, Error> {
    let folder = folder_name(&name);
    let file = config.join("contexts/meta").join(&folder).join("meta.json");
    let Ok(text) = std::fs::read(&file) else {
        let why = format!(
            "docker context `{name}` does not exist in {}; `docker context ls` lists them, --host overrides them",
            config.display()
        );
        return Err(invalid("", why));
    };
    let Some(address) =
        parse::<Meta>(&text, &file)?.endpoints.docker.filter(|address| !address.host.is_empty())
    else {
        return Err(invalid(label(&name), "it names no Docker Engine"));
    };
    Ok(Chosen { name, address, certificates: config.join("contexts/tls").join(folder).join("docker") })
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8], file: &Path) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|error| {
        Error::caused_by(Kind::Invalid, ACTION, format!("named in {}", file.display()), error)
    })
}

fn label(name: &str) -> String {
    format!("of docker context `{name}`")
}
