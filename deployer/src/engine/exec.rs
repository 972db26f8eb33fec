//! Commands in running containers, for a person or a script at this end. Nothing here touches a terminal.

use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncWrite;

use super::error::Context;
use super::{Engine, Error, Kind};
use crate::stack::ContainerName;

const ACTION: &str = "run the command in container";

/// Width and height in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A piece of what a command prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// On its standard output, or its terminal.
    Normal(Bytes),
    /// On its standard error.
    Errors(Bytes),
}

/// A command that runs.
pub struct Running {
    /// The engine's id of it.
    pub id: String,
    /// What it prints; ends when it does.
    pub output: BoxStream<'static, Result<Said, Error>>,
    /// What it reads; shut down, it reads the end.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Engine {
    /// Starts a command in a running container, with a terminal when asked for.
    ///
    /// # Errors
    /// When the container does not run, or has no such program or user.
    pub async fn exec(
        &self,
        container: &ContainerName,
        command: &[String],
        user: Option<&str>,
        terminal: bool,
    ) -> Result<Running, Error> {
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(terminal),
            cmd: Some(command.to_vec()),
            user: user.map(ToOwned::to_owned),
            ..Default::default()
        };
        let exec = self.docker().create_exec(container.as_str(), options).await.context(ACTION, container)?;
        let start = StartExecOptions { tty: terminal, ..Default::default() };
        let started = self.patient().start_exec(&exec.id, Some(start)).await.context(ACTION, container)?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(Error::because(Kind::Refused, ACTION, container, "the engine detached it"));
        };
        let name = container.clone();
        let output = output.map_ok(said).map(move |piece| piece.context(ACTION, &name)).boxed();
        Ok(Running { id: exec.id, output, input })
    }

    /// Tells a command's terminal how large it is.
    ///
    /// # Errors
    /// When the command has ended.
    pub async fn resize(&self, command: &str, size: Size) -> Result<(), Error> {
        let options = ResizeExecOptions { height: size.height, width: size.width };
        self.docker().resize_exec(command, options).await.context("resize the terminal of", command)
    }

    /// How a command ended.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn exit_code(&self, command: &str) -> Result<i64, Error> {
        let found = self.docker().inspect_exec(command).await.context("ask how it ended:", command)?;
        found.exit_code.ok_or_else(|| {
            Error::because(
                Kind::Conflict,
                "ask how it ended:",
                command,
                "the connection to it ended before it did",
            )
        })
    }
}

fn said(piece: LogOutput) -> Said {
    match piece {
        LogOutput::StdErr { message } => Said::Errors(message),
        LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
            Said::Normal(message)
        }
    }
}
