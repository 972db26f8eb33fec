//! Circles of dependencies.
//!
//! It must never recurse: chains can be as long as the file.

use std::collections::BTreeMap;

use crate::node::Node;
use crate::report::{Problem, Report};

/// Reports a circle, when there is one.
pub(super) fn check(report: &mut Report, model: &Node) {
    let mut waiting: BTreeMap<&str, Vec<&str>> = model
        .children("services")
        .map(|(name, service)| {
            let known = |name: &&str| model.get("services").is_some_and(|all| all.get(name).is_some());
            let names = service.children("depends_on").map(|(name, _)| name.as_str());
            (name.as_str(), names.filter(known).collect())
        })
        .collect();
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, needs) in &waiting {
        for need in needs {
            dependents.entry(need).or_default().push(name);
        }
    }
    let mut counts: BTreeMap<&str, usize> =
        waiting.iter().map(|(name, needs)| (*name, needs.len())).collect();
    let mut ready: Vec<&str> =
        counts.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(name) = ready.pop() {
        waiting.remove(name);
        for dependent in dependents.get(name).into_iter().flatten() {
            if let Some(count) = counts.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.push(dependent);
                }
            }
        }
    }
    if let Some(circle) = walk(&waiting) {
        let first = circle.first().copied().unwrap_or_default();
        let span = model.get("services").and_then(|services| services.get(first)).and_then(|service| {
            let needed = circle.get(1).copied().unwrap_or(first);
            service.get("depends_on")?.as_map()?.get(needed).map(|entry| entry.key)
        });
        let shown: Vec<&str> = circle.iter().copied().chain([first]).take(12).collect();
        let message = format!("services depend on each other in a circle: {}", shown.join(" → "));
        let problem = Problem::error("dependency-cycle", span.unwrap_or_default(), message);
        report.add(problem.help("remove one of these dependencies"));
    }
}

/// Follows unfinished services until one comes again.
fn walk<'a>(waiting: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<Vec<&'a str>> {
    let mut at = waiting.keys().next().copied()?;
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    let mut path = Vec::new();
    loop {
        if let Some(start) = order.insert(at, path.len()) {
            return Some(path.split_off(start));
        }
        path.push(at);
        at = waiting.get(at)?.iter().copied().find(|need| waiting.contains_key(need))?;
    }
}
