//! `NewOrderList` (E) and `ListStatus` (N): one cancels the other, one triggers the other, brackets.

use tiercel_types::command::NewOrderList;
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{AccountId, ClientOrderId, Command, InstrumentId};
use tiercel_wire::fix::code::status;
use tiercel_wire::fix::tag::{self, Tag};
use tiercel_wire::fix::{Encoder, Message, value};

use super::Outgoing;
use super::desk::{Desk, Moment};
use super::order::{self, Draft};
use super::refusal::Refused;
use super::report::{Report, write_time};
use super::words;
use crate::models::Models;

/// Most orders of a list.
const ORDERS_MAX: usize = 3;
/// `AvgPx` and the like of a list: no field of an order's entry lies behind the orders.
const BEHIND_ORDERS: [Tag; 3] = [tag::SIGNATURE, tag::SIGNATURE_LENGTH, tag::CHECK_SUM];

/// A list that a message asks for.
#[derive(Clone, Debug)]
pub struct ListDraft {
    pub(super) name: ClientOrderId,
    pub(super) orders: Vec<Draft>,
    pub(super) refused: Option<Refused>,
    kind: ListKind,
    pending_rule: PendingRule,
}

impl ListDraft {
    /// Reads `NewOrderList`: the list as far as it could be read, and what is wrong with it.
    pub(super) fn read(
        desk: &Desk,
        models: &Models,
        message: &Message<'_>,
    ) -> (Self, Result<(), Refused>) {
        let mut list = Self {
            name: ClientOrderId::EMPTY,
            orders: Vec::new(),
            refused: None,
            kind: ListKind::Oco,
            pending_rule: PendingRule::FullFill,
        };
        let read = list.fill(desk, models, message);
        (list, read)
    }

    fn fill(&mut self, desk: &Desk, models: &Models, message: &Message<'_>) -> Result<(), Refused> {
        self.name = order::name(message, tag::LIST_ID)?;
        let entries: Vec<_> = message
            .group(tag::NO_ORDERS, |tag| !BEHIND_ORDERS.contains(&tag))
            .take(ORDERS_MAX + 1)
            .collect();
        let mut read = Ok(());
        for entry in &entries {
            let mut draft = Draft::nothing(ClientOrderId::EMPTY, desk.account());
            read = read.and(desk.read_order(models, entry, &mut draft));
            let name = draft.order.client_order_id;
            if self.orders.iter().any(|other| other.order.client_order_id == name) {
                read = read.and(Err(Refused::duplicate()));
            }
            self.orders.push(draft);
        }
        read?;
        let total = message.get(tag::TOT_NO_ORDERS).and_then(value::unsigned);
        if total != Some(entries.len() as u64) {
            return Err(Refused::unsupported("a list comes in one message: TotNoOrders (68)"));
        }
        self.kind = match (message.get(tag::CONTINGENCY_TYPE), entries.len()) {
            (Some(b"1"), 2) => ListKind::Oco,
            (Some(b"2"), 2) => ListKind::Oto,
            (Some(b"2"), 3) => ListKind::Otoco,
            _ => {
                let text = "ContingencyType (1385) is 1 with two orders, or 2 with two or three";
                return Err(Refused::unsupported(text));
            }
        };
        Ok(())
    }

    pub(super) fn commands(&self) -> Vec<Command> {
        let first = self.orders.first();
        let instrument = first.map_or(InstrumentId::ALL, |draft| draft.order.instrument);
        let account = first.map_or(AccountId::VENUE, |draft| draft.order.account);
        let list = NewOrderList {
            instrument,
            account,
            list_client_order_id: self.name,
            kind: self.kind,
            pending_rule: self.pending_rule,
            reserved: [0; 2],
        };
        self.orders.iter().map(Draft::leg).chain([list.into()]).collect()
    }

