//! What the tests share: a folder that goes away, a small market, small options.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tiercel_journal::{Cursor, EventLog, Folder, LogCursor, Options};
use tiercel_matching::EngineConfig;
use tiercel_telemetry::Registry;
use tiercel_testkit::random::Random;
use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, CancelOrder, Deposit, NewOrder, SetAccount, StartCall,
};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, Event, InstrumentId, InstrumentSpec,
    InstrumentState, Money, OrderId, Price, Qty, Side, Timestamp,
};
use tiercel_venue::accounts::Keys;
use tiercel_venue::binance::rate_limit::{OrderLimiter, RateLimits};
use tiercel_venue::models::Models;
use tiercel_venue::open_orders::OpenOrderRules;
use tiercel_venue::pipeline::{
    Core, Delivery, Handle, PATIENCE, PipelineOptions, SnapshotPolicy, Submission,
};
use tiercel_venue::serve::Shares;
use tiercel_venue::store::StoreOptions;

/// A folder of its own, removed at the end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("venue-{name}-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) const SMALL_ENGINE: EngineConfig =
    EngineConfig { shard: 0, hash_seed: 7, orders: 256, window_ticks: 1_024 };

pub(crate) const SMALL_LOG: Options = Options {
    shard: 0,
    epoch: None,
    segment_size: 512 << 10,
    block_size: 4_096,
    buffer_size: 64 << 10,
    buffers: 4,
    snapshots_kept: 2,
};

pub(crate) const SMALL_PIPELINE: PipelineOptions = PipelineOptions {
    durability: tiercel_journal::Durability::Disk,
    commands: 256,
    kept_for_cancels: 64,
    events: 1_024,
    patience: PATIENCE,
};

pub(crate) fn store_options(snapshot_every: Option<u64>) -> StoreOptions {
    let policy = |commands| SnapshotPolicy { commands, interval_ns: u64::MAX };
    StoreOptions {
        journal: SMALL_LOG,
        engine: SMALL_ENGINE,
        snapshots: snapshot_every.map(policy),
        ..StoreOptions::default()
    }
}

/// What a gateway shares with others where there are none, and no limits.
pub(crate) fn no_shares(keys: &Keys) -> Shares {
    shares(keys, RateLimits { orders_10s: u32::MAX, orders_1d: u32::MAX, ..RateLimits::default() })
}

/// The same, with these limits.
pub(crate) fn shares(keys: &Keys, limits: RateLimits) -> Shares {
    Shares {
        keys: keys.clone(),
        registry: Registry::new(),
        orders: OrderLimiter::new(limits),
        open_orders: OpenOrderRules::new(),
        tls: None,
    }
}

pub(crate) const MARKET: InstrumentId = InstrumentId(1);
pub(crate) const BASE: AssetId = AssetId(1);
pub(crate) const QUOTE: AssetId = AssetId(2);
pub(crate) const ACCOUNTS: u32 = 4;

/// Two assets, an instrument, and accounts with funds.
pub(crate) fn setup() -> Vec<Command> {
    let (tick, lot) = (Price::from_units(100), Qty::from_units(1_000));
    let mut spec = InstrumentSpec::new(MARKET, BASE, QUOTE, tick, lot);
    spec.symbol = "BTCUSDT".parse().unwrap();
    (spec.taker_fee_ppm, spec.maker_fee_ppm) = (500, -100);
    let mut commands: Vec<Command> = [(BASE, "BTC"), (QUOTE, "USDT")]
        .map(|(asset, code)| AddAsset { asset, code: code.parse().unwrap() }.into())
        .into();
    commands.push(AddInstrument { spec }.into());
    for account in 1..=ACCOUNTS {
        let account = AccountId(account);
        commands.push(
            SetAccount {
                account,
                trade_group: 0,
                max_open_orders: 0,
                state: AccountState::Active,
                reserved: [0; 3],
            }
            .into(),
        );
        for asset in [BASE, QUOTE] {
            let funding_id = u64::from(account.0 * 10 + asset.0);
            let amount = Money::from_units(1 << 80);
            commands.push(Deposit { funding_id, account, asset, amount }.into());
        }
    }
    commands
}

