//! The gate beside a list of all orders that is added up anew each time.

use proptest::prelude::*;
use tiercel_execution::position::{Fee, Fill, Position};
use tiercel_execution::risk::{Denial, Gate, GlobalLimits, Intent, Limits, Mode, Together};
use tiercel_types::{InstrumentId, Money, Price, Qty, Side, Timestamp};

const BTC: InstrumentId = InstrumentId(1);
const SECOND: u64 = 1_000_000_000;
/// Of a position, in each unit of a quantity.
const UNIT: i128 = 100_000_000;

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

fn amount(whole: u64) -> Money {
    Money::from_qty(Qty::from_units(whole * 100_000_000))
}

fn limits() -> Limits {
    Limits {
        restricted: false,
        qty_max: qty("2"),
        notional_max: amount(250),
        touch_collar_bps: 100,
        trade_collar_bps: 500,
        reference_age_max_ns: SECOND,
        position_max: qty("5"),
        open_orders_max: 4,
    }
}

fn global() -> GlobalLimits {
    GlobalLimits {
        rate_max: 100,
        rate_window_ns: SECOND,
        duplicate_window_ns: 1_000,
        open_orders_max: 6,
        credit: amount(900),
        loss_reducing: amount(10),
        loss_halting: amount(20),
        drawdown_reducing: amount(15),
        drawdown_halting: amount(25),
    }
}

/// A gate that knows a touch of 100 to 101 and a trade at 100.
fn gate() -> Gate {
    gate_with(limits(), global())
}

fn gate_with(limits: Limits, global: GlobalLimits) -> Gate {
    let mut gate = Gate::new(global, 4);
    gate.set_limits(BTC, limits);
    gate.touch(Timestamp(SECOND), BTC, price("100"), price("101"));
    gate.traded(BTC, price("100"));
    gate
}

/// An order has traded at a price.
fn filled(
    gate: &mut Gate,
    position: &mut Position,
    order: &Intent,
    at: Price,
    qty: Qty,
    is_done: bool,
) {
    position.fill(&Fill { side: order.side, price: at, qty, fee: Fee::NONE }).unwrap();
    gate.filled(order, qty, is_done, position);
}

fn intent(side: Side, at: &str, much: &str) -> Intent {
    Intent { instrument: BTC, side, price: price(at), qty: qty(much), waits: false }
}

#[track_caller]
fn denied(gate: &mut Gate, now: u64, order: Intent, reason: Denial) {
    let before = (gate.open_orders(), gate.used_credit(), gate.worst_position(BTC));
    assert_eq!(gate.admit(Timestamp(now), &order), Err(reason));
    assert_eq!((gate.open_orders(), gate.used_credit(), gate.worst_position(BTC)), before);
}

