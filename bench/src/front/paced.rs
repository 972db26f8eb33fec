//! How long answers take at a rate that every server can bear. Each request is counted from the moment when it was due,
//! so that a server which pauses does not hide the requests that had to wait.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::http1::{Keep, head, request};

/// Clients in threads of their own, because the kernel wakes a thread more exactly than a runtime wakes a task.
const CLIENTS: u32 = 16;
const PATIENCE: Duration = Duration::from_secs(15);

/// Microseconds.
pub struct Measured {
    /// Half of the answers took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
}

/// Asks `rate` times a second for a while.
pub fn measure(
    address: SocketAddr,
    path: &str,
    bytes: usize,
    rate: f64,
    length: Duration,
) -> Result<Measured> {
    let begin = Instant::now() + Duration::from_millis(50);
    let pace = Duration::from_secs_f64(f64::from(CLIENTS) / rate);
    let clients = (0..CLIENTS).map(|number| {
        let schedule = Schedule { first: begin + pace / CLIENTS * number, pace, last: begin + length };
        let request = request(path, Keep::Alive);
        std::thread::spawn(move || client(address, &request, bytes, schedule))
    });
    let clients: Vec<_> = clients.collect();
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.join().map_err(|_| anyhow!("a client ended early"))??);
    }
    took.sort_unstable();
    let at = |share: f64| {
        let place = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
        took.get(place).map(|took: &Duration| took.as_secs_f64() * 1e6).context("no answer came")
    };
    Ok(Measured { p50: at(0.5)?, p99: at(0.99)? })
}

#[derive(Clone, Copy)]
struct Schedule {
    first: Instant,
    pace: Duration,
    last: Instant,
}

fn client(address: SocketAddr, request: &[u8], bytes: usize, schedule: Schedule) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut buffer, mut took, mut due) = (vec![0; bytes + 16 * 1024], Vec::new(), schedule.first);
    while due < schedule.last {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(request)?;
        receive(&mut stream, &mut buffer, bytes)?;
        took.push(due.elapsed());
        due += schedule.pace;
    }
    Ok(took)
}

fn receive(stream: &mut TcpStream, buffer: &mut [u8], bytes: usize) -> Result<()> {
    let (mut filled, mut found) = (0, None);
    while found.is_none_or(|wanted| filled < wanted) {
        let count = stream.read(&mut buffer[filled..])?;
        ensure!(count > 0, "the connection was closed");
        filled += count;
        if found.is_none()
            && let Some(head) = head(&buffer[..filled])?
        {
            ensure!(head.status == 200 && head.body == bytes, "answered {head:?}");
            found = Some(head.head + head.body);
        }
    }
    Ok(())
}
