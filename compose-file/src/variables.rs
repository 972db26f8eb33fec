//! Keys of `environment` and `args` without a value take it from the project's variables.
//!
//! It must never touch a key that has a value.

use std::collections::BTreeMap;

use crate::node::{Node, Value};

/// Fills in the variables of all services.
pub(crate) fn resolve(model: &mut Node, environment: &BTreeMap<String, String>) {
    for (_, service) in model.children_mut("services") {
        fill(service, "environment", environment);
        if let Some(build) = service.get_mut("build") {
            fill(build, "args", environment);
        }
    }
}

fn fill(node: &mut Node, key: &str, environment: &BTreeMap<String, String>) {
    for (name, value) in node.children_mut(key) {
        if let (true, Some(known)) = (value.is_null(), environment.get(name)) {
            value.value = Value::Text(known.clone());
        }
    }
}
