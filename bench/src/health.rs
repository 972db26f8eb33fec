//! How long containers need to become healthy, as the engine itself tells it. It must never ask the deployer.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::stack::Order;

/// The engine may say it later than the deployer, which probes by itself.
const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Listens to the engine while a stack is changed.
pub struct Watch {
    events: Child,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Watch {
    /// Begins to listen.
    pub fn start(stack: &str) -> Result<Self> {
        let label = format!("label=deployer.stack={stack}");
        let mut command = Command::new("docker");
        command.args(["events", "--format", "{{json .}}", "--filter", &label, "--filter", "type=container"]);
        command.args(["--filter", "event=start", "--filter", "event=health_status"]);
        let mut events = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stream = events.stdout.take().context("docker events says something")?;
        let watch = Self { events, said: Arc::default() };
        let said = watch.said.clone();
        std::thread::spawn(move || {
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            for event in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
                said.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
        });
        Ok(watch)
    }

    /// The time that the slowest of so many containers needed, or that all of a chain needed one after the other;
    /// nothing when the engine said too little.
    pub fn stop(self, containers: usize, order: Order) -> Option<Duration> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let needed = needed(&self.said.lock().unwrap_or_else(PoisonError::into_inner));
            if needed.len() >= containers {
                let needed = needed.into_iter();
                return if order == Order::Chain { Some(needed.sum()) } else { needed.max() };
            }
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ended_already = self.events.kill();
        let _nobody_asks = self.events.wait();
    }
}

/// From each container's start to its first good word on health.
fn needed(events: &[Value]) -> Vec<Duration> {
    let (mut started, mut healthy) = (BTreeMap::new(), BTreeMap::new());
    for event in events {
        let (Some(id), Some(at)) = (event["Actor"]["ID"].as_str(), event["timeNano"].as_u64()) else {
            continue;
        };
        match event["Action"].as_str() {
            Some("start") => _ = started.entry(id).or_insert(at),
            Some("health_status: healthy") => _ = healthy.entry(id).or_insert(at),
            _ => {}
        }
    }
    let of = |(id, at): (&str, u64)| Some(Duration::from_nanos(at.saturating_sub(*started.get(id)?)));
    healthy.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Duration, needed};

    #[test]
    fn health_counts_from_the_start_of_the_same_container() {
        let event = |id: &str, action: &str, at: u64| json!({ "Action": action, "Actor": { "ID": id }, "timeNano": at });
        let events = [
            event("a", "start", 1_000),
            event("b", "start", 5_000),
            event("a", "health_status: healthy", 4_000),
            event("c", "health_status: healthy", 9_000),
            event("b", "health_status: unhealthy", 9_000),
        ];
        assert_eq!(needed(&events), [Duration::from_nanos(3_000)]);
    }
}
