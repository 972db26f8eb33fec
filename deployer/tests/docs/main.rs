//! The documentation as a reader uses it: its commands parse, its scripts exist, its links lead somewhere.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use deployer::cli::Cli;

use pages::{commands, pages, words, workspace};

mod pages;

#[test]
fn commands_are_split_as_a_shell_splits_them() {
    assert_eq!(words("a  'b c' \"\" d\"e f\""), ["a", "b c", "", "de f"]);
}

#[test]
fn every_command_in_the_pages_parses() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (place, line) in commands() {
        let words = words(&line);
        let arguments = match words.first().map(|word| word.trim_start_matches("./")) {
            Some("deployer" | "target/release/deployer") => words.clone(),
            Some("scripts/deploy.sh") => for_verb("deploy", &words),
            Some("scripts/rollback.sh") => for_verb("rollback", &words),
            Some("scripts/health-check.sh") => for_verb("health", &words),
            _ => continue,
        };
        seen += 1;
        if let Err(error) = Cli::try_parse_from(&arguments)
            && error.use_stderr()
        {
            wrong.push(format!("{place}: {line}\n{error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 20, "only {seen} commands were looked at");
}

fn for_verb(verb: &str, words: &[String]) -> Vec<String> {
    ["deployer", verb].map(str::to_owned).into_iter().chain(words[1..].iter().cloned()).collect()
}

#[test]
fn every_script_in_the_pages_exists_and_is_executable() {
    let root = workspace();
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        for (start, _) in text.match_indices("scripts/") {
            let path: String = text[start..]
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || "/-_.".contains(*letter))
                .collect();
            if !path.ends_with(".sh") {
                continue;
            }
            let runs = root.join(&path).metadata().is_ok_and(|file| file.permissions().mode() & 0o111 != 0);
            if !runs {
                wrong.push(format!("{name}: {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not there, or not executable: {wrong:#?}");
}

#[test]
fn every_link_between_the_pages_leads_to_a_file() {
    let root = workspace();
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        let folder = root.join(&name).parent().unwrap().to_owned();
        for (start, _) in text.match_indices("](") {
            let target = text[start + 2..].split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !target.contains("://") && !folder.join(file).exists() {
                wrong.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "links to nothing: {wrong:#?}");
}

#[test]
fn every_verb_and_option_is_in_the_readme() {
    use clap::CommandFactory;
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let command = Cli::command();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut missing: Vec<String> = verbs
        .map(|verb| verb.get_name().to_owned())
        .filter(|verb| !readme.contains(&format!("| `{verb}` |")))
        .collect();
    let options = command.get_arguments().filter_map(clap::Arg::get_long);
    let options = options.filter(|option| !["help", "version"].contains(option));
    missing.extend(
        options.map(|option| format!("--{option}")).filter(|option| !readme.contains(option.as_str())),
    );
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
}
