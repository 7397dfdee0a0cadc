//! Lists of orders and stops at a venue of its own process, by each way that orders go: entry and exits, stops that are
//! set off, cancels, refusals, a venue that is killed. What is owned in the end is what the venue says.
//!
//! The trader runs in the test, with a strategy that does what the test wants.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tiercel_strategy::{
    Action, Actions, BookTick, OrderList, OrderUpdate, OrderUpdateKind as Kind, StateError,
    Strategy, TimerTick, TradeTick,
};
use tiercel_telemetry::Registry;
use tiercel_trader::config::TraderConfig;
use tiercel_trader::hot::{Control, Ended};
use tiercel_trader::setup;
use tiercel_types::{InstrumentId, Price, Qty, Side, Timestamp};

use crate::trade::{BASE, QUOTE, config, free_port, order, owns};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue, ask};

const BTCUSDT: InstrumentId = InstrumentId(0);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the strategy looks for what is wanted.
const LOOK_NS: u64 = 1_000_000;
/// The other account's quotes.
const FAR: [i64; 2] = [59_900, 60_100];

#[derive(Clone, Copy)]
enum Want {
    One(Action),
    List(OrderList),
}

/// What the test and the trader's thread know together.
#[derive(Default)]
struct Known {
    wants: Vec<Want>,
    told: Vec<OrderUpdate>,
    /// The best bid and ask.
    best: [Price; 2],
    are_lines_up: bool,
    acts: bool,
    unknown: u32,
    live: usize,
    anomalies: u64,
}

impl Known {
    fn has_told(&self, tag: u64, kind: Kind) -> bool {
        self.told.iter().any(|update| (update.tag, update.kind) == (tag, kind))
    }

    /// Whether the last that was told of an order was its end.
    fn has_ended(&self, tag: u64) -> bool {
        let last = self.told.iter().rfind(|update| update.tag == tag);
        last.is_some_and(|update| update.open_qty.is_zero())
    }
}

type Shared = Arc<Mutex<Known>>;

struct Puppet(Shared);

impl Strategy for Puppet {
    fn name(&self) -> &'static str {
        "puppet"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        self.0.lock().expect("no panic").best = [tick.bid().price, tick.ask().price];
        actions.push(Action::timer(0, Timestamp(tick.time.0 + LOOK_NS))).expect("room");
    }

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, update: &OrderUpdate, _: &mut Actions) {
        self.0.lock().expect("no panic").told.push(*update);
    }

    fn on_timer(&mut self, tick: &TimerTick, actions: &mut Actions) {
        for want in self.0.lock().expect("no panic").wants.drain(..) {
            match want {
                Want::One(action) => actions.push(action).expect("room"),
                Want::List(list) => actions.push_list(&list).expect("room"),
            }
        }
        actions.push(Action::timer(0, Timestamp(tick.time.0 + LOOK_NS))).expect("room");
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, _: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}

/// What a run ended with: what is owned, and what was paid and got, in units of 10^-16.
struct Last {
    ended: Ended,
    owned: i128,
    cash: i128,
}

/// A trader on a thread of the test.
struct Trader {
    shared: Shared,
    control: Sender<Control>,
    thread: JoinHandle<Last>,
}

impl Trader {
    fn start(config: &TraderConfig) -> Self {
        let shared = Shared::default();
        let (puppet, known) = (Puppet(Arc::clone(&shared)), Arc::clone(&shared));
        let made = setup::trader(config, |_| Ok(Box::new(puppet)), &Registry::new());
        let setup::Trader { hot, control, .. } = made.expect("a trader");
        let thread = std::thread::spawn(move || {
            let ran = hot.run(|_, lines, _| {
                let mut known = known.lock().expect("no panic");
                known.are_lines_up = lines.lines().all(|(line, _)| line.is_up());
                let core = &lines.core;
                (known.acts, known.anomalies) = (core.acts(), core.counts().anomalies);
                (known.unknown, known.live) =
                    (core.oms().unknown_orders(), core.oms().live_orders());
            });
            let (ended, lines) = ran.expect("sockets");
            let position = *lines.core.oms().position(BTCUSDT).expect("it is traded");
            let (owned, cash) =
                (position.owned().units(), position.cash().expect("it fits").units());
            Last { ended, owned, cash }
        });
        control.send(Control::Begin).expect("it runs");
        Self { shared, control, thread }
    }

    /// Waits until something is so.
    fn until(&self, what: &str, is_so: impl Fn(&Known) -> bool) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if is_so(&self.shared.lock().expect("no panic")) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let known = self.shared.lock().expect("no panic");
        let told = known.told.iter().map(|it| (it.tag, it.kind, it.reason, it.open_qty));
        let told: Vec<_> = told.collect();
        panic!("never {what}: {told:?}, {} live, {} unknown", known.live, known.unknown);
    }

    fn want(&self, want: Want) {
        self.shared.lock().expect("no panic").wants.push(want);
    }

    /// Wants a list, of whose orders nothing was told before.
    fn enter(&self, list: OrderList) {
        self.shared.lock().expect("no panic").told.clear();
        self.want(Want::List(list));
    }

    fn taken(&self, list: OrderList) {
        self.until("shown the far quotes alone", |known| known.best == FAR.map(price));
        self.enter(list);
        self.until("taken", |known| {
            list.orders().all(|order| known.has_told(order.tag, Kind::Accepted))
        });
    }

    fn over(&self, what: &str) {
        self.until(what, |known| known.live == 0 && known.unknown == 0);
    }
}

