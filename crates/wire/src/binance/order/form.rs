//! Forms: what all orders of one kind have in common is kept as text, and what differs is written between.
//!
//! ```text
//!   {"id":   ,"method":"order.place","params":{"newClientOrderId":"   ","newOrderRespType":"ACK","price":"   ...
//!         7                                                        a-1                                 52000.00
//! ```
//!
//! The first order of a kind is written by [`Json`], which shows where its values stand. [`Kind`] says everything
//! else that it says, but for the symbol and what is the same in all requests of one [`Requests`](super::Requests)
//! without a signature. A form keeps the text of an order, of which a copy is made, masked, and all values that are others are
//! written over those it has. Where one has another length all is laid out anew.
//!
//! What is written here is not read here again: a wide load of what was just written in parts waits.

use core::ops::Range;
use core::slice;

use tiercel_types::decimal::ONE;
use tiercel_types::{SelfTradePrevention, Side};

use super::super::words::{OrderType, ResponseType, TimeInForce};
use super::params::{self, ID, Json, Name, Params, Scratch, Sink as _, Stamp};
use super::params::{ZEROS, needs_escapes, places_shown, put_decimal, put_number, put_text};
use super::request::{CancelReplaceMode, NewOrder, OrderName, Request, Said};
use crate::piece::{eight_digits, tail, zeros_in_front};
use crate::websocket;

/// Forms that are kept: the first that are needed. Orders of others are written without.
const FORMS_MAX: usize = 16;
/// Bytes between two values, at most.
const PART_BYTES_MAX: usize = 128;
/// Of one more than an order has values: the request's id, what is cancelled, its name, two prices, the quantity, the
/// time.
const PARTS_MAX: usize = 8;
/// Bytes of a request that has a form, at most.
const TEXT_BYTES_MAX: usize = 512;
/// Bytes that are copied together.
const BLOCK: usize = 64;
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

/// Where a value stands, and which: one that is the same need not be written again.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: usize,
    end: usize,
    /// Of a decimal with its places, of a number without.
    value: (u64, u32),
}

/// The text of one kind of order of one symbol.
#[derive(Clone, Debug)]
struct Form {
    kind: Kind,
    symbol: [u8; SYMBOL_BYTES_MAX],
    symbol_len: usize,
    parts: [Part; PARTS_MAX],
    count: usize,
    /// An order's, and where its values are. Nothing if there is none.
    text: [u8; TEXT_BYTES_MAX],
    places: [Place; PARTS_MAX],
    len: usize,
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
            text: [0; TEXT_BYTES_MAX],
            places: [Place::default(); PARTS_MAX],
            len: 0,
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

    /// Writes an order of this form behind `out`, masked. False if it is longer than those of forms: then `out` is as it
    /// was. `scratch` may be used for it.
    #[inline]
    fn put(
        &mut self,
        out: &mut Vec<u8>,
        mask: [u8; 4],
        (id, stamp, request): (u64, &Stamp<'_>, &Request<'_>),
        scratch: &mut Scratch,
    ) -> bool {
        if self.put_over(out, mask, (id, stamp, request)) {
            return true;
        }
        let Some(text) = self.lay_out(id, stamp, request, scratch) else { return false };
        let start = out.len();
        out.extend_from_slice(text);
        websocket::mask(&mut out[start..], mask);
        true
    }

