//! What a run has left behind, so that the next can go on: its orders and positions, from a record of what was sent
//! and heard.
//!
//! ```text
//!   journal --> Recovery: sent, heard --> positions --> Oms::set_position
//!                                     --> orders    --> Oms::adopt --> venue is up --> asked for
//! ```
//!
//! A request is recorded before it leaves, and a report before anything is done because of it. So every order that a
//! venue may have is here, and every fill that counted; what was not heard is asked for. Of a record whose end is
//! lost, orders may be missing: the venue's lists of open orders and trades name them ([`Adopted::listed`]).
//!
//! For a start, not for a hot path: it allocates.

use std::collections::BTreeMap;

use tiercel_types::{ClientOrderId, InstrumentId, OrderId, Qty, Timestamp, TradeId};

use crate::oms::{Adopted, VenueTerms};
use crate::order::{Change, Found, Input, OwnOrder, Progress};
use crate::position::{Fill, Position, TooLarge};
use crate::venue::{OrderTerms, VenueId, VenueReport, VenueRequest};

/// An order that was sent.
#[derive(Clone, Debug)]
struct Sent {
    venue: VenueId,
    adopted: Adopted,
    /// When the last request left that enters or changes it.
    at: Timestamp,
    /// The first question that was asked when no request could be on its way any more.
    certain_question: u64,
}

/// Orders and positions of a run. See the [module's page](self).
#[derive(Clone, Debug)]
pub struct Recovery {
    venues: Vec<VenueTerms>,
    /// By name.
    orders: BTreeMap<ClientOrderId, Sent>,
    by_order_id: BTreeMap<(VenueId, OrderId), ClientOrderId>,
    positions: BTreeMap<InstrumentId, Position>,
    last_trades: BTreeMap<InstrumentId, TradeId>,
    follows_trades: bool,
}

impl Recovery {
    /// Nothing yet.
    pub fn new(venues: &[VenueTerms]) -> Self {
        Self {
            venues: venues.to_vec(),
            orders: BTreeMap::new(),
            by_order_id: BTreeMap::new(),
            positions: BTreeMap::new(),
            last_trades: BTreeMap::new(),
            follows_trades: false,
        }
    }

    /// Begins with a position that was saved.
    pub fn set_position(&mut self, instrument: InstrumentId, position: Position) {
        self.positions.insert(instrument, position);
    }

    /// Begins with an order that was open, as it was written down.
    pub fn adopt(&mut self, venue: VenueId, at: Timestamp, adopted: &Adopted) {
        let name = adopted.order.client_order_id;
        let order_id = adopted.order.order_id();
        if !order_id.is_none() {
            self.by_order_id.insert((venue, order_id), name);
        }
        let sent = Sent { venue, adopted: *adopted, at, certain_question: u64::MAX };
        self.orders.insert(name, sent);
    }

    /// A request left, or was about to: of the order of a tag, if it enters one.
    pub fn sent(&mut self, now: Timestamp, venue: VenueId, tag: u64, request: &VenueRequest) {
        match request {
            VenueRequest::New(terms) => self.enter(now, venue, tag, (terms, false)),
            VenueRequest::NewAdvanced(terms) => {
                self.enter(now, venue, tag, (&terms.order, true));
            }
            VenueRequest::CancelReplace { name, terms } => {
                self.apply(venue, &name.client_order_id, &Input::CancelSent);
                self.enter(now, venue, tag, (terms, false));
            }
            VenueRequest::Cancel(name) => {
                self.apply(venue, &name.client_order_id, &Input::CancelSent);
            }
            VenueRequest::Amend { name, price, qty, .. } => {
                self.apply(venue, &name.client_order_id, &Input::ReplaceSent);
                if let Some(sent) = self.orders.get_mut(&name.client_order_id) {
                    sent.adopted.change = Some((*price, *qty));
                    (sent.at, sent.certain_question) = (now, u64::MAX);
                }
            }
            VenueRequest::Query { name, question, .. } => {
                let Some(terms) = self.venues.get(venue.index()) else { return };
                let Some(sent) = self.orders.get_mut(&name.client_order_id) else { return };
                if now.0 >= sent.at.0.saturating_add(terms.validity_ns) {
                    sent.certain_question = sent.certain_question.min(*question);
                }
            }
        }
    }

    fn enter(
        &mut self,
        now: Timestamp,
        venue: VenueId,
        tag: u64,
        (terms, is_advanced): (&OrderTerms, bool),
    ) {
        let OrderTerms { client_order_id, instrument, side, kind, time_in_force, price, qty } =
            *terms;
        let order = OwnOrder::new(client_order_id, instrument, side, price, qty);
        let order = if is_advanced { order.advanced() } else { order };
        let adopted = Adopted { tag, order, kind, time_in_force, change: None };
        let sent = Sent { venue, adopted, at: now, certain_question: u64::MAX };
        self.orders.insert(client_order_id, sent);
    }

