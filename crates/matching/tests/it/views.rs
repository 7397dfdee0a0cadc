//! What may be asked of an engine between commands.

use std::collections::BTreeMap;

use tiercel_matching::{Accounts, Engine};
use tiercel_testkit::commands::Profile;
use tiercel_testkit::harness::{SHARD, Subject};
use tiercel_testkit::model::{Mode, Model};
use tiercel_types::{
    AccountId, AssetId, Event, EventBuffer, InstrumentId, InstrumentSpec, Price, Qty, Side,
};

use crate::runs::draw;
use crate::subject::Holding;

/// What the events told of terms and trades.
#[derive(Default)]
struct Told {
    specs: BTreeMap<InstrumentId, InstrumentSpec>,
    last_prices: BTreeMap<InstrumentId, Price>,
    assets: BTreeMap<AssetId, tiercel_types::AssetCode>,
}

impl Told {
    fn observe(&mut self, instrument: InstrumentId, event: &Event) {
        match event {
            Event::AssetAdded(added) => {
                self.assets.insert(added.asset, added.code);
            }
            Event::InstrumentAdded(added) => {
                self.specs.insert(instrument, added.spec);
            }
            Event::InstrumentUpdated(updated) => {
                self.specs.insert(instrument, updated.spec);
            }
            Event::InstrumentStateChanged(changed) => {
                self.specs.get_mut(&instrument).expect("it was added").state = changed.new;
            }
            Event::Trade(trade) => {
                self.last_prices.insert(instrument, trade.price);
            }
            _ => {}
        }
    }

    fn check(&self, engine: &Engine<Accounts>, model: &Model) {
        assert_eq!(engine.live_orders(), model.live_orders());
        assert!(engine.assets().eq(self.assets.iter().map(|(asset, code)| (*asset, *code))));
        assert!(engine.instruments().eq(self.specs.values()));
        for (&instrument, spec) in &self.specs {
            assert_eq!(engine.spec(instrument), Some(spec));
            assert_eq!(engine.last_price(instrument), self.last_prices.get(&instrument).copied());
            for side in [Side::Buy, Side::Sell] {
                let expected = model.depth(instrument, side);
                let found: Vec<_> = engine
                    .depth(instrument, side)
                    .map(|level| (level.price, level.displayed, level.orders))
                    .collect();
                assert_eq!(found.len(), expected.len());
                assert_eq!(engine.best(instrument, side), engine.depth(instrument, side).next());
                for (level, expected) in found.iter().zip(&expected) {
                    assert_eq!((level.0, level.1), (expected.0, expected.1));
                    assert_eq!(level.2 as usize, expected.2);
                    assert_eq!(engine.displayed_at(instrument, side, level.0), level.1);
                    let off_tick = Price::from_units(level.0.units() - 1);
                    let there = found.iter().find(|other| other.0 == off_tick);
                    let displayed = there.map_or(Qty::ZERO, |other| other.1);
                    assert_eq!(engine.displayed_at(instrument, side, off_tick), displayed);
                }
            }
        }
    }
}

#[test]
fn views_agree_with_events_and_model() {
    for profile in [Profile::CALM, Profile::ADMIN_HEAVY] {
        let steps = draw::<Accounts>(profile, 31, 4_000);
        let mut engine = Engine::<Accounts>::new(Holding::PLAIN.config());
        let mut model = Model::new(SHARD, Mode::Full);
        let mut buffer = EventBuffer::with_capacity(64);
        let mut told = Told::default();
        let mut time = 0;
        for (sequence, step) in (1..).zip(&steps) {
            engine.apply_all(sequence, step.time, &step.command, &mut buffer, |header, event| {
                told.observe(header.instrument, &event);
            });
            Subject::apply(&mut model, sequence, step.time, &step.command);
            time = step.time.0.max(time);
            assert_eq!((engine.sequence(), engine.time().0), (sequence, time));
            if sequence.is_multiple_of(97) {
                told.check(&engine, &model);
            }
        }
        told.check(&engine, &model);
        assert!(told.last_prices.len() > 1 && engine.live_orders() > 10);
        let unknown = (InstrumentId(4_000), AssetId(4_000), AccountId(4_000));
        assert_eq!(engine.spec(unknown.0), None);
        assert_eq!(engine.best(unknown.0, Side::Buy), None);
        assert_eq!(engine.displayed_at(unknown.0, Side::Buy, Price::from_units(1)), Qty::ZERO);
        assert_eq!(engine.balance(AccountId(1), unknown.1), None);
        assert_eq!(engine.balance(unknown.2, AssetId(1)), None);
    }
}
