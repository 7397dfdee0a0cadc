//! What a journal asks of the system: a folder of files, and durable writes that it does not wait
//! for. Tests put a simulated disk here.

use std::io;

use crate::buffer::Buffer;
use crate::snapshot::Mapping;

/// A file of the journal. Clones share it.
pub trait StorageFile: Clone {
    /// Reads at `offset` until `bytes` are full or the file ends; returns how many were read.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes`; not durable before [`StorageFile::sync`].
    ///
    /// # Errors
    /// The system's.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Has reads bring in what is asked for and nothing behind it: for who reads what was just written, and
    /// has nothing to gain from what is not written yet. A hint.
    fn without_read_ahead(&self) {}

    /// Makes what was written durable.
    ///
    /// # Errors
    /// The system's. What was written before may be lost then, whatever a later call says.
    fn sync(&self) -> io::Result<()>;

    /// Its size in bytes.
    ///
    /// # Errors
    /// The system's.
    fn size(&self) -> io::Result<u64>;
}

/// A folder of files. Clones share it.
pub trait Directory: Clone {
    /// Its files.
    type File: StorageFile;
    /// Keeps other writers away while it lives.
    type Lock;

    /// Takes the folder's lock; `None` when somebody else has it.
    ///
    /// # Errors
    /// The system's.
    fn lock(&self) -> io::Result<Option<Self::Lock>>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// The system's.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens a file to read and write.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Makes a file of `size` zero bytes, with room for them on the disk; one that is there
    /// already is emptied first.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, name: &str, size: u64) -> io::Result<Self::File>;

    /// Gives a file another name, in place of whatever has it.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable: creations, renames, removals.
    ///
    /// # Errors
    /// The system's.
    fn sync_names(&self) -> io::Result<()>;

    /// A file's bytes, without reading them all in at once where the system can.
    ///
    /// # Errors
    /// The system's.
    fn map(&self, name: &str) -> io::Result<Mapping>;
}

/// What was asked of a [`Storage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Entries.
    Entries,
    /// The head of a segment.
    Header,
    /// Zeros, into a segment that is being made ready.
    Zeros,
    /// The index of a full segment.
    Index,
    /// A new file: [`Storage::create`].
    Create,
    /// Durable names: [`Storage::sync_names`].
    Names,
}

/// A write under way. It owns its buffer until its completion gives it back.
#[derive(Debug)]
pub struct Write<F> {
    /// What it is for; at most one of each purpose is under way.
    pub purpose: Purpose,
    /// The file.
    pub file: F,
    /// Where; a multiple of the journal's block size.
    pub offset: u64,
    /// The bytes, from the front of the buffer.
    pub buffer: Buffer,
    /// How many of them; a multiple of the journal's block size.
    pub length: usize,
}

/// The end of what was asked.
#[derive(Debug)]
pub struct Completion<F> {
    /// What was asked.
    pub purpose: Purpose,
    /// A write's buffer; `None` when the system may still read it, so that it must not be used
    /// again.
    pub buffer: Option<Buffer>,
    /// The new file.
    pub file: Option<F>,
    /// How many bytes are durable now, from the front; 0 for what is no write.
    pub result: io::Result<usize>,
}

impl<F> Completion<F> {
    /// The end of a write.
    pub const fn of_write(purpose: Purpose, buffer: Buffer, result: io::Result<usize>) -> Self {
        Self { purpose, buffer: Some(buffer), file: None, result }
    }

    /// The end of [`Storage::create`].
    pub fn of_create(made: io::Result<F>) -> Self {
        let (file, result) = match made {
            Ok(file) => (Some(file), Ok(0)),
            Err(error) => (None, Err(error)),
        };
        Self { purpose: Purpose::Create, buffer: None, file, result }
    }

    /// The end of [`Storage::sync_names`].
    pub fn of_names(synced: io::Result<()>) -> Self {
        Self { purpose: Purpose::Names, buffer: None, file: None, result: synced.map(|()| 0) }
    }
}

/// A folder, and what is done to it without waiting, where the system can. How each ends, failure
/// included, is told by [`Storage::completion`].
pub trait Storage {
    /// The folder.
    type Directory: Directory;

    /// The folder.
    fn directory(&self) -> &Self::Directory;

    /// Starts a durable write.
    fn submit(&mut self, write: Write<FileOf<Self>>);

    /// Starts [`Directory::create`]; one at a time.
    fn create(&mut self, name: &str, size: u64);

    /// Starts [`Directory::sync_names`]; one at a time.
    fn sync_names(&mut self);

    /// The end of something, if anything has ended. With `wait`, waits for one while anything is
    /// under way.
    fn completion(&mut self, wait: bool) -> Option<Completion<FileOf<Self>>>;
}

/// The files of a storage.
pub type FileOf<S> = <<S as Storage>::Directory as Directory>::File;
