//! The images of a stack: built, pulled, or looked at, all at once. What became of each is a fact for the stack.

use std::collections::BTreeMap;
use std::time::Instant;

use compose_file::model::{self, Project, PullPolicy, Service};
use futures_util::future::try_join_all;

use crate::engine::build::{Build, BuildError, BuildEvent, BuildProgress, BuildSecret, Dockerfile};
use crate::engine::credentials::Credentials;
use crate::engine::images::Image;
use crate::engine::pull::{Policy, PullProgress};
use crate::engine::{Engine, Error};
use crate::event::{Event, Events};
use crate::project::Wanted;
use crate::stack::{ImageFacts, ImageId, RELEASE_TOKEN, ServiceName, StackName, is_inline};

/// What tells BuildKit to put the cache's description into the image.
const INLINE_CACHE: &str = "BUILDKIT_INLINE_CACHE";

/// The repository of a service's image: as the file names it, or as Compose would.
#[must_use]
pub fn repository(stack: &StackName, name: &str, service: &Service) -> String {
    let Some(image) = &service.image else { return format!("{stack}-{name}") };
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        // A colon before a slash belongs to a registry's port.
        Some((repository, tag)) if !tag.contains('/') => repository.into(),
        _ => image.into(),
    }
}

/// The tag that `build` gives.
#[must_use]
pub fn built_tag(stack: &StackName, name: &str, service: &Service, tag: &str) -> String {
    format!("{}:{tag}", repository(stack, name, service))
}

/// Builds the wanted services' images, several at once. `secrets` are the contents of the file's secrets, by key.
///
/// # Errors
/// The first build that fails, with its step and the end of its log.
pub async fn build(
    engine: &Engine,
    project: &Project,
    secrets: &BTreeMap<String, Vec<u8>>,
    tag: &str,
    wanted: &Wanted,
    events: &Events,
) -> Result<(), BuildError> {
    let stack = StackName::new(&project.name);
    let services = project.services.iter().filter(|(name, _)| wanted.has(name));
    let builds = services.filter_map(|(name, service)| Some((name, service, service.build.as_ref()?)));
    let credentials = &Credentials::of_user()?;
    try_join_all(builds.map(|(name, service, build)| {
        let request = request(build, service, built_tag(&stack, name, service, tag), secrets);
        async move {
            let mut work = Activity::begin(events, format!("build {name}"));
            let result = engine.build_image(&request, credentials, |progress| work.build(progress)).await;
            work.end(result, "built").map(drop)
        }
    }))
    .await
    .map(drop)
}

fn request(
    build: &model::Build,
    service: &Service,
    tag: String,
    secrets: &BTreeMap<String, Vec<u8>>,
) -> Build {
    let dockerfile = match &build.dockerfile_inline {
        Some(text) => Dockerfile::Inline(text.clone()),
        None => Dockerfile::File(build.dockerfile.as_deref().unwrap_or("Dockerfile").into()),
    };
    let platforms = match &service.platform {
        Some(platform) if build.platforms.is_empty() => vec![platform.clone()],
        _ => build.platforms.clone(),
    };
    let mut args = build.args.clone();
    if build.cache_to.iter().any(|target| is_inline(target)) {
        args.insert(INLINE_CACHE.into(), "1".into());
    }
    let secret = |mount: &model::FileMount| {
        Some((mount.target.clone(), BuildSecret(secrets.get(&mount.source)?.clone())))
    };
    Build {
        context: build.context.clone(),
        dockerfile,
        target: build.target.clone(),
        args,
        labels: build.labels.clone(),
        tags: std::iter::once(tag).chain(build.tags.iter().cloned()).collect(),
        cache_from: build.cache_from.clone(),
        network: build.network.clone(),
        platforms,
        pull: build.pull,
        no_cache: build.no_cache,
        shm_size: build.shm_size,
        extra_hosts: build.extra_hosts.clone(),
        secrets: build.secrets.iter().filter_map(secret).collect(),
    }
}

/// Pulls the wanted services' images that are not built here, several at once.
///
/// # Errors
/// The first image that cannot be had.
pub async fn pull(engine: &Engine, project: &Project, wanted: &Wanted, events: &Events) -> Result<(), Error> {
    let services =
        project.services.iter().filter(|(name, service)| wanted.has(name) && service.build.is_none());
    let mut images: BTreeMap<(&str, Option<&str>), Policy> = BTreeMap::new();
    for (_, service) in services {
        let Some(image) = service.image.as_deref() else { continue };
        let policy = policy(service.pull_policy);
        let entry = images.entry((image, service.platform.as_deref())).or_insert(policy);
        if policy == Policy::Always {
            *entry = policy;
        }
    }
    if images.is_empty() {
        return Ok(());
    }
    let credentials = &Credentials::of_user()?;
    try_join_all(images.into_iter().map(|((image, platform), policy)| async move {
        // Nothing is said of an image that is there.
        if policy != Policy::Always && engine.find_image(image).await?.is_some() {
            return Ok(());
        }
        let mut work = Activity::begin(events, format!("pull {image}"));
        let result =
            engine.ensure_image(image, policy, platform, credentials, |progress| work.pull(progress)).await;
        work.end(result, "pulled").map(drop)
    }))
    .await
    .map(drop)
}

