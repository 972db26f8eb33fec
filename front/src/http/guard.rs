//! Requests as they come from the wire: where each one ends, and what hyper puts right in silence although the next
//! reader may take another end of it. Must never disagree with hyper about where a head or a body ends.

mod chunks;

use memchr::{memchr, memchr2};

use chunks::Chunks;

/// Follows the requests of one connection, however they are cut. It takes one request at a time: what comes after its
/// end is not looked at before [`Guard::next`].
#[derive(Debug, Default)]
pub(super) struct Guard {
    part: Part,
    /// The beginning of a line of the head that has not come to its end.
    begun: Vec<u8>,
}

/// What comes next.
#[derive(Debug)]
enum Part {
    Head(Head),
    Length(u64),
    Chunked(Chunks),
    /// Nothing: the request is complete.
    End,
    /// Nothing that is of use.
    Refused(Wrong),
}

impl Default for Part {
    fn default() -> Self {
        Self::Head(Head::default())
    }
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A line ends without a carriage return, one stands alone, or a line is folded.
    LineEnd,
    /// The length of the body is said in two ways, twice, or not as a number.
    Length,
    /// The target has a fragment, which is dropped by some and kept by others.
    Target,
    /// A chunk is not as it should be.
    Chunk,
}

impl Guard {
    /// The request that was looked at has come to its end.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.part, Part::End)
    }

    /// Nothing of a request has come.
    pub(super) fn is_fresh(&self) -> bool {
        self.begun.is_empty() && matches!(&self.part, Part::Head(head) if *head == Head::default())
    }

    /// The next request begins.
    pub(super) fn next(&mut self) {
        *self = Self::default();
    }

    /// Looks at the next bytes; answers how many of them belong to this request and are right. What is wrong is an error
    /// when it comes first.
    pub(super) fn check(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_at_end() {
            match self.step(&bytes[taken..]) {
                Ok(more) => taken += more,
                Err(wrong) => {
                    self.part = Part::Refused(wrong);
                    return if taken > 0 { Ok(taken) } else { Err(wrong) };
                }
            }
        }
        Ok(taken)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        match &mut self.part {
            Part::Head(_) => self.head(bytes),
            Part::Length(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.part = Part::End;
                }
                Ok(taken)
            }
            Part::Chunked(chunks) => {
                let taken = chunks.check(bytes)?;
                if chunks.is_at_end() {
                    self.part = Part::End;
                }
                Ok(taken)
            }
            Part::End => Ok(0),
            Part::Refused(wrong) => Err(*wrong),
        }
    }

    /// One line, or the beginning of one.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        let Part::Head(head) = &mut self.part else { return Ok(0) };
        let Some(end) = memchr(b'\n', bytes) else {
            self.begun.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        let body = if self.begun.is_empty() {
            head.line(&bytes[..end])?
        } else {
            let mut line = std::mem::take(&mut self.begun);
            line.extend_from_slice(&bytes[..end]);
            head.line(&line)?
        };
        if let Some(body) = body {
            self.part = body;
        }
        Ok(end + 1)
    }
}

/// What the lines so far have said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    begun: bool,
    skipped: bool,
    length: Option<u64>,
    coded: bool,
}

impl Head {
    /// What follows the head, after its last line.
    fn line(&mut self, line: &[u8]) -> Result<Option<Part>, Wrong> {
        let Some(line) = line.strip_suffix(b"\r") else { return Err(Wrong::LineEnd) };
        if memchr2(b'\r', 0, line).is_some() {
            return Err(Wrong::LineEnd);
        }
        match (line.first(), self.begun) {
            (None, true) => return Ok(Some(self.body())),
            // Some clients send an empty line after a body.
            (None, false) if !self.skipped => self.skipped = true,
            (None | Some(b' ' | b'\t'), _) => return Err(Wrong::LineEnd),
            (_, false) if memchr(b'#', line).is_some() => return Err(Wrong::Target),
            (_, false) => self.begun = true,
            (_, true) => self.field(line)?,
        }
        Ok(None)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Wrong> {
        if let Some(value) = value(line, b"content-length")? {
            if self.length.replace(number(value)?).is_some() {
                return Err(Wrong::Length);
            }
        } else if value(line, b"transfer-encoding")?.is_some() && std::mem::replace(&mut self.coded, true) {
            return Err(Wrong::Length);
        }
        if self.coded && self.length.is_some() { Err(Wrong::Length) } else { Ok(()) }
    }

    fn body(&self) -> Part {
        match self.length {
            _ if self.coded => Part::Chunked(Chunks::default()),
            None | Some(0) => Part::End,
            Some(length) => Part::Length(length),
        }
    }
}

/// The value of a field with this name. Where names become variables, an underscore is a hyphen.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>, Wrong> {
    if line.get(name.len()) != Some(&b':') {
        return Ok(None);
    }
    let (given, value) = (&line[..name.len()], &line[name.len() + 1..]);
    if given.eq_ignore_ascii_case(name) {
        return Ok(Some(value));
    }
    let alike = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-');
    if given.iter().zip(name).all(alike) { Err(Wrong::Length) } else { Ok(None) }
}

