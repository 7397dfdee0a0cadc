//! The aggregated book against a plain model, and the synchroniser's rule.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tiercel_book::l2::{
    Anomaly, DiffOutcome, L2Book, Ladder, SnapshotOutcome, State, Synchroniser, SynchroniserLimits,
    TickerAgreement, TradeContinuity,
};
use tiercel_testkit::random::Random;
use tiercel_types::market::{BestBidOffer, DepthDiff, DepthSnapshot, Level};
use tiercel_types::{Price, Qty, Side, TradeId};

fn level(price: i64, qty: u64) -> Level {
    Level { price: Price::from_units(price), qty: Qty::from_units(qty) }
}

fn levels(pairs: &[(i64, u64)]) -> Vec<Level> {
    pairs.iter().map(|&(price, qty)| level(price, qty)).collect()
}

fn diff<'a>(ids: (u64, u64), bids: &'a [Level], asks: &'a [Level]) -> DepthDiff<'a> {
    DepthDiff { first_update_id: ids.0, last_update_id: ids.1, bids, asks }
}

fn snapshot<'a>(id: u64, bids: &'a [Level], asks: &'a [Level]) -> DepthSnapshot<'a> {
    DepthSnapshot { last_update_id: id, bids, asks }
}

fn apply(model: &mut BTreeMap<i64, u64>, changes: &[(i64, u64)]) {
    for &(price, qty) in changes {
        if qty == 0 {
            model.remove(&price);
        } else {
            model.insert(price, qty);
        }
    }
}

/// Changes below or above 10,000, so that bids and asks never cross; some near, some far.
fn changes(above: bool) -> impl Strategy<Value = Vec<(i64, u64)>> {
    let distance = prop_oneof![3 => 1..20_i64, 1 => 1..2_000_i64];
    let qty = prop_oneof![1 => Just(0), 2 => 1..5_u64];
    let place =
        move |(distance, qty): (i64, u64)| (10_000 + if above { distance } else { -distance }, qty);
    prop::collection::vec((distance, qty).prop_map(place), 0..60)
}

