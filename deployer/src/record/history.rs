//! The releases of a stack, oldest first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FORMAT, RecordError};
use crate::labels::Role;
use crate::snapshot::{Container, State};
use crate::stack::{Release, ReleaseNumber, ServiceName, Serving, StackName};

/// This many releases keep their definition and their images.
pub const KEPT: usize = 5;
/// This many releases are remembered at all.
const REMEMBERED: usize = 200;

/// What has been done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Version of the format.
    pub format: u32,
    /// Oldest first.
    pub releases: Vec<Release>,
}

impl Default for History {
    fn default() -> Self {
        Self { format: FORMAT, releases: Vec::new() }
    }
}

impl History {
    /// Reads what the keeper wrote; an empty text is an empty history.
    ///
    /// # Errors
    /// When it is damaged or newer than this program.
    pub fn parse(stack: &str, text: &str) -> Result<Self, RecordError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let damaged = |error: serde_json::Error| RecordError::Damaged {
            what: "history",
            stack: stack.into(),
            reason: error.to_string(),
        };
        let value: serde_json::Value = serde_json::from_str(text).map_err(damaged)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(found) if found > u64::from(FORMAT) => {
                Err(RecordError::Newer { what: "history", stack: stack.into(), found })
            }
            _ => serde_json::from_value(value).map_err(damaged),
        }
    }

    /// An empty history whose stack runs has been lost. Its containers say which release serves, and nothing more: that
    /// is enough to deploy beside it.
    #[must_use]
    pub fn or_seen(self, stack: &StackName, containers: &[Container]) -> Self {
        if !self.releases.is_empty() {
            return self;
        }
        let mut serving: BTreeMap<ServiceName, Serving> = BTreeMap::new();
        let running = containers.iter().filter(|container| {
            container.is_of(stack)
                && container.role() == Some(Role::Service)
                && !matches!(container.state, State::Exited | State::Created)
        });
        for container in running {
            let seen = (container.service(), container.release(), container.color(), container.replica());
            let (Some(service), Some(made_in), Some(color), Some(replica)) = seen else { continue };
            let newest = serving.entry(service).or_insert(Serving { made_in, color, replicas: replica });
            if made_in > newest.made_in {
                *newest = Serving { made_in, color, replicas: replica };
            } else if made_in == newest.made_in {
                newest.replicas = newest.replicas.max(replica);
            }
        }
        let Some(number) = serving.values().map(|serving| serving.made_in).max() else { return self };
        let release = Release {
            number,
            tag: "unknown".into(),
            source: None,
            revision: None,
            created: String::new(),
            by: String::new(),
            agent: None,
            serving,
            stack: None,
        };
        self.with(release)
    }

    /// The release that serves.
    #[must_use]
    pub fn live(&self) -> Option<&Release> {
        self.releases.last()
    }

    /// The release of that number.
    #[must_use]
    pub fn get(&self, number: ReleaseNumber) -> Option<&Release> {
        self.releases.iter().rev().find(|release| release.number == number)
    }

    /// The number of the next release.
    #[must_use]
    pub fn next(&self) -> ReleaseNumber {
        self.live().map_or(ReleaseNumber(1), |release| release.number.next())
    }

    /// Where a service's requests go now.
    #[must_use]
    pub fn serving(&self, service: &ServiceName) -> Option<&Serving> {
        self.live()?.serving.get(service)
    }

    /// The releases whose definition is kept.
    pub fn kept(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().rev().take(KEPT).filter(|release| release.stack.is_some())
    }

    /// The release that a rollback without a number returns to: the last one before the live one's content that is not
    /// the same again, as one is that only made lost containers anew.
    #[must_use]
    pub fn before_live(&self) -> Option<&Release> {
        let live = self.live()?;
        let (content, now) = (live.content(), self.kept_as(live));
        let mut before = self.releases.iter().rev().filter(|release| release.number < content);
        before.find(|release| !self.kept_as(release).deploys_the_same(now))
    }

    /// The last record of the same content that has its definition: a rollback is kept longer than its source, and
    /// names the containers that ran last. The release itself when none has.
    #[must_use]
    pub fn kept_as<'a>(&'a self, release: &'a Release) -> &'a Release {
        let same = |other: &&Release| other.content() == release.content() && other.stack.is_some();
        self.releases.iter().rev().find(same).unwrap_or(release)
    }

    /// The history with one more release; old definitions are dropped.
    #[must_use]
    pub fn with(mut self, release: Release) -> Self {
        self.releases.push(release);
        let count = self.releases.len();
        for old in self.releases.iter_mut().take(count.saturating_sub(KEPT)) {
            old.stack = None;
        }
        self.releases.drain(..count.saturating_sub(REMEMBERED));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: u64, source: Option<u64>) -> Release {
        Release {
            number: ReleaseNumber(number),
            tag: format!("v{number}"),
            source: source.map(ReleaseNumber),
            revision: None,
            created: "2026-01-01T00:00:00Z".into(),
            by: "someone@somewhere".into(),
            agent: None,
            serving: Default::default(),
            stack: None,
        }
    }

    fn back(releases: &[(u64, Option<u64>)]) -> Option<u64> {
        let history = releases
            .iter()
            .fold(History::default(), |history, (number, source)| history.with(release(*number, *source)));
        history.before_live().map(|release| release.number.0)
    }

    #[test]
    fn each_rollback_goes_one_further_back() {
        assert_eq!(back(&[]), None);
        assert_eq!(back(&[(1, None)]), None);
        assert_eq!(back(&[(1, None), (2, None), (3, None)]), Some(2));
        assert_eq!(back(&[(1, None), (2, None), (3, None), (4, Some(2))]), Some(1));
        assert_eq!(back(&[(1, None), (2, None), (3, Some(1))]), None);
        assert_eq!(back(&[(1, None), (2, None), (3, Some(1)), (4, None)]), Some(3));
        assert_eq!(back(&[(1, None), (2, None), (3, Some(1)), (4, None), (5, Some(1))]), None);
    }

    #[test]
    fn newer_and_damaged_histories_are_told_apart() {
        assert!(matches!(History::parse("s", r#"{"format":9}"#), Err(RecordError::Newer { found: 9, .. })));
        assert!(matches!(History::parse("s", r#"{"format":1"#), Err(RecordError::Damaged { .. })));
        assert_eq!(History::parse("s", " ").unwrap(), History::default());
    }
}
