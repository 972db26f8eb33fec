//! What can be measured, and what every measurement needs. It must never know how anything is measured.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::clean::Cleaning;
use crate::figures::Figure;
use crate::runs::Programs;
use crate::{front, images, sizes, switch, walls};

/// What every name of a run begins with.
pub const PREFIX: &str = "bench-";

/// Measures the deployer, its front and its peers, and writes bench/results.json and docs/benchmarks.md.
#[derive(Parser)]
pub struct Arguments {
    /// Only these parts; the others keep the results that they have [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Few and short rounds, to see that it works; the results go to target/bench and nowhere else
    #[arg(long)]
    quick: bool,
    /// Deploys, and as many rollbacks, under load [default: 50, quick: 2]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    switches: Option<u16>,
    /// Rounds of walls, of requests and of start-ups [default: as many as the part needs, quick: 1]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Be the server behind the proxies, on these two ports.
    #[arg(long, hide = true, num_args = 2, value_name = "PORT")]
    pub upstream: Option<Vec<u16>>,
}

impl Arguments {
    /// In the order of the report, each once.
    pub fn parts(&self) -> Vec<Part> {
        let wanted = |part: &Part| self.parts.is_empty() || self.parts.contains(part);
        Part::value_variants().iter().copied().filter(wanted).collect()
    }
}

/// A part of the report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Deploys and rollbacks under load
    Switch,
    /// How long commands take
    Walls,
    /// The front beside other proxies
    Front,
    /// Sizes, start-up, idle memory
    Sizes,
}

impl Part {
    /// As it is spelled in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Walls => "walls",
            Self::Front => "front",
            Self::Sizes => "sizes",
        }
    }

    /// What it is and how it is measured, for people.
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Switch => ("Deploys and rollbacks under load", include_str!("text/switch.md")),
            Self::Walls => ("How long commands take", include_str!("text/walls.md")),
            Self::Front => ("The front beside other proxies", include_str!("text/front.md")),
            Self::Sizes => ("Size, start-up, idle memory", include_str!("text/sizes.md")),
        }
    }

    /// Measures it.
    pub fn measure(self, bench: &Bench) -> Result<Vec<Figure>> {
        match self {
            Self::Switch => switch::measure(bench),
            Self::Walls => walls::measure(bench),
            Self::Front => front::measure(bench),
            Self::Sizes => sizes::measure(bench),
        }
    }
}

/// One run of this program.
pub struct Bench {
    /// What is measured.
    pub programs: Programs,
    /// The workspace.
    pub root: PathBuf,
    /// What every name on the engine begins with.
    pub name: String,
    /// A few short rounds are enough.
    pub quick: bool,
    /// Deploys under load.
    pub switches: usize,
    rounds: Option<usize>,
    _cleaning: Cleaning,
}

impl Bench {
    /// A run whose images are there.
    pub fn new(root: &Path, arguments: &Arguments) -> Result<Self> {
        let programs = Programs::find(root)?;
        let name = format!("{PREFIX}{}", std::process::id());
        let default = if arguments.quick { 2 } else { 50 };
        let switches = arguments.switches.map_or(default, usize::from);
        let cleaning = Cleaning::new(root, &name);
        let bench = Self {
            programs,
            root: root.to_owned(),
            name,
            quick: arguments.quick,
            switches,
            rounds: arguments.rounds.map(usize::from),
            _cleaning: cleaning,
        };
        let versions = if arguments.parts().contains(&Part::Switch) { switches + 1 } else { 3 };
        images::import(&bench, versions.max(3))?;
        Ok(bench)
    }

    /// How often, when nothing else was asked for.
    pub fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { usual })
    }

    /// The folder of everything that is gone afterwards.
    pub fn folder(&self) -> PathBuf {
        self.root.join("target/bench").join(&self.name)
    }
}
