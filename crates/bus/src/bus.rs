//! The handle of a bus: makes it, opens it, and gives writers and readers.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use std::time::{SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{BusError, ReadError};
use crate::file::{FIRST_PAGE, FirstPage};
use crate::header::Header;
use crate::mapping::Mapping;
use crate::options::{Options, Writers};
use crate::place::{self, Blank, Place};
use crate::protocol::{self, Cursor, Geometry};
use crate::reader::{Reader, Start};
use crate::writer::{One, Shared, Writer};

/// How far a claim may reach before a writer has to say so, at first.
pub(crate) const REACH_FIRST: u64 = 4096;

/// One cycle, open.
#[derive(Debug)]
pub(crate) struct Cycle {
    pub(crate) page: FirstPage,
    pub(crate) geometry: Geometry,
    pub(crate) mapping: Mapping,
    /// The first page, writable, for a reader that may sleep. Records stay read-only for it.
    pub(crate) bell: Option<Mapping>,
}

/// What a cycle is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// To append.
    Write,
    /// To read.
    Read,
    /// To read, and to sleep on its bell where the file may be written.
    ReadAndSleep,
}

/// A bus that was found or made: cheap to clone, holds no file open but a nameless one.
///
/// ```
/// use tiercel_bus::{Bus, Options, Start};
///
/// let bus = Bus::in_memory(&Options { cycle_bytes: 1 << 16, ..Options::default() })?;
/// let mut writer = bus.writer()?;
/// let mut reader = bus.reader(Start::Oldest)?;
/// writer.append(7, &0x1234_u64)?;
/// let record = reader.poll()?.expect("it was appended");
/// assert_eq!((record.kind, record.get::<u64>()), (7, Some(&0x1234)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bus {
    place: Place,
    page: FirstPage,
    prefault: bool,
}

impl Bus {
    /// Makes a bus in the directory `path`, which is made where it is missing, with its first
    /// cycle. On `/dev/shm` it lives in memory until the machine stops; on a disk it survives that
    /// as far as the system wrote it back.
    ///
    /// # Errors
    /// [`BusError::Exists`] when there is one, and the system's refusals.
    pub fn create(path: impl AsRef<Path>, options: &Options) -> Result<Self, BusError> {
        let path = path.as_ref();
        options.check()?;
        let place = Place::make_directory(path)?;
        let bus = Self { place, page: new_page(path, *options), prefault: options.prefault };
        if !bus.place.cycles(1)?.is_empty() {
            return Err(BusError::Exists(path.to_owned()));
        }
        let blank = Blank::make(path, "create", options.cycle_bytes, options.prefault)?;
        match blank.publish(&bus.page, REACH_FIRST, &bus.place.cycle_path(1))? {
            Some(_) => Ok(bus),
            None => Err(BusError::Exists(path.to_owned())),
        }
    }

