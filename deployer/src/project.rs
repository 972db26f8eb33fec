//! The loaded files with everything that a stack is made of, except its images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use compose_file::model::{FileOrigin, FileSource, MountKind, Project, PullPolicy};
use compose_file::{Diagnostics, Loaded, Severity};
use semver::Version;

use crate::commands::Session;
use crate::error::{Code, Failure};
use crate::stack::{
    self, FileContents, HostCommand, ImageFacts, Key, RELEASE_TOKEN, REVISION_TOKEN, Refusal, ReleaseNumber,
    Resolved, ServiceName, Settings, StackName,
};

/// A single bind-mounted file that is larger than this is not read for the hash; its path and size count instead.
const BIND_LIMIT: u64 = 1 << 20;

/// The top-level key for what Compose has no word for.
const SETTINGS: &str = "x-deployer";

/// What the user's files say.
pub struct Workspace {
    /// The files.
    pub loaded: Loaded,
    /// Their meaning.
    pub project: Project,
    /// `x-deployer`.
    pub settings: Settings,
    /// The git revision.
    pub revision: Option<String>,
    /// The tag of the release.
    pub tag: String,
    /// Contents of secrets and configs.
    pub files: FileContents,
}

impl Workspace {
    /// Loads everything. Without a tag, the git revision is the tag.
    ///
    /// # Errors
    /// Diagnostics for the files, or a secret that cannot be read.
    pub fn open(session: &Session, tag: Option<&str>) -> anyhow::Result<Self> {
        let revision = session.revision()?;
        let tag = tag.map(str::to_owned).or_else(|| revision.clone()).unwrap_or_else(|| "latest".into());
        let loaded = session.load_for(&tag, RELEASE_TOKEN, REVISION_TOKEN)?;
        let project = loaded.project()?;
        let settings = settings(&loaded, &project)?;
        refuse(&loaded, stack::refusals(&project))?;
        let files = read_files(&loaded, &project)?;
        Ok(Self { loaded, project, settings, revision, tag, files })
    }

    /// The stack's name.
    #[must_use]
    pub fn name(&self) -> StackName {
        StackName::new(&self.project.name)
    }

    /// The services that have to be built, of those that are wanted.
    #[must_use]
    pub fn builds(&self, wanted: &Wanted) -> Vec<ServiceName> {
        let services = self
            .project
            .services
            .iter()
            .filter(|(name, service)| service.build.is_some() && wanted.has(name));
        services.map(|(name, _)| ServiceName::new(name)).collect()
    }

    /// One of the wanted images has to be asked for at its registry, whatever the engine has.
    #[must_use]
    pub fn always_pulls(&self, wanted: &Wanted) -> bool {
        let mut services = self.project.services.iter().filter(|(name, _)| wanted.has(name));
        services
            .any(|(_, service)| service.build.is_none() && service.pull_policy == Some(PullPolicy::Always))
    }

    /// What a service is built from, with the release's number and the revision where the file asks for them.
    #[must_use]
    pub fn bound(&self, release: ReleaseNumber) -> Project {
        let text = serde_json::to_string(&self.project).expect("a project is plain data");
        let bound = stack::bind_text(&text, release, self.revision.as_deref());
        serde_json::from_str(&bound).expect("numbers and revisions need no escaping in JSON")
    }

    /// The host commands, with the release's number and the revision where the file asks for them.
    #[must_use]
    pub fn commands(&self, release: ReleaseNumber) -> Vec<HostCommand> {
        let bind = |text: &String| stack::bind_text(text, release, self.revision.as_deref());
        let bound = |command: &HostCommand| match command {
            HostCommand::Line(line) => HostCommand::Line(bind(line)),
            HostCommand::Program(words) => HostCommand::Program(words.iter().map(bind).collect()),
        };
        self.settings.build.iter().map(bound).collect()
    }

    /// The stack, once its images are known.
    ///
    /// # Errors
    /// Everything that a deploy cannot do, each at its place.
    pub fn resolve(
        &self,
        images: &BTreeMap<ServiceName, ImageFacts>,
        key: &Key,
    ) -> Result<Resolved, Diagnostics> {
        let (project, settings, files) = (&self.project, &self.settings, &self.files);
        stack::resolve(&stack::Context { project, settings, images, files, key })
            .map_err(|refusals| in_words(&self.loaded, refusals))
    }

    /// Refuses what needs a newer engine than one that speaks this version of the API.
    ///
    /// # Errors
    /// Every such key, each at its place.
    pub fn check_engine(&self, api: &Version) -> Result<(), Diagnostics> {
        refuse(&self.loaded, stack::newer_keys(&self.project, api))
    }
}

fn refuse(loaded: &Loaded, refusals: Vec<Refusal>) -> Result<(), Diagnostics> {
    if refusals.is_empty() { Ok(()) } else { Err(in_words(loaded, refusals)) }
}

