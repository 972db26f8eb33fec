//! Lines out of bytes that come in pieces. It must never hold more than one line of one stream.

use bytes::Bytes;

/// A line is cut into pieces of this size, so that a stream without an end of line is no leak.
const LONGEST: usize = 64 * 1024;

/// Puts the pieces of a stream together to lines.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    /// The last byte was a carriage return; a line feed after it ends the same line.
    returned: bool,
}

impl Lines {
    /// The lines that end in this piece. A carriage return ends a line too: progress bars use it.
    pub fn feed(&mut self, piece: &Bytes) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in piece {
            let ends_something = !self.line.is_empty();
            match byte {
                b'\n' => lines.extend(self.take(!self.returned)),
                b'\r' => lines.extend(self.take(false)),
                _ => self.line.push(byte),
            }
            self.returned = byte == b'\r' && ends_something;
            if self.line.len() >= LONGEST {
                lines.extend(self.take(false));
            }
        }
        lines
    }

    /// What was left without an end of line.
    pub fn finish(&mut self) -> Option<String> {
        self.take(false)
    }

    fn take(&mut self, even_empty: bool) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        (even_empty || !line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_being_cut_anywhere() {
        let text = "one\r\n\r\nthr\u{e9}\u{e9}\rfour";
        for cut in 0..text.len() {
            let (left, right) = text.as_bytes().split_at(cut);
            let mut lines = Lines::default();
            let mut all = lines.feed(&Bytes::copy_from_slice(left));
            all.extend(lines.feed(&Bytes::copy_from_slice(right)));
            all.extend(lines.finish());
            assert_eq!(all, ["one", "", "thr\u{e9}\u{e9}", "four"], "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_without_lines_is_cut() {
        let mut lines = Lines::default();
        let found = lines.feed(&Bytes::from(vec![b'x'; LONGEST * 2 + 1]));
        assert_eq!(found.iter().map(String::len).collect::<Vec<_>>(), [LONGEST, LONGEST]);
        assert_eq!(lines.finish().as_deref(), Some("x"));
    }
}
