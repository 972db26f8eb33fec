//! Heads as they come from the wire, for what hyper puts right in silence: one reader of such a head may take another
//! end of it than the next one does. Must never disagree with hyper about where a head ends.

/// Looks at the heads of one connection, however they are cut.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// The beginning of a head that has not come to its end.
    begun: Vec<u8>,
    /// The end has been seen; a body or the next request may follow.
    done: bool,
}

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A line ends without a carriage return, or one stands alone.
    LineEnd,
    /// The length of the body is said in two ways, or twice.
    Length,
}

impl Guard {
    /// The next request begins.
    pub(super) fn reset(&mut self) {
        self.done = false;
        self.begun = Vec::new();
    }

    /// Looks at the next bytes.
    pub(super) fn check(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        if self.done {
            return Ok(());
        }
        if self.begun.is_empty() {
            self.done = whole(bytes)?;
            if !self.done {
                self.begun.extend_from_slice(bytes);
            }
            return Ok(());
        }
        self.begun.extend_from_slice(bytes);
        self.done = whole(&self.begun)?;
        if self.done {
            self.begun = Vec::new();
        }
        Ok(())
    }
}

/// Whether the head is there to its end.
fn whole(bytes: &[u8]) -> Result<bool, Wrong> {
    let (mut lengths, mut coded) = (0, false);
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let Some(line) = rest[..end].strip_suffix(b"\r") else { return Err(Wrong::LineEnd) };
        let is_first = rest.len() == bytes.len();
        rest = &rest[end + 1..];
        // hyper skips an empty line before a request.
        if line.is_empty() && !is_first {
            return Ok(true);
        }
        if line.contains(&b'\r') {
            return Err(Wrong::LineEnd);
        }
        lengths += u32::from(is_named(line, b"content-length"));
        coded |= is_named(line, b"transfer-encoding");
        if lengths > 1 || (lengths > 0 && coded) {
            return Err(Wrong::Length);
        }
    }
    Ok(false)
}

fn is_named(line: &[u8], name: &[u8]) -> bool {
    line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Result<(), Wrong>) {
        for cut in 0..head.len() {
            let mut guard = Guard::default();
            let (one, other) = head.as_bytes().split_at(cut);
            assert_eq!(guard.check(one).and_then(|()| guard.check(other)), expected, "{head:?} at {cut}");
            assert!(expected.is_err() || guard.done, "{head:?} at {cut}");
        }
    }

    #[test]
    fn heads() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(()));
        check("\r\nGET / HTTP/1.1\r\n\r\n", Ok(()));
        check("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nContent-Length: 1\n", Ok(()));
        check(
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            Err(Wrong::Length),
        );
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            Err(Wrong::Length),
        );
        check("POST / HTTP/1.1\r\nContent-Length: 1\r\nCONTENT-LENGTH: 1\r\n\r\n", Err(Wrong::Length));
        check("GET / HTTP/1.1\nHost: a\r\n\r\n", Err(Wrong::LineEnd));
        check("GET / HTTP/1.1\r\nHost: a\r\rb\r\n\r\n", Err(Wrong::LineEnd));
    }

    #[test]
    fn the_next_request_is_looked_at_after_a_reset() {
        let mut guard = Guard::default();
        assert_eq!(guard.check(b"GET / HTTP/1.1\r\n\r\nany\nthing"), Ok(()));
        guard.reset();
        assert_eq!(guard.check(b"GET / HTTP/1.1\n\n"), Err(Wrong::LineEnd));
    }
}
