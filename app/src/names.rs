//! Names of documents. Never asks the storage: a new name is unique by itself, and a hostile one never leaves here.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `data_<date>_<time>_<random>.json`: the time is for people, the 64 random bits make it unique.
pub fn fresh(now: Timestamp) -> String {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%d_%H%M%S");
    format!("data_{time}_{:016x}.json", rand::random::<u64>())
}

/// Whether a document can have this name: one path segment, printable, at most as long as a key may be.
pub fn possible(name: &str) -> bool {
    let odd = |character: char| character.is_control() || matches!(character, '/' | '\\');
    !matches!(name, "" | "." | "..") && name.len() <= 1024 && !name.contains(odd)
}

/// A point in time as answers show it: ISO 8601 with milliseconds, in UTC.
pub fn iso(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_name_carries_its_time_and_is_never_the_same() {
        let now = Timestamp::from_second(1_795_256_102).unwrap();
        let (one, other) = (fresh(now), fresh(now));
        assert!(one.starts_with("data_20261121_101502_") && one.ends_with(".json"), "{one}");
        assert_ne!(one, other);
        assert!(possible(&one));
    }

    #[test]
    fn hostile_names_are_impossible() {
        for name in ["", ".", "..", "../etc/passwd", "a/b", "..\\a", "a\0b", "a\nb", &"x".repeat(1025)] {
            assert!(!possible(name), "{name:?}");
        }
        for name in ["data_1.json", "städte.json", "two words.json"] {
            assert!(possible(name), "{name:?}");
        }
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(
            iso(Timestamp::from_millisecond(1_795_256_102_007).unwrap()),
            "2026-11-21T10:15:02.007+00:00"
        );
    }
}
