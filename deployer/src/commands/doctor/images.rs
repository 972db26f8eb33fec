//! The images that the stack runs or builds on: here, or in a registry that answers. Nothing is pulled.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use compose_file::model::Build;
use futures_util::future::join_all;

use super::{Finding, dockerfile};
use crate::engine::Engine;
use crate::engine::credentials::Credentials;
use crate::engine::registry::Availability;
use crate::project::Workspace;

/// A registry that does not answer by then is out of reach for a person who waits.
const LIMIT: Duration = Duration::from_secs(8);

/// Looks for every image, all at once.
pub(super) async fn check(engine: &Engine, workspace: &Workspace) -> Vec<Finding> {
    let (credentials, mut found) = match Credentials::of_user() {
        Ok(credentials) => (credentials, Vec::new()),
        Err(error) => {
            let finding = Finding::error("logins", &error.into(), "repair or remove docker's config.json");
            (Credentials::default(), vec![finding])
        }
    };
    let (images, problems) = images(workspace);
    found.extend(problems);
    let looks = images.iter().map(async |(image, needed_by)| {
        let check = format!("image {image}");
        match engine.availability(image, &credentials, LIMIT).await {
            Availability::Here => Finding::ok(check, "the engine has it"),
            Availability::Pullable => Finding::ok(check, "can be pulled"),
            Availability::Absent(error) => Finding::failed(
                check,
                format!("{needed_by} needs it: {}", error.source),
                "check its name, its registry and the login there, or load it on the engine",
            ),
        }
    });
    found.extend(join_all(looks).await);
    found
}

/// Images with the service that needs them, and Dockerfiles that cannot be read.
fn images(workspace: &Workspace) -> (BTreeMap<String, String>, Vec<Finding>) {
    let (mut images, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, service) in &workspace.project.services {
        match (&service.build, &service.image) {
            (Some(build), _) => match text(build) {
                Ok(text) => {
                    let bases = dockerfile::bases(&text, build.target.as_deref());
                    images.extend(bases.into_iter().map(|base| (base, format!("the build of {name}"))));
                }
                Err(why) => problems.push(Finding::failed(
                    format!("Dockerfile of {name}"),
                    why,
                    "give the service's `build.context` and `build.dockerfile` paths that exist",
                )),
            },
            (None, Some(image)) => drop(images.insert(image.clone(), name.clone())),
            (None, None) => {}
        }
    }
    (images, problems)
}

fn text(build: &Build) -> Result<String, String> {
    if let Some(text) = &build.dockerfile_inline {
        return Ok(text.clone());
    }
    if build.context.contains("://") {
        return Ok(String::new());
    }
    let file = Path::new(&build.context).join(build.dockerfile.as_deref().unwrap_or("Dockerfile"));
    std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
}
