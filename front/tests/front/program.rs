//! A program that works as a front under a supervisor, for tests: `PROGRAM work OPTIONS`.
//! It must never be what a container runs: the deployer's own binary is.

use std::process::ExitCode;

fn main() -> ExitCode {
    let options = std::env::args().nth(2).and_then(|text| serde_json::from_str(&text).ok());
    let Some(options) = options else { return ExitCode::from(2) };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return ExitCode::FAILURE;
    };
    match runtime.block_on(front::work(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(7),
    }
}
