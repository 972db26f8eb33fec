//! One file over another: what a key's value becomes when both define it.
//!
//! It must never validate; what does not fit is reported and the lower value kept.

use crate::node::{Entry, Map, Mark, Node, Value};
use crate::report::{Problem, Report};

mod rules;
mod unique;

pub(crate) use rules::{Place, build, dependencies, hosts, names};
use rules::{Rule, items, pools};
pub(crate) use unique::unique;

/// Merges `over` into `base`.
pub(crate) fn merge(report: &mut Report, base: Node, over: Node, place: Place) -> Node {
    let span = over.span;
    let over = match over.mark {
        Mark::Merge | Mark::Relative => over,
        Mark::Override => return plain(over),
        Mark::Reset => return Node::new(Value::Null, span),
    };
    match (base.value, over.value) {
        // An empty value says nothing.
        (lower, Value::Null) => Node { value: lower, span: base.span, mark: base.mark },
        (Value::Map(lower), Value::Map(upper)) => {
            Node::new(Value::Map(maps(report, lower, upper, place)), span)
        }
        (Value::List(mut lower), Value::List(upper)) => {
            lower.extend(upper.into_iter().filter(|item| item.mark != Mark::Reset).map(plain));
            Node::new(Value::List(lower), span)
        }
        (lower @ (Value::Map(_) | Value::List(_)), upper) => {
            let message =
                format!("{} cannot be merged into {} of an earlier file", upper.kind(), lower.kind());
            report.add(
                Problem::error("merge", span, message)
                    .help("write both in the same form, or replace the earlier value with `!override`"),
            );
            Node::new(lower, base.span)
        }
        (_, upper) => Node { value: upper, span, mark: over.mark },
    }
}

fn maps(report: &mut Report, mut lower: Map, upper: Map, place: Place) -> Map {
    for (key, entry) in upper {
        match entry.node.mark {
            Mark::Reset => {
                lower.shift_remove(&key);
                continue;
            }
            Mark::Override => {
                lower.insert(key, Entry { node: plain(entry.node), ..entry });
                continue;
            }
            Mark::Merge | Mark::Relative => {}
        }
        let (rule, inner) = place.rule(&key);
        let Some(below) = lower.get_mut(&key) else {
            lower.insert(key, Entry { node: plain(entry.node), ..entry });
            continue;
        };
        let base = std::mem::replace(&mut below.node, Node::new(Value::Null, entry.key));
        let node = apply(report, rule, inner, base, entry.node);
        *below = Entry { key: entry.key, node };
    }
    lower
}

fn apply(report: &mut Report, rule: Rule, inner: Place, base: Node, over: Node) -> Node {
    if over.is_null() && rule != Rule::Replace {
        return base;
    }
    let (base, over) = match rule {
        Rule::Replace => return plain(over),
        Rule::Deep => (base, over),
        Rule::Logging => {
            let (lower, upper) = (base.text_at("driver"), over.text_at("driver"));
            if lower.is_some() && upper.is_some() && lower != upper {
                return plain(over);
            }
            (base, over)
        }
        Rule::Items => (rules::without_resets(items(base), &over), items(over)),
        Rule::Hosts => (rules::without_resets(hosts(base), &over), hosts(over)),
        Rule::Build => (build(base), build(over)),
        Rule::Dependencies => (dependencies(base), dependencies(over)),
        Rule::Names => (names(base), names(over)),
        Rule::Ulimit if over.as_map().is_none() || base.as_map().is_none() => return plain(over),
        Rule::Pools => return pools(report, base, over),
        Rule::Ulimit => (base, over),
    };
    merge(report, base, over, inner)
}

/// A tree without directives: what a first file, or a replacing value, amounts to.
pub(crate) fn plain(mut node: Node) -> Node {
    if node.mark == Mark::Override {
        node.mark = Mark::Merge;
    }
    node.value = match node.value {
        Value::Map(map) => Value::Map(
            map.into_iter()
                .filter(|(_, entry)| entry.node.mark != Mark::Reset)
                .map(|(key, entry)| (key, Entry { node: plain(entry.node), ..entry }))
                .collect(),
        ),
        Value::List(items) => {
            let kept = items.into_iter().filter(|item| item.mark != Mark::Reset);
            Value::List(kept.map(plain).collect())
        }
        scalar => scalar,
    };
    node
}
