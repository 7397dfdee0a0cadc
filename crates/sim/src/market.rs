//! A small market of simulated participants, for the demo and for load tests.
//!
//! ```text
//!   Market::next --> (time, Command) --> any engine --> events --> Market::on_event
//! ```
//!
//! Makers quote ladders of post-only orders round a fair value that moves slowly, and move them
//! after it by amending, replacing and cancelling. Traders take: by market, immediate and
//! fill-or-kill orders, some after the last price move and some at random, and leave limit,
//! iceberg and good-till-date orders of their own. Now and then funds move, a maker pulls all
//! its quotes, somebody asks for an order.
//!
//! It assumes nothing of the engine but its events, and knows an outcome before its next command:
//! there is no latency here. Prices are no forecast of anything: fair values walk at random and
//! are pulled back when they stray too far.

mod choices;
mod listing;
mod orders;

use tiercel_types::command::{
    AmendOrder, CancelOrder, Command, MassCancel, NewOrder, QueryOrder, ReplaceOrder, Transfer,
};
use tiercel_types::order::{AmendQtyMeaning, SideScope};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Event, EventHeader, InstrumentId, Money, OrderId, OrderKind,
    Price, Qty, Side, TimeInForce, Timestamp,
};

use crate::rng::Rng;
use listing::Listing;
use orders::{Slot, Slots};

/// How a market is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketConfig {
    /// Seeds everything.
    pub seed: u64,
    /// How many instruments, from 1.
    pub instruments: u32,
}

/// Makers, accounts 1 to this.
pub const MAKERS: u32 = 4;

/// Traders, the accounts behind the makers.
pub const TRADERS: u32 = 12;

/// Levels that a maker quotes on each side.
const LEVELS: u32 = 10;

/// Own orders that a trader may have in the book of each instrument.
const RESTING_PER_TRADER: u32 = 6;

/// The asset in which everything is paid.
const QUOTE: AssetId = AssetId(1);

/// A day's start: 2026-01-05 00:00:00 UTC, a Monday.
const START_NS: u64 = 1_767_571_200_000_000_000;

/// The simulated participants; see the module's page.
#[derive(Clone, Debug)]
pub struct Market {
    rng: Rng,
    time_ns: u64,
    listings: Vec<Listing>,
    slots: Slots,
    /// The largest id of a movement of funds so far.
    funding_id: u64,
}

impl Market {
    /// A market that has not begun.
    pub fn new(config: MarketConfig) -> Self {
        let instruments = config.instruments.clamp(1, InstrumentId::LIMIT - 1);
        let listings: Vec<_> = (1..=instruments).map(Listing::new).collect();
        Self {
            rng: Rng::new(config.seed),
            time_ns: START_NS,
            slots: Slots::new(instruments),
            listings,
            funding_id: 0,
        }
    }

    /// All that has to be done before trading: assets, instruments, accounts, deposits.
    pub fn setup(&mut self) -> Vec<Command> {
        let commands = listing::setup(&self.listings);
        self.funding_id = commands.len() as u64;
        commands
    }

