//! From a session's requests to commands, and what is known of a request while the engine has it.

use tiercel_types::command::Command;
use tiercel_types::event::Denied;
use tiercel_types::{AccountId, ClientOrderId};
use tiercel_wire::binary::{
    ClientId, Fault, Group, IdRole, Kind, LongId, Origin, Rejected, commands,
};

use super::lines::LineId;
use crate::entry_limits::Exceeded;
use crate::pipeline::PARTS_MAX;

/// A request that the engine has: whose, which, and its number. It is the token of its submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whose.
    pub line: LineId,
    /// What.
    pub kind: Kind,
    /// Its number.
    pub number: u64,
}

/// Bits of a token that are the request's number: requests of centuries.
const NUMBER_BITS: u32 = 44;
/// Above it, bits that are its kind.
const KIND_BITS: u32 = 8;
/// The most sessions, so that the rest of a token tells them apart.
pub(super) const LINES_MAX: usize = 1 << (64 - NUMBER_BITS - KIND_BITS);

impl Asked {
    /// As a token.
    #[inline]
    pub const fn token(&self) -> u64 {
        let low = self.number & ((1 << NUMBER_BITS) - 1);
        (self.line.0 as u64) << (NUMBER_BITS + KIND_BITS) | (self.kind as u64) << NUMBER_BITS | low
    }

    /// What a token says; `None` of a submission that was nobody's request.
    #[inline]
    pub const fn of_token(token: u64) -> Option<Self> {
        match Kind::from_code((token >> NUMBER_BITS) as u8) {
            Some(kind) => Some(Self {
                line: LineId((token >> (NUMBER_BITS + KIND_BITS)) as u16),
                kind,
                number: token & ((1 << NUMBER_BITS) - 1),
            }),
            None => None,
        }
    }
}

/// Turns requests into commands. One for all sessions: a request leaves nothing behind in it.
#[derive(Debug)]
pub struct Desk {
    commands: Vec<Command>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { commands: Vec::with_capacity(PARTS_MAX) }
    }
}

impl Desk {
    /// The commands that a request asks for, of one submission.
    ///
    /// # Errors
    /// [`Fault`]: the request is refused as a whole.
    #[inline]
    pub fn hear(
        &mut self,
        group: &Group<'_>,
        (account, session): (AccountId, u32),
    ) -> Result<&[Command], Fault> {
        self.commands.clear();
        let origin = Origin { account, session };
        commands(group, origin, |command| self.commands.push(command))?;
        Ok(&self.commands)
    }
}

/// A client id, as an answer has it: in its record, and whole behind it if it is longer.
pub(super) fn answer_id(id: &ClientOrderId) -> (ClientId, Option<LongId>) {
    let long = || LongId { text: *id, role: IdRole::Own, reserved: [0; 11] };
    match ClientId::new(id.as_bytes()) {
        Some(short) => (short, None),
        None => (ClientId::part(id.as_bytes()), Some(long())),
    }
}

/// Where the field at fault stands: in which record of the request, and from which byte on.
pub(super) fn field_of(asked: Kind, denied: &Denied) -> (u8, u8) {
    /// Bytes of a header in front of its instrument.
    const INSTRUMENT_AT: u8 = 4;
    let name = match denied.reason.field() {
        "client_order_id" => "client_id",
        "quote_qty" => "qty",
        "ends_at" | "at" => "after_ns",
        name => name,
    };
    let main = if asked == Kind::NewOrderList && denied.leg > 0 { Kind::NewOrder } else { asked };
    if name == "instrument" {
        return (main as u8, INSTRUMENT_AT);
    }
    let records: &[Kind] = match main {
        Kind::NewOrder => &[Kind::NewOrder, Kind::OrderTerms, Kind::OrderTrigger, Kind::Condition],
        Kind::ReplaceOrder => &[Kind::ReplaceOrder, Kind::OrderTerms, Kind::Target],
        _ => &[main],
    };
    let found = records.iter().find_map(|kind| {
        let field = kind.fields().iter().find(|field| field.name == name)?;
        Some((*kind as u8, field.offset))
    });
    found.unwrap_or((main as u8, 0))
}

/// Reasons of the gateway's beside those of [`Fault`].
const fn reason(exceeded: Exceeded) -> u16 {
    match exceeded {
        Exceeded::OpenOrders => 6,
        Exceeded::Rate => 7,
    }
}

/// The gateway's refusal of a request that is well formed.
pub(super) fn refused(
    client_id: ClientId,
    request: u64,
    (kind, exceeded): (Kind, Exceeded),
    time: tiercel_types::Timestamp,
) -> Rejected {
    Rejected {
        client_id,
        order_id: tiercel_types::OrderId::NONE,
        time,
        request,
        reason: reason(exceeded),
        source: tiercel_wire::binary::RejectSource::Gateway,
        record_kind: kind as u8,
        field: 0,
        leg: 0,
        reserved: [0; 2],
    }
}
