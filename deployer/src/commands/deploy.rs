//! `deploy`: load, observe, lock, build, plan, execute, record.

use std::collections::BTreeMap;

use compose_file::model::Protocol;
use serde::Serialize;

use super::Session;
use crate::cli;
use crate::engine::Engine;
use crate::error::{Code, Failure};
use crate::execute::{ExecuteError, Fronts, Outcome, Site};
use crate::observe::{observe, records};
use crate::plan::{self, Decision, Meta, Plan, Planned};
use crate::project::{Wanted, Workspace};
use crate::snapshot::Observed;
use crate::stack::{ImageFacts, Key, Kind, Release, ReleaseNumber, Resolved, ServiceName, Stack};
use crate::transaction::{KeepState, Transaction, agent, stuck};
use crate::{host, images};

/// Runs the verb.
///
/// # Errors
/// When it cannot begin, or ended with the old release serving.
pub async fn run(session: &Session, args: &cli::Deploy) -> anyhow::Result<Code> {
    let workspace = Workspace::open(session, args.tag.as_deref())?;
    let wanted = Wanted::parse(&workspace.project, &args.services)?;
    let engine = session.engine().await?;
    if args.dry_run {
        return super::plan::show(session, &engine, &workspace, &wanted).await;
    }
    let prepares =
        !args.no_build && (!workspace.builds(&wanted).is_empty() || !workspace.settings.build.is_empty());
    let deploy = Deploy { session, args, workspace: &workspace, wanted: &wanted, engine: &engine };
    if !prepares
        && !workspace.always_pulls(&wanted)
        && let Some((number, tag)) = deploy.unchanged().await?
    {
        return Ok(deploy.nothing(number, &tag));
    }
    deploy.check_ground().await?;
    let transaction = Transaction::begin(session, &engine, &workspace.name(), plan::Verb::Deploy).await?;
    let first = transaction.records.history.releases.is_empty();
    let result = deploy.within(&transaction, prepares).await;
    // What was left half done is in the journal, which the next command needs.
    let half_done = matches!(&result, Err(error) if error.is::<ExecuteError>());
    let keep = if first && !half_done && !matches!(&result, Ok(Ended::Served(_) | Ended::Stuck(_))) {
        KeepState::No
    } else {
        KeepState::Yes
    };
    if let Err(error) = transaction.end(keep).await {
        session.events.warn(format!("what the command itself needed is not cleared up: {error:#}"));
    }
    match result? {
        Ended::Nothing(number, tag) => Ok(deploy.nothing(number, &tag)),
        Ended::Served(release) => Ok(served(session, &release)),
        Ended::Stuck(failure) | Ended::Refused(failure) => Err(failure.into()),
    }
}

/// How it went.
enum Ended {
    Nothing(ReleaseNumber, String),
    Served(Box<Release>),
    Refused(Failure),
    Stuck(Failure),
}

struct Deploy<'a> {
    session: &'a Session,
    args: &'a cli::Deploy,
    workspace: &'a Workspace,
    wanted: &'a Wanted,
    engine: &'a Engine,
}

