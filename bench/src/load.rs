//! Clients that ask a published port all along and note which version answered when. They ask loopback only, each
//! at most a thousand times a second.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// As many clients of each kind: on a connection that they keep, and on a new one for every request.
const CLIENTS: usize = 2;
const PAUSE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(15);

/// One request.
pub struct Asked {
    /// When it was begun.
    pub sent: Instant,
    /// When its answer was there.
    pub answered: Instant,
    /// The version that answered; nothing when no good answer came.
    pub version: Option<String>,
}

/// Clients at work.
pub struct Load {
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Asked>>>,
}

impl Load {
    /// Begins to ask.
    pub fn start(port: u16) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let clients = (0..2 * CLIENTS).map(|number| {
            let (ended, keep) = (ended.clone(), number < CLIENTS);
            thread::spawn(move || client(port, keep, &ended))
        });
        let clients = clients.collect();
        Self { ended, clients }
    }

    /// Ends, and tells what was seen.
    pub fn stop(mut self) -> Vec<Asked> {
        self.end();
        let clients = std::mem::take(&mut self.clients);
        clients.into_iter().filter_map(|client| client.join().ok()).flatten().collect()
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

/// When the first request was answered from which on every request was answered by this version.
pub fn settled(asked: &[Asked], version: &str) -> Option<Instant> {
    let is_new = |it: &&Asked| it.version.as_deref() == Some(version);
    let last_old = asked.iter().filter(|it| it.version.is_some() && !is_new(it)).map(|it| it.sent).max()?;
    asked.iter().filter(is_new).filter(|it| it.sent > last_old).map(|it| it.answered).min()
}

fn client(port: u16, keep: bool, ended: &AtomicBool) -> Vec<Asked> {
    let mut asked = Vec::new();
    let mut kept = None;
    while !ended.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let reused = kept.is_some();
        let mut version = ask(port, keep, &mut kept);
        // A server may close a kept connection between two requests: every client asks again then.
        if version.is_err() && reused {
            version = ask(port, keep, &mut kept);
        }
        asked.push(Asked { sent, answered: Instant::now(), version: version.ok() });
        thread::sleep(PAUSE);
    }
    asked
}

/// Asks once, on the kept connection if there is one; keeps it if it can be.
fn ask(port: u16, keep: bool, kept: &mut Option<BufReader<TcpStream>>) -> io::Result<String> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => connect(port)?,
    };
    let connection = if keep { "keep-alive" } else { "close" };
    let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: {connection}\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    let (status, length, close) = head(&mut stream)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if keep && !close {
        *kept = Some(stream);
    }
    if status == "200" {
        Ok(String::from_utf8_lossy(&body).into_owned())
    } else {
        Err(io::Error::other(status))
    }
}

fn connect(port: u16) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// Status, length of the body, and whether the connection ends with it.
fn head(stream: &mut impl io::BufRead) -> io::Result<(String, usize, bool)> {
    let mut lines = stream.lines();
    let mut line = || lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
    let status = line()?.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut close) = (None, false);
    loop {
        let field = line()?.to_ascii_lowercase();
        match field.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok(),
            Some(("connection", value)) => close = value.trim() == "close",
            Some(_) => {}
            None if field.is_empty() => break,
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok((status, length.ok_or(io::ErrorKind::InvalidData)?, close))
}
