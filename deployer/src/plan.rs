//! A plan is data, and so is its undo.
//!
//! Everything below this module is pure: no async, no clock, no input or output, no terminal, no Docker.

use std::collections::BTreeMap;

use compose_file::model::Restart;
use serde::{Deserialize, Serialize};

mod assemble;
mod checks;
mod deploy;
mod display;
mod down;
mod error;
mod levels;
mod notes;
mod retire;
mod rollback;
mod select;

pub use assemble::restart_policy;
pub use checks::{check_adoption, check_ground};
pub use deploy::{Meta, deploy};
pub use display::spell;
pub use down::{Volumes, down};
pub use error::PlanError;
pub use rollback::{rollback, target};
pub use select::{select, unchanged};

use crate::labels::Role;
use crate::stack::{
    Color, ContainerName, ImageId, Nameless, NetworkName, Release, ReleaseNumber, ServiceName, StackName,
    VolumeName,
};

/// One call to the engine or to a front. Plain data, safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Gives an image that was built its name in this release.
    TagImage(ImageId, String),
    /// Takes a name off this image, unless the name means another one by now; the last name takes the image with it.
    UntagImage(ImageId, String),
    /// Makes a network of the file.
    CreateNetwork(NetworkName),
    /// Removes a network of ours.
    RemoveNetwork(NetworkName),
    /// Makes a volume, of the file or of a front.
    CreateVolume(VolumeName, Role),
    /// Makes a volume of secrets and configs and writes them.
    FillVolume(VolumeName),
    /// Removes a volume of ours.
    RemoveVolume(VolumeName),
    /// Makes a service's container; what it is made from is in [`Plan::instances`] and the release.
    CreateContainer(ContainerName),
    /// Makes the front of a service.
    CreateFront(ServiceName),
    /// Puts a front into one more network.
    Connect(ContainerName, NetworkName),
    /// Takes it out again.
    Disconnect(ContainerName, NetworkName),
    /// Removes a container of ours, running or not.
    RemoveContainer(ContainerName, Nameless),
    /// Gives a container of ours another name.
    Rename {
        /// Its name now.
        from: ContainerName,
        /// Its name then.
        to: ContainerName,
    },
    /// Starts a container.
    Start(ContainerName),
    /// Starts a front and waits until it answers.
    StartFront(ContainerName),
    /// Stops a container, with its own signal and grace period.
    Stop(ContainerName),
    /// Sets when the engine starts a container by itself.
    SetRestart(ContainerName, Restart),
    /// Waits until a container is fit to serve.
    AwaitHealthy(ContainerName),
    /// Runs a job to its end.
    RunJob(ContainerName),
    /// Has the front of a service reach these containers.
    Check(ServiceName, Targets),
    /// Has the front of a service send requests there from now on.
    Switch(ServiceName, Targets),
    /// Waits until the earlier containers of a service have answered everything.
    Drain(ServiceName),
    /// Has the front of a service go on as the program of this deployer.
    UpgradeFront(ServiceName),
}

/// The containers that a front sends requests to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// The release that made them.
    pub release: ReleaseNumber,
    /// Their color.
    pub color: Color,
    /// They themselves.
    pub containers: Vec<ContainerName>,
}

/// A call, the call that takes it back, and why it is in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The call.
    pub op: Op,
    /// What takes it back.
    pub undo: Option<Op>,
    /// Why.
    pub cause: String,
}

/// Steps that run at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// What they are about.
    pub title: String,
    /// The steps.
    pub steps: Vec<Step>,
}

/// What a container of a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its service.
    pub service: ServiceName,
    /// The release that made it.
    pub release: ReleaseNumber,
    /// Its color.
    pub color: Color,
    /// Its number.
    pub replica: u32,
    /// Service or job.
    pub role: Role,
    /// The container whose volumes without a name it goes on with.
    #[serde(default)]
    pub inherits: Option<ContainerName>,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// To a new release.
    Deploy,
    /// Back to an earlier one.
    Rollback,
    /// To nothing.
    Down,
}

impl Verb {
    /// As the user typed it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Down => "down",
        }
    }
}

/// Everything that a writing command will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for.
    pub verb: Verb,
    /// On which stack.
    pub stack: StackName,
    /// The release that it makes.
    pub release: Option<ReleaseNumber>,
    /// Taken back from the end when one fails.
    pub waves: Vec<Wave>,
    /// After the commit, forward only.
    pub retire: Vec<Wave>,
    /// The containers that it makes or waits for.
    pub instances: BTreeMap<ContainerName, Instance>,
    /// What the user should know beforehand.
    pub notes: Vec<String>,
}

/// A plan and the release that its commit records.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The release.
    pub release: Release,
}

/// What a planner found.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// This has to be done.
    Change(Box<Planned>),
    /// It is so already: this release has it all.
    Nothing(ReleaseNumber, String),
}

impl Step {
    fn new(op: Op, undo: Option<Op>, cause: impl Into<String>) -> Self {
        Self { op, undo, cause: cause.into() }
    }
}

impl Wave {
    fn new(title: impl Into<String>, steps: Vec<Step>) -> Self {
        Self { title: title.into(), steps }
    }
}
