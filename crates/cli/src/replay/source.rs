//! The bytes of a recorded file, unpacked.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use tiercel_wire::itch::Kind;

use super::Format;

/// Bytes that suffice to tell the formats apart.
const HEAD_SIZE: usize = 64;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// An opened file.
pub(super) struct Source {
    reader: Chain<Cursor<Vec<u8>>, Box<dyn Read>>,
    head: Vec<u8>,
    packed: bool,
    /// Why the head could not be read, if so.
    head_error: Option<String>,
    read: Rc<Cell<u64>>,
    size: u64,
    /// Bytes handed out, unpacked.
    position: u64,
}

/// Counts the bytes of the file itself.
struct Counted {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

impl Source {
    /// Opens a file and looks at its head.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let meta = file.metadata().with_context(|| format!("cannot look at {name}"))?;
        anyhow::ensure!(!meta.is_dir(), "{name} is a folder");
        let read = Rc::new(Cell::new(0));
        let mut counted = Counted { file, read: Rc::clone(&read) };
        let (magic, _) = read_head(&mut counted, GZIP_MAGIC.len());
        let packed = magic == GZIP_MAGIC;
        let whole = Cursor::new(magic).chain(counted);
        let mut inner: Box<dyn Read> =
            if packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        let (head, error) = read_head(&mut inner, HEAD_SIZE);
        Ok(Self {
            reader: Cursor::new(head.clone()).chain(inner),
            head,
            packed,
            head_error: error.map(|error| error.to_string()),
            read,
            size: meta.len(),
            position: 0,
        })
    }

    /// What the head looks like.
    pub(super) fn format(&self) -> Option<Format> {
        if is_capture(&self.head) {
            Some(Format::Binance)
        } else if is_itch(&self.head) {
            Some(Format::Itch)
        } else {
            None
        }
    }

    /// Why the head looks like neither format.
    pub(super) fn why_foreign(&self) -> String {
        const NEITHER: &str = "neither length-prefixed ITCH 5.0 nor a Binance capture";
        match (&self.head_error, self.head.is_empty()) {
            (Some(error), _) => format!("cannot be unpacked from its beginning on: {error}"),
            (None, true) => "at byte 0: it is empty".to_owned(),
            (None, false) => {
                let shown = self.head[..self.head.len().min(16)].escape_ascii();
                format!("at byte 0: {NEITHER}; it begins with \"{shown}\"")
            }
        }
    }

    /// Bytes of the file; zero where it has no size, as a pipe.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of the file read so far.
    pub(super) fn file_position(&self) -> u64 {
        self.read.get()
    }

    /// Bytes handed out so far.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// A reading error as a sentence with its place.
    pub(super) fn describe(&self, error: &io::Error) -> String {
        let at = self.position;
        match (self.packed, error.kind()) {
            (true, io::ErrorKind::UnexpectedEof) => {
                format!("at byte {at} (unpacked): the gzip file is cut off")
            }
            (true, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                format!("at byte {at} (unpacked): the gzip file is damaged: {error}")
            }
            _ => format!("at byte {at}: cannot read on: {error}"),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// Reads up to `size` bytes; what was read before an error counts.
fn read_head(reader: &mut impl Read, size: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::with_capacity(size);
    let error = reader.take(size as u64).read_to_end(&mut head).err();
    (head, error)
}

/// Whether this begins with a time in nanoseconds, a blank and an object.
fn is_capture(head: &[u8]) -> bool {
    let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && head[digits..].starts_with(b" {")
}

/// Whether this begins with a frame whose length is that of its message's type.
fn is_itch(head: &[u8]) -> bool {
    let [high, low, kind, ..] = head else { return false };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Kind::from_byte(*kind).is_some_and(|kind| kind.size() == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_heads() {
        assert!(is_itch(b"\x00\x0cS\x00\x00"));
        assert!(!is_itch(b"\x00\x0dS\x00\x00"), "a length that is not the type's");
        assert!(!is_itch(b"\x00\x0c"), "cut before the type");
        assert!(is_capture(b"1723161253937085768 {\"stream\""));
        for other in [&b"{\"stream\"}"[..], b"172 [", b" {", b"17", b"", b"PK\x03\x04"] {
            assert!(!is_capture(other) && !is_itch(other), "{other:?}");
        }
    }
}