/// A ladder without a limit beside a sorted map, through growth to thousands of levels and back to none.
#[test]
fn a_ladder_without_a_limit_grows_as_a_sorted_map_does() {
    let mut random = Random::new(11);
    let (mut ladder, mut model) = (Ladder::<false>::default(), BTreeMap::new());
    let mut most = 0;
    for step in 0..40_000_u64 {
        let price = random.below(6_000) as i64 - 3_000;
        let grows = step < 20_000;
        let qty = if random.below(4) < if grows { 3 } else { 1 } { 1 + random.below(9) } else { 0 };
        ladder.set(level(price, qty)).unwrap();
        apply(&mut model, &[(price, qty)]);
        most = most.max(model.len());
        if step % 997 == 0 || model.is_empty() {
            let held: Vec<_> =
                ladder.iter().map(|level| (level.price.units(), level.qty.units())).collect();
            assert_eq!(held, model.clone().into_iter().collect::<Vec<_>>(), "step {step}");
            assert_eq!((ladder.len(), ladder.is_empty()), (model.len(), model.is_empty()));
            assert_eq!(ladder, ladder.clone());
        }
    }
    assert!(most > 3_000, "{most}");
    for price in model.keys() {
        let before = ladder.clone();
        ladder.set(level(*price, 0)).unwrap();
        assert_ne!(ladder, before);
    }
    assert_eq!(ladder, Ladder::default());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_book_holds_what_a_sorted_map_holds(
        diffs in prop::collection::vec((changes(false), changes(true)), 1..40),
        count in 0..30_usize,
        step in 0..4_i64,
    ) {
        let mut book = L2Book::new(4_000).with_price_step(Price::from_units(step));
        let (mut bids, mut asks) = (BTreeMap::new(), BTreeMap::new());
        for (id, (bid_changes, ask_changes)) in (1..).zip(&diffs) {
            apply(&mut bids, bid_changes);
            apply(&mut asks, ask_changes);
            book.apply(&diff((id, id), &levels(bid_changes), &levels(ask_changes))).unwrap();

            let bids_best_first = bids.iter().rev().map(|(&p, &q)| level(p, q)).collect();
            let asks_best_first = asks.iter().map(|(&p, &q)| level(p, q)).collect();
            for (side, expected) in [(Side::Buy, bids_best_first), (Side::Sell, asks_best_first)] {
                let expected: Vec<Level> = expected;
                let held: Vec<_> = book.levels(side).collect();
                prop_assert_eq!(&held, &expected);
                prop_assert_eq!(book.depth(side), expected.len());
                let mut top = [Level::default(); 12];
                let found = book.top(side, &mut top);
                prop_assert_eq!(&top[..found], &expected[..top.len().min(expected.len())]);
            }
            prop_assert_eq!(book.best_bid(), book.levels(Side::Buy).next());
            prop_assert_eq!(book.best_ask(), book.levels(Side::Sell).next());
            for (side, model, price) in [(Side::Buy, &bids, 9_990), (Side::Sell, &asks, 10_500)] {
                let qty = model.get(&price).copied().unwrap_or(0);
                prop_assert_eq!(book.qty_at(side, Price::from_units(price)), Qty::from_units(qty));
            }
        }

        // A snapshot of the book, best first, makes the same book.
        let bids: Vec<_> = book.levels(Side::Buy).collect();
        let asks: Vec<_> = book.levels(Side::Sell).collect();
        let mut other = L2Book::new(4_000);
        other.load(&snapshot(book.update_id(), &bids, &asks)).unwrap();
        prop_assert!(other.levels(Side::Buy).eq(book.levels(Side::Buy)));
        prop_assert!(other.levels(Side::Sell).eq(book.levels(Side::Sell)));
        prop_assert_eq!(other.checksum(count), book.checksum(count));
    }

    /// Thousands of levels come and go, so that blocks split, join and are refilled.
    #[test]
    fn a_deep_book_holds_what_a_sorted_map_holds(seed: u64, limit in 200..4_000_usize) {
        let mut random = Random::new(seed);
        let mut book = L2Book::new(limit);
        let mut model = BTreeMap::new();
        let mut touch = 100_000_i64;
        for id in 1..400 {
            // Phases of growth and of shrinking, while the touch wanders.
            let shrinking = id / 50 % 2;
            touch += random.below(41) as i64 - 20;
            let mut changes: Vec<_> = (0..random.below(60))
                .map(|_| {
                    let width = 1 << random.below(14);
                    let qty = if random.below(4) < 1 + 2 * shrinking { 0 } else { random.below(9) };
                    (touch - random.below(width) as i64, qty)
                })
                .collect();
            // Bids above the touch are gone, as when the market falls.
            changes.extend(model.range(touch + 1..).map(|(&price, _): (&i64, &u64)| (price, 0)));
            // Removals first, so that no more than the limit is ever held.
            changes.sort_by_key(|&(_, qty)| qty != 0);
            let before = model.clone();
            apply(&mut model, &changes);
            if model.len() > limit {
                model = before;
                continue;
            }
            book.apply(&diff((id, id), &levels(&changes), &[])).unwrap();
            prop_assert!(book.levels(Side::Buy).eq(
                model.iter().rev().map(|(&price, &qty)| level(price, qty))
            ));
            prop_assert_eq!(book.depth(Side::Buy), model.len());
        }
    }

    /// The touch wanders, leaps, and comes to both ends of the prices; some levels lie between two steps.
    #[test]
    fn a_book_with_a_price_step_holds_what_a_sorted_map_holds(
        seed: u64,
        step in prop::sample::select(vec![1_i64, 7, 96, 1_000_000, 1 << 44, 1 << 52]),
        start in 0..3_u8,
        is_exact: bool,
    ) {
        let mut random = Random::new(seed);
        let mut book = L2Book::new(4_000).with_price_step(Price::from_units(step));
        let mut models = [BTreeMap::new(), BTreeMap::new()];
        let most = i64::MAX / step;
        let mut touch = [most / 2, 1, most][usize::from(start)];
        for id in 1..200_u64 {
            let leap = if random.below(20) == 0 { 300_000 } else { 3_000 };
            let moved = touch.saturating_add_unsigned(random.below(2 * leap + 1));
            touch = moved.saturating_sub_unsigned(leap).clamp(1, most);
            let mut changes = [const { Vec::new() }; 2];
            for (side, changes) in changes.iter_mut().enumerate() {
                for _ in 0..random.below(40) {
                    let reach = random.below(19);
                    let distance = random.below(1 << reach) as i64;
                    let place = if side == 0 { touch - 1 - distance } else { touch.saturating_add(distance) };
                    let between = if is_exact || random.below(8) > 0 { 0 } else { random.below(step as u64) as i64 };
                    let price = place.clamp(0, most).saturating_mul(step).saturating_add(between);
                    let price = if side == 0 { price.min(touch.saturating_mul(step) - 1) } else { price };
                    changes.push((price, if random.below(3) == 0 { 0 } else { 1 + random.below(9) }));
                }
            }
            // What the touch has passed is gone.
            let at = touch.saturating_mul(step);
            changes[0].extend(models[0].range(at..).map(|(&price, _): (&i64, &u64)| (price, 0)));
            changes[1].extend(models[1].range(..at).map(|(&price, _): (&i64, &u64)| (price, 0)));
            for (model, changes) in models.iter_mut().zip(&changes) {
                apply(model, changes);
            }
            if id % 50 == 0 {
                let bids: Vec<_> = models[0].iter().rev().map(|(&p, &q)| level(p, q)).collect();
                let asks: Vec<_> = models[1].iter().map(|(&p, &q)| level(p, q)).collect();
                book.load(&snapshot(id, &bids, &asks)).unwrap();
            } else {
                let [bids, asks] = changes.map(|changes| levels(&changes));
                book.apply(&diff((id, id), &bids, &asks)).unwrap();
            }
            let bids: Vec<_> = models[0].iter().rev().map(|(&p, &q)| level(p, q)).collect();
            let asks: Vec<_> = models[1].iter().map(|(&p, &q)| level(p, q)).collect();
            for (side, expected) in [(Side::Buy, bids), (Side::Sell, asks)] {
                prop_assert!(book.levels(side).eq(expected.iter().copied()), "{} {}", id, side);
                prop_assert_eq!(book.depth(side), expected.len());
                let mut top = [Level::default(); 5];
                let found = book.top(side, &mut top);
                prop_assert_eq!(&top[..found], &expected[..top.len().min(expected.len())]);
                let best = if side == Side::Buy { book.best_bid() } else { book.best_ask() };
                prop_assert_eq!(best, expected.first().copied());
                for level in expected.iter().step_by(7) {
                    prop_assert_eq!(book.qty_at(side, level.price), level.qty);
                    let above = Price::from_units(level.price.units().saturating_add(1));
                    let there = expected.iter().find(|level| level.price == above);
                    let qty = there.map_or(Qty::ZERO, |level| level.qty);
                    prop_assert_eq!(book.qty_at(side, above), qty);
                }
            }
        }
    }

    /// Wherever a snapshot is taken and whenever it arrives, the book ends as the whole stream's.
    #[test]
    fn the_start_rule_never_loses_a_diff(
        diffs in prop::collection::vec((changes(false), 1..4_u64), 4..30),
        taken in 0..30_usize,
        arrives in 0..30_usize,
        start in 0..30_usize,
    ) {
        let taken = taken.min(diffs.len() - 1);
        let start = start.min(diffs.len() - 1);
        let arrives = arrives.clamp(taken.max(start), diffs.len() - 1);
        let mut model = BTreeMap::new();
        let mut taken_book = None;
        let mut synchroniser = Synchroniser::default();
        let mut id = 1;
        for (index, (changes, width)) in diffs.iter().enumerate() {
            apply(&mut model, changes);
            let last = id + width - 1;
            if index >= start {
                let bids = levels(changes);
                synchroniser.on_diff(&diff((id, last), &bids, &[])).unwrap();
            }
            if index == taken {
                let bids: Vec<_> = model.iter().rev().map(|(&p, &q)| level(p, q)).collect();
                taken_book = Some((last, bids));
            }
            if index == arrives {
                let (held, bids) = taken_book.as_ref().unwrap();
                let outcome = synchroniser.on_snapshot(&snapshot(*held, bids, &[])).unwrap();
                let adopted = matches!(outcome, SnapshotOutcome::Adopted { .. });
                prop_assert_eq!(adopted, start <= taken + 1, "{:?}", outcome);
            }
            id = last + 1;
        }
        let expected: Vec<_> = model.iter().rev().map(|(&p, &q)| level(p, q)).collect();
        match synchroniser.book() {
            Some(book) => prop_assert!(book.levels(Side::Buy).eq(expected)),
            None => prop_assert!(start > taken + 1),
        }
    }
}

