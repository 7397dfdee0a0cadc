//! The binary protocol as FlatBuffers: the same records, each as a table of a schema that grows.
//!
//! ```text
//!   stream --> front() --> frame --> decode(): verified --> records --> binary::session --> commands
//!                                                                            |
//!   stream <------------- frame <-- Encoder::encode() <----- records <-------+
//!        Translator: both, for a connection
//! ```
//!
//! A connection in FlatBuffers is a connection of the binary protocol behind a translation that
//! knows no state: login, numbers, resends and cancelling on disconnect are the binary session's.
//! Every message that FlatBuffers' verifier passes becomes a group of records; a value that its
//! field cannot have becomes one that the record cannot have either, so that the refusal names the
//! field, whichever way it came. What is no message becomes what is no record.
//!
//! The schema is made from the table of records, the code in [`schema`] by the compiler of exactly
//! the runtime's version, and nothing is read that was not verified.
//!
//! Budget: at most 1.2 times a loop over the generated code alone. Must not happen here: allocation
//! per message after the first, panics on any input.

mod table;
mod translate;

#[rustfmt::skip]
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    reason = "written by flatc, and compared with what it writes; what it unwraps has a default, or was verified to be there"
)]
#[path = "flat/schema.rs"]
mod generated;

/// What the compiler makes of `schemas/tiercel.fbs`.
pub use generated::tiercel as schema;
pub use translate::Translator;

use flatbuffers::{FlatBufferBuilder, InvalidFlatbuffer, VerifierOptions, WIPOffset};
use thiserror::Error;
use tiercel_types::InstrumentId;
use zerocopy::IntoBytes;

use crate::binary::{self, EXTENSIONS_MAX, Fault, GROUP_SIZE_MAX, Group, HEADER_SIZE, RECORD_SIZE};

/// Bytes of the longest message, with the length in front of it.
pub const MESSAGE_SIZE_MAX: usize = 16 << 10;
/// Bytes of the length in front of a message on a stream.
const PREFIX_SIZE: usize = 4;
/// The shortest message: where the root is, a table and its virtual table.
const MESSAGE_SIZE_MIN: usize = 12;

/// What the verifier goes through at most, in one message.
const LIMITS: VerifierOptions = VerifierOptions {
    // Message, extension, body, what a body has inside.
    max_depth: 6,
    // A body has at most three tables inside.
    max_tables: 5 * (1 + EXTENSIONS_MAX),
    max_apparent_size: 8 * MESSAGE_SIZE_MAX,
    ignore_missing_null_terminator: false,
};

/// How messages are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By a length of four bytes in front, as `FinishSizePrefixed` of any FlatBuffers library
    /// writes it.
    Length,
    /// By what carries them: a binary message of a `WebSocket` each.
    Carrier,
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Refusal {
    /// Shorter than any message, or longer than [`MESSAGE_SIZE_MAX`].
    #[error("a message of {length} bytes")]
    Length {
        /// How long it is, or says it is.
        length: usize,
    },
    /// FlatBuffers' verifier does not pass it.
    #[error("not verified: {0}")]
    Invalid(InvalidFlatbuffer),
    /// More records belong to it than may.
    #[error("{count} extensions")]
    Extensions {
        /// How many.
        count: usize,
    },
}

impl Refusal {
    /// The stable number.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Length { .. } => 1,
            Self::Invalid(_) => 2,
            Self::Extensions { .. } => 3,
        }
    }
}

/// The message that a stream begins with, and its length in front; `None` while it is not whole.
///
/// # Errors
/// [`Refusal::Length`]: where the next begins is not known.
#[inline]
pub fn front(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let Some(prefix) = bytes.first_chunk::<PREFIX_SIZE>() else { return Ok(None) };
    let length = u32::from_le_bytes(*prefix) as usize;
    if !(MESSAGE_SIZE_MIN..=MESSAGE_SIZE_MAX - PREFIX_SIZE).contains(&length) {
        return Err(Refusal::Length { length });
    }
    Ok(bytes.get(..PREFIX_SIZE + length))
}

