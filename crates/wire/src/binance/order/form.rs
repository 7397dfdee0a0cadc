//! Forms: what all orders of one kind have in common is kept as text, and what differs is written between.
//!
//! ```text
//!   {"id":   ,"method":"order.place","params":{"newClientOrderId":"   ","newOrderRespType":"ACK","price":"   ...
//!         7                                                        a-1                                 52000.00
//! ```
//!
//! The first order of a kind is written by [`Json`], which shows where its values stand. [`Kind`] says everything
//! else that it says, but for the symbol and what is the same in all requests of one [`Requests`](super::Requests)
//! without a signature. Every value is written anew in every request: none can be an earlier one's.

use core::ops::Range;
use core::slice;

use tiercel_types::{SelfTradePrevention, Side};

use super::super::words::{OrderType, ResponseType, TimeInForce};
use super::params::{self, ID, Json, Name, Params, Scratch, Sink as _, Stamp};
use super::params::{put_decimal, put_number, put_text};
use super::request::{CancelReplaceMode, NewOrder, OrderName, Request, Said};

/// Forms that are kept: the first that are needed. Orders of others are written without.
const FORMS_MAX: usize = 16;
/// Bytes between two values, at most.
const PART_BYTES_MAX: usize = 128;
/// Of one more than an order has values: the request's id, what is cancelled, its name, two prices, the quantity, the
/// time.
const PARTS_MAX: usize = 8;
/// Bytes of a symbol, at most.
const SYMBOL_BYTES_MAX: usize = 32;

/// What an order says beside its values and its symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    order_type: OrderType,
    side: Side,
    time_in_force: Option<TimeInForce>,
    response: ResponseType,
    self_trade_prevention: Option<SelfTradePrevention>,
    is_named: bool,
    /// How another one is cancelled, and whether that is called by the venue's id.
    cancels: Option<(CancelReplaceMode, bool)>,
}

impl Kind {
    /// None of what places no order of its own.
    #[inline]
    fn of<'r>(request: &Request<'r>) -> Option<(Self, &'r [u8])> {
        let (order, cancels) = match request {
            Request::Place(order) => (order, None),
            Request::CancelReplace(replace) => {
                let is_by_id = matches!(replace.cancel, OrderName::Id(_));
                (&replace.order, Some((replace.mode, is_by_id)))
            }
            _ => return None,
        };
        let NewOrder { side, response, self_trade_prevention, .. } = *order;
        let Said { order_type, time_in_force, .. } = order.terms.said();
        let is_named = !order.client_order_id.is_empty();
        let kind = Self {
            order_type,
            side,
            time_in_force,
            response,
            self_trade_prevention,
            is_named,
            cancels,
        };
        Some((kind, order.symbol.as_bytes()))
    }
}

/// Whether a parameter that is no word is the same in all requests of a form.
#[inline]
const fn is_fixed(name: &Name) -> bool {
    matches!(name.pair, b"symbol=" | b"recvWindow=")
}

/// What stands before a value, or behind the last.
#[derive(Clone, Copy, Debug)]
struct Part {
    bytes: [u8; PART_BYTES_MAX],
    len: usize,
}

/// The text of one kind of order of one symbol.
#[derive(Clone, Debug)]
struct Form {
    kind: Kind,
    symbol: [u8; SYMBOL_BYTES_MAX],
    symbol_len: usize,
    parts: [Part; PARTS_MAX],
    count: usize,
}

impl Form {
    /// None if it is larger than forms are.
    fn new(stamp: &Stamp<'_>, request: &Request<'_>, text: &mut Scratch) -> Option<Self> {
        let (kind, symbol) = Kind::of(request)?;
        let mut form = Self {
            kind,
            symbol: [0; SYMBOL_BYTES_MAX],
            symbol_len: symbol.len(),
            parts: [Part { bytes: [0; PART_BYTES_MAX], len: 0 }; PARTS_MAX],
            count: 0,
        };
        form.symbol.get_mut(..symbol.len())?.copy_from_slice(symbol);
        text.clear();
        params::put_id(text, 0);
        let id = ID.len()..text.as_bytes().len();
        params::put_method(text, request.endpoint().method);
        let mut seen = Seen { json: Json(text), form: &mut form, from: 0, fits: true };
        seen.value(id);
        request.write(stamp, &mut seen);
        seen.json.finish();
        params::put_end(seen.json.0);
        let end = seen.json.0.as_bytes().len();
        seen.value(end..end);
        seen.fits.then_some(form)
    }

    #[inline]
    fn is_of(&self, kind: Kind, symbol: &[u8]) -> bool {
        self.kind == kind && self.symbol.get(..self.symbol_len) == Some(symbol)
    }

