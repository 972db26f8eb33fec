//! The images that a Dockerfile builds on, as far as its text tells. Pure; a name with a variable in it is left out.

use std::collections::BTreeSet;

/// One `FROM` with what its stage copies from.
#[derive(Debug, Default)]
struct Stage {
    name: Option<String>,
    sources: Vec<String>,
}

/// The images that the target, or the last stage, needs.
pub(super) fn bases(text: &str, target: Option<&str>) -> BTreeSet<String> {
    let stages = stages(text);
    let last = stages.len().saturating_sub(1);
    let mut open: Vec<usize> = match target {
        Some(target) => stage(&stages, target, stages.len()).into_iter().collect(),
        None => vec![last],
    };
    let (mut seen, mut images) = (BTreeSet::new(), BTreeSet::new());
    while let Some(index) = open.pop() {
        let Some(found) = stages.get(index).filter(|_| seen.insert(index)) else { continue };
        for source in &found.sources {
            match stage(&stages, source, index) {
                Some(earlier) => open.push(earlier),
                None if source == "scratch" || source.contains('$') => {}
                None => drop(images.insert(source.clone())),
            }
        }
    }
    images
}

/// The stage of that name or number, among those before another.
fn stage(stages: &[Stage], name: &str, before: usize) -> Option<usize> {
    let named = |stage: &Stage| stage.name.as_deref().is_some_and(|stage| stage.eq_ignore_ascii_case(name));
    let before = &stages[..before];
    before.iter().rposition(named).or_else(|| name.parse().ok().filter(|index| *index < before.len()))
}

fn stages(text: &str) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for line in instructions(text) {
        let mut words = line.split_whitespace();
        let instruction = words.next().unwrap_or_default().to_ascii_uppercase();
        if instruction == "FROM" {
            let mut words = words.filter(|word| !word.starts_with("--"));
            let sources = words.next().map(str::to_owned).into_iter().collect();
            let name = words.nth(1).map(str::to_owned);
            stages.push(Stage { name, sources });
        } else if let Some(stage) =
            stages.last_mut().filter(|_| matches!(instruction.as_str(), "COPY" | "RUN"))
        {
            stage.sources.extend(words.take_while(|word| word.starts_with("--")).filter_map(copied_from));
        }
    }
    stages
}

/// The `from` of `--from=…` and of `--mount=type=bind,from=…`.
fn copied_from(flag: &str) -> Option<String> {
    let mounted = || flag.strip_prefix("--mount=")?.split(',').find_map(|part| part.strip_prefix("from="));
    flag.strip_prefix("--from=").or_else(mounted).map(str::to_owned)
}

/// Lines without comments, with continued ones put together.
fn instructions(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let last = all.last_mut().expect("there is always one");
        match line.strip_suffix('\\') {
            Some(part) => last.extend([part, " "]),
            None => {
                last.push_str(line);
                all.push(String::new());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# syntax line
ARG VERSION=1
FROM --platform=linux/amd64 rust:1.90 AS build
RUN --mount=type=bind,from=tools:2,target=/t \\
    cargo build
FROM node:22 as unused
FROM base:$VERSION AS variable
FROM scratch AS app
COPY --from=build /app /app
from build AS debug
";

    #[test]
    fn only_what_the_target_needs_counts() {
        let check = |target, expect: &[&str]| {
            assert_eq!(
                bases(TEXT, target),
                expect.iter().map(|&image| image.to_owned()).collect(),
                "{target:?}"
            );
        };
        check(Some("app"), &["rust:1.90", "tools:2"]);
        check(None, &["rust:1.90", "tools:2"]);
        check(Some("unused"), &["node:22"]);
        check(Some("variable"), &[]);
        check(Some("no-such-target"), &[]);
        assert!(bases("", None).is_empty());
    }
}
