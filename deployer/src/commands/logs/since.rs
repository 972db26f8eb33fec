//! `--since`: a duration before now, or a time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::{Code, Failure};
use crate::stack::parse_duration;

/// Seconds since 1970.
pub(super) fn since(text: &str) -> Result<i64, Failure> {
    parse(text, Timestamp::now(), &TimeZone::system()).ok_or_else(|| {
        let failure = Failure::new(Code::Usage, format!("`{text}` is neither a duration nor a time"));
        failure.hint("write 10m, 1h30m, 2026-01-02, 2026-01-02T15:04:05Z or seconds since 1970")
    })
}

fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Option<i64> {
    if let Some(duration) = parse_duration(text) {
        return now.as_second().checked_sub(duration.as_secs().try_into().ok()?);
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    if let Ok(time) = text.parse::<jiff::civil::DateTime>() {
        return Some(time.to_zoned(zone.clone()).ok()?.timestamp().as_second());
    }
    let date: Date = text.parse().ok()?;
    Some(date.to_zoned(zone.clone()).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_back_and_a_time_is_one() {
        let now: Timestamp = "2026-01-02T15:00:00Z".parse().unwrap();
        let check = |text, expect: Option<&str>| {
            let expect = expect.map(|time| time.parse::<Timestamp>().unwrap().as_second());
            assert_eq!(parse(text, now, &TimeZone::UTC), expect, "{text}");
        };
        check("10m", Some("2026-01-02T14:50:00Z"));
        check("1h30m", Some("2026-01-02T13:30:00Z"));
        check("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00Z"));
        check("2026-01-01T01:00:00+01:00", Some("2026-01-01T00:00:00Z"));
        check("2026-01-01T01:00:00", Some("2026-01-01T01:00:00Z"));
        check("2026-01-01", Some("2026-01-01T00:00:00Z"));
        check("1767225600", Some("2026-01-01T00:00:00Z"));
        check("yesterday", None);
    }
}
