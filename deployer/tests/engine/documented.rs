//! Every command of the documentation, typed in the order in which a reader finds it, on a stack of the default one's
//! shape.

use std::io::Read;
use std::process::Stdio;

use crate::pages::{commands, words};
use crate::scenario::Scenario;

/// Those that cannot end well here, with how they end: there is an `.env` already, there is no binary of that name, and
/// nobody can be asked.
const OTHERWISE: [(&str, i32); 3] = [
    ("deployer init", 3),
    ("deployer --agent-binary deployer-aarch64 deploy --tag v1", 3),
    ("deployer down", 2),
];

#[test]
fn every_documented_command_does_what_its_page_says() {
    let scenario = Scenario::new("every documented command runs", "documented");
    let text = "FROM scratch\nARG VERSION=unset\nCOPY fixture /\nCOPY fixture /store-launcher\n\
                ENV VERSION=$VERSION\nENTRYPOINT [\"/fixture\"]\n";
    scenario.write("image/Dockerfile", text);
    scenario.deploy("v0");
    scenario.deploy("v1");
    let mut typed = 0;
    for (place, line) in commands() {
        let words = words(&line);
        let Some(("deployer", arguments)) = words.split_first().map(|(first, rest)| (first.as_str(), rest))
        else {
            continue;
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        typed += 1;
        if arguments.contains(&"--follow") {
            says_something(&scenario, &arguments);
            continue;
        }
        let ended = scenario.run(&arguments);
        let code = OTHERWISE.iter().find(|(other, _)| *other == line).map_or(0, |(_, code)| *code);
        assert_eq!(ended.code, code, "{place}: {line}\n{}", ended.text);
    }
    assert!(typed > 15, "{typed} commands");
}

/// It would go on for ever.
fn says_something(scenario: &Scenario, arguments: &[&str]) {
    let mut child = scenario.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}
