//! `x-deployer`: what Compose has no word for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

mod check;

/// The top-level `x-deployer` key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Host commands that run before the images are built, in order, in the project's folder.
    pub build: Vec<HostCommand>,
    /// What `deployer health` asks.
    pub checks: Vec<Check>,
    /// How long the old color may finish what it began.
    #[serde(deserialize_with = "duration")]
    pub drain: Duration,
    /// How long a front holds a request while no replica is live.
    #[serde(deserialize_with = "duration")]
    pub hold: Duration,
    /// A port inside the stack's networks on which every front answers `GET /metrics`.
    pub metrics: Option<u16>,
    /// Services whose trusted proxies may begin a connection with a PROXY header.
    pub proxy_protocol: Vec<String>,
    /// What the old color does after a deploy.
    pub standby: Standby,
    /// Address ranges whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<String>,
    /// More about named volumes, by their key in the file.
    pub volumes: BTreeMap<String, VolumeSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            build: Vec::new(),
            checks: Vec::new(),
            drain: Duration::from_secs(30),
            hold: Duration::from_secs(5),
            metrics: None,
            proxy_protocol: Vec::new(),
            standby: Standby::Stopped,
            trusted_proxies: Vec::new(),
            volumes: BTreeMap::new(),
        }
    }
}

/// What the old color does after a deploy, until a rollback or the next deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standby {
    /// It is stopped: a rollback starts it.
    Stopped,
    /// It runs on without requests, behind its front: a rollback only switches. Services without a front are stopped.
    Warm,
}

/// A command on the host: a line for `sh -c`, or a program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HostCommand {
    /// For the shell.
    Line(String),
    /// Run as it is.
    Program(Vec<String>),
}

/// What a named volume holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VolumeSettings {
    /// The format of its content: a volume with another one is refused, not overwritten.
    pub format: Option<String>,
}

/// Requests to one service, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it shows.
    pub name: String,
    /// The service that is asked, through its published port.
    pub service: String,
    /// The port inside the service; absent: the first published one.
    #[serde(default)]
    pub port: Option<u16>,
    /// The requests.
    pub steps: Vec<CheckStep>,
}

/// One request and what is expected of its answer. `{name}` in path and body stands for a captured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckStep {
    /// `GET` unless given.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Sent as JSON.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// Sent as it is.
    #[serde(default)]
    pub body: Option<String>,
    /// 200 unless given.
    #[serde(default = "ok")]
    pub status: u16,
    /// The answer is JSON and has at least this in it.
    #[serde(default)]
    pub expect: Option<serde_json::Value>,
    /// Names for fields of the JSON answer, for the steps after this one.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
}

fn get() -> String {
    "GET".into()
}

fn ok() -> u16 {
    200
}

/// Reads `30s`, `1m30s`, `500ms`, or what an earlier release stored.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Stored(Duration),
    }
    match Written::deserialize(deserializer)? {
        Written::Stored(duration) => Ok(duration),
        Written::Text(text) => parse_duration(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not a duration such as 30s or 1m30s"))
        }),
    }
}

/// Nobody means more than a hundred years, and clocks overflow at some point.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// Compose's spelling of a duration.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let units = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        total += value
            * match &rest[digits..units] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                _ => return None,
            };
        rest = &rest[units..];
    }
    Duration::try_from_secs_f64(total).ok().filter(|duration| *duration <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spelled_as_in_compose() {
        let check = |text, expect: Option<u64>| {
            assert_eq!(parse_duration(text), expect.map(Duration::from_millis), "{text}")
        };
        check("30s", Some(30_000));
        check("1m30s", Some(90_000));
        check("1.5s", Some(1_500));
        check("500ms", Some(500));
        check("30", None);
        check("", None);
        check("s", None);
        check("1y", None);
        check("99999999999999999999999h", None);
    }

    #[test]
    fn settings_survive_being_stored() {
        let settings: Settings =
            serde_json::from_str(r#"{"drain":"10s","build":["make",["cargo","build"]]}"#).unwrap();
        let stored = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&stored).unwrap(), settings);
        assert_eq!(settings.drain, Duration::from_secs(10));
        assert!(serde_json::from_str::<Settings>(r#"{"drian":"10s"}"#).is_err());
    }
}
