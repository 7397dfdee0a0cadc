//! What the messages of a connection of orders say.

use tiercel_execution::order::{Input, Progress};
use tiercel_execution::venue::{VenueId, VenueReport};
use tiercel_types::{ClientOrderId, OrderId, Timestamp};
use tiercel_wire::binance::answer::{Answer, Body, Incoming, Refusal};
use tiercel_wire::binance::user_data::{Event, ExecutionReport};
use tiercel_wire::binance::{ExecutionType, TimeUnit};

use super::super::asked_lists::AskedLists;
use super::cancels::Cancels;
use super::outcome::{self, Entry, TooMuch};
use super::{ASKED, Asked, OrdersFault, What};
use crate::budget::Budget;
use crate::clerk::Listed;
use crate::core::Core;
use crate::rest::RETRY_DEFAULT;

/// How long the venue is left alone that wants to be and does not say how long.
const RETRY_DEFAULT_NS: u64 = RETRY_DEFAULT.as_nanos() as u64;

/// What came that the connection itself waits for.
pub(super) struct Came {
    pub(super) log_on: bool,
    pub(super) subscription: bool,
}

/// What stands behind the connection while messages are taken.
pub(super) struct Hearing<'a> {
    pub(super) now: Timestamp,
    /// The venue's time.
    pub(super) theirs: Timestamp,
    pub(super) venue: VenueId,
    pub(super) asked: &'a mut [Option<Asked>],
    pub(super) lists: &'a AskedLists,
    pub(super) cancels: &'a mut Cancels,
    pub(super) budget: &'a mut Budget,
    pub(super) listed: &'a [Listed],
    pub(super) core: &'a mut Core,
    pub(super) came: &'a mut Came,
}

impl Hearing<'_> {
    fn tell(&mut self, order: ClientOrderId, order_id: OrderId, input: Input) {
        let report = VenueReport::new(order, order_id, input);
        self.core.report(self.now, self.venue, &report);
    }

    pub(super) fn take(&mut self, text: &[u8]) -> Result<(), OrdersFault> {
        match Incoming::decode(text, TimeUnit::Millisecond)? {
            Incoming::Answer(answer) => self.answered(&answer),
            Incoming::UserData(data) => match data.event {
                Event::Execution(report) => {
                    self.executed(&report);
                    Ok(())
                }
                Event::StreamTerminated | Event::ServerShutdown => Err(OrdersFault::StreamEnded),
                Event::Position(_)
                | Event::BalanceUpdate(_)
                | Event::ListStatus(_)
                | Event::Unknown(_) => Ok(()),
            },
        }
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<(), OrdersFault> {
        let asked = answer
            .id
            .and_then(|id| self.asked[id as usize % ASKED].take_if(|asked| asked.id == id));
        self.count(asked.as_ref(), answer)?;
        let Some(asked) = asked else { return Ok(()) };
        match &answer.outcome {
            Ok(body) => self.done(&asked, body),
            Err(refusal) => self.refused(&asked, answer.status, refusal),
        }
    }

    /// Counts what the answer says of the venue's limits.
    fn count(&mut self, asked: Option<&Asked>, answer: &Answer<'_>) -> Result<(), OrdersFault> {
        if let Some(asked) = asked {
            self.budget.answered(self.theirs, asked.orders);
        }
        if let Some(limits) = answer.limits {
            for limit in limits {
                self.budget.told(self.theirs, &limit?);
            }
        }
        let Err(refusal) = &answer.outcome else { return Ok(()) };
        let until = refusal.retry_after();
        match outcome::too_much(answer.status, refusal) {
            TooMuch::Orders => self.budget.orders_are_used_up(self.theirs, until),
            TooMuch::Requests => {
                let default = Timestamp(self.theirs.0.saturating_add(RETRY_DEFAULT_NS));
                self.budget.pause(until.unwrap_or(default));
            }
            TooMuch::Nothing => {}
        }
        Ok(())
    }

    fn done(&mut self, asked: &Asked, body: &Body<'_>) -> Result<(), OrdersFault> {
        match &asked.what {
            What::LogOn => self.came.log_on = true,
            What::Subscribe => self.came.subscription = true,
            What::Together => {
                outcome::entered(body, &mut |order, order_id, input| {
                    self.tell(order, order_id, input);
                })?;
            }
            What::Entry(entry) => {
                outcome::done(entry, body, &mut |order, order_id, input| {
                    self.tell(order, order_id, input);
                })?;
            }
        }
        Ok(())
    }

    fn refused(
        &mut self,
        asked: &Asked,
        status: u16,
        refusal: &Refusal<'_>,
    ) -> Result<(), OrdersFault> {
        if outcome::is_failure(status, refusal) {
            self.core.venue_failed(self.now, self.venue);
        }
        let fault = |what| OrdersFault::Refused {
            what,
            code: refusal.code,
            message: refusal.message.to_string(),
        };
        match &asked.what {
            What::LogOn => return Err(fault("the logon")),
            What::Subscribe => return Err(fault("the subscription")),
            // It leaves again when the venue takes requests again.
            What::Entry(Entry::Cancel(name))
                if outcome::too_much(status, refusal) == TooMuch::Requests
                    && self.cancels.put(name) => {}
            What::Together => {
                for order in self.lists.orders(asked.id) {
                    let entry = Entry::New(order);
                    outcome::refused(&entry, status, refusal, &mut |order, order_id, input| {
                        self.tell(order, order_id, input);
                    })?;
                }
            }
            What::Entry(entry) => {
                outcome::refused(entry, status, refusal, &mut |order, order_id, input| {
                    self.tell(order, order_id, input);
                })?;
            }
        }
        Ok(())
    }

    fn executed(&mut self, report: &ExecutionReport<'_>) {
        // A cancelled order has its own name where others have none.
        let original = report.orig_client_order_id;
        let order = if original.is_empty() { report.client_order_id } else { original };
        let executed = Progress::Executed(report.executed_qty);
        let input = match report.execution_type {
            ExecutionType::New => Input::Accepted(report.order_id),
            ExecutionType::Canceled => Input::Cancelled(executed),
            ExecutionType::Rejected => Input::Rejected,
            ExecutionType::Expired => Input::Expired(executed),
            ExecutionType::TradePrevention if !report.status.is_live() => Input::Expired(executed),
            ExecutionType::Trade => return self.filled(order, report),
            // Nothing of this was asked for.
            ExecutionType::TradePrevention | ExecutionType::Replaced => return,
        };
        self.tell(order, report.order_id, input);
    }

    fn filled(&mut self, order: ClientOrderId, report: &ExecutionReport<'_>) {
        let Some(trade_id) = report.trade_id else { return };
        let input = Input::Filled {
            trade_id,
            price: report.last_price,
            qty: report.last_qty,
            after: Progress::Executed(report.executed_qty),
        };
        let asset = report.commission_asset.and_then(|asset| asset.as_str());
        let listed = self.listed.iter().find(|listed| report.symbol.is(&listed.symbol));
        let fee = listed.map(|listed| listed.fee(asset, report.commission));
        let told = VenueReport::new(order, report.order_id, input);
        let told = VenueReport { fee: fee.unwrap_or(told.fee), ..told };
        self.core.report(self.now, self.venue, &told);
    }
}
