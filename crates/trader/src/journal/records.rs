//! How requests and reports lie in a journal: `#[repr(C)]` records without pointers, little-endian, with numbers for
//! every choice.

use tiercel_execution::oms::Adopted;
use tiercel_execution::order::{Found, Input, OrderParts, OwnOrder, Progress, Request, State};
use tiercel_execution::position::{Fee, Position};
use tiercel_execution::risk::{Day, Mode};
use tiercel_execution::venue::{
    AdvancedTerms, ListPlace, OrderName, OrderTerms, VenueId, VenueReport, VenueRequest,
};
use tiercel_types::order::ListKind;
use tiercel_types::{
    ClientOrderId, InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce,
    Timestamp, TradeId,
};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout};

use super::GateState;
use crate::core::Remainder;
use crate::reason::ModeReason;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// What an instrument's number means.
    Instrument = 1,
    /// What was owned when the run began.
    Position = 2,
    /// An order that was open then, or that a venue listed behind it.
    Adopted = 3,
    /// All that was left is written.
    Begun = 4,
    /// A request.
    Sent = 5,
    /// A report.
    Heard = 6,
    /// The number of a venue's next answer: when the run began, and when it logged on.
    Answer = 7,
    /// What a venue's number means.
    Venue = 8,
    /// What the gate lets through, and from which results losses count.
    Gate = 9,
    /// The newest trade of an instrument up to which all are known: when the run began, and once its venue has told.
    LastTrade = 10,
    /// What an account had beyond what this trader's trades made of it.
    Remainder = 11,
}

impl Kind {
    pub(super) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Instrument,
            2 => Self::Position,
            3 => Self::Adopted,
            4 => Self::Begun,
            5 => Self::Sent,
            6 => Self::Heard,
            7 => Self::Answer,
            8 => Self::Venue,
            9 => Self::Gate,
            10 => Self::LastTrade,
            11 => Self::Remainder,
            _ => return None,
        })
    }
}

type Name = [u8; ClientOrderId::LIMIT];

const fn side_of(code: u8) -> Option<Side> {
    match code {
        0 => Some(Side::Buy),
        1 => Some(Side::Sell),
        _ => None,
    }
}

fn kind_of(code: u8) -> Option<OrderKind> {
    OrderKind::ALL.iter().copied().find(|kind| *kind as u8 == code)
}

fn time_in_force_of(code: u8) -> Option<TimeInForce> {
    TimeInForce::ALL.iter().copied().find(|kind| *kind as u8 == code)
}

fn name_of(bytes: &Name) -> Option<ClientOrderId> {
    let name = ClientOrderId::read_from_bytes(bytes).ok()?;
    name.is_well_formed().then_some(name)
}

/// What an instrument's number means, or a venue's.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct NameRecord {
    number: u32,
    length: u32,
    /// Of an instrument, its venue and its symbol.
    name: [u8; 120],
}

impl NameRecord {
    pub(super) fn new(number: u32, text: &str) -> Self {
        let mut name = [0; 120];
        let length = text.len().min(name.len());
        name[..length].copy_from_slice(&text.as_bytes()[..length]);
        Self { number, length: length as u32, name }
    }

    pub(super) fn read(&self) -> (u32, String) {
        let name = self.name.get(..self.length as usize).unwrap_or_default();
        (self.number, String::from_utf8_lossy(name).into_owned())
    }
}

/// What an account had of an asset beyond what this trader's trades made of it.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct RemainderRecord {
    amount: [u8; 16],
    /// The venue and the asset.
    name: NameRecord,
}

impl RemainderRecord {
    pub(super) fn new(remainder: &Remainder) -> Self {
        let Remainder { venue, asset, amount } = remainder;
        let name = NameRecord::new(u32::from(venue.0), asset);
        Self { amount: amount.units().to_le_bytes(), name }
    }

    pub(super) fn read(&self) -> Option<Remainder> {
        let (venue, asset) = self.name.read();
        let amount = Money::from_units(i128::from_le_bytes(self.amount));
        Some(Remainder { venue: VenueId(u8::try_from(venue).ok()?), asset: asset.into(), amount })
    }
}

/// How the gate stands.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct GateRecord {
    base: [u8; 16],
    best: [u8; 16],
    day: u64,
    mode: u8,
    reason: u8,
    has_day: u8,
    reserved: [u8; 5],
}

impl GateRecord {
    pub(super) fn new(state: &GateState) -> Self {
        let GateState { mode, reason, day } = state;
        let nothing = Day { number: 0, base: Money::ZERO, best: Money::ZERO };
        let Day { number, base, best } = day.unwrap_or(nothing);
        Self {
            base: base.units().to_le_bytes(),
            best: best.units().to_le_bytes(),
            day: number,
            mode: *mode as u8,
            reason: *reason as u8,
            has_day: u8::from(day.is_some()),
            reserved: [0; 5],
        }
    }

