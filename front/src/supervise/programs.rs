//! Which program a front runs: the one that its container began with, or one that was put into its folder since.
//! Must never start a file that is not in that folder, nor forget a choice half way.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Begins the name of every program's file; its identity follows.
const PREFIX: &str = "program-";
/// Begins the name of the link that leads to the file of the chosen one; which front has chosen it follows.
const CHOICE: &str = "choice-";

/// A program that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// Its identity; empty when it has none.
    pub(super) identity: String,
}

/// The folder, and what is there without it.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    own: Program,
    choice: PathBuf,
}

impl Programs {
    pub(super) fn new(folder: &Path, made: &str, own: Program) -> Self {
        Self { folder: folder.to_owned(), own, choice: folder.join(format!("{CHOICE}{made}")) }
    }

    /// The one that the container began with.
    pub(super) fn own(&self) -> &Program {
        &self.own
    }

    /// The one to be started.
    pub(super) fn chosen(&self) -> Program {
        let linked = fs::read_link(&self.choice).ok();
        let chosen = linked.and_then(|name| self.named(&self.folder.join(name)).ok());
        chosen.unwrap_or_else(|| self.own.clone())
    }

    /// The program in this file, which must be one of the folder's.
    pub(super) fn named(&self, path: &Path) -> Result<Program, String> {
        let name = path.file_name().and_then(|name| name.to_str());
        let identity =
            name.and_then(|name| name.strip_prefix(PREFIX)).filter(|identity| !identity.is_empty());
        match identity {
            Some(identity) if path.parent() == Some(&self.folder) && path.is_file() => {
                Ok(Program { path: path.to_owned(), identity: identity.to_owned() })
            }
            _ => Err(format!("{} is not a program of this front", path.display())),
        }
    }

    /// Starts with this one from now on, after a crash of the host too.
    pub(super) fn choose(&self, program: &Program) -> io::Result<()> {
        let name = program.path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let temporary = self.folder.join("chosen.new");
        match fs::remove_file(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        symlink(name, &temporary)?;
        fs::rename(&temporary, &self.choice)?;
        sync(&self.folder)
    }

    /// Starts with the container's own from now on.
    pub(super) fn forget(&self) {
        let forgotten = fs::remove_file(&self.choice).and_then(|()| sync(&self.folder));
        if let Err(e) = forgotten {
            tracing::error!(error = %e, "the choice of a program cannot be forgotten");
        }
        self.clean();
    }

    /// Removes every file of a program that is not chosen, and every other choice. One that still runs goes on without
    /// its name.
    pub(super) fn clean(&self) {
        let chosen = self.chosen().path;
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let ours = name.starts_with(PREFIX) || name.starts_with(CHOICE);
            if !ours || path == chosen || path == self.choice {
                continue;
            }
            if let Err(e) = fs::remove_file(&path) {
                tracing::warn!(file = %path.display(), error = %e, "a program that is not used stays");
            }
        }
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Copies the running program to a file, which is there as a whole or not at all.
///
/// # Errors
///
/// When it cannot be written.
pub fn place(to: &Path) -> io::Result<()> {
    let folder = to.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".new");
    let mut source = File::open("/proc/self/exe")?;
    let mut file = File::create(&temporary)?;
    io::copy(&mut source, &mut file)?;
    file.set_permissions(Permissions::from_mode(0o755))?;
    file.sync_all()?;
    // A program whose file is open for writing cannot be started.
    drop(file);
    fs::rename(&temporary, to)?;
    sync(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(folder: &Path) -> Programs {
        Programs::new(folder, "now", Program { path: "/own".into(), identity: "own".into() })
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("it is a folder");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_choice_is_kept_and_what_is_not_chosen_goes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let programs = programs(path);
        assert_eq!(programs.chosen().identity, "own");
        for name in ["program-1", "program-2", "program-3.new", "choice-before", "route.json"] {
            fs::write(path.join(name), name).expect("it can be written");
        }
        let second = programs.named(&path.join("program-2")).expect("it is there");
        programs.choose(&second).expect("it can be chosen");
        programs.choose(&second).expect("again too");
        assert_eq!(self::programs(path).chosen(), second);
        programs.clean();
        assert_eq!(names(path), ["choice-now", "program-2", "route.json"]);
        programs.forget();
        assert_eq!(programs.chosen().identity, "own");
        assert_eq!(names(path), ["route.json"]);
    }

    #[test]
    fn what_another_front_has_chosen_means_nothing_to_this_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::write(path.join("program-1"), "").expect("it can be written");
        symlink("program-1", path.join("choice-before")).expect("a link");
        assert_eq!(programs(path).chosen().identity, "own");
    }

    #[test]
    fn a_choice_that_leads_nowhere_is_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        symlink("program-gone", path.join("choice-now")).expect("a link");
        assert_eq!(programs(path).chosen().identity, "own");
    }

    #[test]
    fn only_programs_of_the_folder_are_started() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::create_dir(path.join("sub")).expect("a folder");
        for name in ["program-", "other", "sub/program-1"] {
            fs::write(path.join(name), "").expect("it can be written");
            assert!(programs(path).named(&path.join(name)).is_err(), "{name}");
        }
        assert!(programs(path).named(Path::new("/bin/sh")).is_err());
        assert!(programs(path).named(&path.join("program-gone")).is_err());
        assert!(programs(path).named(&path.join("sub/../program-1")).is_err());
    }

    #[test]
    fn the_running_program_is_placed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let to = folder.path().join("program-1");
        place(&to).expect("it is placed");
        place(&to).expect("again too");
        let own = std::env::current_exe().and_then(fs::metadata).expect("it runs");
        let placed = fs::metadata(&to).expect("it is there");
        assert_eq!((placed.len(), placed.permissions().mode() & 0o777), (own.len(), 0o755));
        assert_eq!(names(folder.path()), ["program-1"]);
    }
}
