//! Translates messages to commands and events to reports. Nothing is matched or remembered here.

use core::ffi::c_void;

use tiercel_matching::{BareEngine, EngineConfig};
use tiercel_types::command::{
    AddAsset, AddInstrument, AmendOrder, CancelOrder, Command, Kind, NewOrder,
};
use tiercel_types::event::{Denied, EventRef};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    AccountId, AssetCode, AssetId, ClientOrderId, DenialReason, EventBuffer, InstrumentId,
    InstrumentSpec, OrderId, Price, Qty, Side, Symbol, TimeInForce, Timestamp,
};

use crate::abi;
use crate::abi::{Report, ReportKind, Transport};

const INSTRUMENT: InstrumentId = InstrumentId(1);
/// The interface knows no accounts: all orders are of one.
const ACCOUNT: AccountId = AccountId(1);
/// Live orders to make room for at the start.
const ORDERS: usize = 1 << 16;
/// Event records that are kept at a time; a longer cascade comes in several parts.
const EVENT_RECORDS: usize = 64;

/// One engine and where its reports go.
pub(crate) struct Adapter {
    engine: BareEngine,
    events: EventBuffer,
    outlet: Outlet,
}

/// The queue that takes the reports.
#[derive(Clone, Copy)]
struct Outlet {
    push: unsafe extern "C" fn(*mut c_void, *const Report) -> i32,
    handle: *mut c_void,
}

impl Outlet {
    /// Hands a report over; waits while the queue is full.
    #[inline]
    fn push(self, report: &Report) {
        // SAFETY: whoever made the outlet vouched that `push` may be called with `handle` as long
        // as the engine lives; the report is valid for the call.
        while unsafe { (self.push)(self.handle, report) } == 0 {
            core::hint::spin_loop();
        }
    }
}

/// A report of this kind with nothing said yet.
#[inline]
fn blank(kind: ReportKind, sequence_number: u64) -> Report {
    Report {
        kind,
        side: 0,
        reserved: [0; 6],
        sequence_number,
        order_id: 0,
        price_ticks: 0,
        quantity: 0,
        reserved_too: 0,
        maker_order_id: 0,
        taker_order_id: 0,
        reserved_last: 0,
    }
}

/// The engine's id for one of the caller's: zero is an id here, but none in the engine. The one
/// id that has no counterpart, `u64::MAX`, names no order: the engine refuses it.
#[inline]
const fn inner_id(id: u64) -> OrderId {
    OrderId(id.wrapping_add(1))
}

#[inline]
const fn outer_id(id: OrderId) -> u64 {
    id.0.wrapping_sub(1)
}

/// One tick is one unit of price, one piece one unit of quantity.
#[inline]
const fn price(ticks: i64) -> Price {
    Price::from_units(ticks)
}

#[inline]
const fn quantity(pieces: u32) -> Qty {
    Qty::from_units(pieces as u64)
}

const fn side_of(code: u8) -> Option<Side> {
    match code {
        0 => Some(Side::Buy),
        1 => Some(Side::Sell),
        _ => None,
    }
}

impl Adapter {
    /// An engine with an empty book.
    ///
    /// # Safety
    /// `transport.push` may be called with `handle` for as long as the adapter lives.
    pub(crate) unsafe fn new(seed: u64, transport: &Transport, handle: *mut c_void) -> Self {
        let config = EngineConfig { hash_seed: seed, orders: ORDERS, ..EngineConfig::default() };
        let mut adapter = Self {
            engine: BareEngine::new(config),
            events: EventBuffer::with_capacity(EVENT_RECORDS),
            outlet: Outlet { push: transport.push, handle },
        };
        let (base, quote) = (AssetId(1), AssetId(2));
        let (tick, lot) = (Price::from_units(1), Qty::from_units(1));
        let mut spec = InstrumentSpec::new(INSTRUMENT, base, quote, tick, lot);
        // A negative lower bound makes zero a price like any other. The very lowest number is
        // what the interface says for "no bid".
        spec.min_price = Price::from_units(i64::MIN + 1);
        spec.symbol = Symbol::new(b"BOOK").unwrap_or_default();
        for (asset, code) in [(base, b"BASE".as_slice()), (quote, b"QUOTE")] {
            let code = AssetCode::new(code).unwrap_or_default();
            adapter.set_up(AddAsset { asset, code }.into());
        }
        adapter.set_up(AddInstrument { spec }.into());
        adapter
    }

    /// Runs a command that prepares the book.
    fn set_up(&mut self, command: Command) {
        self.engine.apply_each(0, Timestamp(0), &command, &mut self.events, |_, event| {
            assert!(!matches!(event, EventRef::Denied(_)), "{command:?}: {event:?}");
        });
    }

    /// Matches a new order. One whose side does not exist, or whose id is in use, is not taken;
    /// the interface has no report that says so.
    pub(crate) fn new_order(&mut self, message: &abi::NewOrder) {
        let Some(side) = side_of(message.side) else { return };
        let (price, qty) = (price(message.price_ticks), quantity(message.quantity));
        let mut order = NewOrder::limit(INSTRUMENT, ACCOUNT, side, price, qty);
        order.order_id = inner_id(message.order_id);
        if message.ioc != 0 {
            order.time_in_force = TimeInForce::Ioc;
        }
        let nothing = Report {
            side: message.side,
            order_id: message.order_id,
            price_ticks: message.price_ticks,
            ..blank(ReportKind::OrderAck, message.sequence_number)
        };
        self.run(message.sequence_number, &order.into(), Some(nothing));
    }

