//! Snapshots that are damaged, foreign or of the other build are refused, and nothing panics.

use tiercel_matching::{Accounts, BareEngine, EngineConfig, FullEngine, SnapshotError};
use tiercel_testkit::commands::Profile;
use tiercel_testkit::model::Mode;
use tiercel_testkit::random::Random;
use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{
    Allocation, MarketMaker, NewOrder, SetAuctionRules, SetMatchingRules, UpdateInstrument,
};
use tiercel_types::{AccountId, Command, EventBuffer, InstrumentSpec, InstrumentState, Side};
use xxhash_rust::xxh3::xxh3_64;

use crate::runs::{draw, rounds};
use crate::session::{FREE, LOT, Session, check_held, limit, price, qty};
use crate::subject::Holding;

fn snapshot() -> Vec<u8> {
    let mut engine = FullEngine::new(EngineConfig::default());
    let mut buffer = EventBuffer::with_capacity(64);
    for (sequence, step) in (1..).zip(draw::<Accounts>(Profile::CALM, 5, 3_000)) {
        engine.apply_all(sequence, step.time, &step.command, &mut buffer, |_, _| ());
    }
    assert!(engine.live_orders() > 10, "there is something to restore");
    let mut bytes = Vec::new();
    engine.snapshot(&mut bytes);
    bytes
}

/// Into the smallest of engines: most of the time would go into their windows.
fn restore(bytes: &[u8]) -> Result<FullEngine, SnapshotError> {
    FullEngine::restore(bytes, Holding::TIGHT.config())
}

#[test]
fn what_is_no_whole_snapshot_is_refused_by_kind() {
    let good = snapshot();
    assert!(restore(&good).is_ok());
    assert_eq!(restore(b"").err(), Some(SnapshotError::Foreign));
    assert_eq!(restore(b"PK\x03\x04 something else").err(), Some(SnapshotError::Foreign));
    assert_eq!(restore(&good[..good.len() - 1]).err(), Some(SnapshotError::Checksum));
    assert_eq!(restore(&good[..9]).err(), Some(SnapshotError::Checksum));
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    assert_eq!(restore(&flipped).err(), Some(SnapshotError::Checksum));
    let mut newer = good.clone();
    newer[8] = 9;
    assert!(matches!(restore(&newer), Err(SnapshotError::Version { layout: 9, .. })));
    let bare = BareEngine::restore(&good, EngineConfig::default());
    assert_eq!(bare.err(), Some(SnapshotError::Build));
}

