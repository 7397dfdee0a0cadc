//! Bytes as fields, and as commands.

use core::mem::{offset_of, size_of};

use tiercel_types::command::{
    AddInstrument, AdvanceTime, AmendOrder, CancelOrder, Kind, NewAdvancedOrder, NewOrder,
    ReplaceOrder, SchedulePhase, StageLeg, Transfer, UpdateInstrument,
};
use tiercel_types::order::{Peg, Side};
use tiercel_types::record::{COMMAND_HEADER_SIZE, CommandHeader, RECORD_SIZE_MAX};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, InstrumentId, InstrumentSpec, OrderId, Price, Qty,
};

use super::venue::{LOT_UNITS, MIDDLE_TICKS, TICK_UNITS};
use crate::harness::SHARD;
use crate::model::Mode;

/// How an order is named: by its client order id, in the bare book by its order id.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) order_id: OrderId,
    pub(super) client_order_id: ClientOrderId,
    pub(super) account: AccountId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
}

/// Takes bytes off the front; behind the end all are zero.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) mode: Mode,
    /// The names of the new orders so far, taken or not.
    pub(super) orders: Vec<Name>,
    /// What the newest order trades, and whose it is.
    pub(super) last_instrument: InstrumentId,
    pub(super) last_account: AccountId,
    /// What is left of a list that has begun, last first.
    pub(super) queued: Vec<Command>,
    /// The phase that was scheduled last.
    pub(super) scheduled: Option<SchedulePhase>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(mode: Mode, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            mode,
            orders: Vec::new(),
            last_instrument: InstrumentId(1),
            last_account: AccountId(1),
            queued: Vec::new(),
            scheduled: None,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    pub(super) fn word(&mut self) -> u64 {
        let bytes: [u8; 8] = core::array::from_fn(|_| self.byte());
        u64::from_le_bytes(bytes)
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::from(self.byte()) % items.len()]
    }

    pub(super) fn command(&mut self, now: u64) -> Option<Command> {
        if let Some(next) = self.queued.pop() {
            return Some(next);
        }
        let command = match self.byte() % 70 {
            0..=17 => self.new_order(now).into(),
            18..=22 => {
                let (mut order, terms) = (self.new_order(now), self.order_terms());
                if terms.peg != Peg::None && self.byte().is_multiple_of(4) {
                    order.price = Price::ZERO;
                }
                NewAdvancedOrder { order, terms }.into()
            }
            23..=25 => {
                let (order, terms) = (self.new_order(now), self.order_terms());
                StageLeg { order, terms }.into()
            }
            26 | 27 => self.stage_condition().into(),
            28 | 29 => self.new_order_list(now),
            30..=34 => self.cancel_order().into(),
            35..=41 => self.amend_order().into(),
            42..=45 => self.replace_order(now).into(),
            46 => self.mass_cancel().into(),
            47 | 48 => self.query_order().into(),
            49 | 50 => self.bust_trade().into(),
            51 | 52 => self.correct_trade().into(),
            53 => self.add_asset().into(),
            54 => AddInstrument { spec: self.terms() }.into(),
            55 => UpdateInstrument { spec: self.terms() }.into(),
            56 | 57 => self.set_instrument_state().into(),
            58 => self.set_account().into(),
            59 | 60 => self.funds(),
            61 => match self.byte() % 4 {
                0 => AdvanceTime::default().into(),
                _ => self.set_matching_rules().into(),
            },
            62..=67 => self.session_command(now),
            _ => return self.raw(),
        };
        Some(command)
    }

    /// A record of the log: its kind, then its body as it lies in memory.
    pub(super) fn raw(&mut self) -> Option<Command> {
        let kind = self.pick(Kind::ALL);
        let body = match kind {
            Kind::NewOrder => size_of::<NewOrder>(),
            Kind::CancelOrder => size_of::<CancelOrder>(),
            Kind::ReplaceOrder => size_of::<ReplaceOrder>(),
            Kind::AmendOrder => size_of::<AmendOrder>(),
            Kind::AddInstrument | Kind::UpdateInstrument => size_of::<InstrumentSpec>(),
            _ => size_of::<Transfer>(),
        };
        let length = COMMAND_HEADER_SIZE + body;
        let mut record = [0; RECORD_SIZE_MAX];
        record[offset_of!(CommandHeader, length)] = length as u8;
        record[offset_of!(CommandHeader, kind)] = kind as u8;
        record[offset_of!(CommandHeader, version)] = tiercel_types::SCHEMA_VERSION as u8;
        record[COMMAND_HEADER_SIZE..length].fill_with(|| self.byte());
        Command::decode(&record[..length]).ok().map(|(_, command)| command)
    }

    pub(super) fn instrument(&mut self) -> InstrumentId {
        match self.byte() {
            250.. => self.pick(&[
                InstrumentId::ALL,
                InstrumentId(InstrumentId::LIMIT),
                InstrumentId(InstrumentId::LIMIT - 1),
                InstrumentId(0),
                InstrumentId(3),
            ]),
            byte => InstrumentId(1 + u32::from(byte % 2)),
        }
    }

    pub(super) fn account(&mut self) -> AccountId {
        match self.byte() {
            250.. => {
                let limit = AccountId(AccountId::LIMIT);
                self.pick(&[AccountId::ALL, AccountId::VENUE, limit, AccountId(5), AccountId(9)])
            }
            byte => AccountId(1 + u32::from(byte % 4)),
        }
    }

    pub(super) fn asset(&mut self) -> AssetId {
        match self.byte() {
            240.. => self.pick(&[AssetId(0), AssetId(3), AssetId(AssetId::LIMIT)]),
            byte => AssetId(1 + u32::from(byte % 2)),
        }
    }

    pub(super) fn price(&mut self) -> Price {
        let units = match self.byte() {
            255 => self.word() as i64,
            240.. => self.pick(&[0, 1, -1, TICK_UNITS, -TICK_UNITS, i64::MAX, i64::MIN]),
            byte => (MIDDLE_TICKS - 4 + i64::from(byte % 8)) * TICK_UNITS,
        };
        Price::from_units(units)
    }

    pub(super) fn qty(&mut self) -> Qty {
        let units = match self.byte() {
            255 => self.word(),
            240.. => self.pick(&[0, 1, LOT_UNITS + 1, u64::MAX, u64::MAX - u64::MAX % LOT_UNITS]),
            byte => u64::from(1 + byte % 32) * LOT_UNITS,
        };
        Qty::from_units(units)
    }

    /// One of few ids, or none: ids that live already come up.
    pub(super) fn client_order_id(&mut self) -> ClientOrderId {
        match self.byte() {
            byte @ 128.. => format!("c{}", byte % 16).parse().expect("a short id"),
            _ => ClientOrderId::EMPTY,
        }
    }

    /// One of the last new orders; by the largest bytes any order.
    pub(super) fn target(&mut self) -> Name {
        let byte = self.byte();
        let last = self.orders.iter().rev().nth(usize::from(byte % 16));
        match last {
            Some(&name) if byte < 224 => name,
            _ => Name {
                order_id: match byte % 4 {
                    0 => OrderId(self.word()),
                    1 => OrderId::NONE,
                    // The full engine counts its orders, those that it took.
                    _ => OrderId::new(SHARD, u64::from(self.byte())),
                },
                client_order_id: self.client_order_id(),
                account: self.account(),
                instrument: self.instrument(),
                side: self.pick(Side::ALL),
            },
        }
    }
}
