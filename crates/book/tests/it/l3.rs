//! The books by order against a naive model, a sample file and broken input.

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use tiercel_book::l3::{Ahead, Anomaly, AnomalyKind, BookSet, Capacity, Level, Order};
use tiercel_sim::itch_flow::{ItchFlow, ItchFlowConfig};
use tiercel_testkit::data;
use tiercel_testkit::naive_l3::NaiveBooks;
use tiercel_testkit::random::Random;
use tiercel_types::Side;
use tiercel_types::market::{OrderAction, OrderOperation};
use tiercel_wire::itch::{Frames, Keys};

const SMALL: Capacity = Capacity { instruments: 0, orders: 0, levels: 0 };

/// Compares everything that can be asked of one book.
fn same_book(books: &BookSet, naive: &NaiveBooks, locate: u16) {
    for side in [Side::Buy, Side::Sell] {
        let expected = naive.levels(locate, side);
        let levels = books.book(locate).map_or(&[][..], |book| book.levels(side));
        assert_eq!(levels.len(), expected.len());
        for (level, (price, qty, queue)) in levels.iter().rev().zip(&expected) {
            assert_eq!((level.price(), level.qty()), (*price, *qty));
            assert_eq!(level.orders() as usize, queue.len());
            let orders = books.queue(locate, side, *price);
            let orders: Vec<_> = orders.map(|order| (order.reference(), order.qty())).collect();
            assert_eq!(&orders, queue);
        }
        let best = books.book(locate).and_then(|book| book.best(side)).map(Level::price);
        assert_eq!(best, expected.first().map(|level| level.0));
    }
    let tape = books.book(locate).map(|book| *book.tape()).unwrap_or_default();
    assert_eq!(tape, naive.tapes.get(&locate).copied().unwrap_or_default());
}

/// Applies operations to both and compares after each: result, book, counts and digest.
fn same_as_naive(operations: impl IntoIterator<Item = OrderOperation>) -> BookSet {
    let mut books = BookSet::new(SMALL);
    let mut naive = NaiveBooks::default();
    let mut anomalies = [0; AnomalyKind::ALL.len()];
    for operation in operations {
        let expected = naive.apply(&operation);
        if let Err(anomaly) = expected {
            anomalies[anomaly.kind() as usize] += 1;
        }
        assert_eq!(books.apply(&operation), expected, "{operation:?}");
        same_book(&books, &naive, operation.locate);
        assert_eq!(books.live_orders(), naive.live_orders());
        assert_eq!(books.digest(), naive.digest());
    }
    let counted = AnomalyKind::ALL.map(|kind| books.anomalies().of(kind));
    assert_eq!(counted, anomalies);
    books
}

/// How a small number becomes an order reference.
#[derive(Clone, Copy, Debug)]
enum References {
    /// One after the other: four to a tag, 32 to a line.
    Sequential,
    /// All wanting the last slot of a small table, so that one long cluster wraps round.
    Wrapping,
}

/// References in the last place of blocks that the table's hash puts last.
static WRAPPING: LazyLock<Vec<u64>> = LazyLock::new(|| {
    (0_u64..)
        .filter(|block| block.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58 == 63)
        .map(|block| block * 32 + 31)
        .take(NUMBERS as usize)
        .collect()
});

/// So many references are used.
const NUMBERS: u64 = 40;

impl References {
    fn of(self, number: u64) -> u64 {
        match self {
            Self::Sequential => number,
            Self::Wrapping => WRAPPING[number as usize],
        }
    }
}

fn references() -> impl Strategy<Value = References> {
    prop_oneof![Just(References::Sequential), Just(References::Wrapping)]
}

