//! `front`: runs in its container. It never learns that Docker exists.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use crate::cli::FrontPart;
use crate::error::Code;

/// Between two attempts to connect.
const PACE: Duration = Duration::from_millis(100);

/// Runs a part of the front; answers its exit code.
///
/// # Errors
/// When it cannot listen, or an address does not answer.
pub async fn run(part: FrontPart) -> anyhow::Result<u8> {
    match part {
        FrontPart::Serve { options } => return serve(&options).await,
        FrontPart::Work { options } => front::work(begin(&options)?).await?,
        FrontPart::Place { to } => {
            front::place(&to).with_context(|| format!("no copy can be made at {}", to.display()))?;
        }
        FrontPart::Admin { socket } => front::admin_bridge(Path::new(&socket)).await?,
        FrontPart::Probe { timeout, addresses } => probe(&addresses, timeout).await?,
    }
    Ok(Code::Done as u8)
}

fn begin(options: &str) -> anyhow::Result<front::Options> {
    tracing_subscriber::fmt().json().with_max_level(tracing_subscriber::filter::LevelFilter::INFO).init();
    serde_json::from_str(options).context("these are no options of a front")
}

async fn serve(options: &str) -> anyhow::Result<u8> {
    let options = begin(options)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        terminate.recv().await;
    };
    // Not by its name: a file that was put there since is another program.
    let program = "/proc/self/exe".into();
    let launch = front::Launch { program, arguments: ["front", "work"].map(str::to_owned).into() };
    Ok(front::Supervisor::bind(options, launch)?.run(stop).await)
}

async fn probe(addresses: &[String], limit: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    for address in addresses {
        loop {
            let refused = match timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
                Ok(Ok(_)) => break,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer within 1 s".into(),
            };
            if Instant::now() > deadline {
                bail!("{address}: {refused}");
            }
            sleep(PACE).await;
        }
    }
    Ok(())
}