    /// Copies the text, and writes all values over those it has. False if one of them has another length.
    #[inline(never)]
    fn put_over(
        &self,
        out: &mut Vec<u8>,
        mask: [u8; 4],
        (id, stamp, request): (u64, &Stamp<'_>, &Request<'_>),
    ) -> bool {
        let start = out.len();
        for block in self.text.as_chunks::<BLOCK>().0 {
            let mut masked = *block;
            websocket::mask(&mut masked, mask);
            out.extend_from_slice(&masked);
        }
        let Some(copy) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) else {
            return false;
        };
        let mask = u64::from(u32::from_le_bytes(mask)) * 0x1_0000_0001;
        let places = self.places.iter();
        let mut over = Over { text: &self.text, copy, mask, places, fits: self.len > 0 };
        over.number_there(id);
        request.write(stamp, &mut over);
        let fits = over.fits;
        out.truncate(if fits { start + self.len } else { start });
        fits
    }

    /// Writes all of an order, and takes note of where its values are. Its text; none if it is longer than those of forms.
    #[inline(never)]
    fn lay_out(
        &mut self,
        id: u64,
        stamp: &Stamp<'_>,
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Option<&[u8]> {
        let Self { parts, count, places, kind, .. } = self;
        let parts = parts.get(..*count).unwrap_or_default().iter();
        scratch.clear();
        let mut blanks = Blanks { text: scratch, parts, places: places.iter_mut() };
        blanks.value((id, 0), |text| put_number(text, id));
        request.write(stamp, &mut blanks);
        blanks.part();
        debug_assert!(blanks.parts.as_slice().is_empty(), "a value less than in {kind:?}");
        let text = scratch.as_bytes();
        self.len = 0;
        self.text.get_mut(..text.len())?.copy_from_slice(text);
        self.len = text.len();
        self.text.get(..self.len)
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

/// Characters of a word.
const WORD: usize = 8;

/// Writes the values of a request over those of another one, in a masked copy of its text.
struct Over<'o> {
    text: &'o [u8; TEXT_BYTES_MAX],
    copy: &'o mut [u8; TEXT_BYTES_MAX],
    /// For the first bytes of the text.
    mask: u64,
    places: slice::Iter<'o, Place>,
    /// Whether all values have had the lengths of those before.
    fits: bool,
}

impl Over<'_> {
    #[inline(always)]
    fn place(&mut self) -> Place {
        self.places.next().copied().unwrap_or_default()
    }

    /// Eight characters, of which the first `count` (1 to 8) are written; behind them is what stood there.
    #[inline(always)]
    fn put(&mut self, start: usize, characters: u64, count: usize) {
        let old = self.text.get(start..).and_then(<[u8]>::first_chunk::<WORD>);
        let old = old.map_or(0, |old| u64::from_le_bytes(*old));
        let written = u64::MAX >> (64 - 8 * count as u32);
        self.put_word(start, (characters & written) | (old & !written));
    }

    /// Eight characters.
    #[inline(always)]
    fn put_word(&mut self, start: usize, characters: u64) {
        let new = self.copy.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<WORD>);
        let Some(new) = new else {
            self.fits = false;
            return;
        };
        let mask = self.mask.rotate_right(8 * (start % 4) as u32);
        *new = (characters ^ mask).to_le_bytes();
    }

    #[inline(never)]
    fn number_there(&mut self, number: u64) {
        let Place { start, end, value } = self.place();
        if number < ONE {
            let (characters, count) = low(number);
            self.put(start, characters, count);
            self.fits &= start + count == end;
            return;
        }
        if number >= ONE * ONE {
            self.fits = false;
            return;
        }
        if number / ONE == value.0 / ONE {
            // As times begin, for a day: the same characters, and as many.
            self.put_word(end - WORD, eight_digits(number % ONE) | ZEROS);
            return;
        }
        let (characters, count) = low(number / ONE);
        // What is behind its last character is written over.
        self.put_word(start, characters);
        self.put_word(start + count, eight_digits(number % ONE) | ZEROS);
        self.fits &= start + count + WORD == end;
    }

    #[inline(never)]
    fn decimal_there(&mut self, units: u64, digits: u32) {
        let Place { start, end, value } = self.place();
        if (units, digits) == value {
            // As quantities often are: it is there.
            return;
        }
        if units >= ONE * ONE {
            self.fits = false;
            return;
        }
        let (characters, count) = low(units / ONE);
        let places = eight_digits(units % ONE);
        let shown = places_shown(places, digits);
        let point = start + count;
        if shown == 0 {
            self.put(start, characters, count);
            self.fits &= point == end;
            return;
        }
        // What is behind the last character of each is written over.
        self.put_word(start, characters);
        self.put_word(point, u64::from(b'.'));
        self.put(point + 1, places | ZEROS, shown);
        self.fits &= point + 1 + shown == end;
    }

    #[inline(never)]
    fn text_there(&mut self, text: &[u8]) {
        let Place { start, end, .. } = self.place();
        if start + text.len() != end || needs_escapes(text) {
            self.fits = false;
            return;
        }
        let (words, rest) = text.as_chunks::<WORD>();
        for (word, at) in words.iter().zip((start..).step_by(WORD)) {
            self.put_word(at, u64::from_le_bytes(*word));
        }
        match text.last_chunk::<WORD>() {
            _ if rest.is_empty() => {}
            Some(word) => self.put_word(end - WORD, u64::from_le_bytes(*word)),
            None => self.put(start, u128::from_le_bytes(tail(text)) as u64, rest.len()),
        }
    }
}

