//! The words that the human and the plain form share. It must never print.

use std::time::Duration;

use crate::event::Event;

/// `85ms`, `1.2s`, `42s`, `3m05s`.
pub(super) fn time(took: Duration) -> String {
    match took.as_millis() {
        millis @ 0..1000 => format!("{millis}ms"),
        millis @ 1000..10_000 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        millis @ 10_000..60_000 => format!("{}s", millis / 1000),
        millis => format!("{}m{:02}s", millis / 60_000, millis / 1000 % 60),
    }
}

/// `deploy of data-hub: release 7`.
pub(super) fn headline(verb: &str, stack: &str, release: Option<u64>) -> String {
    match release {
        Some(release) => format!("{verb} of {stack}: release {release}"),
        None => format!("{verb} of {stack}"),
    }
}

/// What a commit means.
pub(super) fn committed(release: Option<u64>) -> String {
    match release {
        Some(release) => format!("committed: release {release} serves"),
        None => "committed".into(),
    }
}

/// A warning, which may be a finding that says so itself.
pub(super) fn warning(text: &str) -> String {
    if text.contains("warning") { text.to_owned() } else { format!("warning: {text}") }
}

/// A line that something else printed, without what could move the cursor or change the colour.
pub(super) fn tame(line: &str) -> String {
    let plain = console::strip_ansi_codes(line);
    plain.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}

/// Every line of a text, further to the right.
pub(super) fn indented(text: &str, by: &str) -> Vec<String> {
    text.lines().map(|line| format!("{by}{}", tame(line))).collect()
}

/// It tells of something that went wrong, and is shown however quiet the others are.
pub(super) fn is_failure(event: &Event) -> bool {
    matches!(
        event,
        Event::StepFailed { .. } | Event::UndoFailed { .. } | Event::ActivityEnded { ok: false, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_long_as_they_are_interesting() {
        let check = |millis, expect| assert_eq!(time(Duration::from_millis(millis)), expect);
        check(0, "0ms");
        check(999, "999ms");
        check(1250, "1.2s");
        check(42_900, "42s");
        check(185_000, "3m05s");
    }

    #[test]
    fn what_others_print_cannot_steer_the_terminal() {
        assert_eq!(tame("\u{1b}[31mred\u{1b}[0m\r\ta\u{7}"), "red a");
    }
}
