//! What a client is told on a trading connection: answers, decoded to fixed point, and events.
//!
//! ```text
//!   text --> Incoming::decode --> Answer { id, outcome, limits } --> Body --> by what was asked:
//!                             |                     \--> Refusal              placed(), trades(), ...
//!                             \-> UserData (see user_data)
//!   body of a REST answer --> Body::decode, or Refusal::decode
//! ```
//!
//! An answer does not say what it answers: its id does, to who asked. So its result is checked to be
//! JSON and left where it lies; the methods of [`Body`] read it. Any order of fields, unknown fields
//! skipped, both units of time. Nothing is copied and nothing allocated: lists are read element by
//! element.
//!
//! Source: `web-socket-api.md` and `rest-api.md` of the public repository
//! `binance/binance-spot-api-docs`.

mod account;
mod cancel_replace;
mod limit;
mod order;

use tiercel_types::Timestamp;

pub use account::{Account, AssetBalance, OwnTrade};
pub use cancel_replace::{CancelReplaced, Part};
pub use limit::{Interval, LimitKind, RateLimit};
pub use order::{
    AmendedOrder, Cancelled, CancelledList, CancelledOrder, Fill, OrderState, PlacedLeg,
    PlacedList, PlacedOrder,
};

use super::elements::Elements;
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::fields::{KEY_LIMIT, fields};
use super::json::Cursor;
use super::message::TimeUnit;
use super::text::Text;
use super::user_data::{Event, UserData};
use super::value::{self, Slot};

type Result<T> = core::result::Result<T, DecodeError>;

/// A message of a trading connection.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would allocate for each message")]
pub enum Incoming<'m> {
    /// To a request.
    Answer(Answer<'m>),
    /// What happened.
    UserData(UserData<'m>),
}

/// An answer of the `WebSocket` interface.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'m> {
    /// The request's; none where it could not be read.
    pub id: Option<u64>,
    /// As HTTP has it: 200 for what was done.
    pub status: u16,
    /// What was done, or why not.
    pub outcome: core::result::Result<Body<'m>, Refusal<'m>>,
    /// What of its limits the client has used; none where it does not want to know.
    pub limits: Option<Elements<'m, RateLimit>>,
}

fields! {
    /// Why a request was refused.
    Refusal {
        /// Its number, such as -2010.
        code: i32 = b"code" value::integer,
        /// The reason in words.
        message: Text<'m> = b"msg" value::text,
        ?
        /// More of it: the parts of a cancel-replace, or when to come again.
        data: Body<'m> = b"data" read_body,
    }
}

impl<'m> Refusal<'m> {
    /// Decodes the body of a refusal of REST.
    ///
    /// # Errors
    /// [`DecodeError`]: the first thing found wrong, with its place and field.
    pub fn decode(body: &'m [u8], unit: TimeUnit) -> Result<Self> {
        let body = Body::decode(body, unit)?;
        Self::read(&mut { body.cursor }, body.ns)
    }

    /// From when on the client may ask again; none where the refusal does not say.
    pub fn retry_after(&self) -> Option<Timestamp> {
        let data = self.data?;
        member(&data, "retryAfter", |cursor| value::timestamp(cursor, data.ns)).ok()
    }

    /// What became of the parts of a cancel-replace, if the refusal is of one (-2021, -2022).
    ///
    /// # Errors
    /// [`DecodeError`] where a part is not what it should be.
    pub fn cancel_replaced(&self) -> Result<Option<CancelReplaced<'m>>> {
        match (self.code, self.data) {
            (-2021 | -2022, Some(data)) => data.cancel_replaced().map(Some),
            _ => Ok(None),
        }
    }
}

/// A value that is known to be JSON, read by what was asked.
#[derive(Clone, Copy, Debug)]
pub struct Body<'m> {
    cursor: Cursor<'m>,
    ns: u64,
}

