//! The messages, as they are written.

use tiercel_types::auction::AuctionKind;
use tiercel_types::event::{AuctionEnded, AuctionIndication};
use tiercel_types::{InstrumentSpec, InstrumentState, OrderId, Price, Qty, Side};
use tiercel_wire::itch::messages::{
    AddOrder, BrokenTrade, CrossTrade, Head, NetOrderImbalanceIndicator, OrderCancel, OrderDelete,
    OrderExecuted, OrderExecutedWithPrice, OrderReplace, StockDirectory, StockTradingAction,
    SystemEvent, Trade,
};
use tiercel_wire::itch::{
    BuySell, Code, EventCode, MESSAGE_SIZE_MAX, Message, Price4, Printable, Reserved, Text, Time,
    TradingState,
};

use super::day::Day;
use super::shown::Shown;
use super::units::Units;

/// Where messages go.
pub trait Sink {
    /// What follows is of this day, numbered from 1.
    fn begin(&mut self, day: Day);
    /// The next message. Of one that shows an order under a number, which order that is; else none.
    fn message(&mut self, bytes: &[u8], order: OrderId);
}

/// Writes messages of one moment.
pub(super) struct Says<'s, S> {
    sink: &'s mut S,
    time: Time,
}

/// What an instrument's messages name of a cross.
const fn cross_type(auction: AuctionKind) -> Code {
    Code(match auction {
        AuctionKind::Opening => b'O',
        AuctionKind::Closing => b'C',
        AuctionKind::Volatility => b'H',
        AuctionKind::Intraday | AuctionKind::None => b'I',
    })
}

impl<'s, S: Sink> Says<'s, S> {
    /// At so many nanoseconds since midnight, less than a day.
    pub(super) fn new(sink: &'s mut S, time_ns: u64) -> Self {
        Self { sink, time: Time::new(time_ns).unwrap_or_default() }
    }

    pub(super) fn begin(&mut self, day: Day) {
        self.sink.begin(day);
    }

    /// From here on at another moment.
    pub(super) fn at(&mut self, time_ns: u64) {
        self.time = Time::new(time_ns).unwrap_or_default();
    }

    fn head(&self, locate: u16) -> Head {
        Head { stock_locate: locate.into(), tracking_number: 0.into(), timestamp: self.time }
    }

