//! The keys of a service.
//!
//! It must never hold anything but tables.

use super::deploy::{DEPLOY, DEVICE_REQUEST};
use super::{Kind, Object};

const ANY_INT: (i64, i64) = (i64::MIN, i64::MAX);

/// An integer without limits.
const INT: Kind = Kind::Int(ANY_INT.0, ANY_INT.1);

/// A service.
pub(crate) static SERVICE: Object = Object::of(&[
    ("annotations", Kind::Pairs),
    ("attach", Kind::Switch),
    ("blkio_config", Kind::Object(&BLKIO)),
    ("build", Kind::Either(&[Kind::Text, Kind::Object(&BUILD)])),
    ("cap_add", Kind::Set),
    ("cap_drop", Kind::Set),
    ("cgroup", Kind::Choice(&["host", "private"])),
    ("cgroup_parent", Kind::Text),
    ("command", Kind::Command),
    ("configs", Kind::List(&FILE_MOUNT)),
    (
        "container_name",
        Kind::Form(is_container_name, "a letter or digit, then letters, digits, `_`, `.` or `-`"),
    ),
    ("cpu_count", Kind::Int(0, i64::MAX)),
    ("cpu_percent", Kind::Int(0, 100)),
    ("cpu_period", INT),
    ("cpu_quota", INT),
    ("cpu_rt_period", INT),
    ("cpu_rt_runtime", INT),
    ("cpu_shares", INT),
    ("cpus", Kind::Number),
    ("cpuset", Kind::Text),
    ("credential_spec", Kind::Object(&CREDENTIAL_SPEC)),
    ("depends_on", Kind::Either(&[Kind::Set, Kind::Named(&Kind::Object(&DEPENDENCY))])),
    ("deploy", Kind::Maybe(&Kind::Object(&DEPLOY))),
    ("develop", Kind::Maybe(&Kind::Object(&DEVELOP))),
    ("device_cgroup_rules", Kind::Set),
    ("devices", Kind::List(&DEVICE)),
    ("dns", Kind::OneOrMore),
    ("dns_opt", Kind::Set),
    ("dns_search", Kind::OneOrMore),
    ("domainname", Kind::Text),
    ("entrypoint", Kind::Command),
    ("env_file", Kind::Either(&[Kind::Text, Kind::List(&ENV_FILE)])),
    ("environment", Kind::Variables),
    ("expose", Kind::LooseSet),
    ("extends", Kind::Either(&[Kind::Text, Kind::Object(&EXTENDS)])),
    ("external_links", Kind::Set),
    ("extra_hosts", Kind::Hosts),
    ("gpus", Kind::Either(&[Kind::Choice(&["all"]), Kind::List(&Kind::Object(&DEVICE_REQUEST))])),
    ("group_add", Kind::LooseSet),
    ("healthcheck", Kind::Object(&HEALTHCHECK)),
    ("hostname", Kind::Text),
    ("image", Kind::Text),
    ("init", Kind::Switch),
    ("ipc", Kind::Text),
    ("isolation", Kind::Text),
    ("label_file", Kind::Either(&[Kind::Text, Kind::Texts])),
    ("labels", Kind::Pairs),
    ("links", Kind::Set),
    ("logging", Kind::Object(&LOGGING)),
    ("mac_address", Kind::Text),
    ("mem_limit", Kind::Bytes),
    ("mem_reservation", Kind::Bytes),
    ("mem_swappiness", Kind::Bytes),
    ("memswap_limit", Kind::Bytes),
    ("models", Kind::Either(&[Kind::Set, Kind::Named(&Kind::Maybe(&Kind::Object(&SERVICE_MODEL)))])),
    ("network_mode", Kind::Text),
    ("networks", Kind::Either(&[Kind::Set, Kind::Named(&Kind::Maybe(&Kind::Object(&ATTACHMENT)))])),
    ("oom_kill_disable", Kind::Flag),
    ("oom_score_adj", Kind::Int(-1000, 1000)),
    ("pid", Kind::Maybe(&Kind::Text)),
    ("pids_limit", INT),
    ("platform", Kind::Text),
    ("ports", Kind::List(&PORT)),
    ("post_start", Kind::List(&Kind::Object(&HOOK))),
    ("pre_stop", Kind::List(&Kind::Object(&HOOK))),
    ("privileged", Kind::Flag),
    ("profiles", Kind::Set),
    ("provider", Kind::Object(&PROVIDER)),
    ("pull_policy", Kind::Form(is_pull_policy, PULL_POLICIES)),
    ("pull_refresh_after", Kind::Text),
    ("read_only", Kind::Flag),
    ("restart", Kind::Text),
    ("runtime", Kind::Text),
    ("scale", Kind::Count(0, i64::MAX)),
    ("secrets", Kind::List(&FILE_MOUNT)),
    ("security_opt", Kind::Set),
    ("shm_size", Kind::Bytes),
    ("stdin_open", Kind::Flag),
    ("stop_grace_period", Kind::Duration),
    ("stop_signal", Kind::Text),
    ("storage_opt", Kind::Keyed(&Kind::Loose)),
    ("sysctls", Kind::Pairs),
    ("tmpfs", Kind::OneOrMore),
    ("tty", Kind::Flag),
    ("ulimits", Kind::Keyed(&ULIMIT)),
    ("use_api_socket", Kind::Flag),
    ("user", Kind::Text),
    ("userns_mode", Kind::Text),
    ("uts", Kind::Text),
    ("volumes", Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(&VOLUME_MOUNT)]))),
    ("volumes_from", Kind::Set),
    ("working_dir", Kind::Text),
]);

