//! The engine as the harness drives it.

use tiercel_matching::{Accounts, Engine, EngineConfig, Ledger, Progress};
use tiercel_testkit::harness::{SHARD, Subject};
use tiercel_types::{
    AccountId, AssetId, Command, Event, EventBuffer, EventHeader, InstrumentId, Money, Price, Qty,
    Side, Timestamp,
};

/// How an engine is held while it runs: none of it may change what happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    pub(crate) hash_seed: u64,
    pub(crate) orders: usize,
    pub(crate) window_ticks: usize,
    /// Records that the event buffer takes.
    pub(crate) buffer: usize,
    /// After so many commands the engine is snapshot, dropped and restored; zero: never.
    pub(crate) restore_every: u64,
}

impl Holding {
    pub(crate) const PLAIN: Self =
        Self { hash_seed: 1, orders: 4096, window_ticks: 8192, buffer: 1024, restore_every: 0 };
    /// Everything as small as it gets: tables grow, windows move, buffers fill within commands.
    pub(crate) const TIGHT: Self =
        Self { hash_seed: 2, orders: 0, window_ticks: 64, buffer: 0, restore_every: 0 };
    pub(crate) const RESTORED: Self =
        Self { hash_seed: 3, orders: 10, window_ticks: 256, buffer: 20, restore_every: 97 };

    pub(crate) fn config(self) -> EngineConfig {
        EngineConfig {
            shard: SHARD,
            hash_seed: self.hash_seed,
            orders: self.orders,
            window_ticks: self.window_ticks,
        }
    }
}

/// An engine and its event buffer.
pub(crate) struct EngineSubject<L: Ledger> {
    pub(crate) engine: Engine<L>,
    holding: Holding,
    buffer: EventBuffer,
    commands: u64,
    /// Times that a command did not fit the buffer.
    pub(crate) resumed: u64,
}

impl<L: Ledger> EngineSubject<L> {
    pub(crate) fn new(holding: Holding) -> Self {
        Self {
            engine: Engine::new(holding.config()),
            holding,
            buffer: EventBuffer::with_capacity(holding.buffer),
            commands: 0,
            resumed: 0,
        }
    }

    pub(crate) fn events(
        &mut self,
        sequence: u64,
        time: Timestamp,
        command: &Command,
    ) -> Vec<(EventHeader, Event)> {
        self.commands += 1;
        if self.holding.restore_every != 0
            && self.commands.is_multiple_of(self.holding.restore_every)
        {
            let mut bytes = Vec::new();
            self.engine.snapshot(&mut bytes);
            let config = EngineConfig { shard: 0, ..self.holding.config() };
            let restored = Engine::restore(&bytes, config).expect("a snapshot restores");
            assert_eq!(self.engine.digest(), restored.digest(), "digest after restoring");
            self.engine = restored;
        }
        let mut events = Vec::new();
        let mut progress = self.engine.apply(sequence, time, command, &mut self.buffer);
        loop {
            let in_place = self.buffer.refs().map(|(header, event)| (*header, event.to_event()));
            events.extend(in_place);
            self.buffer.clear();
            if progress == Progress::Done {
                return events;
            }
            self.resumed += 1;
            progress = self.engine.resume(&mut self.buffer);
        }
    }
}

/// What the ledger of a build says of balances.
pub(crate) trait Balances {
    fn balance_of(&self, account: AccountId, asset: AssetId) -> (Money, Money);
}

impl Balances for Engine<Accounts> {
    fn balance_of(&self, account: AccountId, asset: AssetId) -> (Money, Money) {
        self.balance(account, asset).unwrap_or_default()
    }
}

impl Balances for Engine<tiercel_matching::Bare> {
    fn balance_of(&self, _: AccountId, _: AssetId) -> (Money, Money) {
        (Money::ZERO, Money::ZERO)
    }
}

impl<L: Ledger> Subject for EngineSubject<L>
where
    Engine<L>: Balances,
{
    fn apply(
        &mut self,
        sequence: u64,
        time: Timestamp,
        command: &Command,
    ) -> Vec<(EventHeader, Event)> {
        self.events(sequence, time, command)
    }

    fn depth(&self, instrument: InstrumentId, side: Side) -> Vec<(Price, Qty)> {
        self.engine.depth(instrument, side).map(|level| (level.price, level.displayed)).collect()
    }

    fn balance(&self, account: AccountId, asset: AssetId) -> (Money, Money) {
        self.engine.balance_of(account, asset)
    }
}
