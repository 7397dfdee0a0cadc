//! Auctions: `docs/auctions.md`.
//!
//! ```text
//!   StartCall --> call --+--> indication, when something changed     (price of what is there)
//!                        |
//!   orders for it --> queues by limit --+
//!   orders of the book -----------------+--> uncross: queues, trades, levels, ends --> open
//! ```
//!
//! The price alone is a pure function: [`find_price`]. While no instrument is in a call and no
//! order waits for an auction, a command never comes here.

mod call;
mod enter;
mod image;
mod indication;
mod merge;
mod price;
mod uncross;

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::SetAuctionRules;
use tiercel_types::{InstrumentState, Price, Side, TimeInForce, Timestamp};

use crate::ladder::Ladder;

pub use price::{
    Bounds, Indication, Pressure, PriceLevel, PriceRules, Sides, TieBreak, find_price,
};

pub(crate) use enter::IMBALANCE_ONLY;
pub(crate) use image::AuctionImage;
use uncross::Uncross;

/// Ticks of the window of the queues' ladders, at most.
const QUEUE_WINDOW: usize = 256;

/// What an instrument has of auctions, once it has anything.
#[derive(Clone, Debug)]
pub(crate) struct Auction {
    pub(crate) rules: SetAuctionRules,
    /// While it is in a call.
    pub(crate) call: Option<Call>,
    /// Orders for an auction: by time in force, then side.
    queues: [[Queues; 2]; 3],
    /// Counts what changes the auction and not the book.
    changes: u64,
}

/// A call that is going on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) kind: AuctionKind,
    /// What follows when it ends by itself.
    pub(crate) then: InstrumentState,
    /// When that is; `None`: never.
    pub(crate) ends_at: Option<Timestamp>,
    /// As it was when the call began.
    reference: Option<Price>,
    /// What was said last; `None`: that there is no price.
    said: Option<Indication>,
    /// When.
    said_at: Option<Timestamp>,
    /// The changes of book and auction that were looked at last.
    looked_at: (u64, u64),
}

/// Orders for one auction, of one side: each ladder's levels in the order in which they came, with
/// their lots as hidden ones.
#[derive(Clone, Debug)]
struct Queues {
    /// By [`Rank`].
    ladders: [Ladder; 4],
}

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    /// Market orders without a price: one level, at tick zero.
    Unlimited = 0,
    /// Market orders with a price.
    Market = 1,
    /// Limit orders.
    Limit = 2,
    /// For the imbalance only.
    Imbalance = 3,
}

impl Auction {
    fn new(rules: SetAuctionRules, window_ticks: usize) -> Self {
        let window = window_ticks.min(QUEUE_WINDOW);
        let queues = |side| Queues { ladders: core::array::from_fn(|_| Ladder::new(side, window)) };
        let sides = || [queues(Side::Buy), queues(Side::Sell)];
        Self { rules, call: None, queues: [sides(), sides(), sides()], changes: 0 }
    }

    /// Where orders of such a time in force wait.
    fn queues(&self, time_in_force: TimeInForce, side: Side) -> &Queues {
        &self.queues[slot(time_in_force)][side.index()]
    }

    fn queues_mut(&mut self, time_in_force: TimeInForce, side: Side) -> &mut Queues {
        &mut self.queues[slot(time_in_force)][side.index()]
    }

    /// The two queues of a side that take part in the call: its own, and that of any auction.
    fn called(&self, side: Side) -> impl Iterator<Item = &Queues> {
        let kind = self.call.as_ref().map_or(AuctionKind::None, |call| call.kind);
        times_in_force(kind).into_iter().flatten().map(move |each| self.queues(each, side))
    }
}

/// The times in force whose orders take part in an auction.
fn times_in_force(kind: AuctionKind) -> [Option<TimeInForce>; 2] {
    let own = match kind {
        AuctionKind::Opening => Some(TimeInForce::AtOpen),
        AuctionKind::Closing => Some(TimeInForce::AtClose),
        AuctionKind::None | AuctionKind::Intraday | AuctionKind::Volatility => None,
    };
    [own, Some(TimeInForce::AtAuction)]
}

fn slot(time_in_force: TimeInForce) -> usize {
    usize::from((time_in_force as u8).saturating_sub(TimeInForce::AtOpen as u8))
}

/// What the engine has of auctions beside those of its books.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auctions {
    /// Books that are in a call, by instrument number.
    pub(crate) calls: Vec<u32>,
    /// The levels of a side, best first, as the price is found from them.
    levels: [Vec<PriceLevel>; 2],
    /// Orders of pairs that take no part, by side: their ladder's key, their handle.
    left_out: [Vec<(i64, u32)>; 2],
    pub(crate) uncross: Uncross,
}
