//! The patterns of a `.dockerignore`, by Docker's rules: the last pattern that matches wins, a pattern that matches
//! a folder matches all that is in it, `!` takes back, `**` crosses folders. It must never look at the disk.

/// Patterns, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    list: Vec<Pattern>,
}

/// Which patterns a folder matched; what is in it need not ask them again.
#[derive(Debug, Clone, Default)]
pub(super) struct Matched(Vec<bool>);

#[derive(Debug, Clone)]
struct Pattern {
    takes_back: bool,
    tokens: Vec<Token>,
    /// What stands before the first wildcard's folder; the whole pattern when it has no wildcard.
    fixed: String,
    has_wildcard: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Some,
    /// `**` at the end.
    Everything,
    /// `**/`: no folder, or any number of them.
    Folders,
    /// `[a-z]`, `[^a]`
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Patterns {
    /// Reads patterns; empty ones are left out.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let texts = texts.into_iter().map(str::trim).filter(|text| !text.is_empty());
        Ok(Self { list: texts.map(Pattern::new).collect::<Result<_, _>>()? })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a path matches, given what its folder matched. The folder of a path at the top matched nothing.
    pub(super) fn matches(&self, path: &str, folder: &Matched) -> (bool, Matched) {
        let path: Vec<char> = path.chars().collect();
        let (mut matched, mut each) = (false, Vec::with_capacity(self.list.len()));
        for (index, pattern) in self.list.iter().enumerate() {
            let inherited = folder.0.get(index).copied().unwrap_or_default();
            // A pattern that would change nothing is not asked, and counts as one that did not match: so says Docker.
            let hit = inherited || (pattern.takes_back == matched && fits(&pattern.tokens, &path));
            each.push(hit);
            if hit {
                matched = !pattern.takes_back;
            }
        }
        (matched, Matched(each))
    }

    /// Whether something in this folder could match a pattern that does not take back.
    pub(super) fn reach_into(&self, folder: &str) -> bool {
        self.list.iter().any(|pattern| !pattern.takes_back && pattern.reaches_into(folder))
    }

    /// Whether something in this folder could be taken back.
    pub(super) fn take_back_in(&self, folder: &str) -> bool {
        self.list.iter().any(|pattern| pattern.takes_back && pattern.reaches_into(folder))
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        let (takes_back, body) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let body = clean(body.trim());
        if body.is_empty() {
            return Err(format!("`{text}` is not a pattern"));
        }
        let tokens = tokens(&body).ok_or_else(|| format!("`{text}` has a `[` without its `]`"))?;
        let literal = tokens.iter().take_while(|token| matches!(token, Token::Char(_))).count();
        let has_wildcard = literal < tokens.len();
        let text: String = tokens[..literal].iter().filter_map(Token::literal).collect();
        let fixed = match (has_wildcard, text.rfind('/')) {
            (false, _) => text,
            (true, Some(slash)) => text[..slash].to_owned(),
            (true, None) => String::new(),
        };
        Ok(Self { takes_back, tokens, fixed, has_wildcard })
    }

    fn reaches_into(&self, folder: &str) -> bool {
        let is_below = |path: &str, folder: &str| {
            folder.is_empty()
                || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_below(&self.fixed, folder) || (self.has_wildcard && is_below(folder, &self.fixed))
    }
}

impl Token {
    fn literal(&self) -> Option<char> {
        if let Self::Char(literal) = self { Some(*literal) } else { None }
    }
}

/// A path without `.`, without `..` that leads nowhere, and without slashes at its ends.
pub(super) fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    // Everything, as a folder's own name, is what `.` means.
    if parts.is_empty() && path.starts_with(['.', '/']) { "**".to_owned() } else { parts.join("/") }
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let chars: Vec<char> = pattern.chars().collect();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        at += match chars[at] {
            '*' if chars.get(at + 1) == Some(&'*') => {
                let width = if chars.get(at + 2) == Some(&'/') { 3 } else { 2 };
                let rest = &chars[at + width..];
                // `**name` at the start means whatever ends so, unless more wildcards follow.
                let is_suffix = at == 0 && width == 2 && !rest.iter().any(|c| "*?[]\\".contains(*c));
                tokens.push(if rest.is_empty() || is_suffix { Token::Everything } else { Token::Folders });
                width
            }
            '*' => push(&mut tokens, Token::Some, 1),
            '?' => push(&mut tokens, Token::One, 1),
            '[' => {
                let (class, width) = class(&chars[at..])?;
                push(&mut tokens, class, width)
            }
            '\\' if at + 1 < chars.len() => push(&mut tokens, Token::Char(chars[at + 1]), 2),
            literal => push(&mut tokens, Token::Char(literal), 1),
        }
    }
    Some(tokens)
}

