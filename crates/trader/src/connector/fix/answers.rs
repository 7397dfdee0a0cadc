//! What a venue's messages say of orders.

use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{OrderName, VenueId, VenueReport};
use tiercel_types::{ClientOrderId, InstrumentId, Money, OrderId, Price, Qty, Timestamp, TradeId};
use tiercel_wire::fix::code::{exec, status};
use tiercel_wire::fix::session::{Application, BusinessReject};
use tiercel_wire::fix::tag::{self, Tag};
use tiercel_wire::fix::{Message, value};

use super::super::asked_lists::AskedLists;
use super::names::{Names, split};
use crate::clerk::{Errand, Listed};
use crate::core::Core;

/// Requests whose answers are awaited, at most: a power of two.
const ASKED: usize = 4_096;
/// Cancels that are to be sent once more, at most; those beyond are told as refused.
const AGAIN_MAX: usize = 64;
/// `OrdRejReason` (103), `CxlRejReason` (102): there is no such order.
const NO_SUCH_ORDER: &[u8] = b"5";
const NO_SUCH_ORDER_TO_CANCEL: &[u8] = b"1";
/// `BusinessRejectReason` (380): the application is not available.
const NOT_AVAILABLE: &[u8] = b"4";
/// `CxlRejResponseTo` (434): a replace.
const OF_REPLACE: &[u8] = b"2";

/// What a message asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    New,
    /// Orders that were entered together.
    List,
    Cancel,
    Replace,
    Query {
        /// Its number.
        question: u64,
        /// How much was known to have traded.
        executed_qty: Qty,
    },
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    /// The message's.
    number: u64,
    what: What,
    name: OrderName,
}

/// What is known from message to message.
pub(super) struct Memory {
    /// By the trader's number; `None`: not traded there.
    listed: Vec<Option<Listed>>,
    asked: Box<[Option<Asked>]>,
    pub(super) lists: AskedLists,
    pub(super) names: Names,
    pub(super) errands: Vec<Errand>,
    /// Cancels that are to be sent with the name that the order has.
    pub(super) again: Vec<OrderName>,
}

impl Memory {
    pub(super) fn new(instruments: Vec<Listed>) -> Self {
        let mut listed: Vec<Option<Listed>> = Vec::new();
        for instrument in instruments {
            let at = instrument.instrument.0 as usize;
            if listed.len() <= at {
                listed.resize(at + 1, None);
            }
            listed[at] = Some(instrument);
        }
        Self {
            listed,
            asked: vec![None; ASKED].into_boxed_slice(),
            lists: AskedLists::new(),
            names: Names::new(),
            errands: Vec::with_capacity(ASKED),
            again: Vec::with_capacity(AGAIN_MAX),
        }
    }

    #[inline]
    pub(super) fn listed(&self, instrument: InstrumentId) -> Option<&Listed> {
        self.listed.get(instrument.0 as usize)?.as_ref()
    }

    #[inline]
    pub(super) fn asks(&mut self, number: u64, what: What, name: OrderName) {
        self.asked[number as usize % ASKED] = Some(Asked { number, what, name });
    }

    fn asked(&self, number: u64) -> Option<Asked> {
        self.asked[number as usize % ASKED].filter(|asked| asked.number == number)
    }

    /// The question about an order that is answered: they are answered in their order.
    fn answered(&mut self, order: &ClientOrderId) -> Option<(u64, Qty, OrderName)> {
        let of_order = |asked: &&Asked| {
            asked.name.client_order_id == *order && matches!(asked.what, What::Query { .. })
        };
        let asked =
            *self.asked.iter().flatten().filter(of_order).min_by_key(|asked| asked.number)?;
        self.asked[asked.number as usize % ASKED] = None;
        let What::Query { question, executed_qty } = asked.what else { return None };
        Some((question, executed_qty, asked.name))
    }

    /// What was asked on a connection before is asked again.
    pub(super) fn forget_questions(&mut self) {
        for place in &mut self.asked {
            let _forgotten = place.take_if(|asked| matches!(asked.what, What::Query { .. }));
        }
    }

