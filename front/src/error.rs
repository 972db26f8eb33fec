//! What keeps a front from starting. Once it serves, a failure belongs to one exchange and never ends it.

use std::io;
use std::path::PathBuf;

/// A front could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A port could not be listened on.
    #[error("port {port} cannot be listened on")]
    Bind {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The admin socket could not be made.
    #[error("the admin socket {} cannot be made", path.display())]
    Admin {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder of the persisted route cannot be used.
    #[error("the state folder {} cannot be used", path.display())]
    State {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A range of trusted proxies is none.
    #[error("{range:?} is not an address or a CIDR range of trusted proxies")]
    TrustedProxy {
        /// As it was given.
        range: String,
    },
    /// Whoever started this worker does not speak to it.
    #[error("there is no supervisor at standard input")]
    Supervisor(#[source] io::Error),
    /// Other listeners were passed than the options name.
    #[error("{given} bound listeners were passed for {wanted} ports")]
    Listeners {
        /// How many were passed.
        given: usize,
        /// How many ports the options name.
        wanted: usize,
    },
}
