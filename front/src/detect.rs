//! What the first bytes of a connection say about its protocol.
//! Must never guess while more bytes could tell.

/// What is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An HTTP/1 request begins.
    Http,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// Anything else.
    Tcp,
    /// More bytes will tell; after a silence it is what is named here.
    Undecided(Guess),
}

/// What an unfinished line is treated as when nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// It can hardly be anything but a request.
    Http,
    /// It could be anything.
    Tcp,
}

/// The longest method of the registry has 17 letters.
const METHOD: usize = 24;
/// A request line that is longer than this is judged by its beginning.
pub(crate) const ENOUGH: usize = 8 * 1024;

const METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"CONNECT", b"TRACE"];

/// Judges the bytes that a client sent first.
pub(crate) fn kind(bytes: &[u8]) -> Kind {
    // Some clients send an empty line before a request.
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    if start > 2 {
        return Kind::Tcp;
    }
    let bytes = &bytes[start..];
    let letters = bytes.iter().take_while(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_')).count();
    match bytes.get(letters) {
        _ if letters > METHOD => Kind::Tcp,
        None => Kind::Undecided(Guess::Tcp),
        Some(b' ') if letters > 0 => line(&bytes[..letters], &bytes[letters + 1..]),
        Some(_) => Kind::Tcp,
    }
}

/// After the method: a target, and the version at the end of the line.
fn line(method: &[u8], rest: &[u8]) -> Kind {
    let guess = guess(method, rest);
    let Some(end) = rest.iter().position(|b| *b == b'\n') else {
        let visible = rest.iter().all(|b| *b >= b' ' || *b == b'\r');
        return match guess {
            _ if !visible => Kind::Tcp,
            Guess::Http if rest.len() >= ENOUGH => Kind::Http,
            Guess::Tcp if rest.len() >= ENOUGH => Kind::Tcp,
            guess => Kind::Undecided(guess),
        };
    };
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    let version = line.iter().rposition(|b| *b == b' ').map_or(line, |space| &line[space + 1..]);
    match version {
        b"HTTP/2.0" if method == b"PRI" => Kind::Http2,
        b"HTTP/2.0" => Kind::Tcp,
        v if v.starts_with(b"HTTP/") => Kind::Http,
        _ => Kind::Tcp,
    }
}

fn guess(method: &[u8], rest: &[u8]) -> Guess {
    let target = matches!(rest.first(), Some(b'/' | b'*')) || rest.starts_with(b"http");
    if METHODS.contains(&method) && target { Guess::Http } else { Guess::Tcp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expected: Kind) {
        assert_eq!(kind(bytes.as_bytes()), expected, "{bytes:?}");
    }

    #[test]
    fn requests() {
        check("GET / HTTP/1.1\r\nHost: a\r\n", Kind::Http);
        check("\r\nGET / HTTP/1.0\n", Kind::Http);
        check("M-SEARCH * HTTP/1.1\r\n", Kind::Http);
        check("PURGE /a HTTP/1.1\r\n", Kind::Http);
        check("GET / HTTP/9.9\r\n", Kind::Http);
        check(&format!("GET /{}", "a".repeat(ENOUGH)), Kind::Http);
    }

    #[test]
    fn other_protocols() {
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Kind::Http2);
        check("GET / HTTP/2.0\r\n", Kind::Tcp);
        check("\x16\x03\x01\x02", Kind::Tcp);
        check("SSH-2.0-x\r\n", Kind::Tcp);
        check("EHLO host\r\n", Kind::Tcp);
        check("PING\r\n", Kind::Tcp);
        check("SET key value\r\n", Kind::Tcp);
        check("get key\r\n", Kind::Tcp);
        check("*1\r\n$4\r\nPING\r\n", Kind::Tcp);
        check("\0\0\0\x08", Kind::Tcp);
        check("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Kind::Tcp);
        check("\n\n\n\nGET", Kind::Tcp);
        check(&format!("SET {}", "a".repeat(ENOUGH)), Kind::Tcp);
    }

    #[test]
    fn beginnings() {
        check("", Kind::Undecided(Guess::Tcp));
        check("GE", Kind::Undecided(Guess::Tcp));
        check("GET ", Kind::Undecided(Guess::Tcp));
        check("GET /long", Kind::Undecided(Guess::Http));
        check("SET key", Kind::Undecided(Guess::Tcp));
    }

    proptest::proptest! {
        #[test]
        fn a_request_is_seen_wherever_it_is_cut(cut in 0usize..26) {
            let request = b"DELETE /a/b?c=d HTTP/1.1\r\n";
            proptest::prop_assert_ne!(kind(&request[..cut]), Kind::Tcp);
            proptest::prop_assert_eq!(kind(request), Kind::Http);
        }

        #[test]
        fn no_bytes_are_too_odd(bytes: Vec<u8>) {
            kind(&bytes);
        }
    }
}
