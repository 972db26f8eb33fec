//! Lines of bounded length. Must never hold more than one line that is too long.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::limits::ADMIN_LINE;

/// The next line without its end, `None` at the end of the stream.
/// Cancelling it loses nothing: what was read stays in `line`, which must be passed again.
pub(crate) async fn next<'a>(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &'a mut Vec<u8>,
) -> io::Result<Option<&'a [u8]>> {
    if line.last() == Some(&b'\n') {
        line.clear();
    }
    loop {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let end = chunk.iter().position(|b| *b == b'\n');
        let taken = end.map_or(chunk.len(), |e| e + 1);
        line.extend_from_slice(&chunk[..taken]);
        reader.consume(taken);
        if line.len() > ADMIN_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
        }
        if end.is_some() {
            return Ok(Some(&line[..line.len() - 1]));
        }
    }
}