    pub(super) fn read(&self) -> Option<GateState> {
        let money = |bytes| Money::from_units(i128::from_le_bytes(bytes));
        let (base, best) = (money(self.base), money(self.best));
        Some(GateState {
            mode: *Mode::ALL.get(usize::from(self.mode))?,
            reason: *ModeReason::ALL.get(usize::from(self.reason))?,
            day: (self.has_day != 0).then_some(Day { number: self.day, base, best }),
        })
    }
}

/// What was owned of an instrument.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct PositionRecord {
    words: [[u8; 16]; 7],
    instrument: u32,
    reserved: u32,
}

impl PositionRecord {
    pub(super) fn new(instrument: InstrumentId, position: &Position) -> Self {
        let words = position.words().map(i128::to_le_bytes);
        Self { words, instrument: instrument.0, reserved: 0 }
    }

    pub(super) fn read(&self) -> (InstrumentId, Position) {
        let words = self.words.map(i128::from_le_bytes);
        (InstrumentId(self.instrument), Position::of_words(words))
    }
}

/// An order that was open, or of which a start that came to no end may find that more has traded.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct AdoptedRecord {
    time: u64,
    tag: u64,
    order_id: u64,
    price: i64,
    qty: u64,
    executed_qty: u64,
    executed_quote: [u8; 16],
    last_trade: u64,
    change_price: i64,
    change_qty: u64,
    instrument: u32,
    venue: u8,
    state: u8,
    side: u8,
    kind: u8,
    time_in_force: u8,
    has_change: u8,
    name: Name,
    is_advanced: u8,
    reserved: u8,
}

const STATES: [State; 13] = [
    State::PendingNew,
    State::Working,
    State::PendingCancel,
    State::PendingReplace,
    State::Unknown(Request::New),
    State::Unknown(Request::Cancel),
    State::Unknown(Request::Replace),
    State::Unknown(Request::Nothing),
    State::Filled,
    State::Cancelled,
    State::Expired,
    State::Rejected,
    State::NotTaken,
];

impl AdoptedRecord {
    pub(super) fn new(venue: VenueId, now: Timestamp, adopted: &Adopted) -> Self {
        let Adopted { tag, order, kind, time_in_force, change } = adopted;
        let parts = order.parts();
        let state = STATES.iter().position(|state| *state == parts.state);
        let (change_price, change_qty) = change.unwrap_or((Price::ZERO, Qty::ZERO));
        Self {
            time: now.0,
            tag: *tag,
            order_id: parts.order_id.0,
            price: parts.price.units(),
            qty: parts.qty.units(),
            executed_qty: parts.executed_qty.units(),
            executed_quote: parts.executed_quote.units().to_le_bytes(),
            last_trade: parts.last_trade.0,
            change_price: change_price.units(),
            change_qty: change_qty.units(),
            instrument: order.instrument.0,
            venue: venue.0,
            // All of them are there.
            state: state.unwrap_or(STATES.len()) as u8,
            side: order.side as u8,
            kind: *kind as u8,
            time_in_force: *time_in_force as u8,
            has_change: u8::from(change.is_some()),
            name: *order.client_order_id.padded(),
            is_advanced: u8::from(parts.is_advanced),
            reserved: 0,
        }
    }

    pub(super) fn read(&self) -> Option<(VenueId, Timestamp, Adopted)> {
        let parts = OrderParts {
            order_id: OrderId(self.order_id),
            price: Price::from_units(self.price),
            qty: Qty::from_units(self.qty),
            executed_qty: Qty::from_units(self.executed_qty),
            executed_quote: Money::from_units(i128::from_le_bytes(self.executed_quote)),
            last_trade: TradeId(self.last_trade),
            state: *STATES.get(usize::from(self.state))?,
            is_advanced: self.is_advanced != 0,
        };
        let (name, side) = (name_of(&self.name)?, side_of(self.side)?);
        let order = OwnOrder::of_parts(name, InstrumentId(self.instrument), side, &parts);
        let change = (Price::from_units(self.change_price), Qty::from_units(self.change_qty));
        let adopted = Adopted {
            tag: self.tag,
            order,
            kind: kind_of(self.kind)?,
            time_in_force: time_in_force_of(self.time_in_force)?,
            change: (self.has_change != 0).then_some(change),
        };
        Some((VenueId(self.venue), Timestamp(self.time), adopted))
    }
}

