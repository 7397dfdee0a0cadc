//! Read models, folded from events alone, say what the engine says.

use std::collections::BTreeMap;

use tiercel_matching::{EngineConfig, FullEngine};
use tiercel_testkit::commands::{Generator, Profile};
use tiercel_testkit::model::Mode;
use tiercel_types::auction::AuctionKind;
use tiercel_types::{
    AccountId, Event, EventBuffer, EventHeader, InstrumentId, InstrumentState, Price, Qty, Side,
    Timestamp,
};
use tiercel_venue::models::{
    Candle, DepthChanges, Interval, ModelLimits, Models, OrderStage, level_changes,
};

use crate::it::place::{MARKET, SMALL_ENGINE, cancel, limit, setup};

/// An engine and models beside it.
struct Beside {
    engine: FullEngine,
    models: Models,
    events: EventBuffer,
    sequence: u64,
}

impl Beside {
    fn new() -> Self {
        let engine = FullEngine::new(EngineConfig { window_ticks: 8_192, ..SMALL_ENGINE });
        let models = Models::new(ModelLimits::default());
        Self { engine, models, events: EventBuffer::with_capacity(16), sequence: 0 }
    }

    fn apply(
        &mut self,
        time: Timestamp,
        command: &tiercel_types::Command,
        mut see: impl FnMut(&EventHeader, &Event),
    ) {
        self.sequence += 1;
        let Self { engine, models, events, sequence } = self;
        engine.apply_all(*sequence, time, command, events, |header, event| {
            models.apply(&header, &event);
            see(&header, &event);
        });
    }

    fn check(&self) {
        for spec in self.engine.instruments() {
            assert_eq!(self.models.instruments().get(spec.instrument), Some(spec));
            let book = self.models.book(spec.instrument).unwrap();
            let side = |side| -> Vec<(Price, Qty)> {
                let levels = self.engine.depth(spec.instrument, side);
                levels
                    .filter(|level| !level.displayed.is_zero())
                    .map(|level| (level.price, level.displayed))
                    .collect()
            };
            assert_eq!(book.bids().collect::<Vec<_>>(), side(Side::Buy), "bids");
            assert_eq!(book.asks().collect::<Vec<_>>(), side(Side::Sell), "asks");
        }
        let live: usize =
            (0..16).map(|account| self.models.orders().live(AccountId(account)).count()).sum();
        assert_eq!(live, self.engine.live_orders(), "live orders");
        for account in (0..16).map(AccountId) {
            for balance in self.models.balances(account) {
                let told = self.engine.balance(account, balance.asset);
                assert_eq!(
                    Some((balance.free, balance.reserved)),
                    told,
                    "account {account}, asset {}",
                    balance.asset
                );
            }
        }
    }
}

#[test]
fn depth_orders_and_balances_are_the_engines_in_every_market() {
    let profiles = Profile::ALL.iter().filter(|profile| profile.mode == Mode::Full);
    for (profile, seed) in profiles.flat_map(|profile| [(profile, 1), (profile, 2)]) {
        let mut generator = Generator::new(*profile, seed);
        let mut beside = Beside::new();
        for number in 0..3_000 {
            let step = generator.next_step();
            beside.apply(step.time, &step.command, |header, event| {
                generator.observe(header, event);
            });
            if number % 50 == 0 {
                let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    beside.check();
                }));
                let what = step.command.kind();
                assert!(checked.is_ok(), "{} {seed}, step {number}, {what}", profile.name);
            }
        }
        assert_eq!(beside.models.checkpoint().sequence, 3_000);
    }
}

#[test]
fn auctions_stand_as_their_events_told_them() {
    let mut generator = Generator::new(Profile::AUCTIONS, 5);
    let mut beside = Beside::new();
    let mut said = BTreeMap::new();
    let (mut calls, mut ended) = (0, 0);
    for _ in 0..4_000 {
        let step = generator.next_step();
        beside.apply(step.time, &step.command, |header, event| {
            generator.observe(header, event);
            match event {
                Event::InstrumentStateChanged(changed) if changed.old != changed.new => {
                    calls += u32::from(changed.new == InstrumentState::Call);
                    said.remove(&header.instrument);
                }
                Event::AuctionIndication(now) => {
                    said.insert(header.instrument, (now.price, now.executed_qty, now.surplus_qty));
                }
                Event::AuctionEnded(_) => ended += 1,
                _ => {}
            }
        });
        for spec in beside.engine.instruments() {
            let view = beside.models.auctions().get(spec.instrument);
            let called = spec.state == InstrumentState::Call;
            assert_eq!((view.started.0 != 0, view.auction != AuctionKind::None), (called, called));
            let told = view.indication;
            let told =
                (told.time.0 != 0).then_some((told.price, told.executed_qty, told.surplus_qty));
            assert_eq!(told, said.get(&spec.instrument).copied());
        }
    }
    assert!(calls > 20 && ended > 20, "{calls} calls, {ended} auctions");
}

