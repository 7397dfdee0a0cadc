//! A day of ITCH 5.0 messages that hangs together: every order that is executed, cancelled,
//! deleted or replaced is live, no order locks or crosses its book, and queues trade in order.
//!
//! What it assumes: the shares of message types of an ordinary day on a lit US market (adds 45 %,
//! deletes 42 %, replacements 7 %, executions 3 %, partial cancels 1.5 %); activity falls off from
//! the first instrument to the last; most orders rest near the touch, a few far away; most deletes
//! hit young orders. Prices wander by what the touch loses and gains. Where it misleads: there are
//! no bursts, no news and no relation between instruments, so the caches and branch predictors of
//! a real feed handler have it harder at the open and easier at noon.

use tiercel_book::l3::{BookSet, Capacity};
use tiercel_types::Side;
use tiercel_wire::itch::{
    AddOrder, AddOrderMpid, BuySell, Code, EventCode, FRAME_SIZE_MAX, Head, Message, OrderCancel,
    OrderDelete, OrderExecuted, OrderExecutedWithPrice, OrderReplace, Price4, Printable, Reserved,
    StockDirectory, StockTradingAction, SystemEvent, Text, Time, Trade, TradingState,
};

use crate::rng::Rng;

/// One tick: a cent in 10^-4.
const TICK: u32 = 100;

/// 09:30:00 in nanoseconds since midnight.
const OPEN_NS: u64 = 34_200_000_000_000;

/// What the flow is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItchFlowConfig {
    /// Instruments, numbered from 1.
    pub instruments: u16,
    /// Live orders in all books, which the flow stays near.
    pub live_orders: usize,
    /// Messages of the trading day, behind those that open it.
    pub messages: usize,
    /// One seed gives one flow.
    pub seed: u64,
}

/// Generates the flow.
#[derive(Debug)]
pub struct ItchFlow {
    config: ItchFlowConfig,
    rng: Rng,
    /// The books as a reader of the flow has them: the flow never contradicts them.
    books: BookSet,
    instruments: Vec<Instrument>,
    time_ns: u64,
    reference: u64,
    match_number: u64,
}

#[derive(Debug)]
struct Instrument {
    stock: Text<8>,
    /// Where the first orders gather.
    price: u32,
    /// References in about the order of their arrival. Those executed in full are still in it.
    orders: Vec<u64>,
}

impl ItchFlow {
    /// A flow before its first message. With no instrument or none live it has one of each.
    pub fn new(config: &ItchFlowConfig) -> Self {
        let config = ItchFlowConfig {
            instruments: config.instruments.max(1),
            live_orders: config.live_orders.max(1),
            ..*config
        };
        let mut rng = Rng::new(config.seed);
        let instruments = (1..=config.instruments)
            .map(|number| Instrument {
                stock: symbol(number),
                price: (2_000 + rng.below(28_000) as u32) * TICK,
                orders: Vec::new(),
            })
            .collect();
        let books = BookSet::new(Capacity {
            instruments: usize::from(config.instruments),
            orders: config.live_orders,
            levels: 256,
        });
        Self {
            config,
            rng,
            books,
            instruments,
            time_ns: OPEN_NS,
            reference: 1_000,
            match_number: 1,
        }
    }

    /// The whole flow: what [`Self::open`] and [`Self::trade`] append.
    pub fn bytes(config: &ItchFlowConfig) -> Vec<u8> {
        let mut flow = Self::new(config);
        let mut bytes = Vec::new();
        flow.open(&mut bytes);
        flow.trade(config.messages, &mut bytes);
        bytes
    }

    /// Appends the start of the day: directory, trading states, and orders until the books are
    /// full.
    pub fn open(&mut self, out: &mut Vec<u8>) {
        let event = |event: EventCode| event.into();
        let head = self.head(0);
        self.emit(
            &(&SystemEvent { head, event_code: event(EventCode::StartOfMessages) }).into(),
            out,
        );
        for locate in 1..=self.config.instruments {
            let head = self.head(locate);
            let stock = self.instrument(locate).stock;
            self.emit(&(&directory(head, stock)).into(), out);
            let action = StockTradingAction {
                head,
                stock,
                trading_state: TradingState::Trading.into(),
                reserved: Reserved::default(),
                reason: Text::padding(),
            };
            self.emit(&(&action).into(), out);
        }
        let head = self.head(0);
        let code = event(EventCode::StartOfMarketHours);
        self.emit(&(&SystemEvent { head, event_code: code }).into(), out);
        while self.books.live_orders() < self.config.live_orders {
            self.add(out);
        }
    }

