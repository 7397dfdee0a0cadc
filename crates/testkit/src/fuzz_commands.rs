//! What must hold for commands made of any bytes: as records, as a log, and as a session of the
//! engine. Bodies for fuzzers and for fixed seeds; nothing here knows the engine.
//!
//! ```text
//!   bytes --> records: decodes or is refused; what decodes encodes back
//!         --> log:     walks to an end or to an error, never further
//!         --> steps:   any bytes are commands on a small venue --> engine, model, auditor
//! ```
//!
//! [`steps`] reads a byte or two for each field, so that small changes of the bytes are small
//! changes of the session: prices lie on few levels, ids name orders that may live, and a few byte
//! values stand for the edges of a field. One kind of command is read as a record of the log, so
//! that every value of every field can come up.

use core::mem::{offset_of, size_of};

use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, AdvanceTime, AmendOrder, BustTrade, CONDITION_AND,
    CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, CancelOrder, ConditionLeaf, CorrectTrade,
    Deposit, Kind, MarketMaker, MassCancel, NewAdvancedOrder, NewOrder, NewOrderList, OrderTerms,
    QueryOrder, ReplaceOrder, SetAccount, SetInstrumentState, SetMatchingRules, StageCondition,
    StageLeg, Transfer, UpdateInstrument, Withdraw,
};
use tiercel_types::log::{LogReader, SEGMENT_HEADER_SIZE};
use tiercel_types::order::{
    AmendQtyMeaning, Comparison, ConditionField, ListKind, OrderKind, PendingRule,
    SelfTradePrevention, Side, SideScope, TimeInForce, Trigger,
};
use tiercel_types::record::{COMMAND_HEADER_SIZE, CommandHeader, RECORD_SIZE_MAX};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, InstrumentId, InstrumentSpec, InstrumentState,
    Money, OrderId, Price, Qty, Timestamp, TradeId,
};

use crate::commands::Step;
use crate::harness::{SHARD, Subject, print_steps, replay};
use crate::model::Mode;

/// Any bytes as one record: no panic, and what decodes encodes to the same command.
///
/// # Panics
/// When decoding or encoding is wrong.
pub fn record(bytes: &[u8]) {
    let Ok((header, command)) = Command::decode(bytes) else { return };
    assert!(usize::from(header.length) <= bytes.len(), "a record longer than its bytes");
    let mut out = [0; RECORD_SIZE_MAX];
    let (sequence, time) = (header.sequence, Timestamp(header.time_ns));
    let size = command.encode(sequence, time, &mut out).expect("a record fits");
    let (again, same) = Command::decode(&out[..size]).expect("what was encoded decodes");
    assert_eq!(same, command, "encoding is not the inverse of decoding");
    assert_eq!((again.sequence, again.time_ns), (header.sequence, header.time_ns));
}

/// Any bytes as a log: no panic; the records follow each other without gap, and an error is the
/// last thing that is read.
///
/// # Panics
/// When the reader is wrong.
pub fn log(bytes: &[u8]) {
    let Ok(mut reader) = LogReader::new(bytes) else { return };
    let mut sequence = reader.header().first_sequence;
    let (mut offset, mut time_ns) = (SEGMENT_HEADER_SIZE, 0);
    assert_eq!(reader.offset(), offset);
    while let Some(read) = reader.next() {
        let Ok((header, command)) = read else {
            assert_eq!(reader.offset(), offset, "an error moves on");
            assert!(reader.next().is_none(), "an error is not the end");
            return;
        };
        assert_eq!(reader.offset(), offset + usize::from(header.length));
        assert_eq!(header.sequence, sequence);
        assert!(header.time_ns >= time_ns, "time goes back");
        assert_eq!(header.kind, command.kind() as u8);
        (offset, time_ns) = (reader.offset(), header.time_ns);
        sequence = sequence.wrapping_add(1);
    }
    assert_eq!(offset, bytes.len(), "an end before the end");
}

