//! `config`: the file as it is understood. Needs no engine.

use super::Session;
use crate::cli::{self, Format};
use crate::error::Code;

/// Runs the verb.
///
/// # Errors
/// Diagnostics of the files.
pub fn run(session: &Session, args: &cli::Config) -> anyhow::Result<Code> {
    let loaded = session.load()?;
    match args.format {
        Format::Yaml => session.ui.print(&loaded.config_yaml()),
        Format::Json => session.ui.data(loaded.document()),
    }
    Ok(Code::Done)
}
