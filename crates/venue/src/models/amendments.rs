//! What was amended of orders that live or lived.

use tiercel_types::{AccountId, ClientOrderId, EventHeader, InstrumentId, OrderId, Qty, Timestamp};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};
use super::newest::Newest;
use super::orders::OrderView;

/// An amendment: of the quantity, of the name, or of what neither shows (the price, the place in the
/// queue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AmendmentView {
    /// The command that amended it.
    pub sequence: u64,
    /// When.
    pub time: Timestamp,
    /// Which order.
    pub order_id: OrderId,
    /// Its quantity before, what was filled and prevented included.
    pub old_qty: Qty,
    /// And behind.
    pub new_qty: Qty,
    /// Whose order.
    pub account: AccountId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// The event's place in its command.
    pub index: u32,
    /// Zero.
    pub reserved: u32,
    /// What it was called before.
    pub old_client_order_id: ClientOrderId,
    /// And behind.
    pub new_client_order_id: ClientOrderId,
}

/// The newest amendments of each account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendments(Newest<AmendmentView>);

impl Amendments {
    pub(super) const fn new(limit: usize) -> Self {
        Self(Newest::new(limit))
    }

    /// An order's quantity and name before an event, and the order behind it.
    pub(super) fn add(
        &mut self,
        header: &EventHeader,
        (old_qty, old_client_order_id): (Qty, ClientOrderId),
        behind: &OrderView,
    ) {
        let view = AmendmentView {
            sequence: header.sequence,
            index: header.index,
            reserved: 0,
            time: Timestamp(header.time_ns),
            order_id: behind.order_id,
            old_qty,
            new_qty: behind.qty,
            account: behind.account,
            instrument: behind.instrument,
            old_client_order_id,
            new_client_order_id: behind.client_order_id,
        };
        self.0.push(view.account, view);
    }

    /// Those of an account's order that are kept, oldest first.
    pub fn of(
        &self,
        account: AccountId,
        order_id: OrderId,
    ) -> impl DoubleEndedIterator<Item = &AmendmentView> {
        self.0.of(account).filter(move |view| view.order_id == order_id)
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        let all: Vec<_> = self.0.all().map(|(_, view)| view).collect();
        image::put(out, all.into_iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>, limit: usize) -> Result<Self, ImageError> {
        let mut loaded = Newest::new(limit);
        reader.take("amendments", |view: AmendmentView| loaded.push(view.account, view))?;
        Ok(Self(loaded))
    }
}
