//! What is to be loaded: the caller's wishes, and the files that follow from them.
//!
//! It must never read the process environment or the current directory: both are in the request.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::environment::{self, add_file};
use crate::report::{Problem, Report, Stop};
use crate::resolve;
use crate::source::Span;

const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] = [
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// What is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Compose files, later ones over earlier ones. Empty: those of `COMPOSE_FILE`, else the usual names, looked
    /// for here and in the folders above, with their override file.
    pub files: Vec<PathBuf>,
    /// Relative paths start here. Absent: the folder of the first file.
    pub project_directory: Option<PathBuf>,
    /// The project's name. Absent: `COMPOSE_PROJECT_NAME`, else the file's `name`, else the folder's name.
    pub project_name: Option<String>,
    /// Files with variables. Empty: those of `COMPOSE_ENV_FILES`, else `.env` in the project directory if there.
    pub env_files: Vec<PathBuf>,
    /// The process environment; it wins over env files.
    pub environment: BTreeMap<String, String>,
    /// Variables that win over everything.
    pub overrides: BTreeMap<String, String>,
    /// Active profiles, besides those of `COMPOSE_PROFILES`; `*` is all.
    pub profiles: Vec<String>,
    /// Relative paths of the request start here.
    pub current_directory: PathBuf,
}

/// A request with everything that was left open decided.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub files: Vec<PathBuf>,
    pub directory: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub profiles: BTreeSet<String>,
}

impl Request {
    /// Decides what was left open.
    pub(crate) fn plan(&self, report: &mut Report) -> Result<Plan, Stop> {
        let mut environment = self.environment.clone();
        environment.extend(self.overrides.clone());
        let here = resolve::tidy(&self.current_directory);
        let start = self.project_directory.as_ref().map_or_else(|| here.clone(), |path| self.absolute(path));
        let listed = self.env_files(&environment);
        self.read_env_files(report, &mut environment, &listed, &start)?;
        let files = self.files(report, &environment)?;
        let folder = files.first().and_then(|file| file.parent()).map_or(here, Path::to_owned);
        let directory = if self.project_directory.is_some() { start.clone() } else { folder };
        if directory != start {
            self.read_env_files(report, &mut environment, &listed, &directory)?;
        }
        let named = environment.get("COMPOSE_PROFILES").map(String::as_str).unwrap_or_default();
        let profiles = self.profiles.iter().map(String::as_str).chain(named.split(','));
        let profiles = profiles.map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        Ok(Plan { files, directory, environment, profiles })
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        resolve::tidy(&self.current_directory.join(path))
    }

    fn env_files(&self, environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
        if !self.env_files.is_empty() {
            return self.env_files.iter().map(|path| self.absolute(path)).collect();
        }
        let named = environment.get("COMPOSE_ENV_FILES").map(String::as_str).unwrap_or_default();
        let named = named.split(',').filter(|path| !path.is_empty());
        named.map(|path| self.absolute(Path::new(path))).collect()
    }

    /// Reads the listed env files, later ones over earlier ones, or the usual one.
    fn read_env_files(
        &self,
        report: &mut Report,
        environment: &mut BTreeMap<String, String>,
        listed: &[PathBuf],
        directory: &Path,
    ) -> Result<(), Stop> {
        let usual = directory.join(".env");
        if listed.is_empty() && usual.is_file() {
            return add_file(report, environment, &usual, Span::NOWHERE);
        }
        let mut values = BTreeMap::new();
        for path in listed {
            let (first, last) =
                (|name: &str| environment.get(name).cloned(), |name: &str| values.get(name).cloned());
            let read = environment::read(report, path, Span::NOWHERE, &first, &last)?;
            values.extend(read);
        }
        for (name, value) in values {
            environment.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn files(
        &self,
        report: &mut Report,
        environment: &BTreeMap<String, String>,
    ) -> Result<Vec<PathBuf>, Stop> {
        if !self.files.is_empty() {
            return Ok(self.files.iter().map(|path| self.absolute(path)).collect());
        }
        let separator = environment.get("COMPOSE_PATH_SEPARATOR").map_or(":", String::as_str);
        let listed = environment.get("COMPOSE_FILE").map(String::as_str).unwrap_or_default();
        let listed = listed.split(separator).filter(|path| !path.is_empty());
        let listed: Vec<PathBuf> = listed.map(|path| self.absolute(Path::new(path))).collect();
        if !listed.is_empty() {
            return Ok(listed);
        }
        let start = self
            .project_directory
            .as_ref()
            .map_or(self.current_directory.clone(), |path| self.absolute(path));
        usual_files(&start).map_or_else(
            || {
                let message = format!("no Compose file in `{}` or a folder above it", start.display());
                report.stop(
                    Problem::error("no-file", Span::NOWHERE, message)
                        .help("create `compose.yaml`, or name a file with `-f`"),
                )
            },
            Ok,
        )
    }
}

/// The usual file of the nearest folder that has one, with its override.
fn usual_files(start: &Path) -> Option<Vec<PathBuf>> {
    let found = start.ancestors().find_map(|folder| existing(folder, &NAMES))?;
    let folder = found.parent()?.to_owned();
    Some(std::iter::once(found).chain(existing(&folder, &OVERRIDES)).collect())
}

fn existing(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}
