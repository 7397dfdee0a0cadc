//! Levels that are shared out: the published examples, the reference model on random sessions, and
//! what must not depend on how an engine is held.

use tiercel_matching::{Accounts, Engine};
use tiercel_testkit::allocation::published;
use tiercel_testkit::counting_allocator::{allocations, alone};
use tiercel_testkit::coverage::Coverage;
use tiercel_testkit::harness::SHARD;
use tiercel_testkit::model::{Mode, Model, same_events};
use tiercel_testkit::random::Random;
use tiercel_types::command::{
    Allocation, AmendOrder, CancelOrder, MarketMaker, NewOrder, NewOrderList, OrderTerms,
    SetMatchingRules, StageLeg,
};
use tiercel_types::order::{AmendQtyMeaning, ListKind, OrderKind, PendingRule, TimeInForce};
use tiercel_types::{
    AccountId, ClientOrderId, DenialReason, EndReason, Event, EventBuffer, InstrumentState,
    OrderId, Price, Qty, SelfTradePrevention, Side, Timestamp, event,
};

use crate::runs::{Digests, rounds, run};
use crate::session::{FREE, LOT, Session, TICK, check_held, events_of, limit, price, qty, value};
use crate::subject::{EngineSubject, Holding};

/// What each maker traded, by the number of its order.
fn traded(session: &Session) -> Vec<(u64, u64)> {
    let number = |id: OrderId| id.0 & 0xffff_ffff;
    let trade = |event: &Event| match event {
        Event::Trade(trade) => Some((number(trade.maker_order_id), trade.qty.units() / LOT)),
        _ => None,
    };
    events_of(session).iter().filter_map(trade).collect()
}

fn check_traded(mut session: Session, taker_lots: u64, expected: &[(u64, u64)]) {
    session.limit(FREE, 5, Side::Buy, 1_000, taker_lots);
    assert_eq!(traded(&session), expected);
}

/// A level of sells at 1,000, of account 1 if not said otherwise.
fn level(rules: SetMatchingRules, lots: &[u64]) -> Session {
    let mut session = Session::new(Mode::Bare);
    session.run(rules);
    for &lots in lots {
        session.limit(FREE, 1, Side::Sell, 1_000, lots);
    }
    session
}

#[test]
fn published_examples_come_out_exactly() {
    let Some(examples) = published() else { return };
    assert_eq!(examples.len(), 3);
    for example in examples {
        let mut rules = SetMatchingRules::pro_rata(FREE, qty(2));
        if example.resting.iter().any(|&(_, _, top)| top) {
            rules = rules.with_top(Qty::ZERO, Qty::ZERO);
        }
        let lots: Vec<u64> = example.resting.iter().map(|&(_, lots, _)| lots).collect();
        let mut session = level(rules, &lots);
        session.limit(FREE, 5, Side::Buy, 1_000, example.incoming);
        let traded = traded(&session);
        let sum: u64 = traded.iter().map(|(_, lots)| lots).sum();
        assert_eq!(sum, example.incoming, "{}", example.id);
        for (number, &(id, lots, _)) in (1..).zip(&example.resting) {
            let of_order = traded.iter().find(|&&(maker, _)| maker == number);
            let filled = of_order.map_or(0, |&(_, lots)| lots);
            let steps = ["pass1", "fifo"].map(|part| example.expected(part, id));
            let total = example
                .expected("total", id)
                .or_else(|| example.expected("remaining", id).map(|remaining| lots - remaining));
            let total = total.unwrap_or_else(|| steps.into_iter().flatten().sum());
            assert_eq!(filled, total, "{}, order {id}", example.id);
        }
    }
}

