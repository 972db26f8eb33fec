//! How long commands take on stacks of several sizes, beside `docker compose` with the same file: in turns, so that
//! whatever else the machine does falls on both.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::figures::{Figure, Unit};
use crate::health::Watch;
use crate::images::tag;
use crate::machine::compose_version;
use crate::parts::Bench;
use crate::runs::Event;
use crate::stack::{Order, Probe, Shape, Stack, Standby};

/// No-ops are short: a round has several.
const NOOPS: usize = 5;
/// What a deploy may take besides the time that the containers need to become healthy.
const BEYOND: f64 = 1000.0;
const WARM: f64 = 1000.0;

/// One size of stack.
struct Size {
    label: &'static str,
    title: &'static str,
    services: usize,
    order: Order,
    probe: Probe,
    rounds: usize,
}

const SIZES: [Size; 5] = [
    size("one", "1 service", 1, 10),
    size("ten", "10 services", 10, 5),
    size("fifty", "50 services", 50, 3),
    Size { probe: Probe::EverySecond, ..size("health", "1 service with a health check", 1, 5) },
    Size {
        order: Order::Chain,
        probe: Probe::EverySecond,
        ..size("chain", "chain of 5 with health checks", 5, 5)
    },
];

const fn size(label: &'static str, title: &'static str, services: usize, rounds: usize) -> Size {
    Size { label, title, services, order: Order::Independent, probe: Probe::None, rounds }
}

/// Every size; the quick run leaves the largest out.
pub fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (mut figures, mut broken) = (Vec::new(), Vec::new());
    for size in &SIZES {
        if bench.quick && size.services > 10 {
            figures.push(Figure::left_out(size.title, Unit::Milliseconds, "the run was a quick one"));
            continue;
        }
        let mut rounds = Rounds::default();
        for round in 1..=bench.rounds(size.rounds) {
            eprintln!("{}, round {round} of {}", size.title, bench.rounds(size.rounds));
            let before = rounds.clone();
            let measured =
                beside_compose(bench, size, &mut rounds).and_then(|()| warm(bench, size, &mut rounds));
            if let Err(error) = measured {
                // Half a round would be compared with the other half of another one.
                rounds = before;
                let name = format!("{}, round {round}", size.title);
                broken.push(Figure::left_out(name, Unit::Milliseconds, format!("{error:#}")));
            }
        }
        figures.extend(rounds.figures(bench, size));
    }
    figures.extend(broken);
    Ok(figures)
}

/// What the rounds took: ours, and beside it what `docker compose` took for the same.
#[derive(Clone, Default)]
struct Rounds {
    first: Pair,
    noop: Pair,
    new: Pair,
    new_waiting: Vec<Duration>,
    rollback: Pair,
    warm_rollback: Vec<Duration>,
    gates: Vec<Duration>,
    beyond_gates: Vec<Duration>,
    health: Vec<Duration>,
    /// In milliseconds, because the deployer may be earlier.
    beyond_health: Vec<f64>,
}

