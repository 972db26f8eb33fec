//! What counts as a document. Never builds a value of it: a check reads the text once and keeps nothing.

use serde::de::IgnoredAny;

/// Why a text is not stored.
#[derive(Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing, or a value that stands for nothing.
    Empty,
    /// Not JSON.
    Malformed,
}

/// Whether the bytes are one JSON value, in UTF-8.
pub fn is_json(bytes: &[u8]) -> bool {
    // Skipped strings are not checked for their encoding, so that is done first.
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// Whether the bytes are a document worth keeping.
pub fn check(bytes: &[u8]) -> Result<(), Rejection> {
    let text = bytes.trim_ascii();
    if text.is_empty() {
        Err(Rejection::Empty)
    } else if !is_json(text) {
        Err(Rejection::Malformed)
    } else if is_falsy(text) {
        Err(Rejection::Empty)
    } else {
        Ok(())
    }
}

/// The values that existing clients know to be refused as "no data", in a text that is known to be JSON.
fn is_falsy(text: &[u8]) -> bool {
    match text {
        b"null" | b"false" | b"\"\"" => true,
        [b'{', inner @ .., b'}'] | [b'[', inner @ .., b']'] => inner.trim_ascii().is_empty(),
        [b'-' | b'0'..=b'9', ..] => serde_json::from_slice::<f64>(text).is_ok_and(|number| number == 0.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_stand_for_nothing_are_empty() {
        for text in [
            "", " \n", "{}", "[]", "{ }", "[\n]", "null", "\"\"", "0", "-0", "0.0", "0e9", "false", " false ",
        ] {
            assert_eq!(check(text.as_bytes()), Err(Rejection::Empty), "{text:?}");
        }
    }

    #[test]
    fn texts_that_are_not_json_are_malformed() {
        for text in ["{", "nul", "{]", "{a:1}", "[1,]", "1 2", "NaN", "'a'", "{}{}"] {
            assert_eq!(check(text.as_bytes()), Err(Rejection::Malformed), "{text:?}");
        }
        assert_eq!(check(b"\"\xff\""), Err(Rejection::Malformed));
    }

    #[test]
    fn everything_else_is_kept_as_it_came() {
        for text in
            ["1", "-0.5", "true", "\"a\"", "[0]", "{\"a\":null}", "[[]]", "123456789012345678901234567890"]
        {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn nesting_however_deep_does_not_exhaust_the_stack() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(check(deep.as_bytes()), Ok(()));
    }
}
