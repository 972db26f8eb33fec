//! What a supervisor and its workers say to each other: one JSON object a line, each way, after the listening sockets.
//! Must never take a word away or give it another meaning: a supervisor stays what it was for as long as its container
//! lives, and starts the programs of all later versions.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version of this protocol, of which each side tells the other.
pub(super) const PROTOCOL: u32 = 1;

/// From the supervisor to a worker. A word of a later version is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(super) enum Order {
    /// The first one: what is spoken.
    Begin { protocol: u32 },
    /// Accept connections from now on, and take the admin socket's name.
    Serve,
    /// So many earlier workers still finish what they began.
    Earlier { count: u64 },
    /// The program that was asked for serves now.
    Upgraded { program: String },
    /// It does not, and this one goes on.
    Refused { reason: String },
    /// Accept no more, finish, and end: another one serves.
    Leave,
    /// Accept no more, finish, and end: the front stops.
    Stop,
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// From a worker to the supervisor. A word of a later version is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub(super) enum Word {
    /// Everything that can go wrong has gone well: it could serve.
    Ready { protocol: u32 },
    /// It does.
    Serving,
    /// Somebody wants this program instead.
    Upgrade { program: PathBuf },
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// A whole line.
pub(super) fn line(word: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(word).expect("words are plain data");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_later_versions_are_passed_over() {
        let order: Order = serde_json::from_str(r#"{"order":"dance","with":["me"]}"#).expect("it is a word");
        assert_eq!(order, Order::Unknown);
        let order: Order =
            serde_json::from_str(r#"{"order":"earlier","count":1,"more":2}"#).expect("it is a word");
        assert_eq!(order, Order::Earlier { count: 1 });
        let word: Word = serde_json::from_str(r#"{"word":"tired"}"#).expect("it is a word");
        assert_eq!(word, Word::Unknown);
    }
}
