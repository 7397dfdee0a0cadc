//! Orders of a trader: what the gate and the order management cost.
//!
//! ```text
//!   risk_admit:   intent --> Gate::admit --> ended                      four orders a side are open beside it
//!   order_cycle:  submit --> request, accepted --> update, filled --> update       position and gate follow
//! ```
//!
//! Every limit is set and none is met; of duplicates none is young enough. Buys and sells take turns, at prices
//! round the touch.

use std::hint::black_box;

use tiercel_execution::oms::{NewOrder, Oms, OmsOptions, Outputs, Place, RunId, VenueTerms};
use tiercel_execution::order::{Input as Told, Progress};
use tiercel_execution::risk::{Gate, GlobalLimits, Intent, Limits};
use tiercel_execution::venue::{VenueId, VenueReport, VenueRequest};
use tiercel_types::{
    InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp, TradeId,
};

use super::contest::{Case, CaseSpec, Input};
use super::host::subject;
use super::{BenchError, Options};

/// The cases of `tiercel bench execution`.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: "execution", name: "risk_admit", build: |options| Ok(risk_admit(options)) },
    CaseSpec { bench: "execution", name: "order_cycle", build: order_cycle },
];

const INSTRUMENT: InstrumentId = InstrumentId(1);
const VENUE: VenueId = VenueId(0);
/// 60,000 and 60,000.01.
const BID: Price = Price::from_units(6_000_000_000_000);
const ASK: Price = Price::from_units(6_000_001_000_000);
const TICK: i64 = 1_000_000;
/// A hundredth.
const QTY: Qty = Qty::from_units(1_000_000);
/// From one order to the next.
const STEP_NS: u64 = 50_000;

const fn whole(amount: u64) -> Money {
    Money::from_qty(Qty::from_units(amount * 100_000_000))
}

fn gate() -> Gate {
    let global = GlobalLimits {
        rate_max: 100_000,
        rate_window_ns: 1_000_000_000,
        duplicate_window_ns: 10_000,
        open_orders_max: 100,
        credit: whole(10_000_000),
        loss_reducing: whole(10_000),
        loss_halting: whole(20_000),
        drawdown_reducing: whole(10_000),
        drawdown_halting: whole(20_000),
    };
    let limits = Limits {
        restricted: false,
        qty_max: Qty::from_units(100_000_000),
        notional_max: whole(100_000),
        touch_collar_bps: 50,
        trade_collar_bps: 200,
        reference_age_max_ns: u64::MAX,
        position_max: Qty::from_units(1_000_000_000),
        open_orders_max: 20,
    };
    let mut gate = Gate::new(global, 4);
    gate.set_limits(INSTRUMENT, limits);
    gate.touch(Timestamp(0), INSTRUMENT, BID, ASK);
    gate.traded(INSTRUMENT, BID);
    gate
}

/// The side and price of the `at`-th order.
const fn side_and_price(at: u64) -> (Side, Price) {
    let away = (at >> 1 & 3) as i64 * TICK;
    if at & 1 == 0 {
        (Side::Buy, Price::from_units(BID.units() - away))
    } else {
        (Side::Sell, Price::from_units(ASK.units() + away))
    }
}

fn risk_admit(options: &Options) -> Case {
    let mut gate = gate();
    for at in 0..8 {
        let (side, price) = side_and_price(at);
        gate.count(&Intent { instrument: INSTRUMENT, side, price, qty: QTY, waits: false });
    }
    let mut now = 0;
    let ours = subject(options, "ours", move |at| {
        now += STEP_NS;
        let (side, price) = side_and_price(at);
        let order =
            black_box(Intent { instrument: INSTRUMENT, side, price, qty: QTY, waits: false });
        if black_box(gate.admit(Timestamp(now), &order)).is_ok() {
            gate.ended(&order, QTY);
        }
    });
    Case { unit: "ns/op", input: Input::None, subjects: vec![ours] }
}

fn order_cycle(options: &Options) -> Result<Case, BenchError> {
    let wrong = || BenchError::Wrong {
        subject: "ours".to_owned(),
        what: "an order did not leave".to_owned(),
    };
    let venue = VenueTerms { amends: true, validity_ns: 0 };
    let places = [Place { venue: VENUE }; 4];
    let run = RunId::of(1, 0);
    let mut oms = Oms::new(OmsOptions::default(), gate(), run, &[venue], &places);
    let mut out = Outputs::new(OmsOptions::default().orders_max);
    oms.venue_up(Timestamp(0), VENUE, &mut out);
    let (mut now, mut number) = (0, 0);
    let mut cycle = move |at: u64| {
        now += STEP_NS;
        number += 1;
        let (side, price) = side_and_price(at);
        let order = NewOrder {
            tag: at,
            instrument: INSTRUMENT,
            side,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            price,
            qty: QTY,
        };
        oms.submit(Timestamp(now), black_box(&order), &mut out);
        let Some((_, VenueRequest::New(terms))) = out.requests.first() else { return false };
        let name = terms.client_order_id;
        let order_id = OrderId(number);
        let after = Progress::Open(Qty::ZERO);
        let fill = Told::Filled { trade_id: TradeId(number), price, qty: QTY, after };
        for told in [Told::Accepted(order_id), fill] {
            let report = black_box(VenueReport::new(name, order_id, told));
            oms.report(Timestamp(now), VENUE, &report, &mut out);
        }
        let is_done = black_box(&out.updates).len() == 2;
        out.clear();
        is_done
    };
    if !(0..1_000).all(&mut cycle) {
        return Err(wrong());
    }
    let ours = subject(options, "ours", move |at| {
        black_box(cycle(at));
    });
    Ok(Case { unit: "ns/op", input: Input::None, subjects: vec![ours] })
}