    /// Appends so many messages of the trading day, with its mix of types.
    pub fn trade(&mut self, messages: usize, out: &mut Vec<u8>) {
        for _ in 0..messages {
            let live = self.books.live_orders();
            let spare = self.config.live_orders / 50 + 1;
            match self.rng.below(1_000) {
                0..450 if live > self.config.live_orders + spare => self.delete(out),
                450..870 if live + spare < self.config.live_orders => self.add(out),
                0..450 => self.add(out),
                450..870 => self.delete(out),
                870..940 => self.replace(out),
                940..970 => self.execute(false, out),
                970..973 => self.execute(true, out),
                973..988 => self.cancel(out),
                _ => self.hidden_trade(out),
            }
        }
    }

    fn head(&mut self, locate: u16) -> Head {
        self.time_ns += self.rng.below(2_000);
        Head {
            stock_locate: locate.into(),
            tracking_number: 0.into(),
            // A day of 2^48 ns has room for 10^11 messages at this pace.
            timestamp: Time::new(self.time_ns).unwrap_or_default(),
        }
    }

    fn instrument(&mut self, locate: u16) -> &mut Instrument {
        &mut self.instruments[usize::from(locate) - 1]
    }

    /// Appends the message, and applies it to the flow's own books.
    fn emit(&mut self, message: &Message<'_>, out: &mut Vec<u8>) {
        let mut frame = [0; FRAME_SIZE_MAX];
        let size = message.encode_framed(&mut frame).unwrap_or(0);
        out.extend_from_slice(&frame[..size]);
        if let Some(operation) = message.operation() {
            let applied = self.books.apply(&operation);
            debug_assert_eq!(applied, Ok(()), "the flow contradicts itself");
        }
    }

    /// An instrument, the first ones more often.
    fn any_instrument(&mut self) -> u16 {
        let count = u64::from(self.config.instruments);
        1 + (self.rng.below(count) * self.rng.below(count) / count) as u16
    }

    /// A live order of the instrument, the young ones more often.
    fn any_order(&mut self, locate: u16) -> Option<u64> {
        loop {
            let count = self.instrument(locate).orders.len();
            let last = count.checked_sub(1)?;
            let back = if self.rng.below(4) > 0 { self.rng.below(64) } else { u64::MAX };
            let at = match last.checked_sub(back as usize) {
                Some(at) => at,
                None => self.rng.below(count as u64) as usize,
            };
            let reference = self.instrument(locate).orders[at];
            if self.books.order(reference).is_some() {
                return Some(reference);
            }
            self.instrument(locate).orders.swap_remove(at);
        }
    }

    /// A price for a new order that neither locks nor crosses; `None` where there is no room.
    fn price(&mut self, locate: u16, side: Side) -> Option<u32> {
        let start = self.instrument(locate).price;
        let best = |side| self.books.book(locate)?.best(side).map(tiercel_book::l3::Level::price);
        let opposite = best(side.opposite());
        let own = best(side).unwrap_or(match side {
            Side::Buy => opposite.unwrap_or(start).checked_sub(TICK)?,
            Side::Sell => opposite.unwrap_or(start).checked_add(TICK)?,
        });
        let rng = &mut self.rng;
        let ticks = match rng.below(100) {
            0..10 => -1,
            10..40 => 0,
            40..75 => 1 + rng.below(4) as i64,
            75..95 => 5 + rng.below(26) as i64,
            _ => 31 + rng.below(270) as i64,
        };
        let away = match side {
            Side::Buy => -ticks,
            Side::Sell => ticks,
        };
        let price = u32::try_from(i64::from(own) + away * i64::from(TICK)).ok()?;
        let fits = match side {
            Side::Buy => opposite.is_none_or(|ask| price < ask),
            Side::Sell => opposite.is_none_or(|bid| price > bid),
        };
        match (fits, price) {
            (_, 0) => None,
            (true, price) => Some(price),
            (false, _) => Some(own),
        }
    }

    fn quantity(&mut self) -> u32 {
        match self.rng.below(4) {
            0 => 1 + self.rng.below(99) as u32,
            _ => 100 * (1 + self.rng.below(5) as u32),
        }
    }

    fn next_reference(&mut self) -> u64 {
        self.reference += 4 * (1 + self.rng.below(3));
        self.reference
    }

    fn add(&mut self, out: &mut Vec<u8>) {
        let locate = self.any_instrument();
        let side = if self.rng.coin() { Side::Buy } else { Side::Sell };
        let Some(price) = self.price(locate, side) else { return self.hidden_trade(out) };
        let head = self.head(locate);
        let reference = self.next_reference();
        let shares = self.quantity().into();
        let stock = self.instrument(locate).stock;
        self.instrument(locate).orders.push(reference);
        let order_reference_number = reference.into();
        let buy_sell_indicator = BuySell::from(side).into();
        let price = Price4::new(price);
        if self.rng.below(20) == 0 {
            let attribution = Text::new(b"NSDQ").unwrap_or(Text::padding());
            let order = AddOrderMpid {
                head,
                order_reference_number,
                buy_sell_indicator,
                shares,
                stock,
                price,
                attribution,
            };
            self.emit(&(&order).into(), out);
        } else {
            let order =
                AddOrder { head, order_reference_number, buy_sell_indicator, shares, stock, price };
            self.emit(&(&order).into(), out);
        }
    }

