//! Lines of a file, plain or packed, as blocks of whole lines. It knows nothing of what a line says.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{BLOCK_BYTES, Block, Blocks};
use crate::commands::Exit;

/// Bytes of a line that are kept; what goes beyond can be no record, whatever it says.
const LINE_BYTES_MAX: usize = 64 << 20;

/// The first bytes of what is packed; no JSON begins like that.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

pub struct Lines {
    name: String,
    input: Box<dyn Read + Send>,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    number: u64,
    /// Inside a line that is longer than what is kept of it.
    is_skipping: bool,
    is_over: bool,
}

impl Lines {
    /// `-` is standard input. What is packed is told by its first bytes. `read` counts the bytes of the file itself.
    pub fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Self, Exit> {
        let name = path.display().to_string();
        let fault = |e: io::Error| Exit::Fault(format!("can't read {name}: {e}"));
        let file: Box<dyn Read + Send> =
            if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(fault)?) };
        let input = unpack(Counted { file, read: Arc::clone(read) }).map_err(fault)?;
        Ok(Self { name, input, rest: Vec::new(), number: 0, is_skipping: false, is_over: false })
    }

    /// Whole lines, or a whole line; at the end what there is.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut looked = 0;
        while !self.is_over {
            self.is_over = self.input.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut bytes)? == 0;
            if self.is_skipping {
                match memchr::memchr(b'\n', &bytes) {
                    Some(end) => {
                        bytes.drain(..=end);
                        self.is_skipping = false;
                        self.number += 1;
                    }
                    None => bytes.clear(),
                }
                continue;
            }
            if let Some(end) = memchr::memrchr(b'\n', &bytes[looked..]) {
                self.rest = bytes.split_off(looked + end + 1);
                return Ok(bytes);
            }
            looked = bytes.len();
            if looked >= LINE_BYTES_MAX {
                self.is_skipping = true;
                return Ok(bytes);
            }
        }
        Ok(bytes)
    }
}

impl Blocks for Lines {
    fn next_block(&mut self) -> Result<Option<Block>, Exit> {
        loop {
            let bytes = self.read().map_err(|e| Exit::Fault(format!("{}:{}: {e}", self.name, self.number + 1)))?;
            if bytes.is_empty() && self.is_over {
                return Ok(None);
            }
            let mut block = Block { bytes, ..Block::default() };
            self.number = split(&mut block, self.number, self.is_skipping);
            if !block.entries.is_empty() {
                return Ok(Some(block));
            }
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Notes the lines of a block; those without anything in them are counted only. Returns the last one's number, or the
/// one before of a line that is not over.
fn split(block: &mut Block, mut number: u64, is_cut: bool) -> u64 {
    let mut start = 0;
    while start < block.bytes.len() {
        let end = memchr::memchr(b'\n', &block.bytes[start..]).map_or(block.bytes.len(), |length| start + length);
        let line = &block.bytes[start..end];
        number += 1;
        if !line.iter().all(u8::is_ascii_whitespace) {
            let end = if line.ends_with(b"\r") { end - 1 } else { end };
            let entry = block.push(start, number);
            entry.end = end as u32;
        }
        start = end + 1;
    }
    if is_cut { number - 1 } else { number }
}

fn unpack(mut file: Counted) -> io::Result<Box<dyn Read + Send>> {
    let mut head = Vec::new();
    file.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let is = |magic: &[u8]| head.starts_with(magic);
    let (gzip, zstd) = (is(&GZIP), is(&ZSTD));
    let whole = io::Cursor::new(head).chain(file);
    Ok(if gzip {
        Box::new(flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(BLOCK_BYTES, whole)))
    } else if zstd {
        Box::new(zstd::Decoder::new(whole)?)
    } else {
        Box::new(whole)
    })
}

/// Counts what is read of a file, for those who show how far it is.
struct Counted {
    file: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// All lines with their numbers, whatever the blocks.
    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        std::fs::write(&path, bytes).unwrap();
        let read = Arc::new(AtomicU64::new(0));
        let mut lines = Lines::open(&path, &read).unwrap();
        let mut found = Vec::new();
        while let Some(block) = lines.next_block().unwrap() {
            for (i, entry) in block.entries.iter().enumerate() {
                found.push((entry.number, String::from_utf8_lossy(block.value(i).unwrap()).into_owned()));
            }
        }
        assert_eq!(read.load(Ordering::Relaxed), bytes.len() as u64);
        found
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn lines_keep_their_numbers() {
        let expected = [(1, "a".to_owned()), (3, "b ".to_owned()), (5, "c".to_owned())];
        assert_eq!(lines(b"a\n\r\nb \r\n  \nc"), expected);
        assert_eq!(lines(b"a\n\r\nb \r\n  \nc\n\n"), expected);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\n"), []);
    }

    #[test]
    fn packed_files_are_told_by_their_first_bytes() {
        let expected = [(1, "a".to_owned()), (2, "b".to_owned())];
        assert_eq!(lines(&gzip(b"a\nb\n")), expected);
        // Packed in two parts, as log shippers append.
        assert_eq!(lines(&[gzip(b"a\n"), gzip(b"b\n")].concat()), expected);
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
        assert_eq!(lines(&[zstd(b"a\n"), zstd(b"b\n")].concat()), expected);
    }

    #[test]
    fn lines_longer_than_a_block_are_whole_and_those_too_long_are_cut() {
        let long = "x".repeat(3 * BLOCK_BYTES + 7);
        let text = format!("a\n{long}\nb\n");
        assert_eq!(lines(text.as_bytes()), [(1, "a".into()), (2, long), (3, "b".into())]);
        let endless = "y".repeat(LINE_BYTES_MAX + 3 * BLOCK_BYTES);
        let found = lines(format!("a\n{endless}\nb\n").as_bytes());
        let lengths: Vec<_> = found.iter().map(|(number, line)| (*number, line.len() >= LINE_BYTES_MAX)).collect();
        assert_eq!(lengths, [(1, false), (2, true), (3, false)]);
    }
}