static BUILD: Object = Object::of(&[
    ("additional_contexts", Kind::Pairs),
    ("args", Kind::Variables),
    ("cache_from", Kind::Texts),
    ("cache_to", Kind::Texts),
    ("context", Kind::Text),
    ("dockerfile", Kind::Text),
    ("dockerfile_inline", Kind::Text),
    ("entitlements", Kind::Texts),
    ("extra_hosts", Kind::Hosts),
    ("isolation", Kind::Text),
    ("labels", Kind::Pairs),
    ("network", Kind::Text),
    ("no_cache", Kind::Flag),
    ("platforms", Kind::Texts),
    ("privileged", Kind::Flag),
    ("provenance", Kind::FlagOrText),
    ("pull", Kind::Flag),
    ("sbom", Kind::FlagOrText),
    ("secrets", Kind::List(&FILE_MOUNT)),
    ("shm_size", Kind::Bytes),
    ("ssh", Kind::Either(&[Kind::Texts, Kind::Options])),
    ("tags", Kind::Texts),
    ("target", Kind::Text),
    ("ulimits", Kind::Keyed(&ULIMIT)),
]);

static BLKIO: Object = Object::of(&[
    ("device_read_bps", Kind::List(&Kind::Object(&BLKIO_LIMIT))),
    ("device_read_iops", Kind::List(&Kind::Object(&BLKIO_LIMIT))),
    ("device_write_bps", Kind::List(&Kind::Object(&BLKIO_LIMIT))),
    ("device_write_iops", Kind::List(&Kind::Object(&BLKIO_LIMIT))),
    ("weight", Kind::Int(0, 65_535)),
    ("weight_device", Kind::List(&Kind::Object(&BLKIO_WEIGHT))),
])
.closed();
static BLKIO_LIMIT: Object = Object::of(&[("path", Kind::Text), ("rate", Kind::Bytes)]).closed();
static BLKIO_WEIGHT: Object = Object::of(&[("path", Kind::Text), ("weight", Kind::Int(0, 65_535))]).closed();

static CREDENTIAL_SPEC: Object =
    Object::of(&[("config", Kind::Text), ("file", Kind::Text), ("registry", Kind::Text)]);

static DEPENDENCY: Object = Object::of(&[
    ("condition", Kind::Choice(&["service_started", "service_healthy", "service_completed_successfully"])),
    ("required", Kind::Switch),
    ("restart", Kind::Flag),
])
.requiring(&["condition"]);

static DEVELOP: Object = Object::of(&[("watch", Kind::List(&Kind::Object(&WATCH)))]);
static WATCH: Object = Object::of(&[
    ("action", Kind::Choice(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])),
    ("exec", Kind::Object(&HOOK)),
    ("ignore", Kind::OneOrMore),
    ("include", Kind::OneOrMore),
    ("initial_sync", Kind::Flag),
    ("path", Kind::Text),
    ("target", Kind::Text),
])
.requiring(&["path", "action"]);

static DEVICE: Kind = Kind::Either(&[
    Kind::Text,
    Kind::Object(
        &Object::of(&[("permissions", Kind::Text), ("source", Kind::Text), ("target", Kind::Text)])
            .requiring(&["source", "target"]),
    ),
]);