#[test]
fn each_scheme_shares_as_its_page_says() {
    let pro_rata = SetMatchingRules::pro_rata(FREE, Qty::ZERO);
    // 10 * 50/100, 20 * 50/100, 70 * 50/100
    check_traded(level(pro_rata, &[10, 20, 70]), 50, &[(1, 5), (2, 10), (3, 35)]);
    // Floors of 3.33, 3.33, 3.33; the one left over goes to the first.
    check_traded(level(pro_rata, &[10, 10, 10]), 10, &[(1, 4), (2, 3), (3, 3)]);
    // Shares of 1 are too small: all of it in queue order.
    let at_least_two = SetMatchingRules::pro_rata(FREE, qty(2));
    check_traded(level(at_least_two, &[10, 10, 10]), 3, &[(1, 3)]);
    // 40% of 10 in queue order, then 6 over 6, 10, 10: 1.38, 2.31, 2.31, one left over.
    let split = pro_rata.with_fifo_part(400_000);
    check_traded(level(split, &[10, 10, 10]), 10, &[(1, 6), (2, 2), (3, 2)]);
    // The first betters the market: 5 at most, then 5 over 5, 10, 10: 1, 2, 2.
    let top = pro_rata.with_top(Qty::ZERO, qty(5));
    check_traded(level(top, &[10, 10, 10]), 10, &[(1, 6), (2, 2), (3, 2)]);
    // It displays too little to be top: pro rata.
    let large_top = pro_rata.with_top(qty(11), Qty::ZERO);
    check_traded(level(large_top, &[10, 10, 10]), 9, &[(1, 3), (2, 3), (3, 3)]);
    // Account 2 is given half of 10 first; then 5 over 10, 5, 10: 2, 1, 2.
    let maker = MarketMaker { account: AccountId(2), share_ppm: 500_000 };
    let mut makers = level(pro_rata.with_market_makers([maker]), &[10]);
    makers.limit(FREE, 2, Side::Sell, 1_000, 10);
    makers.limit(FREE, 1, Side::Sell, 1_000, 10);
    check_traded(makers, 10, &[(1, 2), (2, 6), (3, 2)]);
    // All that is displayed: everyone in full.
    check_traded(level(top, &[3, 4, 5]), 12, &[(1, 3), (2, 4), (3, 5)]);
}

#[test]
fn the_top_order_is_lost_when_it_is_bettered_and_does_not_come_back() {
    let top = SetMatchingRules::pro_rata(FREE, Qty::ZERO).with_top(Qty::ZERO, Qty::ZERO);
    let mut session = level(top, &[4, 4]);
    let better = session.limit(FREE, 1, Side::Sell, 999, 1);
    session.cancel(1, better);
    check_traded(session, 4, &[(1, 2), (2, 2)]);
    let mut amended = level(top, &[4, 4]);
    amended.amend(1, 1, |amend| amend.lose_priority = 1);
    check_traded(amended, 4, &[(2, 2), (1, 2)]);
    let mut shrunk = level(top, &[4, 3]);
    shrunk.amend(1, 1, |amend| amend.qty = qty(3));
    check_traded(shrunk, 4, &[(1, 3), (2, 1)]);
    let mut rules_again = level(top, &[4, 4]);
    rules_again.run(top);
    check_traded(rules_again, 4, &[(1, 2), (2, 2)]);
}

#[test]
fn an_iceberg_shares_with_what_it_shows() {
    let pro_rata = SetMatchingRules::pro_rata(FREE, Qty::ZERO);
    let mut session = level(pro_rata, &[6]);
    session.order(NewOrder { display_qty: qty(2), ..limit(FREE, 1, Side::Sell, 1_000, 20) });
    // 8 displayed are all taken; the next slice is another round.
    check_traded(session, 9, &[(1, 6), (2, 2), (2, 1)]);
}

#[test]
fn rules_are_checked_in_the_order_of_the_page() {
    let good = SetMatchingRules::pro_rata(FREE, qty(2)).with_top(qty(1), qty(5));
    let odd = Qty::from_units(LOT + 1);
    let maker = |account, share_ppm| MarketMaker { account: AccountId(account), share_ppm };
    let fifo = SetMatchingRules::fifo(FREE);
    let cases = [
        (SetMatchingRules { reserved: [0, 1], ..good }, DenialReason::ReservedFieldSet),
        (SetMatchingRules { reserved_too: [0, 0, 0, 1], ..good }, DenialReason::ReservedFieldSet),
        (SetMatchingRules { top: 2, ..good }, DenialReason::ReservedFieldSet),
        (
            SetMatchingRules { instrument: tiercel_types::InstrumentId(77), ..good },
            DenialReason::UnknownInstrument,
        ),
        (
            SetMatchingRules { allocation: Allocation::Fifo, ..good },
            DenialReason::AllocationTermNotAllowed,
        ),
        (SetMatchingRules { fifo_ppm: 1, ..fifo }, DenialReason::AllocationTermNotAllowed),
        (SetMatchingRules { top: 0, ..good }, DenialReason::AllocationTermNotAllowed),
        (SetMatchingRules { minimum_allocation: odd, ..good }, DenialReason::AllocationQtyInvalid),
        (SetMatchingRules { top_min_qty: odd, ..good }, DenialReason::AllocationQtyInvalid),
        (SetMatchingRules { top_max_qty: odd, ..good }, DenialReason::AllocationQtyInvalid),
        (SetMatchingRules { top_min_qty: qty(6), ..good }, DenialReason::AllocationQtyInvalid),
        (SetMatchingRules { fifo_ppm: 1_000_001, ..good }, DenialReason::AllocationShareInvalid),
        (
            good.with_market_makers([maker(1, 500_000), maker(2, 500_001)]),
            DenialReason::AllocationShareInvalid,
        ),
        (good.with_market_makers([maker(0, 1)]), DenialReason::MarketMakerInvalid),
        (good.with_market_makers([maker(1, 0)]), DenialReason::MarketMakerInvalid),
        (good.with_market_makers([maker(1, 5), maker(1, 6)]), DenialReason::MarketMakerInvalid),
        (good.with_market_makers([maker(99, 5)]), DenialReason::UnknownAccount),
    ];
    for mode in [Mode::Full, Mode::Bare] {
        for (rules, reason) in cases {
            let mut session = Session::new(mode);
            session.run(rules);
            let expected = match (mode, reason) {
                (Mode::Bare, DenialReason::UnknownAccount) => None,
                _ => Some(reason),
            };
            let events = events_of(&session);
            let found = match events[..] {
                [Event::Denied(denied)] => Some(denied.reason),
                _ => None,
            };
            assert_eq!(found, expected, "{rules:?}");
        }
        let mut session = Session::new(mode);
        session.run(good);
        let set = tiercel_types::event::MatchingRulesSet { rules: good };
        assert_eq!(events_of(&session), [Event::MatchingRulesSet(set)]);
    }
}

