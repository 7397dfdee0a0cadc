//! Orders with terms, conditions and lists.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::order::NewOrder;
use crate::ids::{AccountId, InstrumentId};
use crate::order::{Comparison, ConditionField, ListKind, Peg, PendingRule, Trigger};
use crate::text::ClientOrderId;
use crate::{Price, Qty};

/// What an order may say beyond [`NewOrder`]. All zero: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderTerms {
    /// Stop, take profit: the trade price that triggers it.
    pub trigger_price: Price,
    /// Trailing stop: how far behind the best trade, as a difference of prices; zero: by
    /// `trailing_bps`.
    pub trailing_amount: Price,
    /// Trailing stop: it tracks from the trade that meets this price; zero: from the next trade.
    pub activation_price: Price,
    /// Trailing stop: how far behind, in basis points of the best trade.
    pub trailing_bps: u32,
    /// What it waits for.
    pub trigger: Trigger,
    /// Zero.
    pub reserved: [u8; 3],
    /// At least so much of it trades on entry, or nothing; zero: no minimum.
    pub min_qty: Qty,
    /// Pegged: how far its price keeps to the passive side of what it follows.
    pub peg_offset: Price,
    /// What its price follows.
    pub peg: Peg,
    /// One: it trades in full or not at all.
    pub all_or_none: u8,
    /// One: it is never displayed.
    pub hidden: u8,
    /// One: it takes part in auctions only, and never against the imbalance.
    pub imbalance_only: u8,
    /// Zero.
    pub reserved_too: [u8; 4],
}

impl OrderTerms {
    /// Nothing.
    pub const NONE: Self = Self {
        trigger_price: Price::ZERO,
        trailing_amount: Price::ZERO,
        activation_price: Price::ZERO,
        trailing_bps: 0,
        trigger: Trigger::None,
        reserved: [0; 3],
        min_qty: Qty::ZERO,
        peg_offset: Price::ZERO,
        peg: Peg::None,
        all_or_none: 0,
        hidden: 0,
        imbalance_only: 0,
        reserved_too: [0; 4],
    };

    /// Whether it says nothing of how the order trades: at most what it waits for.
    pub fn only_wait(&self) -> bool {
        let Self { trigger_price, trailing_amount, activation_price, trailing_bps, .. } = *self;
        let (trigger, reserved) = (self.trigger, self.reserved);
        let waits = Self {
            trigger_price,
            trailing_amount,
            activation_price,
            trailing_bps,
            trigger,
            reserved,
            ..Self::NONE
        };
        *self == waits
    }
}

/// Enters an order with terms. With [`Trigger::Condition`], a [`StageCondition`] of the same
/// account is the command right before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NewAdvancedOrder {
    /// The order; when it waits, as it is entered once it is triggered.
    pub order: NewOrder,
    /// What it says beyond.
    pub terms: OrderTerms,
}

/// Most leaves of a condition.
pub const CONDITION_LEAVES_MAX: usize = 8;

/// One comparison of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ConditionLeaf {
    /// What is compared with: a price in units, or of a volume a quantity in units.
    pub value: i64,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// What of it.
    pub field: ConditionField,
    /// How.
    pub comparison: Comparison,
    /// Zero.
    pub reserved: [u8; 2],
}

impl ConditionLeaf {
    /// Nothing: fills the places behind a condition's leaves.
    pub const NONE: Self = Self {
        value: 0,
        instrument: InstrumentId(0),
        field: ConditionField::Last,
        comparison: Comparison::Above,
        reserved: [0; 2],
    };
}

/// In a condition's program: both of the two results before.
pub const CONDITION_AND: u8 = 0x41;
/// In a condition's program: either of the two results before.
pub const CONDITION_OR: u8 = 0x42;
/// In a condition's program: fills the places behind it.
pub const CONDITION_END: u8 = 0;

/// Hands in the condition of the order in the next command.
///
/// The tree is written in postfix: a leaf by its number from 1, [`CONDITION_AND`] and
/// [`CONDITION_OR`] behind what they join. Each leaf is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StageCondition {
    /// The comparisons, from the front; [`ConditionLeaf::NONE`] behind them.
    pub leaves: [ConditionLeaf; CONDITION_LEAVES_MAX],
    /// The tree; [`CONDITION_END`] behind it.
    pub program: [u8; 2 * CONDITION_LEAVES_MAX],
    /// Whose order.
    pub account: AccountId,
    /// Zero.
    pub reserved: [u8; 4],
}

/// Hands in one order of the list in a command soon to come. All its orders are staged one right
/// after the other, each after its condition, if it has one, and then comes [`NewOrderList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StageLeg {
    /// The order.
    pub order: NewOrder,
    /// What it says beyond.
    pub terms: OrderTerms,
}

/// Enters the orders that were staged, as a list.
///
/// The first staged is the working order of an OTO and OTOCO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NewOrderList {
    /// What all its orders trade.
    pub instrument: InstrumentId,
    /// Whose orders.
    pub account: AccountId,
    /// The client's name for the list; may be empty.
    pub list_client_order_id: ClientOrderId,
    /// How its orders hang together.
    pub kind: ListKind,
    /// When pending orders are entered. An OCO has none: [`PendingRule::FullFill`].
    pub pending_rule: PendingRule,
    /// Zero.
    pub reserved: [u8; 2],
}
