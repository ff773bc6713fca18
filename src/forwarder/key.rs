//! The write key: from the environment, or from a file that is looked at again, so that a key is changed without a
//! restart. It is shown nowhere.

use std::path::Path;
use std::time::SystemTime;

use super::config::WriteKeySource;
use crate::settings::Secret;

#[derive(Debug)]
pub struct WriteKey {
    source: WriteKeySource,
    key: Secret,
    /// How often it changed.
    number: u64,
    seen: Option<(SystemTime, u64)>,
}

/// What a look at the file found.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    Same,
    Changed,
    /// The key that was known is kept.
    Unreadable(String),
}

impl WriteKey {
    pub fn load(source: WriteKeySource) -> Result<Self, String> {
        let (key, seen) = match &source {
            WriteKeySource::Given(key) => (key.clone(), None),
            WriteKeySource::File(path) => (read(path)?, stamp(path)),
        };
        Ok(Self { source, key, number: 0, seen })
    }

    pub fn secret(&self) -> &Secret {
        &self.key
    }

    /// Tells which key a request was sent with.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn look(&mut self) -> Look {
        let WriteKeySource::File(path) = &self.source else { return Look::Same };
        let stamp = stamp(path);
        if stamp == self.seen {
            return Look::Same;
        }
        self.seen = stamp;
        match read(path) {
            Ok(key) if key == self.key => Look::Same,
            Ok(key) => {
                self.key = key;
                self.number += 1;
                Look::Changed
            }
            Err(why) => Look::Unreadable(why),
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("write key file {}: {e}", path.display()))?;
    match text.trim() {
        "" => Err(format!("write key file {}: it is empty", path.display())),
        key => Ok(Secret::new(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again_and_an_emptied_one_keeps_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "first\n").unwrap();
        let mut key = WriteKey::load(WriteKeySource::File(path.clone())).unwrap();
        assert_eq!(key.secret().expose(), "first");
        assert_eq!(key.look(), Look::Same);
        std::fs::write(&path, "another\n").unwrap();
        assert_eq!(key.look(), Look::Changed);
        assert_eq!(key.secret().expose(), "another");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(key.look(), Look::Unreadable(_)));
        assert_eq!(key.look(), Look::Same);
        assert_eq!(key.secret().expose(), "another");
        assert!(!format!("{key:?}").contains("another"));
    }
}