/// Refusals at their places in the files.
fn in_words(loaded: &Loaded, refusals: Vec<Refusal>) -> Diagnostics {
    let diagnostic = |refusal: Refusal| {
        loaded.diagnostic_at(&refusal.place, Severity::Error, &refusal.message, Some(&refusal.help))
    };
    Diagnostics(refusals.into_iter().map(diagnostic).collect())
}

/// The services that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Every one.
    All,
    /// These, and what they depend on.
    Some(BTreeSet<String>),
}

impl Wanted {
    /// From the command line.
    ///
    /// # Errors
    /// When a service does not exist.
    pub fn parse(project: &Project, names: &[String]) -> Result<Self, Failure> {
        if names.is_empty() {
            return Ok(Self::All);
        }
        let mut wanted = BTreeSet::new();
        let mut open: Vec<&str> = names.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            let service = project.services.get(name).ok_or_else(|| {
                let known: Vec<&str> = project.services.keys().map(String::as_str).collect();
                Failure::new(Code::Usage, format!("there is no service {name}"))
                    .hint(format!("the services are: {}", known.join(", ")))
            })?;
            if wanted.insert(name.to_owned()) {
                open.extend(service.depends_on.keys().map(String::as_str));
            }
        }
        Ok(Self::Some(wanted))
    }

    /// This service is one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.contains(name),
        }
    }
}

fn settings(loaded: &Loaded, project: &Project) -> Result<Settings, Diagnostics> {
    if let Some(place) = loaded.left_out(SETTINGS) {
        let message = "`x-deployer` has no meaning in a file that is included";
        let help = Some("move it to the file that includes this one");
        return Err(Diagnostics(vec![loaded.diagnostic(place, Severity::Error, message, help)]));
    }
    let Some(value) = project.extensions.get(SETTINGS) else { return Ok(Settings::default()) };
    let mut settings: Settings = serde_json::from_value(value.clone()).map_err(|error| {
        let help = "docs/x-deployer.md lists its keys";
        Diagnostics(vec![loaded.diagnostic_at(SETTINGS, Severity::Error, &error.to_string(), Some(help))])
    })?;
    refuse(loaded, settings.check(project))?;
    settings.checks.retain(|check| !project.inactive.services.contains(&check.service));
    Ok(settings)
}

fn read_files(loaded: &Loaded, project: &Project) -> Result<FileContents, Diagnostics> {
    let mut problems = Vec::new();
    let mut read = |section: &str, files: &BTreeMap<String, FileSource>| {
        let mut contents = BTreeMap::new();
        for (key, file) in files {
            match content(loaded, &file.origin) {
                Ok(Some(bytes)) => drop(contents.insert(key.clone(), bytes)),
                Ok(None) => {}
                Err((message, help)) => {
                    let place = format!("{section}.{key}");
                    problems.push(loaded.diagnostic_at(&place, Severity::Error, &message, Some(help)));
                }
            }
        }
        contents
    };
    let secrets = read("secrets", &project.secrets);
    let configs = read("configs", &project.configs);
    if problems.is_empty() {
        Ok(FileContents { secrets, configs, binds: binds(project) })
    } else {
        Err(Diagnostics(problems))
    }
}

fn content(loaded: &Loaded, origin: &FileOrigin) -> Result<Option<Vec<u8>>, (String, &'static str)> {
    let text = match origin {
        FileOrigin::Content(text) => Some(text),
        FileOrigin::Environment(name) => loaded.environment().get(name),
        _ => None,
    };
    if text.is_some_and(|text| text.contains(RELEASE_TOKEN) || text.contains(REVISION_TOKEN)) {
        // A file is named by its content and shared by the releases that have the same: there is no number to give it.
        let message = "the release's number and the revision are not known for the content of a file";
        return Err((message.into(), "pass DEPLOYER_RELEASE or DEPLOYER_REVISION in `environment` instead"));
    }
    match origin {
        FileOrigin::External => Ok(None),
        FileOrigin::Content(text) => Ok(Some(text.clone().into_bytes())),
        FileOrigin::Environment(name) => match loaded.environment().get(name) {
            Some(value) => Ok(Some(value.clone().into_bytes())),
            None => Err((format!("variable {name} is not set"), "set it in .env or in the environment")),
        },
        FileOrigin::File(path) => std::fs::read(path).map(Some).map_err(|error| {
            (format!("{} cannot be read: {error}", path.display()), "make the file, or correct its path")
        }),
    }
}

/// Files that are mounted read-only are part of what a service runs on, so their content counts.
fn binds(project: &Project) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mounts =
        project.services.values().flat_map(|service| &service.volumes).filter(|mount| mount.read_only);
    let sources = mounts.filter_map(|mount| match &mount.kind {
        MountKind::Bind { source, .. } => Some(Path::new(source)),
        _ => None,
    });
    sources
        .filter(|path| path.metadata().is_ok_and(|found| found.is_file() && found.len() <= BIND_LIMIT))
        .filter_map(|path| Some((path.to_owned(), std::fs::read(path).ok()?)))
        .collect()
}
