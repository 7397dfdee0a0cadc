//! The first page of a cycle's file: what the bus is, and the words that move.
//!
//! Byte by byte in docs/bus.md. The fixed part is written before the file gets its name, and
//! carries its own checksum; what moves has cache lines of its own behind it.

use core::time::Duration;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::BusError;
use crate::lock::SHARED_WRITERS_MAX;
use crate::options::{Align, Options, Retention, Waiting, Writers};
use crate::protocol::Geometry;

/// Bytes of the first page; the first record's word comes right behind it.
pub const FIRST_PAGE: usize = 4096;
/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;
/// The version of the layout.
pub const VERSION: u32 = 1;
/// Where the bell is: the word that readers sleep on.
pub(crate) const BELL: usize = 128;
/// Where the longest claim in this cycle is, in bytes, word included: how far a dead writer may
/// have written beyond the tail.
pub(crate) const REACH: usize = 192;
/// Where it says that no claim is left in this cycle or in any before it.
pub(crate) const SETTLED: usize = 256;

const MAGIC: [u8; 8] = *b"TRCLBUS\n";

/// The fixed part, as it lies in the file. Little-endian, as records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Fixed {
    magic: [u8; 8],
    version: u32,
    cycle: u32,
    bus: u64,
    file_bytes: u64,
    created_ns: u64,
    span_ns: u64,
    retain_bytes: u64,
    retain_cycles: u32,
    align: u32,
    shared: u8,
    sleep: u8,
    alone: u8,
    reserved: [u8; 45],
    checksum: u64,
}

const FIXED_SIZE: usize = size_of::<Fixed>();
const _: () = assert!(FIXED_SIZE == 120 && FIXED_SIZE <= BELL && SETTLED + 8 <= FIRST_PAGE);

/// What the first page of a cycle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstPage {
    /// Which cycle, from one.
    pub(crate) cycle: u32,
    /// Which bus: a number that all of its cycles carry, and hardly another bus.
    pub(crate) bus: u64,
    /// Whether it is the only cycle, in a file by itself.
    pub(crate) alone: bool,
    /// When the cycle was made, in nanoseconds since the Unix epoch.
    pub(crate) created_ns: u64,
    /// What the bus was made with.
    pub(crate) options: Options,
}

impl FirstPage {
    /// How records lie in the cycle.
    pub(crate) fn geometry(&self) -> Geometry {
        let align = self.options.align.bytes();
        let slots = match self.options.writers {
            Writers::One => 0,
            Writers::Shared => SHARED_WRITERS_MAX,
        };
        let last = self.options.cycle_bytes as usize - align;
        Geometry { first: FIRST_PAGE, last, align, slots }
    }

    /// The bytes at the beginning of the file.
    pub(crate) fn encode(&self) -> [u8; FIXED_SIZE] {
        let options = &self.options;
        let mut fixed = Fixed {
            magic: MAGIC,
            version: VERSION,
            cycle: self.cycle,
            bus: self.bus,
            file_bytes: options.cycle_bytes,
            created_ns: self.created_ns,
            span_ns: options.cycle_span.as_nanos() as u64,
            retain_bytes: options.retention.bytes,
            retain_cycles: options.retention.cycles,
            align: options.align.bytes() as u32,
            shared: u8::from(options.writers == Writers::Shared),
            sleep: u8::from(options.waiting == Waiting::Sleep),
            alone: u8::from(self.alone),
            reserved: [0; 45],
            checksum: 0,
        };
        fixed.checksum = checksum(&fixed);
        let mut bytes = [0; FIXED_SIZE];
        bytes.copy_from_slice(fixed.as_bytes());
        bytes
    }

