//! A loaded project and what its images turned out to be become a [`Stack`].
//!
//! Pure: files were read and images inspected before.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use compose_file::model::{self, MountKind, Project};

use super::kind::{anonymous_volumes, fixed_address, kind_of, tcp_ports};
use super::{
    ConfigHash, FileSet, Front, Image, ImageId, Key, Kind, ReleaseNumber, Service, ServiceName, Settings,
    Stack, StackName, VolumeName,
};

/// Stands for the release's number until it is known.
pub const RELEASE_TOKEN: &str = "deployer0release0number";
/// Stands for the project's revision until hashing is over.
pub const REVISION_TOKEN: &str = "deployer0git0revision";

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// The reference that containers are created with.
    pub reference: String,
    /// Its content.
    pub id: ImageId,
    /// It was built here.
    pub built: bool,
    /// TCP ports it exposes.
    pub exposed: Vec<u16>,
    /// Its `VOLUME` paths.
    pub volumes: Vec<String>,
    /// It has a health check.
    pub healthcheck: bool,
}

/// The content of secrets, configs and read-only bind-mounted files.
#[derive(Default)]
pub struct FileContents {
    /// Of secrets, by key.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Of configs, by key.
    pub configs: BTreeMap<String, Vec<u8>>,
    /// Of single files that are bind-mounted read-only, by path.
    pub binds: BTreeMap<PathBuf, Vec<u8>>,
}

impl fmt::Debug for FileContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileContents({} secrets, {} configs)", self.secrets.len(), self.configs.len())
    }
}

/// One file of a content volume.
pub struct FileEntry {
    /// Its name below the volume's root.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Mode bits.
    pub mode: u32,
}

/// Everything that [`resolve`] needs.
pub struct Context<'a> {
    /// The typed project.
    pub project: &'a Project,
    /// Its `x-deployer`.
    pub settings: &'a Settings,
    /// Facts of every service's image.
    pub images: &'a BTreeMap<ServiceName, ImageFacts>,
    /// File contents.
    pub files: &'a FileContents,
    /// The stack's key.
    pub key: &'a Key,
}

/// The stack, and the content of its file volumes, which is kept apart from it because it is secret.
pub struct Resolved {
    /// The stack.
    pub stack: Stack,
    /// File volumes by name.
    pub contents: BTreeMap<VolumeName, Vec<FileEntry>>,
}

/// Something that a deploy cannot do, at its place in the normalised document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `services.web.network_mode`.
    pub place: String,
    /// What.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Makes the stack, or says everything that stands in the way.
