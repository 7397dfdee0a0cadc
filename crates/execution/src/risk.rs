//! The gate that every order passes before it leaves.
//!
//! ```text
//!   intent --> mode, unknown outcomes, restricted --> quantity, notional --> collars --> rate, duplicates
//!                 --> open orders, self-cross --> worst position --> credit --> admitted: it counts as open
//! ```
//!
//! Budget: 40 ns. Must not happen here: allocation after [`Gate::new`], a clock, floating point.
//!
//! The gate counts the worst case: what is owned, and all that is open as if it had traded. An order that is
//! admitted counts from that moment until it is [taken away](Gate::ended) or [has traded](Gate::filled),
//! whatever is known of it. A loss of the [`Day`] that reaches its bound takes the [`Mode`] down by itself; only
//! somebody ([`Gate::enable`]) brings it up again. Cancels do not come here: they always pass.

mod day;
mod denial;
mod together;

use tiercel_types::{InstrumentId, Money, Price, Qty, Side, Timestamp};

use crate::position::Position;
pub use day::Day;
pub use denial::Denial;
pub use together::Together;

/// What may be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Everything within the limits.
    #[default]
    Active,
    /// What takes from a position alone.
    Reducing,
    /// Nothing but cancels.
    Halted,
}

impl Mode {
    /// Every mode, by number.
    pub const ALL: [Self; 3] = [Self::Active, Self::Reducing, Self::Halted];
}

/// No collar at the touch: for who begins a market.
pub const ANY: u32 = u32::MAX;

/// What one instrument's orders are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// It may not be traded.
    pub restricted: bool,
    /// Of one order.
    pub qty_max: Qty,
    /// Of one order, in the quote asset.
    pub notional_max: Money,
    /// How far through the other side's best price, in basis points; [`ANY`]: it need not be known.
    pub touch_collar_bps: u32,
    /// How far from the last trade, either way, in basis points.
    pub trade_collar_bps: u32,
    /// How old the touch may be.
    pub reference_age_max_ns: u64,
    /// Long or short, with all that is open.
    pub position_max: Qty,
    /// At once.
    pub open_orders_max: u32,
}

/// What all orders together are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalLimits {
    /// Orders that may leave in [`rate_window_ns`](Self::rate_window_ns), and at once.
    pub rate_max: u32,
    /// Over how long.
    pub rate_window_ns: u64,
    /// How long an order keeps others like it back; zero: not at all.
    pub duplicate_window_ns: u64,
    /// Orders open at once, of all instruments.
    pub open_orders_max: u32,
    /// What is owned, at cost, and all that is open, in the quote asset.
    pub credit: Money,
    /// A loss since the start of the day that lets positions be reduced alone.
    pub loss_reducing: Money,
    /// One that halts.
    pub loss_halting: Money,
    /// A fall from the day's best that lets positions be reduced alone.
    pub drawdown_reducing: Money,
    /// One that halts.
    pub drawdown_halting: Money,
}

/// An order that wants to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What it trades.
    pub instrument: InstrumentId,
    /// Whether it buys or sells.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// It waits for a trade, or for another order: it is not in the book, and crosses nothing.
    pub waits: bool,
}

impl Intent {
    /// Higher for better prices. What waits is below all.
    #[inline]
    const fn rank(&self) -> i64 {
        match self.side {
            _ if self.waits => i64::MIN,
            Side::Buy => self.price.units(),
            Side::Sell => self.price.units().wrapping_neg(),
        }
    }
}

/// Recent orders that are remembered for [`Denial::Duplicate`]: a power of two.
const REMEMBERED: usize = 16;
/// One, in basis points.
const ONE_BPS: i128 = 10_000;

/// Prices of one's own open orders of a side, best last, each as often as there are orders: most come and go
/// near the best.
#[derive(Clone, Debug, Default)]
struct OwnPrices(Vec<i64>);