/// One operation of any kind, good or bad, within few orders, prices and instruments.
fn operation(prices: u32) -> impl Strategy<Value = (u16, OrderAction)> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let reference = || 0..NUMBERS;
    let qty = || 0_u32..6;
    let add = (reference(), side, qty(), 0..prices)
        .prop_map(|(reference, side, qty, price)| OrderAction::Add { reference, side, qty, price });
    let execute = (reference(), qty()).prop_map(|(reference, qty)| OrderAction::Execute {
        reference,
        qty,
        match_number: 1,
    });
    let execute_at = (reference(), qty(), 0..prices, any::<bool>()).prop_map(
        |(reference, qty, price, printable)| OrderAction::ExecuteAt {
            reference,
            qty,
            match_number: 1,
            price,
            printable,
        },
    );
    let cancel =
        (reference(), qty()).prop_map(|(reference, qty)| OrderAction::Cancel { reference, qty });
    let delete = reference().prop_map(|reference| OrderAction::Delete { reference });
    let replace = (reference(), reference(), qty(), 0..prices).prop_map(
        |(reference, new_reference, qty, price)| OrderAction::Replace {
            reference,
            new_reference,
            qty,
            price,
        },
    );
    let beside = prop_oneof![
        (qty(), 0..prices).prop_map(|(qty, price)| OrderAction::Trade {
            side: Side::Buy,
            qty,
            price,
            match_number: 1
        }),
        (0_u64..3, 0..prices).prop_map(|(qty, price)| OrderAction::Cross {
            qty,
            price,
            match_number: 1
        }),
        Just(OrderAction::Break { match_number: 1 }),
    ];
    let action = prop_oneof![
        10 => add, 2 => execute, 1 => execute_at, 1 => cancel, 3 => delete, 2 => replace, 1 => beside
    ];
    // Mostly one instrument, so that its book gets deep.
    (prop_oneof![8 => Just(3_u16), 1 => Just(0), 1 => Just(u16::MAX)], action)
}

fn with_references(action: OrderAction, map: References) -> OrderAction {
    let mut action = action;
    match &mut action {
        OrderAction::Add { reference, .. }
        | OrderAction::Execute { reference, .. }
        | OrderAction::ExecuteAt { reference, .. }
        | OrderAction::Cancel { reference, .. }
        | OrderAction::Delete { reference } => *reference = map.of(*reference),
        OrderAction::Replace { reference, new_reference, .. } => {
            *reference = map.of(*reference);
            *new_reference = map.of(*new_reference);
        }
        OrderAction::Trade { .. } | OrderAction::Cross { .. } | OrderAction::Break { .. } => {}
    }
    action
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_operations_leave_what_the_naive_book_holds(
        map in references(),
        operations in prop_oneof![
            proptest::collection::vec(operation(6), 0..200),
            proptest::collection::vec(operation(60), 0..200),
        ],
    ) {
        same_as_naive(operations.into_iter().map(|(locate, action)| OrderOperation {
            locate,
            time_ns: 0,
            action: with_references(action, map),
        }));
    }
}

#[test]
fn a_generated_day_leaves_what_the_naive_book_holds_and_no_anomaly() {
    let config = ItchFlowConfig { instruments: 5, live_orders: 400, messages: 6_000, seed: 3 };
    let bytes = ItchFlow::bytes(&config);
    let operations = Frames::new(&bytes).filter_map(|message| message.unwrap().operation());
    let books = same_as_naive(operations);
    assert_eq!(books.anomalies().total(), 0);
    assert!(books.live_orders() > 200);
}

