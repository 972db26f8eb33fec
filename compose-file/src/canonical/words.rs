//! A command line to words, by the quoting rules of a POSIX shell, without expansions.
//!
//! It must never interpret `$`, globs or operators: they are letters here.

/// The words; nothing when a quote is not closed.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(one) = chars.next() {
        match one {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

fn quoted(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '\\' => match chars.next()? {
                special @ ('"' | '\\' | '$' | '`') => word.push(special),
                other => word.extend(['\\', other]),
            },
            inner => word.push(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        let check = |input: &str, expect: &[&str]| assert_eq!(split(input).unwrap(), expect, "{input}");
        check("a  b\tc", &["a", "b", "c"]);
        check("sh -c 'a b; c'", &["sh", "-c", "a b; c"]);
        check(r#"a "b \"c\" $D" e\ f"#, &["a", r#"b "c" $D"#, "e f"]);
        check("a ''", &["a", ""]);
        check("", &[]);
        assert_eq!(split("a 'b"), None);
        assert_eq!(split("a \"b"), None);
    }
}