#[test]
fn each_limit_has_its_reason() {
    use Side::{Buy, Sell};
    let now = SECOND;
    let good = intent(Buy, "100", "1");
    let stranger = Intent { instrument: InstrumentId(2), ..good };
    denied(&mut gate(), now, stranger, Denial::UnknownInstrument);
    let beyond = Intent { instrument: InstrumentId(9), ..good };
    denied(&mut gate(), now, beyond, Denial::UnknownInstrument);
    let restricted = Limits { restricted: true, ..limits() };
    denied(&mut gate_with(restricted, global()), now, good, Denial::Restricted);
    denied(&mut gate(), now, intent(Buy, "100", "0"), Denial::Qty);
    denied(&mut gate(), now, intent(Buy, "100", "2.1"), Denial::Qty);
    let dear = Limits { qty_max: qty("9"), ..limits() };
    denied(&mut gate_with(dear, global()), now, intent(Buy, "100", "2.51"), Denial::Notional);
    denied(&mut gate(), now, intent(Sell, "0", "1"), Denial::Notional);
    denied(&mut gate(), 2 * SECOND + 1, good, Denial::NoReference);
    let mut one_sided = gate();
    one_sided.touch(Timestamp(now), BTC, price("100"), Price::ZERO);
    denied(&mut one_sided, now, good, Denial::NoReference);
    assert_eq!(one_sided.admit(Timestamp(now), &intent(Sell, "100", "1")), Ok(()));
    // One per cent through the ask of 101, and through the bid of 100.
    assert_eq!(gate().admit(Timestamp(now), &intent(Buy, "102.01", "1")), Ok(()));
    denied(&mut gate(), now, intent(Buy, "102.02", "1"), Denial::TouchCollar);
    assert_eq!(gate().admit(Timestamp(now), &intent(Sell, "99", "1")), Ok(()));
    denied(&mut gate(), now, intent(Sell, "98.99", "1"), Denial::TouchCollar);
    denied(&mut gate(), now, intent(Buy, "94.99", "1"), Denial::TradeCollar);
    denied(&mut gate(), now, intent(Sell, "105.01", "1"), Denial::TradeCollar);
    let mut twice = gate();
    twice.admit(Timestamp(now), &good).unwrap();
    denied(&mut twice, now + 999, good, Denial::Duplicate);
    assert_eq!(twice.admit(Timestamp(now + 1_000), &good), Ok(()));
    denied(&mut twice, now, intent(Sell, "100", "1"), Denial::SelfCross);
    assert_eq!(twice.admit(Timestamp(now), &intent(Sell, "100.01", "1")), Ok(()));
    denied(&mut twice, now, intent(Buy, "100.01", "0.5"), Denial::SelfCross);
    let tight = Limits { position_max: qty("1.5"), ..limits() };
    let mut positioned = gate_with(tight, global());
    positioned.admit(Timestamp(now), &good).unwrap();
    denied(&mut positioned, now, intent(Buy, "100", "0.51"), Denial::Position);
    assert_eq!(positioned.admit(Timestamp(now), &intent(Buy, "100", "0.5")), Ok(()));
    let poor = GlobalLimits { credit: amount(150), ..global() };
    let mut poor = gate_with(limits(), poor);
    poor.admit(Timestamp(now), &good).unwrap();
    denied(&mut poor, now, intent(Buy, "100", "0.51"), Denial::Credit);
    let few = GlobalLimits { open_orders_max: 1, ..global() };
    let mut few = gate_with(limits(), few);
    few.admit(Timestamp(now), &good).unwrap();
    denied(&mut few, now, intent(Buy, "99", "1"), Denial::OpenOrders);
}

#[test]
fn the_page_has_every_denial() {
    let page = include_str!("../../../../docs/orders.md");
    let rows = page.lines().skip_while(|line| *line != "| number | denial | what it says |");
    let rows: Vec<&str> = rows.skip(2).take_while(|line| line.starts_with('|')).collect();
    let row = |denial: &Denial| format!("| {} | `{denial:?}` | {denial} |", denial.code());
    assert_eq!(rows, Denial::ALL.iter().map(row).collect::<Vec<_>>());
    assert!((1..).zip(Denial::ALL).all(|(number, denial)| denial.code() == number));
}

#[test]
fn the_newest_sixteen_orders_are_remembered_for_their_time() {
    let limits = Limits { open_orders_max: 100, position_max: qty("999"), ..limits() };
    let global = GlobalLimits { open_orders_max: 100, credit: amount(1_000_000), ..global() };
    let mut gate = gate_with(limits, global);
    let order =
        |number: u64| Intent { qty: Qty::from_units(number), ..intent(Side::Buy, "100", "1") };
    for number in 1..=17 {
        gate.admit(Timestamp(SECOND + number), &order(number)).unwrap();
    }
    for number in 2..=17 {
        denied(&mut gate, SECOND + 20, order(number), Denial::Duplicate);
    }
    // The oldest has made room; of the others each is let pass when its time is over.
    assert_eq!(gate.admit(Timestamp(SECOND + 20), &order(1)), Ok(()));
    denied(&mut gate, SECOND + 1_009, order(10), Denial::Duplicate);
    assert_eq!(gate.admit(Timestamp(SECOND + 1_010), &order(10)), Ok(()));
}

