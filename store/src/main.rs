//! Starts the object store: reads its credentials from secret files and becomes Garage.
//!
//! Garage takes its first access key from the environment only, and secrets arrive as files.
//! This program must never write a secret anywhere but into the environment of the process it turns into.

mod credentials;
mod probe;

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

const GARAGE: &str = "/garage";
const CONFIG: &str = "/garage.toml";

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        None => launch(),
        Some("healthcheck") => probe::healthy(probe::ADMIN),
        Some(other) => Err(format!("unknown argument `{other}`: expected none, or `healthcheck`")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "store-launcher: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Replaces this process by Garage, so that signals of the engine reach it directly; returns only on failure.
fn launch() -> Result<(), String> {
    let credentials = credentials::from_environment(|name| std::env::var(name).ok())?;
    let failure = Command::new(GARAGE)
        .args(["-c", CONFIG, "server", "--single-node", "--default-bucket"])
        .env_remove(credentials::ACCESS_KEY_FILE)
        .env_remove(credentials::SECRET_KEY_FILE)
        .env(credentials::ACCESS_KEY, credentials.access_key)
        .env(credentials::SECRET_KEY, credentials.secret_key)
        .env("GARAGE_RPC_SECRET", credentials::random_rpc_secret()?)
        .exec();
    Err(format!("cannot start {GARAGE}: {failure}"))
}