#[test]
fn models_that_were_saved_go_on_as_those_that_were_not() {
    for profile in [Profile::CALM, Profile::LISTS, Profile::ADMIN_HEAVY, Profile::AUCTIONS] {
        let mut generator = Generator::new(profile, 3);
        let mut beside = Beside::new();
        for number in 0..4_000 {
            let step = generator.next_step();
            beside.apply(step.time, &step.command, |header, event| {
                generator.observe(header, event);
            });
            if number % 500 == 0 {
                let mut bytes = Vec::new();
                beside.models.save(&mut bytes);
                let loaded = Models::load(&bytes, ModelLimits::default()).unwrap();
                assert_eq!(loaded, beside.models, "{}, step {number}", profile.name);
                let mut again = Vec::new();
                loaded.save(&mut again);
                assert_eq!(again, bytes, "the same state has the same bytes");
                beside.models = loaded;
            }
        }
        beside.check();
        let accounts: Vec<AccountId> =
            beside.models.accounts().iter().map(|view| view.account).collect();
        let of_all = |account: &AccountId| beside.models.prevented_trades().of(*account).count();
        let prevented: usize = accounts.iter().map(of_all).sum();
        assert!(prevented > 0, "{}: nothing was prevented", profile.name);
    }
}

#[test]
fn an_image_that_is_cut_off_or_changed_is_refused_or_loads() {
    let mut beside = Beside::new();
    for command in setup() {
        beside.apply(Timestamp(1), &command, |_, _| {});
    }
    let order = limit(1, Side::Buy, 5, 1, "a").into();
    beside.apply(Timestamp(2), &order, |_, _| {});
    let mut bytes = Vec::new();
    beside.models.save(&mut bytes);
    for length in 0..bytes.len() {
        assert!(Models::load(&bytes[..length], ModelLimits::default()).is_err(), "{length} bytes");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        // Lengths and codes are checked; other fields are the snapshot's checksum's business.
        drop(Models::load(&changed, ModelLimits::default()));
    }
}

#[test]
fn a_depth_diff_has_no_gap_and_ends_with_its_command() {
    let mut generator = Generator::new(Profile::CROSSING, 9);
    let mut beside = Beside::new();
    let mut expected: BTreeMap<InstrumentId, u64> = BTreeMap::new();
    let mut diff = DepthChanges::default();
    for _ in 0..3_000 {
        let step = generator.next_step();
        let mut told = Vec::new();
        let Beside { engine, models, events, sequence } = &mut beside;
        *sequence += 1;
        engine.apply_all(*sequence, step.time, &step.command, events, |header, event| {
            generator.observe(&header, &event);
            let before = models.checkpoint().sequence;
            models.apply_told(&header, &event, |instrument, change| {
                assert!(header.is_last(), "levels change when a command is complete");
                told.push((instrument, *change));
            });
            assert_eq!(models.checkpoint().sequence > before, header.is_last());
        });
        for (instrument, change) in told {
            let last = expected.entry(instrument).or_default();
            assert!(change.update_id == *last + 1 || change.update_id == *last);
            *last = change.update_id;
            diff.add(&change);
        }
        for (instrument, last) in &expected {
            assert_eq!(beside.models.book(*instrument).unwrap().update_id(), *last);
        }
    }
    assert!(!diff.is_empty() && diff.first_update_id() <= diff.last_update_id());
    diff.clear();
    assert!(diff.is_empty());
}

#[test]
fn an_amendment_changes_two_levels_and_a_partial_fill_one() {
    let mut beside = Beside::new();
    for command in setup() {
        beside.apply(Timestamp(1), &command, |_, _| {});
    }
    let mut changes = Vec::new();
    for command in
        [limit(1, Side::Sell, 100, 5, "a").into(), limit(2, Side::Buy, 100, 2, "b").into()]
    {
        beside.apply(Timestamp(2), &command, |_, event| changes.extend(level_changes(event)));
    }
    let qty: Vec<u64> = changes.iter().map(|change| change.qty.units()).collect();
    assert_eq!(qty, [5_000, 3_000]);
    assert!(changes.iter().all(|change| change.side == Side::Sell));
}

