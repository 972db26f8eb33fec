//! The files of a build's context, as the engine asks for them: what there is first, then the content of what it
//! does not have from an earlier build. Neither a file nor a list of files is ever whole in memory, and nothing
//! that `.dockerignore` excludes may leave the folder.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, channel, unbounded_channel};
use tonic::Status;

use super::ignore::{Matched, Patterns, clean};

const CHUNK: usize = 64 * 1024;
const WAITING: usize = 32;
// The engine speaks of files in Go's words, not in Unix's.
const GO_FOLDER: u32 = 1 << 31;
const GO_LINK: u32 = 1 << 27;
const GO_PIPE: u32 = 1 << 25;
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_STICKY: u32 = 1 << 20;

/// What the engine wants of a folder.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) includes: Patterns,
    pub(super) excludes: Patterns,
}

type Packets = Sender<Result<Packet, Status>>;
/// Files that were offered and not yet asked for.
type Offered = Arc<Mutex<HashMap<u32, PathBuf>>>;

impl Wanted {
    /// From the patterns that came with the request. `follow` are paths that the Dockerfile copies; when one of them
    /// is a link or a wildcard, all of the folder is offered, which is more than needed and never less.
    pub(super) fn new(
        root: &Path,
        includes: &[String],
        excludes: &[String],
        follow: &[String],
    ) -> Result<Self, String> {
        let mut included: Vec<String> = includes.to_vec();
        let followed: Vec<String> = follow.iter().map(|path| clean(path)).collect();
        match followed.iter().all(|path| is_plain(root, path)) {
            true => included.extend(followed),
            false => included.clear(),
        }
        Ok(Self {
            includes: Patterns::new(included.iter().map(String::as_str))?,
            excludes: Patterns::new(excludes.iter().map(String::as_str))?,
        })
    }
}

fn is_plain(root: &Path, path: &str) -> bool {
    !path.contains(['*', '?', '[', '\\'])
        && Path::new(path)
            .ancestors()
            .filter(|part| !part.as_os_str().is_empty())
            // What is not there leads nowhere else either.
            .all(|part| root.join(part).symlink_metadata().map_or(true, |metadata| !metadata.is_symlink()))
}

/// Answers the engine's requests for one folder until it has enough.
pub(super) fn send(
    root: PathBuf,
    wanted: Wanted,
    requests: impl Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
) -> Receiver<Result<Packet, Status>> {
    let (packets, receiver) = channel(WAITING);
    let offered = Offered::default();
    let walk = Walk {
        root,
        wanted,
        packets: packets.clone(),
        offered: offered.clone(),
        next: 0,
        parents: Vec::new(),
    };
    tokio::task::spawn_blocking(move || walk.run());
    tokio::spawn(answer(requests, packets, offered));
    receiver
}

/// Requests are taken as they come and files sent one after the other: thousands of small requests that wait unread
/// look like an attack to the HTTP/2 library, which would hang up. What waits is bounded by the files on offer.
async fn answer(
    mut requests: impl Stream<Item = Result<Packet, Status>> + Unpin,
    packets: Packets,
    offered: Offered,
) {
    let (queue, waiting) = unbounded_channel();
    tokio::spawn(send_files(waiting, packets.clone()));
    while let Some(Ok(request)) = requests.next().await {
        match request.r#type() {
            PacketType::PacketReq => {
                let id = request.id;
                let found = offered.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                let Some(path) = found else {
                    let _ = packets.send(Err(Status::invalid_argument("a file that was not offered"))).await;
                    return;
                };
                if queue.send((id, path)).is_err() {
                    return;
                }
            }
            PacketType::PacketFin => {
                let _ = packets.send(Ok(packet(PacketType::PacketFin))).await;
                return;
            }
            PacketType::PacketErr => return,
            PacketType::PacketStat | PacketType::PacketData => {}
        }
    }
}