    #[inline]
    fn put(&self, text: &mut Scratch, id: u64, stamp: &Stamp<'_>, request: &Request<'_>) {
        let parts = self.parts.get(..self.count).unwrap_or_default().iter();
        let mut blanks = Blanks { text, parts };
        blanks.part();
        put_number(blanks.text, id);
        request.write(stamp, &mut blanks);
        blanks.part();
        debug_assert!(blanks.parts.as_slice().is_empty(), "a value less than in {:?}", self.kind);
    }
}

/// Takes note of what stands between the values of a request that is being written.
struct Seen<'o> {
    json: Json<'o>,
    form: &'o mut Form,
    /// Where what was not noted yet begins.
    from: usize,
    fits: bool,
}

impl Seen<'_> {
    /// A value stands there.
    fn value(&mut self, at: Range<usize>) {
        let Form { parts, count, .. } = &mut *self.form;
        let before = self.json.0.as_bytes().get(self.from..at.start).unwrap_or_default();
        let place = parts.get_mut(*count).and_then(|part| {
            part.len = before.len();
            part.bytes.get_mut(..before.len())
        });
        match place {
            Some(place) => place.copy_from_slice(before),
            None => self.fits = false,
        }
        (*count, self.from) = (*count + 1, at.end);
    }

    /// The value of the parameter that `write` writes, whose name it has so many bytes of, and so many behind it.
    fn parameter(&mut self, name_len: usize, behind: usize, write: impl FnOnce(&mut Json<'_>)) {
        let start = self.json.0.as_bytes().len() + name_len;
        write(&mut self.json);
        let end = self.json.0.as_bytes().len() - behind;
        self.value(start..end);
    }
}

impl Params for Seen<'_> {
    fn text(&mut self, name: Name, text: &[u8]) {
        if is_fixed(&name) {
            self.json.text(name, text);
        } else {
            self.parameter(name.json_len, "\",".len(), |json| json.text(name, text));
        }
    }

    fn word(&mut self, name: Name, word: &'static str) {
        self.json.word(name, word);
    }

    fn number(&mut self, name: Name, number: u64) {
        if is_fixed(&name) {
            self.json.number(name, number);
        } else {
            // No quotes.
            self.parameter(name.json_len - 1, ",".len(), |json| json.number(name, number));
        }
    }

    fn decimal(&mut self, name: Name, units: u64, digits: u32) {
        self.parameter(name.json_len, "\",".len(), |json| json.decimal(name, units, digits));
    }

    fn finish(&mut self) {
        self.json.finish();
    }
}

/// Writes the values of a request into its form.
struct Blanks<'o> {
    text: &'o mut Scratch,
    parts: slice::Iter<'o, Part>,
}

impl Blanks<'_> {
    /// What stands before the next value.
    #[inline]
    fn part(&mut self) {
        if let Some(part) = self.parts.next() {
            self.text.piece(&part.bytes, part.len);
        }
    }
}

impl Params for Blanks<'_> {
    #[inline]
    fn text(&mut self, name: Name, text: &[u8]) {
        if !is_fixed(&name) {
            self.part();
            put_text(self.text, text);
        }
    }

    #[inline]
    fn word(&mut self, _: Name, _: &'static str) {}

    #[inline]
    fn number(&mut self, name: Name, number: u64) {
        if !is_fixed(&name) {
            self.part();
            put_number(self.text, number);
        }
    }

    #[inline]
    fn decimal(&mut self, _: Name, units: u64, digits: u32) {
        self.part();
        put_decimal(self.text, units, digits);
    }

    #[inline]
    fn finish(&mut self) {}
}

/// The forms of one key's requests.
#[derive(Clone, Debug)]
pub(super) struct Forms {
    kept: Vec<Form>,
}

impl Forms {
    pub(super) fn new() -> Self {
        Self { kept: Vec::with_capacity(FORMS_MAX) }
    }

    /// Writes a request without a signature. False if there is no form for it: then `text` is as it was.
    #[inline]
    pub(super) fn put(
        &self,
        text: &mut Scratch,
        id: u64,
        stamp: &Stamp<'_>,
        request: &Request<'_>,
    ) -> bool {
        let Some((kind, symbol)) = Kind::of(request) else { return false };
        let form = self.kept.iter().find(|form| form.is_of(kind, symbol));
        if let Some(form) = form {
            form.put(text, id, stamp, request);
        }
        form.is_some()
    }

    /// Makes the form of a request for which there is none, if it has one and there is room. `text` is used for it.
    #[cold]
    pub(super) fn learn(&mut self, text: &mut Scratch, stamp: &Stamp<'_>, request: &Request<'_>) {
        if self.kept.len() < FORMS_MAX
            && let Some(form) = Form::new(stamp, request, text)
        {
            self.kept.push(form);
        }
    }
}
