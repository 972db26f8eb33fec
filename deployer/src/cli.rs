//! The command line as types. No logic.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::stack::parse_duration;

/// Deploys a plain Compose file to a Docker Engine with zero downtime.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, propagate_version = true, infer_subcommands = false)]
pub struct Cli {
    /// Options that every verb has.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options that every verb has, before or after it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every verb")]
pub struct Global {
    /// Compose file; several are merged in order [default: COMPOSE_FILE, else compose.yaml]
    #[arg(short, long = "file", global = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Name of the stack [default: COMPOSE_PROJECT_NAME, the file's `name`, the folder's name]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub project_name: Option<String>,
    /// The folder that relative paths start from [default: the first file's]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub project_directory: Option<PathBuf>,
    /// File with variables [default: .env]
    #[arg(long = "env-file", global = true, value_name = "FILE")]
    pub env_files: Vec<PathBuf>,
    /// Services of this profile too; `*` for all
    #[arg(long = "profile", global = true, value_name = "NAME")]
    pub profiles: Vec<String>,
    /// The engine: unix://, tcp:// or ssh:// [default: DOCKER_HOST, the docker context, the local socket]
    #[arg(long, short = 'H', global = true, value_name = "URL")]
    pub host: Option<String>,
    /// A deployer binary for an engine of another architecture
    #[arg(long, global = true, value_name = "FILE", env = "DEPLOYER_AGENT", hide_env_values = true)]
    pub agent_binary: Option<PathBuf>,
    /// How results and progress look
    #[arg(long, global = true, value_enum, default_value_t = Output::Auto, value_name = "FORM")]
    pub output: Output,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say every step
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// How results and progress look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// `human` on a terminal, `plain` elsewhere
    Auto,
    /// Progress bars, tables and colour
    Human,
    /// One line for each thing that happens
    Plain,
    /// One document on standard output, events as lines on standard error
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Bring the stack to what the file says, without downtime
    Deploy(Deploy),
    /// Bring an earlier release back
    Rollback(Rollback),
    /// Show what a deploy would do
    Plan(Plan),
    /// Show what runs
    Status,
    /// List the releases, newest first
    History,
    /// Check that every service runs, is healthy and answers
    Health(Health),
    /// Build the images and nothing else
    Build(Build),
    /// Print the file as it is understood
    Config(Config),
    /// Print what the services print
    Logs(Logs),
    /// Print what the fronts have counted, for Prometheus
    Metrics(Metrics),
    /// Run a command in a running container of a service
    Exec(Exec),
    /// Write `.env` with fresh credentials
    Init(Init),
    /// Check what a deploy needs, with a remedy for what is missing
    Doctor,
    /// Stop the stack and remove its containers and networks
    Down(Down),
    /// Print completions for a shell
    Completions(Completions),
    /// The proxy before a service; runs in its container
    #[command(hide = true)]
    Front {
        /// Which half.
        #[command(subcommand)]
        part: FrontPart,
    },
    /// The lock and record keeper; runs in its container
    #[command(hide = true)]
    Keeper {
        /// The stack.
        stack: String,
    },
}

impl Verb {
    /// What it began is taken back when it is interrupted.
    #[must_use]
    pub fn takes_back(&self) -> bool {
        matches!(self, Self::Deploy(_) | Self::Rollback(_) | Self::Down(_) | Self::Build(_))
    }

    /// It forwards requests on every processor.
    #[must_use]
    pub fn forwards(&self) -> bool {
        matches!(self, Self::Front { part: FrontPart::Work { .. } })
    }

    /// It may have to speak TLS to an engine or to a service.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        !matches!(self, Self::Front { .. } | Self::Keeper { .. })
    }
}

/// `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// Only these services
    pub services: Vec<String>,
}

