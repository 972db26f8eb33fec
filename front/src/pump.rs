//! Bytes both ways between two sockets.
//! Must never hold a buffer for a connection that is silent, nor close a side that still sends.

use std::io;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use crate::metrics::{Count, Series};

/// Enough for few system calls, little enough for many connections.
const CHUNK: usize = 64 * 1024;

/// Ends when both sides have ended, or one is broken.
pub(crate) async fn both_ways(
    mut client: TcpStream,
    mut target: TcpStream,
    series: &Series,
) -> io::Result<()> {
    let (client_reads, client_writes) = client.split();
    let (target_reads, target_writes) = target.split();
    tokio::try_join!(
        copy(client_reads, target_writes, &series.received),
        copy(target_reads, client_writes, &series.sent)
    )?;
    Ok(())
}

async fn copy(from: ReadHalf<'_>, mut to: WriteHalf<'_>, count: &Count) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match read(&from, &mut buffer) {
            Ok(0) => return to.shutdown().await,
            Ok(read) => {
                count.add(read as u64);
                to.write_all(&buffer).await?;
            }
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
