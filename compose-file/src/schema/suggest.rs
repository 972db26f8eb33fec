//! The word that was probably meant.
//!
//! It must never suggest something that is not close.

/// Of more candidates the rest is not looked at.
const MOST_CANDIDATES: usize = 1000;

/// The candidate that differs in the fewest letters, when those are few.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 40 {
        return None;
    }
    let limit = (word.chars().count() / 3).max(1);
    let simple = |text: &str| text.to_lowercase().replace(['-', '_', '.'], "");
    let best = candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .map(|candidate| (distance(&simple(word), &simple(candidate)), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (best.0 <= limit).then_some(best.1)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = last[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut cost = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                cost = cost.min(before[j - 2] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_close_is_suggested() {
        let check = |word: &str, expect: Option<&str>| {
            assert_eq!(closest(word, ["healthcheck", "image", "ports", "environment"]), expect, "{word}");
        };
        check("helthcheck", Some("healthcheck"));
        check("health_check", Some("healthcheck"));
        check("enviroment", Some("environment"));
        check("prots", Some("ports"));
        check("wrong", None);
        check("x", None);
    }
}
