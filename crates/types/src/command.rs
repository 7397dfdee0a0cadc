//! Commands: what is asked of the engine.
//!
//! The sequenced log of commands is the engine's only input. Each is a plain record; see
//! [`crate::record`] for how it is laid out in bytes.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::ids::{AccountId, AssetId, InstrumentId, OrderId, Timestamp, TradeId};
use crate::instrument::{InstrumentSpec, InstrumentState};
use crate::money::Money;
use crate::order::{
    AmendQtyMeaning, Comparison, ConditionField, ListKind, OrderKind, PendingRule,
    SelfTradePrevention, Side, SideScope, TimeInForce, Trigger, code,
};
use crate::record::{COMMAND_HEADER_SIZE, CommandHeader, RECORD_SIZE_MAX, RecordError, read_body};
use crate::text::{AssetCode, ClientOrderId};
use crate::{Price, Qty, SCHEMA_VERSION};

/// Enters an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NewOrder {
    /// Zero: the engine assigns an id. The bare book takes the caller's id instead.
    pub order_id: OrderId,
    /// Limit price. For a market order its protection price: it takes nothing beyond; zero = none.
    pub price: Price,
    /// How much; zero for a market order by quote amount.
    pub qty: Qty,
    /// Market orders: how much of the quote asset to spend or raise, instead of `qty`.
    pub quote_qty: Qty,
    /// Iceberg: the size of a visible slice; zero = all is visible.
    pub display_qty: Qty,
    /// Good-till-date: when it expires; zero otherwise.
    pub expire_time: Timestamp,
    /// What to trade.
    pub instrument: InstrumentId,
    /// Whose order.
    pub account: AccountId,
    /// The client's name for it; may be empty.
    pub client_order_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// How it meets the book.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// What happens instead of trading with oneself.
    pub self_trade_prevention: SelfTradePrevention,
    /// Zero.
    pub reserved: [u8; 8],
}

impl NewOrder {
    /// Zero in every field: no order.
    pub const NOTHING: Self = Self {
        order_id: OrderId::NONE,
        price: Price::ZERO,
        qty: Qty::ZERO,
        quote_qty: Qty::ZERO,
        display_qty: Qty::ZERO,
        expire_time: Timestamp(0),
        instrument: InstrumentId(0),
        account: AccountId(0),
        client_order_id: ClientOrderId::EMPTY,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::None,
        reserved: [0; 8],
    };

    /// A good-till-cancelled limit order without a client order id.
    pub fn limit(
        instrument: InstrumentId,
        account: AccountId,
        side: Side,
        price: Price,
        qty: Qty,
    ) -> Self {
        Self {
            order_id: OrderId::NONE,
            price,
            qty,
            quote_qty: Qty::ZERO,
            display_qty: Qty::ZERO,
            expire_time: Timestamp(0),
            instrument,
            account,
            client_order_id: ClientOrderId::EMPTY,
            side,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            self_trade_prevention: SelfTradePrevention::None,
            reserved: [0; 8],
        }
    }
}

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
    };
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

/// Cancels a live order, named by `order_id`, or by `client_order_id` when that is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CancelOrder {
    /// Which order; zero: by client order id.
    pub order_id: OrderId,
    /// Whose order: another account's is unknown here.
    pub account: AccountId,
    /// Which order, when `order_id` is zero.
    pub client_order_id: ClientOrderId,
}

/// Cancels a live order and enters another in its stead, both or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReplaceOrder {
    /// Which order to cancel; zero: by client order id.
    pub target_order_id: OrderId,
    /// Which order to cancel, when `target_order_id` is zero.
    pub target_client_order_id: ClientOrderId,
    /// Zero.
    pub reserved: [u8; 4],
    /// The order that takes its place, of the same account.
    pub order: NewOrder,
}

