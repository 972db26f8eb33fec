//! What people see when something is wrong: the wording, the place, the remedy.
//!
//! It must never read anything but its own small files.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use compose_file::{Diagnostics, Loaded, Request, Severity, load};

fn run(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Loaded, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&Request {
        current_directory: folder.path().to_owned(),
        project_name: Some("test".to_owned()),
        environment: environment.collect::<BTreeMap<_, _>>(),
        ..Request::default()
    })
}

/// The findings of a single file, those of the typed project included.
fn findings(text: &str) -> String {
    let loaded = run(&[("compose.yaml", text)], &[]);
    match loaded.and_then(|loaded| loaded.project().map(|_| loaded)) {
        Ok(loaded) => loaded.warnings().to_string(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

#[test]
fn all_errors_of_a_file_are_reported_at_once() {
    insta::assert_snapshot!(findings(
        "services:
  web:
    image: 3.8
    helthcheck: {test: x}
    ports: 80
    depends_on: {db: {condition: service_helthy}}
    wrongField: 1
"
    ), @r#"
    error: compose.yaml:3:12: `services.web.image` must be text, not the number 3.8
      |
    3 |     image: 3.8
      |            ^^^
      |
      = help: put the value in quotes

    error: compose.yaml:4:5: unknown key `helthcheck` in `services.web`
      |
    4 |     helthcheck: {test: x}
      |     ^^^^^^^^^^
      |
      = help: did you mean `healthcheck`?

    error: compose.yaml:5:12: `services.web.ports` must be a list, not the integer 80
      |
    5 |     ports: 80
      |            ^^

    error: compose.yaml:6:34: `services.web.depends_on.db.condition` must be `service_started` or `service_healthy` or `service_completed_successfully`, not `service_helthy`
      |
    6 |     depends_on: {db: {condition: service_helthy}}
      |                                  ^^^^^^^^^^^^^^
      |
      = help: did you mean `service_healthy`?

    error: compose.yaml:7:5: unknown key `wrongField` in `services.web`
      |
    7 |     wrongField: 1
      |     ^^^^^^^^^^
      |
      = help: remove it; a key of your own must start with `x-`
    "#);
}

#[test]
fn references_name_what_was_probably_meant() {
    insta::assert_snapshot!(findings(
        "services:
  web: {image: a, depends_on: [databse], networks: [frnt], volumes: ['data:/d'], secrets: [pw]}
  database: {image: b, extends: {service: wb}}
networks: {front: }
"
    ), @r#"
    error: compose.yaml:3:43: there is no service `wb` in `compose.yaml` to extend
      |
    3 |   database: {image: b, extends: {service: wb}}
      |                                           ^^
      |
      = help: did you mean `web`?
    "#);
    insta::assert_snapshot!(findings(
        "services:
  web: {image: a, depends_on: [databse], networks: [frnt], volumes: ['data:/d'], secrets: [pw]}
  database: {image: b}
networks: {front: }
"
    ), @r#"
    error: compose.yaml:2:32: the service `web` depends on `databse`, which is not defined
      |
    2 |   web: {image: a, depends_on: [databse], networks: [frnt], volumes: ['data:/d'], secrets: [pw]}
      |                                ^^^^^^^
      |
      = help: did you mean `database`?

    error: compose.yaml:2:53: the service `web` uses the network `frnt`, which is not defined
      |
    2 |   web: {image: a, depends_on: [databse], networks: [frnt], volumes: ['data:/d'], secrets: [pw]}
      |                                                     ^^^^
      |
      = help: did you mean `front`?

    error: compose.yaml:2:70: the service `web` uses the volume `data`, which is not defined
      |
    2 |   web: {image: a, depends_on: [databse], networks: [frnt], volumes: ['data:/d'], secrets: [pw]}
      |                                                                      ^^^^^^^^^
      |
      = help: define it under the top-level key `volumes`

    error: compose.yaml:2:92: the service `web` uses the secret `pw`, which is not defined
      |
    2 |   web: {image: a, depends_on: [databse], networks: [frnt], volumes: ['data:/d'], secrets: [pw]}
      |                                                                                            ^^
      |
      = help: define it under the top-level key `secrets`
    "#);
}

#[test]
fn variables_are_underlined_alone() {
    insta::assert_snapshot!(findings(
        "services:
  web: {image: \"shop/web:${TAG}\", command: \"${NEEDED:?tell me} ${\"}
"
    ), @r#"
    error: compose.yaml:2:47: the variable `NEEDED` is required: tell me
      |
    2 |   web: {image: "shop/web:${TAG}", command: "${NEEDED:?tell me} ${"}
      |                                               ^^^^^^
      |
      = help: set `NEEDED` in the environment or in `.env`

    warning: compose.yaml:2:28: the variable `TAG` is not set; it counts as empty
      |
    2 |   web: {image: "shop/web:${TAG}", command: "${NEEDED:?tell me} ${"}
      |                            ^^^
      |
      = help: set it, or give a default: `${TAG:-}`
    "#);
}

#[test]
fn what_a_deploy_has_no_place_for_is_refused_or_mentioned() {
    insta::assert_snapshot!(findings(
        "services:
  web:
    image: a
    cpu_count: 2
    restart: sometimes
    pull_policy: daily
    develop: {watch: [{path: ., action: rebuild}]}
    volumes: [{type: npipe, source: a, target: /b}]
"
    ), @r#"
    error: compose.yaml:4:5: the key `cpu_count` of a service is not supported
      |
    4 |     cpu_count: 2
      |     ^^^^^^^^^
      |
      = help: use `cpus`

    error: compose.yaml:5:14: `restart: sometimes` is not supported
      |
    5 |     restart: sometimes
      |              ^^^^^^^^^
      |
      = help: use `no`, `always`, `on-failure`, `on-failure:ATTEMPTS` or `unless-stopped`

    error: compose.yaml:6:18: `pull_policy: daily` is not supported
      |
    6 |     pull_policy: daily
      |                  ^^^^^
      |
      = help: use `always`, `missing`, `never` or `build`

    error: compose.yaml:8:22: `type: npipe` is not supported
      |
    8 |     volumes: [{type: npipe, source: a, target: /b}]
      |                      ^^^^^
      |
      = help: use a mount of type `volume`, `bind` or `tmpfs`
    "#);
}

#[test]
fn builds_and_pulls_that_a_deploy_has_no_place_for() {
    insta::assert_snapshot!(findings(
        "services:
  web:
    build:
      context: .
      provenance: false
      ulimits: {nofile: 10}
    pull_refresh_after: 24h
"
    ), @r"
    error: compose.yaml:6:7: the key `ulimits` of a build is not supported
      |
    6 |       ulimits: {nofile: 10}
      |       ^^^^^^^
      |
      = help: set them in the Dockerfile, with `ulimit` before the command that needs them

    error: compose.yaml:7:5: the key `pull_refresh_after` of a service is not supported
      |
    7 |     pull_refresh_after: 24h
      |     ^^^^^^^^^^^^^^^^^^
      |
      = help: use `pull_policy: always`, or deploy a new tag of the image
    ");
    insta::assert_snapshot!(findings("services: {web: {build: {context: ., provenance: false, sbom: true}}}"), @r"
    warning: compose.yaml:1:57: `sbom` has no effect here: attestations are for images in a registry
      |
    1 | services: {web: {build: {context: ., provenance: false, sbom: true}}}
      |                                                         ^^^^
    ");
}

#[test]
fn options_of_a_mount_that_nobody_knows() {
    insta::assert_snapshot!(findings(
        "services:
  web:
    image: a
    volumes:
      - /a:/a:ro,cached,z,rslave
      - /b:/b:nosuid,nocopy
      - vol:/c:nocopy,Z
volumes: {vol: }
"
    ), @r"
    warning: compose.yaml:6:9: `nosuid` is not an option of a mount and has no effect
      |
    6 |       - /b:/b:nosuid,nocopy
      |         ^^^^^^^^^^^^^^^^^^^
      |
      = help: remove it; a mount has `ro`, `nocopy` (volumes), `z`, `Z` and a propagation (paths)

    warning: compose.yaml:6:9: `nocopy` has no effect on a path of the host
      |
    6 |       - /b:/b:nosuid,nocopy
      |         ^^^^^^^^^^^^^^^^^^^
      |
      = help: remove it; a mount has `ro`, `nocopy` (volumes), `z`, `Z` and a propagation (paths)

    warning: compose.yaml:7:9: `Z` has no effect on a named volume
      |
    7 |       - vol:/c:nocopy,Z
      |         ^^^^^^^^^^^^^^^
      |
      = help: remove it; a mount has `ro`, `nocopy` (volumes), `z`, `Z` and a propagation (paths)
    ");
}

#[test]
fn broken_yaml_has_a_place() {
    insta::assert_snapshot!(findings("services:\n  web: {image: a\n  db: b\n"), @r#"
    error: compose.yaml:3:5: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
      |
    3 |   db: b
      |     ^
    "#);
    insta::assert_snapshot!(findings("services:\n  web:\n    image: a\n    image: b\n"), @r#"
    error: compose.yaml:4:5: the key `image` is already defined in line 3
      |
    4 |     image: b
      |     ^^^^^
      |
      = help: keep one of the two, or join their values
    "#);
    insta::assert_snapshot!(findings("services: &a\n  web: *b\n"), @r#"
    error: compose.yaml:2:8: not valid YAML: while parsing node, found unknown anchor
      |
    2 |   web: *b
      |        ^
    "#);
}

#[test]
fn a_place_in_an_override_is_shown_in_that_file() {
    let files = [
        ("compose.yaml", "services: {web: {image: a, ports: ['80:80']}}\n"),
        ("compose.override.yaml", "services:\n  web:\n    ports: {a: b}\n"),
    ];
    insta::assert_snapshot!(run(&files, &[]).unwrap_err().to_string(), @r#"
    error: compose.override.yaml:3:12: a mapping cannot be merged into a list of an earlier file
      |
    3 |     ports: {a: b}
      |            ^^^^^^
      |
      = help: write both in the same form, or replace the earlier value with `!override`
    "#);
}

#[test]
fn extensions_of_included_files_are_not_part_of_the_project_and_have_a_place() {
    let files = [
        ("compose.yaml", "include: [part.yaml]\nservices: {web: {image: a}}\nx-own: 1\n"),
        ("part.yaml", "services: {db: {image: b}}\nx-more: 2\n"),
    ];
    let loaded = run(&files, &[]).unwrap();
    assert_eq!(loaded.left_out("x-own"), None);
    let place = loaded.left_out("x-more").unwrap();
    let finding = loaded.diagnostic(place, Severity::Error, "not here", None);
    insta::assert_snapshot!(finding.to_string(), @r"
    error: part.yaml:2:1: not here
      |
    2 | x-more: 2
      | ^^^^^^
    ");
}

#[test]
fn callers_attach_findings_to_a_path() {
    let loaded = run(
        &[("compose.yaml", "services:\n  web:\n    image: a\n    volumes:\n      - ./data:/data\n")],
        &[],
    )
    .unwrap();
    let path = "services.web.volumes[0].source";
    let finding = loaded.diagnostic_at(path, Severity::Error, "not on a remote engine", Some("use a volume"));
    insta::assert_snapshot!(finding.to_string(), @r#"
    error: compose.yaml:5:9: not on a remote engine
      |
    5 |       - ./data:/data
      |         ^^^^^^^^^^^^
      |
      = help: use a volume
    "#);
    let json = serde_json::to_value(&finding).unwrap();
    assert_eq!(
        (&json["file"], &json["line"], &json["column"]),
        (&"compose.yaml".into(), &5.into(), &9.into())
    );
}