#[test]
fn messages_leave_in_bursts_and_then_by_the_clock() {
    let limits = Limits { open_orders_max: 1_000, position_max: qty("999"), ..limits() };
    let global = GlobalLimits {
        rate_max: 10,
        duplicate_window_ns: 0,
        open_orders_max: 1_000,
        credit: amount(1_000_000),
        ..global()
    };
    let mut gate = gate_with(limits, global);
    let order = intent(Side::Buy, "100", "0.1");
    for _ in 0..10 {
        gate.admit(Timestamp(SECOND), &order).unwrap();
    }
    denied(&mut gate, SECOND, order, Denial::Rate);
    denied(&mut gate, SECOND + SECOND / 10 - 1, order, Denial::Rate);
    assert_eq!(gate.admit(Timestamp(SECOND + SECOND / 10), &order), Ok(()));
    denied(&mut gate, SECOND + SECOND / 10, order, Denial::Rate);
}

/// Loses what lets positions be reduced alone.
fn lose_ten(gate: &mut Gate) -> Mode {
    gate.result(Timestamp(SECOND), Money::ZERO);
    gate.result(Timestamp(SECOND), Money::from_units(-amount(10).units()))
}

#[test]
fn losses_take_the_mode_down_and_only_somebody_brings_it_up() {
    let minus = |whole| Money::from_units(-amount(whole).units());
    let mut gate = gate();
    let now = Timestamp(SECOND);
    assert_eq!(gate.result(now, Money::ZERO), Mode::Active);
    assert_eq!(gate.result(now, minus(9)), Mode::Active);
    assert_eq!(gate.result(now, minus(10)), Mode::Reducing);
    assert_eq!(gate.result(now, amount(5)), Mode::Reducing, "not by itself");
    denied(&mut gate, SECOND, intent(Side::Buy, "100", "1"), Denial::Reducing);
    gate.enable();
    assert_eq!(gate.result(now, amount(5)), Mode::Active);
    let bought = intent(Side::Buy, "100", "1");
    gate.admit(Timestamp(SECOND), &bought).unwrap();
    filled(&mut gate, &mut Position::default(), &bought, price("100"), qty("1"), true);
    // From 30 down to 15: the fall alone.
    assert_eq!(gate.result(now, amount(30)), Mode::Active);
    assert_eq!(gate.result(now, amount(15)), Mode::Reducing);
    denied(&mut gate, SECOND, intent(Side::Sell, "100", "1.1"), Denial::Reducing);
    assert_eq!(gate.admit(Timestamp(SECOND), &intent(Side::Sell, "100", "0.6")), Ok(()));
    denied(&mut gate, SECOND, intent(Side::Sell, "100", "0.5"), Denial::Reducing);
    assert_eq!(gate.result(now, amount(5)), Mode::Halted);
    denied(&mut gate, SECOND, intent(Side::Sell, "100", "0.1"), Denial::Halted);
    gate.enable();
    assert_eq!(gate.mode(), Mode::Active);
    gate.halt();
    denied(&mut gate, SECOND, bought, Denial::Halted);
    // For good, whoever lets trading go on.
    gate.close();
    gate.enable();
    denied(&mut gate, SECOND, bought, Denial::Ending);
}

#[test]
fn losses_count_from_the_beginning_of_the_day_and_from_where_somebody_enabled_it() {
    let minus = |whole| Money::from_units(-amount(whole).units());
    let day = |number: u64| Timestamp(number * 86_400 * SECOND);
    // What was won or lost before does not count.
    for before in [minus(1_000), amount(1_000)] {
        let of = |result: Money| Money::from_units(before.units() + result.units());
        let mut gate = gate();
        assert_eq!(gate.result(day(1), before), Mode::Active);
        assert_eq!(gate.result(day(1), of(minus(9))), Mode::Active);
        assert_eq!(gate.result(Timestamp(day(2).0 - 1), of(minus(10))), Mode::Reducing);
        // A day that begins lets nobody go on.
        assert_eq!(gate.result(day(2), of(minus(10))), Mode::Reducing);
        gate.enable();
        assert_eq!(gate.result(day(2), of(minus(10))), Mode::Active, "the loss that stands");
        assert_eq!(gate.result(day(2), of(minus(19))), Mode::Active);
        assert_eq!(gate.result(day(2), of(minus(20))), Mode::Reducing);
        gate.enable();
        assert_eq!(gate.result(day(2), of(minus(20))), Mode::Active);
        // The next day begins anew, and the best of the day before is gone.
        assert_eq!(gate.result(day(2), of(amount(30))), Mode::Active);
        assert_eq!(gate.result(day(3), of(minus(20))), Mode::Active);
        assert_eq!(gate.result(day(3), of(minus(30))), Mode::Reducing);
    }
}