    fn delete(&mut self, out: &mut Vec<u8>) {
        let locate = self.any_instrument();
        let Some(reference) = self.any_order(locate) else { return self.add(out) };
        let head = self.head(locate);
        self.emit(&(&OrderDelete { head, order_reference_number: reference.into() }).into(), out);
    }

    fn cancel(&mut self, out: &mut Vec<u8>) {
        let locate = self.any_instrument();
        let order =
            self.any_order(locate).and_then(|reference| self.books.order(reference).copied());
        let Some(order) = order.filter(|order| order.qty() > 1) else { return self.delete(out) };
        let cancelled = 1 + self.rng.below(u64::from(order.qty()) - 1) as u32;
        let head = self.head(locate);
        let message = OrderCancel {
            head,
            order_reference_number: order.reference().into(),
            cancelled_shares: cancelled.into(),
        };
        self.emit(&(&message).into(), out);
    }

    fn replace(&mut self, out: &mut Vec<u8>) {
        let locate = self.any_instrument();
        let order =
            self.any_order(locate).and_then(|reference| self.books.order(reference).copied());
        let Some(order) = order else { return self.add(out) };
        let Some(price) = self.price(locate, order.side()) else { return self.delete(out) };
        let head = self.head(locate);
        let reference = self.next_reference();
        self.instrument(locate).orders.push(reference);
        let message = OrderReplace {
            head,
            original_order_reference_number: order.reference().into(),
            new_order_reference_number: reference.into(),
            shares: self.quantity().into(),
            price: Price4::new(price),
        };
        self.emit(&(&message).into(), out);
    }

    /// Executes the first order of the best queue, mostly in full.
    fn execute(&mut self, at_a_price: bool, out: &mut Vec<u8>) {
        let locate = self.any_instrument();
        let side = if self.rng.coin() { Side::Buy } else { Side::Sell };
        let best = self.books.book(locate).and_then(|book| book.best(side)).copied();
        let first =
            best.and_then(|best| self.books.queue(locate, side, best.price()).next().copied());
        let Some(order) = first else { return self.add(out) };
        let executed = if self.rng.below(10) < 8 {
            order.qty()
        } else {
            1 + self.rng.below(u64::from(order.qty())) as u32
        };
        let head = self.head(locate);
        self.match_number += 1;
        let order_reference_number = order.reference().into();
        let match_number = self.match_number.into();
        if at_a_price {
            let message = OrderExecutedWithPrice {
                head,
                order_reference_number,
                executed_shares: executed.into(),
                match_number,
                printable: Printable::Yes.into(),
                execution_price: Price4::new(order.price()),
            };
            self.emit(&(&message).into(), out);
        } else {
            let message = OrderExecuted {
                head,
                order_reference_number,
                executed_shares: executed.into(),
                match_number,
            };
            self.emit(&(&message).into(), out);
        }
    }

    /// A trade inside or at the touch with an order that is not displayed.
    fn hidden_trade(&mut self, out: &mut Vec<u8>) {
        let locate = self.any_instrument();
        let best = self.books.book(locate).and_then(|book| book.best(Side::Buy)).copied();
        let price = best.map_or(self.instrument(locate).price, |best| best.price());
        let head = self.head(locate);
        self.match_number += 1;
        let message = Trade {
            head,
            order_reference_number: 0.into(),
            buy_sell_indicator: BuySell::Buy.into(),
            shares: self.quantity().into(),
            stock: self.instrument(locate).stock,
            price: Price4::new(price),
            match_number: self.match_number.into(),
        };
        self.emit(&(&message).into(), out);
    }
}

/// `Z` and the number in letters.
fn symbol(number: u16) -> Text<8> {
    let mut text = *b"ZAAAA";
    let mut rest = number;
    for letter in text[1..].iter_mut().rev() {
        *letter += (rest % 26) as u8;
        rest /= 26;
    }
    Text::new(&text).unwrap_or(Text::padding())
}

fn directory(head: Head, stock: Text<8>) -> StockDirectory {
    StockDirectory {
        head,
        stock,
        market_category: Code(b'Q'),
        financial_status_indicator: Code(b'N'),
        round_lot_size: 100.into(),
        round_lots_only: Code(b'N'),
        issue_classification: Code(b'C'),
        issue_sub_type: Text::new(b"Z").unwrap_or(Text::padding()),
        authenticity: Code(b'T'),
        short_sale_threshold_indicator: Code(b'N'),
        ipo_flag: Code(b'N'),
        luld_reference_price_tier: Code(b'1'),
        etp_flag: Code(b'N'),
        etp_leverage_factor: 0.into(),
        inverse_indicator: Code(b'N'),
    }
}
