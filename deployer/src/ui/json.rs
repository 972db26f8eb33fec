//! Events as lines of JSON. Their fields are those of [`Event`]; it must never add, drop or translate one.

use serde::Serialize;

use crate::event::Event;

/// What a command says itself, in the same shape as an event.
#[derive(Serialize)]
struct Message<'a> {
    event: &'static str,
    text: &'a str,
}

/// One event as one line.
pub(super) fn event(event: &Event) -> String {
    line(event)
}

/// One message as one line.
pub(super) fn message(text: &str) -> String {
    line(&Message { event: "message", text })
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("events are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_event_is_one_line() {
        let ended = Event::ActivityEnded {
            name: "build web".into(),
            result: "two\nlines".into(),
            ok: true,
            took: Duration::from_micros(1_234_567),
        };
        assert_eq!(
            event(&ended),
            r#"{"event":"activity_ended","name":"build web","result":"two\nlines","ok":true,"took":1.235}"#
        );
        assert_eq!(message("done"), r#"{"event":"message","text":"done"}"#);
    }
}