/// Damage under a checksum that holds: whoever wrote it, nothing panics, and what is taken can be
/// written again.
#[test]
fn contradictions_under_a_good_checksum_never_panic() {
    let good = snapshot();
    let mut random = Random::new(4);
    let (rounds, mut refused) = (rounds(2_000), 0);
    for _ in 0..rounds {
        let mut bytes = good[..good.len() - 8].to_vec();
        for _ in 0..=random.below(3) {
            let at = 12 + random.below(bytes.len() as u64 - 12) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        match restore(&bytes) {
            Ok(engine) => engine.snapshot(&mut Vec::new()),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > rounds / 20, "damage is noticed");
}

/// Numbers as they lie in a snapshot.
macro_rules! words {
    ($($number:expr),+ $(,)?) => {{
        let mut bytes = Vec::new();
        $(bytes.extend($number.to_le_bytes());)+
        bytes
    }};
}

/// The snapshot with these bytes, which it holds once, replaced by others, under a good checksum.
fn altered(good: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let places: Vec<_> = good.windows(old.len()).enumerate().filter(|(_, at)| *at == old).collect();
    assert_eq!(places.len(), 1, "{old:?} is there once");
    let at = places[0].0;
    let body = &good[..good.len() - 8];
    let mut bytes = [&body[..at], new, &body[at + old.len()..]].concat();
    bytes.extend(xxh3_64(&bytes).to_le_bytes());
    bytes
}

/// An iceberg that was traded with, another bid and an ask, as the snapshot has them.
fn small_venue() -> (Vec<u8>, [u64; 2]) {
    let mut session = Session::new(Mode::Full);
    let client_order_id = |text: &str| text.parse().unwrap();
    let iceberg = session.order(NewOrder {
        display_qty: qty(7),
        client_order_id: client_order_id("first"),
        ..limit(FREE, 1, Side::Buy, 990, 40)
    });
    let bid = session.order(NewOrder {
        client_order_id: client_order_id("other"),
        ..limit(FREE, 1, Side::Buy, 980, 11)
    });
    session.limit(FREE, 5, Side::Sell, 990, 3);
    session.limit(FREE, 3, Side::Sell, 1_010, 13);
    let mut engine = FullEngine::new(Holding::TIGHT.config());
    let mut buffer = EventBuffer::with_capacity(64);
    for (sequence, step) in (1..).zip(&session.steps) {
        engine.apply_all(sequence, step.time, &step.command, &mut buffer, |_, _| ());
    }
    assert_eq!(engine.live_orders(), 3);
    let mut bytes = Vec::new();
    engine.snapshot(&mut bytes);
    (bytes, [iceberg, bid].map(|order| session.name(order).0))
}

#[test]
fn orders_that_cannot_be_are_refused() {
    let (good, [id, other]) = small_venue();
    // Id, tick, then lots displayed, hidden, in all, of a slice.
    let iceberg = words![id, 990_u64, 4_u64, 33_u64, 40_u64, 7_u64];
    assert!(restore(&altered(&good, &iceberg, &iceberg)).is_ok());
    let most = u64::MAX / LOT;
    for (what, order) in [
        ("it shows nothing", words![id, 990_u64, 0_u64, 33_u64, 40_u64, 7_u64]),
        ("more is open than ever was", words![id, 990_u64, 4_u64, 37_u64, 40_u64, 7_u64]),
        ("what is open has no sum", words![id, 990_u64, 4_u64, u64::MAX, u64::MAX, 7_u64]),
        ("more than a side may hold", words![id, 990_u64, 4_u64, most, u64::MAX, 7_u64]),
        ("its id is another's", words![other, 990_u64, 4_u64, 33_u64, 40_u64, 7_u64]),
        ("it meets the other side", words![id, 1_010_u64, 4_u64, 33_u64, 40_u64, 7_u64]),
    ] {
        let refused = restore(&altered(&good, &iceberg, &order)).err();
        assert_eq!(refused, Some(SnapshotError::Contradiction { part: "orders" }), "{what}");
    }
    let least = words![id, 990_u64, 4_u64, 36_u64, 40_u64, 7_u64];
    assert!(restore(&altered(&good, &iceberg, &least)).is_ok(), "all of it may be open");
    // Expire time, instrument and account; side, time in force, prevention and kind.
    let owner = words![0_u64, 2_u32, 3_u32, 1_u8, 0_u32.to_le()];
    let unknown = words![0_u64, 2_u32, 9_u32, 1_u8, 0_u32.to_le()];
    let nowhere = words![0_u64, 9_u32, 3_u32, 1_u8, 0_u32.to_le()];
    for order in [unknown, nowhere] {
        let refused = restore(&altered(&good, &owner, &order)).err();
        assert_eq!(refused, Some(SnapshotError::Contradiction { part: "orders" }));
    }
    let twice = restore(&altered(&good, b"first", b"other")).err();
    assert_eq!(twice, Some(SnapshotError::Contradiction { part: "orders" }));
}

#[test]
fn accounts_funds_and_trades_that_cannot_be_are_refused() {
    let (good, _) = small_venue();
    let refused = |old: &[u8], new: &[u8]| restore(&altered(&good, old, new)).err();
    let part = |part| Some(SnapshotError::Contradiction { part });
    // Account, trade group, open orders at most.
    let account = words![3_u32, 0_u32, 2_u32];
    for number in [0, AccountId::LIMIT, u32::MAX] {
        assert_eq!(refused(&account, &words![number, 0_u32, 2_u32]), part("accounts"), "{number}");
    }
    // Instrument, base, quote, taker, maker, fees.
    let trade = words![2_u32, 1_u32, 2_u32, 5_u32, 1_u32, 500_i32, -100_i32];
    for [base, quote, taker, maker] in [[9, 2, 5, 1], [1, 9, 5, 1], [1, 2, 9, 1], [1, 2, 5, 9]] {
        let other =
            words![2_u32, base as u32, quote as u32, taker as u32, maker as u32, 500_i32, -100_i32];
        assert_eq!(refused(&trade, &other), part("trades"), "{base} {quote} {taker} {maker}");
    }
    let mut longer = good[..good.len() - 8].to_vec();
    longer.extend([0; 8]);
    longer.extend(xxh3_64(&longer).to_le_bytes());
    assert_eq!(restore(&longer).err(), part("waiting orders"));
}

/// An instrument of which nothing rested when its tick and lot doubled; what was set before in
/// multiples of them is off them now. It is in a call, too.
fn other_steps() -> Session {
    let mut session = Session::new(Mode::Full);
    let free = session.steps.iter().find_map(|step| match &step.command {
        Command::AddInstrument(add) if add.spec.instrument == FREE => Some(add.spec),
        _ => None,
    });
    let free = free.expect("the instrument was added");
    let account = AccountId(3);
    session.run(SetMatchingRules {
        allocation: Allocation::ProRata,
        minimum_allocation: qty(3),
        fifo_ppm: 300_000,
        market_makers: [
            MarketMaker { account, share_ppm: 700_001 },
            MarketMaker::default(),
            MarketMaker::default(),
            MarketMaker::default(),
        ],
        ..SetMatchingRules::fifo(FREE)
    });
    session.run(SetAuctionRules { bound: price(7), ..SetAuctionRules::xetra(FREE) });
    session.run(UpdateInstrument {
        spec: InstrumentSpec { tick: price(2), lot: qty(2), reference_price: price(1_000), ..free },
    });
    session.call(77_777);
    session.limit(FREE, 1, Side::Buy, 1_004, 4);
    session.limit(FREE, 5, Side::Sell, 1_002, 6);
    session
}

#[test]
fn what_was_set_in_steps_that_have_changed_since_is_restored() {
    let mut session = other_steps();
    session.set_state(FREE, InstrumentState::Open);
    session.limit(FREE, 1, Side::Buy, 1_002, 2);
    let holding = Holding { restore_every: 1, ..Holding::TIGHT };
    check_held(holding, Mode::Full, &session.steps);
}

#[test]
fn rules_and_calls_that_cannot_be_are_refused_whatever_the_steps_are() {
    let session = other_steps();
    let mut engine = FullEngine::new(Holding::TIGHT.config());
    let mut buffer = EventBuffer::with_capacity(64);
    for (sequence, step) in (1..).zip(&session.steps) {
        engine.apply_all(sequence, step.time, &step.command, &mut buffer, |_, _| ());
    }
    let mut good = Vec::new();
    engine.snapshot(&mut good);
    let refused = |old: &[u8], new: &[u8]| restore(&altered(&good, old, new)).err();
    // How much first come, first served; reserved; the least.
    let shares = |ppm: u32| words![ppm, 0_u32, 3 * LOT];
    assert_eq!(refused(&shares(300_000), &shares(300_001)), None);
    let wrong = |part| Some(SnapshotError::Contradiction { part });
    assert_eq!(refused(&shares(300_000), &shares(1_000_001)), wrong("matching rules"));
    // A market maker and its share.
    let maker = words![3_u32, 700_001_u32];
    for other in [words![9_u32, 700_001_u32], words![3_u32, 1_000_001_u32], words![3_u32, 0_u32]] {
        assert_eq!(refused(&maker, &other), wrong("matching rules"));
    }
    // The bound; its share, reserved, the interval; the kind of call, what follows, three marks, the
    // side that was said, reserved; the end.
    let bound = price(7).units();
    let auction = |bound: i64, marks: [u8; 8], ends_at: u64| {
        words![bound, 0_u32, 0_u32, 0_u64, u64::from_le_bytes(marks), ends_at]
    };
    let (intraday, open) = (AuctionKind::Intraday as u8, InstrumentState::Open as u8);
    let marks = [intraday, open, 1, 1, 1, Side::Sell as u8, 0, 0];
    let known = auction(bound, marks, 77_777);
    assert_eq!(refused(&known, &auction(bound, marks, 77_776)), None);
    let with = |at: usize, byte: u8| {
        let mut other = marks;
        other[at] = byte;
        auction(bound, other, 77_777)
    };
    for (what, other) in [
        ("a bound below zero", auction(-bound, marks, 77_777)),
        ("an end that has come", auction(bound, marks, session.time)),
        ("no call, and yet an end", with(0, AuctionKind::None as u8)),
        ("halted is not what follows", with(1, InstrumentState::Halted as u8)),
        ("a mark is zero or one", with(2, 2)),
        ("nothing was said, and yet a price", with(3, 0)),
        ("it was said, but never", with(4, 0)),
        ("reserved", with(7, 1)),
    ] {
        assert_eq!(refused(&known, &other), wrong("auctions"), "{what}");
    }
}