fn price(whole: i64) -> Price {
    Price::from_units(whole * 100_000_000)
}

/// 0.01.
fn qty() -> Qty {
    Qty::from_units(1_000_000)
}

/// A stop and a limit, of what sells.
fn exits(first_tag: u64, stop: i64) -> [Action; 2] {
    let at = (price(stop), price(stop - 10));
    [
        Action::post_only(first_tag, BTCUSDT, Side::Sell, price(60_050), qty()),
        Action::stop_limit(first_tag + 1, BTCUSDT, Side::Sell, at, qty()),
    ]
}

fn entry(tag: u64) -> Action {
    Action::limit(tag, BTCUSDT, Side::Buy, price(60_000), qty())
}

/// A venue, the other account there, and how the trader's orders go.
struct Place {
    venue: Venue,
    start: Box<dyn Fn() -> Venue>,
    keys: Vec<Key>,
    config: TraderConfig,
}

impl Place {
    /// `gateway` is for the venue's configuration, `table` for the trader's, with the address of HTTP and the ports of
    /// market data and orders.
    fn new(
        name: &'static str,
        gateway: impl Fn(u16, u16) -> String,
        table: impl Fn(&str, u16, u16) -> String,
    ) -> Self {
        let [rest, data, orders, http] = [free_port(), free_port(), free_port(), free_port()];
        let (store, venue_config, keys): (PathBuf, PathBuf, Vec<Key>) =
            market(name, &gateway(data, orders));
        let address = format!("127.0.0.1:{rest}");
        let path = config(name, &table(&address, data, orders), http, &keys[0]);
        let text = std::fs::read_to_string(path).expect("it was written");
        let config = text.parse().expect("a configuration");
        let start = Box::new(move || Venue::start_at(&address, &store, &venue_config, &[], 0));
        Self { venue: start(), start, keys, config }
    }

    fn order(&self, side: &str, price: &str, qty: &str, time_in_force: &str) {
        order(&self.venue, &self.keys[1], side, price, qty, time_in_force);
    }

    /// The other account's orders, anew: far quotes.
    fn far_quotes(&self) {
        let mut stream = self.venue.connect();
        let asked = ask(&mut stream, &self.keys[1], "DELETE", "openOrders", "symbol=BTCUSDT");
        // There may be none.
        drop(asked.expect("an answer"));
        self.order("BUY", "59900", "1", "GTC");
        self.order("SELL", "60100", "1", "GTC");
    }

    fn bought(&self, trader: &Trader, tag: u64) {
        self.order("SELL", "60000", "0.01", "IOC");
        trader.until("bought", |known| known.has_ended(tag) && known.has_told(tag, Kind::Filled));
    }

    /// An entry whose profit is taken, in two parts.
    fn takes_profit(&self, trader: &Trader) {
        trader.taken(OrderList::Otoco { working: entry(1), exits: exits(2, 59_950) });
        self.bought(trader, 1);
        self.order("BUY", "60050", "0.004", "IOC");
        trader.until("sold in part, and the stop at its end", |known| {
            known.has_told(2, Kind::Filled) && known.has_ended(3)
        });
        assert!(!trader.shared.lock().expect("no panic").has_told(3, Kind::Filled));
        self.order("BUY", "60050", "0.006", "IOC");
        trader.until("sold", |known| known.has_ended(2));
        trader.over("the end of a bracket");
    }

    /// An entry whose stop is set off by a trade.
    fn stops_a_loss(&self, trader: &Trader) {
        trader.taken(OrderList::Otoco { working: entry(1), exits: exits(2, 59_950) });
        self.bought(trader, 1);
        self.order("BUY", "59950", "0.02", "GTC");
        let little = Qty::from_units(100_000);
        trader.want(Want::One(Action::take(4, BTCUSDT, Side::Sell, price(59_950), little)));
        trader.until("stopped", |known| {
            known.has_told(3, Kind::Filled) && (2..5).all(|tag| known.has_ended(tag))
        });
        assert!(!trader.shared.lock().expect("no panic").has_told(2, Kind::Filled));
        trader.over("the end of a stop");
        self.far_quotes();
    }