#[test]
fn keys_name_the_orders_and_hints_change_nothing() {
    let config = ItchFlowConfig { instruments: 3, live_orders: 100, messages: 2_000, seed: 4 };
    let bytes = ItchFlow::bytes(&config);
    let (mut plain, mut hinted) = (BookSet::new(SMALL), BookSet::new(SMALL));
    for (message, key) in Frames::new(&bytes).zip(Keys::new(&bytes)) {
        let Some(operation) = message.unwrap().operation() else { continue };
        match operation.action {
            OrderAction::Add { reference, .. }
            | OrderAction::Execute { reference, .. }
            | OrderAction::ExecuteAt { reference, .. }
            | OrderAction::Cancel { reference, .. }
            | OrderAction::Delete { reference }
            | OrderAction::Replace { reference, .. } => assert_eq!(key, reference),
            OrderAction::Trade { .. } | OrderAction::Cross { .. } | OrderAction::Break { .. } => {}
        }
        hinted.prefetch_table(key);
        hinted.prefetch_order(key);
        assert_eq!(hinted.apply(&operation), plain.apply(&operation));
    }
    assert_eq!(hinted.digest(), plain.digest());
    assert_eq!(Keys::new(&[0, 12, b'S', 0, 0]).next(), None, "a torn frame");
    assert_eq!(Keys::new(&[0, 1, b'S', 0, 0]).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn the_table_grows_and_shrinks_through_many_orders() {
    let mut books = BookSet::new(SMALL);
    let mut naive = NaiveBooks::default();
    let mut random = Random::new(11);
    let mut live = Vec::new();
    for reference in 0..60_000_u64 {
        let growing = reference < 30_000;
        if live.is_empty() || random.below(10) < if growing { 8 } else { 2 } {
            let price = 1_000 + random.below(300) as u32;
            let side = if price < 1_150 { Side::Buy } else { Side::Sell };
            let action = OrderAction::Add { reference, side, qty: 10, price };
            let operation = OrderOperation { locate: 1, time_ns: 0, action };
            assert_eq!(books.apply(&operation), Ok(()));
            assert_eq!(naive.apply(&operation), Ok(()));
            live.push(reference);
        } else {
            let at = random.below(live.len() as u64) as usize;
            let action = OrderAction::Delete { reference: live.swap_remove(at) };
            let operation = OrderOperation { locate: 1, time_ns: 0, action };
            assert_eq!(books.apply(&operation), Ok(()));
            assert_eq!(naive.apply(&operation), Ok(()));
        }
        if reference % 1_000 == 0 {
            assert_eq!(books.digest(), naive.digest());
        }
    }
    for &reference in &live {
        assert_eq!(books.order(reference).map(Order::qty), Some(10));
        let action = OrderAction::Delete { reference };
        assert_eq!(books.apply(&OrderOperation { locate: 1, time_ns: 0, action }), Ok(()));
    }
    assert_eq!((books.live_orders(), books.book(1).unwrap().is_empty()), (0, true));
}

/// The last order that `actions` meet must answer with this.
fn last_result(actions: &[OrderAction]) -> (Result<(), Anomaly>, BookSet) {
    let mut books = BookSet::new(SMALL);
    let mut result = Ok(());
    for &action in actions {
        result = books.apply(&OrderOperation { locate: 1, time_ns: 0, action });
    }
    (result, books)
}

#[test]
fn a_locked_and_a_crossed_book_are_told_apart_and_kept() {
    let bid = OrderAction::Add { reference: 1, side: Side::Buy, qty: 5, price: 100 };
    let ask = |price| OrderAction::Add { reference: 2, side: Side::Sell, qty: 5, price };
    let (result, books) = last_result(&[bid, ask(100)]);
    assert_eq!(result, Err(Anomaly::Locked { locate: 1, reference: 2, price: 100 }));
    assert_eq!(books.live_orders(), 2);
    let (result, books) = last_result(&[bid, ask(99)]);
    let crossed = Anomaly::Crossed { locate: 1, reference: 2, price: 99, against: 100 };
    assert_eq!((result, books.live_orders()), (Err(crossed), 2));
    let (result, _) = last_result(&[bid, ask(101)]);
    assert_eq!(result, Ok(()));
}

#[test]
fn the_place_in_the_queue_counts_orders_and_quantity_ahead() {
    let add = |reference, qty| OrderAction::Add { reference, side: Side::Sell, qty, price: 100 };
    let (_, books) = last_result(&[
        add(1, 10),
        add(2, 20),
        add(3, 30),
        OrderAction::Cancel { reference: 1, qty: 4 },
        OrderAction::Replace { reference: 2, new_reference: 4, qty: 20, price: 100 },
    ]);
    assert_eq!(books.ahead(1), Some(Ahead { orders: 0, qty: 0 }));
    assert_eq!(books.ahead(3), Some(Ahead { orders: 1, qty: 6 }));
    assert_eq!(books.ahead(4), Some(Ahead { orders: 2, qty: 36 }));
    assert_eq!(books.ahead(2), None);
    let top = books.book(1).unwrap().top(Side::Sell, 10);
    assert_eq!(
        top.iter().map(|level| (level.qty(), level.orders())).collect::<Vec<_>>(),
        [(56, 3)]
    );
}

#[test]
fn the_sample_file_has_its_operations_on_unknown_orders() {
    let Some(path) = data::path("itch/sample/test_20101224_length_prefixed.itch") else { return };
    let bytes = fs::read(path).unwrap();
    let operations: Vec<_> =
        Frames::new(&bytes).filter_map(|message| message.unwrap().operation()).collect();
    let books = same_as_naive(operations);
    let anomalies = books.anomalies();
    assert_eq!(anomalies.of(AnomalyKind::UnknownReference), 117);
    let trades: u64 = books.books().iter().map(|book| book.tape().trades).sum();
    assert_eq!(trades, 5_000);
}