fn push(tokens: &mut Vec<Token>, token: Token, width: usize) -> usize {
    tokens.push(token);
    width
}

/// A class like `[^a-z_]`, and how long it is.
fn class(chars: &[char]) -> Option<(Token, usize)> {
    let negated = chars.get(1) == Some(&'^');
    let (mut ranges, mut at) = (Vec::new(), if negated { 2 } else { 1 });
    let one = |at: &mut usize| {
        *at += usize::from(chars.get(*at) == Some(&'\\'));
        let found = chars.get(*at).copied();
        *at += 1;
        found
    };
    while ranges.is_empty() || *chars.get(at)? != ']' {
        let low = one(&mut at)?;
        let is_range = chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|c| *c != ']');
        let high = if is_range {
            at += 1;
            one(&mut at)?
        } else {
            low
        };
        ranges.push((low, high));
    }
    Some((Token::Class { negated, ranges }, at + 1))
}

fn fits(tokens: &[Token], path: &[char]) -> bool {
    let Some((token, rest)) = tokens.split_first() else { return path.is_empty() };
    match token {
        Token::Char(literal) => path.first() == Some(literal) && fits(rest, &path[1..]),
        Token::One => path.first().is_some_and(|c| *c != '/') && fits(rest, &path[1..]),
        Token::Class { negated, ranges } => {
            let within = |c: &char| ranges.iter().any(|(low, high)| low <= c && c <= high) != *negated;
            path.first().is_some_and(within) && fits(rest, &path[1..])
        }
        Token::Some => {
            let end = path.iter().position(|c| *c == '/').unwrap_or(path.len());
            (0..=end).any(|taken| fits(rest, &path[taken..]))
        }
        Token::Everything => (0..=path.len()).any(|taken| fits(rest, &path[taken..])),
        Token::Folders => {
            fits(rest, path) || (0..path.len()).any(|at| path[at] == '/' && fits(rest, &path[at + 1..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a path is matched when its folders are asked first, as a walk does.
    fn matched(patterns: &str, path: &str) -> bool {
        let patterns = Patterns::new(patterns.lines()).unwrap();
        let mut folder = Matched::default();
        for (at, _) in path.match_indices('/') {
            folder = patterns.matches(&path[..at], &folder).1;
        }
        patterns.matches(path, &folder).0
    }

    #[test]
    fn single_patterns() {
        for (pattern, path, expected) in [
            ("target", "target", true),
            ("target", "target/debug/x", true),
            ("target", "a/target", false),
            ("/target/", "target/x", true),
            ("./a/../b", "b", true),
            ("*.md", "README.md", true),
            ("*.md", "docs/README.md", false),
            ("*/*.md", "docs/README.md", true),
            ("**/*.md", "README.md", true),
            ("**/*.md", "a/b/README.md", true),
            ("**/target", "a/b/target/c", true),
            ("**", "a/b", true),
            ("*", "a/b", true),
            (".", "a", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "ab/z", false),
            ("**.o", "x/y.o", true),
            ("file?", "file1", true),
            ("file?", "file", false),
            ("?", "/", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[]]x", "]x", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("a+b", "a+b", true),
            ("a.b", "axb", false),
            ("Größe/*", "Größe/ä", true),
        ] {
            assert_eq!(matched(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn the_last_pattern_that_matches_wins() {
        assert!(matched("*.md\n!README.md", "CHANGES.md"));
        assert!(!matched("*.md\n!README.md", "README.md"));
        assert!(matched("*.md\n!README*.md\nREADME-secret.md", "README-secret.md"));
        assert!(!matched("*\n!src", "src/main.rs"));
        assert!(matched("*\n!src\nsrc/tests", "src/tests/x.rs"));
        assert!(!matched("target\n!target/release/app", "target/release/app"));
        assert!(matched("target\n!target/release/app", "target/release/other"));
    }

    #[test]
    fn folders_that_cannot_matter_are_known() {
        let patterns = Patterns::new(["target", "**/*.tmp", "!target/release/app", "!keep/**/x"]).unwrap();
        for (folder, expected) in [("target", true), ("target/release", true), ("target/debug", false)] {
            assert_eq!(patterns.take_back_in(folder), expected, "{folder}");
        }
        assert!(patterns.take_back_in("keep/a/b"));
        assert!(!patterns.take_back_in("kee"));
        assert!(patterns.reach_into("anything"));
    }

    #[test]
    fn broken_patterns_are_named() {
        assert!(Patterns::new(["a", "[b"]).unwrap_err().contains("`[b`"));
        assert!(Patterns::new(["!"]).is_err());
        assert!(Patterns::new(["", "  "]).unwrap().is_empty());
    }
}
