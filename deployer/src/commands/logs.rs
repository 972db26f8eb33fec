//! `logs`: what the services of a stack print, of all replicas and both colors. It must never change anything.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};

use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt, future, stream};

use self::since::since;
use self::source::{Printer, Source};
use super::Session;
use crate::cli::Logs;
use crate::engine::logs::{LogLine, LogRange, Started};
use crate::engine::{Engine, Error};
use crate::error::Code;
use crate::labels::Role;
use crate::stack::{ContainerName, StackName};
use crate::suggest::refuse_unknown;

mod since;
mod source;

/// What comes out of one container.
enum Heard {
    Line(LogLine),
    Failed(Error),
    End,
}

type Listening = Pin<Box<dyn Stream<Item = (Source, Heard)> + Send>>;

/// Prints the logs.
///
/// # Errors
/// When a service does not exist, or the engine does not answer.
pub async fn run(session: &Session, args: &Logs) -> anyhow::Result<Code> {
    let since = args.since.as_deref().map(since).transpose()?;
    let range = LogRange { follow: args.follow, since, tail: args.tail };
    let (stack, services) = wanted(session, &args.services)?;
    let wanted = Wanted { services, fronts: session.ui.is_verbose() };
    let engine = session.engine().await?;
    // Listened to before the listing, so that no container falls between the two.
    let starts = engine.starts(&stack);
    let found = engine.containers(Some(&stack)).await?;
    let found = found.iter().filter(|container| container.is_of(&stack));
    let mut sources: Vec<Source> = found.filter_map(|one| Source::of(&one.name, &one.labels)).collect();
    sources.retain(|source| wanted.has(source));
    sources.sort();
    let mut printer = Printer::new(&session.ui, &sources);
    if args.follow {
        follow(&engine, sources, range, &wanted, starts, &mut printer).await?;
    } else {
        merge(&engine, sources, range, &mut printer).await?;
    }
    Ok(Code::Done)
}

/// The stack, and the services that were named; all of them when none was.
fn wanted(session: &Session, names: &[String]) -> anyhow::Result<(StackName, BTreeSet<String>)> {
    if names.is_empty() {
        return Ok((session.stack_name()?, BTreeSet::new()));
    }
    let loaded = session.load()?;
    let project = loaded.project()?;
    let known: Vec<&str> = project.services.keys().map(String::as_str).collect();
    names.iter().try_for_each(|name| refuse_unknown(name, &known))?;
    Ok((StackName::new(loaded.name()), names.iter().cloned().collect()))
}

/// Whose logs are shown.
struct Wanted {
    services: BTreeSet<String>,
    fronts: bool,
}

impl Wanted {
    fn has(&self, source: &Source) -> bool {
        let role = match source.role {
            Role::Service | Role::Job => true,
            Role::Front => self.fronts,
            _ => false,
        };
        role && (self.services.is_empty() || self.services.contains(&source.service))
    }
}

/// What has been printed so far, in the order of time.
async fn merge(
    engine: &Engine,
    sources: Vec<Source>,
    range: LogRange,
    printer: &mut Printer<'_>,
) -> anyhow::Result<()> {
    let mut logs: Vec<_> =
        sources.iter().map(|source| Box::pin(engine.log_lines(&source.container, range))).collect();
    let mut heads = Vec::new();
    for log in &mut logs {
        heads.push(log.next().await.transpose()?);
    }
    while let Some(first) = earliest(&heads) {
        let next = logs[first].next().await.transpose()?;
        let line = std::mem::replace(&mut heads[first], next).expect("the earliest line is there");
        if printer.print(&sources[first], &line).is_err() {
            break;
        }
    }
    Ok(())
}

fn earliest(heads: &[Option<LogLine>]) -> Option<usize> {
    let heads = heads.iter().enumerate().filter_map(|(index, head)| Some((&head.as_ref()?.time, index)));
    heads.min().map(|(_, index)| index)
}

/// What is printed from now on too, by containers that start later as well.
async fn follow(
    engine: &Engine,
    sources: Vec<Source>,
    range: LogRange,
    wanted: &Wanted,
    starts: impl Stream<Item = Started>,
    printer: &mut Printer<'_>,
) -> anyhow::Result<()> {
    let mut starts = pin!(starts);
    let mut listened: BTreeSet<ContainerName> =
        sources.iter().map(|source| source.container.clone()).collect();
    let mut heard: SelectAll<Listening> =
        sources.into_iter().map(|source| listen(engine, source, range, String::new())).collect();
    let mut last: BTreeMap<ContainerName, String> = BTreeMap::new();
    loop {
        tokio::select! {
            Some((source, heard)) = heard.next() => match heard {
                Heard::Line(line) => {
                    if printer.print(&source, &line).is_err() {
                        return Ok(());
                    }
                    last.insert(source.container, line.time);
                }
                Heard::Failed(error) => return Err(error.into()),
                Heard::End => _ = listened.remove(&source.container),
            },
            started = starts.next() => {
                // Without its events the engine is gone, and nothing follows.
                let Some(started) = started else { return Ok(()) };
                let source = Source::of(&started.name, &started.labels).filter(|source| wanted.has(source));
                if let Some(source) = source.filter(|source| listened.insert(source.container.clone())) {
                    let range = LogRange { follow: true, since: Some(started.time), tail: None };
                    let after = last.get(&source.container).cloned().unwrap_or_default();
                    heard.push(listen(engine, source, range, after));
                }
            }
        }
    }
}

/// The lines of a container after a time: when it starts again, the engine gives its last second once more.
fn listen(engine: &Engine, source: Source, range: LogRange, after: String) -> Listening {
    let lines = engine.log_lines(&source.container, range).map(|line| match line {
        Ok(line) => Heard::Line(line),
        // It was removed between the listing and now, and has nothing more to say.
        Err(error) if error.is_not_found() || error.is_conflict() => Heard::End,
        Err(error) => Heard::Failed(error),
    });
    let known = move |heard: &Heard| matches!(heard, Heard::Line(line) if line.time <= after);
    let lines = lines.skip_while(move |heard| future::ready(known(heard)));
    let heard = lines.chain(stream::once(future::ready(Heard::End)));
    Box::pin(heard.map(move |heard| (source.clone(), heard)))
}
