//! The keys of a service's `deploy` section.
//!
//! It must never hold anything but tables.

use super::{Kind, Object};

/// The section.
pub(super) static DEPLOY: Object = Object::of(&[
    ("endpoint_mode", Kind::Text),
    ("labels", Kind::Pairs),
    ("mode", Kind::Text),
    ("placement", Kind::Object(&PLACEMENT)),
    ("replicas", Kind::Count(0, i64::MAX)),
    ("resources", Kind::Object(&RESOURCES)),
    ("restart_policy", Kind::Object(&RESTART_POLICY)),
    ("rollback_config", Kind::Object(&UPDATE_CONFIG)),
    ("update_config", Kind::Object(&UPDATE_CONFIG)),
]);

static PLACEMENT: Object = Object::of(&[
    ("constraints", Kind::Texts),
    ("max_replicas_per_node", Kind::Int(0, i64::MAX)),
    ("preferences", Kind::List(&Kind::Object(&Object::of(&[("spread", Kind::Text)])))),
]);

static RESOURCES: Object =
    Object::of(&[("limits", Kind::Object(&LIMITS)), ("reservations", Kind::Object(&RESERVATIONS))]);

static LIMITS: Object = Object::of(&[
    ("cpus", Kind::Number),
    ("memory", Kind::BytesText),
    ("pids", Kind::Int(i64::MIN, i64::MAX)),
]);

static RESERVATIONS: Object = Object::of(&[
    ("cpus", Kind::Number),
    ("devices", Kind::List(&Kind::Object(&RESERVED_DEVICE))),
    ("generic_resources", Kind::List(&Kind::Object(&GENERIC_RESOURCE))),
    ("memory", Kind::BytesText),
]);

static GENERIC_RESOURCE: Object = Object::of(&[(
    "discrete_resource_spec",
    Kind::Object(&Object::of(&[("kind", Kind::Text), ("value", Kind::Int(0, i64::MAX))])),
)]);

/// A request for devices in `gpus`.
pub(super) static DEVICE_REQUEST: Object = Object::of(DEVICE_KEYS);
static RESERVED_DEVICE: Object = Object::of(DEVICE_KEYS).requiring(&["capabilities"]);
const DEVICE_KEYS: &[(&str, Kind)] = &[
    ("capabilities", Kind::Set),
    ("count", Kind::Count(-1, i64::MAX)),
    ("device_ids", Kind::Set),
    ("driver", Kind::Text),
    ("options", Kind::Pairs),
];

static RESTART_POLICY: Object = Object::of(&[
    ("condition", Kind::Text),
    ("delay", Kind::Duration),
    ("max_attempts", Kind::Count(0, i64::MAX)),
    ("window", Kind::Duration),
]);

static UPDATE_CONFIG: Object = Object::of(&[
    ("delay", Kind::Pause),
    ("failure_action", Kind::Text),
    ("max_failure_ratio", Kind::Number),
    ("monitor", Kind::Pause),
    ("order", Kind::Choice(&["start-first", "stop-first"])),
    ("parallelism", Kind::Count(0, i64::MAX)),
]);