#[test]
fn the_first_diff_must_reach_back_to_the_snapshot() {
    let bids = levels(&[(100, 1)]);
    for (ids, expected) in [
        ((11, 12), Ok(SnapshotOutcome::Adopted { diffs: 1 })),
        ((5, 11), Ok(SnapshotOutcome::Adopted { diffs: 1 })),
        ((5, 10), Ok(SnapshotOutcome::Adopted { diffs: 0 })),
        ((12, 13), Ok(SnapshotOutcome::TooOld { needed: 11 })),
    ] {
        let mut synchroniser = Synchroniser::default();
        assert_eq!(synchroniser.on_diff(&diff(ids, &bids, &[])), Ok(DiffOutcome::Kept));
        assert_eq!(synchroniser.on_snapshot(&snapshot(10, &bids, &[])), expected, "{ids:?}");
        let synchronised = matches!(expected, Ok(SnapshotOutcome::Adopted { .. }));
        assert_eq!(synchroniser.book().is_some(), synchronised);

        // The same diffs after the snapshot.
        let mut synchroniser = Synchroniser::default();
        synchroniser.on_snapshot(&snapshot(10, &bids, &[])).unwrap();
        let outcome = synchroniser.on_diff(&diff(ids, &bids, &[]));
        match ids {
            (12, 13) => assert_eq!(outcome, Err(Anomaly::Gap { expected: 11, first: 12 })),
            (5, 10) => assert_eq!(outcome, Ok(DiffOutcome::Stale)),
            _ => assert_eq!(outcome, Ok(DiffOutcome::Applied)),
        }
    }
}

