//! What the process is told by its environment. Never prints, logs or defaults a secret.

use std::fmt;
use std::io;

use axum::http::Uri;

/// Everything that the service needs to know before it binds its port.
#[derive(Debug, Clone)]
pub struct Config {
    /// The port to listen on, on every address.
    pub port: u16,
    /// What `GET /` shows as the version.
    pub version: String,
    /// The largest body that an upload may have.
    pub max_body_bytes: usize,
    /// Where documents are kept.
    pub storage: StorageConfig,
}

/// Where documents are kept, and how to be let in.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// The endpoint as it was configured: what readiness answers show.
    pub endpoint: String,
    /// The endpoint as a URL.
    pub url: String,
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: Secret,
    /// The bucket that holds the documents.
    pub bucket: String,
}

/// A text that `Debug` does not show.
#[derive(Clone)]
pub struct Secret(String);

/// Why the process refuses to start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable without a default is absent or empty.
    #[error("{variable} is not set (nor is {variable}_FILE)")]
    Missing {
        /// The variable.
        variable: &'static str,
    },
    /// A file that holds a secret cannot be read.
    #[error("{variable}_FILE names {path}, which cannot be read")]
    Unreadable {
        /// The plain variable.
        variable: &'static str,
        /// The file's path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A value that cannot be used.
    #[error("{variable} {reason}")]
    Invalid {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value, without the value.
        reason: &'static str,
    },
    /// Credentials that everybody knows.
    #[error(
        "MINIO_SECRET_KEY is a default that everybody knows; set one of your own, or APP_ENV=development"
    )]
    DefaultCredentials,
}

const DEFAULT_MAX_BODY: usize = 16 << 20;

/// Secrets that manuals and images ship with.
const WELL_KNOWN: [&str; 10] = [
    "minioadmin",
    "minio",
    "minio123",
    "miniosecret",
    "password",
    "changeme",
    "secret",
    "admin",
    "test",
    "rustfsadmin",
];

impl Config {
    /// Reads the process's own environment.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads variables from wherever `variable` finds them; an empty value counts as absent.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let or = |name: &str, default: &str| set(name).unwrap_or_else(|| default.to_owned());
        let development = or("APP_ENV", "production") == "development";
        Ok(Self {
            port: listen_port(&or("PORT", "5000"))?,
            version: or("APP_VERSION", env!("CARGO_PKG_VERSION")),
            max_body_bytes: body_limit(set("MAX_BODY_BYTES"))?,
            storage: StorageConfig::from_variables(&set, development)?,
        })
    }
}

impl StorageConfig {
    fn from_variables(set: &impl Fn(&str) -> Option<String>, development: bool) -> Result<Self, ConfigError> {
        let endpoint = set("MINIO_ENDPOINT").unwrap_or_else(|| "minio:9000".to_owned());
        let access_key = from_file_or_plain(set, "MINIO_ACCESS_KEY", "MINIO_ACCESS_KEY_FILE")?;
        let secret_key = from_file_or_plain(set, "MINIO_SECRET_KEY", "MINIO_SECRET_KEY_FILE")?;
        let known =
            WELL_KNOWN.contains(&secret_key.to_ascii_lowercase().as_str()) || secret_key == access_key;
        if known && !development {
            return Err(ConfigError::DefaultCredentials);
        }
        Ok(Self {
            url: endpoint_url(&endpoint)?,
            endpoint,
            access_key,
            secret_key: Secret(secret_key),
            bucket: bucket_name(set("BUCKET_NAME").unwrap_or_else(|| "analytics-data".to_owned()))?,
        })
    }
}

impl Secret {
    /// The text itself, for the one place that signs requests with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// The port that the environment names; the health check asks there without the rest of the configuration.
pub fn listen_port(text: &str) -> Result<u16, ConfigError> {
    text.parse().map_err(|_| ConfigError::Invalid { variable: "PORT", reason: "is not a port number" })
}

fn body_limit(text: Option<String>) -> Result<usize, ConfigError> {
    let invalid = ConfigError::Invalid {
        variable: "MAX_BODY_BYTES",
        reason: "is not a number of bytes between 1 and 1 GiB",
    };
    match text.map(|text| text.parse()) {
        None => Ok(DEFAULT_MAX_BODY),
        Some(Ok(bytes)) if (1..=1 << 30).contains(&bytes) => Ok(bytes),
        Some(_) => Err(invalid),
    }
}

fn from_file_or_plain(
    set: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    file: &str,
) -> Result<String, ConfigError> {
    let value = match set(file) {
        Some(path) => std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { variable, path, source })?
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
        None => set(variable).unwrap_or_default(),
    };
    if value.is_empty() { Err(ConfigError::Missing { variable }) } else { Ok(value) }
}

