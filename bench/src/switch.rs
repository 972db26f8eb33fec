//! Deploys and rollbacks under load: what clients noticed, and how soon every new request is answered by the new
//! version once its containers are fit to serve; beside `docker compose up -d` of the same stack, in turns.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::figures::{Figure, Unit};
use crate::images::tag;
use crate::load::{Asked, Load, Seen, settled};
use crate::parts::Bench;
use crate::runs::Event;
use crate::stack::{Order, Probe, Shape, Stack, Standby};

const SHAPE: Shape = Shape {
    services: 5,
    published: 5,
    order: Order::Independent,
    probe: Probe::EverySecond,
    standby: Standby::Stopped,
};
/// Clients ask for this long before and after a change.
const AROUND: Duration = Duration::from_millis(500);
const QUIET: Duration = Duration::from_secs(5);

/// Every version is deployed and taken back.
pub fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (ours, theirs) = (Stack::new(bench, "switch", SHAPE)?, Stack::new(bench, "switch-compose", SHAPE)?);
    let compose = bench.programs.compose.as_deref();
    let mut rounds = Rounds::default();
    ours.deploy(1)?;
    if let Some(words) = compose {
        theirs.compose(words, 1, &["up", "-d", "--wait"])?;
    }
    rounds.quiet.add(&asked_during(&ours, QUIET)?);
    let mut broken = Vec::new();
    for version in 2..bench.switches + 2 {
        eprintln!("deploy and rollback under load, {} of {}", version - 1, bench.switches);
        if let Err(error) = round(&ours, &theirs, compose, version, &mut rounds) {
            let name = format!("deploy and rollback {}", version - 1);
            broken.push(Figure::left_out(name, Unit::Count, format!("{error:#}")));
        }
    }
    ours.down();
    let mut figures = rounds.figures(compose.is_some());
    figures.extend(broken);
    Ok(figures)
}

/// A new version and back, each tool in turn.
fn round(
    ours: &Stack,
    theirs: &Stack,
    compose: Option<&[String]>,
    version: usize,
    rounds: &mut Rounds,
) -> Result<()> {
    deploy(ours, version, rounds)?;
    if let Some(words) = compose {
        up(theirs, words, version, &mut rounds.up)?;
    }
    rollback(ours, version, rounds)?;
    compose.map_or(Ok(()), |words| up(theirs, words, 1, &mut rounds.back))
}

/// What the rounds took.
#[derive(Default)]
struct Rounds {
    quiet: Tally,
    deploy: Tally,
    rollback: Tally,
    up: Tally,
    back: Tally,
    switched: Vec<Duration>,
    serving: Vec<Duration>,
    start: Vec<Duration>,
    beyond: Vec<Duration>,
}

impl Rounds {
    fn figures(self, with_compose: bool) -> Vec<Figure> {
        let mut figures = self.quiet.figures("nothing is changed", None);
        figures.extend(self.deploy.figures("deploy", Some(0.0)));
        figures.extend(self.rollback.figures("rollback", Some(0.0)));
        if with_compose {
            figures.extend(self.up.figures("docker compose up -d, to a new version", None));
            figures.extend(self.back.figures("docker compose up -d, back", None));
        } else {
            let name = "docker compose up -d, to a new version and back";
            figures.push(Figure::left_out(name, Unit::Count, "it is not installed"));
        }
        let switched = "deploy: the last container is fit to serve, to all new requests on the new version";
        figures.push(Figure::times(switched, &self.switched).aim(50.0));
        figures.push(Figure::times("rollback: until the old release serves", &self.serving));
        figures.push(Figure::times("rollback: the longest start of an old container", &self.start));
        figures.push(Figure::times("rollback, beyond that start", &self.beyond).aim(1500.0));
        figures
    }
}

/// What clients saw of changes of one kind.
#[derive(Default)]
struct Tally {
    asked: Vec<f64>,
    failed: Vec<f64>,
    reasons: BTreeMap<String, usize>,
    pause: Vec<Duration>,
    slowest: Vec<Duration>,
    took: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, asked: &[Asked]) {
        let seen = Seen::of(asked);
        self.asked.push(seen.asked as f64);
        self.failed.push(seen.failed as f64);
        for (reason, count) in seen.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.pause.push(seen.pause);
        self.slowest.push(seen.slowest);
    }

    fn figures(self, name: &str, aim: Option<f64>) -> Vec<Figure> {
        let reasons: Vec<String> =
            self.reasons.iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
        let (asked, lost): (f64, f64) = (self.asked.iter().sum(), self.failed.iter().sum());
        let failed = Figure::values(format!("{name}: failed requests"), Unit::Count, self.failed);
        let colon = if reasons.is_empty() { "" } else { ": " };
        let failed = aim.into_iter().fold(failed, Figure::aim);
        let mut figures = vec![
            failed.note(format!("{lost} of {asked} in all{colon}{}", reasons.join(", "))),
            Figure::times(format!("{name}: longest pause of a service"), &self.pause),
            Figure::times(format!("{name}: slowest good answer"), &self.slowest),
        ];
        if !self.took.is_empty() {
            figures.push(Figure::times(format!("{name}: took"), &self.took));
        }
        figures
    }
}

/// Nothing happens but requests.
fn asked_during(stack: &Stack, time: Duration) -> Result<Vec<Asked>> {
    let load = Load::start(&stack.ports);
    thread::sleep(time);
    load.stop()
}

/// Changes a stack while clients ask.
fn changed<T>(stack: &Stack, change: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Asked>)> {
    let load = Load::start(&stack.ports);
    thread::sleep(AROUND);
    let done = change()?;
    thread::sleep(AROUND);
    Ok((done, load.stop()?))
}

fn deploy(stack: &Stack, version: usize, rounds: &mut Rounds) -> Result<()> {
    let name = tag(version);
    let (run, asked) = changed(stack, || stack.watch(version, &["deploy", "--tag", &name]))?;
    let gates = run.events.iter().filter(|event| event.is_gate());
    let fit = gates.map(|event| event.at).max().context("no step of the deploy waits for health")?;
    let settled =
        settled(&asked, &name).with_context(|| format!("{name} never answered after the old one"))?;
    // A line may be read later than what it tells was true: then this is none.
    rounds.switched.push(settled.saturating_duration_since(fit));
    rounds.deploy.add(&asked);
    rounds.deploy.took.push(run.took);
    Ok(())
}

fn rollback(stack: &Stack, version: usize, rounds: &mut Rounds) -> Result<()> {
    let (run, asked) = changed(stack, || stack.watch(version, &["rollback"]))?;
    let starts = run.events.iter().filter(|event| event.is_start());
    let start = starts.map(Event::took).max().context("no step of the rollback starts a container")?;
    let commit =
        run.events.iter().find(|event| event.is_commit()).context("the rollback was not committed")?;
    rounds.serving.push(commit.at - run.began);
    rounds.start.push(start);
    rounds.beyond.push(run.took.saturating_sub(start));
    rounds.rollback.add(&asked);
    rounds.rollback.took.push(run.took);
    Ok(())
}

fn up(stack: &Stack, words: &[String], version: usize, tally: &mut Tally) -> Result<()> {
    let (took, asked) = changed(stack, || stack.compose(words, version, &["up", "-d"]))?;
    tally.add(&asked);
    tally.took.push(took);
    Ok(())
}
