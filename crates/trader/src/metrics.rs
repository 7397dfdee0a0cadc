//! What `/metrics` has of a trader, brought up to date when its state is published.

use tiercel_execution::breaker::BreakerState;
use tiercel_execution::risk::Mode;
use tiercel_telemetry::{Counter, Gauge, Registry, RegistryError};
use tiercel_types::Money;

use crate::core::Counts;
use crate::state::TraderState;
use crate::tell::Names;

/// One whole of an asset, in units of money.
const WHOLE: f64 = 1e16;

/// The handles of all metrics.
pub struct Metrics {
    told: Counts,
    requests: Counter,
    fills: Counter,
    denied: Counter,
    books: Counter,
    trades: Counter,
    anomalies: Counter,
    dropped: Counter,
    result: Gauge,
    mode: Gauge,
    open_orders: Gauge,
    unknown_orders: Gauge,
    credit: Gauge,
    lines: Vec<Gauge>,
    breakers: Vec<Gauge>,
    markets: Vec<MarketGauges>,
}

struct MarketGauges {
    position: Gauge,
    realised: Gauge,
    unrealised: Gauge,
    fees: Gauge,
    live: Gauge,
}

impl Metrics {
    /// Registers them; `names` are their labels.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn new(registry: &Registry, names: &Names) -> Result<Self, RegistryError> {
        let Names { lines, venues, instruments, .. } = names;
        let counter = |name, help| registry.counter(name, help, &[]);
        let gauge = |name, help| registry.gauge(name, help, &[]);
        let market = |(venue, symbol): &(String, String)| {
            let labels = [("venue", venue.as_str()), ("symbol", symbol.as_str())];
            let of = |name, help| registry.gauge(name, help, &labels);
            Ok::<_, RegistryError>(MarketGauges {
                position: of("position", "What is owned, in the base asset; negative: short.")?,
                realised: of("realised_pnl", "Profit of what was closed, in the quote asset.")?,
                unrealised: of("unrealised_pnl", "Profit if it were closed at the middle.")?,
                fees: of("fees", "Fees in the quote asset.")?,
                live: of("market_live", "1: the book is the venue's; 0: it is of the past.")?,
            })
        };
        let line = |name: &String| {
            registry.gauge("line_up", "1: the connection works.", &[("line", name)])
        };
        let breaker = |name: &String| {
            let help = "0: closed; 1: half open; 2: open, no order leaves.";
            registry.gauge("breaker_state", help, &[("venue", name)])
        };
        Ok(Self {
            told: Counts::default(),
            requests: counter("orders_sent_total", "Orders, changes, cancels and questions sent.")?,
            fills: counter("fills_total", "Fills.")?,
            denied: counter("orders_denied_total", "Orders that the gate denied.")?,
            books: counter("book_updates_total", "Updates of books.")?,
            trades: counter("market_trades_total", "Trades of others that were heard of.")?,
            anomalies: counter("order_anomalies_total", "Things that should not have happened.")?,
            dropped: counter("actions_dropped_total", "Actions beyond what an event may set off.")?,
            result: gauge(
                "pnl",
                "The result since the first run, in the quote asset: what was closed, what would be at the market, less fees.",
            )?,
            mode: gauge("risk_mode", "0: active; 1: positions may be reduced; 2: halted.")?,
            open_orders: gauge("open_orders", "Orders that may still trade.")?,
            unknown_orders: gauge("unknown_orders", "Orders whose outcome is not known.")?,
            credit: gauge("used_credit", "What is owned, at cost, and all that is open.")?,
            lines: lines.iter().map(line).collect::<Result<_, _>>()?,
            breakers: venues.iter().map(breaker).collect::<Result<_, _>>()?,
            markets: instruments.iter().map(market).collect::<Result<_, _>>()?,
        })
    }

    /// Brings them up to date.
    pub fn follow(&mut self, state: &TraderState) {
        let (now, told) = (state.counts, self.told);
        let more = |counter: &Counter, now: u64, told: u64| counter.add(now.saturating_sub(told));
        more(&self.requests, now.requests, told.requests);
        more(&self.fills, now.fills, told.fills);
        more(&self.denied, now.denied, told.denied);
        more(&self.books, now.books, told.books);
        more(&self.trades, now.trades, told.trades);
        more(&self.anomalies, now.anomalies, told.anomalies);
        more(&self.dropped, now.dropped_actions, told.dropped_actions);
        self.told = now;
        self.result.set(state.result.map_or(f64::NAN, whole));
        self.mode.set(match state.mode {
            Mode::Active => 0.0,
            Mode::Reducing => 1.0,
            Mode::Halted => 2.0,
        });
        self.open_orders.set(state.open_orders as f64);
        self.unknown_orders.set(f64::from(state.unknown_orders));
        self.credit.set(whole(state.used_credit));
        for (gauge, is_up) in self.lines.iter().zip(&state.lines) {
            gauge.set(f64::from(u8::from(*is_up)));
        }
        for (gauge, state) in self.breakers.iter().zip(&state.breakers) {
            gauge.set(match state {
                BreakerState::Closed { .. } => 0.0,
                BreakerState::HalfOpen { .. } => 1.0,
                BreakerState::Open { .. } => 2.0,
            });
        }
        for (gauges, market) in self.markets.iter().zip(&state.markets) {
            gauges.position.set(whole(market.owned));
            gauges.realised.set(whole(market.realised));
            gauges.unrealised.set(market.unrealised.map_or(f64::NAN, whole));
            gauges.fees.set(whole(market.fees));
            gauges.live.set(f64::from(u8::from(market.is_live)));
        }
    }
}

/// For people to look at: the amounts themselves are exact.
fn whole(money: Money) -> f64 {
    money.units() as f64 / WHOLE
}
