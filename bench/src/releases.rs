//! Deploys under load and rollbacks: how soon every new request is answered by the new version once its containers
//! are fit to serve, and what a rollback takes besides the start of the container that it returns to.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::figures::{Figure, Unit};
use crate::load::{Load, settled};
use crate::runs::Event;
use crate::stack::Stack;

const ROUNDS: usize = 5;
/// Clients ask for this long before and after a deploy.
const AROUND: Duration = Duration::from_millis(300);

/// What the rounds took.
#[derive(Default)]
struct Rounds {
    switched: Vec<Duration>,
    asked: usize,
    failed: usize,
    rollback: Vec<Duration>,
    serving: Vec<Duration>,
    start: Vec<Duration>,
    healthy: Vec<Duration>,
    beyond: Vec<Duration>,
}

/// Deploys a version and rolls it back, several times. The stack serves `v1`, and does so afterwards.
pub fn measure(stack: &Stack) -> Result<Vec<Figure>> {
    eprintln!("deploy under load and rollback, {ROUNDS} times");
    let mut rounds = Rounds::default();
    for round in 0..ROUNDS {
        deploy(stack, &format!("v{}", round + 2), &mut rounds)?;
        rollback(stack, &mut rounds)?;
    }
    let count = |name: &str, count: usize| Figure::values(name, Unit::Count, vec![count as f64]);
    let switched = "green is fit to serve, to all new requests on green";
    Ok(vec![
        Figure::times(switched, &rounds.switched).aim(50.0),
        count("requests during these deploys", rounds.asked),
        count("of these failed", rounds.failed).aim(0.0),
        Figure::times("rollback", &rounds.rollback),
        Figure::times("rollback: until the old release serves", &rounds.serving),
        Figure::times("rollback: start of the old container", &rounds.start),
        Figure::times("rollback: wait until it is fit to serve", &rounds.healthy),
        Figure::times("rollback beyond the start of the old container", &rounds.beyond).aim(1500.0),
    ])
}

fn deploy(stack: &Stack, version: &str, rounds: &mut Rounds) -> Result<()> {
    let load = Load::start(stack.port);
    thread::sleep(AROUND);
    let run = stack.watch(version, &["deploy", "--tag", version])?;
    thread::sleep(AROUND);
    let asked = load.stop();
    let gate =
        run.events.iter().rfind(|event| is_gate(event)).context("no step of the deploy waits for health")?;
    let settled = settled(&asked, version).with_context(|| format!("{version} never answered after v1"))?;
    // A line may be read later than what it tells was true: then this is none.
    rounds.switched.push(settled.saturating_duration_since(gate.at));
    rounds.asked += asked.len();
    rounds.failed += asked.iter().filter(|it| it.version.is_none()).count();
    Ok(())
}

fn rollback(stack: &Stack, rounds: &mut Rounds) -> Result<()> {
    let run = stack.watch("v1", &["rollback"])?;
    let longest =
        |wanted: fn(&Event) -> bool| run.events.iter().filter(|it| wanted(it)).map(Event::took).max();
    let start = longest(is_start).context("no step of the rollback starts a container")?;
    let commit =
        run.events.iter().find(|event| event.is_commit()).context("the rollback was not committed")?;
    rounds.rollback.push(run.took);
    rounds.serving.push(commit.at - run.began);
    rounds.start.push(start);
    rounds.healthy.extend(longest(is_gate));
    rounds.beyond.push(run.took.saturating_sub(start));
    Ok(())
}

fn is_gate(event: &Event) -> bool {
    event.done().is_some_and(|text| text.starts_with("wait until ") && text.ends_with(" is fit to serve"))
}

fn is_start(event: &Event) -> bool {
    event.done().is_some_and(|text| text.starts_with("start "))
}
