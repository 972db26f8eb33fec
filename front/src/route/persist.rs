//! The route on disk, so that a front that was killed knows where to send requests before anyone tells it.
//! Must never throw away a file that it cannot read: it is moved aside for a person.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::admin::Route;

/// The version of the file's format.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    format: u32,
    route: Route,
}

/// The folder that holds the route.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn file(&self) -> PathBuf {
        self.folder.join("route.json")
    }

    /// The route of the last life, if one was saved.
    pub(crate) fn load(&self) -> Option<Route> {
        let bytes = match fs::read(self.file()) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => {
                tracing::error!(file = %self.file().display(), error = %e, "the saved route cannot be read");
                return None;
            }
        };
        match parse(&bytes) {
            Ok(route) => Some(route),
            Err(reason) => {
                self.set_aside(&reason);
                None
            }
        }
    }

    fn set_aside(&self, reason: &str) {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let aside = self.folder.join(format!("route.json.unreadable-{seconds}"));
        let kept = fs::rename(self.file(), &aside);
        tracing::error!(
            reason,
            kept = %aside.display(),
            moved = kept.is_ok(),
            "the saved route is not understood; requests wait until a route is set"
        );
    }

    /// Makes the route outlive a crash of the front, and of the host.
    pub(crate) fn save(&self, route: &Route) -> io::Result<()> {
        let saved = Saved { format: FORMAT, route: route.clone() };
        let temporary = self.folder.join("route.json.new");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(&saved)?)?;
        file.sync_all()?;
        fs::rename(&temporary, self.file())?;
        File::open(&self.folder)?.sync_all()
    }
}

fn parse(bytes: &[u8]) -> Result<Route, String> {
    let saved: Saved = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if saved.format != FORMAT {
        return Err(format!("format {} is not {FORMAT}", saved.format));
    }
    Ok(saved.route)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(32))]

        #[test]
        fn no_file_is_too_odd(bytes: Vec<u8>) {
            proptest::prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn what_is_saved_is_loaded(release: u64, color: String, target: String) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let store = Store::open(folder.path()).expect("it exists");
            let route = Route { release, color, targets: vec![target] };
            store.save(&route).expect("it can be written");
            proptest::prop_assert_eq!(store.load(), Some(route.clone()));
            // A newer front may have added fields, and a crash may have left half of the next file.
            let file = folder.path().join("route.json");
            let text = fs::read_to_string(&file).expect("it was written");
            fs::write(&file, text.replacen('{', "{\"later\":[1,{}],", 1)).expect("it can be written");
            fs::write(folder.path().join("route.json.new"), &text.as_bytes()[..text.len() / 2]).expect("it can be written");
            proptest::prop_assert_eq!(store.load(), Some(route));
        }

        /// Cut off or spoilt: it is the route that was saved, or it is refused and kept for a person.
        #[test]
        fn a_spoilt_file_is_no_other_route(cut: proptest::sample::Index, at: proptest::sample::Index, byte: u8) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let store = Store::open(folder.path()).expect("it exists");
            let route = Route { release: 7, color: "blue".to_owned(), targets: vec!["web-7-1".to_owned()] };
            store.save(&route).expect("it can be written");
            let file = folder.path().join("route.json");
            let whole = fs::read(&file).expect("it was written");
            fs::write(&file, &whole[..cut.index(whole.len())]).expect("it can be written");
            proptest::prop_assert_eq!(store.load(), None);
            proptest::prop_assert!(!file.exists());
            let mut spoilt = whole.clone();
            spoilt[at.index(whole.len())] = byte;
            fs::write(&file, &spoilt).expect("it can be written");
            proptest::prop_assert_eq!(store.load().is_some(), file.exists());
        }
    }
}
