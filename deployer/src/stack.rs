//! The vocabulary: a stack as it should be, and a release as it was recorded.
//!
//! Plain data. It must never do I/O, and everything in it can be stored and read back by a later version.

use std::collections::BTreeMap;
use std::fmt;

use compose_file::model;
use serde::{Deserialize, Serialize};

mod hash;
mod kind;
mod names;
mod newer;
mod resolve;
mod settings;
mod support;

pub use hash::{ConfigHash, Key};
pub use names::{ContainerName, ImageId, NetworkName, ReleaseNumber, ServiceName, StackName, VolumeName};
pub use newer::newer_keys;
pub use resolve::{
    Context, FileContents, FileEntry, ImageFacts, RELEASE_TOKEN, REVISION_TOKEN, Refusal, Resolved,
    bind_text, resolve,
};
pub use settings::{Check, CheckStep, HostCommand, Settings, Standby, VolumeSettings, parse_duration};
pub use support::{is_inline, refusals, without_effect};

/// One of the two sets of containers that a service can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// The first one.
    Blue,
    /// The other one.
    Green,
}

impl Color {
    /// The other color.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// `blue` or `green`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// The color of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Blue, Self::Green].into_iter().find(|color| color.as_str() == text)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a service gets from one release to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Behind a front: the new color starts beside the old one, then the front switches.
    TwoColor,
    /// No port, no front: the new containers start, then the old ones stop.
    Portless,
    /// It cannot run twice, for this reason: the old containers stop before the new ones start.
    InPlace(String),
    /// Runs once per deploy, to its end, before anything switches.
    Job,
}

/// A whole stack, ready to be planned: nothing is left to look up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// The Compose project's name.
    pub name: StackName,
    /// Its services.
    pub services: BTreeMap<ServiceName, Service>,
    /// Its networks, by their key in the file.
    pub networks: BTreeMap<String, model::Network>,
    /// Its named volumes, by their key in the file.
    pub volumes: BTreeMap<String, model::Volume>,
    /// What `x-deployer` says.
    #[serde(default)]
    pub settings: Settings,
}

/// One service of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// How it is replaced.
    pub kind: Kind,
    /// What the file says.
    pub definition: model::Service,
    /// What it runs.
    pub image: Image,
    /// How many containers.
    pub replicas: u32,
    /// Changes when anything changes that its containers are made from.
    pub hash: ConfigHash,
    /// The proxy before it, for [`Kind::TwoColor`].
    pub front: Option<Front>,
    /// Its secrets and configs.
    pub files: Option<FileSet>,
}

/// An image, by the name that the container shows and by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The reference that containers are created with.
    pub reference: String,
    /// The content that the reference must stand for.
    pub id: ImageId,
    /// It was built here: `reference` is a tag of ours, one per release.
    pub built: bool,
    /// `VOLUME` paths that no mount of the service covers: anonymous volumes.
    #[serde(default)]
    pub anonymous: Vec<String>,
    /// The container has a health check, its own or the image's.
    pub healthcheck: bool,
    /// TCP ports that the image exposes and the file does not mention.
    #[serde(default)]
    pub exposed: Vec<u16>,
}

/// The proxy before a two-color service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Front {
    /// Ports inside the networks.
    pub listeners: Vec<front::Listener>,
    /// Ports on the host.
    pub published: Vec<model::Port>,
    /// Changes when the front needs a new container.
    pub hash: ConfigHash,
}

/// The secrets and configs of a service: one volume, named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSet {
    /// The volume.
    pub volume: VolumeName,
    /// Its files: name below the volume's root, and path in the container.
    pub mounts: Vec<(String, String)>,
}

/// What becomes of a container's volumes that have no name when it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nameless {
    /// They go with it.
    Remove,
    /// They stay on the engine.
    Keep,
}

/// Which containers of a service serve a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// The release that made them.
    pub made_in: ReleaseNumber,
    /// Their color.
    pub color: Color,
    /// How many they are.
    pub replicas: u32,
}

