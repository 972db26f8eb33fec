//! The `deploy` section.
//!
//! It must never decide what a value means for a deploy.

use super::fields::Fields;
use crate::model::{Deploy, DeviceRequest, Resources, RestartPolicy, UpdateConfig, UpdateOrder};

pub(super) fn read(mut at: Fields<'_, '_>) -> Deploy {
    let (limits, reservations) = at.inside("resources", "resources").map(resources).unwrap_or_default();
    let mut placement = at.inside("placement", "placement");
    let constraints = placement.as_mut().map(|placement| placement.texts("constraints")).unwrap_or_default();
    drop(placement);
    Deploy {
        replicas: at.count("replicas"),
        mode: at.text("mode"),
        update_config: at.inside("update_config", "update_config").map(update),
        rollback_config: at.inside("rollback_config", "rollback_config").map(update),
        restart_policy: at.inside("restart_policy", "restart_policy").map(restart),
        limits,
        reservations,
        labels: at.pairs("labels"),
        constraints,
    }
}

fn update(mut at: Fields<'_, '_>) -> UpdateConfig {
    let orders = [("start-first", UpdateOrder::StartFirst), ("stop-first", UpdateOrder::StopFirst)];
    UpdateConfig {
        order: at.choice("order", &orders, "use `start-first` or `stop-first`"),
        parallelism: at.count("parallelism"),
        delay: at.duration("delay"),
        monitor: at.duration("monitor"),
        failure_action: at.text("failure_action"),
        max_failure_ratio: at.float("max_failure_ratio"),
    }
}

fn restart(mut at: Fields<'_, '_>) -> RestartPolicy {
    RestartPolicy {
        condition: at.text("condition"),
        delay: at.duration("delay"),
        max_attempts: at.count("max_attempts"),
        window: at.duration("window"),
    }
}

fn resources(mut at: Fields<'_, '_>) -> (Resources, Resources) {
    let limits = at.inside("limits", "limits").map(amounts).unwrap_or_default();
    (limits, at.inside("reservations", "reservations").map(amounts).unwrap_or_default())
}

fn amounts(mut at: Fields<'_, '_>) -> Resources {
    Resources {
        nano_cpus: at.nano("cpus"),
        memory: at.bytes("memory"),
        pids: at.integer("pids"),
        devices: at
            .items("devices")
            .iter()
            .map(|item| device_request(at.other(item, "device request")))
            .collect(),
    }
}

/// An item of `gpus` or of `deploy.resources.reservations.devices`.
pub(super) fn device_request(mut at: Fields<'_, '_>) -> DeviceRequest {
    DeviceRequest {
        driver: at.text("driver"),
        count: at.integer("count"),
        device_ids: at.texts("device_ids"),
        capabilities: at.texts("capabilities"),
        options: at.pairs("options"),
    }
}
