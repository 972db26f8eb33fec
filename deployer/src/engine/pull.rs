//! Images from registries. Whether an image is there is what the engine says when it is asked for the image, never
//! how the stream of a pull ended.

use bollard::errors::Error as Bollard;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::{Stream, StreamExt};

use super::credentials::{Credentials, Login, registry_of};
use super::error::Context;
use super::images::{Image, split_tag};
use super::{Engine, Error};

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Each time; what the engine has may be old.
    Always,
    /// When the engine lacks it.
    Missing,
    /// Never.
    Never,
}

/// How far a pull is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullProgress {
    /// The layer, by its short id; absent for what concerns the whole image.
    pub layer: Option<String>,
    /// `Downloading`, `Pull complete`, …, in the engine's words.
    pub status: String,
    /// Bytes of the layer that are done, and all of its bytes.
    pub bytes: Option<(u64, u64)>,
}

impl Engine {
    /// The image, pulled when the policy asks for it. `platform` is `os/arch[/variant]`.
    ///
    /// # Errors
    /// When the image cannot be had; the error names the image and its hint what to do.
    pub async fn ensure_image(
        &self,
        reference: &str,
        policy: Policy,
        platform: Option<&str>,
        credentials: &Credentials,
        progress: impl FnMut(PullProgress) + Send,
    ) -> Result<Image, Error> {
        if policy != Policy::Always {
            match self.image(reference).await {
                Err(error) if error.is_not_found() && policy == Policy::Missing => {}
                Err(error) if error.is_not_found() => return Err(error.with_hint(hint_absent(reference))),
                found => return found,
            }
        }
        self.pull_image(reference, platform, credentials, progress).await
    }

    /// Pulls an image.
    ///
    /// # Errors
    /// When the image cannot be had; the error names the image and its hint what to do.
    pub async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: &Credentials,
        mut progress: impl FnMut(PullProgress) + Send,
    ) -> Result<Image, Error> {
        // Public images need no login: one that cannot be read matters only when the pull fails.
        let (login, complaint) = match credentials.for_image(reference).await {
            Ok(login) => (login, None),
            Err(error) => (None, Some(error)),
        };
        let mut result = Ok(());
        // A stream that broke without a word from the engine says nothing about the image; a second pull finds
        // what the first one has fetched.
        for _ in 0..2 {
            let layers = self.start_pull(reference, platform, login.clone());
            result = drain(layers, &mut progress).await;
            if !result.as_ref().is_err_and(is_silent) {
                break;
            }
        }
        if result.as_ref().is_err_and(is_silent) && self.find_image(reference).await?.is_some() {
            result = Ok(());
        }
        match result.context("pull image", reference) {
            Err(error) if error.hint().is_some() => Err(error),
            Err(error) => Err(error.with_hint(hint(reference, login.is_some(), complaint.as_ref()))),
            Ok(()) => self.image(reference).await,
        }
    }

    fn start_pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        login: Option<Login>,
    ) -> impl Stream<Item = Result<CreateImageInfo, Bollard>> {
        let mut options = CreateImageOptionsBuilder::default().platform(platform.unwrap_or_default());
        // Without a tag the engine would pull every tag that there is; a digest is a tag of its own.
        options = match split_tag(reference) {
            _ if reference.contains('@') => options.from_image(reference),
            (repository, tag) => options.from_image(repository).tag(tag),
        };
        self.patient().create_image(Some(options.build()), None, login.map(Login::into_request))
    }
}

async fn drain(
    layers: impl Stream<Item = Result<CreateImageInfo, Bollard>>,
    progress: &mut (impl FnMut(PullProgress) + Send),
) -> Result<(), Bollard> {
    let mut layers = std::pin::pin!(layers);
    while let Some(layer) = layers.next().await {
        let layer = layer?;
        let bytes = layer.progress_detail.and_then(|detail| {
            let (done, all) = (detail.current?.try_into().ok()?, detail.total?.try_into().ok()?);
            Some((done, all))
        });
        let status = layer.status.unwrap_or_default();
        progress(PullProgress { layer: layer.id.filter(|id| !id.is_empty()), status, bytes });
    }
    Ok(())
}

/// Whether the stream broke without an answer by the engine.
fn is_silent(error: &Bollard) -> bool {
    matches!(error, Bollard::IOError { .. } | Bollard::JsonSerdeError { .. } | Bollard::JsonDataError { .. })
}

fn hint_absent(reference: &str) -> String {
    format!("`pull_policy: never` keeps it from being pulled: build or load {reference} on the engine first")
}

fn hint(reference: &str, logged_in: bool, complaint: Option<&Error>) -> String {
    let registry = registry_of(reference);
    let login = match (complaint, logged_in) {
        (Some(error), _) => format!("the login could not be read ({})", error.source),
        (None, true) => format!("the login at {registry} is used, and may lack the right to pull it"),
        (None, false) => format!("`docker login {registry}` when it is private"),
    };
    format!(
        "check the spelling of `{reference}`; {login}; the engine itself must reach {registry}; or build it locally: \
         give the service a `build` section"
    )
}
