//! Reads the environment, binds the port and waits for the signal to stop. No logic of the service belongs here.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::Context as _;
use data_app::config::{self, Config};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        None => serve(),
        Some("healthcheck") => healthcheck(),
        Some(other) => Err(anyhow::anyhow!("unknown argument `{other}`: expected none, or `healthcheck`")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "data-app: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> anyhow::Result<()> {
    let config = Config::from_environment()?;
    log_as_json()?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        // These threads only resolve names. While a resolver hangs, requests queue here instead of making threads.
        .max_blocking_threads(8)
        .enable_all()
        .build()?
        .block_on(listen(config))
}

async fn listen(config: Config) -> anyhow::Result<()> {
    let port = config.port;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tracing::info!(port, version = config.version, endpoint = config.storage.endpoint, "listening");
    let shutdown = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    data_app::run(listener, config, shutdown).await.context("the server failed")
}

fn healthcheck() -> anyhow::Result<()> {
    let port = std::env::var("PORT").ok().filter(|port| !port.is_empty());
    data_app::healthcheck::probe(config::listen_port(port.as_deref().unwrap_or("5000"))?)
}

/// One JSON object a line on standard output. `LOG_LEVEL` is for this program; libraries only warn.
fn log_as_json() -> anyhow::Result<()> {
    let level = std::env::var("LOG_LEVEL").ok().filter(|level| !level.is_empty());
    let level: LevelFilter =
        level.as_deref().unwrap_or("info").parse().context("LOG_LEVEL is not a level")?;
    let filter = Targets::new().with_target("data_app", level).with_default(LevelFilter::WARN.min(level));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(lines.with_span_list(false)).with(filter).try_init()?;
    Ok(())
}