impl Deploy<'_> {
    /// The release that the stack is already, found without lock and keeper.
    async fn unchanged(&self) -> anyhow::Result<Option<(ReleaseNumber, String)>> {
        let (name, workspace) = (self.workspace.name(), self.workspace);
        let (containers, facts) = tokio::try_join!(
            self.engine.containers(Some(&name)),
            images::facts(self.engine, &workspace.project, &workspace.tag)
        )?;
        if facts.len() < workspace.project.services.len() {
            return Ok(None);
        }
        let records =
            records(self.engine, &name, &containers, async || agent(self.session, self.engine).await).await?;
        let (Some(key), None) = (&records.key, &records.journal) else { return Ok(None) };
        let resolved = workspace.resolve(&facts, key)?;
        let stack = plan::select(resolved.stack, records.history.live(), self.wanted);
        let observed = Observed { containers, history: records.history, ..Observed::default() };
        Ok(plan::unchanged(&stack, &observed))
    }

    /// What is refused before anything is built or locked.
    async fn check_ground(&self) -> anyhow::Result<()> {
        let unknown = images::unknown(&self.workspace.project);
        let stack = self.workspace.resolve(&unknown, &Key::random())?.stack;
        let observed = observe(self.engine, &stack.name, Default::default()).await?;
        super::refuse_remote_binds(self.engine, self.workspace)?;
        self.workspace.check_engine(self.engine.api())?;
        Ok(plan::check_ground(&stack, &observed)?)
    }

    async fn within(&self, transaction: &Transaction<'_>, prepares: bool) -> anyhow::Result<Ended> {
        let history = transaction.records.history.clone();
        let number = history.next();
        let facts = tokio::select! {
            facts = self.images(number, prepares) => facts?,
            () = transaction.interrupt.cancelled() => {
                return Ok(Ended::Refused(Failure::new(Code::RolledBack, "interrupted before anything was started")));
            }
        };
        let key = transaction.records.key.clone().unwrap_or_else(Key::random);
        let Resolved { stack, contents } = self.workspace.resolve(&facts, &key)?;
        let stack = plan::select(stack, history.live(), self.wanted);
        let observed = observe(self.engine, &stack.name, history).await?;
        let meta = Meta {
            tag: self.workspace.tag.clone(),
            revision: self.workspace.revision.clone(),
            created: transaction.at.clone(),
            by: transaction.by.clone(),
            agent: Some(transaction.agent.clone()),
        };
        let Planned { plan, release } = match plan::deploy(&stack, &observed, &meta)? {
            Decision::Nothing(number, tag) => return Ok(Ended::Nothing(number, tag)),
            Decision::Change(planned) => *planned,
        };
        plan.notes.iter().for_each(|note| self.session.events.note(note));
        let site = Site {
            engine: self.engine.clone(),
            agent: transaction.agent.clone(),
            name: stack.name.clone(),
            definitions: release.stack.clone(),
            instances: plan.instances.clone(),
            contents,
            fronts: Fronts::new(self.engine.clone(), stack.name.clone()),
            timeout: self.args.timeout,
        };
        let outcome = transaction.execute(&site, &plan, Some(&release)).await?;
        Ok(ended(self.session, outcome, &plan, release, observed.history.live()))
    }

    /// Host commands, builds and pulls; then what is known of every image.
    async fn images(
        &self,
        number: ReleaseNumber,
        prepares: bool,
    ) -> anyhow::Result<BTreeMap<ServiceName, ImageFacts>> {
        let (workspace, events) = (self.workspace, &self.session.events);
        if prepares {
            prepare(self.session, self.engine, workspace, self.wanted, number).await?;
        }
        images::pull(self.engine, &workspace.project, self.wanted, events).await?;
        let facts = images::facts(self.engine, &workspace.project, &workspace.tag).await?;
        let absent = |name: &&String| self.wanted.has(name) && !facts.contains_key(name.as_str());
        match workspace.project.services.keys().find(absent) {
            Some(name) => Err(Failure::new(
                Code::Configuration,
                format!("the image of service {name} is not on the engine under tag {}", workspace.tag),
            )
            .hint("build it (leave --no-build out), or give the tag that it was built with")
            .into()),
            None => Ok(facts),
        }
    }

    fn nothing(&self, number: ReleaseNumber, tag: &str) -> Code {
        let stack = self.workspace.name();
        if self.session.ui.is_json() {
            self.session.ui.data(&serde_json::json!({
                "result": "unchanged", "stack": stack, "release": number, "tag": tag
            }));
        } else {
            self.session
                .ui
                .say(&format!("nothing to do: stack {stack} is release {number} (tag {tag}) already"));
        }
        Code::Done
    }
}

/// Host commands, then builds.
///
/// # Errors
/// The first that fails.
pub async fn prepare(
    session: &Session,
    engine: &Engine,
    workspace: &Workspace,
    wanted: &Wanted,
    number: ReleaseNumber,
) -> anyhow::Result<()> {
    let environment = BTreeMap::from([
        ("DEPLOYER_TAG".to_owned(), workspace.tag.clone()),
        ("DEPLOYER_RELEASE".to_owned(), number.to_string()),
        ("DEPLOYER_REVISION".to_owned(), workspace.revision.clone().unwrap_or_else(|| "unknown".into())),
    ]);
    let directory = workspace.loaded.directory();
    host::run_commands(&workspace.commands(number), directory, &environment, &session.events).await?;
    let project = workspace.bound(number);
    images::build(engine, &project, &workspace.files.secrets, &workspace.tag, wanted, &session.events)
        .await?;
    Ok(())
}