/// Changes a live order, which keeps its id.
///
/// Priority is kept when the price stays and the open quantity does not grow (and
/// `lose_priority` is zero); otherwise the order goes to the back of its level, and may trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AmendOrder {
    /// Which order; zero: by client order id.
    pub order_id: OrderId,
    /// New limit price; zero: unchanged (where prices may be negative: always meant).
    pub price: Price,
    /// New quantity, as `qty_meaning` says; zero: unchanged.
    pub qty: Qty,
    /// Whose order.
    pub account: AccountId,
    /// Which order, when `order_id` is zero.
    pub client_order_id: ClientOrderId,
    /// New client order id; empty: unchanged.
    pub new_client_order_id: ClientOrderId,
    /// What `qty` counts.
    pub qty_meaning: AmendQtyMeaning,
    /// One: go to the back of the level whatever changes.
    pub lose_priority: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// Cancels every live order in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MassCancel {
    /// Whose orders; [`AccountId::ALL`]: everybody's.
    pub account: AccountId,
    /// In which instrument; [`InstrumentId::ALL`]: in each.
    pub instrument: InstrumentId,
    /// On which sides.
    pub sides: SideScope,
    /// Zero.
    pub reserved: [u8; 7],
}

/// Asks for a live order's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct QueryOrder {
    /// Which order; zero: by client order id.
    pub order_id: OrderId,
    /// Whose order.
    pub account: AccountId,
    /// Which order, when `order_id` is zero.
    pub client_order_id: ClientOrderId,
}

/// Undoes a trade: the ledger is reversed, orders are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BustTrade {
    /// Which trade.
    pub trade_id: TradeId,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Zero.
    pub reserved: u32,
}

/// Changes a trade's price, and its quantity downwards, in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CorrectTrade {
    /// Which trade.
    pub trade_id: TradeId,
    /// What it should have printed at.
    pub price: Price,
    /// How much it should have been, at most what it was.
    pub qty: Qty,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Zero.
    pub reserved: u32,
}

/// Makes an asset known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AddAsset {
    /// Its number.
    pub asset: AssetId,
    /// Its code.
    pub code: AssetCode,
}

/// Makes an instrument known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AddInstrument {
    /// Its terms.
    pub spec: InstrumentSpec,
}

/// Changes an instrument's terms. Assets never change; tick and lot only while no order rests.
/// The state stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UpdateInstrument {
    /// Its new terms.
    pub spec: InstrumentSpec,
}

/// Moves an instrument to another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetInstrumentState {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// The state to enter.
    pub state: InstrumentState,
    /// Zero.
    pub reserved: [u8; 3],
}

code! {
    /// How the orders at one price share what a taker takes there.
    Allocation {
        /// First come, first served.
        Fifo = 0 => "fifo",
        /// By their size, after those that come first by the other rules.
        ProRata = 1 => "pro_rata",
    }
}

/// Most market makers that an instrument's rules name.
pub const MARKET_MAKERS_MAX: usize = 4;

/// An account whose orders are given a share before others.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct MarketMaker {
    /// Whose orders.
    pub account: AccountId,
    /// Their share of what a taker takes at a level, in ppm.
    pub share_ppm: u32,
}

/// Sets how an instrument's orders at one price are filled.
///
/// ```
/// use tiercel_types::command::{MarketMaker, SetMatchingRules};
/// use tiercel_types::{AccountId, InstrumentId, Qty};
///
/// // Top order first, then a quarter for account 7, 40% of the rest first come, first served, and
/// // what is left by size, no share below two lots.
/// let lots = |count: u64| Qty::from_units(count * 100_000_000);
/// let rules = SetMatchingRules::pro_rata(InstrumentId(1), lots(2))
///     .with_top(lots(1), Qty::ZERO)
///     .with_market_makers([MarketMaker { account: AccountId(7), share_ppm: 250_000 }])
///     .with_fifo_part(400_000);
/// assert_eq!(rules.top, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetMatchingRules {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// How orders at one price share.
    pub allocation: Allocation,
    /// One: the order that bettered the market comes first.
    pub top: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// How much is given in queue order before the rest is shared pro rata, in ppm.
    pub fifo_ppm: u32,
    /// Zero.
    pub reserved_too: [u8; 4],
    /// A pro-rata share below this is none; zero: none is too small.
    pub minimum_allocation: Qty,
    /// What an order has to display to become the top order; zero: any may.
    pub top_min_qty: Qty,
    /// The most that the top order is given before others, each time; zero: no limit.
    pub top_max_qty: Qty,
    /// Who is given a share before others; all zero: nobody.
    pub market_makers: [MarketMaker; MARKET_MAKERS_MAX],
}

