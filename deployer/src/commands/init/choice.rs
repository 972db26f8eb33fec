//! Which of the alternative sets of Compose files: the first whose images can be had. It must never pull one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use super::template::Template;
use crate::commands::Session;
use crate::engine::Engine;
use crate::engine::credentials::Credentials;
use crate::engine::registry::Availability;

/// A registry that does not answer by then is out of reach for a person who waits.
const LIMIT: Duration = Duration::from_secs(8);

/// What `COMPOSE_FILE` is set to, and why.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    pub value: String,
    pub reason: String,
}

/// Chooses; nothing when the example leaves no choice. The last possibility is the one that the example sets, and it
/// is taken when no other can be.
pub(super) async fn choose(
    session: &Session,
    template: &Template,
    variables: &Path,
) -> anyhow::Result<Option<Choice>> {
    let choices = template.choices();
    let [alternatives @ .., fallback] = choices.as_slice() else { return Ok(None) };
    if alternatives.is_empty() {
        return Ok(None);
    }
    let choice = |value: &str, reason: String| Ok(Some(Choice { value: value.to_owned(), reason }));
    let engine = match session.engine().await {
        Ok(engine) => engine,
        Err(error) => return choice(fallback, format!("no engine could be asked for images ({error})")),
    };
    let credentials = Credentials::of_user().unwrap_or_default();
    let mut obstacles = Vec::new();
    for value in alternatives {
        let images = images(session, value, variables)?;
        match obstacle(&engine, &credentials, &images).await {
            None => return choice(value, available(&images)),
            Some(obstacle) => obstacles.push(obstacle),
        }
    }
    choice(fallback, obstacles.join("; "))
}

/// The images that these files run and do not build.
fn images(session: &Session, files: &str, variables: &Path) -> anyhow::Result<BTreeSet<String>> {
    let overrides = BTreeMap::from([("COMPOSE_FILE".to_owned(), files.to_owned())]);
    let mut request = session.request(overrides)?;
    // The file that is about to be written is not there yet; these are its variables.
    request.env_files = vec![variables.to_owned()];
    request.files.clear();
    let services = compose_file::load(&request)?.project()?.services;
    Ok(services
        .into_values()
        .filter(|service| service.build.is_none())
        .filter_map(|service| service.image)
        .collect())
}

/// Why these images cannot be had, if they cannot.
async fn obstacle(engine: &Engine, credentials: &Credentials, images: &BTreeSet<String>) -> Option<String> {
    let asked = images.iter().map(|image| engine.availability(image, credentials, LIMIT));
    let answers = join_all(asked).await;
    images.iter().zip(answers).find_map(|(image, answer)| match answer {
        Availability::Here | Availability::Pullable => None,
        Availability::Absent(error) => Some(format!("{image} cannot be had ({})", error.source)),
    })
}

fn available(images: &BTreeSet<String>) -> String {
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    if images.is_empty() {
        "it needs no image from a registry".into()
    } else {
        format!("{} can be had", images.join(", "))
    }
}
