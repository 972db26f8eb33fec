//! What the head of an executable tells: for which processor it is, whether it is static, and which build it is.
//! It must never read the whole file, nor trust a number in it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;
/// More than any linker writes.
const MOST_SEGMENTS: u64 = 64;
const LARGEST_NOTE: u64 = 64 * 1024;

/// What the head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// In Rust's words; none for a processor that this table lacks.
    pub(super) architecture: Option<&'static str>,
    /// Whether it runs without a loader and libraries.
    pub(super) is_static: bool,
    /// The linker's hash over the build, when it wrote one.
    pub(super) build_id: Option<Vec<u8>>,
}

/// The head of a file; none when it is no ELF executable.
pub(super) fn read(file: &File) -> io::Result<Option<Head>> {
    let mut start = [0; 64];
    match file.read_exact_at(&mut start, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let Some(layout) = Layout::of(&start) else { return Ok(None) };
    let mut head = Head { architecture: layout.architecture(&start), is_static: true, build_id: None };
    for index in 0..layout.segments(&start) {
        let mut segment = [0; 56];
        file.read_exact_at(&mut segment[..layout.segment_size], layout.segment_at(&start, index))?;
        match layout.u32(&segment, 0) {
            PT_INTERP => head.is_static = false,
            PT_NOTE if head.build_id.is_none() => {
                let (offset, length) = layout.segment_range(&segment);
                let mut notes = vec![0; usize::try_from(length.min(LARGEST_NOTE)).unwrap_or_default()];
                file.read_exact_at(&mut notes, offset)?;
                head.build_id = layout.build_id(&notes);
            }
            _ => {}
        }
    }
    Ok(Some(head))
}

/// Word size and byte order of one file.
struct Layout {
    wide: bool,
    little: bool,
    segment_size: usize,
}

impl Layout {
    fn of(start: &[u8; 64]) -> Option<Self> {
        let wide = match start[4] {
            1 => false,
            2 => true,
            _ => return None,
        };
        let little = match start[5] {
            1 => true,
            2 => false,
            _ => return None,
        };
        start.starts_with(b"\x7fELF").then_some(Self {
            wide,
            little,
            segment_size: if wide { 56 } else { 32 },
        })
    }

    fn architecture(&self, start: &[u8; 64]) -> Option<&'static str> {
        Some(match (self.u16(start, 18), self.wide, self.little) {
            (62, true, true) => "x86_64",
            (183, true, true) => "aarch64",
            (3, false, true) => "x86",
            (40, false, true) => "arm",
            (243, true, true) => "riscv64",
            (21, true, true) => "powerpc64",
            (22, true, false) => "s390x",
            (258, true, true) => "loongarch64",
            _ => return None,
        })
    }

    fn segments(&self, start: &[u8; 64]) -> u64 {
        u64::from(self.u16(start, if self.wide { 56 } else { 44 })).min(MOST_SEGMENTS)
    }

    fn segment_at(&self, start: &[u8; 64], index: u64) -> u64 {
        let table = if self.wide { self.u64(start, 32) } else { u64::from(self.u32(start, 28)) };
        table.saturating_add(index * self.segment_size as u64)
    }

    fn segment_range(&self, segment: &[u8]) -> (u64, u64) {
        match self.wide {
            true => (self.u64(segment, 8), self.u64(segment, 32)),
            false => (u64::from(self.u32(segment, 4)), u64::from(self.u32(segment, 16))),
        }
    }

    /// Notes follow each other: three numbers, the owner's name, the text; both padded to four bytes.
    fn build_id(&self, mut notes: &[u8]) -> Option<Vec<u8>> {
        while notes.len() >= 12 {
            let (name, text) = (self.u32(notes, 0) as usize, self.u32(notes, 4) as usize);
            let kind = self.u32(notes, 8);
            let text_at = 12_usize.checked_add(name.checked_next_multiple_of(4)?)?;
            let end = text_at.checked_add(text)?;
            let found = notes.get(text_at..end)?;
            if kind == NT_GNU_BUILD_ID && notes.get(12..16) == Some(b"GNU\0") {
                return Some(found.to_vec());
            }
            notes = notes.get(end.checked_next_multiple_of(4)?..)?;
        }
        None
    }

    fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        let field = [bytes[at], bytes[at + 1]];
        if self.little { u16::from_le_bytes(field) } else { u16::from_be_bytes(field) }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let (first, second) = (self.u16(bytes, at), self.u16(bytes, at + 2));
        let (high, low) = if self.little { (second, first) } else { (first, second) };
        u32::from(high) << 16 | u32::from(low)
    }

    fn u64(&self, bytes: &[u8], at: usize) -> u64 {
        let (first, second) = (self.u32(bytes, at), self.u32(bytes, at + 4));
        let (high, low) = if self.little { (second, first) } else { (first, second) };
        u64::from(high) << 32 | u64::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> Option<Head> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(&File::open(file.path()).unwrap()).unwrap()
    }

    /// A 64-bit little-endian file with these segments: kind and content.
    fn elf(machine: u8, segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56 * segments.len()];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18] = machine;
        bytes[32] = 64;
        bytes[56] = u8::try_from(segments.len()).unwrap();
        for (index, (kind, content)) in segments.iter().enumerate() {
            let (at, offset) = (64 + 56 * index, bytes.len() as u64);
            bytes[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            bytes[at + 8..at + 16].copy_from_slice(&offset.to_le_bytes());
            bytes[at + 32..at + 40].copy_from_slice(&(content.len() as u64).to_le_bytes());
            bytes.extend_from_slice(content);
        }
        bytes
    }

    #[test]
    fn a_loader_means_that_it_is_not_static() {
        assert!(head(&elf(62, &[])).unwrap().is_static);
        let dynamic = head(&elf(183, &[(PT_INTERP, b"/lib/ld.so\0")])).unwrap();
        assert_eq!((dynamic.architecture, dynamic.is_static), (Some("aarch64"), false));
    }

    #[test]
    fn the_build_id_is_found_after_other_notes() {
        let notes = b"\x04\0\0\0\x02\0\0\0\x01\0\0\0GNU\0xy\0\0\x04\0\0\0\x03\0\0\0\x03\0\0\0GNU\0abc\0";
        let found = head(&elf(62, &[(PT_NOTE, notes)])).unwrap();
        assert_eq!(found.build_id.as_deref(), Some(&b"abc"[..]));
    }

    #[test]
    fn other_files_are_none() {
        assert_eq!(
            head(b"#!/bin/sh\necho a script that is longer than an ELF header, to be sure of it\n"),
            None
        );
        assert_eq!(head(b"short"), None);
    }

    #[test]
    fn lengths_that_lie_are_not_believed() {
        let notes = b"\xff\xff\xff\xff\xff\xff\xff\xff\x03\0\0\0GNU\0";
        assert_eq!(head(&elf(62, &[(PT_NOTE, notes)])).unwrap().build_id, None);
    }
}