#[test]
fn a_gap_hides_the_book_until_a_snapshot_covers_it() {
    let bids = levels(&[(100, 1)]);
    let mut synchroniser = Synchroniser::default();
    synchroniser.on_snapshot(&snapshot(10, &bids, &[])).unwrap();
    synchroniser.on_diff(&diff((11, 15), &levels(&[(101, 7)]), &[])).unwrap();
    let gap = Anomaly::Gap { expected: 16, first: 18 };
    assert_eq!(synchroniser.on_diff(&diff((18, 20), &levels(&[(102, 7)]), &[])), Err(gap));
    assert_eq!(synchroniser.state(), State::OutOfSync(gap));
    assert!(synchroniser.book().is_none());
    // What came with the gap is kept; a second gap drops it.
    assert_eq!(synchroniser.on_diff(&diff((21, 22), &[], &[])), Ok(DiffOutcome::Kept));
    let second = Anomaly::Gap { expected: 23, first: 30 };
    assert_eq!(synchroniser.on_diff(&diff((30, 31), &levels(&[(103, 7)]), &[])), Err(second));
    assert_eq!(synchroniser.on_diff(&diff((25, 31), &[], &[])), Ok(DiffOutcome::Stale));
    let old = synchroniser.on_snapshot(&snapshot(28, &bids, &[])).unwrap();
    assert_eq!(old, SnapshotOutcome::TooOld { needed: 29 });
    let new = synchroniser.on_snapshot(&snapshot(30, &bids, &[])).unwrap();
    assert_eq!(new, SnapshotOutcome::Adopted { diffs: 1 });
    let book = synchroniser.book().unwrap();
    assert_eq!((book.update_id(), book.best_bid()), (31, Some(level(103, 7))));
    let again = synchroniser.on_snapshot(&snapshot(31, &bids, &[])).unwrap();
    assert_eq!(again, SnapshotOutcome::Stale);
    let counts = synchroniser.counts();
    assert_eq!((counts.gaps, counts.snapshots_adopted, counts.snapshots_dropped), (2, 2, 2));
    assert_eq!((counts.diffs_applied, counts.diffs_stale), (2, 1));
    synchroniser.restart();
    assert_eq!((synchroniser.state(), synchroniser.book().is_none()), (State::Buffering, true));
}