/// Steps over a value; none if it is null.
fn read_body<'m>(cursor: &mut Cursor<'m>, ns: u64) -> Result<Option<Body<'m>>> {
    let body = Body { cursor: *cursor, ns };
    cursor.skip_value()?;
    Ok(Some(body).filter(|body| body.cursor.peek() != Some(b'n')))
}

impl<'m> Incoming<'m> {
    /// Decodes one message.
    ///
    /// # Errors
    /// [`DecodeError`]: the first thing found wrong, with its place and field.
    pub fn decode(message: &'m [u8], unit: TimeUnit) -> Result<Self> {
        let ns = unit.nanoseconds();
        let mut cursor = Cursor::checked(message)?;
        cursor.blank();
        let start = cursor;
        let mut envelope = Envelope::new();
        if !Event::is_named_first(start) {
            cursor.object(|key, cursor| {
                let mut scratch = [0; KEY_LIMIT];
                envelope.fill(key.resolve(&mut scratch), cursor, ns)
            })?;
            if !envelope.is_bare {
                cursor.finish()?;
                return envelope.incoming(&cursor);
            }
        }
        cursor = start;
        let event = Event::read(&mut cursor, ns)?;
        cursor.finish()?;
        Ok(Self::UserData(UserData { subscription_id: None, event }))
    }
}

/// The fields round answers and events.
struct Envelope<'m> {
    id: Slot<Option<u64>>,
    status: Slot<u64>,
    result: Slot<Body<'m>>,
    error: Slot<Refusal<'m>>,
    limits: Slot<Elements<'m, RateLimit>>,
    subscription_id: Slot<u64>,
    event: Slot<Event<'m>>,
    /// Whether it is an event that stands by itself.
    is_bare: bool,
}

impl<'m> Envelope<'m> {
    const fn new() -> Self {
        Self {
            id: Slot::new("id"),
            status: Slot::new("status"),
            result: Slot::new("result"),
            error: Slot::new("error"),
            limits: Slot::new("rateLimits"),
            subscription_id: Slot::new("subscriptionId"),
            event: Slot::new("event"),
            is_bare: false,
        }
    }

    fn fill(&mut self, key: Option<&[u8]>, cursor: &mut Cursor<'m>, ns: u64) -> Result<()> {
        match key {
            Some(b"id") => self.id.fill(cursor, |cursor| match cursor.peek() {
                Some(b'n') => cursor.skip_value().map(|()| None),
                _ => cursor.unsigned().map(Some),
            }),
            Some(b"status") => self.status.fill(cursor, Cursor::unsigned),
            Some(b"result") => self.result.fill(cursor, |cursor| {
                let result = Body { cursor: *cursor, ns };
                cursor.skip_value().map(|()| result)
            }),
            Some(b"error") => self.error.fill(cursor, |cursor| Refusal::read(cursor, ns)),
            Some(b"rateLimits") => {
                self.limits.fill(cursor, |cursor| Elements::of(cursor, ns, RateLimit::read))
            }
            Some(b"subscriptionId") => self.subscription_id.fill(cursor, Cursor::unsigned),
            Some(b"event") => self.event.fill(cursor, |cursor| Event::read(cursor, ns)),
            Some(b"e") => {
                self.is_bare = true;
                cursor.skip_value()
            }
            _ => cursor.skip_value(),
        }
    }