#[test]
fn a_gate_goes_on_as_the_one_before_it_ended() {
    let minus = |whole| Money::from_units(-amount(whole).units());
    let now = Timestamp(SECOND);
    let mut before = gate();
    before.result(now, amount(7));
    before.result(now, minus(2));
    let mut next = gate();
    next.restore(before.mode(), before.day());
    assert_eq!(next.result(now, minus(2)), Mode::Active);
    assert_eq!(next.result(now, minus(3)), Mode::Reducing, "ten below the day's beginning");
    let mut halted = gate();
    halted.restore(Mode::Halted, before.day());
    assert_eq!(halted.result(now, amount(7)), Mode::Halted);
}

#[test]
fn what_reduces_needs_no_credit_and_no_room_for_a_position() {
    let mut gate = gate_with(limits(), GlobalLimits { credit: amount(200), ..global() });
    let bought = intent(Side::Buy, "100", "2");
    gate.admit(Timestamp(SECOND), &bought).unwrap();
    let mut position = Position::default();
    filled(&mut gate, &mut position, &bought, price("100"), qty("2"), true);
    assert_eq!(gate.used_credit(), amount(200));
    denied(&mut gate, SECOND, intent(Side::Buy, "100", "0.1"), Denial::Credit);
    gate.set_limits(BTC, Limits { position_max: qty("1"), ..limits() });
    let sold = intent(Side::Sell, "100", "2");
    assert_eq!(gate.admit(Timestamp(SECOND), &sold), Ok(()));
    filled(&mut gate, &mut position, &sold, price("100.5"), qty("2"), true);
    assert_eq!((gate.used_credit(), gate.open_orders()), (Money::ZERO, 0));
    assert_eq!(gate.worst_position(BTC), Some((Money::ZERO, Money::ZERO)));
}

#[test]
fn a_position_may_be_closed_to_the_last_unit_and_not_turned() {
    for (side, at) in [(Side::Buy, "100"), (Side::Sell, "101")] {
        let mut gate = gate();
        let first = intent(side, at, "1");
        gate.admit(Timestamp(SECOND), &first).unwrap();
        filled(&mut gate, &mut Position::default(), &first, price(at), qty("1"), true);
        lose_ten(&mut gate);
        let other = side.opposite();
        denied(&mut gate, SECOND, intent(other, "100.5", "1.00000001"), Denial::Reducing);
        assert_eq!(gate.admit(Timestamp(SECOND), &intent(other, "100.5", "1")), Ok(()));
        denied(&mut gate, SECOND, intent(other, "100.6", "0.00000001"), Denial::Reducing);
    }
}

/// A pair that sells: a limit, and a stop that it covers.
fn pair(much: &str) -> [Together; 2] {
    let together = |at: &str, waits: bool| Together {
        intent: Intent { waits, ..intent(Side::Sell, at, much) },
        reference: waits.then(|| price(at)),
        is_covered: waits,
    };
    [together("101", false), together("90", true)]
}