#[test]
fn what_shows_the_book_to_be_wrong_is_reported() {
    let (bids, asks) = (levels(&[(100, 1), (99, 1)]), levels(&[(101, 1), (102, 1)]));
    let limits = SynchroniserLimits { levels: 3, pending_diffs: 2, pending_levels: 4 };
    let synchronised = || {
        let mut synchroniser = Synchroniser::new(limits);
        synchroniser.on_snapshot(&snapshot(10, &bids, &asks)).unwrap();
        synchroniser
    };
    let crossed =
        |bid, ask| Anomaly::Crossed { bid: Price::from_units(bid), ask: Price::from_units(ask) };
    let full = Anomaly::LevelLimit { side: Side::Sell, limit: 3 };
    for (bid_changes, ask_changes, anomaly) in [
        (levels(&[(101, 1)]), vec![], crossed(101, 101)),
        (vec![], levels(&[(98, 1)]), crossed(100, 98)),
        (vec![], levels(&[(103, 1), (104, 1)]), full),
    ] {
        let mut synchroniser = synchronised();
        let result = synchroniser.on_diff(&diff((11, 11), &bid_changes, &ask_changes));
        assert_eq!(result, Err(anomaly));
        assert_eq!(synchroniser.state(), State::OutOfSync(anomaly));
        assert_eq!(synchroniser.counts().other_anomalies, 1);
        let bids = levels(&[(90, 1)]);
        assert!(synchroniser.on_snapshot(&snapshot(11, &bids, &[])).is_ok());
        assert!(synchroniser.book().is_some(), "a snapshot heals it");
    }
    let reversed = Anomaly::Reversed { first: 12, last: 11 };
    assert_eq!(synchronised().on_diff(&diff((12, 11), &[], &[])), Err(reversed));
    // A change that moves the market past the other side's old level within one diff is sound.
    let moved = levels(&[(101, 0), (102, 0), (105, 1)]);
    assert!(synchronised().on_diff(&diff((11, 12), &levels(&[(103, 1)]), &moved)).is_ok());
}