/// Digits and nothing else: signs and spaces are read differently by different readers.
fn number(value: &[u8]) -> Result<u64, Wrong> {
    let digits = value.trim_ascii();
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Wrong::Length);
    }
    Ok(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(guard: &mut Guard, mut bytes: &[u8]) -> Result<(), Wrong> {
        while !bytes.is_empty() {
            bytes = &bytes[guard.check(bytes)?..];
        }
        Ok(())
    }

    #[track_caller]
    fn check(request: &str, expected: Result<(), Wrong>) {
        for cut in 0..request.len() {
            let mut guard = Guard::default();
            let (one, other) = request.as_bytes().split_at(cut);
            let both = all(&mut guard, one).and_then(|()| all(&mut guard, other));
            assert_eq!(both, expected, "{request:?} at {cut}");
            assert!(expected.is_err() || guard.is_at_end(), "{request:?} at {cut}");
        }
    }

    #[test]
    fn heads() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(()));
        check("\r\nGET / HTTP/1.1\r\n\r\n", Ok(()));
        check("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", Ok(()));
        let ambiguous = "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
        check(ambiguous, Err(Wrong::Length));
        let ambiguous = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n";
        check(ambiguous, Err(Wrong::Length));
        check("POST / HTTP/1.1\r\nContent-Length: 1\r\nCONTENT-LENGTH: 1\r\n\r\n", Err(Wrong::Length));
        for number in ["", "+1", "-1", "0x1", "1,1", "1 1", "1_", "9999999999999999999"] {
            check(&format!("POST / HTTP/1.1\r\nContent-Length: {number}\r\n\r\n"), Err(Wrong::Length));
        }
        check("GET / HTTP/1.1\nHost: a\r\n\r\n", Err(Wrong::LineEnd));
        check("GET / HTTP/1.1\r\nHost: a\r\rb\r\n\r\n", Err(Wrong::LineEnd));
        check("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", Err(Wrong::LineEnd));
        check("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Err(Wrong::LineEnd));
        check("\r\n\r\nGET / HTTP/1.1\r\n\r\n", Err(Wrong::LineEnd));
        check("GET /#a HTTP/1.1\r\n\r\n", Err(Wrong::Target));
    }

    #[test]
    fn bodies() {
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na\nb", Ok(()));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in
            ["0\r\n\r\n", "3\r\na\nb\r\n00\r\n\r\n", "a;b=c;d=\"e f\"\r\n0123456789\r\n0 ;x\r\nX: y\r\n\r\n"]
        {
            check(&format!("{chunked}{body}"), Ok(()));
        }
        for body in [
            "\r\n0\r\n\r\n",
            "x\r\n",
            "-1\r\n",
            "0x1\r\n",
            " 1\r\na\r\n0\r\n\r\n",
            "1\na\r\n0\r\n\r\n",
            "1\r\nab\r\n0\r\n\r\n",
            "1\r\na\n0\r\n\r\n",
            "1;a\nb\r\na\r\n0\r\n\r\n",
            "1;a\rb\r\na\r\n0\r\n\r\n",
            "10000000000000000\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\n X: y\r\n\r\n",
            "0\r\n\rX",
        ] {
            check(&format!("{chunked}{body}"), Err(Wrong::Chunk));
        }
    }

    #[test]
    fn what_follows_a_request_is_another_one() {
        for one in [
            "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        ] {
            let mut guard = Guard::default();
            let two = format!("{one}GET / HTTP/1.1\n\n");
            assert_eq!(guard.check(two.as_bytes()), Ok(one.len()));
            assert_eq!(guard.check(b"more"), Ok(0));
            guard.next();
            assert_eq!(guard.check(&two.as_bytes()[one.len()..]), Err(Wrong::LineEnd));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_odd(parts: Vec<Vec<u8>>) {
            let mut guard = Guard::default();
            for part in parts {
                if let Ok(taken) = guard.check(&part) {
                    proptest::prop_assert!(taken <= part.len());
                }
            }
        }
    }
}