    /// What a trade cost, in an asset of an instrument's.
    fn fee(&self, message: &Message<'_>) -> Fee {
        let amount = message.get(tag::COMMISSION).and_then(value::money).unwrap_or(Money::ZERO);
        let asset = message.get(tag::COMM_CURRENCY).and_then(|text| str::from_utf8(text).ok());
        let symbol = message.get(tag::SYMBOL).unwrap_or_default();
        let listed = self.listed.iter().flatten().find(|one| one.symbol.as_bytes() == symbol);
        listed.map_or(Fee::Other(amount), |listed| listed.fee(asset, amount))
    }
}

/// What stands behind the session while a message is taken.
pub(super) struct Answers<'a> {
    pub(super) now: Timestamp,
    pub(super) venue: VenueId,
    pub(super) memory: &'a mut Memory,
    pub(super) was_on: &'a mut bool,
    /// The session let a message through.
    pub(super) was_heard: bool,
    pub(super) core: &'a mut Core,
}

impl Answers<'_> {
    fn tell(&mut self, order: ClientOrderId, order_id: OrderId, input: Input) {
        self.report(&VenueReport::new(order, order_id, input));
    }

    #[inline]
    fn report(&mut self, report: &VenueReport) {
        self.core.report(self.now, self.venue, report);
    }

    /// A message of ours was refused whole: by the session (3), or as none that the venue takes (j).
    #[cold]
    pub(super) fn not_done(&mut self, number: u64, message: &Message<'_>) {
        self.core.answer = number;
        if message.get(tag::BUSINESS_REJECT_REASON) == Some(NOT_AVAILABLE) {
            self.core.venue_failed(self.now, self.venue);
        }
        let refused = message.get(tag::REF_SEQ_NUM).and_then(value::unsigned);
        let Some(asked) = refused.and_then(|number| self.memory.asked(number)) else { return };
        let OrderName { client_order_id: order, order_id, .. } = asked.name;
        let input = match asked.what {
            What::New => Input::Rejected,
            What::List => {
                for order in self.memory.lists.orders(asked.number) {
                    self.tell(order, OrderId::NONE, Input::Rejected);
                }
                return;
            }
            What::Cancel => Input::CancelRejected,
            What::Replace => {
                self.memory.names.not_replaced(&order, asked.number);
                Input::ReplaceRejected
            }
            // It is asked again.
            What::Query { .. } => return,
        };
        self.tell(order, order_id, input);
    }

    fn executed(&mut self, message: &Message<'_>) {
        let (mut order, number) = split(message.get(tag::CL_ORD_ID).unwrap_or_default());
        let order_id = message.get(tag::ORDER_ID).and_then(value::unsigned);
        let order_id = order_id.map_or(OrderId::NONE, OrderId);
        let executed_qty = qty(message, tag::CUM_QTY);
        let (price, open_qty) = (price(message, tag::PRICE), qty(message, tag::LEAVES_QTY));
        let kind = message.get(tag::EXEC_TYPE).and_then(value::character).unwrap_or(0);
        let input = match kind {
            exec::NEW => Input::Accepted(order_id),
            exec::TRADE => Input::Filled {
                trade_id: TradeId(
                    message.get(tag::SECONDARY_EXEC_ID).and_then(value::unsigned).unwrap_or(0),
                ),
                price: self::price(message, tag::LAST_PX),
                qty: qty(message, tag::LAST_QTY),
                after: Progress::Executed(executed_qty),
            },
            // Of a replace to no more than has traded.
            exec::REPLACED if open_qty.is_zero() => {
                Input::Cancelled(Progress::Executed(executed_qty))
            }
            exec::CANCELED => Input::Cancelled(Progress::Executed(executed_qty)),
            exec::EXPIRED => Input::Expired(Progress::Executed(executed_qty)),
            exec::REPLACED | exec::RESTATED => Input::Replaced { price, open_qty },
            exec::REJECTED => Input::Rejected,
            exec::ORDER_STATUS => return self.status(message, (order, number), order_id),
            // Trades that the operator undid or corrected, and what is on its way.
            _ => return,
        };
        // The report of a cancel has the cancel's name.
        if kind == exec::CANCELED && message.get(tag::ORIG_CL_ORD_ID).is_some() {
            order = split(message.get(tag::ORIG_CL_ORD_ID).unwrap_or_default()).0;
        }
        if open_qty.is_zero() || kind == exec::REJECTED {
            self.memory.names.forget(&order);
        } else {
            self.memory.names.is_called(&order, number);
        }
        let report = VenueReport::new(order, order_id, input);
        let fee = if kind == exec::TRADE { self.memory.fee(message) } else { Fee::NONE };
        self.report(&VenueReport { fee, ..report });
    }

    /// The answer to a question.
    fn status(
        &mut self,
        message: &Message<'_>,
        (order, number): (ClientOrderId, u64),
        order_id: OrderId,
    ) {
        let Some((question, known_qty, name)) = self.memory.answered(&order) else { return };
        let executed_qty = qty(message, tag::CUM_QTY);
        let found = match message.get(tag::ORD_STATUS).and_then(value::character).unwrap_or(0) {
            status::NEW | status::PARTIALLY_FILLED => Found::Working,
            status::FILLED => Found::Filled,
            status::CANCELED => Found::Cancelled,
            status::EXPIRED => Found::Expired,
            status::REJECTED if message.get(tag::ORD_REJ_REASON) == Some(NO_SUCH_ORDER) => {
                Found::Nothing
            }
            status::REJECTED => Found::Rejected,
            // What is on its way is not decided: it is asked again.
            _ => return,
        };
        if found == Found::Working {
            self.memory.names.is_called(&order, number);
        }
        // A status has no fills. Those that were not heard, as when the venue was killed before it had written their
        // reports, are found with what is asked over HTTP.
        if executed_qty > known_qty {
            let name = OrderName { order_id, ..name };
            self.memory.errands.push(Errand::Query { name, executed_qty: known_qty, question });
            return;
        }
        let input = Input::Status {
            found,
            executed_qty,
            price: price(message, tag::PRICE),
            qty: qty(message, tag::ORDER_QTY),
        };
        self.report(&VenueReport::answer(order, order_id, question, input));
    }

    /// A cancel or a replace was refused.
    fn not_changed(&mut self, message: &Message<'_>) {
        let (order, number) = split(message.get(tag::CL_ORD_ID).unwrap_or_default());
        if message.get(tag::CXL_REJ_RESPONSE_TO) == Some(OF_REPLACE) {
            self.memory.names.not_replaced(&order, number);
            return self.tell(order, OrderId::NONE, Input::ReplaceRejected);
        }
        // It named the order by a replace that was not done, or before one that was.
        let (_, named) = split(message.get(tag::ORIG_CL_ORD_ID).unwrap_or_default());
        let is_unknown = message.get(tag::CXL_REJ_REASON) == Some(NO_SUCH_ORDER_TO_CANCEL);
        if is_unknown
            && named != self.memory.names.newest(&order)
            && self.memory.again.len() < AGAIN_MAX
            && let Some(asked) = self.memory.asked(number)
        {
            self.memory.again.push(asked.name);
            return;
        }
        self.tell(order, OrderId::NONE, Input::CancelRejected);
    }
}

fn price(message: &Message<'_>, tag: Tag) -> Price {
    message.get(tag).and_then(value::price).unwrap_or(Price::ZERO)
}

fn qty(message: &Message<'_>, tag: Tag) -> Qty {
    message.get(tag).and_then(value::qty).unwrap_or(Qty::ZERO)
}

impl Application for Answers<'_> {
    fn on_logon(&mut self) {
        *self.was_on = true;
        self.core.venue_up(self.now, self.venue);
    }

    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        let number = message.get(tag::MSG_SEQ_NUM).and_then(value::unsigned).unwrap_or(0);
        (self.core.answer, self.was_heard) = (number, true);
        match message.message_type() {
            b"8" => self.executed(message),
            b"9" => self.not_changed(message),
            b"j" => self.not_done(number, message),
            // Nothing else was asked for.
            _ => {}
        }
        Ok(())
    }

    fn on_logout(&mut self) {
        self.core.venue_down(self.now, self.venue);
    }
}