    /// Opens the bus at `path`: a directory, or a single file that is a cycle.
    ///
    /// # Errors
    /// [`BusError`]: nothing there, or something else, or a damaged, cut or newer one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BusError> {
        Self::at(Place::find(path.as_ref())?)
    }

    /// Opens the bus at `path`, or makes one with `options` where there is none.
    ///
    /// # Errors
    /// As [`Bus::open`] and [`Bus::create`].
    pub fn open_or_create(path: impl AsRef<Path>, options: &Options) -> Result<Self, BusError> {
        let path = path.as_ref();
        match Self::open(path) {
            Err(BusError::Missing(_)) => match Self::create(path, options) {
                Err(BusError::Exists(_)) => Self::open(path),
                made => made,
            },
            opened => opened,
        }
    }

    /// Makes a bus of one cycle in memory that no file system holds, with its length sealed. It
    /// cannot roll: when it is full, it is full. Other processes get it by its descriptor
    /// ([`Bus::as_fd`]), passed on or inherited, and [`Bus::from_file`].
    ///
    /// # Errors
    /// The system's refusals.
    pub fn in_memory(options: &Options) -> Result<Self, BusError> {
        options.check()?;
        let page = FirstPage { alone: true, ..new_page(Path::new("memory"), *options) };
        let file = place::make_in_memory(&page, REACH_FIRST, options.prefault)?;
        Ok(Self { place: Place::of_file(file), page, prefault: options.prefault })
    }

    /// Opens a bus of one cycle by its open file.
    ///
    /// # Errors
    /// As [`Bus::open`].
    pub fn from_file(file: File) -> Result<Self, BusError> {
        Self::at(Place::of_file(file))
    }

    fn at(place: Place) -> Result<Self, BusError> {
        loop {
            // The newest: an older one may be removed before it is opened.
            let cycles = place.cycles(0)?;
            let Some(&newest) = cycles.last() else {
                return Err(BusError::Missing(place.path().to_owned()));
            };
            let path = place.cycle_path(newest);
            if let Some((page, _)) = open_file(&path, false)? {
                if place.rolls() && (page.cycle != newest || page.alone) {
                    let what = "the cycle is not the one of its name";
                    return Err(BusError::Damaged { path, what });
                }
                return Ok(Self { place, page, prefault: true });
            }
            if !place.rolls() {
                return Err(BusError::Missing(path));
            }
        }
    }

    /// Whether handles that are opened from here take all pages of a cycle at once; so it is
    /// unless told.
    #[must_use]
    pub fn with_prefault(mut self, prefault: bool) -> Self {
        self.prefault = prefault;
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.page.options
    }

    /// The longest payload of a record.
    pub fn length_max(&self) -> usize {
        self.page.geometry().length_max()
    }

    /// The only writer of a bus that was made for one. What a dead one left half done is cleared.
    ///
    /// # Errors
    /// [`BusError::WriterPresent`] while another one is alive, in whatever process.
    pub fn writer(&self) -> Result<Writer<One>, BusError> {
        Writer::open(self.clone())
    }

    /// One of the writers of a bus that was made for several. Claims of dead ones become padding.
    ///
    /// # Errors
    /// [`BusError::WritersPresent`] when all slots are taken by writers that are alive.
    pub fn shared_writer(&self) -> Result<Writer<Shared>, BusError> {
        Writer::open(self.clone())
    }

    /// A reader, which has a position of its own and whom no writer knows.
    ///
    /// # Errors
    /// [`ReadError::Lost`] when the index is older than the oldest cycle: `to` is where one can
    /// start. [`ReadError::Beyond`] when it was not written yet.
    pub fn reader(&self, start: Start) -> Result<Reader, ReadError> {
        Reader::open(self.clone(), start)
    }

    /// The descriptor of a bus in memory, to pass it on; `None` for one that has a name.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.place {
            Place::File { kept: Some(file), .. } => Some(file.as_fd()),
            _ => None,
        }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) const fn prefaults(&self) -> bool {
        self.prefault
    }

    pub(crate) fn cycles(&self) -> Result<Vec<u32>, BusError> {
        self.place.cycles(self.page.cycle)
    }

    /// The first page of another cycle of this bus, made now.
    pub(crate) fn page_of(&self, cycle: u32) -> FirstPage {
        FirstPage { cycle, created_ns: now_ns(), ..self.page }
    }

    /// Whether its locks are where this handle looks for them: a cycle of a directory that was
    /// opened by itself can only be read.
    pub(crate) fn can_be_written(&self) -> bool {
        self.place.rolls() != self.page.alone
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.page.options.writers == Writers::Shared
    }

    /// Opens `cycle`; `None` when it is not there.
    pub(crate) fn open_cycle(&self, cycle: u32, access: Access) -> Result<Option<Cycle>, BusError> {
        let path = self.place.cycle_path(cycle);
        let Some((page, file)) = open_file(&path, access == Access::Write)? else {
            return Ok(None);
        };
        let expected = FirstPage { cycle, created_ns: page.created_ns, ..self.page };
        if page != expected {
            return Err(BusError::Damaged { path, what: "the cycle belongs to another bus" });
        }
        let map = |file: &File, size, writable| {
            Mapping::new(file, size, writable).map_err(BusError::system("map", &path))
        };
        let mapping = map(&file, page.options.cycle_bytes as usize, access == Access::Write)?;
        if self.prefault {
            mapping.prefault();
        }
        let mut bell = None;
        if access == Access::ReadAndSleep {
            // Without the right to write the reader cannot be woken, and naps instead.
            if let Ok(Some((_, file))) = open_file(&path, true) {
                bell = Some(map(&file, FIRST_PAGE, true)?);
            }
        }
        Ok(Some(Cycle { page, geometry: page.geometry(), mapping, bell }))
    }

    /// A cycle that this process just made.
    pub(crate) fn made_cycle(page: FirstPage, mapping: Mapping) -> Cycle {
        Cycle { page, geometry: page.geometry(), mapping, bell: None }
    }

    /// Opens the cycle that is being written, and where its tail is.
    ///
    /// That is the newest one; or, when nothing is in that one and the one before has not ended
    /// (its writer died in between), the one before.
    pub(crate) fn open_tail(&self, access: Access) -> Result<(Cycle, Cursor), BusError> {
        loop {
            let cycles = self.cycles()?;
            let Some(&newest) = cycles.last() else {
                return Err(BusError::Missing(self.path().to_owned()));
            };
            let Some(cycle) = self.open_cycle(newest, access)? else { continue };
            let (cursor, _) = self.tail_of(&cycle)?;
            let before = newest.saturating_sub(1);
            if cursor.sequence == 0
                && cycles.contains(&before)
                && let Some(previous) = self.open_cycle(before, access)?
            {
                let (cursor, seen) = self.tail_of(&previous)?;
                if seen == Header::Empty {
                    return Ok((previous, cursor));
                }
            }
            return Ok((cycle, cursor));
        }
    }

    /// Walks to the tail of `cycle`.
    pub(crate) fn tail_of(&self, cycle: &Cycle) -> Result<(Cursor, Header), BusError> {
        let mut cursor = Cursor::start(&cycle.geometry);
        let seen = protocol::walk(&cycle.mapping, &cycle.geometry, &mut cursor, |_, _| {});
        if seen == Header::Foreign { Err(self.damaged(cycle, cursor)) } else { Ok((cursor, seen)) }
    }

    /// The error for a word at `cursor` that no writer puts there.
    pub(crate) fn damaged(&self, cycle: &Cycle, cursor: Cursor) -> BusError {
        BusError::Word {
            path: self.place.cycle_path(cycle.page.cycle),
            index: crate::Index::new(cycle.page.cycle, cursor.sequence),
            position: cursor.position,
        }
    }
}

/// Opens the file at `path` and reads its first page; `None` when it is not there.
fn open_file(path: &Path, writable: bool) -> Result<Option<(FirstPage, File)>, BusError> {
    let failed = || BusError::system("open", path);
    let mut file = match OpenOptions::new().read(true).write(writable).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed()(error)),
    };
    let found = file.metadata().map_err(failed())?;
    if !found.is_file() {
        return Err(BusError::NotABus(path.to_owned()));
    }
    let mut bytes = Vec::with_capacity(FIRST_PAGE);
    file.by_ref().take(FIRST_PAGE as u64).read_to_end(&mut bytes).map_err(failed())?;
    let page = FirstPage::decode(&bytes, found.len(), path)?;
    Ok(Some((page, file)))
}

fn now_ns() -> u64 {
    // A clock before 1970 counts as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// The first page of a new bus. Its number tells it from others that lay at the same place.
fn new_page(path: &Path, options: Options) -> FirstPage {
    let created_ns = now_ns();
    let birth = format!("{created_ns} {} {}", std::process::id(), path.display());
    let options = Options { prefault: false, ..options };
    FirstPage { cycle: 1, bus: xxh3_64(birth.as_bytes()), alone: false, created_ns, options }
}
