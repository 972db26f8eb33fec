//! The pages of the documentation, and the commands that a reader is to type.

use std::path::{Path, PathBuf};

/// The project's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every page, by its path in the workspace.
pub fn pages() -> Vec<(String, String)> {
    let root = workspace();
    let mut names: Vec<String> = ["README.md", "DEPLOYMENT.md", "CONTRIBUTING.md"].map(Into::into).into();
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.into_iter().map(|name| (name.clone(), std::fs::read_to_string(root.join(&name)).unwrap())).collect()
}

/// The lines of the blocks that a reader is to type, with their places.
pub fn commands() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, text) in pages() {
        let mut fence = None;
        for (number, line) in (1..).zip(text.lines()) {
            match (fence, line.trim().strip_prefix("```")) {
                (None, Some(language)) => fence = Some(language.trim()),
                (Some(_), Some(_)) => fence = None,
                (Some("sh"), None) => found.push((format!("{name}:{number}"), line.trim().to_owned())),
                _ => {}
            }
        }
    }
    assert!(found.len() > 20, "the pages have commands");
    found
}

/// The words of a simple command: blanks part them, unless they are in quotes.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == letter => quote = None,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}