    /// The cancel of one ends both; that of all does, too. A stop alone ends by its cancel.
    fn cancels(trader: &Trader) {
        let both = |known: &Known| known.has_ended(5) && known.has_ended(6);
        trader.taken(OrderList::Oco(exits(5, 59_920)));
        trader.want(Want::One(Action::cancel(6, BTCUSDT)));
        trader.until("both at their end", both);
        trader.over("the end of a pair");
        trader.taken(OrderList::Oco(exits(5, 59_920)));
        trader.want(Want::One(Action::cancel_all(BTCUSDT)));
        trader.until("both at their end", both);
        trader.over("the end of another pair");
        trader.shared.lock().expect("no panic").told.clear();
        let at = (price(60_080), price(60_090));
        trader.want(Want::One(Action::stop_limit(7, BTCUSDT, Side::Buy, at, qty())));
        trader.until("waiting", |known| known.has_told(7, Kind::Accepted));
        trader.want(Want::One(Action::cancel(7, BTCUSDT)));
        trader.until("cancelled", |known| known.has_told(7, Kind::Cancelled));
    }

    /// What the venue does not take of one order, it takes of none.
    fn is_refused(trader: &Trader) {
        let [limit, stop] = exits(5, 59_920);
        let off_tick = Action { trigger_price: stop.trigger_price + 1, ..stop };
        trader.enter(OrderList::Oco([limit, off_tick]));
        trader.until("refused", |known| {
            known.has_told(5, Kind::Rejected) && known.has_told(6, Kind::Rejected)
        });
        trader.over("refused");
        // One that would be entered at once.
        trader.enter(OrderList::Oco(exits(5, 60_020)));
        trader.until("refused again", |known| {
            known.has_told(5, Kind::Rejected) && known.has_told(6, Kind::Rejected)
        });
        trader.over("refused again");
    }

    /// The venue is killed while a list is open, and one of its orders trades before the trader is back, or behind that.
    fn is_killed(&mut self, trader: &Trader) {
        trader.taken(OrderList::Otoco { working: entry(1), exits: exits(2, 59_950) });
        self.venue.kill();
        trader.until("without its venue", |known| !known.are_lines_up);
        self.venue = (self.start)();
        self.order("SELL", "60000", "0.01", "IOC");
        trader.until("connected again", |known| known.are_lines_up && known.unknown == 0);
        trader.want(Want::One(Action::cancel_all(BTCUSDT)));
        trader.over("the end of a list that was open");
    }

    fn all(mut self) {
        self.far_quotes();
        let trader = Trader::start(&self.config);
        trader.until("acting", |known| known.acts && known.are_lines_up);
        self.takes_profit(&trader);
        self.stops_a_loss(&trader);
        Self::cancels(&trader);
        Self::is_refused(&trader);
        self.is_killed(&trader);
        assert_eq!(trader.shared.lock().expect("no panic").anomalies, 0);
        trader.control.send(Control::Stop).expect("it runs");
        let last = trader.thread.join().expect("no panic");
        assert_eq!(last.ended, Ended::Clean);
        assert_eq!(owns(&self.venue, &self.keys[0], "BTC"), BASE + last.owned);
        assert_eq!(owns(&self.venue, &self.keys[0], "USDT"), QUOTE + last.cash);
    }
}

fn by_records(address: &str, data: u16, orders: u16) -> String {
    format!(
        "kind = \"tiercel\"\nrest = \"http://{address}\"\nmarket = \"127.0.0.1:{data}\"\n\
         orders = \"127.0.0.1:{orders}\""
    )
}

fn over_binance(address: &str, more: &str) -> String {
    format!(
        "kind = \"binance\"\nrest = \"http://{address}\"\nmarket = \"ws://{address}\"\n\
         orders = \"ws://{address}/ws-api/v3\"\nrecv_window_ms = 1000\n{more}"
    )
}

#[test]
fn lists_by_records_end_in_what_the_venue_says() {
    let gateway = |data, orders| {
        format!(
            "[market]\naddress = \"127.0.0.1:{data}\"\n[binary]\naddress = \"127.0.0.1:{orders}\"\n"
        )
    };
    let table = |address: &str, data, orders| {
        format!("{}\ncancel_on_disconnect = false", by_records(address, data, orders))
    };
    Place::new("trade-lists", gateway, table).all();
}

#[test]
fn lists_over_fix_end_in_what_the_venue_says() {
    let gateway = |data, orders| {
        format!(
            "[market]\naddress = \"127.0.0.1:{data}\"\n[fix]\naddress = \"127.0.0.1:{orders}\"\n\
             sessions = [{{ comp_id = \"DESK\", api_key = \"key-1\" }}]\n"
        )
    };
    let table = |address: &str, data, orders| {
        let records = by_records(address, data, orders);
        format!("{records}\norders_over = \"fix\"\ncomp_id = \"DESK\"")
    };
    Place::new("trade-lists-fix", gateway, table).all();
}

#[test]
fn lists_over_the_binance_interface_end_in_what_the_venue_says() {
    let table = |address: &str, _, _| over_binance(address, "");
    Place::new("trade-lists-binance", |_, _| String::new(), table).all();
}

#[test]
fn lists_over_http_end_in_what_the_venue_says() {
    let table = |address: &str, _, _| over_binance(address, "orders_over = \"rest\"");
    Place::new("trade-lists-rest", |_, _| String::new(), table).all();
}
