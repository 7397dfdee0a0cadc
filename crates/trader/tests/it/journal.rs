//! What a run wrote down is what the next one finds.

use std::fs;
use std::path::{Path, PathBuf};

use tiercel_bus::{Bus, Options};
use tiercel_execution::oms::{Adopted, VenueTerms};
use tiercel_execution::order::{Found, Input, Progress, State};
use tiercel_execution::position::Fee;
use tiercel_execution::risk::{Day, Mode};
use tiercel_execution::venue::{OrderName, OrderTerms, VenueId, VenueReport, VenueRequest};
use tiercel_trader::core::Remainder;
use tiercel_trader::journal::{self, GateState, Journal, JournalError, Left};
use tiercel_trader::reason::ModeReason;
use tiercel_types::{
    ClientOrderId, InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce,
    Timestamp, TradeId,
};

const DESK: VenueId = VenueId(0);
const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);
const PRICE: Price = Price::from_units(6_000_000_000_000);
const TERMS: VenueTerms = VenueTerms { amends: true, validity_ns: 0 };

/// A folder that goes with its test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tiercel-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn open(folder: &Path, symbol: &str) -> Result<(Left, Journal), JournalError> {
    open_at(folder, &["desk"], symbol)
}

fn open_at(folder: &Path, venues: &[&str], symbol: &str) -> Result<(Left, Journal), JournalError> {
    let venues: Vec<_> = venues.iter().map(|name| ((*name).to_owned(), TERMS)).collect();
    journal::open(folder, NOW, &venues, &[("desk".to_owned(), symbol.to_owned())])
}

fn id(text: &str) -> ClientOrderId {
    ClientOrderId::new(text.as_bytes()).unwrap()
}

fn enter(name: &str, qty: u64) -> VenueRequest {
    VenueRequest::New(OrderTerms {
        client_order_id: id(name),
        instrument: InstrumentId(0),
        side: Side::Sell,
        kind: OrderKind::PostOnly,
        time_in_force: TimeInForce::Gtc,
        price: PRICE,
        qty: Qty::from_units(qty),
    })
}

const fn name(client_order_id: ClientOrderId, order_id: u64) -> OrderName {
    OrderName {
        client_order_id,
        order_id: OrderId(order_id),
        instrument: InstrumentId(0),
        side: Side::Sell,
    }
}

fn fill(order_id: u64, trade: u64, qty: u64, left: u64) -> VenueReport {
    VenueReport {
        fee: Fee::Received(Money::from_units(7)),
        ..VenueReport::new(
            ClientOrderId::EMPTY,
            OrderId(order_id),
            Input::Filled {
                trade_id: TradeId(trade),
                price: PRICE,
                qty: Qty::from_units(qty),
                after: Progress::Open(Qty::from_units(left)),
            },
        )
    }
}

/// Two orders: one that traded in part and is being amended, one that nothing was heard of; a third has ended.
fn write(journal: &mut Journal) {
    let mut sent = |tag, request: &VenueRequest| journal.sent(NOW, DESK, tag, request).unwrap();
    sent(1, &enter("one", 100));
    sent(2, &enter("two", 50));
    sent(3, &enter("three", 10));
    let accepted = |text, number| {
        VenueReport::new(id(text), OrderId(number), Input::Accepted(OrderId(number)))
    };
    let mut heard = |answer, report: &VenueReport| journal.heard(DESK, answer, report).unwrap();
    heard(11, &accepted("one", 71));
    heard(12, &fill(71, 5, 30, 70));
    heard(13, &accepted("three", 73));
    let gone = Input::Cancelled(Progress::Open(Qty::from_units(10)));
    heard(14, &VenueReport::new(ClientOrderId::EMPTY, OrderId(73), gone));
    let (price, qty) = (Price::from_units(1), Qty::from_units(80));
    let open_qty = Qty::from_units(50);
    let amend = VenueRequest::Amend { name: name(id("one"), 71), price, qty, open_qty };
    journal.sent(NOW, DESK, 0, &amend).unwrap();
}

