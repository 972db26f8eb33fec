//! Input that means harm: it ends soon, in an error that says why, and never in a panic.
//!
//! It must never need more memory than a build machine has to spare.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use compose_file::{Loaded, Request, load};
use proptest::prelude::*;

fn outcome(text: &[u8]) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    std::fs::write(folder.path().join("same.yaml"), "include: [same.yaml, same.yaml]\n").unwrap();
    let request = Request { current_directory: folder.path().to_owned(), ..Request::default() };
    load(&request).map_err(|diagnostics| diagnostics.0.iter().map(|one| one.code.clone()).collect())
}

fn check(text: &str, code: &str) {
    assert_eq!(outcome(text.as_bytes()).map(|_| ()).unwrap_err(), code, "{}", &text[..text.len().min(60)]);
}

#[test]
fn bombs_hit_a_limit() {
    let levels: Vec<String> =
        (1..12).map(|n| format!("x-{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(10))).collect();
    check(&format!("x-0: &a0 [a]\n{}", levels.concat()), "too-large");
    check(&format!("x-a: {}a{}", "[".repeat(150), "]".repeat(150)), "too-deep");
    check(
        &format!("services: {{a: {{image: a, ports: [{}]}}}}", "'1-65535:1-65535',".repeat(10)),
        "too-large",
    );
    check(
        &format!("services: {{a: {{image: '{}x{}'}}}}", "${A:-".repeat(999), "}".repeat(999)),
        "interpolation",
    );
    let labels: String = (0..300).map(|n| format!("k{n}: a,")).collect();
    let heirs: String = (0..3000).map(|n| format!("s{n}: {{extends: b}},")).collect();
    check(&format!("services: {{b: {{image: a, labels: {{{labels}}}}},{heirs}}}"), "too-large");
}

#[test]
fn circles_are_found() {
    check("include: [same.yaml]\nservices: {a: {image: a}}\n", "include-cycle");
    check("include: [compose.yaml]\nservices: {a: {image: a}}\n", "include-cycle");
    check("services: {a: {image: a, extends: b}, b: {extends: a}}\n", "extends-cycle");
    check("services: {a: {image: a, depends_on: [b]}, b: {image: b, depends_on: [a]}}\n", "dependency-cycle");
    check("x-a: &a [*a]\nservices: {a: {image: a}}\n", "yaml");
}

#[test]
fn odd_texts_are_errors_or_fine() {
    check("", "empty-file");
    check("- a\n", "wrong-type");
    assert_eq!(outcome(b"services: \xff\xfe\n").map(|_| ()).unwrap_err(), "unreadable-file");
    assert!(outcome(b"\xef\xbb\xbfservices:\r\n  a:\r\n    image: b\r\n").is_ok());
}

/// Pieces that Compose files are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "services:",
        "\n",
        "  ",
        "web",
        ": ",
        "image",
        "- ",
        "*a",
        "&a ",
        "<<: ",
        "{",
        "}",
        "[",
        "]",
        "ports",
        "80:80",
        "${A:-",
        "$",
        "!reset ",
        "!override ",
        "extends",
        "include",
        "volumes",
        "\"",
        "'",
        ",",
        "x-a",
        "null",
        "1-9",
        "environment",
        "A=1",
        "build",
        "networks",
        "depends_on",
        "deploy",
        "healthcheck",
        "é",
        "\t",
        "|",
        ">",
        "#",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..60)
        .prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(outcome(&bytes).map(|loaded| loaded.project()));
    }

    #[test]
    fn fragments_never_panic(text in pieces()) {
        drop(outcome(text.as_bytes()).map(|loaded| loaded.project()));
    }

    #[test]
    fn service_keys_never_panic(key in "[a-z_]{2,12}|ports|volumes|build|deploy|environment|expose|devices", text in pieces()) {
        let text = format!("services:\n  web:\n    image: a\n    {key}: {}\n", text.replace('\n', " "));
        drop(outcome(text.as_bytes()).map(|loaded| (loaded.project(), loaded.config_yaml())));
    }
}