    /// Cancels an order.
    pub(crate) fn cancel(&mut self, message: &abi::Cancel) {
        self.run(message.sequence_number, &cancel_of(message.order_id), None);
    }

    /// Modifies an order. To nothing: that is a cancel, acknowledged as a modify.
    pub(crate) fn modify(&mut self, message: &abi::Modify) {
        if message.new_quantity == 0 {
            return self.modify_to_nothing(message);
        }
        let amend = AmendOrder {
            order_id: inner_id(message.order_id),
            price: price(message.new_price_ticks),
            qty: quantity(message.new_quantity),
            account: ACCOUNT,
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: ClientOrderId::EMPTY,
            qty_meaning: AmendQtyMeaning::Open,
            lose_priority: 1,
            reserved: [0; 2],
        };
        self.run(message.sequence_number, &amend.into(), None);
    }

    fn modify_to_nothing(&mut self, message: &abi::Modify) {
        let (sequence, outlet) = (message.sequence_number, self.outlet);
        let command = cancel_of(message.order_id);
        self.engine.apply_each(sequence, Timestamp(0), &command, &mut self.events, |_, event| {
            let mut report = blank(ReportKind::ModifyReject, sequence);
            report.order_id = message.order_id;
            if let EventRef::OrderEnded(ended) = event {
                report.kind = ReportKind::ModifyAck;
                report.side = ended.side as u8;
                report.price_ticks = message.new_price_ticks;
            }
            outlet.push(&report);
        });
    }

    /// Runs a command and reports its events. `nothing` is the report of a new order of no
    /// quantity, which the engine denies and the interface takes.
    #[inline]
    fn run(&mut self, sequence: u64, command: &Command, nothing: Option<Report>) {
        let outlet = self.outlet;
        // The engine tells a modification before the trades it leads to; here it comes last.
        let mut modified = None;
        self.engine.apply_each(sequence, Timestamp(0), command, &mut self.events, |_, event| {
            match event {
                EventRef::OrderAmended(_) => modified = report_of(sequence, event),
                EventRef::Denied(denied) if denied.reason == DenialReason::QtyRequired => {
                    if let Some(report) = &nothing {
                        outlet.push(report);
                    }
                }
                _ => {
                    if let Some(report) = report_of(sequence, event) {
                        outlet.push(&report);
                    }
                }
            }
        });
        if let Some(report) = modified {
            outlet.push(&report);
        }
    }

    /// The best price of a side.
    pub(crate) fn best(&self, side: Side) -> Option<i64> {
        self.engine.best(INSTRUMENT, side).map(|level| level.price.units())
    }

    /// What rests at a price.
    pub(crate) fn depth_at(&self, price_ticks: i64, side: u8) -> u64 {
        side_of(side).map_or(0, |side| {
            self.engine.displayed_at(INSTRUMENT, side, price(price_ticks)).units()
        })
    }
}

fn cancel_of(order_id: u64) -> Command {
    let client_order_id = ClientOrderId::EMPTY;
    CancelOrder { order_id: inner_id(order_id), account: ACCOUNT, client_order_id }.into()
}

/// The report of an event, if the interface has one for it.
#[inline]
fn report_of(sequence: u64, event: EventRef<'_>) -> Option<Report> {
    let on = |kind, side: Side, id, price: Price, qty: Qty| Report {
        side: side as u8,
        order_id: outer_id(id),
        price_ticks: price.units(),
        // It came as 32 bits and only shrinks.
        quantity: qty.units() as u32,
        ..blank(kind, sequence)
    };
    match event {
        EventRef::OrderAccepted(it) => {
            Some(on(ReportKind::OrderAck, it.side, it.order_id, it.price, it.qty))
        }
        EventRef::Trade(it) => Some(Report {
            maker_order_id: outer_id(it.maker_order_id),
            taker_order_id: outer_id(it.taker_order_id),
            ..on(ReportKind::Trade, it.taker_side, it.taker_order_id, it.price, it.qty)
        }),
        EventRef::OrderEnded(it) => {
            Some(on(ReportKind::CancelAck, it.side, it.order_id, it.price, it.unfilled_qty))
        }
        EventRef::OrderAmended(it) => {
            Some(on(ReportKind::ModifyAck, it.side, it.order_id, it.price, it.open_qty))
        }
        EventRef::Denied(it) => refusal_of(sequence, it),
        _ => None,
    }
}

/// The report of a denial. Of a new order there is none.
fn refusal_of(sequence: u64, denied: &Denied) -> Option<Report> {
    let kind = match denied.command {
        Kind::CancelOrder => ReportKind::CancelReject,
        Kind::AmendOrder => ReportKind::ModifyReject,
        _ => return None,
    };
    Some(Report { order_id: outer_id(denied.order_id), ..blank(kind, sequence) })
}