    /// All accounts, the venue's first.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + use<> {
        (0..=MAKERS + TRADERS).map(AccountId)
    }

    /// All assets, and what was deposited of each in all.
    pub fn deposits(&self) -> impl Iterator<Item = (AssetId, Money)> + '_ {
        listing::deposits(&self.listings)
    }

    /// The simulated time of the latest command.
    pub const fn time(&self) -> Timestamp {
        Timestamp(self.time_ns)
    }

    /// The next command, with its time.
    pub fn next_command(&mut self) -> (Timestamp, Command) {
        // Some 20 us: at 50,000 commands a second the market's time is that of the wall.
        self.time_ns += 2_000 + self.rng.below(36_000);
        let at = self.rng.below(self.listings.len() as u64) as usize;
        self.listings[at].drift(&mut self.rng);
        let command = match self.rng.below(10_000) {
            0..2 => self.move_funds(),
            2..4 => self.pull_quotes(at),
            4..40 => self.ask(at),
            40..8_600 => self.quote(at),
            _ => self.trade(at),
        };
        (self.time(), command)
    }

    /// Learns from an event.
    pub fn on_event(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::OrderAccepted(it) => {
                let open = if it.resting != 0 { it.price } else { Price::ZERO };
                self.slots.accepted(it.client_order_id, it.order_id, open, it.qty);
            }
            Event::OrderRested(it) => self.slots.rested(it.order_id, it.price, it.open_qty),
            Event::OrderAmended(it) => self.slots.rested(it.order_id, it.price, it.open_qty),
            Event::OrderEnded(it) => self.slots.gone(it.order_id),
            Event::Trade(it) => {
                if let Some(listing) = self.listings.get_mut(header.instrument.0 as usize - 1) {
                    listing.traded(it.price, it.taker_side);
                }
                self.slots.filled(it.maker_order_id, it.maker_open_qty);
                // A market order by quote amount has nothing open, and then ends by an event.
                self.slots.filled(it.taker_order_id, it.taker_open_qty);
            }
            Event::SelfTradePrevented(it) => {
                self.slots.left(it.maker_order_id, it.maker_open_qty);
            }
            _ => {}
        }
    }

    /// A maker looks after one of its quotes.
    fn quote(&mut self, at: usize) -> Command {
        // Some tries to find a quote that needs something; then one is refreshed for its own sake.
        for _ in 0..6 {
            let index = orders::random_quote(&mut self.rng, at);
            let slot = self.slots.get(index);
            let (price, tolerance) = self.listings[at].quote_price(slot, &mut self.rng);
            if slot.is_empty() {
                return self.new_quote(at, index, price).into();
            }
            let off = (slot.price.units() - price.units()).abs();
            if off > tolerance {
                return self.move_quote(at, index, price);
            }
        }
        let index = orders::random_quote(&mut self.rng, at);
        self.trim(at, index)
    }

    fn new_quote(&mut self, at: usize, index: u32, price: Price) -> NewOrder {
        let slot = self.slots.get(index);
        let listing = &self.listings[at];
        let qty = listing.qty(&mut self.rng, 8);
        let mut order = NewOrder::limit(listing.instrument(), slot.account, slot.side, price, qty);
        order.kind = OrderKind::PostOnly;
        order.client_order_id = orders::client_order_id(index);
        order.self_trade_prevention = choices::prevention(slot.account);
        if self.rng.below(8) == 0 {
            order.time_in_force = TimeInForce::Day;
        }
        order
    }

    /// Moves a quote to where it should be.
    fn move_quote(&mut self, at: usize, index: u32, price: Price) -> Command {
        let Slot { order_id, account, .. } = self.slots.get(index);
        match self.rng.below(10) {
            0..5 => amend(order_id, account, price, Qty::ZERO).into(),
            5..8 => self.replace_quote(at, index, price).into(),
            _ => cancel(order_id, account).into(),
        }
    }

    /// Enters a quote anew, in the stead of the one there is.
    fn replace_quote(&mut self, at: usize, index: u32, price: Price) -> ReplaceOrder {
        ReplaceOrder {
            target_order_id: self.slots.get(index).order_id,
            target_client_order_id: ClientOrderId::EMPTY,
            reserved: [0; 4],
            order: self.new_quote(at, index, price),
        }
    }

    /// Takes something off a quote that is well where it is, and keeps its place; one that is too
    /// small for that is entered anew.
    fn trim(&mut self, at: usize, index: u32) -> Command {
        let Slot { order_id, account, open_qty, price, .. } = self.slots.get(index);
        if order_id.is_none() {
            return self.trade(at);
        }
        let smaller = self.listings[at].half(open_qty);
        if smaller.is_zero() {
            return self.replace_quote(at, index, price).into();
        }
        amend(order_id, account, Price::ZERO, smaller).into()
    }

    /// A trader acts: takes, or leaves an order of its own, or gives one up.
    fn trade(&mut self, at: usize) -> Command {
        let index = orders::random_resting(&mut self.rng, at);
        let slot = self.slots.get(index);
        let choice = self.rng.below(100);
        if choice >= 70 {
            if slot.is_empty() {
                return self.rest(at, index).into();
            }
            if choice >= 90 {
                return cancel(slot.order_id, slot.account).into();
            }
        }
        let listing = &self.listings[at];
        let side = choices::direction(&mut self.rng, slot.account, listing.last_move());
        choices::take(&mut self.rng, listing, slot.account, side).into()
    }

    /// An order of a trader that waits near the market.
    fn rest(&mut self, at: usize, index: u32) -> NewOrder {
        let slot = self.slots.get(index);
        let listing = &self.listings[at];
        let price = listing.near(&mut self.rng, slot.side);
        let qty = listing.qty(&mut self.rng, 20);
        let mut order = NewOrder::limit(listing.instrument(), slot.account, slot.side, price, qty);
        order.client_order_id = orders::client_order_id(index);
        order.self_trade_prevention = choices::prevention(slot.account);
        match self.rng.below(8) {
            0..2 => order.display_qty = listing.slice(qty),
            2 => {
                // Takes at the best price, and waits there with what is left.
                order.kind = OrderKind::MarketToLimit;
                order.price = Price::ZERO;
            }
            3..5 => {
                order.time_in_force = TimeInForce::Gtd;
                order.expire_time =
                    Timestamp(self.time_ns + 1_000_000 + self.rng.below(2_000_000_000));
            }
            _ => {}
        }
        order
    }

    /// A maker pulls all its quotes of one instrument.
    fn pull_quotes(&mut self, at: usize) -> Command {
        MassCancel {
            account: AccountId(1 + self.rng.below(u64::from(MAKERS)) as u32),
            instrument: self.listings[at].instrument(),
            sides: SideScope::Both,
            reserved: [0; 7],
        }
        .into()
    }

    /// Somebody asks for an order, which may be gone.
    fn ask(&mut self, at: usize) -> Command {
        let index = orders::random_quote(&mut self.rng, at);
        let account = self.slots.get(index).account;
        let client_order_id = orders::client_order_id(index);
        QueryOrder { order_id: OrderId::NONE, account, client_order_id }.into()
    }

    /// Funds go from one account to another.
    fn move_funds(&mut self) -> Command {
        self.funding_id += 1;
        let all = u64::from(MAKERS + TRADERS);
        let from = self.rng.below(all);
        let to = (from + 1 + self.rng.below(all - 1)) % all;
        let account = |number: u64| AccountId(number as u32 + 1);
        Transfer {
            funding_id: self.funding_id,
            from: account(from),
            to: account(to),
            asset: QUOTE,
            reserved: 0,
            amount: Money::from_qty(Qty::from_units(1 + self.rng.below(1_000_000_000))),
        }
        .into()
    }
}