    fn apply(&mut self, venue: VenueId, name: &ClientOrderId, input: &Input) -> Option<OwnOrder> {
        let adopted = &mut self.orders.get_mut(name)?.adopted;
        if matches!(input, Input::Replaced { .. } | Input::ReplaceRejected) {
            adopted.change = None;
        }
        // Whatever is recorded of what came before it, a change that was done was done.
        if matches!(input, Input::Replaced { .. }) {
            let _is_unknown = adopted.order.apply(&Input::NoAnswer);
        }
        // What is refused changed nothing in the run either.
        let change = adopted.order.apply(input);
        let order = adopted.order;
        if !order.order_id().is_none() {
            self.by_order_id.insert((venue, order.order_id()), *name);
        }
        matches!(change, Ok(Change::Done | Change::AfterEnd)).then_some(order)
    }

    /// An answer to a question. What ends the order ends it; whether it works still, is asked again.
    fn found(&mut self, venue: VenueId, name: &ClientOrderId, found: Found, report: &VenueReport) {
        let Some(sent) = self.orders.get_mut(name) else { return };
        let (question, order) = (report.question, &mut sent.adopted.order);
        if found != Found::Nothing && !report.order_id.is_none() {
            order.number(report.order_id);
            self.by_order_id.insert((venue, order.order_id()), *name);
        }
        if let (Found::Working, Input::Status { executed_qty, price, qty, .. }) =
            (found, report.input)
            && sent.adopted.change == Some((price, qty))
        {
            // The change that was asked for is done, and nothing else may have told of it.
            let open_qty = Qty::from_units(qty.units().saturating_sub(executed_qty.units()));
            self.apply(venue, name, &Input::Replaced { price, open_qty });
            return;
        }
        let is_certain = question == 0 || question >= sent.certain_question;
        if found == Found::Working || (found == Found::Nothing && !is_certain) {
            return;
        }
        let _is_unknown = order.apply(&Input::NoAnswer);
        let input = if found == Found::Nothing && order.is_known_to_venue() {
            Input::Cancelled(Progress::Executed(order.executed_qty()))
        } else {
            report.input
        };
        self.apply(venue, name, &input);
    }

    /// A report was heard. Reports of orders that are not recorded are left out.
    ///
    /// # Errors
    /// [`TooLarge`]: its fill is not in the position.
    pub fn heard(&mut self, venue: VenueId, report: &VenueReport) -> Result<(), TooLarge> {
        let mut name = report.client_order_id;
        if !self.orders.contains_key(&name) {
            let Some(known) = self.by_order_id.get(&(venue, report.order_id)) else {
                return Ok(());
            };
            name = *known;
        }
        if let Input::Status { found, .. } = report.input {
            self.found(venue, &name, found, report);
            return Ok(());
        }
        let Some(order) = self.apply(venue, &name, &report.input) else { return Ok(()) };
        if let Input::Filled { trade_id, price, qty, .. } = report.input {
            if self.follows_trades {
                let last = self.last_trades.entry(order.instrument).or_default();
                *last = (*last).max(trade_id);
            }
            let fill = Fill { side: order.side, price, qty, fee: report.fee };
            self.positions.entry(order.instrument).or_default().fill(&fill)?;
        }
        Ok(())
    }

    /// The newest trade of an instrument up to which all of its trades are known, as it was written down.
    pub fn set_last_trade(&mut self, instrument: InstrumentId, trade: TradeId) {
        self.last_trades.insert(instrument, trade);
    }

    /// From here on what is heard is all there is: with it the newest trades are newer.
    pub const fn follow_trades(&mut self) {
        self.follows_trades = true;
    }

    /// Whether what was heard last was all there was.
    pub const fn follows_trades(&self) -> bool {
        self.follows_trades
    }

    /// By instrument, the newest trade up to which all are known: what the account traded later may be of a record's lost
    /// end.
    pub fn last_trades(&self) -> impl Iterator<Item = (InstrumentId, TradeId)> {
        self.last_trades.iter().map(|(instrument, trade)| (*instrument, *trade))
    }

    /// What is owned of each instrument that was traded.
    pub fn positions(&self) -> impl Iterator<Item = (InstrumentId, &Position)> {
        self.positions.iter().map(|(instrument, position)| (*instrument, position))
    }

    /// Orders that may still trade, as far as is recorded, by name.
    pub fn orders(&self) -> impl Iterator<Item = (VenueId, &Adopted)> {
        let live = |sent: &&Sent| !sent.adopted.order.state().has_ended();
        self.orders.values().filter(live).map(|sent| (sent.venue, &sent.adopted))
    }

    /// Orders that have ended, by name: the newest behind. Something may be told of them still.
    pub fn ended(&self) -> impl Iterator<Item = (VenueId, &Adopted)> {
        let ended = |sent: &&Sent| sent.adopted.order.state().has_ended();
        self.orders.values().filter(ended).map(|sent| (sent.venue, &sent.adopted))
    }

    /// Orders that have ended and of which nothing more will be told need not be kept any longer: all but so many, the
    /// newest.
    pub fn forget_ended(&mut self, keep: usize) {
        let mut left_out = self.ended().count().saturating_sub(keep);
        self.orders.retain(|_, sent| {
            let is_forgotten = left_out > 0 && sent.adopted.order.state().has_ended();
            left_out -= usize::from(is_forgotten);
            !is_forgotten
        });
        let Self { orders, by_order_id, .. } = self;
        by_order_id.retain(|_, name| orders.contains_key(name));
    }
}