/// Puts the records of a message behind `records`: always a whole group. Whether its values are
/// ones that the protocol allows is asked by [`binary::decode`].
///
/// # Errors
/// [`Refusal`]: nothing is put there.
#[inline]
pub fn decode(message: &[u8], framing: Framing, records: &mut Vec<u8>) -> Result<(), Refusal> {
    if !(MESSAGE_SIZE_MIN..=MESSAGE_SIZE_MAX).contains(&message.len()) {
        return Err(Refusal::Length { length: message.len() });
    }
    let message = match framing {
        Framing::Length => schema::size_prefixed_root_as_message_with_opts(&LIMITS, message),
        Framing::Carrier => schema::root_as_message_with_opts(&LIMITS, message),
    };
    let message = message.map_err(Refusal::Invalid)?;
    let mut header = binary::Header {
        kind: message.body_type().0,
        extensions: 0,
        flags: message.flags(),
        reserved: 0,
        instrument: InstrumentId(message.instrument()),
        sequence: message.sequence(),
    };
    let extensions = message.extensions();
    let count = extensions.map_or(0, |extensions| extensions.len());
    if count > EXTENSIONS_MAX {
        return Err(Refusal::Extensions { count });
    }
    header.extensions = count as u8;
    table::read_message(&message, begin(records, &header));
    header.extensions = 0;
    for extension in extensions.into_iter().flatten() {
        header.kind = extension.body_type().0;
        table::read_extension(&extension, begin(records, &header));
    }
    Ok(())
}

/// A record behind the others that has its header, and zeros as a body.
#[inline(always)]
fn begin<'r>(records: &'r mut Vec<u8>, header: &binary::Header) -> &'r mut [u8; RECORD_SIZE] {
    let at = records.len();
    records.extend_from_slice(&[0; RECORD_SIZE]);
    records[at..at + HEADER_SIZE].copy_from_slice(header.as_bytes());
    let (records, _) = records[at..].as_chunks_mut();
    &mut records[0]
}

/// Makes messages, one after the other, in a buffer that grows to the largest and stays.
pub struct Encoder {
    builder: FlatBufferBuilder<'static>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { builder: FlatBufferBuilder::with_capacity(1_024) }
    }
}

impl Encoder {
    /// The message of a group of records. Its extensions have the header of the first record, as a
    /// session writes them; what else their headers say is lost.
    ///
    /// # Errors
    /// [`Fault`] of a record that the protocol does not allow.
    #[inline]
    pub fn encode(&mut self, group: &Group<'_>, framing: Framing) -> Result<&[u8], Fault> {
        let (header, body) = group.decode()?;
        self.builder.reset();
        let builder = &mut self.builder;
        let extensions = if header.extensions == 0 {
            None
        } else {
            let mut all = [WIPOffset::new(0); EXTENSIONS_MAX];
            let mut count = 0;
            for (extension, place) in group.extensions().zip(&mut all) {
                let (body_type, body) = table::write(&extension?, builder);
                let args = schema::ExtensionArgs { body_type, body: Some(body) };
                *place = schema::Extension::create(builder, &args);
                count += 1;
            }
            Some(builder.create_vector(&all[..count]))
        };
        let (body_type, body) = table::write(&body, builder);
        let args = schema::MessageArgs {
            sequence: header.sequence,
            instrument: header.instrument.0,
            flags: header.flags,
            body_type,
            body: Some(body),
            extensions,
        };
        let message = schema::Message::create(builder, &args);
        match framing {
            Framing::Length => builder.finish_size_prefixed(message, None),
            Framing::Carrier => builder.finish(message, None),
        }
        Ok(builder.finished_data())
    }
}

/// A group that no session takes: what comes of bytes that are no message.
const NO_GROUP: [u8; RECORD_SIZE] = {
    let mut record = [0; RECORD_SIZE];
    record[1] = u8::MAX;
    record
};
const _: () = assert!(NO_GROUP[1] as usize > EXTENSIONS_MAX);
/// Records that a translator holds until the session takes them, at most.
const HELD_MAX: usize = 4 * GROUP_SIZE_MAX;
