//! Where the credentials come from. Never logs or stores a value; errors name the variable or the file only.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;

/// The variables that Garage reads, and the ones that name the files which hold their values.
pub const ACCESS_KEY: &str = "GARAGE_DEFAULT_ACCESS_KEY";
pub const SECRET_KEY: &str = "GARAGE_DEFAULT_SECRET_KEY";
pub const ACCESS_KEY_FILE: &str = "GARAGE_DEFAULT_ACCESS_KEY_FILE";
pub const SECRET_KEY_FILE: &str = "GARAGE_DEFAULT_SECRET_KEY_FILE";

/// The key that the store accepts from its first start on.
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
}

/// Reads both halves of the key, each from its file or, without one, from the plain variable.
pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Credentials, String> {
    let read = |plain: &str, file: &str, least: usize| -> Result<String, String> {
        let value = match variable(file).filter(|path| !path.is_empty()) {
            Some(path) => std::fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {path}, named by {file}: {error}"))?,
            None => variable(plain).ok_or_else(|| format!("neither {file} nor {plain} is set"))?,
        };
        // Editors and `echo` leave a line break at the end that is no part of the secret.
        let value = value.trim_end_matches(['\r', '\n']).to_owned();
        if value.len() < least {
            return Err(format!("{plain} has fewer than {least} characters"));
        }
        Ok(value)
    };
    Ok(Credentials {
        access_key: read(ACCESS_KEY, ACCESS_KEY_FILE, 8)?,
        secret_key: read(SECRET_KEY, SECRET_KEY_FILE, 16)?,
    })
}

/// A new key at each start: it protects the traffic between nodes, and this store has one node on loopback.
pub fn random_rpc_secret() -> Result<String, String> {
    let mut bytes = [0_u8; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| format!("cannot read /dev/urandom: {error}"))?;
    Ok(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(pairs: &[(&str, &str)], name: &str) -> Option<String> {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn scratch_file(name: &str, text: &str) -> String {
        let path = std::env::temp_dir().join(format!("store-launcher-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_file_wins_over_the_plain_variable_and_loses_its_line_break() {
        let path = scratch_file("key", "from-the-file\n");
        let pairs = [
            (ACCESS_KEY_FILE, path.as_str()),
            (ACCESS_KEY, "from-the-variable"),
            (SECRET_KEY, "a-secret-of-20-chars"),
        ];
        let read = from_environment(|name| lookup(&pairs, name)).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read.access_key, "from-the-file");
        assert_eq!(read.secret_key, "a-secret-of-20-chars");
    }

    #[test]
    fn errors_name_the_variable_and_never_the_value() {
        let pairs = [(ACCESS_KEY, "access-key"), (SECRET_KEY, "too-short")];
        let error = from_environment(|name| lookup(&pairs, name)).err().unwrap();
        assert!(error.contains(SECRET_KEY) && !error.contains("too-short"), "{error}");
        let error = from_environment(|_| None).err().unwrap();
        assert!(error.contains(ACCESS_KEY_FILE), "{error}");
    }

    #[test]
    fn two_rpc_secrets_differ_and_have_the_length_that_garage_wants() {
        let [one, other] = [random_rpc_secret().unwrap(), random_rpc_secret().unwrap()];
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
    }
}