/// Any bytes as a session on a new engine of shard [`SHARD`], beside the model and the auditor.
///
/// # Panics
/// When they disagree, with the whole session as text.
pub fn session<S: Subject>(subject: &mut S, mode: Mode, bytes: &[u8]) {
    let steps = steps(mode, bytes);
    if let Err((count, difference)) = replay(subject, mode, &steps) {
        panic!("command {count}: {difference}\n{}", print_steps(&steps[..count]));
    }
}

/// The commands that set up a small venue, and those that the bytes stand for.
#[must_use]
pub fn steps(mode: Mode, bytes: &[u8]) -> Vec<Step> {
    let mut time = 1_000;
    let mut steps: Vec<Step> =
        set_up(mode).into_iter().map(|command| Step { time: Timestamp(time), command }).collect();
    let mut reader = Reader {
        bytes,
        mode,
        orders: Vec::new(),
        last_instrument: InstrumentId(1),
        last_account: AccountId(1),
        queued: Vec::new(),
    };
    while !reader.bytes.is_empty() {
        time += u64::from(reader.byte() % 8);
        let Some(command) = reader.command(time) else { continue };
        if is_affordable(&command) {
            steps.push(Step { time: Timestamp(time), command });
        }
    }
    steps
}

/// Most slices that an instrument of a session allows an iceberg.
const ICEBERG_PARTS_MAX: u32 = 64;

/// Accounts of a session are numbered below this: an engine's tables grow with the number.
const ACCOUNTS_MAX: u32 = 1_024;

/// Whether a command on such a venue takes an engine and a model neither too long nor too much room.
#[must_use]
pub fn is_affordable(command: &Command) -> bool {
    let bounded = |spec: &InstrumentSpec| (1..=ICEBERG_PARTS_MAX).contains(&spec.max_iceberg_parts);
    match command {
        Command::AddInstrument(add) => bounded(&add.spec),
        Command::UpdateInstrument(update) => bounded(&update.spec),
        Command::SetAccount(terms) => {
            terms.account.0 < ACCOUNTS_MAX || terms.account.0 >= AccountId::LIMIT
        }
        _ => true,
    }
}

const TICK_UNITS: i64 = 1_000_000;
const LOT_UNITS: u64 = 10_000;
/// Prices lie round this many ticks.
const MIDDLE_TICKS: i64 = 1_000;

/// Instruments 1 and 2; more may be added.
fn spec(instrument: u32) -> InstrumentSpec {
    let first = instrument.is_multiple_of(2);
    let (tick, lot) = (Price::from_units(TICK_UNITS), Qty::from_units(LOT_UNITS));
    let id = InstrumentId(instrument);
    InstrumentSpec {
        maker_fee_ppm: if first { 333 } else { -100 },
        taker_fee_ppm: 777,
        max_iceberg_parts: if first { 8 } else { ICEBERG_PARTS_MAX },
        symbol: format!("I{instrument}").parse().expect("a short symbol"),
        ..InstrumentSpec::new(id, AssetId(1), AssetId(2), tick, lot)
    }
}

fn set_up(mode: Mode) -> Vec<Command> {
    let asset = |number: u32| AddAsset {
        asset: AssetId(number),
        code: format!("A{number}").parse().expect("a short code"),
    };
    let mut commands: Vec<Command> = vec![asset(1).into(), asset(2).into()];
    commands.extend([1, 2].map(|number| Command::from(AddInstrument { spec: spec(number) })));
    if mode == Mode::Bare {
        return commands;
    }
    for number in 1..=4 {
        let account = AccountId(number);
        // 1 and 2 are a group; 4 is poor and may have two orders.
        let terms = SetAccount {
            account,
            trade_group: u32::from(number <= 2),
            max_open_orders: if number == 4 { 2 } else { 0 },
            state: AccountState::Active,
            reserved: [0; 3],
        };
        commands.push(terms.into());
        for asset in [AssetId(1), AssetId(2)] {
            let whole = if number == 4 { 1 } else { 1_000_000 };
            let amount = Money::from_qty(Qty::from_units(whole * LOT_UNITS));
            let funding_id = u64::from(number * 2 + asset.0);
            commands.push(Deposit { funding_id, account, asset, amount }.into());
        }
    }
    commands
}

