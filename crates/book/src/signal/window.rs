//! A sum over the newest events, or over the newest stretch of time.

use tiercel_types::Timestamp;

use super::state::{SignalStateError, flag, word};
use super::{Overflow, ParameterError};

/// The most events, or slots of time, in a window.
pub const WINDOW_SLOTS_MAX: u32 = 1 << 20;

/// How far back a sum reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Over the newest so many events.
    Events(u32),
    /// Over the newest stretch of time.
    ///
    /// Time is cut into slots of `width_ns / slots`, which begin at multiples of their length. The
    /// window is the newest slot, as far as it has come, and the `slots - 1` before it: it covers
    /// between `width_ns` less one slot and `width_ns`. Memory is that of the slots, however many
    /// events there are; more slots follow time more closely.
    Time {
        /// How long it is.
        width_ns: u64,
        /// Into how many slots it is cut; has to divide `width_ns`.
        slots: u32,
    },
}

impl Window {
    /// The last 24 hours, by the minute.
    pub const DAY: Self = Self::Time { width_ns: 86_400_000_000_000, slots: 1_440 };
}

/// What can be summed in a window.
///
/// Where the whole fits, the sum of any of its parts has to: parts are left when others expire.
pub(super) trait Summand: Copy + Default {
    /// The sum, if it fits.
    fn plus(self, other: Self) -> Option<Self>;

    /// Takes off what was added before.
    fn minus(self, other: Self) -> Self;
}

/// For values that are so small that any number of them fits.
impl Summand for i128 {
    #[inline]
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self - other
    }
}

/// Turns times into slots, which never go back.
#[derive(Clone, Debug)]
pub(super) struct SlotClock {
    slot_ns: u64,
    /// The newest slot that was met.
    slot: u64,
    /// The last nanosecond of that slot.
    last_ns: u64,
    started: bool,
}

impl SlotClock {
    /// Slots of `slot_ns`, which is above zero.
    pub(super) const fn new(slot_ns: u64) -> Self {
        Self { slot_ns, slot: 0, last_ns: 0, started: false }
    }

    pub(super) const fn slot_ns(&self) -> u64 {
        self.slot_ns
    }

    /// The newest slot that was met; zero before any.
    pub(super) const fn newest(&self) -> u64 {
        self.slot
    }

    pub(super) fn save(&self, out: &mut impl FnMut(u64)) {
        out(self.slot_ns);
        out(u64::from(self.started));
        out(self.slot);
    }

    /// Takes up what was saved with slots of the same length.
    pub(super) fn restore(
        &mut self,
        words: &mut impl Iterator<Item = u64>,
    ) -> Result<(), SignalStateError> {
        let slot_ns = word(words, "length of an interval", |&slot_ns| slot_ns == self.slot_ns)?;
        let started = flag(words, "start of the clock")?;
        let last = if started { u64::MAX / slot_ns } else { 0 };
        let slot = word(words, "newest interval", |&slot| slot <= last)?;
        let end = (slot * slot_ns).saturating_add(slot_ns - 1);
        (self.slot, self.started) = (slot, started);
        self.last_ns = if started { end } else { 0 };
        Ok(())
    }

    /// The slot of a time, or the newest one met if that is later.
    #[inline]
    pub(super) const fn slot(&mut self, time: Timestamp) -> u64 {
        // The newest slot again is the common case, and needs no division.
        if time.0 > self.last_ns || !self.started {
            self.started = true;
            self.slot = time.0 / self.slot_ns;
            let begin = self.slot * self.slot_ns;
            self.last_ns = begin.saturating_add(self.slot_ns - 1);
        }
        self.slot
    }
}

/// The sum of what was added in the newest slots.
///
/// A ring holds the slots in which anything was added, the oldest first. Each is put in once and
/// taken out once, so an event costs constant work on average, and at most one pass over the ring
/// after a silence.
#[derive(Clone, Debug)]
pub(super) struct WindowSum<V> {
    /// A power of two.
    ring: Box<[Slot<V>]>,
    /// Slots put in, and taken out, since the beginning; places in the ring are their low bits.
    next: usize,
    oldest: usize,
    total: V,
    /// So many slots are in the window.
    width: u64,
    ticking: Ticking,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot<V> {
    number: u64,
    sum: V,
}

/// What makes a new slot.
#[derive(Clone, Debug)]
enum Ticking {
    /// Each event, so many up to now.
    Events(u64),
    Time(SlotClock),
}

impl<V: Summand> WindowSum<V> {
    pub(super) fn new(window: Window) -> Result<Self, ParameterError> {
        let (width, ticking) = match window {
            Window::Events(events) => (events, Ticking::Events(0)),
            Window::Time { width_ns, slots } => {
                let slot_ns = width_ns.checked_div(u64::from(slots)).unwrap_or(0);
                let whole = slot_ns > 0 && width_ns.is_multiple_of(u64::from(slots));
                ParameterError::check(whole, "width_ns", "a multiple of slots")?;
                (slots, Ticking::Time(SlotClock::new(slot_ns)))
            }
        };
        let bounded = width > 0 && width <= WINDOW_SLOTS_MAX;
        ParameterError::check(bounded, "the window", "1 to 1,048,576 events or slots")?;
        let ring = vec![Slot::default(); (width as usize).next_power_of_two()].into_boxed_slice();
        let total = V::default();
        Ok(Self { ring, next: 0, oldest: 0, total, width: u64::from(width), ticking })
    }

    #[inline]
    fn slot_mut(&mut self, place: usize) -> &mut Slot<V> {
        let mask = self.ring.len() - 1;
        &mut self.ring[place & mask]
    }

    /// Adds to the sum at a time, which is of no meaning to a window of events.
    #[inline]
    pub(super) fn add(&mut self, time: Timestamp, value: V) -> Result<(), Overflow> {
        let number = match &mut self.ticking {
            Ticking::Events(count) => {
                *count += 1;
                *count
            }
            Ticking::Time(clock) => clock.slot(time),
        };
        self.expire(number);
        let total = self.total.plus(value).ok_or(Overflow)?;
        let newest = self.next.wrapping_sub(1);
        if self.next != self.oldest && self.slot_mut(newest).number == number {
            let slot = self.slot_mut(newest);
            slot.sum = slot.sum.plus(value).ok_or(Overflow)?;
        } else {
            *self.slot_mut(self.next) = Slot { number, sum: value };
            self.next = self.next.wrapping_add(1);
        }
        self.total = total;
        Ok(())
    }

    /// Lets time pass without an event.
    #[inline]
    pub(super) fn advance(&mut self, time: Timestamp) {
        if let Ticking::Time(clock) = &mut self.ticking {
            let number = clock.slot(time);
            self.expire(number);
        }
    }

    /// Takes out the slots that the newest one leaves behind.
    #[inline]
    fn expire(&mut self, newest: u64) {
        while self.oldest != self.next {
            let Slot { number, sum } = *self.slot_mut(self.oldest);
            if newest - number < self.width {
                break;
            }
            self.total = self.total.minus(sum);
            self.oldest = self.oldest.wrapping_add(1);
        }
    }

    #[inline]
    pub(super) const fn total(&self) -> V {
        self.total
    }
}