/// The characters of a number below 10^8, without zeros in front, and how many they are.
#[inline(always)]
const fn low(number: u64) -> (u64, usize) {
    let digits = eight_digits(number);
    let zeros = zeros_in_front(digits);
    ((digits | ZEROS) >> (8 * zeros), WORD - zeros)
}

impl Params for Over<'_> {
    #[inline]
    fn text(&mut self, name: Name, text: &[u8]) {
        if !is_fixed(&name) {
            self.text_there(text);
        }
    }

    #[inline]
    fn word(&mut self, _: Name, _: &'static str) {}

    #[inline]
    fn number(&mut self, name: Name, number: u64) {
        if !is_fixed(&name) {
            self.number_there(number);
        }
    }

    #[inline]
    fn decimal(&mut self, _: Name, units: u64, digits: u32) {
        self.decimal_there(units, digits);
    }

    #[inline]
    fn finish(&mut self) {}
}

/// Writes the values of a request into its form, and takes note of where they are.
struct Blanks<'o> {
    text: &'o mut Scratch,
    parts: slice::Iter<'o, Part>,
    places: slice::IterMut<'o, Place>,
}

impl Blanks<'_> {
    /// What stands before the next value.
    fn part(&mut self) {
        if let Some(part) = self.parts.next() {
            self.text.piece(&part.bytes, part.len);
        }
    }

    fn value(&mut self, value: (u64, u32), write: impl FnOnce(&mut Scratch)) {
        self.part();
        let start = self.text.as_bytes().len();
        write(self.text);
        if let Some(place) = self.places.next() {
            let end = self.text.as_bytes().len();
            *place = Place { start, end, value };
        }
    }
}

impl Params for Blanks<'_> {
    fn text(&mut self, name: Name, text: &[u8]) {
        if !is_fixed(&name) {
            self.value((0, 0), |out| put_text(out, text));
        }
    }

    fn word(&mut self, _: Name, _: &'static str) {}

    fn number(&mut self, name: Name, number: u64) {
        if !is_fixed(&name) {
            self.value((number, 0), |out| put_number(out, number));
        }
    }

    fn decimal(&mut self, _: Name, units: u64, digits: u32) {
        self.value((units, digits), |out| put_decimal(out, units, digits));
    }

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

    /// Writes a request without a signature behind `out`, masked. False if there is no form for it: then `out` is as it
    /// was. `scratch` may be used for it.
    #[inline]
    pub(super) fn put(
        &mut self,
        out: &mut Vec<u8>,
        mask: [u8; 4],
        (id, stamp, request): (u64, &Stamp<'_>, &Request<'_>),
        scratch: &mut Scratch,
    ) -> bool {
        let Some((kind, symbol)) = Kind::of(request) else { return false };
        let form = self.kept.iter_mut().find(|form| form.is_of(kind, symbol));
        form.is_some_and(|form| form.put(out, mask, (id, stamp, request), scratch))
    }

    /// Makes the form of a request for which there is none, if it has one and there is room. `text` is used for it.
    #[cold]
    pub(super) fn learn(&mut self, text: &mut Scratch, stamp: &Stamp<'_>, request: &Request<'_>) {
        let is_known =
            |form: &Form| Kind::of(request).is_some_and(|(kind, symbol)| form.is_of(kind, symbol));
        if self.kept.len() < FORMS_MAX
            && !self.kept.iter().any(is_known)
            && let Some(form) = Form::new(stamp, request, text)
        {
            self.kept.push(form);
        }
    }
}