/// How an order is named: by its client order id, in the bare book by its order id.
#[derive(Clone, Copy)]
struct Name {
    order_id: OrderId,
    client_order_id: ClientOrderId,
    account: AccountId,
    instrument: InstrumentId,
    side: Side,
}

/// Takes bytes off the front; behind the end all are zero.
struct Reader<'a> {
    bytes: &'a [u8],
    mode: Mode,
    /// The names of the new orders so far, taken or not.
    orders: Vec<Name>,
    /// What the newest order trades, and whose it is.
    last_instrument: InstrumentId,
    last_account: AccountId,
    /// What is left of a list that has begun, last first.
    queued: Vec<Command>,
}

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    fn word(&mut self) -> u64 {
        let bytes: [u8; 8] = core::array::from_fn(|_| self.byte());
        u64::from_le_bytes(bytes)
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::from(self.byte()) % items.len()]
    }

    fn command(&mut self, now: u64) -> Option<Command> {
        if let Some(next) = self.queued.pop() {
            return Some(next);
        }
        let command = match self.byte() % 64 {
            0..=17 => self.new_order(now).into(),
            18..=22 => {
                let (order, terms) = (self.new_order(now), self.order_terms());
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
            _ => return self.raw(),
        };
        Some(command)
    }

    /// A record of the log: its kind, then its body as it lies in memory.
    fn raw(&mut self) -> Option<Command> {
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

    fn instrument(&mut self) -> InstrumentId {
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

    fn account(&mut self) -> AccountId {
        match self.byte() {
            250.. => {
                let limit = AccountId(AccountId::LIMIT);
                self.pick(&[AccountId::ALL, AccountId::VENUE, limit, AccountId(5), AccountId(9)])
            }
            byte => AccountId(1 + u32::from(byte % 4)),
        }
    }

    fn asset(&mut self) -> AssetId {
        match self.byte() {
            240.. => self.pick(&[AssetId(0), AssetId(3), AssetId(AssetId::LIMIT)]),
            byte => AssetId(1 + u32::from(byte % 2)),
        }
    }

    fn price(&mut self) -> Price {
        let units = match self.byte() {
            255 => self.word() as i64,
            240.. => self.pick(&[0, 1, -1, TICK_UNITS, -TICK_UNITS, i64::MAX, i64::MIN]),
            byte => (MIDDLE_TICKS - 4 + i64::from(byte % 8)) * TICK_UNITS,
        };
        Price::from_units(units)
    }

    fn qty(&mut self) -> Qty {
        let units = match self.byte() {
            255 => self.word(),
            240.. => self.pick(&[0, 1, LOT_UNITS + 1, u64::MAX, u64::MAX - u64::MAX % LOT_UNITS]),
            byte => u64::from(1 + byte % 32) * LOT_UNITS,
        };
        Qty::from_units(units)
    }

    /// One of few ids, or none: ids that live already come up.
    fn client_order_id(&mut self) -> ClientOrderId {
        match self.byte() {
            byte @ 128.. => format!("c{}", byte % 16).parse().expect("a short id"),
            _ => ClientOrderId::EMPTY,
        }
    }

    /// One of the last new orders; by the largest bytes any order.
    fn target(&mut self) -> Name {
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

    fn new_order(&mut self, now: u64) -> NewOrder {
        // Orders of a list have one owner and one instrument.
        let (mut instrument, mut account) = (self.instrument(), self.account());
        let side = self.byte();
        if side & 6 != 0 {
            (instrument, account) = (self.last_instrument, self.last_account);
        }
        (self.last_instrument, self.last_account) = (instrument, account);
        let side = Side::ALL[usize::from(side & 1)];
        let (price, qty) = (self.price(), self.qty());
        let mut order = NewOrder::limit(instrument, account, side, price, qty);
        let number = 1 + self.orders.len() as u64;
        match self.mode {
            Mode::Bare => order.order_id = OrderId(number),
            Mode::Full => {
                order.client_order_id = format!("o{number}").parse().expect("a short id");
            }
        }
        // Most orders are plain: one byte says which are not.
        let traits = self.byte();
        if traits & 1 != 0 {
            order.client_order_id = self.client_order_id();
        }
        if traits & 2 != 0 && self.byte() < 192 {
            order.kind = self.pick(OrderKind::ALL);
            order.time_in_force = self.pick(TimeInForce::ALL);
        }
        if traits & 4 != 0 {
            let last = SelfTradePrevention::ALL.len() - 1;
            let mode = usize::from(self.byte() % 8).min(last);
            order.self_trade_prevention = SelfTradePrevention::ALL[mode];
        }
        if traits & 8 != 0 {
            let lots = order.qty.units() / LOT_UNITS / u64::from(1 + self.byte() % 8);
            let more = if self.byte() > 250 { order.qty.units() } else { 0 };
            order.display_qty = Qty::from_units((lots.max(1) * LOT_UNITS).saturating_add(more));
        }
        if order.kind == OrderKind::Market {
            order.price = if traits & 16 == 0 { Price::ZERO } else { order.price };
            if traits & 32 != 0 {
                let value = u64::from(self.byte()) * MIDDLE_TICKS.unsigned_abs() * LOT_UNITS / 100;
                (order.qty, order.quote_qty) = (Qty::ZERO, Qty::from_units(value));
            }
        }
        if order.time_in_force == TimeInForce::Gtd {
            order.expire_time = Timestamp(now + u64::from(self.byte() % 64));
        }
        if traits >= 252 {
            match traits {
                255 => order.order_id = OrderId(self.word()),
                254 => order.reserved[0] = 1,
                _ => order.quote_qty = self.qty(),
            }
        }
        let NewOrder { order_id, client_order_id, .. } = order;
        self.orders.push(Name { order_id, client_order_id, account, instrument, side });
        order
    }

    fn set_matching_rules(&mut self) -> SetMatchingRules {
        let (instrument, minimum) = (self.instrument(), self.qty());
        let mut rules = SetMatchingRules::pro_rata(instrument, minimum);
        let traits = self.byte();
        if traits.is_multiple_of(4) {
            rules = SetMatchingRules::fifo(instrument);
        }
        if traits & 4 != 0 {
            rules = rules.with_top(self.qty(), Qty::ZERO);
        }
        if traits & 8 != 0 {
            rules.top_max_qty = self.qty();
        }
        if traits & 16 != 0 {
            rules = rules.with_fifo_part(u32::from(self.byte()) * 4_000);
        }
        for place in 0..usize::from(traits >> 6) {
            let share_ppm = u32::from(self.byte()) * 2_000;
            rules.market_makers[place] = MarketMaker { account: self.account(), share_ppm };
        }
        rules
    }

    fn order_terms(&mut self) -> OrderTerms {
        let mut terms = OrderTerms::NONE;
        terms.trigger = self.pick(Trigger::ALL);
        match terms.trigger {
            Trigger::Stop | Trigger::TakeProfit => terms.trigger_price = self.price(),
            Trigger::TrailingStop => {
                let byte = self.byte();
                if byte & 1 == 0 {
                    terms.trailing_bps = u32::from(byte) * 40;
                } else {
                    terms.trailing_amount = Price::from_units(i64::from(byte >> 4) * TICK_UNITS);
                }
                if byte & 2 != 0 {
                    terms.activation_price = self.price();
                }
            }
            Trigger::None | Trigger::Condition => {}
        }
        // Now and then a term that does not belong there.
        match self.byte() {
            0 => terms.trigger_price = self.price(),
            1 => terms.trailing_bps = 7,
            2 => terms.reserved[0] = 1,
            _ => {}
        }
        terms
    }

    fn stage_condition(&mut self) -> StageCondition {
        let mut condition = StageCondition {
            leaves: [ConditionLeaf::NONE; CONDITION_LEAVES_MAX],
            program: [CONDITION_END; 2 * CONDITION_LEAVES_MAX],
            account: self.last_account,
            reserved: [0; 4],
        };
        let leaves = usize::from(self.byte() % 4) + 1;
        let mut codes = 0;
        for at in 0..leaves {
            condition.leaves[at] = ConditionLeaf {
                value: self.price().units(),
                instrument: self.instrument(),
                field: self.pick(ConditionField::ALL),
                comparison: self.pick(Comparison::ALL),
                reserved: [0; 2],
            };
            condition.program[codes] = at as u8 + 1;
            codes += 1;
            if at > 0 {
                condition.program[codes] = self.pick(&[CONDITION_AND, CONDITION_OR]);
                codes += 1;
            }
        }
        if self.byte() == 0 {
            condition.program[codes] = self.byte();
        }
        condition
    }

    /// A list with its orders right before it; most of them go together.
    fn new_order_list(&mut self, now: u64) -> Command {
        let kind = self.pick(ListKind::ALL);
        let pending_rule = match kind {
            ListKind::Oco => PendingRule::FullFill,
            _ => self.pick(PendingRule::ALL),
        };
        let first = self.new_order(now);
        let legs = kind.orders() + usize::from(self.byte() == 0);
        let mut commands = Vec::new();
        for at in 0..legs {
            let mut order = if at == 0 { first } else { self.new_order(now) };
            let terms = self.order_terms();
            if self.byte() != 0 {
                (order.instrument, order.account) = (first.instrument, first.account);
                let opposite = kind == ListKind::Otoco && at > 0;
                order.side = if opposite { first.side.opposite() } else { first.side };
            }
            if terms.trigger == Trigger::Condition {
                let account = order.account;
                commands.push(StageCondition { account, ..self.stage_condition() }.into());
            }
            commands.push(StageLeg { order, terms }.into());
        }
        let list = NewOrderList {
            instrument: first.instrument,
            account: first.account,
            list_client_order_id: ClientOrderId::EMPTY,
            kind,
            pending_rule,
            reserved: [0; 2],
        };
        commands.push(list.into());
        commands.reverse();
        self.queued = commands;
        self.queued.pop().expect("a list has orders")
    }

    fn cancel_order(&mut self) -> CancelOrder {
        let Name { order_id, client_order_id, account, .. } = self.target();
        CancelOrder { order_id, account, client_order_id }
    }

    fn replace_order(&mut self, now: u64) -> ReplaceOrder {
        let target = self.target();
        let mut order = self.new_order(now);
        if self.byte() < 240 {
            let Name { account, instrument, side, .. } = target;
            order = NewOrder { account, instrument, side, ..order };
            let entered = self.orders.last_mut().expect("the order that was just made");
            *entered = Name { account, instrument, side, ..*entered };
        }
        ReplaceOrder {
            target_order_id: target.order_id,
            target_client_order_id: target.client_order_id,
            reserved: [self.byte() / 255; 4],
            order,
        }
    }

    fn amend_order(&mut self) -> AmendOrder {
        let Name { order_id, client_order_id, account, .. } = self.target();
        let traits = self.byte();
        let new_name = traits & 16 != 0;
        AmendOrder {
            order_id,
            price: if traits & 1 == 0 { Price::ZERO } else { self.price() },
            qty: if traits & 2 == 0 { Qty::ZERO } else { self.qty() },
            account,
            client_order_id,
            new_client_order_id: if new_name { self.client_order_id() } else { client_order_id },
            qty_meaning: AmendQtyMeaning::ALL[usize::from(traits & 4 != 0)],
            lose_priority: (traits >> 3) % 2 + traits / 255,
            reserved: [0; 2],
        }
    }

    fn mass_cancel(&mut self) -> MassCancel {
        let all = self.byte();
        MassCancel {
            account: if all & 1 == 0 { AccountId::ALL } else { self.account() },
            instrument: if all & 2 == 0 { InstrumentId::ALL } else { self.instrument() },
            sides: self.pick(SideScope::ALL),
            reserved: [all / 255; 7],
        }
    }

    fn query_order(&mut self) -> QueryOrder {
        let Name { order_id, client_order_id, account, .. } = self.target();
        QueryOrder { order_id, account, client_order_id }
    }

    fn bust_trade(&mut self) -> BustTrade {
        let trade_id = TradeId(u64::from(self.byte() % 8));
        BustTrade { trade_id, instrument: self.instrument(), reserved: 0 }
    }

    fn correct_trade(&mut self) -> CorrectTrade {
        CorrectTrade {
            trade_id: TradeId(u64::from(self.byte() % 8)),
            price: self.price(),
            qty: self.qty(),
            instrument: self.instrument(),
            reserved: 0,
        }
    }

    fn add_asset(&mut self) -> AddAsset {
        let code = format!("A{}", self.byte() % 8).parse().expect("a short code");
        AddAsset { asset: self.asset(), code }
    }

    /// The terms of an instrument as it was set up, or of a new one, with one of them changed.
    fn terms(&mut self) -> InstrumentSpec {
        let instrument = self.instrument();
        let base = spec(instrument.0 % 8);
        let mut spec = InstrumentSpec { instrument, ..base };
        match self.byte() % 32 {
            0 => spec.tick = self.price(),
            1 => spec.lot = self.qty(),
            2 => spec.min_price = self.price(),
            3 => spec.max_price = self.price(),
            4 => spec.min_qty = self.qty(),
            5 => spec.max_qty = self.qty(),
            6 => spec.min_notional = self.qty(),
            7 => spec.max_notional = self.qty(),
            8 => {
                spec.reference_price = self.price();
                spec.band_ppm = u32::from(self.byte()) * 100;
            }
            9 => spec.market_protection_ppm = u32::from(self.byte()) * 100,
            10 => spec.maker_fee_ppm = self.word() as i32 % 600_000,
            11 => spec.taker_fee_ppm = self.word() as i32 % 600_000,
            12 => spec.max_iceberg_parts = u32::from(self.byte()),
            13 => spec.state = self.pick(InstrumentState::ALL),
            14 => (spec.base, spec.quote) = (self.asset(), self.asset()),
            _ => {}
        }
        spec
    }

    fn set_instrument_state(&mut self) -> SetInstrumentState {
        let (instrument, state) = (self.instrument(), self.pick(InstrumentState::ALL));
        // Mostly open: where nothing trades there is little to see.
        let state = if self.byte() < 192 { InstrumentState::Open } else { state };
        SetInstrumentState { instrument, state, reserved: [0; 3] }
    }

    fn set_account(&mut self) -> SetAccount {
        SetAccount {
            account: self.account(),
            trade_group: u32::from(self.byte() % 3),
            max_open_orders: u32::from(self.byte() % 8),
            state: if self.byte() > 250 { AccountState::Blocked } else { AccountState::Active },
            reserved: [0; 3],
        }
    }

    fn funds(&mut self) -> Command {
        let funding_id = u64::from(self.byte() % 64);
        let (account, asset) = (self.account(), self.asset());
        let amount = match self.byte() {
            255 => self.pick(&[i128::MAX, i128::MIN, -1, 1 << 99, (1 << 100) - 1, 1 << 100]),
            byte => i128::from(byte) * Money::from_qty(Qty::from_units(LOT_UNITS)).units(),
        };
        let amount = Money::from_units(amount);
        match self.byte() % 3 {
            0 => Deposit { funding_id, account, asset, amount }.into(),
            1 => Withdraw { funding_id, account, asset, amount }.into(),
            _ => {
                let to = self.account();
                Transfer { funding_id, from: account, to, asset, reserved: 0, amount }.into()
            }
        }
    }
}
