//! What was traded in the last 24 hours, minute by minute.
//!
//! Quantities are in units of 10^-8 of the base asset: lots may change while nothing rests.

use tiercel_types::{InstrumentId, Qty, Timestamp};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Minutes of the window, the present one included.
const MINUTES: usize = 24 * 60;

/// Which minute since the Unix epoch a moment lies in.
#[inline(always)]
pub(crate) fn minute_of(time: Timestamp) -> u64 {
    time.0 / 60_000_000_000
}

/// The quantity traded in each of the last 1,440 minutes, and their sum: 23 KiB.
///
/// The sums have 128 bits: no number of trades fills them.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    /// By minute, as a ring.
    qty: Box<[u128]>,
    /// The newest minute of the ring.
    newest: u64,
    sum: u128,
}

/// A minute with trades, in a snapshot.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct MinuteImage {
    pub(crate) instrument: InstrumentId,
    pub(crate) reserved: u32,
    pub(crate) minute: u64,
    qty: [u64; 2],
}

impl Volume {
    /// Nothing was traded yet.
    pub(crate) fn new() -> Self {
        Self { qty: vec![0; MINUTES].into(), newest: 0, sum: 0 }
    }

    /// Lets time pass: minutes that are too old leave the window. Whether any had trades.
    pub(crate) fn pass_to(&mut self, minute: u64) -> bool {
        let before = self.sum;
        let passed = minute.saturating_sub(self.newest).min(MINUTES as u64);
        for gone in 1..=passed {
            // Minutes lie in the ring by their number: the new one takes the place of the oldest.
            let at = (minute - passed + gone) as usize % MINUTES;
            self.sum -= core::mem::take(&mut self.qty[at]);
        }
        self.newest = self.newest.max(minute);
        self.sum != before
    }

    /// Counts a trade.
    pub(crate) fn add(&mut self, qty: Qty, minute: u64) {
        self.pass_to(minute);
        self.qty[self.newest as usize % MINUTES] += u128::from(qty.units());
        self.sum += u128::from(qty.units());
    }

    /// What lies in the window that ends with `minute`.
    pub(crate) fn at(&self, minute: u64) -> u128 {
        let passed = minute.saturating_sub(self.newest).min(MINUTES as u64);
        let gone = (1..=passed).map(|gone| (minute - passed + gone) as usize % MINUTES);
        self.sum - gone.map(|at| self.qty[at]).sum::<u128>()
    }

    /// The minutes with trades, oldest first.
    pub(crate) fn images(
        &self,
        instrument: InstrumentId,
        now: u64,
    ) -> impl Iterator<Item = MinuteImage> {
        let first = now.saturating_sub(MINUTES as u64 - 1);
        (first..=self.newest).filter_map(move |minute| {
            let qty = self.qty[minute as usize % MINUTES];
            let qty = [qty as u64, (qty >> 64) as u64];
            (qty != [0; 2]).then_some(MinuteImage { instrument, reserved: 0, minute, qty })
        })
    }

    /// Takes a minute back in; they come oldest first. Whether it can be.
    pub(crate) fn restore(&mut self, image: &MinuteImage, now: u64) -> bool {
        let qty = u128::from(image.qty[0]) | u128::from(image.qty[1]) << 64;
        let in_window = image.minute <= now && now - image.minute < MINUTES as u64;
        let follows = self.sum == 0 || image.minute > self.newest;
        let Some(sum) = self.sum.checked_add(qty) else { return false };
        if !in_window || !follows || qty == 0 || image.reserved != 0 {
            return false;
        }
        self.newest = image.minute;
        self.qty[image.minute as usize % MINUTES] = qty;
        self.sum = sum;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_what_a_list_of_trades_says() {
        let (mut volume, mut trades) = (Volume::new(), Vec::new());
        let (mut minute, mut state) = (29_000_000_u64, 5_u64);
        for round in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11);
            minute += match state >> 60 {
                0 => (state >> 20) % 2_000,
                1..=8 => 1,
                _ => 0,
            };
            let of = |trades: &[(u64, u64)], minute: u64| -> u128 {
                let inside = trades.iter().filter(|(at, _)| at + MINUTES as u64 > minute);
                inside.map(|&(_, qty)| u128::from(qty)).sum()
            };
            if state >> 33 & 1 == 0 {
                volume.add(Qty::from_units(round), minute);
                trades.push((minute, round));
            }
            let later = minute + (state >> 40) % 1_600;
            assert_eq!(volume.at(minute), of(&trades, minute));
            assert_eq!(volume.at(later), of(&trades, later));
            let mut again = Volume::new();
            assert!(
                volume.images(InstrumentId(7), minute).all(|image| again.restore(&image, minute))
            );
            assert_eq!(again.at(minute), volume.at(minute));
            assert_eq!(again.at(later), volume.at(later));
            trades.retain(|(at, _)| at + MINUTES as u64 > minute);
        }
    }
}