impl SetMatchingRules {
    /// First come, first served: how every instrument starts.
    pub fn fifo(instrument: InstrumentId) -> Self {
        Self {
            instrument,
            allocation: Allocation::Fifo,
            top: 0,
            reserved: [0; 2],
            fifo_ppm: 0,
            reserved_too: [0; 4],
            minimum_allocation: Qty::ZERO,
            top_min_qty: Qty::ZERO,
            top_max_qty: Qty::ZERO,
            market_makers: [MarketMaker::default(); MARKET_MAKERS_MAX],
        }
    }

    /// Pro rata; shares below `minimum_allocation` are none, and what is left goes in queue order.
    pub fn pro_rata(instrument: InstrumentId, minimum_allocation: Qty) -> Self {
        Self { allocation: Allocation::ProRata, minimum_allocation, ..Self::fifo(instrument) }
    }

    /// The same, with the order that bettered the market first; a zero bound is none.
    #[must_use]
    pub fn with_top(self, min_qty: Qty, max_qty: Qty) -> Self {
        Self { top: 1, top_min_qty: min_qty, top_max_qty: max_qty, ..self }
    }

    /// The same, with so much of the rest in queue order before it is shared pro rata.
    #[must_use]
    pub fn with_fifo_part(self, fifo_ppm: u32) -> Self {
        Self { fifo_ppm, ..self }
    }

    /// The same, with shares for the orders of these accounts.
    #[must_use]
    pub fn with_market_makers<const N: usize>(mut self, makers: [MarketMaker; N]) -> Self {
        const { assert!(N <= MARKET_MAKERS_MAX, "at most four market makers") };
        self.market_makers = [MarketMaker::default(); MARKET_MAKERS_MAX];
        self.market_makers[..N].copy_from_slice(&makers);
        self
    }
}

code! {
    /// Whether an account may enter orders.
    AccountState {
        /// It may.
        Active = 0 => "active",
        /// It may cancel and query only.
        Blocked = 1 => "blocked",
    }
}

/// Makes an account known, or changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetAccount {
    /// Its number.
    pub account: AccountId,
    /// Accounts of one group count as one for self-trade prevention; zero: no group.
    pub trade_group: u32,
    /// Most live orders it may have; zero: no limit.
    pub max_open_orders: u32,
    /// Whether it may enter orders.
    pub state: AccountState,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Brings funds to an account from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Deposit {
    /// Names this movement among all deposits, withdrawals and transfers: a repeated id does
    /// nothing twice.
    pub funding_id: u64,
    /// Whose funds.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// How much; above zero.
    pub amount: Money,
}

/// Takes free funds of an account outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Withdraw {
    /// See [`Deposit::funding_id`].
    pub funding_id: u64,
    /// Whose funds.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// How much; above zero.
    pub amount: Money,
}

/// Moves free funds from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Transfer {
    /// See [`Deposit::funding_id`].
    pub funding_id: u64,
    /// From whom.
    pub from: AccountId,
    /// To whom.
    pub to: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// Zero.
    pub reserved: u32,
    /// How much; above zero.
    pub amount: Money,
}

/// Lets time pass: what is due expires.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct AdvanceTime {
    /// Zero.
    pub reserved: u64,
}

