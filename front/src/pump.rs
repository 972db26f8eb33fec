//! Bytes both ways between two sockets.
//! Must never hold a buffer for a connection that is silent, nor close a side that still sends.

use std::io;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

/// Enough for few system calls, little enough for many connections.
const CHUNK: usize = 64 * 1024;

/// Ends when both sides have ended, or one is broken.
pub(crate) async fn both_ways(mut one: TcpStream, mut other: TcpStream) -> io::Result<()> {
    let (one_reads, one_writes) = one.split();
    let (other_reads, other_writes) = other.split();
    tokio::try_join!(copy(one_reads, other_writes), copy(other_reads, one_writes))?;
    Ok(())
}

async fn copy(from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match read(&from, &mut buffer) {
            Ok(0) => return to.shutdown().await,
            Ok(_) => to.write_all(&buffer).await?,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                buffer = Vec::new();
                from.ready(Interest::READABLE).await?;
            }
            Err(e) => return Err(e),
        }
    }
}

fn read(from: &ReadHalf<'_>, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.reserve_exact(CHUNK);
    from.try_read_buf(buffer)
}