fn ended(
    session: &Session,
    outcome: Outcome,
    plan: &Plan,
    release: Release,
    before: Option<&Release>,
) -> Ended {
    match outcome {
        Outcome::Committed { unfinished } => {
            if let Some(unfinished) = unfinished {
                session
                    .events
                    .warn(format!("the release serves; the next command finishes this: {unfinished}"));
            }
            Ended::Served(Box::new(release))
        }
        Outcome::RolledBack { failed, cause } => {
            let serves = match before {
                Some(before) => format!("release {} (tag {}) serves, untouched", before.number, before.tag),
                None => "nothing was deployed before, and nothing is left".into(),
            };
            let (verb, number) = (plan.verb.as_str(), release.number);
            let report = indent(&cause.report());
            let message =
                format!("{verb} to release {number} was taken back: {failed}\n{report}\n  {serves}");
            Ended::Refused(Failure::new(Code::RolledBack, message))
        }
        Outcome::Stuck { failed, cause, left } => {
            session.events.warn(format!("{failed}: {}", cause.report()));
            Ended::Stuck(stuck(&plan.stack, &left))
        }
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// How a plan with a release ended, for `rollback` as well.
///
/// # Errors
/// When it was taken back or is stuck.
pub fn conclude(
    session: &Session,
    outcome: Outcome,
    planned: Planned,
    before: Option<&Release>,
) -> anyhow::Result<Code> {
    match ended(session, outcome, &planned.plan, planned.release, before) {
        Ended::Served(release) => Ok(served(session, &release)),
        Ended::Stuck(failure) | Ended::Refused(failure) => Err(failure.into()),
        Ended::Nothing(..) => Ok(Code::Done),
    }
}

#[derive(Serialize)]
struct Served<'a> {
    result: &'static str,
    stack: String,
    release: ReleaseNumber,
    tag: &'a str,
    source: Option<ReleaseNumber>,
    answers_at: Vec<String>,
}

fn served(session: &Session, release: &Release) -> Code {
    let Some(stack) = &release.stack else { return Code::Done };
    let answers_at = addresses(stack);
    if session.ui.is_json() {
        let (number, tag) = (release.number, release.tag.as_str());
        let source = release.source;
        let name = stack.name.to_string();
        session.ui.data(&Served {
            result: "deployed",
            stack: name,
            release: number,
            tag,
            source,
            answers_at,
        });
        return Code::Done;
    }
    let source = release.source.map(|source| format!(", again release {source}")).unwrap_or_default();
    session.ui.say(&format!(
        "release {} (tag {}{source}) of stack {} serves",
        release.number, release.tag, stack.name
    ));
    answers_at.iter().for_each(|address| session.ui.say(&format!("  {address}")));
    Code::Done
}

/// An address as it is written before a port.
#[must_use]
pub fn bracketed(ip: &str) -> String {
    if ip.contains(':') && !ip.starts_with('[') { format!("[{ip}]") } else { ip.to_owned() }
}

/// Where the stack's published ports answer.
#[must_use]
pub fn addresses(stack: &Stack) -> Vec<String> {
    let services = stack.services.iter().filter(|(_, service)| service.kind != Kind::Job);
    services
        .flat_map(|(name, service)| service.definition.ports.iter().map(move |port| (name, port)))
        .filter_map(|(name, port)| {
            let published = port.published.as_deref()?;
            let ip = port.host_ip.as_deref().filter(|ip| !["0.0.0.0", "::"].contains(ip)).map(bracketed);
            let ip = ip.unwrap_or_else(|| "localhost".into());
            let scheme = match (port.protocol, port.app_protocol.as_deref()) {
                (Protocol::Tcp, None | Some("http")) => "http",
                (Protocol::Udp, _) => "udp",
                _ => "tcp",
            };
            Some(format!("{name}: {scheme}://{ip}:{published}"))
        })
        .collect()
}
