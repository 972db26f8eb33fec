//! Keys of a service that say the same as keys of its `deploy` section.
//!
//! It must never prefer one of the two: different values are an error.

use crate::node::Node;
use crate::report::{Problem, Report};

const PAIRS: [(&str, &[&str]); 5] = [
    ("mem_limit", &["resources", "limits", "memory"]),
    ("mem_reservation", &["resources", "reservations", "memory"]),
    ("cpus", &["resources", "limits", "cpus"]),
    ("pids_limit", &["resources", "limits", "pids"]),
    ("scale", &["replicas"]),
];

/// Reports pairs that contradict each other.
pub(super) fn check(report: &mut Report, name: &str, service: &Node) {
    for (key, path) in PAIRS {
        let Some(own) = service.get(key) else { continue };
        let other = path.iter().try_fold(service.get("deploy"), |node, step| Some(node?.get(step)));
        let Some(other) = other.flatten() else { continue };
        if own.value != other.value {
            let path = path.join(".");
            let message =
                format!("the service `{name}` sets `{key}` and `deploy.{path}` to different values");
            report.add(Problem::error("conflict", own.span, message).help(format!("remove `{key}`")));
        }
    }
}
