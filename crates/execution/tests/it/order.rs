//! Every state of an order with every input: what it becomes, or that it is refused.

use proptest::prelude::*;
use tiercel_execution::order::{Change, Found, Illegal, Input, OwnOrder, Progress, Request, State};
use tiercel_types::{ClientOrderId, InstrumentId, Money, OrderId, Price, Qty, Side, TradeId};

const PRICE: Price = Price::from_units(6_000_000_000_000);
const QTY: Qty = Qty::from_units(300);

fn order() -> OwnOrder {
    let id = ClientOrderId::new(b"a-1").unwrap();
    OwnOrder::new(id, InstrumentId(1), Side::Buy, PRICE, QTY)
}

/// A fill of so much, with which `executed` has traded.
const fn fill_to(trade: u64, units: u64, executed: u64) -> Input {
    let after = Progress::Executed(Qty::from_units(executed));
    Input::Filled { trade_id: TradeId(trade), price: PRICE, qty: Qty::from_units(units), after }
}

/// The first fill.
const fn fill(trade: u64, units: u64) -> Input {
    fill_to(trade, units, units)
}

const CANCELLED: Input = Input::Cancelled(Progress::Open(QTY));
const EXPIRED: Input = Input::Expired(Progress::Open(QTY));

const fn status(found: Found, executed: u64) -> Input {
    Input::Status { found, executed_qty: Qty::from_units(executed), price: PRICE, qty: QTY }
}

/// An order in each state, nothing of it traded but where it is filled.
fn in_state(state: State) -> OwnOrder {
    use Input as I;
    let accepted = I::Accepted(OrderId(7));
    let way: &[Input] = match state {
        State::PendingNew => &[],
        State::Working => &[accepted],
        State::PendingCancel => &[accepted, I::CancelSent],
        State::PendingReplace => &[accepted, I::ReplaceSent],
        State::Unknown(Request::New) => &[I::NoAnswer],
        State::Unknown(Request::Cancel) => &[accepted, I::CancelSent, I::NoAnswer],
        State::Unknown(Request::Replace) => &[accepted, I::ReplaceSent, I::NoAnswer],
        State::Unknown(Request::Nothing) => &[accepted, I::NoAnswer],
        State::Filled => &[accepted, fill(1, 300)],
        State::Cancelled => &[accepted, CANCELLED],
        State::Expired => &[accepted, EXPIRED],
        State::Rejected => &[I::Rejected],
        State::NotTaken => &[I::NoAnswer, status(Found::Nothing, 0)],
    };
    let mut order = order();
    for input in way {
        assert_eq!(order.apply(input), Ok(Change::Done), "{input:?}");
    }
    assert_eq!(order.state(), state);
    order
}

const STATES: [State; 13] = [
    State::PendingNew,
    State::Working,
    State::PendingCancel,
    State::PendingReplace,
    State::Unknown(Request::New),
    State::Unknown(Request::Cancel),
    State::Unknown(Request::Replace),
    State::Unknown(Request::Nothing),
    State::Filled,
    State::Cancelled,
    State::Expired,
    State::Rejected,
    State::NotTaken,
];

const fn inputs() -> [(&'static str, Input); 19] {
    use Input as I;
    let replaced = I::Replaced { price: PRICE, open_qty: Qty::from_units(400) };
    [
        ("cancel sent", I::CancelSent),
        ("replace sent", I::ReplaceSent),
        ("no answer", I::NoAnswer),
        ("accepted", I::Accepted(OrderId(9))),
        ("rejected", I::Rejected),
        ("part filled", fill(2, 100)),
        ("filled", fill(2, 300)),
        ("overfilled", fill(2, 301)),
        ("cancelled", CANCELLED),
        ("expired", EXPIRED),
        ("cancel refused", I::CancelRejected),
        ("replaced", replaced),
        ("replace refused", I::ReplaceRejected),
        ("found working", status(Found::Working, 0)),
        ("found cancelled", status(Found::Cancelled, 0)),
        ("found expired", status(Found::Expired, 0)),
        ("found nothing", status(Found::Nothing, 0)),
        ("found rejected", status(Found::Rejected, 0)),
        ("found part filled", status(Found::Working, 100)),
    ]
}

/// By input: what an order of each state becomes. `.` refused, `=` known already, `?` fills are missing, `!` traded
/// after its end.
const TABLE: &str = "
                    PN W  PC PR UN UC UR UW F  C  E  R  NT
cancel sent         PC PC .  PC UC UC UC UC .  .  .  .  .
replace sent        .  PR .  .  .  .  .  .  .  .  .  .  .
no answer           UN UW UC UR .  .  .  .  .  .  .  .  .
accepted            W  .  .  .  UW .  .  .  .  .  .  .  .
rejected            R  .  .  .  R  .  .  .  .  .  .  =  =
part filled         W  W  PC PR UW UC UR UW =  !  !  !  !
filled              F  F  F  F  F  F  F  F  =  !  !  !  !
overfilled          .  .  .  .  .  .  .  .  .  .  .  .  .
cancelled           C  C  C  C  C  C  C  C  .  =  =  .  .
expired             E  E  E  E  E  E  E  E  .  =  =  .  .
cancel refused      =  =  W  =  =  UW =  =  =  =  =  =  =
replaced            .  .  PC W  UN UC UW UW =  =  =  .  .
replace refused     =  =  PC W  UN UC UW UW =  =  =  =  =
found working       .  =  .  .  W  W  W  W  .  .  .  .  .
found cancelled     .  .  .  .  C  C  C  C  .  =  .  .  .
found expired       .  .  .  .  E  E  E  E  .  .  =  .  .
found nothing       .  .  .  .  NT .  .  .  .  .  .  .  =
found rejected      .  .  .  .  R  .  .  .  .  .  .  =  .
found part filled   ?  ?  ?  ?  ?  ?  ?  ?  .  ?  ?  ?  ?
";

const fn letters(state: State) -> &'static str {
    match state {
        State::PendingNew => "PN",
        State::Working => "W",
        State::PendingCancel => "PC",
        State::PendingReplace => "PR",
        State::Unknown(Request::New) => "UN",
        State::Unknown(Request::Cancel) => "UC",
        State::Unknown(Request::Replace) => "UR",
        State::Unknown(Request::Nothing) => "UW",
        State::Filled => "F",
        State::Cancelled => "C",
        State::Expired => "E",
        State::Rejected => "R",
        State::NotTaken => "NT",
    }
}

