//! Lines out of bytes that come in pieces. It must never hold more than one line of one stream.

use bytes::Bytes;

/// A line is cut into pieces of this size, so that a stream without an end of line is no leak.
const LONGEST: usize = 64 * 1024;

/// Puts the pieces of a stream together to lines.
#[derive(Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// The lines that end in this piece. A carriage return ends a line too: progress bars use it.
    pub fn feed(&mut self, piece: &Bytes) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in piece {
            match byte {
                b'\n' => lines.extend(self.take(true)),
                b'\r' => lines.extend(self.take(false)),
                _ => self.0.push(byte),
            }
            if self.0.len() >= LONGEST {
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
        let line = std::mem::take(&mut self.0);
        (even_empty || !line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_being_cut_anywhere() {
        let text = "one\n\nthr\u{e9}\u{e9}\rfour";
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