/// One deployed version of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Its number.
    pub number: ReleaseNumber,
    /// Its tag.
    pub tag: String,
    /// The release that it repeats, for a rollback.
    pub source: Option<ReleaseNumber>,
    /// The git revision of the project.
    pub revision: Option<String>,
    /// When it was committed, RFC 3339, UTC.
    pub created: String,
    /// `user@host`.
    pub by: String,
    /// The deployer's own image that its command used: what its fronts run. Older records have none.
    #[serde(default)]
    pub agent: Option<String>,
    /// Where each service's requests go.
    pub serving: BTreeMap<ServiceName, Serving>,
    /// Its definition, as long as it is kept.
    pub stack: Option<Stack>,
}

impl Release {
    /// The release whose content this is.
    #[must_use]
    pub fn content(&self) -> ReleaseNumber {
        self.source.unwrap_or(self.number)
    }

    /// Its containers and fronts would be made from the same as those of the other one, as far as both are kept.
    #[must_use]
    pub fn deploys_the_same(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (&self.stack, &other.stack) else { return false };
        let made_from = |service: &Service| {
            (service.hash.clone(), service.replicas, service.front.as_ref().map(|front| front.hash.clone()))
        };
        one.services.len() == other.services.len()
            && one.services.iter().all(|(name, service)| {
                other.services.get(name).is_some_and(|other| made_from(service) == made_from(other))
            })
    }

    /// The names that the images built for it have by its number. None when its definition is no longer kept.
    #[must_use]
    pub fn names_by_number(&self) -> BTreeMap<String, ImageId> {
        self.built().map(|image| (image.reference.clone(), image.id.clone())).collect()
    }

    /// The names that the same images got from the build, by its tag.
    #[must_use]
    pub fn names_by_tag(&self) -> BTreeMap<String, ImageId> {
        let by_tag = |image: &Image| {
            let repository = image.reference.rsplit_once(':').map_or("", |(repository, _)| repository);
            (format!("{repository}:{}", self.tag), image.id.clone())
        };
        self.built().map(by_tag).collect()
    }

    fn built(&self) -> impl Iterator<Item = &Image> {
        let services = self.stack.iter().flat_map(|stack| stack.services.values());
        services.map(|service| &service.image).filter(|image| image.built)
    }
}

impl Service {
    /// TCP ports that the file declares, published ones and others. Those of the image are not among them: images
    /// often expose ports on which nobody listens.
    #[must_use]
    pub fn declared_ports(&self) -> Vec<u16> {
        let published = self.definition.ports.iter().map(|port| (port.target, port.protocol));
        let exposed = self.definition.expose.iter().map(|port| (port.port, port.protocol));
        let tcp = published.chain(exposed).filter(|(_, protocol)| *protocol == model::Protocol::Tcp);
        let mut ports: Vec<u16> = tcp.map(|(port, _)| port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

impl Stack {
    /// The services that a service waits for, jobs included.
    pub fn dependencies<'a>(
        &'a self,
        service: &'a Service,
    ) -> impl Iterator<Item = (&'a ServiceName, model::Condition)> {
        service.definition.depends_on.iter().filter_map(|(name, dependency)| {
            Some((self.services.get_key_value(name.as_str())?.0, dependency.condition))
        })
    }

    /// The engine's name of a network, by its key in the file.
    #[must_use]
    pub fn network(&self, key: &str) -> Option<NetworkName> {
        self.networks.get(key).map(|network| NetworkName::new(&network.name))
    }

    /// This stack with the release's number and the project's revision where the file asks for them.
    ///
    /// They are bound after hashing, because a new number alone is not a change.
    #[must_use]
    pub fn bind(&self, release: ReleaseNumber, revision: Option<&str>) -> Self {
        let text = serde_json::to_string(self).expect("a stack is plain data");
        let bound = bind_text(&text, release, revision);
        serde_json::from_str(&bound).expect("numbers and revisions need no escaping in JSON")
    }
}
