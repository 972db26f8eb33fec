//! A chunked body, byte by byte where it frames and at once where it is data.
//! Must never be laxer than hyper, which decodes the same bytes.

use super::Wrong;

/// The most digits of a size that cannot overflow.
const DIGITS: u8 = 15;

/// Where in the body the next byte is.
#[derive(Debug, Default)]
pub(super) enum Chunks {
    /// Before the first digit of a size.
    #[default]
    Begin,
    Size(u64, u8),
    /// After the size, before an extension.
    Blank(u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataEnd,
    DataEnded,
    /// Where a trailer may begin.
    Line,
    Trailer,
    TrailerEnd,
    LastEnd,
    End,
}

impl Chunks {
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self, Self::End)
    }

    /// Answers how many of the bytes belong to the body.
    pub(super) fn check(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_at_end() {
            if let Self::Data(left) = *self {
                let rest = bytes.len() - taken;
                let data = usize::try_from(left).map_or(rest, |left| left.min(rest));
                taken += data;
                let left = left - data as u64;
                *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
            } else {
                *self = self.after(bytes[taken])?;
                taken += 1;
            }
        }
        Ok(taken)
    }

    fn after(&self, byte: u8) -> Result<Self, Wrong> {
        Ok(match (self, byte) {
            (Self::Begin, _) => Self::Size(digit(byte).ok_or(Wrong::Chunk)?, 1),
            (Self::Size(size, digits), _) => return in_size(*size, *digits, byte),
            (Self::Blank(size), b' ' | b'\t') => Self::Blank(*size),
            (Self::Blank(size), b';') => Self::Extension(*size),
            (Self::Extension(size), b'\r') => Self::SizeEnd(*size),
            (Self::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => Self::Extension(*size),
            (Self::SizeEnd(0), b'\n') => Self::Line,
            (Self::SizeEnd(size), b'\n') => Self::Data(*size),
            (Self::DataEnd, b'\r') => Self::DataEnded,
            (Self::DataEnded, b'\n') => Self::Begin,
            (Self::Line, b'\r') => Self::LastEnd,
            // A line that begins with a space would be a folded one.
            (Self::Line, b'!'..=b'~') => Self::Trailer,
            (Self::Trailer, b'\t' | b' '..=b'~' | 0x80..) => Self::Trailer,
            (Self::Trailer, b'\r') => Self::TrailerEnd,
            (Self::TrailerEnd, b'\n') => Self::Line,
            (Self::LastEnd, b'\n') => Self::End,
            _ => return Err(Wrong::Chunk),
        })
    }
}

fn in_size(size: u64, digits: u8, byte: u8) -> Result<Chunks, Wrong> {
    Ok(match (digit(byte), byte) {
        (Some(value), _) if digits < DIGITS => Chunks::Size(size * 16 + value, digits + 1),
        (None, b'\r') => Chunks::SizeEnd(size),
        (None, b';') => Chunks::Extension(size),
        (None, b' ' | b'\t') => Chunks::Blank(size),
        _ => return Err(Wrong::Chunk),
    })
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}
