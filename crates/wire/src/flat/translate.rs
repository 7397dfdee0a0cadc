//! What stands between a connection in FlatBuffers and the binary session behind it.

use super::{Encoder, Framing, HELD_MAX, NO_GROUP, Refusal, decode, front};
use crate::binary::{Fault, Group};

/// Turns what comes on a connection into records, and records into what goes out on it.
///
/// ```text
///   bytes --> received() --> records() --> Gate::received, Session::received
///   bytes <-- sent() <------------------- Gate::output, Session::output
/// ```
pub struct Translator {
    framing: Framing,
    encoder: Encoder,
    records: Vec<u8>,
    refusal: Option<Refusal>,
}

impl Translator {
    /// For a connection whose messages are told apart so.
    pub fn new(framing: Framing) -> Self {
        Self { framing, encoder: Encoder::default(), records: Vec::new(), refusal: None }
    }

    /// Bytes of a stream have come: takes the messages that are whole, as long as there is room for
    /// their records, and returns how many bytes they were. With [`Framing::Carrier`] the bytes are
    /// one message.
    ///
    /// After bytes that are no message nothing more is taken: the session gets a record that is none,
    /// and says goodbye.
    pub fn received(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.refusal.is_none() && self.records.len() < HELD_MAX {
            let rest = &bytes[taken..];
            let message = match self.framing {
                Framing::Length => front(rest),
                Framing::Carrier => Ok((!rest.is_empty()).then_some(rest)),
            };
            let Some(message) = message.transpose() else { break };
            let decoded = message.and_then(|message| {
                decode(message, self.framing, &mut self.records)?;
                Ok(message.len())
            });
            match decoded {
                Ok(length) => taken += length,
                Err(refusal) => {
                    self.records.extend_from_slice(&NO_GROUP);
                    self.refusal = Some(refusal);
                }
            }
        }
        taken
    }

    /// The records that came. Who takes them drains what was taken.
    pub const fn records(&mut self) -> &mut Vec<u8> {
        &mut self.records
    }

    /// What came that is no message.
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Takes the groups that are whole out of a session's output, and hands over a message for each.
    ///
    /// # Errors
    /// [`Fault`] of a record that no session sends.
    pub fn sent(&mut self, output: &mut Vec<u8>, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
        let mut taken = 0;
        let result = loop {
            match Group::front(&output[taken..]) {
                Ok(Some(group)) => {
                    taken += group.bytes().len();
                    match self.encoder.encode(&group, self.framing) {
                        Ok(message) => take(message),
                        Err(fault) => break Err(fault),
                    }
                }
                Ok(None) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        output.drain(..taken);
        result
    }
}
