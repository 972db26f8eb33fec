//! The format of `.env` files, as `docker compose` reads it.
//!
//! It must never read files or the process environment.

use std::collections::BTreeMap;

use crate::template;

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    /// Byte at which the trouble starts.
    pub at: usize,
    pub message: String,
}

/// Answers what a variable holds.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of a file. Of what it refers to, `first` is asked before the file itself and `last` behind it.
pub(crate) fn parse(
    text: &str,
    first: Lookup<'_>,
    last: Lookup<'_>,
) -> Result<BTreeMap<String, String>, Error> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text: body, at: 0, first, last, values: BTreeMap::new() };
    reader.run().map_err(|error| Error { at: error.at + (text.len() - body.len()), ..error })?;
    Ok(reader.values)
}

/// `KEY=VALUE` lines without quotes, escapes or variables (`format: raw`).
pub(crate) fn parse_raw(text: &str, lookup: Lookup<'_>) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| match line.split_once('=') {
            Some((key, value)) => Some((key.to_owned(), value.to_owned())),
            None => lookup(line).map(|value| (line.to_owned(), value)),
        })
        .collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    first: Lookup<'a>,
    last: Lookup<'a>,
    values: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    fn run(&mut self) -> Result<(), Error> {
        while self.skip_to_statement() {
            self.statement()?;
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips blank lines and comments; false at the end.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with('#') {
                return !self.rest().is_empty();
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn statement(&mut self) -> Result<(), Error> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with([' ', '\t'])
        {
            self.at += "export".len();
            self.at += after.len() - after.trim_start_matches([' ', '\t']).len();
        }
        let start = self.at;
        let end = self.rest().find(['=', ':', '\n']).map_or(self.text.len(), |at| start + at);
        let key = self.text[start..end].trim_end();
        if let Some(wrong) = key.find(|one: char| !one.is_alphanumeric() && !"_.-[]".contains(one)) {
            let message = format!("unexpected character in the variable name `{key}`");
            return Err(Error { at: start + wrong, message });
        }
        let valueless = !self.text[end..].starts_with(['=', ':']);
        self.at = end + usize::from(!valueless);
        if valueless {
            if let Some(value) = (self.first)(key).or_else(|| (self.last)(key)) {
                self.values.insert(key.to_owned(), value);
            }
            return Ok(());
        }
        let value = self.value(start)?;
        self.values.insert(key.to_owned(), value);
        Ok(())
    }

    fn value(&mut self, start: usize) -> Result<String, Error> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|first| "'\"".contains(*first)) else {
            let line = rest.split('\n').next().unwrap_or_default();
            self.at += line.len();
            return self.filled(uncommented(line), start);
        };
        let Some(end) = closing(&rest[1..], quote) else {
            return Err(Error { at: self.at, message: "the quoted value is not closed".to_owned() });
        };
        self.at += end + 2;
        let inner = &rest[1..=end];
        if quote == '\'' { Ok(inner.replace("\\'", "'")) } else { self.filled(&unescape(inner), start) }
    }

    fn filled(&self, value: &str, at: usize) -> Result<String, Error> {
        let lookup = |name: &str| {
            let own = || self.values.get(name).cloned();
            (self.first)(name).or_else(own).or_else(|| (self.last)(name))
        };
        let filled = template::fill(value, &lookup);
        filled.map(|filled| filled.text).map_err(|error| Error { at, message: error.to_string() })
    }
}

/// An unquoted value without its comment, which a blank must precede.
fn uncommented(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    let end = line.find(" #").into_iter().chain(line.find("\t#")).min();
    line[..end.unwrap_or(line.len())].trim_end()
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, one) in text.char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if one == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// Escapes of double quotes; `\$` stays one dollar through the filling in of variables.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(one) = chars.next() {
        if one != '\\' {
            out.push(one);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some('$') => out.push_str("$$"),
            Some(other @ ('"' | '\\')) => out.push(other),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: &[(&str, &str)]) {
        let lookup = |name: &str| (name == "HOST").then(|| "box".to_owned());
        let got = parse(input, &lookup, &|_| None).unwrap();
        let got: Vec<_> = got.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(got, expect, "{input}");
    }

    #[test]
    fn values_are_read_as_docker_compose_reads_them() {
        check("A=1\nB=two words\n", &[("A", "1"), ("B", "two words")]);
        check("# note\n\nexport A = x # why\nB=a#b\n", &[("A", "x"), ("B", "a#b")]);
        check(
            "A='$HOST # no'\nB=\"$HOST \\\"q\\\" \\$x\\n\"",
            &[("A", "$HOST # no"), ("B", "box \"q\" $x\n")],
        );
        check("A=\"one\ntwo\"\nB=3", &[("A", "one\ntwo"), ("B", "3")]);
        check("A=1\nB=${A}${C:-d}$HOST", &[("A", "1"), ("B", "1dbox")]);
        check("HOST\nGONE\nA=", &[("A", ""), ("HOST", "box")]);
        check("A: yes\r\nB=2\r\n", &[("A", "yes"), ("B", "2")]);
        check("\u{feff}A=1", &[("A", "1")]);
    }

    #[test]
    fn trouble_has_a_place() {
        let at = |input: &str| parse(input, &|_| None, &|_| None).map_err(|error| error.at).unwrap_err();
        assert_eq!(at("A=1\nB=\"open"), 6);
        assert_eq!(at("A=1\nB C=3"), 5);
    }
}