/// A request.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SentRecord {
    time: u64,
    tag: u64,
    order_id: u64,
    price: i64,
    qty: u64,
    /// Of an order that waits, its trigger price.
    open_qty: u64,
    last_trade: u64,
    /// Of an order of a list, the list's number.
    question: u64,
    instrument: u32,
    venue: u8,
    what: u8,
    side: u8,
    kind: u8,
    time_in_force: u8,
    list_kind: u8,
    list_at: u8,
    reserved: [u8; 5],
    name: Name,
    /// Of the order in another's stead.
    new_name: Name,
}

impl SentRecord {
    #[inline]
    pub(super) fn new(now: Timestamp, venue: VenueId, tag: u64, request: &VenueRequest) -> Self {
        let mut record = Self {
            time: now.0,
            tag,
            order_id: 0,
            price: 0,
            qty: 0,
            open_qty: 0,
            last_trade: 0,
            question: 0,
            instrument: request.instrument().0,
            venue: venue.0,
            what: 0,
            side: 0,
            kind: 0,
            time_in_force: 0,
            list_kind: 0,
            list_at: 0,
            reserved: [0; 5],
            name: [0; ClientOrderId::LIMIT],
            new_name: [0; ClientOrderId::LIMIT],
        };
        match request {
            VenueRequest::New(terms) => {
                record.name = *terms.client_order_id.padded();
                record.take_terms(terms);
            }
            VenueRequest::NewAdvanced(AdvancedTerms { order, trigger_price, list }) => {
                record.what = 5;
                record.name = *order.client_order_id.padded();
                record.take_terms(order);
                record.open_qty = trigger_price.units().cast_unsigned();
                if let Some(ListPlace { number, kind, at }) = list {
                    record.question = u64::from(*number);
                    (record.list_kind, record.list_at) = (*kind as u8, *at);
                }
            }
            VenueRequest::Cancel(name) => {
                record.what = 1;
                record.take_name(name);
            }
            VenueRequest::Amend { name, price, qty, open_qty } => {
                record.what = 2;
                record.take_name(name);
                record.price = price.units();
                (record.qty, record.open_qty) = (qty.units(), open_qty.units());
            }
            VenueRequest::CancelReplace { name, terms } => {
                record.what = 3;
                record.take_name(name);
                record.take_terms(terms);
                record.new_name = *terms.client_order_id.padded();
            }
            VenueRequest::Query { name, executed_qty, last_trade, question } => {
                record.what = 4;
                record.take_name(name);
                (record.qty, record.last_trade) = (executed_qty.units(), last_trade.0);
                record.question = *question;
            }
        }
        record
    }

    const fn take_name(&mut self, name: &OrderName) {
        self.name = *name.client_order_id.padded();
        self.order_id = name.order_id.0;
        self.side = name.side as u8;
    }

    const fn take_terms(&mut self, terms: &OrderTerms) {
        (self.price, self.qty) = (terms.price.units(), terms.qty.units());
        (self.side, self.kind) = (terms.side as u8, terms.kind as u8);
        self.time_in_force = terms.time_in_force as u8;
    }

    fn terms(&self, name: &Name) -> Option<OrderTerms> {
        Some(OrderTerms {
            client_order_id: name_of(name)?,
            instrument: InstrumentId(self.instrument),
            side: side_of(self.side)?,
            kind: kind_of(self.kind)?,
            time_in_force: time_in_force_of(self.time_in_force)?,
            price: Price::from_units(self.price),
            qty: Qty::from_units(self.qty),
        })
    }

    fn advanced(&self) -> Option<AdvancedTerms> {
        let number = u32::try_from(self.question).ok()?;
        let kind = *ListKind::ALL.get(usize::from(self.list_kind))?;
        Some(AdvancedTerms {
            order: self.terms(&self.name)?,
            trigger_price: Price::from_units(self.open_qty.cast_signed()),
            list: (number > 0).then_some(ListPlace { number, kind, at: self.list_at }),
        })
    }

    pub(super) fn read(&self) -> Option<(Timestamp, VenueId, u64, VenueRequest)> {
        let name = OrderName {
            client_order_id: name_of(&self.name)?,
            order_id: OrderId(self.order_id),
            instrument: InstrumentId(self.instrument),
            side: side_of(self.side)?,
        };
        let (price, qty) = (Price::from_units(self.price), Qty::from_units(self.qty));
        let request = match self.what {
            0 => VenueRequest::New(self.terms(&self.name)?),
            1 => VenueRequest::Cancel(name),
            2 => {
                let open_qty = Qty::from_units(self.open_qty);
                VenueRequest::Amend { name, price, qty, open_qty }
            }
            3 => VenueRequest::CancelReplace { name, terms: self.terms(&self.new_name)? },
            4 => VenueRequest::Query {
                name,
                executed_qty: qty,
                last_trade: TradeId(self.last_trade),
                question: self.question,
            },
            5 => VenueRequest::NewAdvanced(self.advanced()?),
            _ => return None,
        };
        Some((Timestamp(self.time), VenueId(self.venue), self.tag, request))
    }
}

