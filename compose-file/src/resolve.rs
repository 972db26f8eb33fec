//! Relative paths to absolute ones.
//!
//! It must never touch the file system: a path that does not exist is none of its business.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::node::{Mark, Node, Value};
use crate::report::Report;

/// Makes the paths of a canonical model absolute, starting from a folder.
pub(crate) fn paths(
    report: &mut Report,
    model: &mut Node,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) {
    let absolute = |node: &mut Node| {
        if let Some(path) = node.as_text().filter(|path| !path.is_empty()) {
            let relative = Path::new(path).is_relative();
            node.value = Value::Text(join(directory, path, environment).to_string_lossy().into_owned());
            if relative {
                node.mark = Mark::Relative;
            }
        }
    };
    for (_, service) in model.children_mut("services") {
        self::service(report, service, &absolute);
    }
    for section in ["secrets", "configs"] {
        for (_, node) in model.children_mut(section) {
            node.get_mut("file").into_iter().for_each(absolute);
        }
    }
    for (_, volume) in model.children_mut("volumes") {
        let local = volume.text_at("driver").is_none_or(|driver| driver == "local");
        if let Some(options) = volume.get_mut("driver_opts").filter(|_| local)
            && options.text_at("o").is_some_and(|option| option == "bind")
        {
            options.get_mut("device").into_iter().for_each(absolute);
        }
    }
}

/// The paths of a service; contexts of builds need not be paths.
fn service(report: &mut Report, service: &mut Node, absolute: &impl Fn(&mut Node)) {
    let context = |node: &mut Node| {
        if node.as_text().is_some_and(|context| !is_remote(context) && !context.starts_with("service:")) {
            absolute(node);
        }
    };
    if let Some(build) = service.get_mut("build") {
        build.set_default("context", Value::Text(".".to_owned()));
        build.get_mut("context").into_iter().for_each(context);
        build.children_mut("additional_contexts").for_each(|(_, node)| context(node));
    }
    listed(service.get_mut("env_file"), "path", absolute);
    service.get_mut("label_file").and_then(Node::as_list_mut).into_iter().flatten().for_each(absolute);
    if let Some(extends) = service.get_mut("extends") {
        extends.get_mut("file").into_iter().for_each(absolute);
    }
    listed(service.get_mut("develop").and_then(|develop| develop.get_mut("watch")), "path", absolute);
    for mount in service.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
        bind(report, mount, absolute);
    }
}

fn listed(list: Option<&mut Node>, key: &str, change: impl Fn(&mut Node)) {
    for item in list.and_then(Node::as_list_mut).into_iter().flatten() {
        item.get_mut(key).into_iter().for_each(&change);
    }
}

fn bind(report: &mut Report, mount: &mut Node, absolute: impl Fn(&mut Node)) {
    if mount.text_at("type") != Some("bind") {
        return;
    }
    match mount.get_mut("source").filter(|source| source.as_text() != Some("")) {
        Some(source) => absolute(source),
        None => report.error("volume", mount.span, "a bind mount needs a `source`"),
    }
}

/// A path as seen from a folder, without `.` and `..`; `~` is the home folder.
pub(crate) fn join(directory: &Path, path: &str, environment: &BTreeMap<String, String>) -> PathBuf {
    let home = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let joined = match home.zip(environment.get("HOME")) {
        Some((rest, home)) => Path::new(home).join(rest.trim_start_matches('/')),
        None if is_windows(path) => return PathBuf::from(path),
        None => directory.join(path),
    };
    tidy(&joined)
}

/// An absolute path of another system, which is left alone.
fn is_windows(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with("\\\\")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'\\')
}

/// The path without `.`, `..` and repeated slashes.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Whether it names something that is not a local path.
pub(crate) fn is_remote(path: &str) -> bool {
    let prefixes = ["github.com/", "git@", "oci:"];
    path.contains("://") || prefixes.iter().any(|prefix| path.starts_with(prefix))
}
