//! What happens to one container, as it happens, and the end of what it printed.

use std::collections::HashMap;

use bollard::query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder};
use futures_util::stream::pending;
use futures_util::{Stream, StreamExt};

use super::Engine;
use crate::stack::ContainerName;

impl Engine {
    /// One item each time that something happens to a container: its end, a start, a change of its health. What it is
    /// then is for an inspect to say. Silent once the engine is.
    pub fn happenings(&self, name: &ContainerName) -> impl Stream<Item = ()> + Send + use<> {
        let filters = HashMap::from([
            ("type", vec!["container".to_owned()]),
            ("container", vec![name.to_string()]),
            ("event", ["die", "start", "oom", "destroy", "health_status"].map(str::to_owned).to_vec()),
        ]);
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let docker = self.patient().clone();
        docker
            .events(Some(options))
            .take_while(|event| std::future::ready(event.is_ok()))
            .map(drop)
            .chain(pending())
    }

    /// The last lines that a container printed, as well as its log driver keeps them.
    pub async fn last_lines(&self, name: &ContainerName, count: usize) -> Vec<String> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&count.to_string()).build();
        let mut stream = std::pin::pin!(self.docker().logs(name.as_str(), Some(options)));
        let mut text = String::new();
        while let Some(Ok(chunk)) = stream.next().await {
            text.push_str(&String::from_utf8_lossy(chunk.as_ref()));
        }
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }
}
