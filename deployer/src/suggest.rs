//! The name that was probably meant. Pure.

use crate::error::{Code, Failure};

/// Refuses a service that is not among those that are known.
///
/// # Errors
/// With the name that was probably meant, or all of them.
pub fn refuse_unknown(name: &str, known: &[&str]) -> Result<(), Failure> {
    if known.contains(&name) {
        return Ok(());
    }
    let hint = match closest(name, known) {
        Some(meant) => format!("is `{meant}` meant?"),
        None => format!("the services are: {}", known.join(", ")),
    };
    Err(Failure::new(Code::Usage, format!("there is no service `{name}`")).hint(hint))
}

/// The known name that differs least, when it differs little.
#[must_use]
pub fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let (far, best) = known.iter().map(|known| (distance(name, known), *known)).min()?;
    (far <= name.chars().count().max(3) / 3).then_some(best)
}

/// How many letters have to be added, removed or replaced.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for column in 0..to.len() {
            let replaced = diagonal + usize::from(letter != to[column]);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_a_guess_is_not() {
        let known = ["data-app", "minio", "db"];
        let check = |name, expect: Option<&str>| assert_eq!(closest(name, &known), expect, "{name}");
        check("data-ap", Some("data-app"));
        check("mino", Some("minio"));
        check("dbb", Some("db"));
        check("frontend", None);
        assert_eq!(closest("x", &[]), None);
    }

    #[test]
    fn a_known_service_passes() {
        assert!(refuse_unknown("db", &["db"]).is_ok());
        assert_eq!(refuse_unknown("web", &["db"]).unwrap_err().to_string(), "there is no service `web`");
    }
}