/// Defines the command enum, its kinds and its byte form.
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $text:literal),+ $(,)?) => {
        code! {
            /// Which command a record holds.
            Kind {
                $($(#[$doc])* $name = $code => $text),+
            }
        }

        /// A command: what is asked of the engine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "plain records, never on the heap")]
        pub enum Command {
            $($(#[$doc])* $name($name)),+
        }

        $(
            impl From<$name> for Command {
                #[inline]
                fn from(body: $name) -> Self {
                    Self::$name(body)
                }
            }

            const _: () = assert!(COMMAND_HEADER_SIZE + size_of::<$name>() <= RECORD_SIZE_MAX);
            const _: () = assert!(size_of::<$name>() % 8 == 0 && align_of::<$name>() <= 8);
        )+

        impl Command {
            /// Which command it is.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name),+
                }
            }

            /// The body's bytes.
            pub fn body_bytes(&self) -> &[u8] {
                match self {
                    $(Self::$name(body) => body.as_bytes()),+
                }
            }

            fn read(kind: u8, body: &[u8]) -> Result<Self, RecordError> {
                match kind {
                    $($code => read_body::<$name>(kind, body).map(Self::$name),)+
                    _ => Err(RecordError::Kind { kind }),
                }
            }
        }
    };
}

commands! {
    /// Enters an order.
    NewOrder = 1 => "new_order",
    /// Cancels an order.
    CancelOrder = 2 => "cancel_order",
    /// Cancels an order and enters another.
    ReplaceOrder = 3 => "replace_order",
    /// Changes an order.
    AmendOrder = 4 => "amend_order",
    /// Cancels many orders.
    MassCancel = 5 => "mass_cancel",
    /// Asks for an order's state.
    QueryOrder = 6 => "query_order",
    /// Undoes a trade.
    BustTrade = 7 => "bust_trade",
    /// Corrects a trade.
    CorrectTrade = 8 => "correct_trade",
    /// Makes an asset known.
    AddAsset = 9 => "add_asset",
    /// Makes an instrument known.
    AddInstrument = 10 => "add_instrument",
    /// Changes an instrument's terms.
    UpdateInstrument = 11 => "update_instrument",
    /// Moves an instrument to another state.
    SetInstrumentState = 12 => "set_instrument_state",
    /// Makes an account known, or changes it.
    SetAccount = 13 => "set_account",
    /// Brings funds in.
    Deposit = 14 => "deposit",
    /// Takes funds out.
    Withdraw = 15 => "withdraw",
    /// Moves funds between accounts.
    Transfer = 16 => "transfer",
    /// Lets time pass.
    AdvanceTime = 17 => "advance_time",
    /// Enters an order with terms.
    NewAdvancedOrder = 18 => "new_advanced_order",
    /// Hands in a condition.
    StageCondition = 19 => "stage_condition",
    /// Hands in an order of a list.
    StageLeg = 20 => "stage_leg",
    /// Enters a list.
    NewOrderList = 21 => "new_order_list",
    /// Sets how an instrument's orders are filled.
    SetMatchingRules = 22 => "set_matching_rules",
}

impl Command {
    /// Bytes of the whole record.
    pub fn encoded_size(&self) -> usize {
        COMMAND_HEADER_SIZE + self.body_bytes().len()
    }

    /// Writes the whole record to the front of `out`; returns its size, or `None` when `out` is
    /// too small ([`RECORD_SIZE_MAX`] always suffices).
    pub fn encode(&self, sequence: u64, time: Timestamp, out: &mut [u8]) -> Option<usize> {
        let body = self.body_bytes();
        let size = COMMAND_HEADER_SIZE + body.len();
        let out = out.get_mut(..size)?;
        let header = CommandHeader {
            length: size as u16,
            kind: self.kind() as u8,
            version: SCHEMA_VERSION as u8,
            reserved: 0,
            sequence,
            time_ns: time.0,
        };
        out[..COMMAND_HEADER_SIZE].copy_from_slice(header.as_bytes());
        out[COMMAND_HEADER_SIZE..].copy_from_slice(body);
        Some(size)
    }

    /// Reads the record at the front of `bytes`; returns its header and itself.
    ///
    /// # Errors
    /// [`RecordError`] when the bytes are not one whole, known, well-formed record.
    pub fn decode(bytes: &[u8]) -> Result<(CommandHeader, Self), RecordError> {
        let short = |needed| RecordError::Short { needed, available: bytes.len() };
        let head = bytes.get(..COMMAND_HEADER_SIZE).ok_or(short(COMMAND_HEADER_SIZE))?;
        let mut header = CommandHeader::new_zeroed();
        header.as_mut_bytes().copy_from_slice(head);
        let length = usize::from(header.length);
        if !(COMMAND_HEADER_SIZE..=RECORD_SIZE_MAX).contains(&length) || !length.is_multiple_of(8) {
            return Err(RecordError::Length { length });
        }
        if u16::from(header.version) > SCHEMA_VERSION {
            return Err(RecordError::Version { version: header.version });
        }
        let body = bytes.get(COMMAND_HEADER_SIZE..length).ok_or(short(length))?;
        let command = Self::read(header.kind, body)?;
        if command.texts_are_well_formed() {
            Ok((header, command))
        } else {
            Err(RecordError::Field { kind: header.kind })
        }
    }

    /// Whether every text in it is printable ASCII padded with zeros.
    fn texts_are_well_formed(&self) -> bool {
        match self {
            Self::NewOrder(order)
            | Self::NewAdvancedOrder(NewAdvancedOrder { order, .. })
            | Self::StageLeg(StageLeg { order, .. }) => order.client_order_id.is_well_formed(),
            Self::NewOrderList(list) => list.list_client_order_id.is_well_formed(),
            Self::CancelOrder(cancel) => cancel.client_order_id.is_well_formed(),
            Self::QueryOrder(query) => query.client_order_id.is_well_formed(),
            Self::ReplaceOrder(replace) => {
                replace.target_client_order_id.is_well_formed()
                    && replace.order.client_order_id.is_well_formed()
            }
            Self::AmendOrder(amend) => {
                amend.client_order_id.is_well_formed() && amend.new_client_order_id.is_well_formed()
            }
            Self::AddAsset(add) => add.code.is_well_formed(),
            Self::AddInstrument(AddInstrument { spec })
            | Self::UpdateInstrument(UpdateInstrument { spec }) => spec.symbol.is_well_formed(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Command {
        let mut order = NewOrder::limit(
            InstrumentId(3),
            AccountId(7),
            Side::Sell,
            Price::from_units(5),
            Qty::from_units(9),
        );
        order.client_order_id = "abc-1".parse().unwrap();
        order.into()
    }

    #[test]
    fn a_record_reads_back_as_written() {
        let mut bytes = [0; RECORD_SIZE_MAX];
        let size = sample().encode(11, Timestamp(22), &mut bytes).unwrap();
        assert_eq!(size, 128, "a new order fills two cache lines");
        let (header, command) = Command::decode(&bytes[..size]).unwrap();
        assert_eq!((header.sequence, header.time_ns), (11, 22));
        assert_eq!(command, sample());
    }

    #[test]
    fn damage_is_refused_by_kind() {
        let mut good = [0; RECORD_SIZE_MAX];
        let size = sample().encode(1, Timestamp(1), &mut good).unwrap();
        assert!(matches!(Command::decode(&good[..10]), Err(RecordError::Short { .. })));
        assert!(matches!(Command::decode(&good[..size - 1]), Err(RecordError::Short { .. })));
        let damaged = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            Command::decode(&bytes).unwrap_err()
        };
        assert!(matches!(damaged(0, 3), RecordError::Length { .. }));
        assert!(matches!(damaged(2, 200), RecordError::Kind { kind: 200 }));
        assert!(matches!(damaged(3, 9), RecordError::Version { version: 9 }));
        let side_at = COMMAND_HEADER_SIZE + core::mem::offset_of!(NewOrder, side);
        assert!(matches!(damaged(side_at, 2), RecordError::Field { kind: 1 }));
        let id_at = COMMAND_HEADER_SIZE + core::mem::offset_of!(NewOrder, client_order_id);
        assert!(matches!(damaged(id_at, 7), RecordError::Field { kind: 1 }));
    }

    #[test]
    fn an_older_shorter_record_is_filled_with_zeros() {
        let Command::NewOrder(order) = sample() else { unreachable!() };
        let mut bytes = [0; RECORD_SIZE_MAX];
        let size = sample().encode(1, Timestamp(1), &mut bytes).unwrap();
        let shorter = size - 8; // without `reserved`, as if it had been appended later
        bytes[0] = shorter as u8;
        assert_eq!(Command::decode(&bytes[..shorter]).unwrap().1, Command::NewOrder(order));
    }
}
