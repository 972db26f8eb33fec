//! `init`: a file of variables from its example, with fresh credentials. It must never overwrite a file, and never
//! show a credential.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use self::choice::Choice;
use self::template::Template;
use super::Session;
use crate::cli::Init;
use crate::error::{Code, Failure};

mod choice;
mod template;

/// Only the user reads it: it holds credentials.
const MODE: u32 = 0o600;

/// What was done.
#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    generated: &'a [String],
    compose_file: Option<&'a Choice>,
}

/// Writes the file.
///
/// # Errors
/// When it exists, when its example does not, when it cannot be written.
pub async fn run(session: &Session, args: &Init) -> anyhow::Result<Code> {
    refuse_existing(&args.to)?;
    let example = std::fs::read_to_string(&args.from).map_err(|error| {
        let failure =
            Failure::new(Code::Configuration, format!("cannot read {}: {error}", args.from.display()));
        failure.hint("run it in the project's folder, or name the example with --from")
    })?;
    let mut template = Template::parse(&example);
    let generated = template.generate(credential);
    let file = temporary(&args.to, &template.text())?;
    let choice = choice::choose(session, &template, file.path()).await?;
    if let Some(choice) = &choice {
        template.choose(&choice.value);
    }
    let file = temporary(&args.to, &template.text())?;
    file.persist_noclobber(&args.to).map_err(|error| exists(&args.to, &error.error))?;
    report(session, &Written { file: &args.to, generated: &generated, compose_file: choice.as_ref() });
    Ok(Code::Done)
}

fn report(session: &Session, written: &Written<'_>) {
    if session.ui.is_json() {
        return session.ui.data(written);
    }
    session.ui.say(&format!("wrote {}, for your eyes only", written.file.display()));
    if !written.generated.is_empty() {
        session.ui.say(&format!("generated at random: {}", written.generated.join(", ")));
    }
    if let Some(choice) = written.compose_file {
        session.ui.say(&format!("chose COMPOSE_FILE={}: {}", choice.value, choice.reason));
    }
}

fn refuse_existing(to: &Path) -> Result<(), Failure> {
    // A dangling link exists too.
    if to.symlink_metadata().is_ok() {
        Err(exists(to, &"it holds credentials that are in use"))
    } else {
        Ok(())
    }
}

fn exists(to: &Path, why: &dyn std::fmt::Display) -> Failure {
    let failure =
        Failure::new(Code::Configuration, format!("{} is not written: there is one already", to.display()));
    failure.hint(format!("{why}; edit it, or move it away first"))
}

/// The text in a file beside the final one, so that it appears there as a whole or not at all.
fn temporary(to: &Path, text: &str) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = to
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    let write = || {
        let permissions = std::fs::Permissions::from_mode(MODE);
        let mut file =
            tempfile::Builder::new().prefix(".env-").permissions(permissions).tempfile_in(&folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok::<_, std::io::Error>(file)
    };
    write().with_context(|| format!("cannot write in {}", folder.display()))
}

/// Letters and digits need no quotes anywhere; 20 of them are 119 bits, and no store's limit for a user's name.
fn credential() -> String {
    use rand::distr::{Alphanumeric, SampleString};
    const LENGTH: usize = 20;
    Alphanumeric.sample_string(&mut rand::rng(), LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_differ_and_need_no_quotes() {
        let (one, other) = (credential(), credential());
        assert_ne!(one, other);
        assert!(one.len() == 20 && one.chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_file_that_exists_stays() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join(".env");
        refuse_existing(&to).unwrap();
        let written = temporary(&to, "A=1\n").unwrap();
        written.persist_noclobber(&to).unwrap();
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, MODE);
        assert!(refuse_existing(&to).unwrap_err().to_string().ends_with("there is one already"));
        assert!(temporary(&to, "A=2\n").unwrap().persist_noclobber(&to).is_err());
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "A=1\n");
    }
}
