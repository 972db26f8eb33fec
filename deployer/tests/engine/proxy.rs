//! A socket before the engine's that lets one call go wrong. Every connection carries one call, so that calls can be
//! counted without understanding them.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::docker;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It never reaches the engine, and is answered with 500.
    Refused,
    /// The engine carries it out, and the answer is 500 all the same.
    Forgotten,
    /// The engine carries it out, and the connection ends without an answer.
    Cut,
}

/// The socket.
pub struct Proxy {
    path: PathBuf,
    plan: Arc<Plan>,
}

struct Plan {
    count: AtomicUsize,
    mishap: Mutex<Option<(Mishap, usize)>>,
    hit: Mutex<Option<String>>,
}

impl Proxy {
    /// Listens in that folder, for as long as the test runs.
    pub fn start(folder: &Path) -> Self {
        let path = folder.join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let plan =
            Arc::new(Plan { count: AtomicUsize::new(0), mishap: Mutex::new(None), hit: Mutex::new(None) });
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let plan = Arc::clone(&shared);
                // A side that hangs up in the middle of a call is what this is for.
                std::thread::spawn(move || drop(serve(client, &plan)));
            }
        });
        Self { path, plan }
    }

    /// Where the deployer finds it.
    pub fn url(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// From now on calls are counted anew, and this one goes wrong.
    pub fn spoil(&self, mishap: Mishap, call: usize) {
        self.plan.count.store(0, Ordering::SeqCst);
        *self.plan.hit.lock().unwrap() = None;
        *self.plan.mishap.lock().unwrap() = Some((mishap, call));
    }

    /// The call that went wrong, if there were that many.
    pub fn spoiled(&self) -> Option<String> {
        self.plan.hit.lock().unwrap().clone()
    }
}

fn serve(mut client: UnixStream, plan: &Plan) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match client.read(&mut piece)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&piece[..count]),
        }
    };
    let first = String::from_utf8_lossy(&head[..end]).lines().next().unwrap_or_default().to_owned();
    let number = plan.count.fetch_add(1, Ordering::SeqCst);
    let mishap = plan.mishap.lock().unwrap().filter(|(_, call)| *call == number).map(|(mishap, _)| mishap);
    if mishap.is_some() {
        *plan.hit.lock().unwrap() = Some(first);
    }
    if mishap == Some(Mishap::Refused) {
        return client.write_all(REFUSAL);
    }
    let mut engine = UnixStream::connect(docker::socket())?;
    engine.write_all(&alone(&head, end))?;
    let (mut from_client, mut to_engine) = (client.try_clone()?, engine.try_clone()?);
    std::thread::spawn(move || {
        let _either_side_may_go = std::io::copy(&mut from_client, &mut to_engine);
        let _gone_already = to_engine.shutdown(Shutdown::Write);
    });
    match mishap {
        None => drop(std::io::copy(&mut engine, &mut client)?),
        Some(mishap) => {
            // An answer that has begun says that the call was carried out.
            let _answered = engine.read(&mut piece)?;
            if mishap == Mishap::Forgotten {
                client.write_all(REFUSAL)?;
            }
        }
    }
    client.shutdown(Shutdown::Both)
}

const REFUSAL: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
    Connection: close\r\nContent-Length: 28\r\n\r\n{\"message\":\"spoiled by test\"}";

/// The same request, on a connection that carries no other. One that becomes a stream ends with it anyway.
fn alone(head: &[u8], end: usize) -> Vec<u8> {
    let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
    let close: &[u8] = if text.contains("\r\nupgrade:") { b"" } else { b"\r\nConnection: close" };
    [&head[..end], close, &head[end..]].concat()
}
