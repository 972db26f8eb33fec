//! One file for each verb: load, observe, plan, execute, record. What several of them share is here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use compose_file::model::MountKind;
use compose_file::{Loaded, Request};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Global, Verb};
use crate::engine::Engine;
use crate::error::{Code, Failure};
use crate::event::Events;
use crate::execute::Faults;
use crate::host;
use crate::project::Workspace;
use crate::stack::StackName;
use crate::ui::Ui;

pub mod build;
pub mod completions;
pub mod config;
pub mod deploy;
pub mod doctor;
pub mod down;
pub mod exec;
pub mod front;
pub mod health;
pub mod history;
pub mod init;
pub mod keeper;
pub mod logs;
pub mod metrics;
pub mod plan;
pub mod rollback;
pub mod status;

/// What every verb works with.
pub struct Session {
    /// The options that every verb has.
    pub global: Global,
    /// Where results go.
    pub ui: Ui,
    /// Where events go.
    pub events: Events,
    /// Ctrl-C, once: start nothing new and take back what was done.
    pub interrupt: CancellationToken,
    /// Faults that a test wants.
    pub faults: Faults,
}

impl Session {
    /// The engine that the options and the environment name.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn engine(&self) -> anyhow::Result<Engine> {
        Ok(Engine::connect(self.global.host.as_deref()).await?)
    }

    /// The Compose files, loaded, for a verb that makes no release; warnings are passed on.
    ///
    /// # Errors
    /// Diagnostics, all at once.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        let revision = self.revision()?;
        let revision = revision.as_deref();
        self.load_for(revision.unwrap_or("latest"), "0", revision.unwrap_or("unknown"))
    }

    /// The same, for a release with that tag, number and revision.
    ///
    /// # Errors
    /// Diagnostics, all at once.
    pub fn load_for(&self, tag: &str, release: &str, revision: &str) -> anyhow::Result<Loaded> {
        let variables =
            [("DEPLOYER_TAG", tag), ("DEPLOYER_RELEASE", release), ("DEPLOYER_REVISION", revision)];
        let overrides = variables.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let loaded = compose_file::load(&self.request(overrides)?)?;
        for warning in loaded.warnings().iter() {
            self.events.warn(warning.to_string());
        }
        Ok(loaded)
    }

    /// The stack that the options name, or else the file.
    ///
    /// # Errors
    /// Diagnostics of the file.
    pub fn stack_name(&self) -> anyhow::Result<StackName> {
        match &self.global.project_name {
            Some(name) => Ok(StackName::new(name)),
            None => Ok(StackName::new(self.load()?.name())),
        }
    }

    /// The first Ctrl-C, SIGTERM or hang-up asks to stop, the second one ends the program; the next command cleans up.
    fn listen_for_interrupts(&self) -> JoinHandle<()> {
        let (interrupt, events) = (self.interrupt.clone(), self.events.clone());
        tokio::spawn(async move {
            for _ in 0..2 {
                if next_signal().await.is_err() {
                    return;
                }
                if interrupt.is_cancelled() {
                    std::process::exit(130);
                }
                events.warn("interrupted: taking back what was done; once more to leave at once");
                interrupt.cancel();
            }
        })
    }

    /// The git revision of the project's folder, as the options name it.
    ///
    /// # Errors
    /// When the working directory is gone.
    pub fn revision(&self) -> anyhow::Result<Option<String>> {
        let here = std::env::current_dir().context("the working directory is gone")?;
        let listed = std::env::var("COMPOSE_FILE").unwrap_or_default();
        let first =
            self.global.files.first().cloned().or_else(|| listed.split(':').next().map(PathBuf::from));
        let of_file = first.as_deref().and_then(Path::parent);
        let folder = self.global.project_directory.as_deref().or(of_file).unwrap_or(Path::new(""));
        Ok(host::revision(&here.join(folder)).map(|revision| revision.to_string()))
    }

    /// The request that the options make.
    ///
    /// # Errors
    /// When the working directory is gone.
    pub fn request(&self, overrides: BTreeMap<String, String>) -> anyhow::Result<Request> {
        let global = &self.global;
        let environment = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let current_directory: PathBuf = std::env::current_dir().context("the working directory is gone")?;
        Ok(Request {
            files: global.files.clone(),
            project_directory: global.project_directory.clone(),
            project_name: global.project_name.clone(),
            env_files: global.env_files.clone(),
            environment,
            overrides,
            profiles: global.profiles.clone(),
            current_directory,
        })
    }
}

async fn next_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

/// A relative path of this machine means nothing on another one.
///
/// # Errors
/// When the engine is remote and such a mount exists.
pub fn refuse_remote_binds(engine: &Engine, workspace: &Workspace) -> Result<(), Failure> {
    if engine.is_local() {
        return Ok(());
    }
    for (name, service) in &workspace.project.services {
        for mount in &service.volumes {
            if let MountKind::Bind { source, relative: true, .. } = &mount.kind {
                let text = format!(
                    "service {name} mounts {source} of this machine, and the engine is on another one"
                );
                return Err(Failure::new(Code::Configuration, text)
                    .hint("use a volume, a config or a secret, or give a path of the engine's host"));
            }
        }
    }
    Ok(())
}

/// Runs a verb to its exit code; errors are reported and have one too.
pub async fn run(cli: Cli) -> u8 {
    run_with(cli, Faults::none()).await
}

/// The same, with faults that a test wants.
pub async fn run_with(cli: Cli, faults: Faults) -> u8 {
    let (events, receiver) = Events::channel();
    let ui = Ui::new(&cli.global);
    let listener: JoinHandle<()> = ui.listen(receiver);
    let interrupt = CancellationToken::new();
    let session = Session { global: cli.global, ui, events, interrupt, faults };
    // A reader has nothing to take back: the signal ends it.
    let listening = cli.verb.takes_back().then(|| session.listen_for_interrupts());
    let result = dispatch(&session, cli.verb).await;
    if let Some(listening) = listening {
        listening.abort();
    }
    let Session { ui, events, .. } = session;
    drop(events);
    // The last events come before the verdict.
    let _listener_ended = listener.await;
    result.unwrap_or_else(|error| ui.failure(&error) as u8)
}

async fn dispatch(session: &Session, verb: Verb) -> anyhow::Result<u8> {
    let code = match verb {
        Verb::Deploy(args) => deploy::run(session, &args).await,
        Verb::Rollback(args) => rollback::run(session, &args).await,
        Verb::Plan(args) => plan::run(session, &args).await,
        Verb::Status => status::run(session).await,
        Verb::History => history::run(session).await,
        Verb::Health(args) => health::run(session, &args).await,
        Verb::Build(args) => build::run(session, &args).await,
        Verb::Config(args) => config::run(session, &args),
        Verb::Logs(args) => logs::run(session, &args).await,
        Verb::Metrics(args) => metrics::run(session, &args).await,
        Verb::Exec(args) => return exec::run(session, &args).await,
        Verb::Init(args) => init::run(session, &args).await,
        Verb::Doctor => doctor::run(session).await,
        Verb::Down(args) => down::run(session, &args).await,
        Verb::Completions(args) => completions::run(&args),
        Verb::Front { part } => return front::run(part).await,
        Verb::Keeper { stack } => keeper::run(&stack).await,
    };
    code.map(|code| code as u8)
}