#[test]
fn a_pair_may_close_a_position_that_may_only_be_reduced() {
    let mut gate = gate();
    let mut position = Position::default();
    let bought = intent(Side::Buy, "100", "1");
    gate.admit(Timestamp(SECOND), &bought).unwrap();
    filled(&mut gate, &mut position, &bought, price("100"), qty("1"), true);
    assert_eq!(lose_ten(&mut gate), Mode::Reducing);
    let used = gate.used_credit();
    assert_eq!(gate.admit_together(Timestamp(SECOND), &pair("1.1")), Err(Denial::Reducing));
    assert_eq!((gate.used_credit(), gate.open_orders()), (used, 0));
    assert_eq!(gate.admit_together(Timestamp(SECOND), &pair("1")), Ok(()));
    assert_eq!(gate.worst_position(BTC), Some((position.owned(), Money::ZERO)));
    assert_eq!(gate.open_orders(), 2);
}

#[test]
fn of_orders_that_leave_together_the_last_that_may_not_takes_the_others_back() {
    let global = GlobalLimits { rate_max: 2, ..global() };
    let mut gate = gate_with(limits(), global);
    let [limit, stop] = pair("1");
    let three = [limit, stop, Together { intent: intent(Side::Sell, "102", "1"), ..limit }];
    assert_eq!(gate.admit_together(Timestamp(SECOND), &three), Err(Denial::Rate));
    assert_eq!((gate.used_credit(), gate.open_orders()), (Money::ZERO, 0));
    assert_eq!(gate.worst_position(BTC), Some((Money::ZERO, Money::ZERO)));
    // Neither messages are used up, nor is anything remembered.
    assert_eq!(gate.admit_together(Timestamp(SECOND), &three[..2]), Ok(()));
    assert_eq!(gate.admit_together(Timestamp(SECOND), &three[2..]), Err(Denial::Rate));
    assert!(global.duplicate_window_ns > 0);
    let mut gate = gate_with(limits(), GlobalLimits { rate_max: 100, ..global });
    assert_eq!(gate.admit_together(Timestamp(SECOND), &pair("1")), Ok(()));
    assert_eq!(gate.admit_together(Timestamp(SECOND), &pair("1")), Err(Denial::Duplicate));
}

/// All orders, and what was owned, added up each time.
#[derive(Default)]
struct Naive {
    open: Vec<(Intent, u64)>,
    position: i128,
    cost: i128,
}

impl Naive {
    fn sum(&self, side: Side) -> i128 {
        let of_side = self.open.iter().filter(|(order, _)| order.side == side);
        of_side.map(|(_, open)| i128::from(*open)).sum()
    }

    fn used(&self) -> i128 {
        let worth =
            self.open.iter().map(|(order, open)| Money::of(order.price, Qty::from_units(*open)));
        worth.map(Money::units).sum::<i128>() + self.cost
    }

    /// Whether the limits on what is open and owned let it pass.
    fn lets_pass(&self, order: &Intent, limits: &Limits, global: &GlobalLimits) -> bool {
        let sign = if order.side == Side::Buy { 1 } else { -1 };
        let would = self.sum(order.side) + i128::from(order.qty.units());
        let reduces = would <= -sign * self.position;
        let crosses = self.open.iter().any(|(own, _)| {
            own.side != order.side
                && sign * i128::from(order.price.units()) >= sign * i128::from(own.price.units())
        });
        let worst = sign * self.position + would;
        let used = self.used() + Money::of(order.price, order.qty).units();
        !crosses
            && self.open.len() < limits.open_orders_max.min(global.open_orders_max) as usize
            && (reduces || worst <= i128::from(limits.position_max.units()))
            && (reduces || used <= global.credit.units())
    }