/// But for the venue's number, which a late answer may bring.
fn is_same(order: &OwnOrder, before: &OwnOrder) -> bool {
    order.state() == before.state()
        && order.executed_qty() == before.executed_qty()
        && (order.price(), order.qty()) == (before.price(), before.qty())
}

#[test]
fn each_state_takes_the_inputs_of_the_table_and_refuses_the_rest() {
    let mut table = String::from("\n                    PN W  PC PR UN UC UR UW F  C  E  R  NT\n");
    for (name, input) in inputs() {
        let mut row = format!("{name:20}");
        for state in STATES {
            let before = in_state(state);
            let mut order = before;
            let cell = match order.apply(&input) {
                Ok(Change::Done) => letters(order.state()),
                Ok(Change::Known) => "=",
                Ok(Change::FillsMissing(qty)) => {
                    assert_eq!(qty, Qty::from_units(100));
                    "?"
                }
                Ok(Change::AfterEnd) => {
                    assert_eq!((order.state(), order.open_qty()), (state, Qty::ZERO));
                    "!"
                }
                Err(_) => ".",
            };
            assert!(
                cell.len() > 1 || !"=?.".contains(cell) || is_same(&order, &before),
                "{name}, {state:?}"
            );
            row.push_str(cell);
            row.push_str(&"   "[cell.len()..]);
        }
        table += row.trim_end();
        table.push('\n');
    }
    assert_eq!(table, TABLE, "{table}");
}

#[test]
fn a_fill_that_is_told_twice_counts_once() {
    let mut order = in_state(State::Working);
    assert_eq!(order.apply(&fill_to(5, 100, 100)), Ok(Change::Done));
    assert_eq!(order.apply(&fill_to(5, 100, 100)), Ok(Change::Known));
    assert_eq!(order.apply(&fill_to(6, 50, 150)), Ok(Change::Done));
    assert_eq!(order.apply(&fill_to(5, 100, 100)), Ok(Change::Known));
    assert_eq!(
        (order.executed_qty(), order.open_qty()),
        (Qty::from_units(150), Qty::from_units(150))
    );
}

#[test]
fn a_fill_behind_one_that_was_not_heard_waits_for_it() {
    let mut order = in_state(State::Working);
    let missing = Change::FillsMissing(Qty::from_units(150));
    assert_eq!(order.apply(&fill_to(6, 50, 150)), Ok(missing));
    let open = Input::Cancelled(Progress::Open(Qty::from_units(150)));
    assert_eq!(order.apply(&open), Ok(missing));
    assert_eq!(order.apply(&fill_to(5, 100, 100)), Ok(Change::Done));
    assert_eq!(order.apply(&fill_to(6, 50, 150)), Ok(Change::Done));
    assert_eq!(order.apply(&open), Ok(Change::Done));
    assert_eq!(order.executed_quote(), Money::of(PRICE, Qty::from_units(150)));
    // One that begins inside what is known is neither new nor known.
    let mut order = in_state(State::Working);
    order.apply(&fill_to(5, 100, 100)).unwrap();
    let told = Qty::from_units(100);
    let undone = Err(Illegal::Undone { told, now: Qty::from_units(50) });
    assert_eq!(order.apply(&fill_to(6, 100, 150)), undone);
}

#[test]
fn a_cancel_that_crosses_a_fill_leaves_what_has_traded() {
    let mut order = in_state(State::PendingCancel);
    order.apply(&fill(1, 100)).unwrap();
    order.apply(&Input::Cancelled(Progress::Open(Qty::from_units(200)))).unwrap();
    assert_eq!((order.executed_qty(), order.open_qty()), (Qty::from_units(100), Qty::ZERO));
    let mut order = in_state(State::PendingCancel);
    order.apply(&fill(1, 300)).unwrap();
    assert_eq!(order.apply(&Input::CancelRejected), Ok(Change::Known));
    assert_eq!(order.state(), State::Filled);
}