    /// Reads the first bytes of a file of `file_bytes`. `path` is for errors alone.
    pub(crate) fn decode(bytes: &[u8], file_bytes: u64, path: &Path) -> Result<Self, BusError> {
        let not_a_bus = || BusError::NotABus(path.to_owned());
        let damaged = |what| BusError::Damaged { path: path.to_owned(), what };
        let (magic, _) = bytes.split_first_chunk::<8>().ok_or_else(not_a_bus)?;
        if *magic != MAGIC {
            return Err(not_a_bus());
        }
        let Ok((fixed, _)) = Fixed::read_from_prefix(bytes) else {
            let expected = 2 * FIRST_PAGE as u64;
            return Err(BusError::Size { path: path.to_owned(), expected, found: file_bytes });
        };
        if fixed.version != VERSION {
            let (found, known) = (fixed.version, VERSION);
            return Err(BusError::Version { path: path.to_owned(), found, known });
        }
        if fixed.checksum != checksum(&fixed) {
            return Err(damaged("the first page's checksum does not match"));
        }
        let options = fixed.options().ok_or_else(|| damaged("a field has an unknown value"))?;
        if options.check().is_err() || fixed.cycle == 0 || fixed.alone > 1 {
            return Err(damaged("a field has a value it cannot have"));
        }
        if fixed.file_bytes != file_bytes {
            let (expected, found) = (fixed.file_bytes, file_bytes);
            return Err(BusError::Size { path: path.to_owned(), expected, found });
        }
        let Fixed { cycle, bus, created_ns, alone, .. } = fixed;
        Ok(Self { cycle, bus, alone: alone == 1, created_ns, options })
    }
}

fn checksum(fixed: &Fixed) -> u64 {
    xxh3_64(&fixed.as_bytes()[..FIXED_SIZE - size_of::<u64>()])
}

impl Fixed {
    fn options(&self) -> Option<Options> {
        Some(Options {
            writers: match self.shared {
                0 => Writers::One,
                1 => Writers::Shared,
                _ => return None,
            },
            waiting: match self.sleep {
                0 => Waiting::Spin,
                1 => Waiting::Sleep,
                _ => return None,
            },
            align: match self.align {
                8 => Align::Word,
                64 => Align::CacheLine,
                _ => return None,
            },
            cycle_bytes: self.file_bytes,
            cycle_span: Duration::from_nanos(self.span_ns),
            retention: Retention { cycles: self.retain_cycles, bytes: self.retain_bytes },
            prefault: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> FirstPage {
        let options = Options {
            writers: Writers::Shared,
            waiting: Waiting::Sleep,
            align: Align::Word,
            cycle_bytes: 1 << 20,
            cycle_span: Duration::from_mins(1),
            retention: Retention { cycles: 3, bytes: 1 << 30 },
            prefault: false,
        };
        FirstPage { cycle: 7, bus: 0x1122_3344_5566_7788, alone: true, created_ns: 99, options }
    }

    #[test]
    fn a_first_page_reads_as_it_was_written() {
        let decoded = FirstPage::decode(&page().encode(), 1 << 20, Path::new("p")).unwrap();
        assert_eq!(decoded, page());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        for bit in 0..FIXED_SIZE * 8 {
            let mut bytes = page().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FirstPage::decode(&bytes, 1 << 20, Path::new("p")).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let path = Path::new("p");
        let bytes = page().encode();
        let fault = |bytes: &[u8], size| FirstPage::decode(bytes, size, path).unwrap_err();
        assert!(matches!(fault(b"", 0), BusError::NotABus(_)));
        assert!(matches!(fault(b"#!/bin/sh\n", 10), BusError::NotABus(_)));
        assert!(matches!(fault(&bytes[..64], 64), BusError::Size { found: 64, .. }));
        assert!(matches!(fault(&bytes, 4096), BusError::Size { found: 4096, .. }));
        let mut newer = bytes;
        newer[8] = 2;
        assert!(matches!(fault(&newer, 1 << 20), BusError::Version { found: 2, .. }));
        let mut torn = bytes;
        torn[40] ^= 1;
        assert!(matches!(fault(&torn, 1 << 20), BusError::Damaged { .. }));
    }
}
