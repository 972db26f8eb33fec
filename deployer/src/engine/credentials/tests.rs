//! What logins are found, and that their secrets stay inside.

use super::*;

fn credentials(text: &str) -> Credentials {
    serde_json::from_str(text).unwrap()
}

async fn found(credentials: &Credentials, image: &str) -> Option<(String, String)> {
    let login = credentials.for_image(image).await.unwrap()?;
    let (username, secret) = login.reveal();
    Some((username.to_owned(), secret.to_owned()))
}

fn pair(username: &str, secret: &str) -> Option<(String, String)> {
    Some((username.to_owned(), secret.to_owned()))
}

#[test]
fn the_registry_is_the_first_part_when_it_looks_like_a_host() {
    for (image, host) in [
        ("nginx", "docker.io"),
        ("library/nginx:1", "docker.io"),
        ("registry.example/team/app:1", "registry.example"),
        ("localhost/app", "localhost"),
        ("localhost:5000/app@sha256:00", "localhost:5000"),
    ] {
        assert_eq!(registry_of(image), host, "{image}");
    }
}

#[tokio::test]
async fn stored_logins_are_found_by_every_name_of_their_registry() {
    // `user:pa:ss`: only the first colon ends the name.
    let all = credentials(
        r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "dXNlcjpwYTpzcw=="},
            "https://registry.example/v2/": {"username": "me", "password": "x"},
            "token.example": {"auth": "dXNlcjp4", "identitytoken": "abc"},
            "empty.example": {}
        }}"#,
    );
    assert_eq!(found(&all, "nginx").await, pair("user", "pa:ss"));
    assert_eq!(found(&all, "docker.io/library/nginx").await, pair("user", "pa:ss"));
    assert_eq!(found(&all, "registry.example/app").await, pair("me", "x"));
    assert_eq!(found(&all, "token.example/app").await, pair("", "abc"));
    assert_eq!(found(&all, "empty.example/app").await, None);
    assert_eq!(found(&all, "other.example/app").await, None);
}

#[tokio::test]
async fn secrets_stay_inside() {
    let all = credentials(
        r#"{"auths": {"a.example": {"auth": "dXNlcjpodW50ZXIy"}, "b.example": {"auth": "hunter2"}}}"#,
    );
    let login = all.for_registry("a.example").await.unwrap().unwrap();
    let broken = all.for_registry("b.example").await.unwrap_err();
    let text = format!("{all:?} {login:?} {broken:?} {broken}");
    assert!(!text.contains("hunter2") && !text.contains("dXNlcjpodW50ZXIy"), "{text}");
    assert!(broken.source.to_string().contains("log in again"));
}

#[test]
fn a_broken_file_is_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, r#"{"auths": {"a": {"auth": hunter2}}}"#).unwrap();
    let error = Credentials::load(&file).unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"));
    assert!(error.to_string().contains("config.json"));
    assert!(Credentials::load(&folder.path().join("absent")).unwrap().auths.is_empty());
}

#[tokio::test]
async fn a_helper_that_is_not_there_is_named() {
    let all =
        credentials(r#"{"credsStore": "no-such-store", "credHelpers": {"b.example": "../../tmp/evil"}}"#);
    let error = all.for_image("nginx").await.unwrap_err();
    assert!(
        error.source.to_string().starts_with("docker-credential-no-such-store does not run"),
        "{error:?}"
    );
    let error = all.for_image("b.example/x").await.unwrap_err();
    assert!(error.source.to_string().ends_with("is not the name of a program"), "{error:?}");
}

#[tokio::test]
async fn helpers_are_asked_by_their_protocol() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("helper");
    // One helper for all cases: the server's name, which it reads, says how it answers.
    let script = r#"#!/bin/sh
[ "$1" = get ] || exit 9
read -r server
case $server in
  user.example) echo '{"ServerURL":"user.example","Username":"me","Secret":"x"}' ;;
  token.example) echo '{"ServerURL":"token.example","Username":"<token>","Secret":"abc"}' ;;
  none.example) echo 'credentials not found in native keychain'; exit 1 ;;
  locked.example) echo 'hunter2 is locked'; exit 1 ;;
  *) echo hunter2 ;;
esac
"#;
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = |server: &'static str| {
        let helper = helper.to_str().unwrap().to_owned();
        async move { told_by(&helper, server).await }
    };
    assert_eq!(told("user.example").await.unwrap().unwrap().reveal(), ("me", "x"));
    assert_eq!(told("token.example").await.unwrap().unwrap().reveal(), ("", "abc"));
    assert_eq!(told("none.example").await, Ok(None));
    assert_eq!(told("locked.example").await, Err("failed".to_owned()));
    assert_eq!(told("other.example").await, Err("did not answer with a login".to_owned()));
}