#[test]
fn a_cancel_that_is_refused_before_its_order_was_heard_of_leaves_it_waiting() {
    let mut order = in_state(State::PendingNew);
    order.apply(&Input::CancelSent).unwrap();
    order.apply(&Input::CancelRejected).unwrap();
    assert_eq!(order.state(), State::PendingNew);
    order.apply(&Input::Accepted(OrderId(7))).unwrap();
    assert_eq!(order.state(), State::Working);
}

#[test]
fn an_order_whose_cancel_left_first_may_still_be_refused() {
    for silent in [&[Input::CancelSent][..], &[Input::CancelSent, Input::NoAnswer]] {
        let mut order = order();
        for input in silent {
            assert_eq!(order.apply(input), Ok(Change::Done));
        }
        assert_eq!(order.apply(&Input::Rejected), Ok(Change::Done));
        assert_eq!(order.state(), State::Rejected);
    }
}

#[test]
fn what_comes_late_settles_no_unknown_outcome() {
    let mut order = in_state(State::Unknown(Request::New));
    for late in [Input::Accepted(OrderId(7)), fill(1, 100)] {
        assert_eq!(order.apply(&late), Ok(Change::Done));
        assert_eq!(order.state(), State::Unknown(Request::Nothing));
    }
    assert_eq!(order.apply(&status(Found::Cancelled, 100)), Ok(Change::Done));
    assert_eq!(order.state(), State::Cancelled);
}

#[test]
fn what_is_told_over_two_ways_counts_once() {
    let same = Input::Replaced { price: PRICE, open_qty: QTY };
    for (state, input) in [
        (State::Working, same),
        (State::Filled, Input::Cancelled(Progress::Open(Qty::ZERO))),
        (State::Working, Input::Accepted(OrderId(7))),
        (State::Cancelled, CANCELLED),
        (State::Expired, EXPIRED),
        (State::Rejected, Input::Rejected),
    ] {
        let mut order = in_state(state);
        assert_eq!(order.apply(&input), Ok(Change::Known), "{input:?}");
    }
}

#[test]
fn an_unknown_outcome_is_settled_once_its_fills_are_known() {
    let mut order = in_state(State::Unknown(Request::Cancel));
    let told = status(Found::Cancelled, 200);
    assert_eq!(order.apply(&told), Ok(Change::FillsMissing(Qty::from_units(200))));
    assert_eq!(order.state(), State::Unknown(Request::Cancel));
    order.apply(&fill_to(8, 150, 150)).unwrap();
    assert_eq!(order.apply(&told), Ok(Change::FillsMissing(Qty::from_units(50))));
    order.apply(&fill_to(9, 50, 200)).unwrap();
    assert_eq!(order.apply(&told), Ok(Change::Done));
    assert_eq!((order.state(), order.executed_qty()), (State::Cancelled, Qty::from_units(200)));
    let undone = order.apply(&status(Found::Cancelled, 100));
    let (told, now) = (Qty::from_units(200), Qty::from_units(100));
    assert_eq!(undone, Err(Illegal::Undone { told, now }));
}

#[test]
fn a_change_to_no_more_than_has_traded_ends_the_order() {
    let mut order = in_state(State::PendingReplace);
    order.apply(&fill(1, 200)).unwrap();
    order.apply(&Input::Replaced { price: PRICE, open_qty: Qty::ZERO }).unwrap();
    assert_eq!((order.state(), order.open_qty()), (State::Cancelled, Qty::ZERO));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_inputs_trades_more_than_was_asked_or_brings_an_ended_order_back(
        picks in prop::collection::vec((0..19_usize, 1..20_u64), 0..60),
    ) {
        let mut order = order();
        let mut executed = 0;
        for (pick, step) in picks {
            let input = match inputs()[pick].1 {
                Input::Filled { qty, .. } => {
                    fill_to(step, qty.units().min(25), executed + step * 5)
                }
                input => input,
            };
            let before = order;
            let change = order.apply(&input);
            if !matches!(change, Ok(Change::Done | Change::AfterEnd)) {
                prop_assert_eq!(
                    (order.state(), order.executed_qty(), order.executed_quote(), order.price()),
                    (before.state(), before.executed_qty(), before.executed_quote(), before.price())
                );
            }
            let counts = matches!(change, Ok(Change::Done | Change::AfterEnd));
            if let (true, Input::Filled { qty, .. }) = (counts, input) {
                executed += qty.units();
            }
            prop_assert!(!before.state().has_ended() || order.state() == before.state());
            prop_assert_eq!(order.executed_qty().units(), executed);
            prop_assert!(order.executed_qty() <= order.qty());
            prop_assert!(order.state() != State::Filled || executed == order.qty().units());
        }
    }
}