static ENV_FILE: Kind = Kind::Either(&[
    Kind::Text,
    Kind::Object(
        &Object::of(&[("format", Kind::Text), ("path", Kind::Text), ("required", Kind::Switch)])
            .requiring(&["path"])
            .closed(),
    ),
]);

static EXTENDS: Object =
    Object::of(&[("file", Kind::Text), ("service", Kind::Text)]).requiring(&["service"]).closed();

pub(super) static FILE_MOUNT: Kind = Kind::Either(&[
    Kind::Text,
    Kind::Object(&Object::of(&[
        ("gid", Kind::Text),
        ("mode", Kind::Mode),
        ("source", Kind::Text),
        ("target", Kind::Text),
        ("uid", Kind::Text),
    ])),
]);

static HEALTHCHECK: Object = Object::of(&[
    ("disable", Kind::Flag),
    ("interval", Kind::Duration),
    ("retries", Kind::Count(0, i64::MAX)),
    ("start_interval", Kind::Duration),
    ("start_period", Kind::Duration),
    ("test", Kind::Either(&[Kind::Text, Kind::Texts])),
    ("timeout", Kind::Duration),
]);

pub(super) static HOOK: Object = Object::of(&[
    ("command", Kind::Command),
    ("environment", Kind::Variables),
    ("privileged", Kind::Flag),
    ("user", Kind::Text),
    ("working_dir", Kind::Text),
])
.requiring(&["command"]);

static LOGGING: Object = Object::of(&[("driver", Kind::Text), ("options", Kind::Options)]);

static SERVICE_MODEL: Object = Object::of(&[("endpoint_var", Kind::Text), ("model_var", Kind::Text)]);

static ATTACHMENT: Object = Object::of(&[
    ("aliases", Kind::Set),
    ("driver_opts", Kind::Keyed(&Kind::Loose)),
    ("gw_priority", INT),
    ("interface_name", Kind::Text),
    ("ipv4_address", Kind::Text),
    ("ipv6_address", Kind::Text),
    ("link_local_ips", Kind::Set),
    ("mac_address", Kind::Text),
    ("priority", INT),
]);

static PORT: Kind = Kind::Either(&[Kind::Loose, Kind::Object(&LONG_PORT)]);
static LONG_PORT: Object = Object::of(&[
    ("app_protocol", Kind::Text),
    ("host_ip", Kind::Text),
    ("mode", Kind::Text),
    ("name", Kind::Text),
    ("protocol", Kind::Text),
    ("published", Kind::Loose),
    ("target", Kind::Int(0, 65_535)),
])
.requiring(&["target"]);

static PROVIDER: Object =
    Object::of(&[("options", Kind::Keyed(&Kind::Any)), ("type", Kind::Text)]).requiring(&["type"]);

static ULIMIT: Kind = Kind::Either(&[
    Kind::Count(-1, i64::MAX),
    Kind::Object(
        &Object::of(&[("hard", Kind::Int(-1, i64::MAX)), ("soft", Kind::Int(-1, i64::MAX))])
            .requiring(&["soft", "hard"]),
    ),
]);

/// A mount in its long form.
static VOLUME_MOUNT: Object = Object::of(&[
    (
        "bind",
        Kind::Object(&Object::of(&[
            ("create_host_path", Kind::Flag),
            ("propagation", Kind::Text),
            ("recursive", Kind::Choice(&["enabled", "disabled", "writable", "readonly"])),
            ("selinux", Kind::Choice(&["z", "Z"])),
        ])),
    ),
    ("consistency", Kind::Text),
    ("image", Kind::Object(&Object::of(&[("subpath", Kind::Text)]))),
    ("read_only", Kind::Flag),
    ("source", Kind::Text),
    ("target", Kind::Text),
    ("tmpfs", Kind::Object(&Object::of(&[("mode", Kind::Whole), ("size", Kind::Size)]))),
    ("type", Kind::Choice(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"])),
    (
        "volume",
        Kind::Object(&Object::of(&[
            ("labels", Kind::Pairs),
            ("nocopy", Kind::Flag),
            ("subpath", Kind::Text),
        ])),
    ),
])
.requiring(&["type"]);

fn is_container_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.len() > 1
        && chars.all(|one| one.is_ascii_alphanumeric() || "_.-".contains(one))
}

const PULL_POLICIES: &str =
    "`always`, `never`, `missing`, `if_not_present`, `build`, `refresh`, `daily`, `weekly` or `every_…`";

fn is_pull_policy(text: &str) -> bool {
    let known = ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    text.starts_with("every_") || known.contains(&text)
}
