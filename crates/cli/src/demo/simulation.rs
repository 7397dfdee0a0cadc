//! The simulated market and the engine, step by step.

use std::time::{Duration, Instant};

use tiercel_host::{CycleClock, cycles};
use tiercel_matching::{Engine, EngineConfig, FullEngine, Progress};
use tiercel_sim::market::{Market, MarketConfig};
use tiercel_types::{AssetId, Command, EventBuffer, InstrumentId, Money, Timestamp};

use super::tally::{Sample, Tally};

/// A market, an engine, and what was seen of them.
pub(super) struct Simulation {
    engine: FullEngine,
    market: Market,
    buffer: EventBuffer,
    clock: CycleClock,
    tally: Tally,
    sequence: u64,
    /// Commands of the market itself, without those that set it up.
    commands: u64,
    instruments: Vec<InstrumentId>,
    start: Instant,
    elapsed: Duration,
}

impl Simulation {
    /// Sets a market up.
    pub(super) fn new(seed: u64, instruments: u32) -> Self {
        let mut market = Market::new(MarketConfig { seed, instruments });
        let setup = market.setup();
        let config = EngineConfig {
            orders: 256 * instruments as usize,
            // Quotes stay within some hundred steps of the touch.
            window_ticks: 32_768,
            ..EngineConfig::default()
        };
        let mut simulation = Self {
            engine: Engine::new(config),
            market,
            buffer: EventBuffer::with_capacity(256),
            clock: CycleClock::calibrate(),
            tally: Tally::default(),
            sequence: 0,
            commands: 0,
            instruments: Vec::new(),
            start: Instant::now(),
            elapsed: Duration::ZERO,
        };
        let time = simulation.market.time();
        for command in &setup {
            simulation.apply(time, command);
        }
        simulation.instruments =
            simulation.engine.instruments().map(|spec| spec.instrument).collect();
        simulation.tally = Tally::default();
        simulation.start = Instant::now();
        simulation.tally.mark(simulation.start);
        simulation
    }

    /// Runs the market's next command.
    pub(super) fn step(&mut self) {
        let (time, command) = self.market.next_command();
        self.commands += 1;
        self.tally.command();
        self.apply(time, &command);
    }

    fn apply(&mut self, time: Timestamp, command: &Command) {
        self.sequence += 1;
        let start = cycles();
        let mut progress = self.engine.apply(self.sequence, time, command, &mut self.buffer);
        let mut taken_cycles = cycles().saturating_sub(start);
        loop {
            for (header, event) in &self.buffer {
                self.market.on_event(&header, &event);
                self.tally.event(&header, &event);
            }
            self.buffer.clear();
            if progress == Progress::Done {
                break;
            }
            let start = cycles();
            progress = self.engine.resume(&mut self.buffer);
            taken_cycles += cycles().saturating_sub(start);
        }
        self.tally.latency(self.clock.ns(taken_cycles));
    }

    /// Ends an interval: rates and latencies that are shown are those since the last one.
    pub(super) fn mark(&mut self, now: Instant) {
        self.elapsed = now.duration_since(self.start);
        self.tally.mark(now);
    }

    /// Ends it all.
    pub(super) fn finish(&mut self, now: Instant) {
        self.elapsed = now.duration_since(self.start);
    }

    pub(super) const fn engine(&self) -> &FullEngine {
        &self.engine
    }

    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What the last interval showed.
    pub(super) const fn sample(&self) -> &Sample {
        self.tally.sample()
    }

    pub(super) const fn commands(&self) -> u64 {
        self.commands
    }

    pub(super) const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    pub(super) const fn instruments(&self) -> usize {
        self.instruments.len()
    }

    /// The instrument in this place of the engine's list.
    pub(super) fn instrument(&self, at: usize) -> Option<InstrumentId> {
        self.instruments.get(at).copied()
    }

    /// For each asset what all accounts hold, free and reserved, and what was deposited.
    pub(super) fn funds(&self) -> impl Iterator<Item = (AssetId, Money, Money)> + '_ {
        self.market.deposits().map(|(asset, deposited)| {
            let balances =
                self.market.accounts().filter_map(|account| self.engine.balance(account, asset));
            let held = balances.map(|(free, reserved)| free.units() + reserved.units()).sum();
            (asset, Money::from_units(held), deposited)
        })
    }

    /// Whether no money was made or lost.
    pub(super) fn conserved(&self) -> bool {
        self.funds().all(|(_, held, deposited)| held == deposited)
    }
}