const fn cancel(order_id: OrderId, account: AccountId) -> CancelOrder {
    CancelOrder { order_id, account, client_order_id: ClientOrderId::EMPTY }
}

const fn amend(order_id: OrderId, account: AccountId, price: Price, open: Qty) -> AmendOrder {
    AmendOrder {
        order_id,
        price,
        qty: open,
        account,
        client_order_id: ClientOrderId::EMPTY,
        new_client_order_id: ClientOrderId::EMPTY,
        qty_meaning: AmendQtyMeaning::Open,
        lose_priority: 0,
        reserved: [0; 2],
    }
}

/// The side on which a quote or an order of a trader with this index lies.
const fn side_of(index: u32) -> Side {
    if index.is_multiple_of(2) { Side::Buy } else { Side::Sell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiercel_types::Peg;
    use tiercel_types::event::OrderAccepted;

    /// Commands, with each new order accepted at once and resting, and nothing ever traded.
    fn flow(seed: u64, count: usize) -> Vec<(Timestamp, Command)> {
        let mut market = Market::new(MarketConfig { seed, instruments: 3 });
        market.setup();
        let mut orders = 0;
        let step = |_| {
            let (time, command) = market.next_command();
            if let Command::NewOrder(order) = command {
                orders += 1;
                let accepted = OrderAccepted {
                    order_id: OrderId(orders),
                    price: order.price,
                    qty: order.qty,
                    level_qty: order.qty,
                    update_id: orders,
                    side: order.side,
                    kind: order.kind,
                    time_in_force: order.time_in_force,
                    self_trade_prevention: order.self_trade_prevention,
                    resting: 1,
                    peg: Peg::None,
                    all_or_none: 0,
                    hidden: 0,
                    client_order_id: order.client_order_id,
                    session: order.session,
                    quote_qty: order.quote_qty,
                    display_qty: order.display_qty,
                    expire_time: order.expire_time,
                };
                market.on_event(&EventHeader::default(), &accepted.into());
            }
            (time, command)
        };
        (0..count).map(step).collect()
    }

    #[test]
    fn one_seed_gives_one_flow() {
        assert_eq!(flow(5, 5_000), flow(5, 5_000));
        assert_ne!(flow(5, 100), flow(6, 100));
    }

    #[test]
    fn everything_a_participant_does_occurs() {
        let flow = flow(1, 100_000);
        assert!(flow.is_sorted_by_key(|&(time, _)| time));
        let is =
            |wanted: &dyn Fn(&Command) -> bool| flow.iter().any(|(_, command)| wanted(command));
        let order = |wanted: &dyn Fn(&NewOrder) -> bool| {
            is(&|command| matches!(command, Command::NewOrder(order) if wanted(order)))
        };
        for kind in OrderKind::ALL {
            assert!(order(&|order| order.kind == *kind), "{kind}");
        }
        // There are no auctions in this market.
        for life in TimeInForce::ALL.iter().filter(|life| !life.is_for_auction()) {
            assert!(order(&|order| order.time_in_force == *life), "{life}");
        }
        assert!(order(&|order| !order.display_qty.is_zero()), "no iceberg");
        assert!(order(&|order| !order.quote_qty.is_zero()), "no order by amount");
        assert!(is(&|command| matches!(command, Command::ReplaceOrder(_))));
        assert!(is(&|command| matches!(command, Command::AmendOrder(_))));
        assert!(is(&|command| matches!(command, Command::CancelOrder(_))));
        assert!(is(&|command| matches!(command, Command::MassCancel(_))));
        assert!(is(&|command| matches!(command, Command::QueryOrder(_))));
        assert!(is(&|command| matches!(command, Command::Transfer(_))));
    }

    #[test]
    fn what_is_deposited_is_what_is_said_to_be() {
        let mut market = Market::new(MarketConfig { seed: 1, instruments: 2 });
        let setup = market.setup();
        for (asset, all) in market.deposits() {
            let given: i128 = setup
                .iter()
                .map(|command| match command {
                    Command::Deposit(it) if it.asset == asset => it.amount.units(),
                    _ => 0,
                })
                .sum();
            assert_eq!(given, all.units(), "asset {asset}");
        }
        assert_eq!(market.deposits().count(), 3);
    }
}
