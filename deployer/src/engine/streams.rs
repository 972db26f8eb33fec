//! Byte streams to programs inside of containers: attach and exec.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::AttachContainerOptionsBuilder;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio_util::io::StreamReader;

use super::error::Context;
use super::{Engine, Error, Kind};
use crate::stack::ContainerName;

/// What a program prints and what it reads.
pub struct Pipe {
    /// Its standard output.
    pub output: Pin<Box<dyn AsyncBufRead + Send>>,
    /// Its standard input; dropped, it ends.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// How a command inside of a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; none when it took too long.
    pub code: Option<i64>,
    /// The end of what it printed.
    pub output: String,
}

type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// This much of what a probe prints is kept.
const KEPT_OUTPUT: usize = 4096;

impl Engine {
    /// Standard input and output of a container, to be opened before it starts.
    pub(in crate::engine) async fn attach(&self, name: &ContainerName) -> Result<Pipe, Error> {
        let options = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).build();
        let attached = self
            .patient()
            .attach_container(name.as_str(), Some(options))
            .await
            .context("attach to container", name)?;
        Ok(Pipe { output: stdout_of(attached.output), input: attached.input })
    }

    /// Starts a program inside of a running container and connects to it.
    ///
    /// # Errors
    /// When the container does not run or has no such program.
    pub async fn open_exec(&self, name: &ContainerName, command: &[&str]) -> Result<Pipe, Error> {
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(false),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let exec =
            self.docker().create_exec(name.as_str(), options).await.context("exec in container", name)?;
        let started = self.patient().start_exec(&exec.id, None::<StartExecOptions>).await;
        match started.context("exec in container", name)? {
            StartExecResults::Attached { output, input } => Ok(Pipe { output: stdout_of(output), input }),
            StartExecResults::Detached => {
                Err(Error::because(Kind::Refused, "exec in container", name, "the engine detached it"))
            }
        }
    }

    /// Runs a command inside of a running container to its end, or until the time is over.
    ///
    /// # Errors
    /// When the container does not run. A program that is not in its image is a result: code 126 or 127.
    pub async fn run_in(
        &self,
        name: &ContainerName,
        command: &[String],
        limit: Duration,
    ) -> Result<Ran, Error> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let exec =
            self.docker().create_exec(name.as_str(), options).await.context("exec in container", name)?;
        let started = match self.patient().start_exec(&exec.id, None::<StartExecOptions>).await {
            // What the runtime says when it cannot start a program depends on the engine's version.
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 400 | 500, message }) => {
                return Ok(Ran { code: Some(126), output: message });
            }
            other => other.context("exec in container", name)?,
        };
        let StartExecResults::Attached { output, .. } = started else {
            return Ok(Ran { code: None, output: String::new() });
        };
        let mut kept = Vec::new();
        let finished = tokio::time::timeout(limit, collect(output, &mut kept)).await.is_ok();
        let output = String::from_utf8_lossy(&kept).trim().to_owned();
        if !finished {
            return Ok(Ran { code: None, output });
        }
        let ended = self.docker().inspect_exec(&exec.id).await.context("inspect exec in container", name)?;
        Ok(Ran { code: ended.exit_code, output })
    }
}

async fn collect(mut output: Output, kept: &mut Vec<u8>) {
    while let Some(Ok(chunk)) = output.next().await {
        kept.extend_from_slice(chunk.as_ref());
        let surplus = kept.len().saturating_sub(KEPT_OUTPUT);
        kept.drain(..surplus);
    }
}

fn stdout_of(output: Output) -> Pin<Box<dyn AsyncBufRead + Send>> {
    let bytes = output.map_err(io::Error::other).try_filter_map(|chunk| async move {
        Ok::<Option<Bytes>, io::Error>(match chunk {
            LogOutput::StdOut { message } | LogOutput::Console { message } => Some(message),
            LogOutput::StdErr { .. } | LogOutput::StdIn { .. } => None,
        })
    });
    Box::pin(StreamReader::new(Box::pin(bytes)))
}