#[derive(Clone, Default)]
struct Pair {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

/// First deploy, no-ops, a new tag and the way back, each tool in turn.
fn beside_compose(bench: &Bench, size: &Size, rounds: &mut Rounds) -> Result<()> {
    let compose = bench.programs.compose.as_deref();
    let ours = Stack::new(bench, size.label, size.shape(Standby::Stopped))?;
    let theirs = Stack::new(bench, &format!("{}-compose", size.label), size.shape(Standby::Stopped))?;
    let up = |version, more: &[&str]| -> Result<Vec<Duration>> {
        let arguments = [&["up", "-d"], more].concat();
        compose.map(|words| theirs.compose(words, version, &arguments)).into_iter().collect()
    };
    rounds.first.ours.push(ours.deploy(1)?);
    rounds.first.theirs.extend(up(1, &["--wait"])?);
    for _ in 0..NOOPS {
        rounds.noop.ours.push(ours.deploy(1)?);
        rounds.noop.theirs.extend(up(1, &[])?);
    }
    rounds.new_tag(&ours, size)?;
    rounds.new.theirs.extend(up(2, &[])?);
    rounds.rollback.ours.push(ours.deployer(2, &["rollback"])?);
    rounds.rollback.theirs.extend(up(1, &[])?);
    rounds.new_waiting.extend(up(2, &["--wait"])?);
    ours.down();
    compose.map_or(Ok(()), |words| theirs.compose(words, 1, &["down", "--volumes"]).map(drop))
}

/// The way back to containers that run on.
fn warm(bench: &Bench, size: &Size, rounds: &mut Rounds) -> Result<()> {
    let stack = Stack::new(bench, &format!("{}-warm", size.label), size.shape(Standby::Warm))?;
    stack.deploy(1)?;
    stack.deploy(2)?;
    rounds.warm_rollback.push(stack.deployer(2, &["rollback"])?);
    stack.down();
    Ok(())
}

impl Size {
    fn shape(&self, standby: Standby) -> Shape {
        Shape { services: self.services, published: 1, order: self.order, probe: self.probe, standby }
    }
}

impl Rounds {
    /// Deploys it, and notes what of the time the containers needed until they were fit to serve.
    fn new_tag(&mut self, stack: &Stack, size: &Size) -> Result<()> {
        let watch = (size.probe == Probe::EverySecond).then(|| Watch::start(&stack.name)).transpose()?;
        let run = stack.watch(2, &["deploy", "--tag", &tag(2)])?;
        let gates = run.events.iter().filter(|event| event.is_gate()).map(Event::took);
        let gates = if size.order == Order::Chain { gates.sum() } else { gates.max().unwrap_or_default() };
        self.new.ours.push(run.took);
        self.gates.push(gates);
        self.beyond_gates.push(run.took.saturating_sub(gates));
        if let Some(health) = watch.and_then(|watch| watch.stop(size.services, size.order)) {
            self.health.push(health);
            self.beyond_health.push((run.took.as_secs_f64() - health.as_secs_f64()) * 1000.0);
        }
        Ok(())
    }

    fn figures(self, bench: &Bench, size: &Size) -> Vec<Figure> {
        let title = size.title;
        let theirs = bench.programs.compose.as_deref().map(spelled);
        let pair = |what: &str, as_theirs: &str, pair: &Pair| {
            let ours = Figure::times(format!("{title}: {what}"), &pair.ours);
            let Some(program) = &theirs else { return vec![ours] };
            let other = Figure::times(format!("{title}: {program} {as_theirs}"), &pair.theirs);
            vec![ours, other, ratio(format!("{title}: {what}, ratio"), pair)]
        };
        let mut figures = pair("first deploy", "up -d --wait, first", &self.first);
        let mut noop = pair("no-op deploy", "up -d, no-op", &self.noop);
        let ratio = noop.pop_if(|_| theirs.is_some()).map(|ratio| ratio.aim(0.5));
        noop.extend(ratio);
        figures.extend(noop);
        figures.extend(pair("deploy of a new tag", "up -d, new tag", &self.new));
        if let Some(program) = &theirs {
            let name = format!("{title}: {program} up -d --wait, new tag");
            figures.push(Figure::times(name, &self.new_waiting));
        } else {
            let name = format!("{title}: docker compose");
            figures.push(Figure::left_out(name, Unit::Milliseconds, "it is not installed"));
        }
        figures.extend(self.beyond(size));
        figures.extend(pair("rollback, standby stopped", "up -d, back", &self.rollback));
        let warm = format!("{title}: rollback, standby warm");
        figures.push(Figure::times(warm, &self.warm_rollback).aim(WARM));
        figures
    }

    /// Of the deploy of a new tag.
    fn beyond(&self, size: &Size) -> Vec<Figure> {
        let (title, whose) = match size.order {
            Order::Independent => (size.title, "the slowest container"),
            Order::Chain => (size.title, "the containers one after the other"),
        };
        let mut figures = vec![
            Figure::times(format!("{title}: new tag, wait for {whose}"), &self.gates),
            Figure::times(format!("{title}: new tag, beyond that wait"), &self.beyond_gates).aim(BEYOND),
        ];
        if size.probe == Probe::EverySecond {
            let health = format!("{title}: new tag, {whose} from start to healthy as the engine says");
            let beyond = format!("{title}: new tag, longer than that");
            figures.push(Figure::times(health, &self.health));
            figures.push(Figure::values(beyond, Unit::Milliseconds, self.beyond_health.clone()));
        }
        figures
    }
}

fn ratio(name: String, pair: &Pair) -> Figure {
    let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    Figure::ratio(name, &seconds(&pair.ours), &seconds(&pair.theirs))
}

/// The peer as a person would name it.
fn spelled(words: &[String]) -> String {
    let program = Path::new(&words[0]).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let more: String = words[1..].iter().map(|word| format!(" {word}")).collect();
    format!("{program}{more} {}", compose_version(words).unwrap_or_default()).trim_end().to_owned()
}