#[test]
fn an_orders_life_is_told_from_entry_to_end_and_found_by_both_names() {
    let mut beside = Beside::new();
    for command in setup() {
        beside.apply(Timestamp(1), &command, |_, _| {});
    }
    let sell = limit(1, Side::Sell, 100, 5, "sell").into();
    beside.apply(Timestamp(2), &sell, |_, _| {});
    beside.apply(Timestamp(3), &limit(2, Side::Buy, 100, 2, "buy").into(), |_, _| {});
    let name = "sell".parse().unwrap();
    let order = *beside.models.orders().by_client_id(AccountId(1), &name).unwrap();
    assert_eq!((order.qty.units(), order.executed_qty.units()), (5_000, 2_000));
    assert_eq!((order.open_qty.units(), order.stage), (3_000, OrderStage::Resting));
    assert_eq!((order.created, order.updated), (Timestamp(2), Timestamp(3)));
    let bought = beside.models.orders().of(AccountId(2), tiercel_types::OrderId(0)).next().unwrap();
    assert_eq!(bought.stage, OrderStage::Filled);
    beside.apply(Timestamp(4), &cancel(AccountId(1), order.order_id), |_, _| {});
    let ended = beside.models.orders().get(AccountId(1), order.order_id).unwrap();
    assert_eq!((ended.stage, ended.open_qty.units()), (OrderStage::Ended, 0));
    assert_eq!(beside.models.orders().live(AccountId(1)).count(), 0);
    assert!(beside.models.orders().get(AccountId(2), order.order_id).is_none(), "another's");
}

#[test]
fn ended_orders_beyond_the_limit_are_forgotten_oldest_first() {
    let limits = ModelLimits { ended_orders: 3 };
    let mut beside = Beside { models: Models::new(limits), ..Beside::new() };
    for command in setup() {
        beside.apply(Timestamp(1), &command, |_, _| {});
    }
    let mut ids = Vec::new();
    for number in 0..5 {
        let name = format!("n{number}");
        beside.apply(Timestamp(2), &limit(1, Side::Buy, 5, 1, &name).into(), |_, event| {
            if let Event::OrderAccepted(order) = event {
                ids.push(order.order_id);
            }
        });
    }
    for id in &ids {
        beside.apply(Timestamp(3), &cancel(AccountId(1), *id), |_, _| {});
    }
    let orders = beside.models.orders();
    let kept: Vec<_> =
        orders.of(AccountId(1), tiercel_types::OrderId(0)).map(|order| order.order_id).collect();
    assert_eq!(kept, ids[2..]);
    assert!(orders.by_client_id(AccountId(1), &"n0".parse().unwrap()).is_none());
    assert!(orders.by_client_id(AccountId(1), &"n4".parse().unwrap()).is_some());
}

#[test]
fn candles_and_the_ticker_count_what_traded_in_their_time() {
    const MINUTE_NS: u64 = 60_000_000_000;
    let mut beside = Beside::new();
    for command in setup() {
        beside.apply(Timestamp(1), &command, |_, _| {});
    }
    let day = 24 * 60 * MINUTE_NS;
    for (at, ticks) in [(MINUTE_NS, 100), (MINUTE_NS + 5, 103), (3 * MINUTE_NS, 99), (day + 7, 98)]
    {
        let sell = limit(1, Side::Sell, ticks, 1, "").into();
        beside.apply(Timestamp(at), &sell, |_, _| {});
        beside.apply(Timestamp(at), &limit(2, Side::Buy, ticks, 1, "").into(), |_, _| {});
    }
    let all = (Timestamp(0), Timestamp(u64::MAX));
    let get = |interval| beside.models.candles().get(MARKET, interval, all.0, all.1);
    let prices = |candle: &Candle| {
        [candle.open, candle.high, candle.low, candle.close].map(|price| price.units() / 100)
    };
    let minutes = get(Interval::Minutes(1));
    assert_eq!(
        minutes.iter().map(prices).collect::<Vec<_>>(),
        [[100, 103, 100, 103], [99, 99, 99, 99], [98, 98, 98, 98]]
    );
    assert_eq!(minutes[0].trades, 2);
    let five = get(Interval::Minutes(5));
    assert_eq!((five.len(), prices(&five[0])), (2, [100, 103, 99, 99]));
    assert_eq!(get(Interval::Days(1)).len(), 2);
    // The first minute is a day old, and the third is not.
    let ticker = beside.models.ticker(MARKET, Timestamp(day + MINUTE_NS * 2));
    assert_eq!(prices(&ticker.day.unwrap()), [99, 99, 98, 98]);
    assert_eq!(ticker.previous_close.unwrap().units(), 10_300);
    let monday = Interval::Week.start(Timestamp(1_700_000_000_000_000_000));
    assert_eq!(monday.0, 1_699_833_600_000_000_000, "13 November 2023, a Monday");
}