fn policy(given: Option<PullPolicy>) -> Policy {
    match given {
        Some(PullPolicy::Always) => Policy::Always,
        Some(PullPolicy::Never | PullPolicy::Build) => Policy::Never,
        Some(PullPolicy::Missing) | None => Policy::Missing,
    }
}

/// What the engine knows of every service's image, asked all at once. A service whose image is not there is left out.
///
/// # Errors
/// When the engine does not answer.
pub async fn facts(
    engine: &Engine,
    project: &Project,
    tag: &str,
) -> Result<BTreeMap<ServiceName, ImageFacts>, Error> {
    let stack = &StackName::new(&project.name);
    let found = try_join_all(project.services.iter().map(|(name, service)| async move {
        let built = service.build.is_some();
        let reference = match &service.image {
            Some(image) if !built => image.clone(),
            _ => built_tag(stack, name, service, tag),
        };
        let image = engine.find_image(&reference).await?;
        let shown = if built {
            format!("{}:release-{RELEASE_TOKEN}", repository(stack, name, service))
        } else {
            reference
        };
        Ok::<_, Error>(image.map(|image| (ServiceName::new(name), facts_of(image, shown, built))))
    }))
    .await?;
    Ok(found.into_iter().flatten().collect())
}

fn facts_of(image: Image, reference: String, built: bool) -> ImageFacts {
    let tcp = |port: &String| {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        (protocol == "tcp").then(|| number.parse().ok()).flatten()
    };
    ImageFacts {
        reference,
        id: ImageId::new(image.id),
        built,
        exposed: image.config.exposed.iter().filter_map(tcp).collect(),
        volumes: image.config.volumes,
        healthcheck: image.config.healthcheck.is_some(),
    }
}

/// Facts for a service whose image is not known yet: nothing that needs the image may depend on them.
#[must_use]
pub fn unknown(project: &Project) -> BTreeMap<ServiceName, ImageFacts> {
    let facts = |name: &String, service: &Service| ImageFacts {
        reference: service.image.clone().unwrap_or_else(|| name.clone()),
        id: ImageId::new("unknown"),
        built: service.build.is_some(),
        exposed: Vec::new(),
        volumes: Vec::new(),
        healthcheck: false,
    };
    project.services.iter().map(|(name, service)| (ServiceName::new(name), facts(name, service))).collect()
}

/// Something that takes a while and says how far it is.
pub struct Activity<'a> {
    events: &'a Events,
    name: String,
    started: Instant,
}

impl<'a> Activity<'a> {
    /// It begins.
    #[must_use]
    pub fn begin(events: &'a Events, name: String) -> Self {
        events.send(Event::ActivityStarted { name: name.clone() });
        Self { events, name, started: Instant::now() }
    }

    /// It is so far, in its own unit.
    pub fn progress(&mut self, text: String, done: u64, total: u64) {
        self.events.send(Event::ActivityProgress { name: self.name.clone(), text, done, total });
    }

    /// It has ended, well or not.
    ///
    /// # Errors
    /// The one that it ended with.
    pub fn end<T, E>(self, result: Result<T, E>, well: &str) -> Result<T, E> {
        let (ok, took) = (result.is_ok(), self.started.elapsed());
        let how = if ok { well } else { "failed" };
        self.events.send(Event::ActivityEnded { name: self.name, result: how.into(), ok, took });
        result
    }

    fn build(&mut self, progress: BuildProgress) {
        let (done, total) = (progress.done as u64, progress.total as u64);
        match progress.event {
            BuildEvent::Started { step } => self.progress(step, done, total),
            BuildEvent::Finished { step, cached } => {
                let how = if cached { "cached" } else { "done" };
                self.progress(format!("{step} {how}"), done, total);
            }
            BuildEvent::Line { line, .. } => {
                self.events.send(Event::ActivityOutput { name: self.name.clone(), line });
            }
            BuildEvent::Moved { what, .. } => self.progress(what, done, total),
        }
    }

    fn pull(&mut self, progress: PullProgress) {
        let (done, total) = progress.bytes.unwrap_or_default();
        let text = match progress.layer {
            Some(layer) => format!("{layer} {}", progress.status),
            None => progress.status,
        };
        self.progress(text, done, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inline_cache_is_asked_for_by_an_argument() {
        let args = |cache_to: &str| {
            let build = model::Build { cache_to: vec![cache_to.into()], ..Default::default() };
            request(&build, &Service::default(), "web:1".into(), &BTreeMap::new()).args
        };
        assert_eq!(args("type=inline").get(INLINE_CACHE).map(String::as_str), Some("1"));
        assert_eq!(args("type=local,dest=/c"), BTreeMap::new());
    }
}