impl OwnPrices {
    /// `rank` is higher for better prices.
    #[inline]
    fn add(&mut self, rank: i64) {
        let mut at = self.0.len();
        self.0.push(rank);
        while let Some(before) = at.checked_sub(1)
            && self.0[before] > rank
        {
            self.0.swap(before, at);
            at = before;
        }
    }

    #[inline]
    fn remove(&mut self, rank: i64) {
        let Some(mut at) = self.0.iter().rposition(|known| *known == rank) else { return };
        while at + 1 < self.0.len() {
            self.0.swap(at, at + 1);
            at += 1;
        }
        self.0.pop();
    }
}

/// The orders that left last, the newest behind: none is younger than the one before it.
#[derive(Clone, Debug)]
struct Recent {
    /// With the time until which each keeps others like it back.
    orders: [(u64, Intent); REMEMBERED],
    next: usize,
    /// Nothing is remembered longer.
    until: u64,
}

impl Recent {
    const fn new() -> Self {
        let none = Intent {
            instrument: InstrumentId::ALL,
            side: Side::Buy,
            price: Price::ZERO,
            qty: Qty::ZERO,
            waits: false,
        };
        Self { orders: [(0, none); REMEMBERED], next: 0, until: 0 }
    }

    /// Whether the same order is remembered still.
    #[inline]
    fn has(&self, now: Timestamp, order: &Intent) -> bool {
        self.until > now.0 && self.finds(now, order)
    }

    fn finds(&self, now: Timestamp, order: &Intent) -> bool {
        let mut at = self.next;
        for _ in 0..REMEMBERED {
            at = at.wrapping_sub(1) % REMEMBERED;
            let (until, known) = &self.orders[at];
            if *until <= now.0 {
                return false;
            }
            if known == order {
                return true;
            }
        }
        false
    }

    #[inline]
    const fn push(&mut self, order: &Intent, until: u64) {
        self.orders[self.next] = (until, *order);
        self.next = (self.next + 1) % REMEMBERED;
        self.until = until;
    }
}

/// What is known of one instrument.
#[derive(Clone, Debug)]
struct Known {
    /// Without any, nothing leaves.
    limits: Option<Limits>,
    bid: Price,
    ask: Price,
    touch_at: Timestamp,
    last_trade: Price,
    /// In units of 10^-16; negative: short.
    owned: i128,
    /// What it cost, as much as it counts against the credit.
    cost: i128,
    /// Orders whose outcome is not known.
    unknown: u32,
    /// By side: what would be owned, long or short, if all of it that is open traded; in units of 10^-16.
    worst: [i128; 2],
    /// By side, of what is open.
    prices: [OwnPrices; 2],
}

/// Tokens, as time: an order costs `cost_ns`, and may leave while no more than `window_ns` are used up.
#[derive(Clone, Copy, Debug)]
struct Rate {
    cost_ns: u64,
    window_ns: u64,
    used_until: u64,
}

impl Rate {
    fn new(limits: &GlobalLimits) -> Self {
        let cost_ns = limits.rate_window_ns.div_ceil(u64::from(limits.rate_max.max(1)));
        let window_ns = if limits.rate_max == 0 { 0 } else { limits.rate_window_ns };
        Self { cost_ns, window_ns, used_until: 0 }
    }

    fn next(&self, now: Timestamp) -> Option<u64> {
        let next = self.used_until.max(now.0).saturating_add(self.cost_ns);
        (next - now.0 <= self.window_ns).then_some(next)
    }
}

/// The gate. See the [module's page](self).
#[derive(Clone, Debug)]
pub struct Gate {
    limits: GlobalLimits,
    mode: Mode,
    /// Nothing new leaves any more.
    is_closed: bool,
    /// By instrument.
    known: Vec<Known>,
    rate: Rate,
    recent: Recent,
    open_orders: u32,
    /// Worth of all that is open, and cost of all that is owned.
    used: i128,
    /// From which results losses and falls count.
    day: Option<Day>,
}

