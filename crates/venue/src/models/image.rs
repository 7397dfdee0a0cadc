//! The bytes of the read models: lists of plain records, each with its length in front.

use thiserror::Error;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// Begins an image: changes with every change of a record in it.
const MAGIC: [u8; 8] = *b"TIERMDL\x04";

/// Why bytes are not an image of the read models that this build can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// Another layout than this build's, or no image at all.
    #[error("the read models were kept by another version")]
    Version,
    /// It is cut off, or a record in it cannot be.
    #[error("the image of the read models is damaged in its {0}")]
    Damaged(&'static str),
}

/// Begins an image at the end of `out`.
pub(crate) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
}

/// Appends a list of records.
pub(crate) fn put<'a, T: IntoBytes + Immutable + 'a>(
    out: &mut Vec<u8>,
    records: impl ExactSizeIterator<Item = &'a T>,
) {
    out.extend_from_slice((records.len() as u64).as_bytes());
    for record in records {
        out.extend_from_slice(record.as_bytes());
    }
}

/// Walks an image.
#[derive(Debug)]
pub(crate) struct ImageReader<'a> {
    rest: &'a [u8],
}

impl<'a> ImageReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(ImageError::Version)?;
        Ok(Self { rest })
    }

    /// The next list: each record goes to `take`.
    pub(crate) fn take<T: TryFromBytes + KnownLayout + Immutable>(
        &mut self,
        what: &'static str,
        mut take: impl FnMut(T),
    ) -> Result<(), ImageError> {
        let damaged = ImageError::Damaged(what);
        let (count, rest) = u64::read_from_prefix(self.rest).map_err(|_| damaged)?;
        self.rest = rest;
        for _ in 0..count {
            let bytes = self.rest.get(..size_of::<T>()).ok_or(damaged)?;
            take(T::try_read_from_bytes(bytes).map_err(|_| damaged)?);
            self.rest = &self.rest[size_of::<T>()..];
        }
        Ok(())
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), ImageError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ImageError::Damaged("end")) }
    }
}
