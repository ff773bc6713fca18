//! Where snapshots lie: a local folder or an object store, behind one blocking interface of small immutable files.
//! It knows names and bytes and the frame around a snapshot; what the blocks inside mean is the engine's affair.

mod format;

pub use format::{Contents, FORMAT, Header, SnapshotId, Unreadable, read, read_header, version, write};

use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "`{0}` is no place for snapshots: use file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
    )]
    Url(String),
    #[error("the snapshot store {url} can't be {what}: {cause}")]
    Failed { url: String, what: &'static str, cause: String },
}

/// A folder of immutable files in some store. Blocking: call it from a thread of your own.
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    root: Path,
    url: String,
    runtime: tokio::runtime::Runtime,
}

/// One file as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub bytes: u64,
}

impl Store {
    /// Opens the place `url` names. Everything lies below `folders` in it.
    pub fn open(url: &str, folders: &[&str]) -> Result<Self, StoreError> {
        let (inner, base) = backend(url)?;
        let root = folders.iter().fold(base, |path, folder| path.join(*folder));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| failed(url, "opened", cause))?;
        Ok(Self { inner, root, url: url.to_owned(), runtime })
    }

    /// Writes a file that is not there yet. One of the same name is taken to be the same: names carry a content hash.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.runtime.block_on(self.inner.put_opts(&self.path(name), bytes.into(), options)) {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(cause) => Err(self.failed("written", cause)),
        }
    }

    /// A whole file; `None` when there is none.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let read = async { self.inner.get(&self.path(name)).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.failed("read", cause)),
        }
    }

    /// The files directly in `folder`, by name.
    pub fn list(&self, folder: &str) -> Result<Vec<Entry>, StoreError> {
        let path = self.path(folder);
        let found = self.runtime.block_on(self.inner.list_with_delimiter(Some(&path)));
        let objects = match found {
            Ok(found) => found.objects,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(cause) => return Err(self.failed("listed", cause)),
        };
        let entry = |meta: &object_store::ObjectMeta| {
            meta.location.filename().map(|name| Entry { name: name.to_owned(), bytes: meta.size })
        };
        let mut entries: Vec<_> = objects.iter().filter_map(entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    pub fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.runtime.block_on(self.inner.delete(&self.path(name))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(self.failed("pruned", cause)),
        }
    }

    /// Can it be written, read and deleted from, and does it keep what is there? Some look-alikes of S3 ignore
    /// conditional writes: on those two owners could overwrite each other.
    pub fn probe(&self, unique: &str) -> Result<(), StoreError> {
        let name = format!("probe-{unique}");
        self.put(&name, b"first".to_vec())?;
        let second = self.put(&name, b"second".to_vec());
        let read = self.get(&name);
        self.delete(&name)?;
        second?;
        if read?.as_deref() == Some(b"first") {
            Ok(())
        } else {
            Err(self.failed("trusted", "a second write replaced the first"))
        }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    fn failed(&self, what: &'static str, cause: impl ToString) -> StoreError {
        failed(&self.url, what, cause)
    }
}

fn failed(url: &str, what: &'static str, cause: impl ToString) -> StoreError {
    StoreError::Failed { url: url.to_owned(), what, cause: cause.to_string() }
}

fn backend(url: &str) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    if let Some(folder) = url.strip_prefix("file://") {
        // Without fsync a file that a committed position names could be gone after a power cut.
        std::fs::create_dir_all(folder).map_err(|cause| failed(url, "opened", cause))?;
        let local = LocalFileSystem::new_with_prefix(folder).map_err(|cause| failed(url, "opened", cause))?;
        return Ok((Arc::new(local.with_fsync(true)), Path::default()));
    }
    remote(url)
}

#[cfg(feature = "object-stores")]
fn remote(url: &str) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    let parsed = reqwest::Url::parse(url).map_err(|_| StoreError::Url(url.to_owned()))?;
    if !["s3", "gs", "az"].contains(&parsed.scheme()) {
        return Err(StoreError::Url(url.to_owned()));
    }
    // Credentials and regions come from the environment variables each cloud's own tools use.
    let variables = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let (store, path) =
        object_store::parse_url_opts(&parsed, variables).map_err(|cause| failed(url, "opened", cause))?;
    Ok((Arc::from(store), path))
}

#[cfg(not(feature = "object-stores"))]
fn remote(url: &str) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    Err(StoreError::Url(format!("{url} (this build has no object stores)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&format!("file://{}", folder.path().display()), &["cluster", "group", "topic"]).unwrap()
    }

    #[test]
    fn files_come_back_and_are_listed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert_eq!(store.list("3").unwrap(), []);
        assert_eq!(store.get("3/none").unwrap(), None);
        store.put("3/b", b"bee".to_vec()).unwrap();
        store.put("3/a", b"ay".to_vec()).unwrap();
        let names: Vec<_> = store.list("3").unwrap().into_iter().map(|entry| (entry.name, entry.bytes)).collect();
        assert_eq!(names, [("a".to_owned(), 2), ("b".to_owned(), 3)]);
        assert_eq!(store.get("3/b").unwrap().unwrap(), b"bee");
        store.delete("3/b").unwrap();
        store.delete("3/b").unwrap();
        assert_eq!(store.list("3").unwrap().len(), 1);
    }

    #[test]
    fn a_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.put("x", b"first".to_vec()).unwrap();
        store.put("x", b"second".to_vec()).unwrap();
        assert_eq!(store.get("x").unwrap().unwrap(), b"first");
        store.probe("1").unwrap();
    }

    #[test]
    fn a_place_that_is_none_is_refused_by_name() {
        let error = Store::open("ftp://somewhere/x", &[]).err().unwrap().to_string();
        assert!(error.contains("ftp://somewhere/x") && error.contains("file:///"), "{error}");
    }
}