#[test]
fn orders_fills_and_answers_are_found_again_and_again() {
    let folder = Folder::new("journal-again");
    let (left, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    assert_eq!((left.second, left.next_answers[0]), (0, 0));
    assert_eq!(left.recovery.orders().count() + left.recovery.positions().count(), 0);
    write(&mut journal);
    drop(journal);
    let mut seconds = vec![left.second];
    // The second time from what the run between wrote at its start, with nothing behind.
    for _ in 0..2 {
        let (left, journal) = open(&folder.0, "BTCUSDT").unwrap();
        assert!(journal.second() > left.second && left.second > *seconds.last().unwrap());
        seconds.push(left.second);
        assert_eq!(left.next_answers, [15]);
        let mut orders: Vec<_> = left.recovery.orders().map(|(_, adopted)| *adopted).collect();
        orders.sort_by_key(|adopted| adopted.tag);
        assert_eq!(orders.iter().map(|adopted| adopted.tag).collect::<Vec<_>>(), [1, 2]);
        let one = &orders[0];
        assert_eq!((one.order.order_id(), one.order.executed_qty().units()), (OrderId(71), 30));
        assert_eq!((one.order.state(), one.kind), (State::PendingReplace, OrderKind::PostOnly));
        assert_eq!(one.change, Some((Price::from_units(1), Qty::from_units(80))));
        assert_eq!(
            (orders[1].order.state(), orders[1].order.side),
            (State::PendingNew, Side::Sell)
        );
        let (instrument, position) = left.recovery.positions().next().unwrap();
        let sold = Money::from_qty(Qty::from_units(30)).units();
        assert_eq!((instrument, position.owned().units()), (InstrumentId(0), -sold));
        assert_eq!(position.fees().units(), 7);
        assert_eq!(position.volume(), (0, sold.unsigned_abs()));
    }
    // That of the run, the one before, and the lock.
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 3);
}

