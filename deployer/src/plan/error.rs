//! Why a stack cannot be planned, each reason with its remedy.

use crate::stack::{ContainerName, NetworkName, ReleaseNumber, ServiceName, StackName, VolumeName};

/// A refusal before anything was touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Another tool runs this project.
    #[error("`docker compose` runs a project named {stack} here (container {container})")]
    ComposeProject {
        /// The project.
        stack: StackName,
        /// One of its containers.
        container: ContainerName,
    },
    /// A name is taken.
    #[error("a container named {0} exists and is not ours")]
    ForeignContainer(ContainerName),
    /// A name is taken.
    #[error("a network named {0} exists and is not ours")]
    ForeignNetwork(NetworkName),
    /// A name is taken.
    #[error("a volume named {0} exists and is not ours")]
    ForeignVolume(VolumeName),
    /// A port is taken.
    #[error("port {port} for service {service} is held by container {holder}{stack}")]
    PortTaken {
        /// `127.0.0.1:8080`.
        port: String,
        /// Who wants it.
        service: ServiceName,
        /// Who has it.
        holder: ContainerName,
        /// Of which stack.
        stack: String,
    },
    /// Two services want one port.
    #[error("services {0} and {1} both publish port {2}")]
    PortTwice(ServiceName, ServiceName, String),
    /// An external network does not exist.
    #[error("external network {0} does not exist")]
    NoNetwork(NetworkName),
    /// An external volume does not exist.
    #[error("external volume {0} does not exist")]
    NoVolume(VolumeName),
    /// A network would have to be made again.
    #[error("the definition of network {0} changed, and containers are in it")]
    NetworkChanged(NetworkName),
    /// A volume would have to be made again.
    #[error("the definition of volume {volume} changed in its {what}, and it holds data")]
    VolumeChanged {
        /// The volume.
        volume: VolumeName,
        /// `driver` or `driver_opts`.
        what: &'static str,
    },
    /// A volume holds something else.
    #[error("volume {volume} holds data in format {found}, and the file now wants {wanted}")]
    VolumeFormat {
        /// The volume.
        volume: VolumeName,
        /// What it holds.
        found: String,
        /// What the file wants.
        wanted: String,
    },
    /// Services wait for each other.
    #[error("services wait for each other: {0}")]
    Cycle(String),
    /// A file without services would end everything that serves.
    #[error("the files of stack {0} have no service to deploy")]
    NoServices(StackName),
    /// Nothing was ever deployed.
    #[error("stack {0} has no release")]
    NoRelease(StackName),
    /// There is nothing before the first release.
    #[error("release {0} is the first one: there is nothing to roll back to")]
    NothingBefore(ReleaseNumber),
    /// No release of that number.
    #[error("stack {stack} has no release {wanted}")]
    NoSuchRelease {
        /// The stack.
        stack: StackName,
        /// What was asked for.
        wanted: ReleaseNumber,
    },
    /// Too old.
    #[error("release {0} is no longer kept")]
    NotKept(ReleaseNumber),
    /// Its image is gone.
    #[error("image {image} of service {service} in release {release} is gone from the engine")]
    ImageGone {
        /// The image.
        image: String,
        /// The service.
        service: ServiceName,
        /// The release.
        release: ReleaseNumber,
    },
    /// Its secrets are gone.
    #[error(
        "volume {volume} with the secrets of service {service} in release {release} is gone from the engine"
    )]
    FilesGone {
        /// The volume.
        volume: VolumeName,
        /// The service.
        service: ServiceName,
        /// The release.
        release: ReleaseNumber,
    },
}

impl PlanError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::ComposeProject { stack, .. } => format!(
                "stop it first (docker compose -p {stack} down; volumes stay), or deploy under another name with -p"
            ),
            Self::ForeignContainer(name) => format!("rename or remove it (docker rename {name} …), then try again"),
            Self::ForeignNetwork(name) => {
                format!("mark it `external: true` to use it, or give yours another `name:` than {name}")
            }
            Self::ForeignVolume(name) => {
                format!("mark it `external: true` to use it, or give yours another `name:` than {name}")
            }
            Self::PortTaken { .. } => "publish another port, or stop the container that holds this one".into(),
            Self::PortTwice(..) => "publish each port once".into(),
            Self::NoNetwork(name) => format!("make it (docker network create {name}), or remove `external: true`"),
            Self::NoVolume(name) => format!("make it (docker volume create {name}), or remove `external: true`"),
            Self::NetworkChanged(_) => {
                "give the changed network another name, or take the stack down first (deployer down keeps volumes)".into()
            }
            Self::VolumeChanged { volume, .. } => format!(
                "put the definition back; or give the changed volume another name, and copy the data of {volume} over"
            ),
            Self::VolumeFormat { volume, found, wanted } => format!(
                "copy the data out through the {found} store, remove the stack and the volume (deployer down, docker \
                 volume rm {volume}), deploy with the {wanted} store and copy it back in; or choose the {found} store \
                 again in COMPOSE_FILE"
            ),
            Self::Cycle(_) => "remove one of these `depends_on` entries".into(),
            Self::NoServices(_) => {
                "look at the files and the profiles that are active; `deployer down` takes a stack down".into()
            }
            Self::NoRelease(_) => "deploy first".into(),
            Self::NothingBefore(_) => "deploy an earlier tag instead".into(),
            Self::NoSuchRelease { .. } | Self::NotKept(_) => "`deployer history` lists the releases that are kept".into(),
            Self::ImageGone { .. } => "deploy that version again: its image has to be built or pulled".into(),
            Self::FilesGone { .. } => "deploy that version again: its secrets have to be written".into(),
        }
    }
}
