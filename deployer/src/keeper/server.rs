//! The keeper's own end: files of root, 0600, each write on disk before it is answered.
//!
//! It never talks to the engine and knows nothing of what the lines mean beyond begin, commit and close.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{Reply, Request, SILENCE, Stored};
use crate::record::{Entry, History, Journal, RecordError};
use crate::stack::{Key, Release};

/// The state volume.
pub struct Files {
    folder: PathBuf,
    stack: String,
}

/// Serves one command until it closes its end or falls silent.
///
/// # Errors
/// When standard input or output break, which ends the keeper too.
pub async fn serve(stack: &str, folder: &Path) -> io::Result<()> {
    let files = Files::new(stack, folder);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut out = tokio::io::stdout();
    while let Ok(Ok(Some(line))) = tokio::time::timeout(SILENCE, lines.next_line()).await {
        let reply = match serde_json::from_str(&line) {
            Ok(request) => files.answer(request).unwrap_or_else(|error| Reply::Failed(error.to_string())),
            Err(error) => Reply::Failed(format!("this line is not understood: {error}")),
        };
        let mut text = serde_json::to_string(&reply)?;
        text.push('\n');
        out.write_all(text.as_bytes()).await?;
        out.flush().await?;
    }
    Ok(())
}

impl Files {
    /// The files of a stack in this folder.
    #[must_use]
    pub fn new(stack: &str, folder: &Path) -> Self {
        Self { folder: folder.into(), stack: stack.into() }
    }

    fn answer(&self, request: Request) -> io::Result<Reply> {
        match request {
            Request::Open => return Ok(Reply::State(self.open()?)),
            Request::Ping => {}
            Request::Stage(release) => self.replace("staged", &serde_json::to_vec(&*release)?)?,
            Request::Journal(entry @ Entry::Begin { .. }) => self.replace("journal", &line(&entry)?)?,
            Request::Journal(entry) => {
                self.append(&line(&entry)?)?;
                if entry == Entry::Committed {
                    self.settle()?;
                }
            }
            Request::Close => self.replace("journal", b"")?,
        }
        Ok(Reply::Done)
    }

    /// What is stored, after a commit that was cut short is completed.
    fn open(&self) -> io::Result<Stored> {
        if self.read("key")?.is_empty() {
            self.replace("key", Key::random().to_hex().as_bytes())?;
        }
        self.settle()?;
        Ok(Stored { journal: self.read("journal")?, history: self.read("history")?, key: self.read("key")? })
    }

    /// Moves the staged release into the history once the journal says that it is committed. Safe to repeat.
    fn settle(&self) -> io::Result<()> {
        // A damaged journal is the reader's to complain about: nothing in it was committed as far as anybody knows.
        let Ok(Some(journal)) = Journal::parse(&self.stack, &self.read("journal")?) else { return Ok(()) };
        let completed = completed(&self.stack, &journal, &self.read("history")?, &self.read("staged")?);
        match completed.map_err(io::Error::other)? {
            Some(history) => self.replace("history", history.as_bytes()),
            None => Ok(()),
        }
    }

    fn read(&self, name: &str) -> io::Result<String> {
        match fs::read_to_string(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            other => other,
        }
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file =
            OpenOptions::new().append(true).create(true).mode(0o600).open(self.folder.join("journal"))?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    /// Whole or not at all: written beside it, synced, renamed, and the folder synced.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = self.folder.join(format!(".{name}"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()
    }
}

/// The history with the staged release, when that is the one that the journal's command committed and is not in it yet.
/// What a command staged that was taken back stays behind, and belongs to nothing.
fn completed(
    stack: &str,
    journal: &Journal,
    history: &str,
    staged: &str,
) -> Result<Option<String>, RecordError> {
    let Some(number) = journal.plan.release.filter(|_| journal.committed && !staged.is_empty()) else {
        return Ok(None);
    };
    let damaged = |error: serde_json::Error| RecordError::Damaged {
        what: "staged release",
        stack: stack.into(),
        reason: error.to_string(),
    };
    let release: Release = serde_json::from_str(staged).map_err(damaged)?;
    let before = History::parse(stack, history)?;
    if release.number != number || before.get(number).is_some() {
        return Ok(None);
    }
    serde_json::to_string(&before.with(release)).map(Some).map_err(damaged)
}

/// The files as a reader finds them, with a commit that was cut short completed in the reader's copy only.
///
/// # Errors
/// When they are damaged, or a newer deployer wrote them.
pub fn settled(stack: &str, mut files: BTreeMap<String, String>) -> Result<Stored, RecordError> {
    let mut take = |name: &str| files.remove(name).unwrap_or_default();
    let (journal, history, key, staged) = (take("journal"), take("history"), take("key"), take("staged"));
    let completed = match Journal::parse(stack, &journal)? {
        Some(journal) => completed(stack, &journal, &history, &staged)?,
        None => None,
    };
    let history = completed.unwrap_or(history);
    Ok(Stored { journal, history, key })
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(entry)?;
    bytes.push(b'\n');
    Ok(bytes)
}