/// The parts of a front. Containers that run and programs of other versions know them by these words.
#[derive(Debug, Subcommand)]
pub enum FrontPart {
    /// Holds the sockets and has a worker serve
    Serve {
        /// `front::Options` as JSON.
        options: String,
    },
    /// Serves on the sockets of the supervisor at standard input
    Work {
        /// `front::Options` as JSON.
        options: String,
    },
    /// Copies this program to a front's volume
    Place {
        /// The file.
        #[arg(long)]
        to: PathBuf,
    },
    /// Connects standard input and output to the admin socket
    Admin {
        /// The socket.
        socket: PathBuf,
    },
    /// Connects to addresses until all accept
    Probe {
        /// Gives up after this.
        #[arg(long, value_parser = duration, default_value = "30s")]
        timeout: Duration,
        /// `host:port`, several.
        addresses: Vec<String>,
    },
}

/// `deploy`.
#[derive(Debug, Clone, Args)]
pub struct Deploy {
    /// Name of this release, for people [default: the git revision]
    #[arg(long, value_parser = tag)]
    pub tag: Option<String>,
    /// Print the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Use the images as they are
    #[arg(long)]
    pub no_build: bool,
    /// Give up when a container is not fit to serve by then [default: what its health check allows]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub timeout: Option<Duration>,
    /// Only these services and those that they depend on [default: all]
    pub services: Vec<String>,
}

/// `rollback`.
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// The release to return to [default: the one before]
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<u64>,
    /// Print the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Give up when a container is not fit to serve by then
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub timeout: Option<Duration>,
}

/// `plan`.
#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// The tag that the deploy would have
    #[arg(long, value_parser = tag)]
    pub tag: Option<String>,
    /// Only these services and those that they depend on [default: all]
    pub services: Vec<String>,
}

/// `health`.
#[derive(Debug, Clone, Args)]
pub struct Health {
    /// Give up on an answer after this
    #[arg(long, value_parser = duration, value_name = "TIME", default_value = "10s")]
    pub timeout: Duration,
}

/// `build`.
#[derive(Debug, Clone, Args)]
pub struct Build {
    /// Tag of the images [default: the git revision]
    #[arg(long, value_parser = tag)]
    pub tag: Option<String>,
    /// Only these services [default: all]
    pub services: Vec<String>,
}

/// `config`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// In which language
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    pub format: Format,
}

/// Languages of `config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As a Compose file
    Yaml,
    /// In the shape of `docker compose config --format json`
    Json,
}

/// `logs`.
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// Go on with what comes
    #[arg(long, short = 'F')]
    pub follow: bool,
    /// Only what is newer: a duration (10m) or a time (2026-01-02T15:04:05Z)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// At most this many of the last lines of each container
    #[arg(long, short = 'n', value_name = "LINES")]
    pub tail: Option<u64>,
    /// Only these services [default: all]
    pub services: Vec<String>,
}

/// `exec`.
#[derive(Debug, Clone, Args)]
pub struct Exec {
    /// In this replica of the live color
    #[arg(long, default_value_t = 1)]
    pub index: u32,
    /// As this user
    #[arg(long, short)]
    pub user: Option<String>,
    /// No terminal, even when there is one
    #[arg(long, short = 'T')]
    pub no_tty: bool,
    /// The service
    pub service: String,
    /// Command and arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub command: Vec<String>,
}

/// `init`.
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// The file to write, which must not exist
    #[arg(long, default_value = ".env", value_name = "FILE")]
    pub to: PathBuf,
    /// The file to take the variables from
    #[arg(long, default_value = ".env.example", value_name = "FILE")]
    pub from: PathBuf,
}

/// `down`.
#[derive(Debug, Clone, Args)]
pub struct Down {
    /// Remove the volumes and the history too: the data is gone
    #[arg(long)]
    pub volumes: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `completions`.
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// For this shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a duration such as 30s or 1m30s is wanted".into())
}

/// The rules of an image's tag, because images get it.
fn tag(text: &str) -> Result<String, String> {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if first && rest && text.len() <= 128 {
        Ok(text.into())
    } else {
        Err("letters, digits, `_`, `.` and `-` are allowed, at most 128, the first one no `.` or `-`".into())
    }
}
