//! Keys that are valid Compose and not part of the typed project: the reason, and what to do instead.
//!
//! It must never be needed for a key to be refused; a key that is missing here is refused in general words.

use crate::report::Problem;
use crate::source::Span;

/// Keys that have no meaning in a deploy, with the reason.
const NO_MEANING: &[(&str, &str, &str)] = &[
    ("service", "attach", "it is about the output of `docker compose up`"),
    ("service", "develop", "it is about `docker compose watch`"),
    ("service", "models", "models are not part of a deploy"),
    ("deploy", "endpoint_mode", "there is one engine, and no mesh"),
    ("placement", "preferences", "there is one engine"),
    ("placement", "max_replicas_per_node", "there is one engine"),
    ("reservations", "generic_resources", "there is one engine"),
    ("build", "provenance", "attestations are for images in a registry"),
    ("build", "sbom", "attestations are for images in a registry"),
    ("secret", "labels", "a secret is a file"),
    ("config", "labels", "a config is a file"),
];

/// What to do about a key that is refused.
const REMEDIES: &[(&str, &str, &str)] = &[
    (
        "service",
        "links",
        "the services of a network reach each other by name; for another name use `aliases`",
    ),
    ("service", "external_links", "join the other container's network, as an external one, and use its name"),
    ("service", "volumes_from", "name the volumes under `volumes`"),
    ("service", "credential_spec", "remove it: it is for Windows containers"),
    ("service", "isolation", "remove it: it is for Windows containers"),
    ("service", "cpu_count", "use `cpus`"),
    ("service", "cpu_percent", "use `cpus`"),
    ("service", "cpu_rt_period", "use `cpu_period`"),
    ("service", "cpu_rt_runtime", "use `cpu_quota`"),
    ("service", "use_api_socket", "mount the engine's socket under `volumes`, if the service must have it"),
    ("service", "post_start", "run it from the image's entrypoint, or as a job that others depend on"),
    ("service", "pre_stop", "handle `stop_signal` in the program"),
    ("service", "storage_opt", "remove it, or set it for the engine"),
    ("service", "pull_refresh_after", "use `pull_policy: always`, or deploy a new tag of the image"),
    ("build", "ulimits", "set them in the Dockerfile, with `ulimit` before the command that needs them"),
    ("build", "additional_contexts", "copy what is needed below the build context"),
    ("build", "ssh", "pass what is needed as a build secret"),
    ("build", "entitlements", "remove it"),
    ("build", "isolation", "remove it: it is for Windows containers"),
    ("build", "privileged", "remove it"),
    ("secret", "driver", "use `file` or `environment`"),
    ("secret", "template_driver", "use `file` or `environment`"),
    ("config", "template_driver", "use `file`, `content` or `environment`"),
    ("bind", "recursive", "remove it"),
    ("mount", "image", "copy the files in with `COPY --from` when the image is built"),
];

/// The finding about a key that nobody read.
pub(super) fn finding(section: &str, key: &str, span: Span) -> Problem {
    let in_table = |table: &[(&str, &str, &'static str)]| {
        table.iter().find(|row| row.0 == section && row.1 == key).map(|row| row.2)
    };
    if let Some(reason) = in_table(NO_MEANING) {
        return Problem::warning("no-meaning", span, format!("`{key}` has no effect here: {reason}"));
    }
    let message = format!("the key `{key}` of a {section} is not supported");
    let help = in_table(REMEDIES).unwrap_or("remove it");
    Problem::error("unsupported", span, message).help(help)
}
