//! The buffer between the engine and whoever reads its events: packed records, written once and
//! read where they lie.

use core::marker::PhantomData;

use zerocopy::IntoBytes;

use crate::event::{EVENT_HEADER_SIZE, Event, EventBody, EventHeader, EventRef, FLAG_LAST};
use crate::ids::{AccountId, InstrumentId, Timestamp};
use crate::record::RECORD_SIZE_MAX;

/// Where the engine writes a command's events: a bounded buffer of packed records.
///
/// The owner drains it with [`iter`](Self::iter) or [`as_bytes`](Self::as_bytes) and then
/// [`clear`](Self::clear)s it. When it fills up within a command, the engine stops and says so,
/// and goes on after it was cleared.
///
/// The fields' order is fixed, the command's sequence and time apart: as neighbours they would be
/// loaded as one wide word right after they were stored as two, which the processor cannot forward
/// from its store buffer.
#[repr(C)]
pub struct EventBuffer {
    words: Box<[u64]>,
    /// The command's sequence.
    sequence: u64,
    used: usize,
    /// The command's time.
    time_ns: u64,
    /// Where the newest event begins.
    newest: usize,
    /// Events of the command so far.
    index: u32,
}

/// The fewest records a buffer is made for, so that any one step of the engine fits.
pub const BUFFER_RECORDS_MIN: usize = 16;

const RECORD_WORDS_MAX: usize = RECORD_SIZE_MAX / 8;

impl EventBuffer {
    /// A buffer for at least `records` records of the largest size, and never fewer than
    /// [`BUFFER_RECORDS_MIN`].
    pub fn with_capacity(records: usize) -> Self {
        let words = records.max(BUFFER_RECORDS_MIN) * RECORD_WORDS_MAX;
        Self { words: vec![0; words].into(), sequence: 0, used: 0, time_ns: 0, newest: 0, index: 0 }
    }

    /// Starts the events of a command. For the engine.
    #[inline]
    pub fn begin(&mut self, sequence: u64, time: Timestamp) {
        self.sequence = sequence;
        self.time_ns = time.0;
        self.index = 0;
    }

    /// Whether `records` more of the largest size fit. For the engine.
    #[inline]
    pub fn has_room_for(&self, records: usize) -> bool {
        self.words.len() - self.used >= records * RECORD_WORDS_MAX
    }

    /// Appends an event. For the engine.
    ///
    /// # Panics
    /// When the buffer is full: the engine asks [`has_room_for`](Self::has_room_for) first.
    #[inline(always)]
    pub fn push<T: EventBody>(&mut self, instrument: InstrumentId, account: AccountId, body: T) {
        const { assert!(align_of::<T>() <= 8 && size_of::<T>().is_multiple_of(8)) };
        const { assert!(size_of::<T>() + EVENT_HEADER_SIZE <= RECORD_SIZE_MAX) };
        assert!(self.has_room_for(1), "event buffer overrun");
        let length = EVENT_HEADER_SIZE + size_of::<T>();
        // An `EventHeader`, written as words: four stores instead of eight.
        // It is the last of its command until another follows.
        if self.index != 0 {
            self.set_flags_of_newest(0);
        }
        let first = length as u64
            | (T::KIND as u64) << 16
            | u64::from(FLAG_LAST) << 24
            | u64::from(self.index) << 32;
        let last = u64::from(instrument.0) | u64::from(account.0) << 32;
        let header = [first, self.sequence, self.time_ns, last];
        // SAFETY: `has_room_for(1)` just held, so RECORD_SIZE_MAX bytes from `used` on lie inside
        // the allocation; header and body together are no larger (asserted above). The buffer is
        // 8-byte aligned and so is every offset written, which is the most either type needs.
        // Both types are `IntoBytes`: they have no padding, so the words stay initialised.
        unsafe {
            let at = self.words.as_mut_ptr().add(self.used);
            at.cast::<[u64; EVENT_HEADER_SIZE / 8]>().write(header);
            at.add(EVENT_HEADER_SIZE / 8).cast::<T>().write(body);
        }
        self.newest = self.used;
        self.used += length / 8;
        self.index += 1;
    }

    /// The command is not complete: its newest event is not its last. For the engine.
    #[inline]
    pub fn expect_more(&mut self) {
        self.set_flags_of_newest(0);
    }

    #[inline(always)]
    fn set_flags_of_newest(&mut self, flags: u8) {
        // One byte is stored, nothing read: the header was written just before, as a word. After
        // `clear` it is the first byte that the next header overwrites.
        let at = self.newest * 8 + core::mem::offset_of!(EventHeader, flags);
        self.words.as_mut_bytes()[at] = flags;
    }

    /// The instrument that the newest event concerns; zero when it holds none.
    #[inline]
    pub fn newest_instrument(&self) -> InstrumentId {
        const AT: usize = core::mem::offset_of!(EventHeader, instrument) / 8;
        if self.used == 0 {
            InstrumentId(0)
        } else {
            InstrumentId(self.words[self.newest + AT] as u32)
        }
    }