    #[inline]
    fn put<'m>(&mut self, message: impl Into<Message<'m>>, order: OrderId) {
        let mut bytes = [0; MESSAGE_SIZE_MAX];
        // The buffer has room for the longest.
        if let Some(size) = message.into().encode(&mut bytes) {
            self.sink.message(&bytes[..size], order);
        }
    }

    fn say<'m>(&mut self, message: impl Into<Message<'m>>) {
        self.put(message, OrderId::NONE);
    }

    pub(super) fn system(&mut self, event: EventCode) {
        self.say(&SystemEvent { head: self.head(0), event_code: event.into() });
    }

    pub(super) fn directory(&mut self, units: &Units) {
        let none = Code(b' ');
        self.say(&StockDirectory {
            head: self.head(units.locate()),
            stock: units.symbol(),
            market_category: none,
            financial_status_indicator: none,
            round_lot_size: units.round_lot().into(),
            round_lots_only: Code(b'Y'),
            issue_classification: none,
            issue_sub_type: Text::padding(),
            authenticity: Code(b'P'),
            short_sale_threshold_indicator: none,
            ipo_flag: none,
            luld_reference_price_tier: none,
            etp_flag: none,
            etp_leverage_factor: 0.into(),
            inverse_indicator: Code(b'N'),
        });
    }

    /// The state of an instrument, as its terms have it.
    pub(super) fn state(&mut self, units: &Units, spec: &InstrumentSpec) {
        let (state, reason) = match spec.state {
            InstrumentState::Open => (TradingState::Trading, *b"    "),
            InstrumentState::PreOpen => (TradingState::QuotationOnly, *b"PREO"),
            InstrumentState::Call => (TradingState::QuotationOnly, *b"CALL"),
            InstrumentState::Halted => (TradingState::Halted, *b"HALT"),
            InstrumentState::Closed => (TradingState::Halted, *b"CLOS"),
            InstrumentState::Paused => (TradingState::Paused, *b"PAUS"),
        };
        self.trading(units, state, reason);
    }

    /// The instrument is told of no more.
    pub(super) fn leaves(&mut self, units: &Units) {
        self.trading(units, TradingState::Halted, *b"GONE");
    }

    fn trading(&mut self, units: &Units, state: TradingState, reason: [u8; 4]) {
        self.say(&StockTradingAction {
            head: self.head(units.locate()),
            stock: units.symbol(),
            trading_state: state.into(),
            reserved: Reserved::default(),
            reason: Text::new(&reason).unwrap_or(Text::padding()),
        });
    }

    pub(super) fn add(&mut self, units: &Units, id: OrderId, shown: &Shown) {
        let (Some(price), Some(shares)) = (units.price(shown.price), units.shares(shown.qty))
        else {
            return;
        };
        let message = AddOrder {
            head: self.head(units.locate()),
            order_reference_number: shown.reference.into(),
            buy_sell_indicator: BuySell::from(shown.side).into(),
            shares: shares.into(),
            stock: units.symbol(),
            price: Price4::new(price),
        };
        self.put(&message, id);
    }

    pub(super) fn executed(&mut self, units: &Units, lost: &Shown, match_number: u64) {
        let Some(shares) = units.shares(lost.qty) else { return };
        self.say(&OrderExecuted {
            head: self.head(units.locate()),
            order_reference_number: lost.reference.into(),
            executed_shares: shares.into(),
            match_number: match_number.into(),
        });
    }

    /// A part of a cross, which is printed as a whole.
    pub(super) fn crossed(&mut self, units: &Units, lost: &Shown, price: Price, number: u64) {
        let (Some(price), Some(shares)) = (units.price(price), units.shares(lost.qty)) else {
            return;
        };
        self.say(&OrderExecutedWithPrice {
            head: self.head(units.locate()),
            order_reference_number: lost.reference.into(),
            executed_shares: shares.into(),
            match_number: number.into(),
            printable: Printable::No.into(),
            execution_price: Price4::new(price),
        });
    }

    /// An order lost `lost`, and has this left.
    pub(super) fn cancelled(&mut self, units: &Units, lost: &Shown, left: Qty) {
        if left.is_zero() {
            return self.deleted(units, lost.reference);
        }
        let Some(shares) = units.shares(lost.qty) else { return };
        self.say(&OrderCancel {
            head: self.head(units.locate()),
            order_reference_number: lost.reference.into(),
            cancelled_shares: shares.into(),
        });
    }

    pub(super) fn deleted(&mut self, units: &Units, reference: u64) {
        self.say(&OrderDelete {
            head: self.head(units.locate()),
            order_reference_number: reference.into(),
        });
    }

    pub(super) fn replaced(&mut self, units: &Units, id: OrderId, old: u64, new: &Shown) {
        let (Some(price), Some(shares)) = (units.price(new.price), units.shares(new.qty)) else {
            return;
        };
        let message = OrderReplace {
            head: self.head(units.locate()),
            original_order_reference_number: old.into(),
            new_order_reference_number: new.reference.into(),
            shares: shares.into(),
            price: Price4::new(price),
        };
        self.put(&message, id);
    }

    /// A trade that took nothing of what is displayed. False: no message has room for it.
    pub(super) fn traded(
        &mut self,
        units: &Units,
        (price, qty): (Price, Qty),
        number: u64,
    ) -> bool {
        let (Some(price), Some(shares)) = (units.price(price), units.shares(qty)) else {
            return false;
        };
        self.say(&Trade {
            head: self.head(units.locate()),
            order_reference_number: 0.into(),
            buy_sell_indicator: BuySell::Buy.into(),
            shares: shares.into(),
            stock: units.symbol(),
            price: Price4::new(price),
            match_number: number.into(),
        });
        true
    }

    pub(super) fn broken(&mut self, units: &Units, number: u64) {
        let head = self.head(units.locate());
        self.say(&BrokenTrade { head, match_number: number.into() });
    }

    pub(super) fn cross(&mut self, units: &Units, ended: &AuctionEnded, number: u64) {
        self.say(&CrossTrade {
            head: self.head(units.locate()),
            shares: units.many_shares(ended.executed_qty).into(),
            stock: units.symbol(),
            cross_price: Price4::new(units.price(ended.price).unwrap_or(0)),
            match_number: number.into(),
            cross_type: cross_type(ended.auction),
        });
    }

    pub(super) fn indication(&mut self, units: &Units, told: &AuctionIndication) {
        let price = Price4::new(units.price(told.price).unwrap_or(0));
        let direction = match (told.has_price, told.surplus_side) {
            (0, _) => b'O',
            _ if told.surplus_qty.is_zero() => b'N',
            (_, Side::Buy) => b'B',
            (_, Side::Sell) => b'S',
        };
        self.say(&NetOrderImbalanceIndicator {
            head: self.head(units.locate()),
            paired_shares: units.many_shares(told.executed_qty).into(),
            imbalance_shares: units.many_shares(told.surplus_qty).into(),
            imbalance_direction: Code(direction),
            stock: units.symbol(),
            far_price: price,
            near_price: price,
            current_reference_price: price,
            cross_type: cross_type(told.auction),
            price_variation_indicator: Code(b' '),
        });
    }
}
