//! What of a folder is offered, in which order, and that its content arrives.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.repeat(30_000)).unwrap();
    }
    folder
}

fn wanted(root: &Path, includes: &[&str], excludes: &[&str], follow: &[&str]) -> Wanted {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    Wanted::new(root, &owned(includes), &owned(excludes), &owned(follow)).unwrap()
}

/// The paths that are offered.
async fn offered(root: &Path, wanted: Wanted) -> Vec<String> {
    let mut packets = send(root.to_owned(), wanted, futures_util::stream::pending());
    let mut paths = Vec::new();
    while let Some(packet) = packets.recv().await {
        match packet.unwrap().stat {
            Some(stat) => paths.push(stat.path),
            None => break,
        }
    }
    paths
}

#[tokio::test]
async fn folders_come_before_what_is_in_them_and_names_in_order() {
    let folder = tree(&["a-b", "a/z", "a/b/c", "b"]);
    let all = offered(folder.path(), Wanted::default()).await;
    assert_eq!(all, ["a", "a/b", "a/b/c", "a/z", "a-b", "b"]);
}

#[tokio::test]
async fn what_is_excluded_stays_and_what_is_taken_back_comes_with_its_folders() {
    let folder =
        tree(&["target/debug/x", "target/release/app", "target/release/deps/y", "src/main.rs", "notes.md"]);
    let excludes = ["target", "!target/release/app", "*.md"];
    let all = offered(folder.path(), wanted(folder.path(), &[], &excludes, &[])).await;
    assert_eq!(all, ["src", "src/main.rs", "target", "target/release", "target/release/app"]);
}

#[tokio::test]
async fn only_what_is_asked_for_is_offered() {
    let folder = tree(&["Dockerfile", "Dockerfile.dockerignore", "big/x", "bin/app"]);
    let includes = ["Dockerfile", "Dockerfile.dockerignore"];
    let all = offered(folder.path(), wanted(folder.path(), &includes, &[], &[])).await;
    assert_eq!(all, includes);
    let all = offered(folder.path(), wanted(folder.path(), &[], &[], &["/bin/app"])).await;
    assert_eq!(all, ["bin", "bin/app"]);
}

#[tokio::test]
async fn a_wildcard_or_a_link_that_is_copied_means_everything() {
    let folder = tree(&["bin/app", "other/x"]);
    std::os::unix::fs::symlink("bin", folder.path().join("link")).unwrap();
    for follow in ["bin/*", "link/app", "."] {
        let all = offered(folder.path(), wanted(folder.path(), &[], &[], &[follow])).await;
        assert_eq!(all, ["bin", "bin/app", "link", "other", "other/x"], "{follow}");
    }
    // The engine always asks for a Dockerfile's own ignore file too; few folders have one.
    let some = offered(folder.path(), wanted(folder.path(), &[], &[], &["other", "absent"])).await;
    assert_eq!(some, ["other", "other/x"]);
}

#[tokio::test]
async fn content_arrives_in_chunks_and_ends_with_an_empty_one() {
    let folder = tree(&["d/file"]);
    let (requests, receiver) = channel::<Result<Packet, Status>>(4);
    let requested = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|packet| (packet, receiver))
    });
    let mut packets = send(folder.path().to_owned(), Wanted::default(), Box::pin(requested));
    while packets.recv().await.unwrap().unwrap().stat.is_some() {}
    // The folder is number 0, and folders have no content.
    requests.send(Ok(Packet { id: 1, ..packet(PacketType::PacketReq) })).await.unwrap();
    let mut content = Vec::new();
    loop {
        let packet = packets.recv().await.unwrap().unwrap();
        assert_eq!((packet.r#type(), packet.id), (PacketType::PacketData, 1));
        if packet.data.is_empty() {
            break;
        }
        assert!(packet.data.len() <= CHUNK);
        content.extend(packet.data);
    }
    assert_eq!(content, "d/file".repeat(30_000).into_bytes());
    requests.send(Ok(packet(PacketType::PacketFin))).await.unwrap();
    assert_eq!(packets.recv().await.unwrap().unwrap().r#type(), PacketType::PacketFin);
    assert!(packets.recv().await.is_none());
}

#[test]
fn modes_are_told_in_the_words_of_the_engine() {
    let folder = tree(&["run"]);
    let path = folder.path().join("run");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4751)).unwrap();
    let told = stat("run", &path, &path.symlink_metadata().unwrap()).unwrap();
    assert_eq!((told.mode, told.uid, told.gid, told.size), (GO_SETUID | 0o751, 0, 0, 90_000));
    std::os::unix::fs::symlink("run", folder.path().join("link")).unwrap();
    let link = folder.path().join("link");
    let told = stat("link", &link, &link.symlink_metadata().unwrap()).unwrap();
    assert_eq!((told.mode & GO_LINK, told.linkname.as_str()), (GO_LINK, "run"));
}