const fn side_at(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Gate {
    /// A gate for instruments numbered below `instruments`, of which none may be traded yet.
    pub fn new(limits: GlobalLimits, instruments: usize) -> Self {
        let nothing = Known {
            limits: None,
            bid: Price::ZERO,
            ask: Price::ZERO,
            touch_at: Timestamp(0),
            last_trade: Price::ZERO,
            owned: 0,
            cost: 0,
            unknown: 0,
            worst: [0; 2],
            prices: [const { OwnPrices(Vec::new()) }; 2],
        };
        Self {
            limits,
            mode: Mode::Active,
            is_closed: false,
            known: vec![nothing; instruments],
            rate: Rate::new(&limits),
            recent: Recent::new(),
            open_orders: 0,
            used: 0,
            day: None,
        }
    }

    /// Sets the limits of an instrument. What is open and owned stays; beyond what it was made for, nothing
    /// is set.
    pub fn set_limits(&mut self, instrument: InstrumentId, limits: Limits) {
        let Some(known) = self.known_mut(instrument) else { return };
        known.limits = Some(limits);
        for prices in &mut known.prices {
            // One that is changed counts twice for a while.
            prices.0.reserve(2 * limits.open_orders_max as usize);
        }
    }

    fn known_mut(&mut self, instrument: InstrumentId) -> Option<&mut Known> {
        self.known.get_mut(instrument.0 as usize)
    }

    /// The best prices have changed; zero: none.
    #[inline]
    pub fn touch(&mut self, now: Timestamp, instrument: InstrumentId, bid: Price, ask: Price) {
        if let Some(known) = self.known_mut(instrument) {
            (known.bid, known.ask, known.touch_at) = (bid, ask, now);
        }
    }

    /// Somebody has traded.
    #[inline]
    pub fn traded(&mut self, instrument: InstrumentId, price: Price) {
        if let Some(known) = self.known_mut(instrument) {
            known.last_trade = price;
        }
    }

    /// Whether an order may leave. If it may, it counts as open from now on.
    ///
    /// # Errors
    /// [`Denial`]: nothing has changed.
    pub fn admit(&mut self, now: Timestamp, intent: &Intent) -> Result<(), Denial> {
        let Self { limits, mode, is_closed, known, rate, recent, open_orders, used, .. } = self;
        let known = known.get_mut(intent.instrument.0 as usize);
        let known = known.ok_or(Denial::UnknownInstrument)?;
        let own = known.limits.as_ref().ok_or(Denial::UnknownInstrument)?;
        known.check_mode(*mode, *is_closed, intent)?;
        let value = Money::of(intent.price, intent.qty).units();
        let amount = Money::from_qty(intent.qty).units();
        known.check_alone(own, now, intent, value)?;
        let used_until = rate.next(now).ok_or(Denial::Rate)?;
        if recent.has(now, intent) {
            return Err(Denial::Duplicate);
        }
        known.check_beside_own(own, intent, amount)?;
        if *open_orders >= limits.open_orders_max {
            return Err(Denial::OpenOrders);
        }
        let next_used = used.checked_add(value).ok_or(Denial::Credit)?;
        // What takes from a position gives credit back.
        if next_used > limits.credit.units() && !known.reduces(intent) {
            return Err(Denial::Credit);
        }
        (*used, rate.used_until) = (next_used, used_until);
        *open_orders += 1;
        known.opened(intent, amount);
        if limits.duplicate_window_ns > 0 {
            recent.push(intent, now.0.saturating_add(limits.duplicate_window_ns));
        }
        Ok(())
    }

    /// Whether an order, of which `open_qty` is open, may be changed to `changed`. If it may, both count as
    /// open until one of them has [ended](Self::ended).
    ///
    /// # Errors
    /// [`Denial`]: nothing has changed.
    pub fn admit_change(
        &mut self,
        now: Timestamp,
        order: &Intent,
        open_qty: Qty,
        changed: &Intent,
    ) -> Result<(), Denial> {
        self.ended(order, open_qty);
        let admitted = self.admit(now, changed);
        self.count(&Intent { qty: open_qty, ..*order });
        admitted
    }

    /// An order is open, whether it may be or not: it was there before.
    pub fn count(&mut self, order: &Intent) {
        let Some(known) = self.known_mut(order.instrument) else { return };
        known.opened(order, Money::from_qty(order.qty).units());
        self.used += Money::of(order.price, order.qty).units();
        self.open_orders += 1;
    }

    /// So much less of an order is open, without a trade of its own.
    pub fn reduced(&mut self, order: &Intent, qty: Qty) {
        let Some(known) = self.known_mut(order.instrument) else { return };
        known.closed(order.side, qty);
        self.used -= Money::of(order.price, qty).units();
    }

    /// What is owned of an instrument, and what it cost, from elsewhere than fills.
    pub fn set_position(&mut self, instrument: InstrumentId, position: &Position) {
        let Some(known) = self.known_mut(instrument) else { return };
        let changed = known.owns(position);
        self.used += changed;
    }

    /// How many orders of the instrument have an outcome that is not known: while there are any, none leaves.
    pub fn set_unknown(&mut self, instrument: InstrumentId, orders: u32) {
        if let Some(known) = self.known_mut(instrument) {
            known.unknown = orders;
        }
    }

    /// So much of an admitted order has traded, at a price that is not worse than the order's, and `position` is
    /// owned now.
    #[inline]
    pub fn filled(&mut self, order: &Intent, qty: Qty, is_done: bool, position: &Position) {
        let Some(known) = self.known_mut(order.instrument) else { return };
        let changed = known.owns(position);
        known.closed(order.side, qty);
        if is_done {
            known.prices[side_at(order.side)].remove(order.rank());
        }
        self.used += changed - Money::of(order.price, qty).units();
        self.open_orders = self.open_orders.saturating_sub(u32::from(is_done));
    }

    /// An admitted order has ended, or was changed, with so much of it open.
    #[inline]
    pub fn ended(&mut self, order: &Intent, open_qty: Qty) {
        let Some(known) = self.known_mut(order.instrument) else { return };
        known.closed(order.side, open_qty);
        known.prices[side_at(order.side)].remove(order.rank());
        self.used -= Money::of(order.price, open_qty).units();
        self.open_orders = self.open_orders.saturating_sub(1);
    }

    /// The kill switch: nothing but cancels from now on.
    pub const fn halt(&mut self) {
        self.mode = Mode::Halted;
    }

    /// Nothing but cancels from now on, for good: the run ends.
    pub const fn close(&mut self) {
        self.is_closed = true;
    }

    /// What may be done.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The largest position that could come of what is owned and open: long, and short as a negative amount.
    pub fn worst_position(&self, instrument: InstrumentId) -> Option<(Money, Money)> {
        let known = self.known.get(instrument.0 as usize)?;
        let [long, short] = known.worst;
        Some((Money::from_units(long), Money::from_units(-short)))
    }

    /// Orders that are open.
    pub const fn open_orders(&self) -> u32 {
        self.open_orders
    }

    /// What is owned, at cost, and all that is open.
    pub const fn used_credit(&self) -> Money {
        Money::from_units(self.used)
    }
}

impl Known {
    /// `amount` of it, in units of 10^-16, is open from now on.
    #[inline]
    fn opened(&mut self, order: &Intent, amount: i128) {
        let at = side_at(order.side);
        self.worst[at] += amount;
        self.prices[at].add(order.rank());
    }

    #[inline]
    const fn closed(&mut self, side: Side, qty: Qty) {
        self.worst[side_at(side)] -= Money::from_qty(qty).units();
    }

    /// Takes a position in; how much more its cost counts.
    #[inline]
    const fn owns(&mut self, position: &Position) -> i128 {
        let before = self.cost;
        let more = position.owned().units() - self.owned;
        self.owned += more;
        self.worst[0] += more;
        self.worst[1] -= more;
        self.cost = position.cost().units().saturating_abs();
        self.cost - before
    }

    /// Whether anything like it may leave now.
    #[inline(always)]
    fn check_mode(&self, mode: Mode, is_closed: bool, intent: &Intent) -> Result<(), Denial> {
        match mode {
            Mode::Active => {}
            Mode::Reducing if self.reduces(intent) => {}
            Mode::Reducing => return Err(Denial::Reducing),
            Mode::Halted => return Err(Denial::Halted),
        }
        if is_closed {
            return Err(Denial::Ending);
        }
        if self.unknown > 0 {
            return Err(Denial::Unreconciled);
        }
        Ok(())
    }

    /// Whether the order takes from the position and cannot turn it, even with all that is open on its side.
    #[inline]
    const fn reduces(&self, order: &Intent) -> bool {
        self.worst[side_at(order.side)] + Money::from_qty(order.qty).units() <= 0
    }

    /// What the order is by itself.
    #[inline(always)]
    fn check_alone(
        &self,
        limits: &Limits,
        now: Timestamp,
        intent: &Intent,
        value: i128,
    ) -> Result<(), Denial> {
        let Self { bid, ask, touch_at, .. } = self;
        check_size(limits, intent, value)?;
        let other = match intent.side {
            Side::Buy => *ask,
            Side::Sell => *bid,
        };
        if limits.touch_collar_bps == ANY {
            return self.check_trade_collar(limits, intent);
        }
        if other.is_zero() || now.0.saturating_sub(touch_at.0) > limits.reference_age_max_ns {
            return Err(Denial::NoReference);
        }
        check_through(limits, intent, other)?;
        self.check_trade_collar(limits, intent)
    }

    #[inline]
    fn check_trade_collar(&self, limits: &Limits, intent: &Intent) -> Result<(), Denial> {
        let Self { last_trade, .. } = self;
        let from_last = intent.price.units().abs_diff(last_trade.units());
        if !last_trade.is_zero()
            && i128::from(from_last) * ONE_BPS > within(*last_trade, limits.trade_collar_bps)
        {
            return Err(Denial::TradeCollar);
        }
        Ok(())
    }

    /// What it is beside what is open and owned.
    #[inline(always)]
    fn check_beside_own(
        &self,
        limits: &Limits,
        intent: &Intent,
        amount: i128,
    ) -> Result<(), Denial> {
        let Self { prices, .. } = self;
        let open = prices[0].0.len() + prices[1].0.len();
        if open >= limits.open_orders_max as usize {
            return Err(Denial::OpenOrders);
        }
        let (other, rank) = (intent.side.opposite(), intent.rank());
        // A buy crosses the lowest own sell if it is not below it: ranks are prices, one side's negated.
        if prices[side_at(other)].0.last().is_some_and(|best| rank.saturating_add(*best) >= 0) {
            return Err(Denial::SelfCross);
        }
        let would = self.worst[side_at(intent.side)] + amount;
        if would > Money::from_qty(limits.position_max).units() {
            return Err(Denial::Position);
        }
        Ok(())
    }
}

/// What it is, whatever the market is.
#[inline(always)]
fn check_size(limits: &Limits, intent: &Intent, value: i128) -> Result<(), Denial> {
    if limits.restricted {
        return Err(Denial::Restricted);
    }
    if intent.qty.is_zero() || intent.qty > limits.qty_max {
        return Err(Denial::Qty);
    }
    if value > limits.notional_max.units() || intent.price.units() <= 0 {
        return Err(Denial::Notional);
    }
    Ok(())
}

/// How far it is through a price.
#[inline(always)]
fn check_through(limits: &Limits, intent: &Intent, other: Price) -> Result<(), Denial> {
    let through = match intent.side {
        Side::Buy => intent.price.units() - other.units(),
        Side::Sell => other.units() - intent.price.units(),
    };
    if through > 0 && i128::from(through) * ONE_BPS > within(other, limits.touch_collar_bps) {
        return Err(Denial::TouchCollar);
    }
    Ok(())
}

/// So many basis points of a price, times [`ONE_BPS`].
const fn within(price: Price, bps: u32) -> i128 {
    price.units() as i128 * bps as i128
}
