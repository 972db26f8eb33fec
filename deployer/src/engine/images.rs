//! Images that the engine has: what they are, and their tags. Nothing here may fetch or build one.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{HealthConfig, ImageConfig, ImageInspect};
use bollard::query_parameters::{
    ListImagesOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};

use super::error::Context;
use super::{Engine, Error};

/// An image that the engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// `sha256:…`.
    pub id: String,
    /// `repository:tag`, as the engine lists them.
    pub tags: Vec<String>,
    /// `repository@sha256:…`, for images that came from a registry.
    pub digests: Vec<String>,
    /// In Rust's words: `x86_64`.
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// Bytes on disk.
    pub size: u64,
    /// What containers of it are, unless told otherwise.
    pub config: Defaults,
}

/// What an image says about its containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// `EXPOSE`: `8080/tcp`, in order.
    pub exposed: Vec<String>,
    /// `VOLUME`: paths, in order.
    pub volumes: Vec<String>,
    /// `HEALTHCHECK`; absent when there is none, or it is `NONE`.
    pub healthcheck: Option<Check>,
    /// `USER`; empty for root.
    pub user: String,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `WORKDIR`.
    pub working_dir: String,
    /// `STOPSIGNAL`.
    pub stop_signal: Option<String>,
    /// `LABEL`.
    pub labels: BTreeMap<String, String>,
}

/// An image's health check. A duration that is absent means the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// `["CMD", …]` or `["CMD-SHELL", …]`.
    pub test: Vec<String>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// How long a probe may take.
    pub timeout: Option<Duration>,
    /// How many failures in a row make it unhealthy.
    pub retries: Option<u32>,
    /// How long failures do not count.
    pub start_period: Option<Duration>,
    /// Time between probes in the start period.
    pub start_interval: Option<Duration>,
}

/// One tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What comes after the colon.
    pub tag: String,
    /// The image's id.
    pub image: String,
    /// When the image was made, in seconds since 1970.
    pub created: i64,
}

impl Engine {
    /// The image that this name, or id, means; none when the engine does not have it.
    ///
    /// # Errors
    /// When the engine cannot say.
    pub async fn find_image(&self, reference: &str) -> Result<Option<Image>, Error> {
        match self.image(reference).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The image that this name, or id, means.
    ///
    /// # Errors
    /// When the engine does not have it, or cannot say.
    pub async fn image(&self, reference: &str) -> Result<Image, Error> {
        self.docker().inspect_image(reference).await.map(Image::from).context("inspect image", reference)
    }

    /// Gives an image a further name. A tag that another image has is moved.
    ///
    /// # Errors
    /// When the image is not there, or the engine does not take the name.
    pub async fn tag_image(&self, image: &str, reference: &str) -> Result<(), Error> {
        let (repository, tag) = split_tag(reference);
        let options = TagImageOptionsBuilder::default().repo(repository).tag(tag).build();
        self.docker().tag_image(image, Some(options)).await.context("tag image", reference)
    }

    /// Takes a name away from an image, and the image with it when that was its last and nothing needs it. A name that
    /// means another image stays, and so does the last name of an image that a container needs.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn untag_image(&self, image: &str, reference: &str) -> Result<(), Error> {
        if self.find_image(reference).await?.is_none_or(|found| found.id != image) {
            return Ok(());
        }
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        let result = self.docker().remove_image(reference, Some(options), None).await;
        match result.context("untag image", reference) {
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    /// The tags that a repository has on this engine, the newest image first.
    ///
    /// # Errors
    /// When the engine cannot say.
    pub async fn image_tags(&self, repository: &str) -> Result<Vec<Tag>, Error> {
        let filters = HashMap::from([("reference", vec![repository])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let images = self.docker().list_images(Some(options)).await.context("list images of", repository)?;
        let mut tags: Vec<Tag> = images
            .into_iter()
            .flat_map(|image| {
                image.repo_tags.into_iter().map(move |name| (name, image.id.clone(), image.created))
            })
            .filter_map(|(name, image, created)| {
                let tag = name.strip_prefix(repository)?.strip_prefix(':')?.to_owned();
                Some(Tag { tag, image, created })
            })
            .collect();
        tags.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.tag.cmp(&b.tag)));
        Ok(tags)
    }
}

impl From<ImageInspect> for Image {
    fn from(image: ImageInspect) -> Self {
        Self {
            id: image.id.unwrap_or_default(),
            tags: image.repo_tags.unwrap_or_default(),
            digests: image.repo_digests.unwrap_or_default(),
            architecture: super::rust_architecture(&image.architecture.unwrap_or_default()).to_owned(),
            os: image.os.unwrap_or_default(),
            size: image.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
            config: image.config.map(Defaults::from).unwrap_or_default(),
        }
    }
}

impl From<ImageConfig> for Defaults {
    fn from(config: ImageConfig) -> Self {
        Self {
            exposed: sorted(config.exposed_ports),
            volumes: sorted(config.volumes),
            healthcheck: config.healthcheck.and_then(check),
            user: config.user.unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            working_dir: config.working_dir.unwrap_or_default(),
            stop_signal: config.stop_signal.filter(|signal| !signal.is_empty()),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
        }
    }
}

fn sorted(list: Option<Vec<String>>) -> Vec<String> {
    let mut list = list.unwrap_or_default();
    list.sort();
    list
}

fn check(config: HealthConfig) -> Option<Check> {
    let duration = |nanos: Option<i64>| {
        nanos.and_then(|nanos| u64::try_from(nanos).ok()).filter(|nanos| *nanos > 0).map(Duration::from_nanos)
    };
    let test = config.test.unwrap_or_default();
    if test.first().is_none_or(|kind| kind == "NONE") {
        return None;
    }
    Some(Check {
        test,
        interval: duration(config.interval),
        timeout: duration(config.timeout),
        retries: config.retries.and_then(|retries| retries.try_into().ok()).filter(|retries| *retries > 0),
        start_period: duration(config.start_period),
        start_interval: duration(config.start_interval),
    })
}

/// Repository and tag of a name; `latest` when it has none. A colon before a slash belongs to a port.
pub(super) fn split_tag(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(split_tag("demo-web:v1"), ("demo-web", "v1"));
        assert_eq!(split_tag("demo-web"), ("demo-web", "latest"));
        assert_eq!(split_tag("localhost:5000/web"), ("localhost:5000/web", "latest"));
        assert_eq!(split_tag("localhost:5000/web:v1"), ("localhost:5000/web", "v1"));
    }

    #[test]
    fn a_health_check_that_is_switched_off_is_none() {
        let config = |test: &[&str]| HealthConfig {
            test: Some(test.iter().map(|&word| word.to_owned()).collect()),
            interval: Some(5_000_000_000),
            retries: Some(0),
            ..HealthConfig::default()
        };
        assert_eq!(check(config(&["NONE"])), None);
        assert_eq!(check(config(&[])), None);
        let found = check(config(&["CMD", "/app", "healthcheck"])).unwrap();
        assert_eq!((found.interval, found.retries), (Some(Duration::from_secs(5)), None));
    }
}
