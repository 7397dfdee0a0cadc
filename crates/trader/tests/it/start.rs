//! What a core asks of venues before its strategy begins, and what it makes of the answers.

use tiercel_execution::oms::Adopted;
use tiercel_execution::order::{Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{OrderName, OrderTerms, VenueId, VenueReport};
use tiercel_strategy::Idle;
use tiercel_trader::clerk::{Balance, Errand, ListedOrder, Listing};
use tiercel_trader::core::{Core, Difference, Differs, Held, Remainder, Start};
use tiercel_types::{
    ClientOrderId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp, TradeId,
};

use super::place::{OURS, core_of_run};

const DESK: VenueId = VenueId(0);
const SECOND_NS: u64 = 1_000_000_000;
const START: Timestamp = Timestamp(1_800_000_000 * SECOND_NS);
const PRICE: Price = Price::from_units(6_000_000_000_000);

/// A core that is to begin once the venue has said what is open.
fn core(remainders: Vec<Remainder>) -> Core {
    core_after(remainders, &[])
}

/// The same, where orders of the run before have ended.
fn core_after(remainders: Vec<Remainder>, ended: &[Adopted]) -> Core {
    let mut core = core_of_run(Box::new(Idle), u64::MAX, START.0 / SECOND_NS);
    let held = Held::new(OURS, ("BTC", "USDT"), Some(TradeId(40)));
    for adopted in ended {
        core.adopt(START, adopted).unwrap();
    }
    let ended = ended.iter().map(|adopted| (DESK, adopted));
    core.set_start(Start::new(vec![vec![held]], remainders, ended));
    core.begin();
    core.tick(START);
    core
}

fn later(seconds: u64) -> Timestamp {
    Timestamp(START.0 + seconds * SECOND_NS)
}

fn asked(core: &mut Core) -> Vec<Errand> {
    let mut errands = Vec::new();
    core.take_errands(|venue, errand| {
        assert_eq!(venue, DESK);
        errands.push(errand);
    });
    errands
}

/// What is asked in a round.
fn rounds(core: &Core, round: u32) -> [Errand; 2] {
    let (after, run) = (Some(TradeId(40)), core.oms().run());
    [Errand::List { instrument: OURS, after, run, round }, Errand::Balances { round }]
}

fn told(core: &mut Core) -> Vec<Difference> {
    let mut told = Vec::new();
    core.take_differences(|Differs { difference, .. }| told.push(difference));
    told
}

fn listing(orders: Vec<ListedOrder>) -> Listing {
    Listing { instrument: OURS, orders, last_trade: None, is_cut: false, is_anew: false }
}

/// An order's name, of a run that nobody remembers.
fn name(number: u64) -> ClientOrderId {
    ClientOrderId::new(format!("T0000000{number:08}").as_bytes()).unwrap()
}

fn terms(number: u64) -> OrderTerms {
    OrderTerms {
        client_order_id: name(number),
        instrument: OURS,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price: PRICE,
        qty: Qty::from_units(100),
    }
}

fn open(number: u64) -> ListedOrder {
    let (terms, order_id) = (terms(number), OrderId(number));
    ListedOrder { terms, is_advanced: false, order_id, is_open: true, reports: Vec::new() }
}

/// An order that has ended, with two trades.
fn traded(number: u64) -> ListedOrder {
    let fill = |trade, after| {
        let input = Input::Filled {
            trade_id: TradeId(trade),
            price: PRICE,
            qty: Qty::from_units(30),
            after: Progress::Executed(Qty::from_units(after)),
        };
        let report = VenueReport::new(name(number), OrderId(number), input);
        VenueReport { fee: Fee::NONE, ..report }
    };
    let end = Input::Cancelled(Progress::Executed(Qty::from_units(60)));
    let end = VenueReport::new(name(number), OrderId(number), end);
    let reports = vec![fill(41, 30), fill(44, 60), end];
    ListedOrder { is_open: false, reports, ..open(number) }
}

#[test]
fn it_begins_once_all_that_was_asked_last_is_answered() {
    let mut core = core(Vec::new());
    assert_eq!((asked(&mut core), core.acts()), (rounds(&core, 1).to_vec(), false));
    // Answers to something else, and one that is missing.
    core.listed(START, DESK, 7, &listing(Vec::new()));
    core.balances(DESK, 7, Vec::new());
    core.listed(START, DESK, 1, &listing(Vec::new()));
    core.tick(START);
    assert_eq!((asked(&mut core), core.acts()), (Vec::new(), false));
    // All of it is asked for again, after a second.
    core.not_listed(START, DESK, 1);
    core.tick(START);
    assert_eq!(asked(&mut core), []);
    core.tick(later(1));
    assert_eq!(asked(&mut core), rounds(&core, 2));
    core.balances(DESK, 1, Vec::new());
    core.listed(later(1), DESK, 2, &listing(Vec::new()));
    core.tick(later(1));
    assert!(!core.acts());
    core.balances(DESK, 2, Vec::new());
    core.tick(later(1));
    assert_eq!((core.acts(), asked(&mut core), told(&mut core)), (true, Vec::new(), Vec::new()));
    // Nobody asks any more.
    core.listed(later(1), DESK, 2, &listing(vec![open(3)]));
    assert_eq!(core.oms().live_orders(), 0);
}

#[test]
fn an_order_that_was_not_known_is_taken_over_and_its_trades_count_once() {
    let mut core = core(Vec::new());
    asked(&mut core);
    core.listed(START, DESK, 1, &listing(vec![traded(5), open(6)]));
    let position = |core: &Core| core.oms().position(OURS).unwrap().owned();
    let bought = Money::from_qty(Qty::from_units(60));
    assert_eq!((position(&core), core.oms().live_orders()), (bought, 1));
    let expected = [Difference::Traded { order: name(5) }, Difference::Open { order: name(6) }];
    assert_eq!(told(&mut core), expected);
    // What is asked before it has ended counts for nothing.
    core.balances(DESK, 1, Vec::new());
    core.tick(START);
    assert_eq!((asked(&mut core), core.acts()), (Vec::new(), false));
    let end = Input::Cancelled(Progress::Executed(Qty::ZERO));
    core.report(START, DESK, &VenueReport::new(name(6), OrderId(6), end));
    // What is owned has a price.
    core.oms_mut().mark(OURS, PRICE);
    core.tick(START);
    assert_eq!(asked(&mut core), rounds(&core, 2));
    core.listed(START, DESK, 2, &listing(vec![traded(5)]));
    core.balances(DESK, 2, Vec::new());
    core.tick(START);
    assert_eq!((position(&core), core.acts(), told(&mut core)), (bought, true, Vec::new()));
    assert_eq!(core.counts().anomalies, 0);
}

#[test]
fn what_cannot_be_taken_over_is_cancelled_over_http() {
    let cancel = |number| {
        Errand::Cancel(OrderName {
            client_order_id: name(number),
            order_id: OrderId(number),
            instrument: OURS,
            side: Side::Buy,
        })
    };
    let mut core = core(Vec::new());
    core.listed(START, DESK, 1, &listing(vec![open(5)]));
    let end = Input::Cancelled(Progress::Executed(Qty::ZERO));
    core.report(START, DESK, &VenueReport::new(name(5), OrderId(5), end));
    core.tick(START);
    told(&mut core);
    // An order that was told to have ended.
    for round in 2..4 {
        assert!(asked(&mut core).ends_with(&rounds(&core, round)));
        core.listed(START, DESK, round, &listing(vec![open(5)]));
        // It was told already.
        assert_eq!((asked(&mut core), told(&mut core)), (vec![cancel(5)], Vec::new()));
        core.tick(later(u64::from(round)));
    }
    assert_eq!(asked(&mut core), rounds(&core, 4));
    // More orders than there is room for.
    let places = 300;
    core.listed(later(3), DESK, 4, &listing((10..10 + places).map(open).collect()));
    let told = told(&mut core);
    assert_eq!((told.len(), told.last()), (65, Some(&Difference::More)));
    let taken = core.oms().live_orders() as u64;
    let others: Vec<Errand> = (10 + taken..10 + places).map(cancel).collect();
    assert!(taken > 0 && !others.is_empty());
    assert_eq!(asked(&mut core), others);
    assert_eq!(core.orders_not_taken_over() as u64, places - taken);
}

#[test]
fn what_others_have_is_told_once_and_left_alone() {
    let mut core = core(Vec::new());
    let others = |name: &str, is_open| {
        let client_order_id = ClientOrderId::new(name.as_bytes()).unwrap();
        ListedOrder {
            terms: OrderTerms { client_order_id, ..terms(1) },
            is_open,
            reports: Vec::new(),
            ..traded(1)
        }
    };
    // One of another trader of the account.
    let orders = [("web_1", true), ("T000000100000001", true), ("web_2", false)];
    let orders = orders.map(|(name, is_open)| others(name, is_open));
    for now in 0..2 {
        asked(&mut core);
        let cut = Listing { is_cut: true, ..listing(orders.to_vec()) };
        core.listed(later(now), DESK, now as u32 + 1, &cut);
        core.not_listed(later(now), DESK, now as u32 + 1);
        core.tick(later(now + 1));
    }
    let orders = |orders| Difference::Others { orders };
    let expected = [orders(2), Difference::OthersTraded { orders: 1 }, Difference::Cut];
    assert_eq!((told(&mut core), core.oms().live_orders()), (expected.to_vec(), 0));
}

#[test]
fn what_the_account_has_beyond_its_own_trades_is_compared_with_what_it_had() {
    let amount = |units: u64| Money::from_qty(Qty::from_units(units));
    let remainder =
        |asset: &str, units| Remainder { venue: DESK, asset: asset.into(), amount: amount(units) };
    let of = |btc, usdt| {
        let mut core = core(vec![remainder("BTC", 500), remainder("USDT", 90_000_000)]);
        asked(&mut core);
        core.listed(START, DESK, 1, &listing(vec![traded(5)]));
        told(&mut core);
        core.oms_mut().mark(OURS, PRICE);
        core.tick(START);
        assert_eq!(asked(&mut core), rounds(&core, 2));
        core.listed(START, DESK, 2, &listing(vec![traded(5)]));
        let balance = |asset: &str, units| Balance { asset: asset.into(), total: amount(units) };
        core.balances(DESK, 2, vec![balance("BTC", btc), balance("USDT", usdt)]);
        core.tick(START);
        assert!(core.acts());
        told(&mut core)
    };
    // 60 were bought, at 60,000.
    let [btc, usdt] = [560, 90_000_000 - 60 * 60_000];
    assert_eq!(of(btc, usdt), []);
    let differs = |asset: &str, expected, found| Difference::Balance {
        asset: asset.into(),
        expected: amount(expected),
        found: amount(found),
    };
    // As venues round.
    assert_eq!(of(btc + 1, usdt - 1), []);
    assert_eq!(of(btc + 2, usdt), [differs("BTC", btc, btc + 2)]);
    let found = of(0, usdt - 2);
    assert_eq!(found, [differs("BTC", btc, 0), differs("USDT", usdt, usdt - 2)]);
    let text = found[1].to_string();
    assert!(text.starts_with("0.86399998 USDT where 0.864 was expected: -0.00000002, "), "{text}");
}

#[test]
fn of_an_order_that_had_ended_what_has_traded_more_counts_and_it_is_open_if_the_venue_says_so() {
    let mut ended = Adopted::listed(0, &terms(5), false, OrderId(5));
    for report in &traded(5).reports {
        ended.order.apply(&report.input).unwrap();
    }
    let position = |core: &Core| core.oms().position(OURS).unwrap().owned();
    let mut same = core_after(Vec::new(), &[ended]);
    same.listed(START, DESK, 1, &listing(vec![traded(5)]));
    same.balances(DESK, 1, Vec::new());
    same.tick(START);
    assert_eq!((position(&same), same.acts(), told(&mut same)), (Money::ZERO, true, Vec::new()));

    // A trade that was not heard of, of an order whose name the venue does not tell any more.
    let fill = Input::Filled {
        trade_id: TradeId(47),
        price: PRICE,
        qty: Qty::from_units(7),
        after: Progress::Executed(Qty::from_units(67)),
    };
    let more = |text: &[u8], end| {
        let mut order = traded(5);
        order.terms.client_order_id = ClientOrderId::new(text).unwrap();
        order.reports.pop();
        for input in [Some(fill), end].into_iter().flatten() {
            let report = VenueReport::new(order.terms.client_order_id, OrderId(5), input);
            order.reports.push(VenueReport { fee: Fee::NONE, ..report });
        }
        order
    };
    let end = Input::Cancelled(Progress::Executed(Qty::from_units(67)));
    let cancelled = more(b"another", Some(end));
    let mut core = core_after(Vec::new(), &[ended]);
    core.listed(START, DESK, 1, &listing(vec![cancelled]));
    let seven = Money::from_qty(Qty::from_units(7));
    assert_eq!((position(&core), core.oms().live_orders()), (seven, 0));
    assert_eq!(told(&mut core), [Difference::Traded { order: name(5) }]);

    let mut core = core_after(Vec::new(), &[ended]);
    let open = ListedOrder { is_open: true, ..more(name(5).as_bytes(), None) };
    core.listed(START, DESK, 1, &listing(vec![open]));
    assert_eq!((position(&core), core.oms().live_orders()), (seven, 1));
    assert_eq!(told(&mut core), [Difference::NotEnded { order: name(5) }]);
    let order = core.oms().order(&name(5)).unwrap();
    assert_eq!(order.open_qty(), Qty::from_units(33));
}

#[test]
fn more_orders_than_there_is_room_for_count_once_however_often_they_are_listed() {
    let mut core = core(Vec::new());
    let orders: Vec<ListedOrder> = (1..=400).map(traded).collect();
    let bought = Money::from_qty(Qty::from_units(400 * 60));
    core.oms_mut().mark(OURS, PRICE);
    for round in 1..4 {
        core.listed(later(u64::from(round)), DESK, round, &listing(orders.clone()));
        core.balances(DESK, round, Vec::new());
        assert_eq!(core.oms().position(OURS).unwrap().owned(), bought, "round {round}");
        assert_eq!(core.acts(), round > 2);
        core.tick(later(u64::from(round)));
    }
    assert_eq!((core.acts(), core.counts().anomalies), (true, 0));
}

#[test]
fn trades_that_are_numbered_anew_are_believed_the_third_time() {
    let mut core = core(Vec::new());
    for round in 1..4 {
        assert_eq!((core.acts(), told(&mut core)), (false, Vec::new()));
        let lower = Listing { last_trade: Some(TradeId(2)), is_anew: true, ..listing(Vec::new()) };
        core.listed(later(u64::from(round)), DESK, round, &lower);
        core.balances(DESK, round, Vec::new());
        core.tick(later(u64::from(round)));
        core.tick(later(u64::from(round) + 1));
    }
    assert_eq!((core.acts(), told(&mut core)), (true, vec![Difference::Anew]));
}

#[test]
fn what_is_heard_of_an_order_that_is_not_known_is_asked_about_once() {
    let mut core = core(Vec::new());
    asked(&mut core);
    let heard = VenueReport::new(name(5), OrderId(5), Input::Accepted(OrderId(5)));
    core.report(START, DESK, &heard);
    core.listed(START, DESK, 1, &listing(Vec::new()));
    core.balances(DESK, 1, Vec::new());
    core.tick(START);
    assert_eq!((core.acts(), asked(&mut core)), (false, Vec::new()));
    core.tick(later(1));
    assert_eq!(asked(&mut core), rounds(&core, 2));
    // Venues tell several things of one order.
    core.report(later(1), DESK, &heard);
    core.tick(later(2));
    assert_eq!(asked(&mut core), []);
    core.listed(later(1), DESK, 2, &listing(Vec::new()));
    core.balances(DESK, 2, Vec::new());
    core.tick(later(1));
    assert_eq!((core.acts(), core.counts().anomalies), (true, 0));
    // Nobody asks any more.
    core.report(later(3), DESK, &heard);
    assert_eq!(core.counts().anomalies, 1);
}