/// `host:port` means plain HTTP, as the original took it.
fn endpoint_url(endpoint: &str) -> Result<String, ConfigError> {
    let invalid = |reason| ConfigError::Invalid { variable: "MINIO_ENDPOINT", reason };
    let url = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
    let uri: Uri = url.parse().map_err(|_| invalid("is neither host:port nor a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(invalid("has a scheme other than http and https"));
    }
    if uri.authority().is_none_or(|authority| authority.host().is_empty() || authority.as_str().contains('@'))
    {
        return Err(invalid("must name a host and no user"));
    }
    if uri.query().is_some() {
        return Err(invalid("must not have a query"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn bucket_name(name: String) -> Result<String, ConfigError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| plain(byte) || byte == b'-' || byte == b'.';
    let bytes = name.as_bytes();
    let ends =
        bytes.first().is_some_and(|&byte| plain(byte)) && bytes.last().is_some_and(|&byte| plain(byte));
    if (3..=63).contains(&bytes.len())
        && ends
        && bytes.iter().all(|&byte| inner(byte))
        && !name.contains("..")
    {
        return Ok(name);
    }
    Err(ConfigError::Invalid {
        variable: "BUCKET_NAME",
        reason: "is not a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [(&str, &str); 2] =
        [("MINIO_ACCESS_KEY", "key-of-the-test"), ("MINIO_SECRET_KEY", "a-long-secret-of-the-test")];

    fn read(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(|name| {
            let mut pairs = more.iter().chain(&PLAIN);
            pairs.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn refusal(more: &[(&str, &str)]) -> String {
        read(more).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = read(&[]).unwrap();
        assert_eq!(config.port, 5000);
        assert_eq!(config.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(config.storage.endpoint, "minio:9000");
        assert_eq!(config.storage.url, "http://minio:9000");
        assert_eq!(config.storage.bucket, "analytics-data");
    }

    #[test]
    fn an_endpoint_is_host_and_port_or_a_url() {
        for (given, url) in [
            ("store:9000", "http://store:9000"),
            ("http://store:9000/", "http://store:9000"),
            ("https://s3.example.org", "https://s3.example.org"),
            ("[::1]:9000", "http://[::1]:9000"),
        ] {
            assert_eq!(read(&[("MINIO_ENDPOINT", given)]).unwrap().storage.url, url);
        }
        for given in ["ftp://store", "http://", "user@store:9000", "store:9000?x=1", "no spaces"] {
            assert!(refusal(&[("MINIO_ENDPOINT", given)]).starts_with("MINIO_ENDPOINT"), "{given}");
        }
    }

    #[test]
    fn default_credentials_are_for_development_only() {
        let known = [("MINIO_ACCESS_KEY", "minioadmin"), ("MINIO_SECRET_KEY", "minioadmin")];
        assert!(matches!(read(&known), Err(ConfigError::DefaultCredentials)));
        assert!(matches!(read(&[("MINIO_SECRET_KEY", "Password")]), Err(ConfigError::DefaultCredentials)));
        assert!(read(&[known[0], known[1], ("APP_ENV", "development")]).is_ok());
    }

    #[test]
    fn a_secret_file_wins_and_one_that_is_absent_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "from-the-secret-file\n").unwrap();
        let config = read(&[("MINIO_SECRET_KEY_FILE", path.to_str().unwrap())]).unwrap();
        assert_eq!(config.storage.secret_key.reveal(), "from-the-secret-file");
        assert!(refusal(&[("MINIO_SECRET_KEY_FILE", "/no/such/file")]).contains("/no/such/file"));
    }

    #[test]
    fn no_debug_output_shows_the_secret() {
        assert!(!format!("{:?}", read(&[]).unwrap()).contains("a-long-secret-of-the-test"));
    }

    #[test]
    fn wrong_values_are_named_by_their_variable() {
        assert!(refusal(&[("PORT", "http")]).starts_with("PORT"));
        assert!(refusal(&[("MAX_BODY_BYTES", "16M")]).starts_with("MAX_BODY_BYTES"));
        assert!(refusal(&[("BUCKET_NAME", "../etc")]).starts_with("BUCKET_NAME"));
        assert!(refusal(&[("MINIO_ACCESS_KEY", "")]).starts_with("MINIO_ACCESS_KEY"));
    }
}
