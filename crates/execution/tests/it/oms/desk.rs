//! Orders by hand, in short words.

use tiercel_execution::breaker::BreakerOptions;
use tiercel_execution::oms::{
    NewOrder, Oms, OmsOptions, Outputs, Place, RunId, UpdateKind, VenueTerms,
};
use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::risk::{Gate, GlobalLimits, Limits};
use tiercel_execution::venue::{OrderTerms, VenueId, VenueReport, VenueRequest};
use tiercel_types::{
    InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp, TradeId,
};

pub(super) const BTC: InstrumentId = InstrumentId(0);
pub(super) const ETH: InstrumentId = InstrumentId(1);
/// Amends.
pub(super) const SESSION: VenueId = VenueId(0);
/// Does not, and a request may be taken for as long as it is valid.
pub(super) const REST: VenueId = VenueId(1);
pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const VALIDITY: u64 = 5 * SECOND;
/// What an order is worth that each test enters.
pub(super) const PRICE: Price = Price::from_units(10_000_000_000);
pub(super) const QTY: Qty = Qty::from_units(300);

pub(super) fn qty(units: u64) -> Qty {
    Qty::from_units(units)
}

pub(super) fn oms() -> Oms {
    oms_of(RunId::of(1, 0), 4)
}

pub(super) fn limits() -> Limits {
    Limits {
        restricted: false,
        qty_max: qty(1_000),
        notional_max: Money::from_units(i128::MAX / 4),
        touch_collar_bps: 1_000,
        trade_collar_bps: 1_000,
        reference_age_max_ns: u64::MAX,
        position_max: qty(5_000),
        open_orders_max: 100,
    }
}

pub(super) fn oms_of(run: RunId, orders_max: u16) -> Oms {
    let session = VenueTerms { amends: true, validity_ns: 0 };
    let rest = VenueTerms { amends: false, validity_ns: VALIDITY };
    oms_at(run, orders_max, &[session, rest])
}

/// Venues that do things as told.
pub(super) fn oms_at(run: RunId, orders_max: u16, venues: &[VenueTerms; 2]) -> Oms {
    oms_with(run, orders_max, venues, BreakerOptions::NEVER)
}

/// The same, which are left alone when they fail.
pub(super) fn oms_with(
    run: RunId,
    orders_max: u16,
    venues: &[VenueTerms; 2],
    breaker: BreakerOptions,
) -> Oms {
    let lots = Money::from_units(i128::MAX / 4);
    let global = GlobalLimits {
        rate_max: 1_000_000,
        rate_window_ns: SECOND,
        duplicate_window_ns: 0,
        open_orders_max: 1_000,
        credit: lots,
        loss_reducing: lots,
        loss_halting: lots,
        drawdown_reducing: lots,
        drawdown_halting: lots,
    };
    let mut gate = Gate::new(global, 2);
    for instrument in [BTC, ETH] {
        gate.set_limits(instrument, limits());
        gate.touch(Timestamp(0), instrument, PRICE, Price::from_units(PRICE.units() + 1));
    }
    let options =
        OmsOptions { orders_max, answer_timeout_ns: SECOND, ask_interval_ns: SECOND / 2, breaker };
    Oms::new(options, gate, run, venues, &[Place { venue: SESSION }, Place { venue: REST }])
}

/// An Oms and what it wants done, in short words.
pub(super) struct Desk {
    pub(super) oms: Oms,
    pub(super) out: Outputs,
    pub(super) now: u64,
    /// Every order that was asked to be entered.
    pub(super) entered: Vec<OrderTerms>,
    questions: Vec<u64>,
}

impl Desk {
    /// Both venues are up.
    pub(super) fn new() -> Self {
        Self::of(oms())
    }