/// How many times something is drawn in a session.
const STEPS: u64 = 3_000;

/// Draws a session in which levels are shared out, by rules that change; quantities are below
/// `lots_max`.
struct Drawing {
    random: Random,
    session: Session,
    /// Knows which orders live.
    model: Model,
    applied: usize,
    live: Vec<(OrderId, AccountId)>,
    lots_max: u64,
    with_pairs: bool,
}

impl Drawing {
    fn session(mode: Mode, seed: u64, lots_max: u64, with_pairs: bool) -> Session {
        Self::steps(rounds(STEPS), mode, seed, lots_max, with_pairs)
    }

    fn steps(steps: u64, mode: Mode, seed: u64, lots_max: u64, with_pairs: bool) -> Session {
        let mut drawing = Self {
            random: Random::new(seed),
            session: Session::new(mode),
            model: Model::new(SHARD, mode),
            applied: 0,
            live: Vec::new(),
            lots_max,
            with_pairs,
        };
        drawing.set_rules();
        for _ in 0..steps {
            drawing.step();
            drawing.observe();
        }
        drawing.session
    }

    /// Notes which orders live after the commands drawn so far.
    fn observe(&mut self) {
        for step in &self.session.steps[self.applied..] {
            self.applied += 1;
            for (header, event) in self.model.apply(self.applied as u64, step.time, &step.command) {
                let gone = match event {
                    Event::OrderAccepted(it) => {
                        self.live.push((it.order_id, header.account));
                        continue;
                    }
                    Event::OrderEnded(it) => [it.order_id, OrderId::NONE],
                    Event::Trade(it) => [
                        if it.maker_open_qty.is_zero() { it.maker_order_id } else { OrderId::NONE },
                        if it.taker_open_qty.is_zero() { it.taker_order_id } else { OrderId::NONE },
                    ],
                    _ => continue,
                };
                self.live.retain(|(id, _)| !gone.contains(id));
            }
        }
    }

    /// A quantity, small ones as often as large ones.
    fn lots(&mut self) -> u64 {
        let bits = 64 - self.lots_max.leading_zeros();
        let most = (1_u64 << (1 + self.random.below(u64::from(bits)))).min(self.lots_max);
        1 + self.random.below(most)
    }

    fn set_rules(&mut self) {
        let random = &mut self.random;
        let mut rules = SetMatchingRules::fifo(FREE);
        if !random.one_in(6) {
            rules = SetMatchingRules::pro_rata(FREE, qty(random.below(4)))
                .with_fifo_part(*random.pick(&[0, 0, 1, 333_333, 400_000, 1_000_000]));
            if !random.one_in(3) {
                let (least, most) = (random.below(5), *random.pick(&[0, 4, 9]));
                rules = rules.with_top(qty(least), qty(most));
            }
            let makers = random.below(3) as usize;
            for (entry, account) in rules.market_makers[..makers].iter_mut().zip(2..) {
                let share_ppm = 1 + random.below(330_000) as u32;
                *entry = MarketMaker { account: AccountId(account), share_ppm };
            }
        }
        self.session.run(rules);
    }

