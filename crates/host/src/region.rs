//! Memory on the largest pages that are to be had, said which.

use core::ffi::c_void;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;
use std::{fs, io};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::huge_pages::{HUGE_PAGE, map, mapped_size};
use crate::numa;

/// What a [`Region`] lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Reserved pages of 2 MiB (`vm.nr_hugepages`).
    Explicit,
    /// Pages of 2 MiB that the kernel found for us, for this many bytes; small ones for the rest.
    Transparent {
        /// Bytes on huge pages when it was made.
        huge_bytes: usize,
    },
    /// Small pages.
    Small,
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explicit => f.write_str("reserved huge pages"),
            Self::Transparent { huge_bytes } => {
                write!(f, "transparent huge pages for {} MiB", huge_bytes >> 20)
            }
            Self::Small => f.write_str("small pages"),
        }
    }
}

/// Zeroed memory of the process's own, for rings and tables that are made once: on reserved huge
/// pages, else transparent ones, else small ones. Every page is there from the start.
///
/// ```
/// use tiercel_host::Region;
///
/// let mut region = Region::new(3 << 20)?;
/// region[7] = 1;
/// assert_eq!((region.len(), region[7]), (3 << 20, 1));
/// println!("{}", region.pages());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Region {
    start: NonNull<u8>,
    length: usize,
    mapped: usize,
    pages: Pages,
}

// SAFETY: the memory belongs to the region alone, and is reached through `&` and `&mut` to it.
unsafe impl Send for Region {}
// SAFETY: as above: shared access only reads.
unsafe impl Sync for Region {}

impl Region {
    /// `length` bytes.
    ///
    /// # Errors
    /// When there is no memory, or `length` is zero or overflows.
    pub fn new(length: usize) -> io::Result<Self> {
        Self::make(length, None)
    }

    /// `length` bytes of this memory node.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the node does not exist or has no memory left.
    pub fn on_node(length: usize, node: usize) -> io::Result<Self> {
        Self::make(length, Some(node))
    }

    fn make(length: usize, node: Option<usize>) -> io::Result<Self> {
        let mapped = mapped_size(length).filter(|&size| size > 0).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the length is zero or too large")
        })?;
        let explicit = map_explicit(mapped);
        let start = match explicit {
            Some(start) => start,
            None => map(mapped).ok_or(io::ErrorKind::OutOfMemory)?,
        };
        // From here on it is unmapped, whatever fails.
        let mut region = Self { start, length, mapped, pages: Pages::Explicit };
        if let Some(node) = node {
            numa::bind_range(start.as_ptr(), mapped, node)?;
        }
        region.populate()?;
        if explicit.is_none() {
            region.pages = match huge_bytes(start.as_ptr().addr(), mapped) {
                0 => Pages::Small,
                huge_bytes => Pages::Transparent { huge_bytes },
            };
        }
        Ok(region)
    }

    /// What it lies on.
    pub const fn pages(&self) -> Pages {
        self.pages
    }

    /// Makes every page be there, which also tells whether there is memory for it: to a page that
    /// comes later, and finds none, the kernel answers by ending the process.
    fn populate(&mut self) -> io::Result<()> {
        // SAFETY: the range is ours alone; the advice writes nothing but makes pages.
        let advised = unsafe {
            madvise(self.start.as_ptr().cast::<c_void>(), self.mapped, Advice::LinuxPopulateWrite)
        };
        match advised {
            Ok(()) => Ok(()),
            // Before Linux 5.14: by hand.
            Err(rustix::io::Errno::INVAL) => {
                const SMALL_PAGE: usize = 4_096;
                for at in (0..self.mapped).step_by(SMALL_PAGE) {
                    // SAFETY: within the mapping, which is ours alone.
                    unsafe { self.start.add(at).write_volatile(0) };
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Deref for Region {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: mapped, at least this long, initialised (to zeros), and only read while borrowed.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Region {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed by one alone.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, and nobody borrows it any more.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
        debug_assert!(unmapped.is_ok(), "a range that was mapped unmaps");
    }
}

/// Maps reserved huge pages; none when there are not as many left.
fn map_explicit(size: usize) -> Option<NonNull<u8>> {
    let flags = MapFlags::PRIVATE | MapFlags::HUGETLB | MapFlags::HUGE_2MB;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no other.
    let start =
        unsafe { mmap_anonymous(ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, flags) };
    NonNull::new(start.ok()?.cast())
}

/// How much of a range lies on transparent huge pages, as far as the kernel says.
fn huge_bytes(start: usize, length: usize) -> usize {
    let text = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    huge_bytes_of(&text, start, length)
}

/// The same of the text of `smaps`: mappings begin with a line `from-to ...`, and have one with
/// `AnonHugePages:`. The kernel may have joined ours with its neighbours: at most `length` counts.
fn huge_bytes_of(text: &str, start: usize, length: usize) -> usize {
    let mut inside = false;
    let mut bytes = 0;
    for line in text.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        let bounds = first.split_once('-').and_then(|(from, to)| {
            let number = |text| usize::from_str_radix(text, 16).ok();
            Some((number(from)?, number(to)?))
        });
        if let Some((from, to)) = bounds {
            inside = from < start.saturating_add(length) && to > start;
        } else if let Some(rest) = line.strip_prefix("AnonHugePages:").filter(|_| inside) {
            let kilobytes = rest.trim().trim_end_matches("kB").trim().parse().unwrap_or(0_usize);
            bytes += kilobytes << 10;
        }
    }
    bytes.min(length) / HUGE_PAGE * HUGE_PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_zeroed_whole_and_says_what_it_lies_on() {
        for length in [1, 4_096, HUGE_PAGE, HUGE_PAGE + 1, 3 * HUGE_PAGE] {
            let mut region = Region::new(length).unwrap();
            assert_eq!(region.len(), length);
            assert!(region.iter().all(|&byte| byte == 0));
            region.fill(7);
            assert_eq!(region[length - 1], 7);
            if let Pages::Transparent { huge_bytes } = region.pages() {
                assert!(huge_bytes.is_multiple_of(HUGE_PAGE) && huge_bytes > 0);
            }
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        for length in [0, usize::MAX, usize::MAX / 2] {
            assert!(Region::new(length).is_err(), "{length}");
        }
    }

    #[test]
    fn a_region_of_a_node_that_does_not_exist_is_refused() {
        assert!(Region::on_node(HUGE_PAGE, 1_000).is_err());
    }

    #[test]
    fn huge_pages_are_counted_in_the_mapping_that_is_asked_for() {
        let text = "7f0000000000-7f0000400000 rw-p 00000000 00:00 0\n\
                    Size:   4096 kB\nAnonHugePages:      4096 kB\n\
                    7f0000400000-7f0000800000 rw-p 00000000 00:00 0\n\
                    AnonHugePages:         0 kB\n";
        assert_eq!(huge_bytes_of(text, 0x7f00_0000_0000, 4 << 20), 4 << 20);
        assert_eq!(huge_bytes_of(text, 0x7f00_0020_0000, 2 << 20), 2 << 20);
        assert_eq!(huge_bytes_of(text, 0x7f00_0040_0000, 4 << 20), 0);
        assert_eq!(huge_bytes_of("", 0x7f00_0000_0000, 4 << 20), 0);
    }
}
