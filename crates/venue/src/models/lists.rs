//! Order lists, as their events told them.

use tiercel_types::event::ListAccepted;
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{
    AccountId, ClientOrderId, EventHeader, InstrumentId, ListId, OrderId, Timestamp,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// A list of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ListView {
    /// Its id.
    pub list_id: ListId,
    /// Its orders, as they were handed in; zero behind them.
    pub order_ids: [OrderId; 3],
    /// When it was taken.
    pub created: Timestamp,
    /// When it was over; zero: it lives.
    pub ended: Timestamp,
    /// What all its orders trade.
    pub instrument: InstrumentId,
    /// Whose it is.
    pub account: AccountId,
    /// The client's name for it.
    pub list_client_order_id: ClientOrderId,
    /// How its orders hang together.
    pub kind: ListKind,
    /// When pending orders are entered.
    pub pending_rule: PendingRule,
    /// Zero.
    pub reserved: [u8; 2],
}

impl ListView {
    pub(super) fn of(header: &EventHeader, list: &ListAccepted) -> Self {
        Self {
            list_id: list.list_id,
            order_ids: list.order_ids,
            created: Timestamp(header.time_ns),
            ended: Timestamp(0),
            instrument: header.instrument,
            account: header.account,
            list_client_order_id: list.list_client_order_id,
            kind: list.kind,
            pending_rule: list.pending_rule,
            reserved: [0; 2],
        }
    }

    /// The orders of which one cancels the other, that reserve together.
    pub(super) fn exits(&self) -> &[OrderId] {
        &self.order_ids[usize::from(self.kind != ListKind::Oco)..self.kind.orders()]
    }
}