/// Orders are collected for an auction within the day, until the market is opened.
pub(crate) fn call_for_auction() -> StartCall {
    StartCall {
        instrument: MARKET,
        auction: AuctionKind::Intraday,
        then: InstrumentState::Open,
        reserved: [0; 2],
        ends_at: Timestamp(0),
    }
}

pub(crate) fn limit(account: u32, side: Side, ticks: i64, lots: u64, name: &str) -> NewOrder {
    let (price, qty) = (Price::from_units(ticks * 100), Qty::from_units(lots * 1_000));
    let mut order = NewOrder::limit(MARKET, AccountId(account), side, price, qty);
    order.client_order_id = name.parse().unwrap();
    order
}

pub(crate) fn cancel(account: AccountId, order_id: OrderId) -> Command {
    CancelOrder { order_id, account, client_order_id: ClientOrderId::EMPTY }.into()
}

/// Random orders and cancels that need no answer to go on, with names of their own.
pub(crate) struct Flow {
    random: Random,
    name: u64,
    prefix: String,
    live: Vec<(AccountId, OrderId)>,
}

impl Flow {
    pub(crate) fn new(seed: u64, models: &Models) -> Self {
        let orders = (1..=ACCOUNTS).flat_map(|account| models.orders().live(AccountId(account)));
        let live = orders.map(|order| (order.account, order.order_id)).collect();
        let prefix = format!("{}-{seed}", models.checkpoint().sequence);
        Self { random: Random::new(seed), name: 0, prefix, live }
    }

    pub(crate) fn next_command(&mut self) -> Command {
        let random = &mut self.random;
        if self.live.len() > 200 || (!self.live.is_empty() && random.one_in(3)) {
            let at = random.below(self.live.len() as u64) as usize;
            let (account, order_id) = self.live.swap_remove(at);
            return cancel(account, order_id);
        }
        self.name += 1;
        let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
        let away = random.below(20) as i64;
        let middle = if random.one_in(4) { 0 } else { 8 };
        let ticks = match side {
            Side::Buy => 1_000 - middle - away,
            Side::Sell => 1_000 + middle + away,
        };
        let account = 1 + random.below(u64::from(ACCOUNTS)) as u32;
        let name = format!("{}-{}", self.prefix, self.name);
        limit(account, side, ticks, 1 + random.below(9), &name).into()
    }

    pub(crate) fn observe(&mut self, delivery: &Delivery) {
        if let Event::OrderAccepted(order) = &delivery.event {
            self.live.push((delivery.header.account, order.order_id));
        }
    }
}

/// Hands one command in and polls the core until it is wholly answered; its deliveries.
pub(crate) fn ask<L: EventLog>(
    core: &mut Core<L>,
    handle: &mut Handle,
    now: u64,
    commands: &[Command],
) -> Vec<Delivery> {
    handle.submit(Submission { token: now, commands }).unwrap();
    let mut got = Vec::new();
    while !got.last().is_some_and(Delivery::is_end_of_submission) {
        core.poll(Timestamp(now)).unwrap();
        core.poll(Timestamp(now)).unwrap();
        handle.poll(usize::MAX, |delivery| got.push(delivery.clone())).unwrap();
    }
    got
}

/// Reads the log of a folder from its front, whoever has it open.
pub(crate) fn replay(path: &Path, mut each: impl FnMut(u64, Timestamp, Command)) {
    let directory = Folder::new(path);
    let inspection = tiercel_journal::inspect(&directory).unwrap();
    let mut cursor = Cursor::new(&directory, &inspection).unwrap();
    while let Some(record) = cursor.next_record().unwrap() {
        let command = record.command().unwrap();
        each(record.header.sequence, Timestamp(record.header.time_ns), command);
    }
}