    /// True when it holds no event.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// All records, back to back.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.words[..self.used].as_bytes()
    }

    /// Forgets all events; the current command's numbering goes on.
    #[inline]
    pub fn clear(&mut self) {
        self.used = 0;
        self.newest = 0;
    }

    /// The events, in order.
    #[inline]
    pub fn iter(&self) -> EventIter<'_> {
        EventIter { bytes: self.as_bytes() }
    }

    /// The events, in order, where they lie: for readers that count nanoseconds.
    #[inline]
    pub fn refs(&self) -> EventRefs<'_> {
        let at = self.words.as_ptr();
        // SAFETY: `used` words are in use, never more than there are.
        let end = unsafe { at.add(self.used) };
        EventRefs { at, end, buffer: PhantomData }
    }
}

impl<'a> IntoIterator for &'a EventBuffer {
    type Item = (EventHeader, Event);
    type IntoIter = EventIter<'a>;

    fn into_iter(self) -> EventIter<'a> {
        self.iter()
    }
}

/// Walks the records of an [`EventBuffer`] where they lie.
#[derive(Clone, Debug)]
pub struct EventRefs<'a> {
    /// The next record.
    at: *const u64,
    /// Behind the last one.
    end: *const u64,
    buffer: PhantomData<&'a EventBuffer>,
}

impl<'a> Iterator for EventRefs<'a> {
    type Item = (&'a EventHeader, EventRef<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.end {
            return None;
        }
        // SAFETY: what lies from `at` to `end` are the words of an `EventBuffer`, borrowed for
        // 'a (`EventBuffer::refs` alone makes this type), which only `EventBuffer::push` writes:
        // whole records, 8-byte aligned, each a header of `kind` and `length` and a valid body of
        // that kind. A record starts at `at`, since every step goes on by one record's length.
        let (header, event) = unsafe {
            let header = &*self.at.cast::<EventHeader>();
            let event = EventRef::view(header.kind, self.at.add(EVENT_HEADER_SIZE / 8))?;
            self.at = self.at.add(usize::from(header.length) / 8);
            (header, event)
        };
        Some((header, event))
    }
}

/// Walks packed event records. It ends at the first bytes that are not a record; what an
/// [`EventBuffer`] holds always is one.
#[derive(Clone, Debug)]
pub struct EventIter<'a> {
    bytes: &'a [u8],
}

impl<'a> EventIter<'a> {
    /// Walks `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What was not walked yet.
    pub const fn remainder(&self) -> &'a [u8] {
        self.bytes
    }
}

impl Iterator for EventIter<'_> {
    type Item = (EventHeader, Event);

    #[inline]
    fn next(&mut self) -> Option<(EventHeader, Event)> {
        if self.bytes.is_empty() {
            return None;
        }
        let (header, event) = Event::decode(self.bytes).ok()?;
        self.bytes = &self.bytes[usize::from(header.length)..];
        Some((header, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{MassCancelDone, TimeAdvanced, Trade};
    use crate::{Money, OrderId, Price, Qty, Side, TradeId};

    #[test]
    fn what_is_pushed_reads_back_by_value_and_in_place() {
        let mut buffer = EventBuffer::with_capacity(1);
        buffer.begin(9, Timestamp(5));
        let trade = Trade {
            trade_id: TradeId(1),
            price: Price::from_units(2),
            qty: Qty::from_units(3),
            taker_order_id: OrderId(4),
            maker_order_id: OrderId(5),
            taker_open_qty: Qty::ZERO,
            maker_open_qty: Qty::ZERO,
            level_qty: Qty::ZERO,
            update_id: 6,
            maker_account: AccountId(7),
            taker_side: Side::Sell,
            auction: 0,
            reserved: [0; 2],
            taker_fee: Money::ZERO,
            maker_fee: Money::ZERO,
        };
        buffer.push(InstrumentId(1), AccountId(2), trade);
        buffer.push(InstrumentId(1), AccountId(2), MassCancelDone { orders: 8 });
        let events: Vec<_> = buffer.iter().collect();
        assert_eq!(events.len(), 2);
        assert_eq!(events[0].1, trade.into());
        assert_eq!((events[0].0.index, events[0].0.is_last()), (0, false));
        assert_eq!((events[1].0.index, events[1].0.is_last()), (1, true));
        assert_eq!((events[1].0.sequence, events[1].0.time_ns), (9, 5));
        let in_place = buffer.refs().map(|(header, event)| (*header, event.to_event()));
        assert!(in_place.eq(buffer.iter()));
    }

    #[test]
    #[should_panic(expected = "event buffer overrun")]
    fn a_full_buffer_is_never_overrun() {
        let mut buffer = EventBuffer::with_capacity(1);
        loop {
            buffer.push(InstrumentId(0), AccountId(0), TimeAdvanced::default());
        }
    }
}
