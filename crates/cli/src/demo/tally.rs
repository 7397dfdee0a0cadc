//! What is counted while the demo runs.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use tiercel_telemetry::{Distribution, Histogram};
use tiercel_types::{DenialReason, Event, EventHeader, InstrumentId, Price, Qty, Side};

/// Trades that are remembered to be shown.
const TRADES_REMEMBERED: usize = 64;

/// Intervals over which rates are taken: a second of tenths.
const WINDOW: usize = 10;

/// A trade as it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastTrade {
    pub(super) instrument: InstrumentId,
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) taker_side: Side,
    pub(super) time_ns: u64,
}

/// Running counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) commands: u64,
    pub(super) events: u64,
    pub(super) orders: u64,
    pub(super) trades: u64,
    pub(super) denied: u64,
    pub(super) self_trades_prevented: u64,
}

/// What the last interval showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    pub(super) commands_per_second: f64,
    pub(super) orders_per_second: f64,
    pub(super) trades_per_second: f64,
    pub(super) latency: Distribution,
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Counts,
    denials: BTreeMap<DenialReason, u64>,
    /// Price times quantity of all trades, in units of 10^-16 of the quote asset.
    turnover_units: u128,
    all: Histogram,
    recent: Histogram,
    trades: VecDeque<LastTrade>,
    /// Counts at the last marks.
    marks: VecDeque<(Instant, Counts)>,
    sample: Sample,
}

impl Tally {
    pub(super) const fn command(&mut self) {
        self.counts.commands += 1;
    }

    pub(super) fn latency(&mut self, latency_ns: u64) {
        self.recent.record(latency_ns);
    }

    pub(super) fn event(&mut self, header: &EventHeader, event: &Event) {
        self.counts.events += 1;
        match event {
            Event::OrderAccepted(_) => self.counts.orders += 1,
            Event::Denied(denied) => {
                self.counts.denied += 1;
                *self.denials.entry(denied.reason).or_default() += 1;
            }
            Event::SelfTradePrevented(_) => self.counts.self_trades_prevented += 1,
            Event::Trade(trade) => {
                self.counts.trades += 1;
                let value =
                    u128::from(trade.price.units().unsigned_abs()) * u128::from(trade.qty.units());
                self.turnover_units = self.turnover_units.saturating_add(value);
                if self.trades.len() == TRADES_REMEMBERED {
                    self.trades.pop_back();
                }
                self.trades.push_front(LastTrade {
                    instrument: header.instrument,
                    price: trade.price,
                    qty: trade.qty,
                    taker_side: trade.taker_side,
                    time_ns: header.time_ns,
                });
            }
            _ => {}
        }
    }

    /// Ends an interval.
    pub(super) fn mark(&mut self, now: Instant) {
        if let Some((then, before)) = self.marks.front() {
            let seconds = now.duration_since(*then).as_secs_f64().max(1e-9);
            let per_second = |now: u64, before: u64| (now - before) as f64 / seconds;
            self.sample = Sample {
                commands_per_second: per_second(self.counts.commands, before.commands),
                orders_per_second: per_second(self.counts.orders, before.orders),
                trades_per_second: per_second(self.counts.trades, before.trades),
                latency: self.recent.distribution(),
            };
        }
        if self.marks.len() == WINDOW {
            self.marks.pop_front();
        }
        self.marks.push_back((now, self.counts));
        self.all.add(&self.recent);
        self.recent.clear();
    }

    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) const fn sample(&self) -> &Sample {
        &self.sample
    }

    /// Latencies since the start.
    pub(super) fn latencies(&self) -> Distribution {
        let mut all = self.all.clone();
        all.add(&self.recent);
        all.distribution()
    }

    /// How often each reason came, the most frequent first.
    pub(super) fn denials(&self) -> Vec<(DenialReason, u64)> {
        let mut denials: Vec<_> =
            self.denials.iter().map(|(&reason, &count)| (reason, count)).collect();
        denials.sort_by_key(|&(reason, count)| (core::cmp::Reverse(count), reason));
        denials
    }

    pub(super) const fn turnover_units(&self) -> u128 {
        self.turnover_units
    }

    /// The last trades of an instrument, newest first.
    pub(super) fn trades(&self, instrument: InstrumentId) -> impl Iterator<Item = &LastTrade> {
        self.trades.iter().filter(move |trade| trade.instrument == instrument)
    }
}
