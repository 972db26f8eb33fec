//! As many requests as a server answers: clients that ask again as soon as they have an answer. What one request costs
//! a proxy is the time on a processor that the kernel counted for it, by the requests that were answered meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use tokio::task::{JoinSet, LocalSet};

use crate::http1::{Connection, Keep, request};
use crate::process::cpu_seconds;

/// Kept connections.
const CLIENTS: usize = 32;
const WARM_UP: Duration = Duration::from_millis(300);

/// What was measured.
pub struct Measured {
    /// Requests in a second.
    pub rate: f64,
    /// Microseconds of a processor for a request.
    pub cpu: Option<f64>,
}

/// Asks for a while.
pub fn measure(
    address: SocketAddr,
    path: &str,
    bytes: usize,
    pid: Option<u32>,
    length: Duration,
) -> Result<Measured> {
    let (answered, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients = Clients { address, request: request(path, Keep::Alive), bytes, answered, ended };
    let (answered, ended) = (clients.answered.clone(), clients.ended.clone());
    let thread = std::thread::spawn(move || clients.run());
    let spent = || pid.map(cpu_seconds).transpose();
    std::thread::sleep(WARM_UP);
    let (before, began, cpu) = (answered.load(Ordering::Relaxed), Instant::now(), spent()?);
    std::thread::sleep(length);
    let (after, took, spent) = (answered.load(Ordering::Relaxed), began.elapsed(), spent()?);
    ended.store(true, Ordering::Relaxed);
    thread.join().map_err(|_| anyhow!("the clients ended early"))??;
    let count = (after - before) as f64;
    let cpu = spent.zip(cpu).map(|(after, before)| (after - before) * 1e6 / count);
    Ok(Measured { rate: count / took.as_secs_f64(), cpu })
}

struct Clients {
    address: SocketAddr,
    request: Vec<u8>,
    bytes: usize,
    answered: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Clients {
    fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let this = Arc::new(self);
        LocalSet::new().block_on(&runtime, async {
            let mut clients = JoinSet::new();
            for _ in 0..CLIENTS {
                clients.spawn_local(this.clone().ask());
            }
            while let Some(client) = clients.join_next().await {
                client??;
            }
            Ok(())
        })
    }

    async fn ask(self: Arc<Self>) -> Result<()> {
        let mut connection = Connection::open(self.address).await?;
        while !self.ended.load(Ordering::Relaxed) {
            let head = connection.ask(&self.request).await?;
            let good = head.status == 200 && head.body == self.bytes;
            ensure!(good, "{} answered {head:?}", self.address);
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
