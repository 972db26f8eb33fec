//! Volumes and bind mounts of a service in their long form.
//!
//! It must never make a path absolute.

use crate::node::{Node, Value};
use crate::report::{Problem, Report};

/// How mounts below a path of the host are seen on the other side.
const PROPAGATIONS: [&str; 6] = ["shared", "slave", "private", "rshared", "rslave", "rprivate"];

/// `[SOURCE:]TARGET[:OPTIONS]` items become mappings.
pub(super) fn mounts(report: &mut Report, service: &mut Node) {
    for item in service.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
        if let Some(text) = item.as_text() {
            match Short::parse(text) {
                Ok(short) => {
                    short.idle_options(report, item);
                    *item = short.node(item);
                }
                Err(reason) => {
                    let message = format!("`{text}` is not a valid volume: {reason}");
                    let problem = Problem::error("volume", item.span, message);
                    report.add(problem.help("write `SOURCE:TARGET` or `SOURCE:TARGET:ro`"));
                }
            }
        }
        super::on(item, "volume", |volume| super::on(volume, "labels", super::pairs));
    }
}

/// The path in the container that a short form names.
pub(crate) fn target(text: &str) -> Option<String> {
    Short::parse(text).ok().map(|short| short.target)
}

/// A short form, taken apart.
#[derive(Debug, Default)]
struct Short {
    source: String,
    target: String,
    options: Vec<String>,
}

impl Short {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = sections(text).into_iter();
        let all: Vec<String> = parts.by_ref().collect();
        if all.iter().any(String::is_empty) {
            return Err("a part is empty");
        }
        match <[String; 3]>::try_from(all) {
            Ok([source, target, options]) => {
                let options = options.split(',').map(str::to_owned).collect();
                Ok(Short { source, target, options })
            }
            Err(mut fewer) if fewer.len() < 3 => {
                let target = fewer.pop().unwrap_or_default();
                Ok(Short { source: fewer.pop().unwrap_or_default(), target, options: Vec::new() })
            }
            Err(_) => Err("it has too many colons"),
        }
    }

    fn is_bind(&self) -> bool {
        let mut chars = self.source.chars();
        match (chars.next(), chars.next()) {
            (Some('.' | '/' | '~'), _) => true,
            (Some(drive), Some(':')) => drive.is_alphabetic(),
            _ => self.source.starts_with("\\\\"),
        }
    }

    /// `docker compose` takes any option; those without an effect are named.
    fn idle_options(&self, report: &mut Report, item: &Node) {
        for option in &self.options {
            let message = match option.as_str() {
                "ro" | "rw" => continue,
                // Words for Docker on other systems than Linux, where they have had no meaning for long either.
                "cached" | "delegated" | "consistent" => continue,
                "nocopy" if !self.is_bind() => continue,
                "z" | "Z" if self.is_bind() => continue,
                propagation if PROPAGATIONS.contains(&propagation) && self.is_bind() => continue,
                "nocopy" => "`nocopy` has no effect on a path of the host".to_owned(),
                known if known.eq_ignore_ascii_case("z") || PROPAGATIONS.contains(&known) => {
                    format!("`{known}` has no effect on a named volume")
                }
                unknown => format!("`{unknown}` is not an option of a mount and has no effect"),
            };
            let problem = Problem::warning("no-meaning", item.span, message);
            report.add(
                problem.help(
                    "remove it; a mount has `ro`, `nocopy` (volumes), `z`, `Z` and a propagation (paths)",
                ),
            );
        }
    }

    fn node(&self, item: &Node) -> Node {
        let span = item.span;
        let text = |text: &str| Node::text(text, span);
        let flag = |value| Node::new(Value::Bool(value), span);
        let kind = if self.is_bind() { "bind" } else { "volume" };
        let mut node = Node::map([("type", text(kind))], span);
        if !self.source.is_empty() {
            node.set("source", text(&self.source));
        }
        node.set("target", text(&self.target));
        let mut detail = Node::new(Value::Map(crate::node::Map::new()), span);
        if kind == "bind" {
            detail.set("create_host_path", flag(true));
        }
        for option in &self.options {
            match (option.as_str(), kind) {
                ("ro", _) => node.set("read_only", flag(true)),
                ("rw", _) => node.set("read_only", flag(false)),
                ("nocopy", "volume") => detail.set("nocopy", flag(true)),
                ("z" | "Z", "bind") => detail.set("selinux", text(option)),
                (propagation, "bind") if PROPAGATIONS.contains(&propagation) => {
                    detail.set("propagation", text(propagation));
                }
                _ => {}
            }
        }
        if self.target.chars().count() > 2 || !self.source.is_empty() {
            node.set(kind, detail);
        }
        node
    }
}

/// The parts between colons; a colon behind a single letter belongs to a Windows drive.
fn sections(text: &str) -> Vec<String> {
    if text.chars().count() <= 2 {
        return vec![text.to_owned()];
    }
    let mut sections = vec![String::new()];
    for one in text.chars() {
        let Some(last) = sections.last_mut() else { break };
        let mut letters = last.chars();
        let drive = letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none();
        if one == ':' && !drive {
            sections.push(String::new());
        } else {
            last.push(one);
        }
    }
    sections
}
