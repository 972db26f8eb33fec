//! Variables in text: `$VAR`, `${VAR}`, `${VAR:-default}` and their kin, nested, and `$$` for a dollar.
//!
//! It must never read the environment; the caller says what a variable holds.

use std::fmt;

/// Deeper nesting of `${…${…}}` is refused.
const DEEPEST: usize = 30;
/// Longer results are refused.
const LONGEST: usize = 4 << 20;

/// Why a text could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Braces without a name, an unknown operator or a missing brace.
    #[error("`{0}` is not a valid variable reference")]
    Invalid(String),
    /// `${VAR:?message}` without a value.
    #[error("the variable `{name}` is required{}", Because(message))]
    Required { name: String, message: String },
    /// Too much of it.
    #[error("variables are nested too deeply, or their values are too long")]
    TooMuch,
}

struct Because<'a>(&'a str);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

/// A text with its variables filled in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    pub text: String,
    /// Variables that have no value and no default.
    pub unset: Vec<String>,
}

/// Fills the variables of a text in.
pub(crate) fn fill(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Filled, Error> {
    let mut filler = Filler { lookup, unset: Vec::new() };
    let text = filler.fill(text, 0)?;
    Ok(Filled { text, unset: filler.unset })
}

struct Filler<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    unset: Vec<String>,
}

impl Filler<'_> {
    fn fill(&mut self, text: &str, depth: usize) -> Result<String, Error> {
        if depth > DEEPEST {
            return Err(Error::TooMuch);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = self.reference(&rest[at..], &mut out, depth)?;
            if out.len() > LONGEST {
                return Err(Error::TooMuch);
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Fills in the reference at the start of the text, and returns what comes behind it.
    fn reference<'t>(&mut self, text: &'t str, out: &mut String, depth: usize) -> Result<&'t str, Error> {
        let after = &text[1..];
        if let Some(rest) = after.strip_prefix('$') {
            out.push('$');
            return Ok(rest);
        }
        if let Some(inner) = after.strip_prefix('{') {
            let invalid = || Error::Invalid(start_of(text));
            let end = closing(inner).or_else(|| inner.rfind('}')).ok_or_else(invalid)?;
            let value = self.braced(&inner[..end], depth)?.ok_or_else(invalid)?;
            out.push_str(&value);
            return Ok(&inner[end + 1..]);
        }
        match name(after) {
            // A dollar that starts no reference stands for itself.
            "" => out.push('$'),
            name => out.push_str(&self.plain(name)),
        }
        Ok(&after[name(after).len()..])
    }

    fn plain(&mut self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            self.unset.push(name.to_owned());
            String::new()
        })
    }

    /// What stands between braces; nothing when it is malformed.
    fn braced(&mut self, inner: &str, depth: usize) -> Result<Option<String>, Error> {
        let name = name(inner);
        let rest = &inner[name.len()..];
        if name.is_empty() {
            return Ok(None);
        }
        if rest.is_empty() {
            return Ok(Some(self.plain(name)));
        }
        let (empty_counts, rest) = match rest.strip_prefix(':') {
            Some(rest) => (false, rest),
            None => (true, rest),
        };
        let value = (self.lookup)(name).filter(|value| empty_counts || !value.is_empty());
        let Some(operator) = rest.chars().next() else { return Ok(None) };
        let word = &rest[operator.len_utf8()..];
        Ok(match (operator, value) {
            ('-' | '?', Some(value)) => Some(value),
            ('+', None) => Some(String::new()),
            ('-', None) | ('+', Some(_)) => Some(self.fill(word, depth + 1)?),
            ('?', None) => {
                let message = self.fill(word, depth + 1)?;
                return Err(Error::Required { name: name.to_owned(), message });
            }
            _ => None,
        })
    }
}

/// The longest name at the start of a text.
fn name(text: &str) -> &str {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return "";
    }
    let end = text.find(|one: char| !one.is_ascii_alphanumeric() && one != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Where the brace closes that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

/// Enough of a malformed reference to find it.
fn start_of(text: &str) -> String {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text[..end].chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: &str) {
        let lookup = |name: &str| match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let got = match fill(input, &lookup) {
            Ok(filled) if filled.unset.is_empty() => filled.text,
            Ok(filled) => format!("{} (unset: {})", filled.text, filled.unset.join(" ")),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(got, expect, "{input}");
    }

    #[test]
    fn every_form_is_filled_in() {
        check("a $SET b", "a value b");
        check("${SET}s", "values");
        check("$$SET $${SET}", "$SET ${SET}");
        check("${NOT}", " (unset: NOT)");
        check("${NOT:-d} ${EMPTY:-d} ${EMPTY-d}|", "d d |");
        check("${SET:+yes}${EMPTY:+no}${EMPTY+yes}${NOT+no}", "yesyes");
        check("${SET:?gone} ${EMPTY?gone}|", "value |");
        check("${NOT:-${ALSO:-${SET}}}", "value");
        check(r#"${NOT:-{"a":1}}"#, r#"{"a":1}"#);
        check("${NOT:-{}x", "{x");
        check("5$ $1 $(date) $", "5$ $1 $(date) $");
    }

    #[test]
    fn what_is_malformed_is_refused() {
        check("${NOT:?tell me}", "error: the variable `NOT` is required: tell me");
        check("${EMPTY:?}", "error: the variable `EMPTY` is required");
        check("${SET", "error: `${SET` is not a valid variable reference");
        check("${}", "error: `${}` is not a valid variable reference");
        check("${SET:x}", "error: `${SET:x}` is not a valid variable reference");
        let deep = "${A:-".repeat(100) + &"}".repeat(100);
        check(&deep, "error: variables are nested too deeply, or their values are too long");
    }
}
