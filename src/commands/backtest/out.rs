//! A file of JSON lines being written. It knows nothing of what they say.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::commands::Exit;

pub struct Out {
    path: PathBuf,
    file: BufWriter<File>,
    line: Vec<u8>,
}

impl Out {
    pub fn create(path: &Path) -> Result<Self, Exit> {
        let file = File::create(path).map_err(|e| fault(path, &e))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 20, file), line: Vec::new() })
    }

    /// One more line, which `fill` writes without its end.
    pub fn write(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), Exit> {
        self.line.clear();
        fill(&mut self.line);
        self.line.push(b'\n');
        self.file.write_all(&self.line).map_err(|e| fault(&self.path, &e))
    }

    pub fn finish(&mut self) -> Result<(), Exit> {
        self.file.flush().map_err(|e| fault(&self.path, &e))
    }
}

/// Whether two paths name one file; terminals, pipes and `/dev/null` take several writers.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(beside)
    };
    (one.is_file() || !one.exists()) && whole(one).is_some_and(|one| whole(other) == Some(one))
}

fn fault(path: &Path, error: &io::Error) -> Exit {
    Exit::Fault(format!("can't write {}: {error}", path.display()))
}
