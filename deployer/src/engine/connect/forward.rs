//! The way to an engine that only ssh leads to: a local socket that an own ssh process forwards. It needs nothing
//! but sshd on the other side. It must not outlive this process, however that ends.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{sleep, timeout};

use super::super::error::{Error, Kind};
use super::Endpoint;

/// How long ssh may take until the socket is there: name lookup, login, everything.
const LIMIT: Duration = Duration::from_secs(30);
const COMPLAINT_LIMIT: u64 = 4096;

/// A shell between us and ssh: it ends ssh when its standard input closes, which happens however this process ends.
/// Its own standard error is closed, so that the end of that stream means the end of ssh.
const WATCH: &str = r#"ssh=$1; shift; "$ssh" "$@" </dev/null & exec 2>/dev/null; read -r _; kill "$!""#;

/// A forwarded socket; dropping it ends ssh and removes the socket.
pub(in crate::engine) struct Forward {
    folder: TempDir,
    // Ended by the end of its standard input, which closes when this is dropped.
    _watch: Child,
}

impl Forward {
    /// Opens the way to an `ssh://` endpoint; other endpoints need none.
    pub(in crate::engine) async fn open(endpoint: &Endpoint) -> Result<Option<Self>, Error> {
        match endpoint {
            Endpoint::Ssh { destination, port, socket } => {
                Self::through(OsStr::new("ssh"), destination, *port, socket).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The local end.
    pub(in crate::engine) fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    async fn through(ssh: &OsStr, destination: &str, port: Option<u16>, socket: &str) -> Result<Self, Error> {
        let fail = |source| failed(destination, source);
        // Only its owner may enter the folder; so nobody else reaches the engine through the socket.
        let folder = tempfile::Builder::new().prefix("deployer-").tempdir().map_err(fail)?;
        let mut watch = start(ssh, destination, port, socket, folder.path()).map_err(fail)?;
        let complaints = watch.stderr.take().expect("standard error is piped");
        let forward = Self { folder, _watch: watch };
        tokio::select! {
            () = appears(forward.socket()) => Ok(forward),
            text = read_all(complaints) => Err(failed(destination, std::io::Error::other(text))),
            () = sleep(LIMIT) => Err(failed(destination, std::io::ErrorKind::TimedOut.into())),
        }
    }
}

fn start(
    ssh: &OsStr,
    destination: &str,
    port: Option<u16>,
    socket: &str,
    folder: &Path,
) -> std::io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCH, "sh"]).arg(ssh).arg("-NT");
    // A question could not be answered from a process group of its own, so ssh asks none.
    for option in [
        "BatchMode=yes",
        "ConnectTimeout=15",
        "ExitOnForwardFailure=yes",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "StreamLocalBindMask=0177",
    ] {
        command.args(["-o", option]);
    }
    if let Some(port) = port {
        command.args(["-p", &port.to_string()]);
    }
    command.arg("-L").arg(format!("{}:{socket}", folder.join("engine.sock").display()));
    command.args(["--", destination]);
    // Ctrl-C reaches the whole process group of a terminal, and what has to be undone needs the connection.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

async fn appears(socket: PathBuf) {
    while !socket.exists() {
        sleep(Duration::from_millis(10)).await;
    }
}

/// What ssh complained about, once it has ended.
async fn read_all(stderr: ChildStderr) -> String {
    let mut text = Vec::new();
    let mut start = stderr.take(COMPLAINT_LIMIT);
    let _ = start.read_to_end(&mut text).await;
    if text.len() as u64 == COMPLAINT_LIMIT {
        let _ = timeout(LIMIT, tokio::io::copy(&mut start.into_inner(), &mut tokio::io::sink())).await;
    }
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() { "ssh ended without a word".to_owned() } else { text }
}

fn failed(destination: &str, source: std::io::Error) -> Error {
    let hint = format!(
        "`ssh {destination} true` must work without a question: a key that ssh-agent holds, and a known host"
    );
    Error::caused_by(Kind::Unreachable, "reach the engine through ssh at", destination, source)
        .with_hint(hint)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program in the place of ssh.
    fn script(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("ssh");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[tokio::test]
    async fn what_ssh_complains_about_is_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let ssh = script(folder.path(), "echo 'Permission denied (publickey).' >&2; exit 255");
        let error = Forward::through(ssh.as_os_str(), "me@host", None, "/s").await.err().unwrap();
        assert_eq!(error.to_string(), "could not reach the engine through ssh at me@host");
        assert_eq!(error.source.to_string(), "Permission denied (publickey).");
        assert!(error.is_unreachable());
    }

    #[tokio::test]
    async fn ssh_ends_when_the_forward_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("noted");
        // Notes its process and its arguments, makes what is to the left of the colon after -L, and stays.
        let text = format!(
            "echo $$ \"$@\" > {0}; while [ \"$1\" != -L ]; do shift; done; : > \"${{2%%:*}}\"; exec sleep 60",
            noted.display()
        );
        let ssh = script(folder.path(), &text);
        let forward = Forward::through(ssh.as_os_str(), "me@host", Some(2222), "/run/x.sock").await.unwrap();
        let noted = std::fs::read_to_string(noted).unwrap();
        assert!(noted.contains("-p 2222"), "{noted}");
        assert!(noted.contains("engine.sock:/run/x.sock -- me@host"), "{noted}");
        let process = PathBuf::from("/proc").join(noted.split(' ').next().unwrap());
        assert!(process.exists());
        drop(forward);
        for _ in 0..200 {
            // A killed process that init has not yet asked about still has a folder, and no command line.
            if std::fs::read(process.join("cmdline")).unwrap_or_default().is_empty() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("ssh is still running");
    }
}
