//! The `build` section.
//!
//! It must never look at the context or the Dockerfile.

use super::fields::Fields;
use super::storage::mounted_file;
use crate::model::Build;

pub(super) fn read(mut at: Fields<'_, '_>) -> Build {
    for attestation in ["provenance", "sbom"] {
        if at.whole().text_at(attestation) == Some("false") {
            at.done_with(&[attestation]);
        }
    }
    Build {
        context: at.text("context").unwrap_or_default(),
        dockerfile: at.text("dockerfile"),
        dockerfile_inline: at.text("dockerfile_inline"),
        target: at.text("target"),
        args: at.pairs("args"),
        labels: at.pairs("labels"),
        tags: at.texts("tags"),
        cache_from: at.texts("cache_from"),
        cache_to: at.texts("cache_to"),
        network: at.text("network"),
        platforms: at.texts("platforms"),
        pull: at.flag("pull"),
        no_cache: at.flag("no_cache"),
        shm_size: at.bytes("shm_size"),
        extra_hosts: super::service::hosts(&mut at),
        secrets: at.items("secrets").iter().map(|item| mounted_file(at.other(item, "mount"), "")).collect(),
    }
}
