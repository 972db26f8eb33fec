//! The configuration hash: keyed, because a plain hash over a password can be guessed from a label.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The stack's secret, kept on its state volume.
#[derive(Clone)]
pub struct Key([u8; 32]);

/// What a container was made from, as a label can hold it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigHash(pub String);

impl Key {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// From its hexadecimal form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The form that is stored.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// The hash of a sequence of parts; where one part ends matters.
    #[must_use]
    pub fn hash<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> ConfigHash {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        ConfigHash(hex(&mac.finalize().into_bytes()[..16]))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_stored() {
        let key = Key::random();
        let again = Key::parse(&key.to_hex()).unwrap();
        assert_eq!(key.hash([b"x".as_slice()]), again.hash([b"x".as_slice()]));
        assert!(Key::parse("abc").is_none());
        assert!(Key::parse(&"zz".repeat(32)).is_none());
    }

    #[test]
    fn keys_and_part_borders_count() {
        let key = Key::random();
        assert_ne!(key.hash([b"ab".as_slice(), b"c"]), key.hash([b"a".as_slice(), b"bc"]));
        assert_ne!(key.hash([b"a".as_slice()]), Key::random().hash([b"a".as_slice()]));
    }
}
