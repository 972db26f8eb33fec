//! The image as an archive that an engine loads, written in one pass: the layer first, hashed on its way, then what
//! names its hash. It must be the same, byte by byte, for the same binary.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::{Program, USER, hex};

const BLOCK: u64 = 512;
/// Name, mode and owner of the folders that its containers write to.
const FOLDERS: [(&str, u32, u64); 3] =
    [("state/", 0o700, 0), ("route/", 0o700, USER as u64), ("run/", 0o755, USER as u64)];

/// What goes into the archive.
pub(super) struct Contents {
    binary: PathBuf,
    length: u64,
    architecture: String,
    image: String,
}

impl Contents {
    pub(super) fn new(program: &Program, image: &str) -> Self {
        Self {
            binary: program.path.clone(),
            length: program.length,
            architecture: super::super::docker_architecture(program.architecture).to_owned(),
            image: image.to_owned(),
        }
    }

    /// Writes the archive. The engine unpacks all of it before it reads any, so the order is free.
    pub(super) fn write(self, mut out: &mut dyn Write) -> io::Result<()> {
        out.write_all(header("layer.tar", EntryType::Regular, 0o444, 0, self.layer_length())?.as_bytes())?;
        let mut layer = Hashing { out: &mut out, hash: Sha256::new() };
        self.write_layer(&mut layer)?;
        let layer_hash = hex(&layer.hash.finalize());
        // A layer is made of whole blocks: nothing to pad.
        let mut archive = Builder::new(out);
        let config = self.config(&layer_hash).to_string();
        append(&mut archive, "config.json", config.as_bytes())?;
        let manifest =
            json!([{ "Config": "config.json", "RepoTags": [self.image], "Layers": ["layer.tar"] }]);
        append(&mut archive, "manifest.json", manifest.to_string().as_bytes())?;
        archive.finish()
    }

    fn layer_length(&self) -> u64 {
        let headers = 1 + FOLDERS.len() as u64;
        BLOCK * (headers + self.length.div_ceil(BLOCK) + 2)
    }

    fn write_layer(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut layer = Builder::new(out);
        for (name, mode, owner) in FOLDERS {
            layer.append(&header(name, EntryType::Directory, mode, owner, 0)?, io::empty())?;
        }
        let head = header("deployer", EntryType::Regular, 0o555, 0, self.length)?;
        let binary = File::open(&self.binary)?;
        // A file that changes while it is read must not change the archive's length.
        let mut binary = Exactly { file: binary, left: self.length };
        layer.append(&head, &mut binary)?;
        layer.finish()
    }

    fn config(&self, layer_hash: &str) -> serde_json::Value {
        json!({
            "architecture": self.architecture,
            "os": "linux",
            // Not the time of the upload: the same binary has the same image id everywhere.
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": ["/deployer"],
                "User": format!("{USER}:{USER}"),
                "WorkingDir": "/",
                "Labels": { "deployer.role": "agent" },
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_hash}")] },
            "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "deployer" }],
        })
    }
}

fn append(archive: &mut Builder<impl Write>, name: &str, content: &[u8]) -> io::Result<()> {
    archive.append(&header(name, EntryType::Regular, 0o444, 0, content.len() as u64)?, content)
}

fn header(name: &str, kind: EntryType, mode: u32, owner: u64, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_size(size);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// Passes on and hashes.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads as many bytes as were promised, or fails.
struct Exactly {
    file: File,
    left: u64,
}

impl io::Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 && self.left > 0 && most > 0 {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}
