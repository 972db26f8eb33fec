//! Standard input and output as a client of the admin socket, for an exec stream.
//! Must never look at what passes: versions of both ends may differ.

use std::io;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Copies standard input to the front's admin socket and its answers to standard output, until the front closes it.
///
/// Standard input is read by a thread that may still wait when this ends; leave the process, or the runtime with
/// `shutdown_background`, to not wait for it.
///
/// # Errors
///
/// When the socket cannot be reached, or breaks.
pub async fn admin_bridge(socket: &Path) -> io::Result<()> {
    bridge(socket, tokio::io::stdin(), tokio::io::stdout()).await
}

/// As [`admin_bridge`], for any two streams.
///
/// # Errors
///
/// When the socket cannot be reached, or breaks.
pub async fn bridge(
    socket: &Path,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (answers, commands) = UnixStream::connect(socket).await?.into_split();
    tokio::select! {
        result = receive(answers, output) => result,
        Err(e) = send(input, commands) => Err(e),
    }
}

async fn send(mut input: impl AsyncRead + Unpin, mut commands: OwnedWriteHalf) -> io::Result<()> {
    tokio::io::copy(&mut input, &mut commands).await?;
    commands.shutdown().await
}

async fn receive(mut answers: OwnedReadHalf, mut output: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut answers, &mut output).await?;
    output.flush().await
}
