//! The PROXY header, version 1 and 2: who stands behind a proxy that passes bytes and says nothing else.
//! Must never be believed of anybody but a trusted peer, nor read a byte too many.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::limits::PROXY;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1.
const LINE: usize = 107;
/// The longest header of version 2 that is read: addresses and some extensions, which are skipped.
const LONGEST: usize = 16 + 2048;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    /// More bytes will tell.
    Unfinished,
    /// It is none.
    Absent,
    /// It is so many bytes long, and names somebody, or only says that the proxy itself asks.
    Whole(usize, Option<IpAddr>),
    /// It begins like one and is none.
    Wrong,
}

/// Reads the header that a connection may begin with; answers whom it names.
pub(crate) async fn read(stream: &TcpStream, patience: Duration) -> io::Result<Option<IpAddr>> {
    if timeout(PROXY, stream.readable()).await.is_err() {
        return Ok(None);
    }
    timeout(patience, read_header(stream)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// It is looked at where it lies until all of it is there, so that nothing behind it is taken.
async fn read_header(stream: &TcpStream) -> io::Result<Option<IpAddr>> {
    let mut bytes = vec![0; LONGEST];
    let mut seen = 0;
    loop {
        let count = stream.peek(&mut bytes).await?;
        match header(&bytes[..count]) {
            Header::Absent => return Ok(None),
            Header::Whole(length, named) => {
                take(stream, &mut bytes[..length])?;
                return Ok(named);
            }
            // Bytes that were seen already wake at once, again and again.
            Header::Unfinished if count < LONGEST && count > seen => seen = count,
            Header::Unfinished if count < LONGEST && count > 0 => {
                sleep(Duration::from_millis(5)).await;
            }
            // It ended without a word.
            Header::Unfinished if count == 0 => return Ok(None),
            Header::Unfinished | Header::Wrong => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// What was seen is there to be taken.
fn take(stream: &TcpStream, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = stream.try_read(bytes)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[count..];
    }
    Ok(())
}

fn header(bytes: &[u8]) -> Header {
    let begins = |known: &[u8]| bytes.iter().zip(known).all(|(a, b)| a == b);
    if bytes.is_empty() {
        Header::Unfinished
    } else if begins(SIGNATURE) {
        binary(bytes)
    } else if begins(b"PROXY ") {
        line(bytes)
    } else {
        Header::Absent
    }
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 1234 80` and a line's end.
fn line(bytes: &[u8]) -> Header {
    let Some(end) = bytes.iter().position(|b| *b == b'\n') else {
        return if bytes.len() < LINE { Header::Unfinished } else { Header::Wrong };
    };
    let text = bytes[..end].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok());
    let Some(text) = text.filter(|_| end < LINE) else { return Header::Wrong };
    let named = match text.split(' ').collect::<Vec<_>>()[..] {
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", "TCP4", from, to, ours, theirs] => parts::<Ipv4Addr>(from, to, ours, theirs),
        ["PROXY", "TCP6", from, to, ours, theirs] => parts::<Ipv6Addr>(from, to, ours, theirs),
        _ => None,
    };
    named.map_or(Header::Wrong, |named| Header::Whole(end + 1, named))
}

fn parts<A: std::str::FromStr + Into<IpAddr>>(
    from: &str,
    to: &str,
    source: &str,
    port: &str,
) -> Option<Option<IpAddr>> {
    to.parse::<A>().ok()?;
    source.parse::<u16>().ok()?;
    port.parse::<u16>().ok()?;
    Some(Some(from.parse::<A>().ok()?.into()))
}

/// Signature, version and command, family, length; then the addresses.
fn binary(bytes: &[u8]) -> Header {
    let Some(rest) = bytes.strip_prefix(SIGNATURE) else { return Header::Unfinished };
    let [kind, family, high, low, rest @ ..] = rest else { return Header::Unfinished };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if 16 + length > LONGEST {
        return Header::Wrong;
    }
    let Some(addresses) = rest.get(..length) else { return Header::Unfinished };
    let named = match (kind, family) {
        // The proxy's own question, as for its checks.
        (0x20, _) => None,
        (0x21, 0x11) => match addresses.first_chunk::<4>() {
            Some(from) if length >= 12 => Some(IpAddr::from(*from)),
            _ => return Header::Wrong,
        },
        (0x21, 0x21) => match addresses.first_chunk::<16>() {
            Some(from) if length >= 36 => Some(IpAddr::from(*from)),
            _ => return Header::Wrong,
        },
        (0x21, _) => None,
        _ => return Header::Wrong,
    };
    Header::Whole(16 + length, named.map(|ip| ip.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(kind: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[kind, family], &length, addresses].concat()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<&str>) {
        let expected = expected.map(|a| a.parse().unwrap());
        for more in [&b""[..], b"GET / HTTP/1.1\r\n"] {
            let all = [bytes, more].concat();
            assert_eq!(header(&all), Header::Whole(bytes.len(), expected));
        }
        for cut in 0..bytes.len() {
            assert_eq!(header(&bytes[..cut]), Header::Unfinished, "{cut}");
        }
    }

    #[test]
    fn headers() {
        check(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n", Some("192.0.2.1"));
        check(b"PROXY TCP6 2001:db8::1 ::1 1234 80\r\n", Some("2001:db8::1"));
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN a b c d\r\n", None);
        check(&v2(0x21, 0x11, &[192, 0, 2, 1, 1, 2, 3, 4, 0, 1, 0, 2]), Some("192.0.2.1"));
        check(&v2(0x21, 0x21, &[9; 40]), Some("909:909:909:909:909:909:909:909"));
        check(&v2(0x20, 0, &[]), None);
        check(&v2(0x21, 0x31, &[0; 216]), None);
    }

    #[test]
    fn none_and_wrong_ones() {
        for none in [&b"GET / HTTP/1.1\r\n"[..], b"PROXIED", b"\r\n\r\nGET", b"\x16\x03"] {
            assert_eq!(header(none), Header::Absent);
        }
        for wrong in [
            b"PROXY TCP4 192.0.2.1\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 99999\r\n".to_vec(),
            b"PROXY UNKNOWN\n".to_vec(),
            [b"PROXY ".to_vec(), vec![b'a'; 200]].concat(),
            v2(0x11, 0x11, &[0; 12]),
            v2(0x22, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x21, &[0; 35]),
            v2(0x21, 0x21, &[0; 5000]),
        ] {
            assert_eq!(header(&wrong), Header::Wrong, "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes: Vec<u8>, version in 0..3) {
            let begin: &[u8] = [&b""[..], b"PROXY ", SIGNATURE][version as usize];
            let all = [begin, &bytes].concat();
            if let Header::Whole(length, _) = header(&all) {
                proptest::prop_assert!(length <= all.len() && length <= LONGEST);
            }
        }
    }
}
