//! The address of an engine, taken apart. Nothing here may open a connection.

use std::fmt;
use std::path::PathBuf;

use super::super::error::Error;
use super::{DEFAULT_SOCKET, invalid};

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this host.
    Unix(PathBuf),
    /// A TCP port, with TLS or without.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// What TLS needs, when it is used.
        tls: Option<Certificates>,
    },
    /// A socket on a host that ssh leads to.
    Ssh {
        /// `host` or `user@host`.
        destination: String,
        /// The port of the ssh server, when it is not the usual one.
        port: Option<u16>,
        /// The engine's socket over there.
        socket: String,
    },
}

/// A folder with `ca.pem`, and `cert.pem` and `key.pem` when the engine wants to know who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The folder.
    pub folder: PathBuf,
    /// Whether a missing `ca.pem` is an error; else the system's certificates are trusted.
    pub required: bool,
}

impl Endpoint {
    /// The endpoint that a text like `unix:///run/docker.sock`, `tcp://host:2376` or `ssh://me@host:22` means.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse(text: &str, tls: Option<Certificates>) -> Result<Self, Error> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme {
            "unix" | "" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "tcp" | "http" => tcp(text, rest, tls),
            "https" => tcp(text, rest, tls.or_else(|| Some(system_certificates()))),
            "ssh" => ssh(text, rest),
            _ => Err(unknown(text)),
        }
    }

    /// Whether the engine runs on this host, as far as its address tells.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
            Self::Ssh { .. } => false,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, tls } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                write!(f, "tcp://{host}:{port}{}", if tls.is_some() { " (TLS)" } else { "" })
            }
            Self::Ssh { destination, port, socket } => {
                write!(f, "ssh://{destination}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))?;
                if socket == DEFAULT_SOCKET { Ok(()) } else { f.write_str(socket) }
            }
        }
    }
}

fn system_certificates() -> Certificates {
    Certificates { folder: PathBuf::new(), required: false }
}

fn tcp(text: &str, rest: &str, tls: Option<Certificates>) -> Result<Endpoint, Error> {
    let address = rest.trim_end_matches('/');
    if address.contains(['/', '@', '?', '#']) {
        return Err(invalid(text, "an engine's address is tcp://HOST:PORT, without a path or a user"));
    }
    let (host, port) = split_port(text, address)?;
    let port = port.unwrap_or(if tls.is_some() { 2376 } else { 2375 });
    Ok(Endpoint::Tcp { host, port, tls })
}

fn ssh(text: &str, rest: &str) -> Result<Endpoint, Error> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        let text = format!("ssh://{address}");
        return Err(invalid(text, "a password does not belong into an address; use a key and ssh-agent"));
    }
    let (host, port) = split_port(text, address)?;
    let destination = user.map_or(host.clone(), |user| format!("{user}@{host}"));
    // Whatever starts with a dash would be an option to ssh.
    if destination.starts_with('-') || destination.contains(char::is_whitespace) {
        return Err(unknown(text));
    }
    let socket = if path.len() > 1 { path } else { DEFAULT_SOCKET };
    Ok(Endpoint::Ssh { destination, port, socket: socket.to_owned() })
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(text: &str, address: &str) -> Result<(String, Option<u16>), Error> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(|| unknown(text))?)),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(unknown(text));
    }
    let port = port
        .map(str::parse)
        .transpose()
        .map_err(|_| invalid(text, "its port is not a number below 65536"))?;
    Ok((host.to_owned(), port))
}

fn unknown(text: &str) -> Error {
    invalid(text, "an engine's address is unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST:PORT")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Endpoint::parse(text, None) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => error.source.to_string(),
        }
    }

    #[test]
    fn addresses_are_read() {
        for (given, expected) in [
            ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
            ("/run/docker.sock", "unix:///run/docker.sock"),
            ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
            ("tcp://[::1]:2375/", "tcp://[::1]:2375"),
            ("https://engine.example", "tcp://engine.example:2376 (TLS)"),
            ("ssh://me@host", "ssh://me@host"),
            ("ssh://me@host:2222/run/x.sock", "ssh://me@host:2222/run/x.sock"),
        ] {
            assert_eq!(parsed(given), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for given in
            ["", "docker", "unix://relative.sock", "ssh://", "ssh://-oProxyCommand=x", "npipe:////./x"]
        {
            assert!(parsed(given).starts_with("an engine's address is"), "{given}: {}", parsed(given));
        }
        assert!(parsed("tcp://a:99999").contains("port"));
        assert!(parsed("ssh://me:hunter2@host").contains("ssh-agent"));
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let error = Endpoint::parse("ssh://me:hunter2@host", None).unwrap_err();
        assert!(!format!("{error:?}{error}").contains("hunter2"));
    }

    #[test]
    fn loopback_is_local() {
        for (given, local) in [
            ("/x", true),
            ("tcp://127.0.0.1", true),
            ("tcp://[::1]", true),
            ("tcp://localhost", true),
            ("tcp://10.1.1.1", false),
            ("ssh://localhost", false),
        ] {
            assert_eq!(Endpoint::parse(given, None).unwrap().is_local(), local, "{given}");
        }
    }
}
