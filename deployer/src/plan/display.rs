//! A plan as text: one line a step with op, undo and cause. What `--dry-run` prints and what the golden tests compare.

use std::fmt;

use compose_file::model::Restart;

use super::{Op, Plan, Targets, Wave};

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TagImage(_, reference) => write!(f, "tag image {reference}"),
            Self::UntagImage(_, reference) => write!(f, "untag image {reference}"),
            Self::CreateNetwork(name) => write!(f, "create network {name}"),
            Self::RemoveNetwork(name) => write!(f, "remove network {name}"),
            Self::CreateVolume(name, _) => write!(f, "create volume {name}"),
            Self::FillVolume(name) => write!(f, "write secrets and configs to volume {name}"),
            Self::RemoveVolume(name) => write!(f, "remove volume {name}"),
            Self::CreateContainer(name) => write!(f, "create container {name}"),
            Self::CreateFront(service) => write!(f, "create the front of {service}"),
            Self::Connect(name, network) => write!(f, "connect {name} to network {network}"),
            Self::Disconnect(name, network) => write!(f, "disconnect {name} from network {network}"),
            Self::RemoveContainer(name, _) => write!(f, "remove container {name}"),
            Self::Rename { from, to } => write!(f, "rename container {from} to {to}"),
            Self::Start(name) => write!(f, "start {name}"),
            Self::StartFront(name) => write!(f, "start {name} and wait until it answers"),
            Self::Stop(name) => write!(f, "stop {name}"),
            Self::SetRestart(name, policy) => write!(f, "set restart policy of {name} to {}", spell(*policy)),
            Self::AwaitHealthy(name) => write!(f, "wait until {name} is fit to serve"),
            Self::RunJob(name) => write!(f, "run job {name}"),
            Self::Check(service, targets) => write!(f, "have the front of {service} reach {targets}"),
            Self::Switch(service, targets) => write!(f, "switch {service} to {targets}"),
            Self::Drain(service) => write!(f, "drain the earlier containers of {service}"),
            Self::UpgradeFront(service) => write!(f, "upgrade the front of {service}"),
        }
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (release {}, {} replicas)", self.color, self.release, self.containers.len())
    }
}

/// A restart policy in Compose's spelling.
pub fn spell(policy: Restart) -> String {
    match policy {
        Restart::No => "no".into(),
        Restart::Always => "always".into(),
        Restart::UnlessStopped => "unless-stopped".into(),
        Restart::OnFailure(None) => "on-failure".into(),
        Restart::OnFailure(Some(most)) => format!("on-failure:{most}"),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.release {
            Some(release) => writeln!(f, "{} of {} to release {release}", self.verb.as_str(), self.stack)?,
            None => writeln!(f, "{} of {}", self.verb.as_str(), self.stack)?,
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for (number, wave) in self.waves.iter().enumerate() {
            write_wave(f, &format!("{}", number + 1), wave)?;
        }
        writeln!(f, "commit")?;
        for (number, wave) in self.retire.iter().enumerate() {
            write_wave(f, &format!("{}", self.waves.len() + number + 1), wave)?;
        }
        Ok(())
    }
}

fn write_wave(f: &mut fmt::Formatter<'_>, number: &str, wave: &Wave) -> fmt::Result {
    writeln!(f, "{number}. {}", wave.title)?;
    for step in &wave.steps {
        write!(f, "   {}", step.op)?;
        if let Some(undo) = &step.undo {
            write!(f, " | undo: {undo}")?;
        }
        writeln!(f, " | {}", step.cause)?;
    }
    Ok(())
}