#[test]
fn a_snapshot_of_before_what_was_taken_in_is_too_old() {
    let limits = SynchroniserLimits { levels: 3, pending_diffs: 2, pending_levels: 4 };
    let (bids, asks) = (levels(&[(100, 1), (99, 1)]), levels(&[(101, 1), (102, 1)]));
    let (full, crossing) = (levels(&[(103, 1), (104, 1)]), levels(&[(100, 1)]));
    let five = levels(&[(100, 1), (99, 1), (98, 1), (97, 1), (96, 1)]);
    // What loses the book of update 199, and the earliest update that a snapshot has to hold then.
    for (changes, needed) in [(&full, 199), (&crossing, 199), (&five, 200)] {
        let mut synchroniser = Synchroniser::new(limits);
        synchroniser.on_snapshot(&snapshot(199, &bids, &asks)).unwrap();
        assert!(synchroniser.on_diff(&diff((200, 200), &[], changes)).is_err());
        let old = synchroniser.on_snapshot(&snapshot(190, &bids, &asks));
        assert_eq!(old, Ok(SnapshotOutcome::TooOld { needed }));
        // The other line tells it again: it is no news.
        let again = synchroniser.on_diff(&diff((198, 199), &[], &[]));
        assert_eq!(again, Ok(DiffOutcome::Stale));
        let new = synchroniser.on_snapshot(&snapshot(200, &bids, &asks));
        assert_eq!(new, Ok(SnapshotOutcome::Adopted { diffs: 0 }));
    }
    let reversed = |synchroniser: &mut Synchroniser| {
        assert!(synchroniser.on_diff(&diff((202, 201), &[], &[])).is_err());
    };
    // A diff that is none says nothing; what was known before was known.
    let mut synchroniser = Synchroniser::new(limits);
    synchroniser.on_snapshot(&snapshot(199, &bids, &asks)).unwrap();
    reversed(&mut synchroniser);
    let old = synchroniser.on_snapshot(&snapshot(198, &bids, &asks));
    assert_eq!(old, Ok(SnapshotOutcome::TooOld { needed: 199 }));
    // Nor does a snapshot that is refused take away what it would have needed.
    let mut synchroniser = Synchroniser::new(limits);
    synchroniser.on_diff(&diff((200, 205), &[], &[])).unwrap();
    assert!(synchroniser.on_snapshot(&snapshot(203, &bids, &crossing)).is_err());
    let old = synchroniser.on_snapshot(&snapshot(190, &bids, &asks));
    assert_eq!(old, Ok(SnapshotOutcome::TooOld { needed: 199 }));
    let new = synchroniser.on_snapshot(&snapshot(204, &bids, &asks));
    assert_eq!(new, Ok(SnapshotOutcome::Adopted { diffs: 1 }));
    assert!(synchroniser.on_snapshot(&snapshot(300, &bids, &crossing)).is_err());
    let old = synchroniser.on_snapshot(&snapshot(204, &bids, &asks));
    assert_eq!(old, Ok(SnapshotOutcome::TooOld { needed: 205 }));
    reversed(&mut synchroniser);
    synchroniser.restart();
    assert!(synchroniser.on_snapshot(&snapshot(1, &bids, &asks)).is_ok(), "counted anew");
}

#[test]
fn unsound_snapshots_are_refused() {
    let good = levels(&[(100, 1), (99, 1)]);
    let unordered = |side, price| Anomaly::Unordered { side, price: Price::from_units(price) };
    for (bids, asks, anomaly) in [
        (levels(&[(99, 1), (100, 1)]), vec![], unordered(Side::Buy, 100)),
        (levels(&[(99, 1), (99, 1)]), vec![], unordered(Side::Buy, 99)),
        (good.clone(), levels(&[(103, 1), (102, 1)]), unordered(Side::Sell, 102)),
        (
            good.clone(),
            levels(&[(100, 1)]),
            Anomaly::Crossed { bid: Price::from_units(100), ask: Price::from_units(100) },
        ),
        (
            levels(&[(9, 1), (8, 1), (7, 1), (6, 1)]),
            vec![],
            Anomaly::LevelLimit { side: Side::Buy, limit: 3 },
        ),
    ] {
        let limits = SynchroniserLimits { levels: 3, pending_diffs: 2, pending_levels: 4 };
        let mut synchroniser = Synchroniser::new(limits);
        assert_eq!(synchroniser.on_snapshot(&snapshot(10, &bids, &asks)), Err(anomaly));
        assert_eq!(synchroniser.state(), State::OutOfSync(anomaly));
        assert!(synchroniser.book().is_none());
    }
}

