//! An error as people and scripts see it: what, why, what to do. It must never decide what an error means.

use compose_file::{Color, Diagnostics};
use serde_json::{Value, json};

use super::paint::Paint;
use crate::error::{code_of, hint_of};

/// `error:`, `caused by:` and `hint:`, with findings in a file as they are.
pub(super) fn text(error: &anyhow::Error, paint: Paint) -> String {
    let mut parts = Vec::new();
    for (depth, cause) in error.chain().enumerate() {
        let label = if depth == 0 { paint.red("error:") } else { "  caused by:".to_owned() };
        parts.push(match cause.downcast_ref::<Diagnostics>() {
            Some(diagnostics) => diagnostics.render(color(paint)),
            None => format!("{label} {}", continued(&cause.to_string())),
        });
    }
    if let Some(hint) = hint_of(error) {
        parts.push(format!("{} {}", paint.cyan("hint:"), continued(&hint)));
    }
    parts.join("\n")
}

/// The same as data: `{"error": {"code", "message", "causes", "hint", "diagnostics"}}`.
pub(super) fn data(error: &anyhow::Error) -> Value {
    let mut described = json!({
        "code": code_of(error) as u8,
        "message": error.to_string(),
        "causes": error.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>(),
        "hint": hint_of(error),
    });
    if let Some(diagnostics) = error.chain().find_map(|cause| cause.downcast_ref::<Diagnostics>()) {
        described["diagnostics"] = json!(diagnostics);
    }
    json!({ "error": described })
}

fn color(paint: Paint) -> Color {
    match paint {
        Paint::Off => Color::Plain,
        Paint::On => Color::Ansi,
    }
}

/// The lines of a message after its first one, set off from what follows.
fn continued(message: &str) -> String {
    message.trim_end().replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Failure};
    use compose_file::{Diagnostic, Severity};

    fn failure() -> anyhow::Error {
        let failure = Failure::new(Code::Configuration, "no `.env`\nreally").hint("run `deployer init`");
        anyhow::Error::from(failure).context("could not load the stack")
    }

    #[test]
    fn the_chain_then_the_hint() {
        assert_eq!(
            text(&failure(), Paint::Off),
            "error: could not load the stack\n  caused by: no `.env`\n    really\nhint: run `deployer init`"
        );
    }

    #[test]
    fn findings_are_shown_as_they_are() {
        let finding =
            Diagnostic::new(Severity::Error, "unknown-key", "no key `imgae`").with_help("`image` is meant");
        let error = anyhow::Error::from(Diagnostics::from(finding.clone()));
        assert_eq!(text(&error, Paint::Off), finding.render(Color::Plain));
        assert_eq!(data(&error)["error"]["diagnostics"][0]["code"], "unknown-key");
    }

    #[test]
    fn scripts_get_fields() {
        let found = data(&failure());
        assert_eq!(found["error"]["message"], "could not load the stack");
        assert_eq!(found["error"]["causes"], json!(["no `.env`\nreally"]));
        assert_eq!(found["error"]["hint"], "run `deployer init`");
        assert_eq!(found["error"]["code"], 3);
        assert!(found["error"].get("diagnostics").is_none());
    }
}
