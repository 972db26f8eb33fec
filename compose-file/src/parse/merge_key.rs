//! The merge key `<<`: a mapping, or a list of mappings, whose keys fill in those that are absent.
//!
//! It must never let a merged key win over a written one.

use crate::node::{Map, Mark, Node, Value};
use crate::report::{Problem, Report, Stop};

/// Fills the mapping from its merge keys; of several sources the first one wins.
pub(super) fn apply(report: &mut Report, mut map: Map, merges: Vec<Node>) -> Result<Map, Stop> {
    for node in merges {
        match node.value {
            Value::List(items) => {
                for item in items {
                    fill(report, &mut map, item)?;
                }
            }
            _ => fill(report, &mut map, node)?,
        }
    }
    Ok(map)
}

fn fill(report: &mut Report, map: &mut Map, node: Node) -> Result<(), Stop> {
    match node.value {
        Value::Map(source) => {
            report.charge(node.span, source.len())?;
            // A `!reset` holds where it is written; it does not travel through a merge key.
            for (key, entry) in source.into_iter().filter(|(_, entry)| entry.node.mark != Mark::Reset) {
                map.entry(key).or_insert(entry);
            }
        }
        // `<<: !reset null` asks for nothing to be merged.
        Value::Null if node.mark == Mark::Reset => {}
        other => report.add(
            Problem::error("merge-key", node.span, format!("`<<` merges mappings, not {}", other.kind()))
                .help("use an alias of a mapping, or a list of such aliases"),
        ),
    }
    Ok(())
}
