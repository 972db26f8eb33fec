//! Durations, byte sizes and numbers: from Compose's spellings and into those of `docker compose config`.
//!
//! It must never report; callers know the place.

use std::time::Duration;

/// A float as `docker compose` prints it where text is expected: the shortest digits, exponents from 1e+21.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    if number.is_nan() {
        return "NaN".to_owned();
    }
    let size = number.abs();
    if number == 0.0 || (1e-4..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

/// A duration like `1m30s`, `500ms`, `1.5h` or `2d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    nanoseconds(text).and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos)
}

/// A signed duration in nanoseconds.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !one.is_ascii_digit() && one != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|one: char| one.is_ascii_digit() || one == '.');
        let end = unit_end.map_or(rest.len(), |at| digits + at);
        total += number * unit(&rest[digits..end])?;
        rest = &rest[end..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    (total < 9.2e18).then(|| total.round() as i64).map(|nanos| if negative { -nanos } else { nanos })
}

fn unit(name: &str) -> Option<f64> {
    Some(match name {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        "d" => 24.0 * 3600e9,
        "w" => 7.0 * 24.0 * 3600e9,
        _ => return None,
    })
}

/// A duration as `docker compose config` prints it: `1h0m5s`, `1.5s`, `20ms`.
pub(crate) fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(size, 1_000_000)),
        _ => {
            let minutes = size / 60_000_000_000;
            let seconds = fraction(size % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

fn fraction(size: u64, unit: u64) -> String {
    let rest = size % unit;
    if rest == 0 {
        return (size / unit).to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{}.{}", size / unit, digits.trim_end_matches('0'))
}

/// A size in bytes: `512`, `50M`, `1.5gb`, `10 kib`; factors of 1024. -1 is a number too (no limit).
pub(crate) fn bytes(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return Some(number);
    }
    let split = text.rfind(|one: char| one.is_ascii_digit() || one == '.')? + 1;
    let number: f64 = text[..split].trim().parse().ok()?;
    let suffix = text[split..].trim_start().to_ascii_lowercase();
    let power = match suffix.strip_suffix("ib").or_else(|| suffix.strip_suffix('b')).unwrap_or(&suffix) {
        "" if suffix.is_empty() || suffix == "b" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let size = number * 1024f64.powi(power);
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    (0.0..9.2e18).contains(&size).then_some(size as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelt_as_docker_compose_spells_them() {
        let check = |number: f64, expect: &str| assert_eq!(float_text(number), expect);
        check(1.5, "1.5");
        check(1.0, "1");
        check(1e30, "1e+30");
        check(1e-7, "1e-07");
        check(f64::INFINITY, "+Inf");
    }

    #[test]
    fn durations_go_both_ways() {
        let check = |input: &str, expect: &str| {
            assert_eq!(nanoseconds(input).map(duration_text).as_deref(), Some(expect), "{input}");
        };
        check("90s", "1m30s");
        check("1.5s", "1.5s");
        check("1h5s", "1h0m5s");
        check("20ms", "20ms");
        check("1500us", "1.5ms");
        check("0", "0s");
        check("1d", "24h0m0s");
        assert_eq!(nanoseconds("10"), None);
        assert_eq!(nanoseconds(""), None);
    }

    #[test]
    fn sizes_have_binary_factors() {
        let check = |input: &str, expect: Option<i64>| assert_eq!(bytes(input), expect, "{input}");
        check("50M", Some(52_428_800));
        check("1.5gb", Some(1_610_612_736));
        check("10kib", Some(10_240));
        check("-1", Some(-1));
        check("12", Some(12));
        check("12b", Some(12));
        check("much", None);
        check("1ib", None);
    }
}
