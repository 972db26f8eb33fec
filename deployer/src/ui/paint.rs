//! Colour, where it is allowed. It must never be the only carrier of a meaning.

use console::Style;

/// Whether colour codes may be written to one of the two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// No codes.
    Off,
    /// Codes of a terminal.
    On,
}

impl Paint {
    pub fn bold(self, text: &str) -> String {
        self.apply(Style::new().bold(), text)
    }

    pub fn dim(self, text: &str) -> String {
        self.apply(Style::new().dim(), text)
    }

    pub fn red(self, text: &str) -> String {
        self.apply(Style::new().red().bold(), text)
    }

    pub fn green(self, text: &str) -> String {
        self.apply(Style::new().green(), text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.apply(Style::new().yellow(), text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.apply(Style::new().cyan(), text)
    }

    /// One of the colours that are told apart most easily; the same number, the same colour.
    pub fn nth(self, number: usize, text: &str) -> String {
        const COLORS: [u8; 6] = [6, 2, 5, 3, 4, 14];
        self.apply(Style::new().color256(COLORS[number % COLORS.len()]), text)
    }

    fn apply(self, style: Style, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => style.force_styling(true).apply_to(text).to_string(),
        }
    }
}