/// One after the other: the engine writes them to one disk anyway.
async fn send_files(mut waiting: UnboundedReceiver<(u32, PathBuf)>, packets: Packets) {
    while let Some((id, path)) = waiting.recv().await {
        let packets = packets.clone();
        let sent = tokio::task::spawn_blocking(move || send_file(&path, id, &packets)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// Nobody takes the packets any more.
struct Gone;

fn send_file(path: &Path, id: u32, packets: &Packets) -> Result<(), Gone> {
    let data = |data: Vec<u8>| Packet { id, data, ..packet(PacketType::PacketData) };
    let read = || -> io::Result<Result<(), Gone>> {
        let mut file = File::open(path)?;
        loop {
            let mut chunk = vec![0; CHUNK];
            let length = file.read(&mut chunk)?;
            if length == 0 {
                return Ok(Ok(()));
            }
            chunk.truncate(length);
            if packets.blocking_send(Ok(data(chunk))).is_err() {
                return Ok(Err(Gone));
            }
        }
    };
    match read() {
        Ok(sent) => sent?,
        Err(error) => {
            let _ = packets.blocking_send(Err(unreadable(path, &error)));
            return Err(Gone);
        }
    }
    packets.blocking_send(Ok(data(Vec::new()))).map_err(|_| Gone)
}

/// Offers all that is wanted: folders before what is in them, names in order.
struct Walk {
    root: PathBuf,
    wanted: Wanted,
    packets: Packets,
    offered: Offered,
    next: u32,
    /// The folders that lead to where the walk is, as long as nothing in them had to be offered.
    parents: Vec<Stat>,
}

impl Walk {
    fn run(mut self) {
        match self.folder("", &Matched::default(), &Matched::default()) {
            Ok(()) => drop(self.packets.blocking_send(Ok(packet(PacketType::PacketStat)))),
            Err(Stop::Gone) => {}
            Err(Stop::Failed(status)) => drop(self.packets.blocking_send(Err(status))),
        }
    }

    fn folder(&mut self, folder: &str, includes: &Matched, excludes: &Matched) -> Result<(), Stop> {
        let path = self.root.join(folder);
        let read = || -> io::Result<Vec<_>> {
            std::fs::read_dir(&path)?.map(|entry| Ok(entry?.file_name())).collect()
        };
        let mut names = read().map_err(|error| Stop::Failed(unreadable(&path, &error)))?;
        names.sort();
        for name in names {
            let Some(name) = name.to_str() else {
                let text = format!("{}: its name is not UTF-8", path.join(name).display());
                return Err(Stop::Failed(Status::invalid_argument(text)));
            };
            let inner = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            self.entry(inner, includes, excludes)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: String, includes: &Matched, excludes: &Matched) -> Result<(), Stop> {
        let (included, includes) = match self.wanted.includes.is_empty() {
            true => (true, Matched::default()),
            false => self.wanted.includes.matches(&path, includes),
        };
        let (excluded, excludes) = self.wanted.excludes.matches(&path, excludes);
        let on_disk = self.root.join(&path);
        let metadata = match on_disk.symlink_metadata() {
            Ok(metadata) => metadata,
            // It went away, or nobody wanted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound || !included || excluded => return Ok(()),
            Err(error) => return Err(Stop::Failed(unreadable(&on_disk, &error))),
        };
        let Some(stat) = stat(&path, &on_disk, &metadata) else { return Ok(()) };
        let is_folder = metadata.is_dir();
        let useless = (!included && !self.wanted.includes.reach_into(&path))
            || (excluded && !self.wanted.excludes.take_back_in(&path));
        if is_folder && useless {
            return Ok(());
        }
        self.parents.push(stat);
        let depth = self.parents.len();
        if included && !excluded {
            self.offer(&on_disk, metadata.is_file())?;
        }
        if is_folder {
            self.folder(&path, &includes, &excludes)?;
        }
        // When something was offered, the folders that lead to it are gone from the list with it.
        if self.parents.len() == depth {
            self.parents.pop();
        }
        Ok(())
    }

    /// Offers what the walk is at, and before it the folders that lead there.
    fn offer(&mut self, on_disk: &Path, is_file: bool) -> Result<(), Stop> {
        let count = self.parents.len();
        for (index, stat) in std::mem::take(&mut self.parents).into_iter().enumerate() {
            if is_file && index + 1 == count {
                let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
                offered.insert(self.next, on_disk.to_owned());
            }
            self.next += 1;
            let packet = Packet { stat: Some(stat), ..packet(PacketType::PacketStat) };
            self.packets.blocking_send(Ok(packet)).map_err(|_| Stop::Gone)?;
        }
        Ok(())
    }
}

/// Why a walk ends early.
enum Stop {
    Gone,
    Failed(Status),
}

fn packet(kind: PacketType) -> Packet {
    Packet { r#type: kind.into(), ..Packet::default() }
}

/// What the engine is told about a file. Everything belongs to root, whoever built it; none for what an image
/// cannot have.
fn stat(path: &str, on_disk: &Path, metadata: &Metadata) -> Option<Stat> {
    let kind = metadata.file_type();
    let mut stat = Stat {
        path: path.to_owned(),
        mode: go_mode(metadata.mode()),
        mod_time: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        ..Stat::default()
    };
    if kind.is_file() {
        stat.size = metadata.len().try_into().ok()?;
    } else if kind.is_dir() {
        stat.mode |= GO_FOLDER;
    } else if kind.is_symlink() {
        stat.mode |= GO_LINK;
        stat.linkname = std::fs::read_link(on_disk).ok()?.to_str()?.to_owned();
    } else if kind.is_fifo() {
        stat.mode |= GO_PIPE;
    } else {
        return None;
    }
    Some(stat)
}

fn go_mode(unix: u32) -> u32 {
    let bits = [(0o4000, GO_SETUID), (0o2000, GO_SETGID), (0o1000, GO_STICKY)];
    bits.iter().filter(|(bit, _)| unix & bit != 0).fold(unix & 0o777, |mode, (_, go)| mode | go)
}

fn unreadable(path: &Path, error: &io::Error) -> Status {
    Status::failed_precondition(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