///
/// # Errors
/// All refusals at once.
pub fn resolve(context: &Context<'_>) -> Result<Resolved, Vec<Refusal>> {
    let project = context.project;
    let name = StackName::new(&project.name);
    let mut services = BTreeMap::new();
    let mut contents = BTreeMap::new();
    let mut refusals = super::support::refusals(project);
    for (key, definition) in &project.services {
        let service_name = ServiceName::new(key);
        let Some(image) = context.images.get(&service_name) else { continue };
        match file_entries(context, key, definition) {
            Ok(entries) => {
                let files = file_set(context.key, &name, &entries);
                if let Some((set, entries)) = files.clone().zip(Some(entries)) {
                    contents
                        .insert(set.volume.clone(), entries.into_iter().map(|(entry, _)| entry).collect());
                }
                let service = service(context, &service_name, definition, image, files);
                refusals.extend(shared_address(key, &service));
                services.insert(service_name, service);
            }
            Err(refusal) => refusals.push(refusal),
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let stack = Stack {
        name,
        services,
        networks: project.networks.clone(),
        volumes: project.volumes.clone(),
        settings: context.settings.clone(),
    };
    Ok(Resolved { stack, contents })
}

/// The same text with the release's number and the revision in the places of their tokens.
#[must_use]
pub fn bind_text(text: &str, release: ReleaseNumber, revision: Option<&str>) -> String {
    text.replace(RELEASE_TOKEN, &release.to_string()).replace(REVISION_TOKEN, revision.unwrap_or("unknown"))
}

fn service(
    context: &Context<'_>,
    name: &ServiceName,
    definition: &model::Service,
    facts: &ImageFacts,
    files: Option<FileSet>,
) -> Service {
    let kind = kind_of(context.project, name, definition, facts);
    let replicas = replicas(definition, &kind);
    let image = Image {
        reference: facts.reference.clone(),
        id: facts.id.clone(),
        built: facts.built,
        anonymous: anonymous_volumes(definition, facts),
        healthcheck: has_healthcheck(definition, facts),
        exposed: facts.exposed.clone(),
    };
    let hash = service_hash(context, definition, &kind, facts, files.as_ref());
    let front = (kind == Kind::TwoColor).then(|| front(context, name, definition, facts));
    Service { kind, definition: definition.clone(), image, replicas, hash, front, files }
}

/// Without a front before them, the replicas themselves would have to share the address.
fn shared_address(key: &str, service: &Service) -> Option<Refusal> {
    let address = fixed_address(&service.definition).filter(|_| service.front.is_none())?;
    (service.replicas > 1).then(|| Refusal {
        place: format!("services.{key}.networks"),
        message: format!("{} replicas cannot share `{address}`", service.replicas),
        help: "remove the address: the service's name stands for all replicas".into(),
    })
}

fn replicas(definition: &model::Service, kind: &Kind) -> u32 {
    let wanted = definition.deploy.replicas.unwrap_or(1);
    if *kind == Kind::Job { 1 } else { u32::try_from(wanted).unwrap_or(u32::MAX) }
}

fn has_healthcheck(definition: &model::Service, facts: &ImageFacts) -> bool {
    match &definition.healthcheck {
        Some(check) if check.disable || check.test.first().is_some_and(|word| word == "NONE") => false,
        Some(check) if !check.test.is_empty() => true,
        _ => facts.healthcheck,
    }
}

fn front(
    context: &Context<'_>,
    name: &ServiceName,
    definition: &model::Service,
    facts: &ImageFacts,
) -> Front {
    let listeners: Vec<front::Listener> =
        tcp_ports(definition, facts).into_iter().map(|port| listener(definition, port)).collect();
    let published: Vec<model::Port> = definition.ports.clone();
    let addresses: BTreeMap<_, _> = definition
        .networks
        .iter()
        .filter(|(_, attachment)| {
            let fixed = attachment.ipv4_address.is_some() || attachment.ipv6_address.is_some();
            fixed || attachment.mac_address.is_some() || !attachment.aliases.is_empty()
        })
        .collect();
    let settings = &context.settings;
    let proxied = settings.proxy_protocol.iter().any(|service| service == name.as_str());
    let (hold, trusted, metrics) = (&settings.hold, &settings.trusted_proxies, settings.metrics);
    let parts = (&listeners, &published, &addresses, hold, trusted, metrics, proxied);
    let text = serde_json::to_vec(&parts).expect("a front's options are plain data");
    Front { listeners, published, hash: context.key.hash([b"front".as_slice(), &text]) }
}

fn listener(definition: &model::Service, port: u16) -> front::Listener {
    let mut published = definition.ports.iter().filter(|entry| entry.target == port).peekable();
    let mode = match published.peek().and_then(|entry| entry.app_protocol.as_deref()) {
        Some("http" | "http1" | "http/1.1" | "ws") => front::Mode::Http,
        Some(_) => front::Mode::Tcp,
        None => front::Mode::Auto,
    };
    let loopback = published.peek().is_some()
        && published
            .all(|entry| entry.host_ip.as_deref().is_some_and(|ip| ip.starts_with("127.") || ip == "::1"));
    front::Listener { port, mode, loopback }
}

/// What the containers are made from, and nothing that only says when or beside what they start.
fn service_hash(
    context: &Context<'_>,
    definition: &model::Service,
    kind: &Kind,
    facts: &ImageFacts,
    files: Option<&FileSet>,
) -> ConfigHash {
    let mut definition = definition.clone();
    definition.build = None;
    definition.image = None;
    definition.pull_policy = None;
    definition.depends_on.clear();
    definition.extensions.clear();
    definition.deploy.update_config = None;
    definition.deploy.rollback_config = None;
    definition.deploy.labels.clear();
    definition.deploy.replicas = None;
    definition.secrets.clear();
    definition.configs.clear();
    if *kind == Kind::TwoColor {
        definition.ports.clear();
        definition.expose.clear();
    }
    let networks: Vec<_> =
        definition.networks.keys().filter_map(|key| context.project.networks.get(key)).collect();
    let volumes: Vec<_> =
        named_volumes(&definition).filter_map(|key| context.project.volumes.get(key)).collect();
    let binds: Vec<_> = definition
        .volumes
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind { source, .. } => context.files.binds.get(&PathBuf::from(source)),
            _ => None,
        })
        .collect();
    let parts = (&definition, &facts.id, &networks, &volumes, files, &binds, matches!(kind, Kind::Job));
    let text = serde_json::to_vec(&parts).expect("a definition is plain data");
    context.key.hash([b"service".as_slice(), &text])
}

fn named_volumes(definition: &model::Service) -> impl Iterator<Item = &String> {
    definition.volumes.iter().filter_map(|mount| match &mount.kind {
        MountKind::Volume { source, .. } => source.as_ref(),
        _ => None,
    })
}

/// The files of a service, each with the path it is seen at.
fn file_entries(
    context: &Context<'_>,
    key: &str,
    definition: &model::Service,
) -> Result<Vec<(FileEntry, String)>, Refusal> {
    let secrets = definition.secrets.iter().map(|mount| (mount, "secrets", &context.files.secrets));
    let configs = definition.configs.iter().map(|mount| (mount, "configs", &context.files.configs));
    let mut entries = Vec::new();
    for (index, (mount, section, contents)) in secrets.chain(configs).enumerate() {
        let Some(content) = contents.get(&mount.source) else { continue };
        let number = |field: &str, value: &Option<String>| match value {
            None => Ok(0),
            Some(text) => text.parse::<u64>().map_err(|_| Refusal {
                place: format!("services.{key}.{section}"),
                message: format!("{field} `{text}` is not a number"),
                help: format!("give the numeric {field}: names differ from image to image"),
            }),
        };
        let entry = FileEntry {
            name: index.to_string(),
            content: content.clone(),
            uid: number("uid", &mount.uid)?,
            gid: number("gid", &mount.gid)?,
            mode: mount.mode.unwrap_or(0o444),
        };
        entries.push((entry, mount.target.clone()));
    }
    Ok(entries)
}

fn file_set(key: &Key, stack: &StackName, entries: &[(FileEntry, String)]) -> Option<FileSet> {
    if entries.is_empty() {
        return None;
    }
    let heads: Vec<String> = entries
        .iter()
        .map(|(entry, target)| format!("{} {} {:o} {target}", entry.uid, entry.gid, entry.mode))
        .collect();
    let parts = entries.iter().zip(&heads).flat_map(|((entry, _), head)| [head.as_bytes(), &entry.content]);
    let ConfigHash(hash) = key.hash(parts);
    let volume = VolumeName::new(format!("{stack}-files-{}", &hash[..16]));
    let mounts = entries.iter().map(|(entry, target)| (entry.name.clone(), target.clone())).collect();
    Some(FileSet { volume, mounts })
}
