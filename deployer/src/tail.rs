//! The last lines of something that talks a lot. It must never grow beyond its bound.

use std::collections::VecDeque;

/// This many lines are kept: what a person reads before scrolling becomes searching.
pub const KEPT: usize = 50;

/// A line is cut here; a minified script on one line must not fill the memory.
const LONGEST: usize = 2000;

/// The last lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail(VecDeque<String>);

impl Tail {
    /// One more line; the oldest makes way.
    pub fn push(&mut self, line: &str) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        let end = line.char_indices().nth(LONGEST).map_or(line.len(), |(end, _)| end);
        self.0.push_back(line[..end].to_owned());
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The lines, oldest first.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_stay_and_none_is_endless() {
        let mut tail = Tail::default();
        for number in 0..60 {
            tail.push(&number.to_string());
        }
        tail.push(&"ä".repeat(5000));
        assert_eq!(tail.lines().count(), KEPT);
        assert_eq!(tail.lines().next(), Some("11"));
        assert_eq!(tail.into_lines().pop().unwrap().chars().count(), LONGEST);
    }
}