    /// What is told of a list that was not taken: of each of its orders, and of itself.
    pub(super) fn rejected(&self, moment: &Moment) -> Vec<Outgoing> {
        let refused = self.refused.clone().unwrap_or_else(|| Refused::other(""));
        let report = |(at, draft): (usize, &Draft)| {
            let id = format!("{}-{at}", moment.id);
            let list_name = Some(self.name);
            let report = Report::rejected(draft, refused.clone(), id.into(), moment.now);
            Report { list_name, ..report }.outgoing()
        };
        let mut told: Vec<_> = self.orders.iter().enumerate().map(report).collect();
        let entries = self.orders.iter().map(|draft| Entry::rejected(draft, &refused)).collect();
        told.push(status(self.name, Standing::Rejected, entries, moment));
        told
    }

    /// What is told of a list that was taken.
    pub(super) fn taken(
        &self,
        models: &Models,
        account: AccountId,
        moment: &Moment,
    ) -> Vec<Outgoing> {
        let find = |draft: &Draft| {
            let name = draft.order.client_order_id;
            models.orders().by_client_id(account, &name).map(|order| {
                let live = order.stage.is_live();
                Entry {
                    name,
                    status: words::order_status(order),
                    executed: order.executed_qty,
                    leaves: if live { order.open_qty } else { tiercel_types::Qty::ZERO },
                    average: order
                        .executed_quote
                        .units()
                        .checked_div(i128::from(order.executed_qty.units()))
                        .and_then(|average| i64::try_from(average).ok())
                        .map_or(tiercel_types::Price::ZERO, tiercel_types::Price::from_units),
                    refused: None,
                }
            })
        };
        let entries = self.orders.iter().filter_map(find).collect();
        vec![status(self.name, Standing::Executing, entries, moment)]
    }
}

/// Where a list stands.
#[derive(Clone, Copy)]
enum Standing {
    Executing,
    Rejected,
}

/// An order of a list, in its status.
struct Entry {
    name: ClientOrderId,
    status: u8,
    executed: tiercel_types::Qty,
    leaves: tiercel_types::Qty,
    average: tiercel_types::Price,
    refused: Option<Refused>,
}

impl Entry {
    fn rejected(draft: &Draft, refused: &Refused) -> Self {
        Self {
            name: draft.order.client_order_id,
            status: status::REJECTED,
            executed: tiercel_types::Qty::ZERO,
            leaves: tiercel_types::Qty::ZERO,
            average: tiercel_types::Price::ZERO,
            refused: Some(refused.clone()),
        }
    }

    /// Its fields: the name first, as entries of groups begin.
    fn write(&self, encoder: &mut Encoder) {
        encoder.text(tag::CL_ORD_ID, self.name.as_bytes());
        encoder.qty(tag::CUM_QTY, self.executed);
        encoder.character(tag::ORD_STATUS, self.status);
        encoder.qty(tag::LEAVES_QTY, self.leaves);
        encoder.qty(tag::CXL_QTY, tiercel_types::Qty::ZERO);
        encoder.price(tag::AVG_PX, self.average);
        if let Some(refused) = &self.refused {
            encoder.unsigned(tag::ORD_REJ_REASON, refused.order_reason);
            encoder.text(tag::TEXT, refused.text.as_bytes());
        }
    }
}

fn status(
    name: ClientOrderId,
    standing: Standing,
    entries: Vec<Entry>,
    moment: &Moment,
) -> Outgoing {
    let now = moment.now;
    Outgoing::new(b"N", move |encoder| {
        // Response, executing; or response, rejected.
        let (kind, standing) = match standing {
            Standing::Executing => (2, 3),
            Standing::Rejected => (2, 7),
        };
        write_time(encoder, tag::TRANSACT_TIME, now);
        encoder.text(tag::LIST_ID, name.as_bytes());
        encoder.unsigned(tag::TOT_NO_ORDERS, entries.len() as u64);
        encoder.unsigned(tag::NO_RPTS, 1);
        encoder.unsigned(tag::RPT_SEQ, 1);
        encoder.unsigned(tag::LIST_STATUS_TYPE, kind);
        encoder.unsigned(tag::LIST_ORDER_STATUS, standing);
        encoder.unsigned(tag::NO_ORDERS, entries.len() as u64);
        for entry in &entries {
            entry.write(encoder);
        }
    })
}