    /// An order of any kind that resting, sharing and preventing can tell apart.
    fn order(&mut self) -> NewOrder {
        let random = &mut self.random;
        let side = *random.pick(&[Side::Buy, Side::Sell]);
        let ticks = 1_000 + random.below(5) as i64 - 2;
        let prevention = *random.pick(SelfTradePrevention::ALL);
        let account = *random.pick(&[1, 1, 2, 5, 5]);
        let time_in_force =
            *random.pick(&[TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok]);
        let iceberg = time_in_force == TimeInForce::Gtc && random.one_in(3);
        let market = time_in_force == TimeInForce::Ioc && random.one_in(3);
        let lots = self.lots();
        // As many slices as the instrument allows.
        let slice = if iceberg { lots.div_ceil(1 + self.random.below(20)) } else { 0 };
        let order = NewOrder {
            self_trade_prevention: prevention,
            display_qty: qty(slice),
            time_in_force,
            ..limit(FREE, account, side, ticks, lots)
        };
        let by_amount = self.random.one_in(2) && lots < 1_000;
        match (market, by_amount) {
            (false, _) => order,
            (true, false) => NewOrder { kind: OrderKind::Market, ..order },
            (true, true) => NewOrder {
                kind: OrderKind::Market,
                price: Price::ZERO,
                qty: Qty::ZERO,
                quote_qty: value(ticks, lots),
                ..order
            },
        }
    }

    /// Two sells or two buys of which one cancels the other: one may end while its level is
    /// shared out.
    fn pair(&mut self) {
        let lots = self.lots();
        let side = *self.random.pick(&[Side::Buy, Side::Sell]);
        let account = *self.random.pick(&[1, 2, 5]);
        for _ in 0..2 {
            let ticks = 1_000 + self.random.below(5) as i64 - 2;
            let order = self.session.numbered(limit(FREE, account, side, ticks, lots));
            self.session.run(StageLeg { order, terms: OrderTerms::NONE });
        }
        self.session.run(NewOrderList {
            instrument: FREE,
            account: AccountId(account),
            list_client_order_id: ClientOrderId::EMPTY,
            kind: ListKind::Oco,
            pending_rule: PendingRule::FullFill,
            reserved: [0; 2],
        });
    }

    fn target(&mut self) -> Option<(OrderId, AccountId)> {
        (!self.live.is_empty()).then(|| *self.random.pick(&self.live))
    }

    fn amend(&mut self) {
        let Some((order_id, account)) = self.target() else { return };
        let (lots, ticks) = (self.lots(), 1_000 + self.random.below(5) as i64 - 2);
        let (resizes, moves) = (self.random.one_in(2), self.random.one_in(3));
        self.session.run(AmendOrder {
            order_id,
            price: if moves { price(ticks) } else { Price::ZERO },
            qty: if resizes { qty(lots) } else { Qty::ZERO },
            account,
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: ClientOrderId::EMPTY,
            qty_meaning: AmendQtyMeaning::Open,
            lose_priority: u8::from(self.random.one_in(3)),
            reserved: [0; 2],
        });
    }

    fn cancel(&mut self) {
        let Some((order_id, account)) = self.target() else { return };
        let client_order_id = ClientOrderId::EMPTY;
        self.session.run(CancelOrder { order_id, account, client_order_id });
    }

    fn step(&mut self) {
        match self.random.below(200) {
            0..=1 => self.set_rules(),
            2 => {
                let state = *self.random.pick(&[InstrumentState::Halted, InstrumentState::PreOpen]);
                self.session.set_state(FREE, state);
                let order = self.order();
                self.session.order(order);
                self.session.set_state(FREE, InstrumentState::Open);
            }
            3..=40 => self.amend(),
            41..=60 => self.cancel(),
            61..=100 if self.live.len() > 80 => self.cancel(),
            101..=110 if self.with_pairs => self.pair(),
            _ => {
                let order = self.order();
                self.session.order(order);
            }
        }
    }
}

/// Every event and every balance, with small numbers and with numbers whose products need 128
/// bits. The smallest buffer is full in the middle of levels.
#[test]
fn random_sessions_agree_with_the_model() {
    for (mode, lots_max) in
        [(Mode::Full, 12), (Mode::Full, 300), (Mode::Bare, 12), (Mode::Bare, 1 << 40)]
    {
        for (seed, holding) in
            (1..).zip([Holding::PLAIN, Holding::TIGHT, Holding::RESTORED].repeat(2))
        {
            let session = Drawing::session(mode, seed, lots_max, false);
            check_held(holding, mode, &session.steps);
        }
    }
}

