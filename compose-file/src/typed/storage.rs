//! Mounts, volumes, secrets and configs.
//!
//! It must never read a file: where a content comes from is all it says.

use std::path::PathBuf;

use super::fields::Fields;
use crate::model::{FileMount, FileOrigin, FileSource, Mount, MountKind, Volume};
use crate::node::{Mark, Node};

pub(super) fn volume(mut at: Fields<'_, '_>) -> Volume {
    Volume {
        name: at.text("name").unwrap_or_default(),
        external: at.flag("external"),
        driver: at.text("driver"),
        driver_opts: at.pairs("driver_opts"),
        labels: at.pairs("labels"),
    }
}

pub(super) fn source(mut at: Fields<'_, '_>) -> FileSource {
    let external = at.flag("external");
    let (file, variable, content) = (at.text("file"), at.text("environment"), at.text("content"));
    let origin = match (external, file, variable) {
        (true, ..) => FileOrigin::External,
        (_, Some(file), _) => FileOrigin::File(PathBuf::from(file)),
        (_, _, Some(variable)) => FileOrigin::Environment(variable),
        _ => FileOrigin::Content(content.unwrap_or_default()),
    };
    FileSource { name: at.text("name").unwrap_or_default(), origin }
}

/// A secret or config of a service; relative targets start in the folder, and an empty folder keeps them.
pub(super) fn mounted_file(mut at: Fields<'_, '_>, folder: &str) -> FileMount {
    let source = at.text("source").unwrap_or_default();
    let target = at.text("target").unwrap_or_else(|| source.clone());
    let absolute = target.starts_with('/') || folder.is_empty();
    let target = if absolute { target } else { format!("{folder}{target}") };
    let mode = at.text("mode").and_then(|mode| u32::from_str_radix(&mode, 8).ok());
    FileMount { source, target, uid: at.text("uid"), gid: at.text("gid"), mode }
}

pub(super) fn mount(mut at: Fields<'_, '_>) -> Option<Mount> {
    let span = at.whole().span;
    let Some(kind) = kind(&mut at) else {
        at.done_with(&["source", "target", "read_only", "consistency", "image"]);
        return None;
    };
    let Some(target) = at.text("target").filter(|target| target.starts_with('/')) else {
        let message = "a mount needs a `target` that is an absolute path in the container".to_owned();
        let drive = at.whole().text_at("target").is_some_and(|target| target.get(1..2) == Some(":"));
        let help = "a single letter before `:` is read as a Windows drive; give the volume a longer name";
        at.error("volume", span, message, drive.then_some(help));
        return None;
    };
    Some(Mount { target, read_only: at.flag("read_only"), consistency: at.text("consistency"), kind })
}

fn kind(at: &mut Fields<'_, '_>) -> Option<MountKind> {
    let node = at.node("type")?;
    match node.as_text()? {
        "volume" => {
            let source = at.text("source");
            let mut detail = at.inside("volume", "volume mount");
            Some(MountKind::Volume {
                source,
                nocopy: detail.as_mut().is_some_and(|detail| detail.flag("nocopy")),
                subpath: detail.as_mut().and_then(|detail| detail.text("subpath")),
            })
        }
        "bind" => Some(bind(at)),
        "tmpfs" => {
            let mut detail = at.inside("tmpfs", "tmpfs mount");
            let mode = detail.as_mut().and_then(|detail| detail.count("mode"));
            let size = detail.as_mut().and_then(|detail| detail.bytes("size"));
            Some(MountKind::Tmpfs { size, mode: mode.and_then(|mode| u32::try_from(mode).ok()) })
        }
        _ => {
            at.unsupported_value("type", node, "use a mount of type `volume`, `bind` or `tmpfs`");
            None
        }
    }
}

fn bind(at: &mut Fields<'_, '_>) -> MountKind {
    let relative = at.whole().get("source").is_some_and(|source: &Node| source.mark == Mark::Relative);
    let source = at.text("source").unwrap_or_default();
    let mut detail = at.inside("bind", "bind");
    let mut text = |key: &str| detail.as_mut().and_then(|detail| detail.text(key));
    let (propagation, selinux) = (text("propagation"), text("selinux"));
    let create_host_path = detail.as_mut().is_some_and(|detail| detail.flag("create_host_path"));
    MountKind::Bind { source, create_host_path, propagation, selinux, relative }
}

/// Short-form `tmpfs`: path and options.
pub(super) fn tmpfs(item: &str) -> (String, String) {
    let (path, options) = item.split_once(':').unwrap_or((item, ""));
    (path.to_owned(), options.to_owned())
}
