//! The user's logins at registries, read from docker's own configuration and its credential helpers. A secret must
//! never reach an error, a log line or a `Debug` text, and nothing here may write.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::error::{Error, Kind};

/// Under this name docker keeps the login at Docker Hub.
const HUB: &str = "https://index.docker.io/v1/";
/// All the names that Docker Hub goes by.
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// Helpers may have to ask a cloud for a token.
const HELPER_LIMIT: Duration = Duration::from_secs(30);
const HELPER_OUTPUT: u64 = 64 * 1024;
const ACTION: &str = "read the login for";

/// Everything that docker's configuration knows about logins.
#[derive(Clone, Default, Deserialize)]
pub struct Credentials {
    #[serde(default)]
    auths: BTreeMap<String, Stored>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

/// A login at one registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    server: String,
    /// Absent: the secret is an identity token.
    username: Option<String>,
    secret: String,
}

#[derive(Clone, Default, Deserialize)]
struct Stored {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
}

/// What a helper prints.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

impl Credentials {
    /// Those of the user; none when docker has no configuration.
    ///
    /// # Errors
    /// When the configuration is not what docker writes.
    pub fn of_user() -> Result<Self, Error> {
        super::connect::config_folder()
            .map_or_else(|| Ok(Self::default()), |folder| Self::load(&folder.join("config.json")))
    }

    /// Those of a file like `~/.docker/config.json`; none when it is not there.
    ///
    /// # Errors
    /// When the file is not what docker writes.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let Ok(text) = std::fs::read(file) else { return Ok(Self::default()) };
        serde_json::from_slice(&text).map_err(|error| {
            // The error's own text could quote what it did not expect.
            let why = format!("line {}, column {}: not what docker writes", error.line(), error.column());
            Error::because(Kind::Invalid, "read docker's configuration", file.display(), why)
        })
    }

    /// The login for the registry that an image comes from.
    ///
    /// # Errors
    /// When a credential helper fails.
    pub async fn for_image(&self, reference: &str) -> Result<Option<Login>, Error> {
        self.for_registry(registry_of(reference)).await
    }

    /// The login for a registry, by its host name.
    ///
    /// # Errors
    /// When a credential helper fails.
    pub async fn for_registry(&self, host: &str) -> Result<Option<Login>, Error> {
        let key = if HUB_HOSTS.contains(&host) { HUB } else { host };
        let helper = self.helpers.get(key).or_else(|| self.helpers.get(host)).or(self.store.as_ref());
        match helper.filter(|helper| !helper.is_empty()) {
            Some(helper) => ask(&format!("docker-credential-{helper}"), key).await,
            None => self.stored(host, key),
        }
    }

    fn stored(&self, host: &str, key: &str) -> Result<Option<Login>, Error> {
        let wanted = host_of(key);
        let found = self.auths.get(key).or_else(|| self.auths.get(host)).or_else(|| {
            self.auths.iter().find(|(name, _)| host_of(name) == wanted).map(|(_, stored)| stored)
        });
        let Some(stored) = found else { return Ok(None) };
        stored.login(key).map_err(|why| Error::because(Kind::Invalid, ACTION, host, why))
    }
}

impl Stored {
    fn login(&self, server: &str) -> Result<Option<Login>, &'static str> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::token(server, &self.identitytoken)));
        }
        if self.auth.is_empty() {
            return Ok(Login::with_password(server, &self.username, &self.password));
        }
        let plain = STANDARD.decode(&self.auth).map_err(|_| "its `auth` is not base64; log in again")?;
        let plain = String::from_utf8(plain).map_err(|_| "its `auth` is not text; log in again")?;
        let (username, password) =
            plain.split_once(':').ok_or("its `auth` is not USER:PASSWORD; log in again")?;
        Ok(Login::with_password(server, username, password.trim_end_matches('\0')))
    }
}

impl Login {
    fn token(server: &str, token: &str) -> Self {
        Self { server: server.to_owned(), username: None, secret: token.to_owned() }
    }

    fn with_password(server: &str, username: &str, password: &str) -> Option<Self> {
        (!username.is_empty()).then(|| Self {
            server: server.to_owned(),
            username: Some(username.to_owned()),
            secret: password.to_owned(),
        })
    }

    /// The user's name, empty for an identity token, and the secret.
    pub(super) fn reveal(&self) -> (&str, &str) {
        (self.username.as_deref().unwrap_or_default(), &self.secret)
    }

    /// The shape that goes into a request.
    pub(super) fn into_request(self) -> DockerCredentials {
        let mut request = DockerCredentials { serveraddress: Some(self.server), ..Default::default() };
        match self.username {
            Some(_) => (request.username, request.password) = (self.username, Some(self.secret)),
            None => request.identitytoken = Some(self.secret),
        }
        request
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("server", &self.server).finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registries: Vec<_> = self.auths.keys().collect();
        f.debug_struct("Credentials").field("registries", &registries).finish_non_exhaustive()
    }
}

/// The host of the registry that an image's name begins with; Docker Hub when it names none.
#[must_use]
pub fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB_HOSTS[0],
    }
}

/// `https://host/v1/` and `host` are the same registry.
fn host_of(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Asks a credential helper: the server's name goes in, a login comes out.
async fn ask(program: &str, server: &str) -> Result<Option<Login>, Error> {
    // The name comes from a file; it must not lead out of the folders of programs.
    let told = match program.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        true => told_by(program, server).await,
        false => Err("is not the name of a program".to_owned()),
    };
    told.map_err(|why| Error::because(Kind::Invalid, ACTION, server, format!("{program} {why}")))
}

/// The program's standard error is not looked at, for nobody knows what it says there.
async fn told_by(program: &str, server: &str) -> Result<Option<Login>, String> {
    let (succeeded, output) = tokio::time::timeout(HELPER_LIMIT, run(program, server))
        .await
        .map_err(|_| format!("did not answer within {} seconds", HELPER_LIMIT.as_secs()))?
        .map_err(|error| format!("does not run: {error}"))?;
    if !succeeded {
        // The protocol's own words for "nobody has logged in there".
        let unknown = String::from_utf8_lossy(&output).contains("credentials not found");
        return if unknown { Ok(None) } else { Err("failed".to_owned()) };
    }
    let told: Told = serde_json::from_slice(&output).map_err(|_| "did not answer with a login".to_owned())?;
    Ok(match told.username.as_str() {
        "<token>" => Some(Login::token(server, &told.secret)),
        username => Login::with_password(server, username, &told.secret),
    })
}

async fn run(program: &str, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let stdout = child.stdout.take().expect("standard output is piped");
    // A helper that answers without reading has closed its end already.
    let _ = stdin.write_all(server.as_bytes()).await;
    drop(stdin);
    let mut output = Vec::new();
    stdout.take(HELPER_OUTPUT).read_to_end(&mut output).await?;
    Ok((child.wait().await?.success(), output))
}

#[cfg(test)]
mod tests;