    fn fill(&mut self, at: usize, price: Price, units: u64) {
        let (order, open) = &mut self.open[at];
        let sign = if order.side == Side::Buy { 1 } else { -1 };
        *open -= units;
        let before = self.position;
        let units = i128::from(units);
        let closing = if before * sign < 0 { units.min(before.abs()) } else { 0 };
        if closing > 0 {
            self.cost -= self.cost * closing / before.abs();
        }
        self.cost += (units - closing) * i128::from(price.units());
        self.position += sign * units;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Order { buys: bool, ticks: i64, lots: u64 },
    Fill { which: usize, lots: u64 },
    End { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let order = (any::<bool>(), -4..5_i64, 1..30_u64).prop_map(|(buys, ticks, lots)| Step::Order {
        buys,
        ticks,
        lots,
    });
    let fill = (0..9_usize, 1..20_u64).prop_map(|(which, lots)| Step::Fill { which, lots });
    let end = (0..9_usize).prop_map(|which| Step::End { which });
    prop::collection::vec(prop_oneof![4 => order, 3 => fill, 1 => end], 0..120)
}

#[test]
fn a_fee_in_what_was_bought_is_not_owned() {
    let mut gate = gate();
    let mut position = Position::default();
    let order = intent(Side::Buy, "100", "1");
    gate.admit(Timestamp(SECOND), &order).unwrap();
    let fee = Fee::Base(Money::from_qty(qty("0.001")));
    position.fill(&Fill { side: Side::Buy, price: price("100"), qty: qty("1"), fee }).unwrap();
    gate.filled(&order, qty("1"), true, &position);
    let owned = Money::from_qty(qty("0.999"));
    assert_eq!(gate.worst_position(BTC), Some((owned, owned)));
    lose_ten(&mut gate);
    denied(&mut gate, SECOND, intent(Side::Sell, "101", "1"), Denial::Reducing);
    assert_eq!(gate.admit(Timestamp(SECOND), &intent(Side::Sell, "101", "0.999")), Ok(()));
}

#[test]
fn what_was_there_before_the_limits_counts() {
    let mut gate = Gate::new(global(), 4);
    let order = intent(Side::Buy, "100", "1");
    gate.count(&order);
    gate.set_limits(BTC, limits());
    gate.ended(&order, qty("1"));
    assert_eq!((gate.used_credit(), gate.open_orders()), (Money::ZERO, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_decides_as_who_adds_up_everything_and_the_worst_case_stays_within_its_limits(
        steps in steps(),
    ) {
        let limits = Limits { open_orders_max: 5, ..limits() };
        let global = GlobalLimits {
            rate_max: 1_000_000,
            duplicate_window_ns: 0,
            credit: amount(650),
            ..global()
        };
        let mut gate = gate_with(limits, global);
        let mut naive = Naive::default();
        let mut position = Position::default();
        for step in steps {
            match step {
                Step::Order { buys, ticks, lots } => {
                    let side = if buys { Side::Buy } else { Side::Sell };
                    let price = Price::from_units((1_005 + ticks) * 10_000_000);
                    let order = Intent { instrument: BTC, side, price, qty: Qty::from_units(lots * 6_666_667), waits: false };
                    let expected = naive.lets_pass(&order, &limits, &global);
                    let admitted = gate.admit(Timestamp(SECOND), &order);
                    prop_assert_eq!(admitted.is_ok(), expected, "{:?} {:?}", order, admitted);
                    if expected {
                        naive.open.push((order, order.qty.units()));
                    }
                }
                Step::Fill { which, lots } if which < naive.open.len() => {
                    let (order, open) = naive.open[which];
                    let units = open.min(lots * 5_000_001);
                    let better = if order.side == Side::Buy { -1 } else { 1 };
                    let price = Price::from_units(order.price.units() + better * lots as i64);
                    let is_done = units == open;
                    naive.fill(which, price, units);
                    filled(&mut gate, &mut position, &order, price, Qty::from_units(units), is_done);
                    if is_done {
                        naive.open.remove(which);
                    }
                }
                Step::End { which } if which < naive.open.len() => {
                    let (order, open) = naive.open.remove(which);
                    gate.ended(&order, Qty::from_units(open));
                }
                _ => {}
            }
            let (long, short) = gate.worst_position(BTC).unwrap();
            let [long, short] = [long, short].map(|worst| worst.units() / UNIT);
            prop_assert_eq!(long, naive.position + naive.sum(Side::Buy));
            prop_assert_eq!(short, naive.position - naive.sum(Side::Sell));
            prop_assert!(long.max(-short) <= i128::from(limits.position_max.units()));
            prop_assert_eq!(gate.used_credit().units(), naive.used());
            prop_assert_eq!(gate.open_orders() as usize, naive.open.len());
        }
    }
}
