//! A front for load tests by hand: `front LISTEN TARGET_PORT http|tcp|auto NAME...`
//! It must never be what a container runs: the deployer's own binary is.

use std::path::PathBuf;

use anyhow::{Context, bail};
use front::admin::{AdminClient, Command, Route};
use front::{Front, Limits, Listener, Mode, Options};
use tokio::net::{TcpListener, UnixStream};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, port, mode, targets @ ..] = arguments.as_slice() else {
        bail!("LISTEN TARGET_PORT http|tcp|auto NAME...")
    };
    let mode: Mode = serde_json::from_value(mode.as_str().into())?;
    let port = port.parse()?;
    let threads = std::env::var("THREADS").map_or(Ok(1), |t| t.parse())?;
    let runtime = if threads == 1 {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?
    };
    runtime.block_on(serve(listen, port, mode, targets.to_vec()))
}

async fn serve(listen: &str, port: u16, mode: Mode, targets: Vec<String>) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("front-{}", std::process::id()));
    let admin: PathBuf = folder.join("admin.sock");
    let options = Options {
        service: "example".to_owned(),
        listeners: vec![Listener { port, mode, loopback: false }],
        hold_ms: 5000,
        trusted_proxies: vec![],
        metrics: None,
        proxy_protocol: vec![],
        state: folder.join("state"),
        admin: admin.clone(),
        program: String::new(),
        made: String::new(),
        limits: Limits::default(),
    };
    let front = Front::with_listeners(options, vec![TcpListener::bind(listen).await?]).await?;
    let route = Route { release: 1, color: "blue".to_owned(), targets };
    let switching = async {
        let (reader, writer) = UnixStream::connect(&admin).await?.into_split();
        AdminClient::new(reader, writer).call(Command::Switch { route }).await.context("no switch")?;
        anyhow::Ok(())
    };
    let stopped = async { _ = tokio::signal::ctrl_c().await };
    let ((), switched) = tokio::join!(front.serve(stopped), switching);
    std::fs::remove_dir_all(folder)?;
    switched
}
