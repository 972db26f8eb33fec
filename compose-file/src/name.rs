//! The project's name.
//!
//! It must never be empty or hold anything but lower-case letters, digits, `-` and `_`.

use std::path::Path;

use crate::assemble::open;
use crate::interpolate::interpolate;
use crate::node::{Map, Node, Value};
use crate::parse::parse;
use crate::report::{Problem, Report};
use crate::request::{Plan, Request};
use crate::source::Span;

/// The variable that holds the name.
pub(crate) const VARIABLE: &str = "COMPOSE_PROJECT_NAME";

/// The name, when the files refer to its variable: it is then needed before they can be read in earnest.
pub(crate) fn foresee(request: &Request, plan: &Plan) -> Option<String> {
    let mut report = Report::new(&request.current_directory);
    let mut top = Node::new(Value::Map(Map::new()), Span::NOWHERE);
    let mut mentioned = false;
    for path in &plan.files {
        let file = open(&mut report, path, Span::NOWHERE).ok()?;
        mentioned |= report.sources.files().get(file as usize)?.text.contains(VARIABLE);
    }
    for path in plan.files.iter().filter(|_| mentioned) {
        let file = open(&mut report, path, Span::NOWHERE).ok()?;
        for mut document in parse(&mut report, file).ok()? {
            if let Some(mut name) = document.remove("name") {
                interpolate(&mut report, &mut name, &plan.environment).ok()?;
                top.set("name", name);
            }
        }
    }
    mentioned.then(|| choose(&mut report, request, plan, &top))
}

/// The name by the request, the environment, the file or the folder, in this order.
pub(crate) fn choose(report: &mut Report, request: &Request, plan: &Plan, model: &Node) -> String {
    let asked =
        request.project_name.as_deref().or_else(|| plan.environment.get(VARIABLE).map(String::as_str));
    if let Some(name) = asked.filter(|name| !name.is_empty()) {
        check(report, name, Span::NOWHERE);
        return name.to_owned();
    }
    if let Some(node) = model.get("name")
        && let Some(name) = node.as_text().filter(|name| !name.is_empty())
    {
        check(report, name, node.span);
        return name.to_owned();
    }
    from_folder(report, &plan.directory)
}

fn from_folder(report: &mut Report, folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = normalised(&name);
    if name.is_empty() {
        let message = format!("no project name can be made of the folder `{}`", folder.display());
        let problem = Problem::error("project-name", Span::NOWHERE, message);
        report.add(problem.help("set the top-level key `name`, or use `-p`"));
    }
    name
}

/// A text with everything removed that a name may not hold.
fn normalised(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept: String = lower.chars().filter(|one| is_inner(*one)).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

fn is_inner(one: char) -> bool {
    one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-' || one == '_'
}

fn check(report: &mut Report, name: &str, span: Span) {
    if normalised(name) == name {
        return;
    }
    let message = format!("`{name}` is not a valid project name");
    let help = match normalised(name) {
        fixed if fixed.is_empty() => "use lower-case letters, digits, `-` and `_`".to_owned(),
        fixed => format!("use lower-case letters, digits, `-` and `_`: `{fixed}`"),
    };
    report.add(Problem::error("project-name", span, message).help(help));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_lose_what_a_name_may_not_hold() {
        let check = |input: &str, expect: &str| assert_eq!(normalised(input), expect, "{input}");
        check("My.App", "myapp");
        check("_under-score_", "under-score_");
        check("--", "");
        check("9lives", "9lives");
    }
}