    /// `cursor` stands at the end of the message.
    fn incoming(self, cursor: &Cursor<'m>) -> Result<Incoming<'m>> {
        if let Some(event) = self.event.value {
            let subscription_id = self.subscription_id.value;
            return Ok(Incoming::UserData(UserData { subscription_id, event }));
        }
        if self.status.value.is_none() && self.id.value.is_none() {
            return cursor.refuse(Kind::UnknownMessage);
        }
        let status = u16::try_from(self.status.take(cursor)?);
        let out_of_range = DecodeError { offset: cursor.at, field: "status", kind: Kind::Range };
        let outcome = match self.error.value {
            Some(_) if self.result.value.is_some() => return cursor.refuse(Kind::UnknownMessage),
            Some(refusal) => Err(refusal),
            None => Ok(self.result.take(cursor)?),
        };
        Ok(Incoming::Answer(Answer {
            id: self.id.value.flatten(),
            status: status.map_err(|_| out_of_range)?,
            outcome,
            limits: self.limits.value,
        }))
    }
}

impl<'m> Body<'m> {
    /// The body of an answer of REST.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not JSON.
    pub fn decode(body: &'m [u8], unit: TimeUnit) -> Result<Self> {
        let mut cursor = Cursor::checked(body)?;
        cursor.blank();
        let start = cursor;
        cursor.skip_value()?;
        cursor.finish()?;
        Ok(Self { cursor: start, ns: unit.nanoseconds() })
    }

    /// To `order.place`.
    ///
    /// # Errors
    /// [`DecodeError`], as of all that follow: the first thing found wrong, with its place and field.
    pub fn placed(&self) -> Result<PlacedOrder<'m>> {
        PlacedOrder::read(&mut { self.cursor }, self.ns)
    }

    /// To `orderList.place.oco`, `.oto` and `.otoco`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn placed_list(&self) -> Result<PlacedList<'m>> {
        PlacedList::read(&mut { self.cursor }, self.ns)
    }

    /// To `order.cancel`: an order, or the list that it is of.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn cancelled(&self) -> Result<Cancelled<'m>> {
        Cancelled::read(&mut { self.cursor }, self.ns)
    }

    /// To `openOrders.cancelAll`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn all_cancelled(&self) -> Result<Elements<'m, Cancelled<'m>>> {
        Elements::of(&mut { self.cursor }, self.ns, Cancelled::read)
    }

    /// To `order.cancelReplace`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn cancel_replaced(&self) -> Result<CancelReplaced<'m>> {
        CancelReplaced::read(&mut { self.cursor }, self.ns)
    }

    /// To `order.amend.keepPriority`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn amended(&self) -> Result<AmendedOrder<'m>> {
        AmendedOrder::of_answer(&mut { self.cursor }, self.ns)
    }

    /// To `order.status`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn order(&self) -> Result<OrderState<'m>> {
        OrderState::read(&mut { self.cursor }, self.ns)
    }

    /// To `openOrders.status`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn open_orders(&self) -> Result<Elements<'m, OrderState<'m>>> {
        Elements::of(&mut { self.cursor }, self.ns, OrderState::read)
    }

    /// To `myTrades`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn trades(&self) -> Result<Elements<'m, OwnTrade<'m>>> {
        Elements::of(&mut { self.cursor }, self.ns, OwnTrade::read)
    }

    /// To `account.status`.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn account(&self) -> Result<Account<'m>> {
        Account::read(&mut { self.cursor }, self.ns)
    }

    /// To `time`, `session.logon` and `session.status`: the venue's time.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn server_time(&self) -> Result<Timestamp> {
        member(self, "serverTime", |cursor| value::timestamp(cursor, self.ns))
    }

    /// To `userDataStream.subscribe` and `.subscribe.signature`: the id that events come with.
    ///
    /// # Errors
    /// As [`Body::placed`].
    pub fn subscription_id(&self) -> Result<u64> {
        member(self, "subscriptionId", value::unsigned)
    }
}

/// Reads one field of an object.
fn member<T>(
    body: &Body<'_>,
    name: &'static str,
    read: impl Fn(&mut Cursor<'_>) -> Result<T>,
) -> Result<T> {
    let mut cursor = body.cursor;
    let mut slot = Slot::new(name);
    cursor.object(|key, cursor| {
        let mut scratch = [0; KEY_LIMIT];
        if key.resolve(&mut scratch) == Some(name.as_bytes()) {
            slot.fill(cursor, &read)
        } else {
            cursor.skip_value()
        }
    })?;
    slot.take(&cursor)
}
