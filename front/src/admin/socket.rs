//! Where the admin socket is. Must never leave a moment in which nobody answers there while a front runs.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// A socket that listens and has not its name yet.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    temporary: PathBuf,
}

impl AdminSocket {
    /// Listens under a name of this process.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        match fs::remove_file(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(&temporary)?;
        fs::set_permissions(&temporary, Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: path.to_owned(), temporary })
    }

    /// Takes the name, from whoever has it: connections that are made from here on come to this one.
    pub(crate) fn take_over(&self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)
    }

    pub(crate) fn into_listener(self) -> UnixListener {
        self.listener
    }
}
