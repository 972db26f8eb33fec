//! Paths of the document to places in the files.
//!
//! It must never fail: whatever the path, some place is nearest.

use crate::node::Node;
use crate::source::Span;

/// The place of the key and value at a path like `services.web.volumes[0].source`.
pub(crate) fn find(tree: &Node, path: &str) -> Span {
    let mut span = tree.span;
    let mut node = tree;
    for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
        let next = match (node.as_map(), node.as_list()) {
            (Some(map), _) => map.get(step).map(|entry| (entry.key, &entry.node)),
            (_, Some(items)) => {
                step.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| (item.span, item))
            }
            _ => None,
        };
        let Some((place, inner)) = next else { break };
        let written = if inner.as_map().is_some() { place } else { inner.span };
        if written != Span::NOWHERE {
            span = written;
        }
        node = inner;
    }
    span
}