/// A maker that ends with its list while its level is shared out loses its share.
#[test]
fn sessions_with_pairs_agree_with_the_model() {
    for (seed, holding) in (1..).zip([Holding::PLAIN, Holding::TIGHT, Holding::RESTORED].repeat(2))
    {
        let session = Drawing::session(Mode::Full, seed, 12, true);
        let mut subject = EngineSubject::<Accounts>::new(holding);
        let mut model = Model::new(SHARD, Mode::Full);
        for (sequence, step) in (1..).zip(&session.steps) {
            let events = subject.events(sequence, step.time, &step.command);
            let expected = model.apply(sequence, step.time, &step.command);
            if let Err(difference) = same_events(&events, &expected) {
                panic!("seed {seed}, {holding:?}, command {sequence}: {difference}");
            }
        }
    }
}

/// The control: those sessions share levels out, prevent, replenish, amend and end pairs, and are
/// not mostly denied.
#[test]
fn random_sessions_reach_what_they_are_for() {
    let session = Drawing::steps(STEPS, Mode::Full, 5, 12, true);
    let mut subject = EngineSubject::<Accounts>::new(Holding::TIGHT);
    let mut coverage = Coverage::default();
    let mut longest = 0;
    for (sequence, step) in (1..).zip(&session.steps) {
        let events = subject.events(sequence, step.time, &step.command);
        for (_, event) in &events {
            coverage.event(event);
        }
        let trades = events.iter().filter(|(_, event)| matches!(event, Event::Trade(_)));
        longest = longest.max(trades.count());
    }
    let events = |kind| coverage.events.get(&kind).copied().unwrap_or(0);
    assert!(subject.resumed > 0 && longest > 5, "{longest}\n{coverage}");
    assert!(events(event::Kind::OrderReplenished) > 100, "{coverage}");
    assert!(events(event::Kind::OrderAmended) > 100, "{coverage}");
    assert!(coverage.ends[&EndReason::ListEnded] > 20, "{coverage}");
    assert_eq!(coverage.preventions.len(), SelfTradePrevention::ALL.len() - 1, "{coverage}");
    assert!(2 * events(event::Kind::Denied) < events(event::Kind::Trade), "{coverage}");
}

#[test]
fn how_an_engine_is_held_changes_nothing() {
    let session = Drawing::session(Mode::Full, 99, 300, false);
    let digests: Vec<Digests> = [Holding::PLAIN, Holding::TIGHT, Holding::RESTORED]
        .map(|holding| run::<Accounts>(&session.steps, holding))
        .into();
    assert!(digests.iter().all(|each| *each == digests[0]), "{digests:?}");
}

/// The taker's shares of a long queue, in a buffer that takes a few of them at a time.
#[test]
fn a_round_goes_on_where_the_buffer_was_full() {
    for mode in [Mode::Full, Mode::Bare] {
        for makers in 1..60 {
            let mut session = Session::new(mode);
            session.run(SetMatchingRules::pro_rata(FREE, Qty::ZERO));
            for _ in 0..makers {
                session.limit(FREE, 1, Side::Sell, 1_000, 3);
            }
            session.limit(FREE, 5, Side::Buy, 1_000, 2 * makers);
            let expected: Vec<_> = (1..=makers).map(|maker| (maker, 2)).collect();
            assert_eq!(traded(&session), expected);
        }
    }
}

#[test]
fn nothing_is_allocated_while_levels_are_shared() {
    alone("allocation::nothing_is_allocated_while_levels_are_shared", || {
        let mut session = Session::new(Mode::Full);
        session.run(SetMatchingRules::pro_rata(FREE, qty(2)).with_top(Qty::ZERO, Qty::ZERO));
        for _ in 0..1_000 {
            session.limit(FREE, 1, Side::Sell, 1_000, 500);
        }
        // It fills the top order, and with shares too small to be given the second.
        session.limit(FREE, 5, Side::Buy, 1_000, 1_000);
        let mut engine = Engine::<Accounts>::new(Holding::PLAIN.config());
        let mut buffer = EventBuffer::with_capacity(64);
        for (sequence, step) in (1..).zip(&session.steps) {
            engine.apply_all(sequence, step.time, &step.command, &mut buffer, |_, _| ());
        }
        let taker = limit(FREE, 5, Side::Buy, 1_000, 100_000);
        let mut trades = 0;
        let counted = allocations(|| {
            let (time, sequence) = (Timestamp(session.time), session.steps.len() as u64 + 1);
            engine.apply_all(sequence, time, &taker.into(), &mut buffer, |_, event| {
                trades += u64::from(matches!(event, Event::Trade(_)));
            });
        });
        assert_eq!((counted, trades), (0, 998));
        assert_eq!(engine.last_price(FREE), Some(Price::from_units(1_000 * TICK)));
    });
}
