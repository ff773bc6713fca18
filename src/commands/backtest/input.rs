//! Records of files: JSON lines, plain or compressed, several files merged by record time. Knows nothing of engines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::commands::Exit;
use crate::engine::Millis;
use crate::engine::event::{Reader, Scratch};

/// Bytes of a line; a longer one is cut there and refused as too large by the engine.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// One line of a file.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub value: Vec<u8>,
    /// What the line itself says.
    pub time: Option<Millis>,
    pub file: usize,
    pub number: u64,
}

struct Source {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: u64,
    head: Option<Line>,
}

/// All files, as one stream.
pub struct Input {
    sources: Vec<Source>,
    reader: Reader,
    scratch: Scratch,
}

impl Input {
    /// `-` is standard input; `.gz` and `.zst` are unpacked.
    pub fn open(paths: &[PathBuf], reader: Reader) -> Result<Self, Exit> {
        let mut sources = Vec::new();
        for path in paths {
            sources.push(Source { reader: open(path)?, path: path.clone(), number: 0, head: None });
        }
        let mut input = Self { sources, reader, scratch: Scratch::default() };
        for i in 0..input.sources.len() {
            input.fill(i, Vec::new())?;
        }
        Ok(input)
    }

    pub fn name(&self, file: usize) -> String {
        self.sources[file].path.display().to_string()
    }

    /// The next line in order of record times; lines of one file stay in their order. `spare` is used again.
    pub fn next_line(&mut self, spare: Vec<u8>) -> Result<Option<Line>, Exit> {
        let times = self.sources.iter().enumerate().filter_map(|(i, s)| s.head.as_ref().map(|head| (head.time, i)));
        // A line without a time takes the clock, so it goes first.
        let Some((_, i)) = times.min() else { return Ok(None) };
        let line = self.sources[i].head.take();
        self.fill(i, spare)?;
        Ok(line)
    }

    fn fill(&mut self, i: usize, mut value: Vec<u8>) -> Result<(), Exit> {
        let source = &mut self.sources[i];
        loop {
            value.clear();
            let read = source.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut value);
            let count =
                read.map_err(|e| Exit::Fault(format!("{}:{}: {e}", source.path.display(), source.number + 1)))?;
            if count == 0 {
                return Ok(());
            }
            source.number += 1;
            while matches!(value.last(), Some(b'\n' | b'\r')) {
                value.pop();
            }
            if !value.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        let time = self.reader.file_time(&value, &mut self.scratch);
        source.head = Some(Line { value, time, file: i, number: source.number });
        Ok(())
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, Exit> {
    let fault = |e: io::Error| Exit::Fault(format!("can't read {}: {e}", path.display()));
    let file: Box<dyn Read + Send> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(fault)?) };
    let unpacked: Box<dyn Read + Send> = match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file).map_err(fault)?),
        _ => file,
    };
    Ok(Box::new(BufReader::with_capacity(1 << 20, unpacked)))
}
