//! The image that this very program runs as on the engine: `FROM scratch`, one static binary and three folders. It
//! comes from no registry: what the engine lacks is uploaded. Nothing here may start a container.

mod archive;
mod elf;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::error::Context;
use super::upload::Upload;
use super::{Engine, Error, Kind};

/// The repository of the image, on every engine.
pub const REPOSITORY: &str = "deployer-agent";
/// Who its containers are, unless told otherwise.
pub const USER: u32 = 65532;
const ACTION: &str = "make the deployer's own image from";

/// A binary that can run on the engine: this one, or one that was built for another processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    length: u64,
    architecture: &'static str,
    fingerprint: String,
}

/// How far the upload is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadProgress {
    /// Bytes that the engine has taken.
    pub sent: u64,
    /// All bytes, but for a few hundred.
    pub total: u64,
}

impl Program {
    /// The program that is running, also when its file has been replaced since it started.
    ///
    /// # Errors
    /// When it is not static, and so would not run in an empty image.
    pub fn running() -> Result<Self, Error> {
        let through_proc = PathBuf::from("/proc/self/exe");
        if through_proc.exists() {
            return Self::at(&through_proc);
        }
        let path = std::env::current_exe()
            .map_err(|error| Error::caused_by(Kind::Invalid, ACTION, "the running program", error))?;
        Self::at(&path)
    }

    /// The program in this file.
    ///
    /// # Errors
    /// When it cannot be read, is no Linux executable, or is not static.
    pub fn at(path: &Path) -> Result<Self, Error> {
        // The link's own name says nothing to a reader.
        let named = std::fs::read_link(path).unwrap_or_else(|_| path.to_owned());
        let fail = |error| Error::caused_by(Kind::Invalid, ACTION, named.display(), error);
        let refuse =
            |why: &str| Error::because(Kind::Invalid, ACTION, named.display(), why).with_hint(hint_static());
        let file = File::open(path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        let head =
            elf::read(&file).map_err(fail)?.ok_or_else(|| refuse("it is not a Linux (ELF) executable"))?;
        if !head.is_static {
            return Err(refuse("it is linked dynamically, and the image has no libraries"));
        }
        let architecture = head.architecture.ok_or_else(|| refuse("it is for an unknown processor"))?;
        let fingerprint = fingerprint(file, length, head.build_id).map_err(fail)?;
        Ok(Self { path: path.to_owned(), length, architecture, fingerprint })
    }

    /// The image's name. Its tag changes with the binary, so that another binary never runs under this one's name;
    /// equal binaries have equal tags, whichever machine they are on.
    #[must_use]
    pub fn image(&self) -> String {
        format!("{REPOSITORY}:{}", self.fingerprint)
    }

    /// The processor it is for, in Rust's words.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.architecture
    }
}

impl Engine {
    /// The name of this program's image on the engine, which has it afterwards. One call when it has it already.
    ///
    /// # Errors
    /// When the program is for another processor than the engine's, or the engine fails.
    pub async fn ensure_own_image(
        &self,
        program: &Program,
        progress: impl FnMut(UploadProgress) + Send,
    ) -> Result<String, Error> {
        let image = program.image();
        if self.find_image(&image).await?.is_none() {
            self.check_architecture(program).await?;
            self.upload(program, &image, progress).await?;
        }
        Ok(image)
    }

    async fn check_architecture(&self, program: &Program) -> Result<(), Error> {
        let engine = self.architecture().await?;
        if engine == program.architecture {
            return Ok(());
        }
        let why = format!("it is for {}, and the engine's processor is {engine}", program.architecture);
        Err(Error::because(Kind::Invalid, ACTION, "this program", why).with_hint(format!(
            "build the same version for {engine} (`cargo rustc --release -p deployer --target \
             {engine}-unknown-linux-gnu -- -C target-feature=+crt-static`) and name the file with --agent-binary or \
             DEPLOYER_AGENT"
        )))
    }

    async fn upload(
        &self,
        program: &Program,
        image: &str,
        mut progress: impl FnMut(UploadProgress) + Send,
    ) -> Result<(), Error> {
        let total = program.length;
        let contents = archive::Contents::new(program, image);
        let (body, upload) = Upload::start(move |out| contents.write(out)).split();
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        let answers = self.patient().import_image_stream(options, body.boxed(), None);
        let report = |sent: u64| progress(UploadProgress { sent: sent.min(total), total });
        let loaded = upload.watch(answers.try_for_each(|_| async { Ok(()) }), report).await;
        if let Some(error) = upload.failure().await {
            return Err(Error::caused_by(Kind::Invalid, ACTION, program.path.display(), error));
        }
        loaded.context("upload image", image)?;
        self.image(image).await.map(drop)
    }
}

/// Which build it is. The linker's own hash is read in microseconds; without one, the whole file is hashed (20 MB:
/// about 15 ms with the processor's help). The length tells a stripped file from the one that it was.
fn fingerprint(mut file: File, length: u64, build_id: Option<Vec<u8>>) -> io::Result<String> {
    let id = match build_id.filter(|id| id.len() >= 8) {
        Some(id) => id,
        None => {
            let mut hash = Sha256::new();
            let mut chunk = vec![0; 256 * 1024];
            loop {
                match file.read(&mut chunk)? {
                    0 => break hash.finalize().to_vec(),
                    read => hash.update(&chunk[..read]),
                }
            }
        }
    };
    let mut text = hex(&id[..8]);
    let _ = write!(text, "-{length:x}");
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hint_static() -> String {
    "`cargo rustc --release -p deployer -- -C target-feature=+crt-static` builds one that fits; --agent-binary or \
     DEPLOYER_AGENT names another file"
        .to_owned()
}