#[test]
fn the_buffer_before_a_snapshot_is_bounded() {
    let limits = SynchroniserLimits { levels: 10, pending_diffs: 2, pending_levels: 4 };
    let mut synchroniser = Synchroniser::new(limits);
    let one = levels(&[(100, 1)]);
    synchroniser.on_diff(&diff((1, 1), &one, &[])).unwrap();
    synchroniser.on_diff(&diff((2, 2), &one, &[])).unwrap();
    assert_eq!(synchroniser.on_diff(&diff((3, 3), &one, &[])), Err(Anomaly::PendingLimit));
    // Keeping began anew with the third.
    let old = synchroniser.on_snapshot(&snapshot(1, &[], &[])).unwrap();
    assert_eq!(old, SnapshotOutcome::TooOld { needed: 2 });
    let new = synchroniser.on_snapshot(&snapshot(2, &[], &[])).unwrap();
    assert_eq!(new, SnapshotOutcome::Adopted { diffs: 1 });

    let mut synchroniser = Synchroniser::new(limits);
    let five = levels(&[(100, 1), (99, 1), (98, 1), (97, 1), (96, 1)]);
    assert_eq!(synchroniser.on_diff(&diff((1, 1), &five, &[])), Err(Anomaly::PendingLimit));
    assert_eq!(synchroniser.on_diff(&diff((2, 2), &one, &[])), Ok(DiffOutcome::Kept));
    let old = synchroniser.on_snapshot(&snapshot(0, &[], &[])).unwrap();
    assert_eq!(old, SnapshotOutcome::TooOld { needed: 1 });
}

#[test]
fn a_checksum_is_over_the_named_levels_alone() {
    let book = |bids: &[(i64, u64)], asks: &[(i64, u64)]| {
        let mut book = L2Book::new(100);
        book.apply(&diff((1, 1), &levels(bids), &levels(asks))).unwrap();
        book
    };
    let base = book(&[(100, 1), (99, 1)], &[(101, 1)]);
    assert_eq!(base.checksum(1), book(&[(100, 1), (99, 2)], &[(101, 1)]).checksum(1));
    assert_ne!(base.checksum(2), book(&[(100, 1), (99, 2)], &[(101, 1)]).checksum(2));
    assert_ne!(base.checksum(1), book(&[(100, 1)], &[(101, 2)]).checksum(1));
    // A level on one side is not the same level on the other.
    assert_ne!(book(&[(100, 1)], &[]).checksum(5), book(&[], &[(100, 1)]).checksum(5));
    // The format, spelled out: one bid 100 x 1, no ask.
    let mut bytes = Vec::new();
    for word in [1_u64, 100, 1, 0] {
        bytes.extend(word.to_le_bytes());
    }
    let expected = xxhash_rust::xxh3::xxh3_64(&bytes);
    assert_eq!(book(&[(100, 1)], &[]).checksum(5), expected);
}

#[test]
fn a_ticker_is_compared_whichever_comes_first() {
    let best =
        |update_id, bid, ask| BestBidOffer { update_id, bid: level(bid, 1), ask: level(ask, 1) };
    let mut agreement = TickerAgreement::default();
    agreement.on_book(&best(3, 99, 101)); // before all tickers: nothing to compare with
    agreement.on_ticker(&best(5, 100, 101));
    agreement.on_book(&best(6, 100, 101)); // waits: a ticker of 6 may still come
    assert_eq!((agreement.compared(), agreement.not_compared()), (0, 1));
    agreement.on_ticker(&best(7, 100, 102)); // settles 6
    agreement.on_ticker(&best(8, 100, 103));
    agreement.on_ticker(&best(12, 100, 104));
    agreement.on_book(&best(11, 100, 103)); // settled at once, with 8
    agreement.on_book(&best(11, 100, 104)); // not what 8 says
    assert_eq!((agreement.compared(), agreement.agreed()), (3, 2));
    assert_eq!(agreement.last_disagreement().unwrap().ticker.update_id, 8);
    agreement.on_book(&best(13, 100, 104));
    agreement.finish();
    assert_eq!((agreement.compared(), agreement.agreed()), (4, 3));
}

#[test]
fn missing_trades_are_counted() {
    let mut trades = TradeContinuity::default();
    let missing: Vec<_> =
        [5, 6, 9, 9, 8, 10].into_iter().map(|id| trades.on_trade(TradeId(id))).collect();
    assert_eq!(missing, [0, 0, 2, 0, 0, 0]);
    assert_eq!((trades.trades(), trades.gaps(), trades.missing(), trades.repeated()), (6, 1, 2, 2));
}
