//! Who deploys, and which revision. It must never fail: what is not known is left out.

use std::path::Path;
use std::process::{Command, Stdio};

/// The revision of a git checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The first digits of the commit.
    pub short: String,
    /// A tracked file differs from it.
    pub dirty: bool,
}

/// The revision of the checkout that a folder is in; none when there is no git or no commit.
#[must_use]
pub fn revision(directory: &Path) -> Option<Revision> {
    directory.ancestors().find(|folder| folder.join(".git").exists())?;
    // One process for both answers; the pattern keeps tags out of the name.
    let described = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"])
        .current_dir(directory)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    parse(&String::from_utf8(described.stdout).ok()?)
}

fn parse(described: &str) -> Option<Revision> {
    let described = described.trim();
    let (short, dirty) = match described.strip_suffix("-dirty") {
        Some(short) => (short, true),
        None => (described, false),
    };
    let is_commit = short.len() >= 7 && short.chars().all(|c| c.is_ascii_hexdigit());
    is_commit.then(|| Revision { short: short.to_owned(), dirty })
}

/// `user@host`.
#[must_use]
pub fn who() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let user = named.unwrap_or_else(user_by_id);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}")
}

/// Cron and containers run without a user in the environment.
fn user_by_id() -> String {
    let id = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, &id).unwrap_or(id)
}

fn name_of(users: &str, id: &str) -> Option<String> {
    let mut fields = users.lines().map(|line| line.split(':'));
    fields.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nci:x:1000:1000::/home/ci:/bin/sh\n";
        assert_eq!(name_of(users, "1000").as_deref(), Some("ci"));
        assert_eq!(name_of(users, "7"), None);
    }

    #[test]
    fn a_revision_says_when_it_is_not_what_was_committed() {
        let revision = |short: &str, dirty| Some(Revision { short: short.into(), dirty });
        assert_eq!(parse("fa674e8\n"), revision("fa674e8", false));
        assert_eq!(parse("fa674e8-dirty\n"), revision("fa674e8", true));
        assert_eq!(parse("fa674e8-dirty").unwrap().to_string(), "fa674e8-dirty");
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_folder_outside_of_a_checkout_has_no_revision() {
        assert_eq!(revision(Path::new("/")), None);
    }
}