/// A report.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct HeardRecord {
    order_id: u64,
    trade_id: u64,
    price: i64,
    qty: u64,
    /// What has traded in all, or is left.
    progress: u64,
    question: u64,
    answer: u64,
    fee: [u8; 16],
    venue: u8,
    what: u8,
    found: u8,
    /// 0: `progress` has traded; 1: it is left.
    is_open: u8,
    fee_kind: u8,
    reserved: [u8; 3],
    name: [u8; ClientOrderId::LIMIT],
    reserved_too: [u8; 4],
}

const FOUND: [Found; 6] = [
    Found::Working,
    Found::Cancelled,
    Found::Expired,
    Found::Rejected,
    Found::Filled,
    Found::Nothing,
];

impl HeardRecord {
    #[inline]
    pub(super) fn new(venue: VenueId, answer: u64, report: &VenueReport) -> Self {
        let (fee_kind, fee) = match report.fee {
            Fee::Quote(fee) => (0, fee),
            Fee::Base(fee) => (1, fee),
            Fee::Received(fee) => (2, fee),
            Fee::Other(fee) => (3, fee),
        };
        let mut record = Self {
            order_id: report.order_id.0,
            question: report.question,
            answer,
            fee: fee.units().to_le_bytes(),
            venue: venue.0,
            fee_kind,
            name: *report.client_order_id.padded(),
            ..Self::new_zeroed()
        };
        match report.input {
            Input::CancelSent => record.what = 1,
            Input::ReplaceSent => record.what = 2,
            Input::NoAnswer => record.what = 3,
            Input::Accepted(order_id) => (record.what, record.trade_id) = (4, order_id.0),
            Input::Rejected => record.what = 5,
            Input::Filled { trade_id, price, qty, after } => {
                (record.what, record.trade_id) = (6, trade_id.0);
                (record.price, record.qty) = (price.units(), qty.units());
                record.take_progress(after);
            }
            Input::Cancelled(after) => {
                record.what = 7;
                record.take_progress(after);
            }
            Input::Expired(after) => {
                record.what = 8;
                record.take_progress(after);
            }
            Input::CancelRejected => record.what = 9,
            Input::Replaced { price, open_qty } => {
                (record.what, record.price, record.qty) = (10, price.units(), open_qty.units());
            }
            Input::ReplaceRejected => record.what = 11,
            Input::Status { found, executed_qty, price, qty } => {
                record.what = 12;
                record.found = FOUND.iter().position(|it| *it == found).unwrap_or(0) as u8;
                (record.price, record.qty) = (price.units(), qty.units());
                record.progress = executed_qty.units();
            }
        }
        record
    }

    const fn take_progress(&mut self, progress: Progress) {
        (self.progress, self.is_open) = match progress {
            Progress::Executed(qty) => (qty.units(), 0),
            Progress::Open(qty) => (qty.units(), 1),
        };
    }

    pub(super) fn read(&self) -> Option<(VenueId, u64, VenueReport)> {
        let (price, qty) = (Price::from_units(self.price), Qty::from_units(self.qty));
        let progress = Qty::from_units(self.progress);
        let after =
            if self.is_open == 0 { Progress::Executed(progress) } else { Progress::Open(progress) };
        let input = match self.what {
            1 => Input::CancelSent,
            2 => Input::ReplaceSent,
            3 => Input::NoAnswer,
            4 => Input::Accepted(OrderId(self.trade_id)),
            5 => Input::Rejected,
            6 => Input::Filled { trade_id: TradeId(self.trade_id), price, qty, after },
            7 => Input::Cancelled(after),
            8 => Input::Expired(after),
            9 => Input::CancelRejected,
            10 => Input::Replaced { price, open_qty: qty },
            11 => Input::ReplaceRejected,
            12 => Input::Status {
                found: *FOUND.get(usize::from(self.found))?,
                executed_qty: progress,
                price,
                qty,
            },
            _ => return None,
        };
        let fee = Money::from_units(i128::from_le_bytes(self.fee));
        let fee = match self.fee_kind {
            0 => Fee::Quote(fee),
            1 => Fee::Base(fee),
            2 => Fee::Received(fee),
            3 => Fee::Other(fee),
            _ => return None,
        };
        let report = VenueReport {
            client_order_id: name_of(&self.name)?,
            order_id: OrderId(self.order_id),
            input,
            fee,
            question: self.question,
        };
        Some((VenueId(self.venue), self.answer, report))
    }
}
