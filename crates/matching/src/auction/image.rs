//! Auctions in snapshots: rules that were set, and calls that are going on. The orders for them are
//! among those that wait.

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::SetAuctionRules;
use tiercel_types::{InstrumentState, Price, Side, Timestamp};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::engine::{Engine, NO_BOOK};
use crate::ledger::Ledger;

use super::{Auction, Call, Indication};

/// What an instrument has of auctions.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct AuctionImage {
    rules: SetAuctionRules,
    /// [`AuctionKind::None`]: it is in no call, and all that follows is zero.
    kind: AuctionKind,
    then: InstrumentState,
    has_reference: u8,
    has_said: u8,
    was_said: u8,
    said_side: Side,
    reserved: [u8; 2],
    ends_at: Timestamp,
    reference: Price,
    said_tick: i64,
    said_executed: u64,
    said_surplus: u64,
    said_at: Timestamp,
}

impl AuctionImage {
    /// Of an instrument that has something to tell.
    fn of(auction: &Auction) -> Option<Self> {
        let rules = auction.rules;
        match &auction.call {
            Some(call) => Some(Self::of_call(rules, call)),
            None if rules == SetAuctionRules::xetra(rules.instrument) => None,
            None => Some(Self::of_rules(rules)),
        }
    }

    /// Of an instrument that is in no call.
    fn of_rules(rules: SetAuctionRules) -> Self {
        Self {
            rules,
            kind: AuctionKind::None,
            then: InstrumentState::PreOpen,
            has_reference: 0,
            has_said: 0,
            was_said: 0,
            said_side: Side::Buy,
            reserved: [0; 2],
            ends_at: Timestamp(0),
            reference: Price::ZERO,
            said_tick: 0,
            said_executed: 0,
            said_surplus: 0,
            said_at: Timestamp(0),
        }
    }

    fn of_call(rules: SetAuctionRules, call: &Call) -> Self {
        let said = call.said;
        Self {
            kind: call.kind,
            then: call.then,
            has_reference: u8::from(call.reference.is_some()),
            has_said: u8::from(said.is_some()),
            was_said: u8::from(call.said_at.is_some()),
            said_side: said.map_or(Side::Buy, |said| said.surplus_side),
            ends_at: call.ends_at.unwrap_or(Timestamp(0)),
            reference: call.reference.unwrap_or(Price::ZERO),
            said_tick: said.map_or(0, |said| said.tick),
            said_executed: said.map_or(0, |said| said.executed),
            said_surplus: said.map_or(0, |said| said.surplus),
            said_at: call.said_at.unwrap_or(Timestamp(0)),
            ..Self::of_rules(rules)
        }
    }

    /// Whether an engine of this time can have written it.
    fn is_sound(&self, now: Timestamp) -> bool {
        let Some(call) = self.call() else {
            return self.as_bytes() == Self::of_rules(self.rules).as_bytes();
        };
        matches!(call.then, InstrumentState::Open | InstrumentState::Closed)
            && call.ends_at.is_none_or(|ends_at| ends_at > now)
            && call.said_at.map_or(call.said.is_none(), |said_at| said_at <= now)
            && self.as_bytes() == Self::of_call(self.rules, &call).as_bytes()
    }

    fn call(&self) -> Option<Call> {
        let said = Indication {
            tick: self.said_tick,
            executed: self.said_executed,
            surplus: self.said_surplus,
            surplus_side: self.said_side,
        };
        (self.kind != AuctionKind::None).then_some(Call {
            kind: self.kind,
            then: self.then,
            ends_at: (self.ends_at.0 != 0).then_some(self.ends_at),
            reference: (self.has_reference == 1).then_some(self.reference),
            said: (self.has_said == 1).then_some(said),
            said_at: (self.was_said == 1).then_some(self.said_at),
            // Looking again finds what was said.
            looked_at: (u64::MAX, u64::MAX),
        })
    }
}

impl<L: Ledger> Engine<L> {
    /// Of all instruments that have something to tell, by number.
    pub(crate) fn auction_images(&self) -> impl Iterator<Item = AuctionImage> + '_ {
        let books = self.directory.iter().filter(|&&index| index != NO_BOOK);
        books.filter_map(|&index| AuctionImage::of(self.book(index).auction.as_deref()?))
    }

    /// Takes over what an instrument had; `None` if that cannot be.
    pub(crate) fn restore_auction(&mut self, image: &AuctionImage) -> Option<()> {
        let index = self.check_set_auction_rules(&image.rules).ok()?;
        let known = self.book(index).auction.is_some();
        if known || !image.is_sound(self.time) {
            return None;
        }
        self.make_auction(index);
        let book = &mut self.books[index as usize];
        let call = image.call();
        if call.is_some() != (book.state == InstrumentState::Call) {
            return None;
        }
        let auction = book.auction_mut();
        (auction.rules, auction.call) = (image.rules, call);
        if call.is_some() {
            self.list_call(index);
        }
        Some(())
    }
}