#[test]
fn a_run_that_was_killed_before_it_began_counts_for_nothing() {
    let folder = Folder::new("journal-begun");
    let (_, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    write(&mut journal);
    drop(journal);
    // One that made its folder, and one that had not come to its end.
    fs::create_dir(folder.0.join("journal-00000002")).unwrap();
    let bus = Bus::create(folder.0.join("journal-00000003"), &Options::default()).unwrap();
    bus.writer().unwrap().append(2, &[0_u64; 15]).unwrap();
    drop(bus);
    let (left, _) = open(&folder.0, "BTCUSDT").unwrap();
    assert_eq!((left.recovery.orders().count(), left.next_answers[0]), (2, 15));
}

#[test]
fn what_is_of_another_configuration_or_damaged_is_refused() {
    let folder = Folder::new("journal-other");
    let (_, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    write(&mut journal);
    drop(journal);
    let told = open(&folder.0, "ETHUSDT").err().unwrap().to_string();
    assert!(told.ends_with("was desk BTCUSDT, and is desk ETHUSDT in the configuration"), "{told}");
    let bus = Bus::open(folder.0.join("journal-00000001")).unwrap();
    bus.writer().unwrap().append(5, &[255_u8; 160]).unwrap();
    drop(bus);
    let told = open(&folder.0, "BTCUSDT").err().unwrap().to_string();
    assert!(told.ends_with("is damaged"), "{told}");
}

#[test]
fn venues_keep_their_numbers() {
    let folder = Folder::new("journal-venues");
    drop(open_at(&folder.0, &["desk", "other"], "BTCUSDT").unwrap());
    let told = open_at(&folder.0, &["other", "desk"], "BTCUSDT").err().unwrap().to_string();
    assert!(told.ends_with("venue 0 was desk, and is other in the configuration"), "{told}");
    let told = open_at(&folder.0, &["desk"], "BTCUSDT").err().unwrap().to_string();
    assert!(told.ends_with("venue 1 was other, and is not there in the configuration"), "{told}");
    assert!(open_at(&folder.0, &["desk", "other", "third"], "BTCUSDT").is_ok());
}

#[test]
fn how_the_gate_stood_is_found_again_and_again() {
    let folder = Folder::new("journal-gate");
    let (left, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    assert_eq!(left.gate, GateState::default());
    let money = Money::from_units;
    let day = Some(Day { number: 20_000, base: money(-5), best: money(i128::MAX) });
    let first = GateState { mode: Mode::Reducing, reason: ModeReason::Loss, day };
    let last = GateState { mode: Mode::Halted, reason: ModeReason::Asked, day };
    journal.gate(&first).unwrap();
    journal.gate(&last).unwrap();
    drop(journal);
    for _ in 0..2 {
        assert_eq!(open(&folder.0, "BTCUSDT").unwrap().0.gate, last);
    }
}

#[test]
fn a_folder_is_one_traders() {
    let folder = Folder::new("journal-lock");
    let (_, journal) = open(&folder.0, "BTCUSDT").unwrap();
    let told = open(&folder.0, "BTCUSDT").err().unwrap().to_string();
    assert!(told.ends_with("another trader runs from this folder"), "{told}");
    drop(journal);
    assert!(open(&folder.0, "BTCUSDT").is_ok());
}

#[test]
fn a_newest_journal_that_cannot_be_read_is_not_left_out() {
    let folder = Folder::new("journal-newest");
    for _ in 0..2 {
        write(&mut open(&folder.0, "BTCUSDT").unwrap().1);
    }
    let newest = folder.0.join("journal-00000002");
    for file in fs::read_dir(&newest).unwrap() {
        let file = fs::File::options().write(true).open(file.unwrap().path()).unwrap();
        file.set_len(100).unwrap();
    }
    assert!(matches!(open(&folder.0, "BTCUSDT"), Err(JournalError::Bus { .. })));
}

#[test]
fn orders_that_ended_long_ago_are_not_remembered() {
    let folder = Folder::new("journal-many");
    let (_, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    for number in 0..70_000_u64 {
        let name = format!("o{number:08}");
        journal.sent(NOW, DESK, number, &enter(&name, 10)).unwrap();
        journal
            .heard(DESK, 0, &VenueReport::new(id(&name), OrderId::NONE, Input::Rejected))
            .unwrap();
    }
    drop(journal);
    let (left, _) = open(&folder.0, "BTCUSDT").unwrap();
    let ended: Vec<u64> = left.recovery.ended().map(|(_, adopted)| adopted.tag).collect();
    assert!(ended.len() < 40_000, "{} orders", ended.len());
    assert!(ended.ends_with(&[69_998, 69_999]));
}

#[test]
fn a_change_that_only_an_answer_told_of_is_done() {
    let folder = Folder::new("journal-status");
    let (_, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    write(&mut journal);
    let (price, qty, executed_qty) =
        (Price::from_units(1), Qty::from_units(80), Qty::from_units(30));
    let status = Input::Status { found: Found::Working, executed_qty, price, qty };
    journal.heard(DESK, 0, &VenueReport::answer(id("one"), OrderId(71), 1, status)).unwrap();
    drop(journal);
    let (left, _) = open(&folder.0, "BTCUSDT").unwrap();
    let one = left.recovery.orders().map(|(_, adopted)| *adopted).find(|it| it.tag == 1).unwrap();
    assert_eq!((one.change, one.order.state().has_ended()), (None, false));
    assert_eq!((one.order.price(), one.order.open_qty().units()), (price, 50));
}

#[test]
fn every_request_and_report_is_read_as_it_was_written() {
    let folder = Folder::new("journal-kinds");
    let (_, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    let mut sent = |request: &VenueRequest| journal.sent(NOW, DESK, 9, request).unwrap();
    sent(&enter("one", 100));
    sent(&VenueRequest::Cancel(name(id("one"), 0)));
    let VenueRequest::New(terms) = enter("two", 60) else { unreachable!() };
    sent(&VenueRequest::CancelReplace { name: name(id("one"), 0), terms });
    let (executed_qty, last_trade) = (Qty::ZERO, TradeId(0));
    let question = 4;
    sent(&VenueRequest::Query { name: name(id("one"), 0), executed_qty, last_trade, question });
    let status = Input::Status {
        found: Found::Nothing,
        executed_qty: Qty::ZERO,
        price: Price::ZERO,
        qty: Qty::ZERO,
    };
    let mut heard = |report: VenueReport| journal.heard(DESK, 0, &report).unwrap();
    heard(VenueReport::answer(id("one"), OrderId::NONE, question, status));
    heard(VenueReport::new(id("two"), OrderId(8), Input::Accepted(OrderId(8))));
    heard(VenueReport::new(id("two"), OrderId(8), Input::CancelRejected));
    let replaced = Input::Replaced { price: Price::from_units(5), open_qty: Qty::from_units(20) };
    heard(VenueReport::new(id("two"), OrderId(8), Input::ReplaceRejected));
    heard(VenueReport::new(id("two"), OrderId(8), replaced));
    drop(journal);
    let (left, _) = open(&folder.0, "BTCUSDT").unwrap();
    // The first was never there; the second is changed as was told.
    let orders: Vec<_> = left.recovery.orders().map(|(_, adopted)| adopted.order).collect();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!((orders[0].client_order_id, orders[0].order_id()), (id("two"), OrderId(8)));
}

#[test]
fn what_the_venue_told_at_the_start_is_found_again_and_again() {
    let folder = Folder::new("journal-start");
    let (left, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    assert_eq!((left.remainders, left.recovery.last_trades().count()), (Vec::new(), 0));
    let remainder = |asset: &str, units| Remainder {
        venue: DESK,
        asset: asset.into(),
        amount: Money::from_units(units),
    };
    for units in [1, -7] {
        journal.remainder(&remainder("BTC", units)).unwrap();
        journal.remainder(&remainder("USDT", i128::MAX)).unwrap();
    }
    journal.last_trade(InstrumentId(0), TradeId(90)).unwrap();
    // Taken over behind the start, and filled.
    let VenueRequest::New(terms) = enter("three", 10) else { panic!("an order") };
    let adopted = Adopted::listed(0, &terms, false, OrderId(71));
    journal.adopted(NOW, DESK, &adopted).unwrap();
    journal.heard(DESK, 0, &fill(71, 95, 4, 6)).unwrap();
    journal.heard(DESK, 0, &fill(71, 94, 4, 6)).unwrap();
    drop(journal);
    for _ in 0..2 {
        let (left, _) = open(&folder.0, "BTCUSDT").unwrap();
        assert_eq!(left.remainders, [remainder("BTC", -7), remainder("USDT", i128::MAX)]);
        let trades: Vec<_> = left.recovery.last_trades().collect();
        assert_eq!(trades, [(InstrumentId(0), TradeId(95))]);
        let orders: Vec<_> = left.recovery.orders().collect();
        let (venue, order) = (orders[0].0, orders[0].1.order);
        assert_eq!((orders.len(), venue, order.executed_qty()), (1, DESK, Qty::from_units(4)));
        assert_eq!((order.client_order_id, order.order_id()), (id("three"), OrderId(71)));
    }
}

#[test]
fn until_a_start_has_come_to_its_end_nothing_is_left_out_of_what_its_venue_is_asked() {
    let folder = Folder::new("journal-unconcluded");
    let (_, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    journal.last_trade(InstrumentId(0), TradeId(90)).unwrap();
    write(&mut journal);
    drop(journal);
    let trades = |left: &Left| left.recovery.last_trades().collect::<Vec<_>>();
    let ended = |left: &Left| {
        let traded = |(_, adopted): &(_, &Adopted)| !adopted.order.executed_qty().is_zero();
        let ended = left.recovery.ended().filter(traded);
        ended.map(|(_, it)| (it.order.client_order_id, it.order.executed_qty())).collect::<Vec<_>>()
    };
    // A run that hears of a newer trade, and of an order's end, and ends before its venue has said what it has.
    let (left, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    assert_eq!((trades(&left), ended(&left)), (vec![(InstrumentId(0), TradeId(90))], vec![]));
    journal.heard(DESK, 20, &fill(71, 120, 30, 40)).unwrap();
    let gone = Input::Cancelled(Progress::Open(Qty::from_units(40)));
    journal.heard(DESK, 21, &VenueReport::new(ClientOrderId::EMPTY, OrderId(71), gone)).unwrap();
    drop(journal);
    for _ in 0..3 {
        let (left, _) = open(&folder.0, "BTCUSDT").unwrap();
        assert_eq!(trades(&left), [(InstrumentId(0), TradeId(90))]);
        assert_eq!(ended(&left), [(id("one"), Qty::from_units(60))]);
    }
    let (_, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    journal.last_trade(InstrumentId(0), TradeId(120)).unwrap();
    drop(journal);
    let (left, mut journal) = open(&folder.0, "BTCUSDT").unwrap();
    assert_eq!((trades(&left), ended(&left).len()), (vec![(InstrumentId(0), TradeId(120))], 1));
    // A venue that was behind: its trades are listed again.
    journal.adopted(NOW, DESK, &left.recovery.ended().next().unwrap().1.clone()).unwrap();
    journal.last_trade(InstrumentId(0), TradeId(119)).unwrap();
    drop(journal);
    for _ in 0..2 {
        let (left, _) = open(&folder.0, "BTCUSDT").unwrap();
        assert_eq!((trades(&left)[0].1, ended(&left).len()), (TradeId(119), 1));
    }
}