    pub(super) fn of(oms: Oms) -> Self {
        let (entered, questions) = (Vec::new(), Vec::new());
        let mut desk = Self { oms, out: Outputs::new(16), now: 0, entered, questions };
        for venue in [SESSION, REST] {
            desk.oms.venue_up(Timestamp(0), venue, &mut desk.out);
        }
        desk
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    pub(super) fn submit(&mut self, tag: u64, instrument: InstrumentId) -> &mut Self {
        let order = NewOrder {
            tag,
            instrument,
            side: Side::Buy,
            kind: OrderKind::PostOnly,
            time_in_force: TimeInForce::Gtc,
            price: PRICE,
            qty: QTY,
        };
        self.oms.submit(self.now(), &order, &mut self.out);
        self
    }

    pub(super) fn cancel_what_is_left(&mut self) -> &mut Self {
        self.oms.cancel_what_is_left(self.now(), InstrumentId::ALL, &mut self.out);
        self
    }

    pub(super) fn cancel(&mut self, tag: u64) -> &mut Self {
        self.oms.cancel(self.now(), tag, &mut self.out);
        self
    }

    pub(super) fn replace(&mut self, tag: u64, price: i64, units: u64) -> &mut Self {
        let price = Price::from_units(PRICE.units() + price);
        self.oms.replace(self.now(), tag, price, qty(units), &mut self.out);
        self
    }

    pub(super) fn pass(&mut self, ns: u64) -> &mut Self {
        self.now += ns;
        self.oms.tick(self.now(), &mut self.out);
        self
    }

    /// The venue tells something of the order that was entered as the `which`-th.
    pub(super) fn hear(&mut self, which: usize, input: Input) -> &mut Self {
        let terms = self.entered[which];
        let order_id = if matches!(input, Input::Accepted(_)) { id(which) } else { OrderId::NONE };
        let report = VenueReport::new(terms.client_order_id, order_id, input);
        self.report(&report)
    }

    pub(super) fn report(&mut self, report: &VenueReport) -> &mut Self {
        let instrument =
            self.entered.iter().find(|it| it.client_order_id == report.client_order_id);
        let venue = if instrument.is_some_and(|it| it.instrument == BTC) { SESSION } else { REST };
        self.oms.report(self.now(), venue, report, &mut self.out);
        self
    }

    pub(super) fn accept(&mut self, which: usize) -> &mut Self {
        self.hear(which, Input::Accepted(id(which)))
    }

    pub(super) fn fill(&mut self, which: usize, units: u64, executed: u64) -> &mut Self {
        let input = Input::Filled {
            trade_id: TradeId(executed),
            price: PRICE,
            qty: qty(units),
            after: Progress::Executed(qty(executed)),
        };
        self.hear(which, input)
    }

    pub(super) fn cancelled(&mut self, which: usize, executed: u64) -> &mut Self {
        self.hear(which, Input::Cancelled(Progress::Executed(qty(executed))))
    }

    /// The answer to the question that was asked as the `question`-th.
    pub(super) fn answer(
        &mut self,
        which: usize,
        question: usize,
        found: Found,
        executed: u64,
    ) -> &mut Self {
        let (price, quantity) = (self.entered[which].price, self.entered[which].qty);
        self.answer_with(which, question, found, executed, price, quantity)
    }

    pub(super) fn answer_with(
        &mut self,
        which: usize,
        question: usize,
        found: Found,
        executed: u64,
        price: Price,
        quantity: Qty,
    ) -> &mut Self {
        let executed_qty = qty(executed);
        let input = Input::Status { found, executed_qty, price, qty: quantity };
        let order_id = if found == Found::Nothing { OrderId::NONE } else { id(which) };
        let name = self.entered[which].client_order_id;
        let report = VenueReport::answer(name, order_id, self.questions[question], input);
        self.report(&report)
    }

    /// What was asked and told since it was asked for last, in short.
    #[track_caller]
    pub(super) fn says(&mut self, expected: &str) -> &mut Self {
        let mut words = Vec::new();
        for (_, request) in &self.out.requests {
            words.push(match request {
                VenueRequest::New(terms) => {
                    self.entered.push(*terms);
                    format!("new:{}", terms.qty.units())
                }
                VenueRequest::NewAdvanced(terms) => {
                    self.entered.push(terms.order);
                    let list = terms.list.map(|list| format!("@{}:{}", list.kind, list.at));
                    format!("new{}:{}", list.unwrap_or_default(), terms.order.qty.units())
                }
                VenueRequest::CancelReplace { terms, .. } => {
                    self.entered.push(*terms);
                    format!("cancel-replace:{}", terms.qty.units())
                }
                VenueRequest::Cancel(_) => "cancel".to_owned(),
                VenueRequest::Amend { qty, open_qty, .. } => {
                    format!("amend:{}/{}", open_qty.units(), qty.units())
                }
                VenueRequest::Query { executed_qty, question, .. } => {
                    self.questions.push(*question);
                    format!("ask:{}", executed_qty.units())
                }
            });
        }
        for update in &self.out.updates {
            let kind = match update.kind {
                UpdateKind::Denied(denial) => format!("denied({denial:?})"),
                UpdateKind::Filled { qty, .. } => format!("filled({})", qty.units()),
                kind => format!("{kind:?}").to_lowercase(),
            };
            let (open, all) = (update.open_qty.units(), update.qty.units());
            words.push(format!("{}:{kind}:{open}/{all}", update.tag));
        }
        for anomaly in &self.out.anomalies {
            let name = format!("{anomaly:?}");
            words.push(format!("!{}", name.split([' ', '{']).next().unwrap()));
        }
        self.out.clear();
        assert_eq!(words.join(" "), expected);
        assert_eq!(self.oms.audit(), Ok(()));
        self
    }

    /// Nothing is open, nothing counts but what is owned.
    #[track_caller]
    pub(super) fn is_over(&self, owned: u64) {
        assert_eq!((self.oms.live_orders(), self.oms.unknown_orders()), (0, 0));
        assert_eq!(self.oms.gate().open_orders(), 0);
        let position = [BTC, ETH].map(|instrument| {
            let position = self.oms.position(instrument).unwrap();
            (position.owned().units(), position.cost().units())
        });
        let base = Money::from_qty(qty(owned)).units();
        assert_eq!(position[0].0 + position[1].0, base);
        assert_eq!(self.oms.gate().used_credit().units(), position[0].1 + position[1].1);
    }
}

pub(super) const fn id(which: usize) -> OrderId {
    OrderId(70 + which as u64)
}
