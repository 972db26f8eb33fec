//! Character counts, which the scanner gives, to byte offsets.
//!
//! It must never allocate for plain ASCII.

/// How to get from the n-th character of a text to its byte.
pub(super) struct Offsets {
    skipped: u32,
    /// Byte of each character, when not every character is one byte.
    table: Option<Vec<u32>>,
    length: u32,
}

impl Offsets {
    /// For a text that starts `skipped` bytes into its file.
    pub fn of(text: &str, skipped: usize) -> Self {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let table = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| small(at)).collect());
        Offsets { skipped: small(skipped), table, length: small(text.len()) }
    }

    /// The byte of a character; the end for a character behind it.
    pub fn byte(&self, character: usize) -> u32 {
        let byte = match &self.table {
            Some(table) => table.get(character).copied().unwrap_or(self.length),
            None => u32::try_from(character).unwrap_or(u32::MAX).min(self.length),
        };
        self.skipped + byte
    }
}
