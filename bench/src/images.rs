//! The images that are deployed: one small server, in as many versions as a part needs, each there under its own tag
//! before anything is measured. It must never build or pull while something is measured.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::parts::Bench;
use crate::runs::{docker, finish};

/// The image's name, without a tag.
pub fn name(bench: &Bench) -> String {
    format!("{}-fixture", bench.name)
}

/// The tag of a version, which is also what it answers.
pub fn tag(version: usize) -> String {
    format!("v{version}")
}

/// Makes the versions 1 to `last`.
pub fn import(bench: &Bench, last: usize) -> Result<()> {
    eprintln!("importing {last} images");
    let folder = bench.folder();
    fs::create_dir_all(&folder)?;
    fs::copy(&bench.programs.fixture, folder.join("fixture"))?;
    let archive = folder.join("image.tar");
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "-C"]).arg(&folder).arg("-cf").arg(&archive).arg("fixture");
    finish(tar)?;
    for version in 1..=last {
        let (tag, path) = (tag(version), archive.to_string_lossy());
        let (variable, image) = (format!("ENV VERSION={tag}"), format!("{}:{tag}", name(bench)));
        let entry = "ENTRYPOINT [\"/fixture\"]";
        docker(&["import", "--change", entry, "--change", &variable, &path, &image])?;
    }
    Ok(())
}
