//! Quotes against a naive venue, and their rules one by one.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use tiercel_strategy::quotes::{QuoteParameters, Quotes, Wanted};
use tiercel_strategy::{
    Action, ActionKind, Actions, OrderUpdate, OrderUpdateKind as Kind, TimerTick,
};
use tiercel_types::{Price, Qty, Side, Timestamp};

use super::support::{ended, price, qty, terms, told, words};

const TICK: i64 = 1_000_000;
const LOT: u64 = 100_000;
const HYSTERESIS_TICKS: u32 = 1;
const REFILL_BELOW_PPM: u32 = 400_000;
const BACKOFF_NS: u64 = 1_000;

fn quotes() -> Quotes {
    let parameters = QuoteParameters {
        hysteresis_ticks: HYSTERESIS_TICKS,
        refill_below_ppm: REFILL_BELOW_PPM,
        post_only: true,
        backoff_ns: BACKOFF_NS,
    };
    Quotes::new(&parameters, &terms(1), 3).unwrap()
}

/// In ticks and lots.
fn wanted(ticks: i64, lots: u64) -> Wanted {
    Wanted { price: Price::from_units(ticks * TICK), qty: Qty::from_units(lots * LOT) }
}

/// What the venue makes of a request.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Done,
    Refused,
    /// It does it, and its answer is lost.
    DoneUnheard,
    /// It never gets it.
    Lost,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Other quotes are wanted: bid and ask in ticks and lots, zero for nothing.
    Want {
        bid: (i64, u64),
        ask: (i64, u64),
    },
    /// The gate denies what comes next, so many times.
    Deny(u8),
    /// The venue takes up a request.
    Request(Verdict),
    /// So many lots of an order trade.
    Fill(Side, u64),
    /// An order ends, although nobody asked for it.
    End(Side, Kind),
    /// An update arrives.
    Update,
    /// What became of an order that was not answered is found out.
    FindOut,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let side = || prop::sample::select(vec![Side::Buy, Side::Sell]);
    let verdict = prop_oneof![
        6 => Just(Verdict::Done),
        2 => Just(Verdict::Refused),
        1 => Just(Verdict::DoneUnheard),
        1 => Just(Verdict::Lost),
    ];
    let quote = |range: core::ops::Range<i64>| (range, 0_u64..8);
    prop_oneof![
        4 => (quote(95..104), quote(97..106)).prop_map(|(bid, ask)| Step::Want { bid, ask }),
        1 => (1_u8..3).prop_map(Step::Deny),
        8 => verdict.prop_map(Step::Request),
        3 => (side(), 1_u64..6).prop_map(|(side, lots)| Step::Fill(side, lots)),
        1 => (side(), prop::sample::select(vec![Kind::Cancelled, Kind::Expired]))
            .prop_map(|(side, kind)| Step::End(side, kind)),
        8 => Just(Step::Update),
        1 => Just(Step::FindOut),
        4 => (1_u64..2_000).prop_map(Step::Wait),
    ]
}

/// An order as the venue has it.
#[derive(Clone, Copy, Debug)]
struct Order {
    side: Side,
    price: i64,
    qty: u64,
    executed: u64,
    is_live: bool,
}

/// What whoever asked knows of an order that has not ended for it.
#[derive(Clone, Copy, Debug)]
struct Known {
    side: Side,
    asked: Option<ActionKind>,
    is_unknown: bool,
}

/// A venue, the ways to it and back, and a gate before it.
struct Model {
    quotes: Quotes,
    want: [Option<Wanted>; 2],
    now: u64,
    timer: Option<u64>,
    denials: u8,
    requests: VecDeque<Action>,
    updates: VecDeque<OrderUpdate>,
    orders: BTreeMap<u64, Order>,
    known: BTreeMap<u64, Known>,
    /// The last update of each order.
    told: BTreeMap<u64, OrderUpdate>,
    unanswered: Vec<u64>,
}

impl Model {
    fn new() -> Self {
        Self {
            quotes: quotes(),
            want: [None; 2],
            now: 1,
            timer: None,
            denials: 0,
            requests: VecDeque::new(),
            updates: VecDeque::new(),
            orders: BTreeMap::new(),
            known: BTreeMap::new(),
            told: BTreeMap::new(),
            unanswered: Vec::new(),
        }
    }

    /// Lets the quotes ask for what they want, and checks that they may.
    fn settle(&mut self) {
        // What is denied is told at once, and may set off more: it must not go on for ever.
        for _ in 0..4 {
            let mut actions = Actions::default();
            self.quotes.settle(Timestamp(self.now), &mut actions);
            if !self.ask(&actions) {
                return;
            }
        }
        panic!("denials set off requests without end");
    }

    /// Whether something was denied.
    fn ask(&mut self, actions: &Actions) -> bool {
        let mut denied = Vec::new();
        for action in actions.as_slice() {
            let known = self.known.get(&action.tag).copied();
            match action.kind {
                ActionKind::SetTimer => {
                    self.timer = Some(action.at().0);
                    continue;
                }
                ActionKind::Submit => {
                    let side = action.side;
                    let twice = self.known.values().any(|known| known.side == side);
                    assert!(!twice, "a second order of a side");
                    self.known.insert(
                        action.tag,
                        Known { side, asked: Some(ActionKind::Submit), is_unknown: false },
                    );
                }
                ActionKind::Replace => {
                    let known = known.expect("a change of nothing");
                    assert!(known.asked.is_none() && !known.is_unknown, "{known:?}");
                }
                ActionKind::Cancel => {
                    let known = known.expect("a cancel of nothing");
                    assert!(known.asked != Some(ActionKind::Cancel) && !known.is_unknown);
                }
                ActionKind::CancelAll => panic!("quotes cancel what is theirs"),
                ActionKind::SubmitList => panic!("quotes are no lists"),
            }
            if let Some(known) = self.known.get_mut(&action.tag) {
                known.asked = Some(action.kind);
            }
            // Cancels pass every gate.
            if self.denials > 0 && action.kind != ActionKind::Cancel {
                self.denials -= 1;
                denied.push(*action);
            } else {
                self.requests.push_back(*action);
            }
        }
        for action in &denied {
            // A change that is denied leaves the order as it was, and names what was asked for.
            let update = ended(self.now, action, Kind::Denied, "0");
            let open_qty = match action.kind {
                ActionKind::Replace => self.told[&action.tag].open_qty,
                _ => Qty::ZERO,
            };
            self.learn(&OrderUpdate { open_qty, ..update });
        }
        !denied.is_empty()
    }

    fn standing(&self, tag: u64, order: Order, kind: Kind) -> OrderUpdate {
        let Order { side, price, qty, executed, is_live } = order;
        let open = if is_live { qty - executed } else { 0 };
        let action = Action::limit(
            tag,
            terms(1).instrument,
            side,
            Price::from_units(price),
            Qty::from_units(qty),
        );
        OrderUpdate { open_qty: Qty::from_units(open), ..told(self.now, &action, kind) }
    }

    fn tell(&mut self, tag: u64, kind: Kind) {
        let update = self.standing(tag, self.orders[&tag], kind);
        self.updates.push_back(update);
    }

    /// The venue takes up the next request.
    fn serve(&mut self, verdict: Verdict) {
        let Some(action) = self.requests.pop_front() else { return };
        let tag = action.tag;
        let is_heard = matches!(verdict, Verdict::Done | Verdict::Refused);
        let is_done = matches!(verdict, Verdict::Done | Verdict::DoneUnheard);
        let is_live = self.orders.get(&tag).is_some_and(|order| order.is_live);
        let answer = match action.kind {
            ActionKind::Submit => {
                let (price, qty, side) = (action.price, action.qty.units(), action.side);
                let order = Order { side, price, qty, executed: 0, is_live: is_done };
                self.orders.insert(tag, order);
                if is_done { Kind::Accepted } else { Kind::Rejected }
            }
            // Its end was told, and says enough.
            _ if !is_live => return,
            ActionKind::Replace if is_done => {
                let order = self.orders.get_mut(&tag).unwrap();
                (order.price, order.qty) = (action.price, action.qty.units());
                order.is_live = order.qty > order.executed;
                Kind::Replaced
            }
            ActionKind::Replace => Kind::ReplaceRejected,
            _ if is_done => {
                self.orders.get_mut(&tag).unwrap().is_live = false;
                Kind::Cancelled
            }
            _ => Kind::CancelRejected,
        };
        if is_heard {
            self.tell(tag, answer);
        } else {
            self.tell(tag, Kind::Unknown);
            self.unanswered.push(tag);
        }
        self.check_book();
    }

    fn check_book(&self) {
        let live = |side| {
            let orders = self.orders.values().filter(move |order| order.is_live);
            orders.filter(move |order| order.side == side).map(|order| order.price)
        };
        assert!(live(Side::Buy).count() <= 1 && live(Side::Sell).count() <= 1, "two of a side");
        let (bid, ask) = (live(Side::Buy).next(), live(Side::Sell).next());
        assert!(bid.is_none() || ask.is_none() || bid < ask, "own quotes cross: {bid:?} {ask:?}");
    }

    fn live_tag(&self, side: Side) -> Option<u64> {
        let mut live = self.orders.iter().filter(|(_, order)| order.is_live && order.side == side);
        live.next().map(|(tag, _)| *tag)
    }

    fn fill(&mut self, side: Side, lots: u64) {
        let Some(tag) = self.live_tag(side) else { return };
        let order = self.orders.get_mut(&tag).unwrap();
        order.executed = order.qty.min(order.executed + lots * LOT);
        order.is_live = order.executed < order.qty;
        self.tell(tag, Kind::Filled);
    }

    /// Something is told to the quotes, and to those who judge what they know.
    fn learn(&mut self, update: &OrderUpdate) {
        use ActionKind as Ask;
        self.told.insert(update.tag, *update);
        let mut actions = Actions::default();
        assert!(self.quotes.observe(update, &mut actions));
        assert!(actions.as_slice().is_empty(), "nothing of theirs is a stray");
        let Some(known) = self.known.get_mut(&update.tag) else { return };
        let answers = match (update.kind, known.asked) {
            (Kind::Unknown, _) => {
                known.is_unknown = true;
                return;
            }
            _ if update.open_qty.is_zero() => {
                self.known.remove(&update.tag);
                return;
            }
            (Kind::Found, _)
            | (Kind::Accepted | Kind::Filled, Some(Ask::Submit))
            | (Kind::Replaced | Kind::ReplaceRejected | Kind::Denied, Some(Ask::Replace))
            | (Kind::CancelRejected, Some(Ask::Cancel)) => true,
            _ => false,
        };
        if answers {
            (known.asked, known.is_unknown) = (None, false);
        }
    }

    fn wait(&mut self, ns: u64) {
        self.now += ns;
        if let Some(at) = self.timer.filter(|&at| at <= self.now) {
            self.timer = None;
            let tick = TimerTick { time: Timestamp(self.now), timer: 3 };
            assert!(self.quotes.has_fired(&tick), "{at}");
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Want { bid, ask } => {
                let quote = |(ticks, lots)| (lots > 0).then(|| wanted(ticks, lots));
                // What crosses itself is not wanted.
                self.want = match (quote(bid), quote(ask)) {
                    (Some(bid), Some(ask)) if bid.price >= ask.price => [None, None],
                    both => both.into(),
                };
                self.quotes.want(quote(bid), quote(ask));
            }
            Step::Deny(denials) => self.denials = denials,
            Step::Request(verdict) => self.serve(verdict),
            Step::Fill(side, lots) => self.fill(side, lots),
            Step::End(side, kind) => {
                if let Some(tag) = self.live_tag(side) {
                    self.orders.get_mut(&tag).unwrap().is_live = false;
                    self.tell(tag, kind);
                }
            }
            Step::Update => {
                if let Some(update) = self.updates.pop_front() {
                    let update = OrderUpdate { time: Timestamp(self.now), ..update };
                    // Who is known by now, by a fill, may have been asked something since: what was found is old.
                    let known = self.known.get(&update.tag);
                    let is_old = known.is_some_and(|known| !known.is_unknown);
                    if update.kind != Kind::Found || !is_old {
                        self.learn(&update);
                    }
                }
            }
            Step::FindOut => {
                for tag in core::mem::take(&mut self.unanswered) {
                    self.tell(tag, Kind::Found);
                }
            }
            Step::Wait(ns) => self.wait(ns),
        }
        self.settle();
    }

    /// Whether the venue has what is wanted, within what is let pass.
    fn is_in_step(&self) -> bool {
        [Side::Buy, Side::Sell].into_iter().all(|side| {
            let live = self.live_tag(side).map(|tag| self.orders[&tag]);
            match (live, self.want[side.index()]) {
                (None, None) => true,
                (Some(order), Some(wanted)) => {
                    let open = u128::from(order.qty - order.executed);
                    let all = u128::from(wanted.qty.units());
                    let off = order.price.abs_diff(wanted.price.units());
                    off <= u64::from(HYSTERESIS_TICKS) * TICK as u64
                        && open <= all
                        && open * 1_000_000 >= all * u128::from(REFILL_BELOW_PPM)
                }
                _ => false,
            }
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn two_orders_of_a_side_are_never_open_and_quotes_come_into_step(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut model = Model::new();
        for step in steps {
            model.take(step);
        }
        // From now on all is done and told, and time goes on: by their timer alone.
        model.denials = 0;
        for _ in 0..100 {
            while !model.requests.is_empty() {
                model.take(Step::Request(Verdict::Done));
            }
            model.take(Step::FindOut);
            while !model.updates.is_empty() {
                model.take(Step::Update);
            }
            if let Some(at) = model.timer {
                model.take(Step::Wait(at.saturating_sub(model.now)));
            }
        }
        prop_assert!(model.is_in_step(), "{:?} {:?}", model.want, model.orders.last_key_value());
        prop_assert!(model.requests.is_empty() && model.timer.is_none());
    }
}

/// Quotes of 100 and 101 ticks, four lots each, that were accepted.
fn standing() -> (Quotes, [Action; 2]) {
    let mut quotes = quotes();
    quotes.want(Some(wanted(100, 4)), Some(wanted(101, 4)));
    let orders = asked(&mut quotes, 1);
    let orders = [orders[0], orders[1]];
    for order in &orders {
        quotes.observe(&told(2, order, Kind::Accepted), &mut Actions::default());
    }
    assert!(asked(&mut quotes, 2).is_empty());
    (quotes, orders)
}

fn asked(quotes: &mut Quotes, now: u64) -> Vec<Action> {
    let mut actions = Actions::default();
    quotes.settle(Timestamp(now), &mut actions);
    actions.as_slice().to_vec()
}

#[test]
fn what_is_within_the_hysteresis_stays() {
    let (mut quotes, _) = standing();
    quotes.want(Some(wanted(99, 4)), Some(wanted(102, 4)));
    assert!(asked(&mut quotes, 3).is_empty());
    quotes.want(Some(wanted(98, 4)), Some(wanted(103, 4)));
    let expected = ["1: replace by 0.004 at 0.98", "1: replace by 0.004 at 1.03"];
    assert_eq!(words(&asked(&mut quotes, 3)), expected);
    quotes.want(Some(wanted(90, 4)), Some(wanted(110, 4)));
    assert!(asked(&mut quotes, 4).is_empty(), "changes are on their way");
}

#[test]
fn a_quantity_is_restored_below_its_share_and_never_too_large() {
    let (mut quotes, orders) = standing();
    let mut filled = told(3, &orders[0], Kind::Filled);
    // Two of four are open: more than 40 %.
    filled.open_qty = qty("0.002");
    quotes.observe(&filled, &mut Actions::default());
    assert!(asked(&mut quotes, 3).is_empty());
    // One: less. What has traded counts in what is asked for.
    filled.open_qty = qty("0.001");
    quotes.observe(&filled, &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 3)), ["1: replace by 0.007 at 1"]);
    quotes.want(Some(wanted(100, 4)), Some(wanted(101, 3)));
    assert_eq!(words(&asked(&mut quotes, 3)), ["1: replace by 0.003 at 1.01"]);
}

#[test]
fn quotes_never_cross_each_other() {
    let (mut quotes, orders) = standing();
    // The bid belongs where the ask stands: within its hysteresis or not, that one goes first.
    quotes.want(Some(wanted(101, 4)), Some(wanted(102, 4)));
    assert_eq!(words(&asked(&mut quotes, 3)), ["1: replace by 0.004 at 1.02"]);
    quotes.want(Some(wanted(104, 4)), Some(wanted(105, 4)));
    assert!(asked(&mut quotes, 4).is_empty(), "the ask may be at 101 still, or at 102");
    let mut moved = told(5, &orders[1], Kind::Replaced);
    moved.price = price("1.02");
    quotes.observe(&moved, &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 5)), ["1: replace by 0.004 at 1.05"]);
    moved.price = price("1.05");
    quotes.observe(&moved, &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 6)), ["1: replace by 0.004 at 1.04"]);
    // A bid that is not below the ask is no quote.
    quotes.want(Some(wanted(105, 4)), Some(wanted(105, 4)));
    assert_eq!(words(&asked(&mut quotes, 7)), ["1: cancel", "1: cancel"]);
}

#[test]
fn a_cancel_overtakes_what_was_not_answered() {
    let mut quotes = quotes();
    quotes.want(Some(wanted(100, 4)), None);
    let order = asked(&mut quotes, 1)[0];
    quotes.want(None, None);
    assert_eq!(words(&asked(&mut quotes, 2)), ["1: cancel"]);
    quotes.observe(&told(3, &order, Kind::Accepted), &mut Actions::default());
    assert!(asked(&mut quotes, 3).is_empty(), "its cancel is on its way");
    // It is not cancelled: the next try waits.
    quotes.observe(&told(4, &order, Kind::CancelRejected), &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 4)), ["timer 3 at 1004"]);
    assert_eq!(words(&asked(&mut quotes, 1_004)), ["1: cancel"]);
}

#[test]
fn an_unknown_order_counts_as_open() {
    let (mut quotes, orders) = standing();
    quotes.want(Some(wanted(90, 4)), Some(wanted(110, 4)));
    asked(&mut quotes, 3);
    quotes.observe(&told(4, &orders[0], Kind::Unknown), &mut Actions::default());
    quotes.want(None, Some(wanted(110, 4)));
    assert!(asked(&mut quotes, 5).is_empty());
    assert_eq!(quotes.open_qty(Side::Buy), qty("0.004"));
    // A fill says that it lives, and not what became of the change.
    let mut filled = told(6, &orders[0], Kind::Filled);
    filled.open_qty = qty("0.001");
    quotes.observe(&filled, &mut Actions::default());
    assert!(asked(&mut quotes, 6).is_empty());
    quotes.observe(&told(7, &orders[0], Kind::Found), &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 7)), ["1: cancel"]);
}

#[test]
fn a_quote_that_may_not_be_moved_is_taken_back() {
    let (mut quotes, orders) = standing();
    quotes.want(Some(wanted(90, 4)), Some(wanted(101, 4)));
    assert_eq!(words(&asked(&mut quotes, 3)), ["1: replace by 0.004 at 0.9"]);
    quotes.observe(&told(4, &orders[0], Kind::ReplaceRejected), &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 4)), ["1: cancel", "timer 3 at 1004"]);
    quotes.observe(&ended(5, &orders[0], Kind::Cancelled, "0"), &mut Actions::default());
    assert!(asked(&mut quotes, 1_003).is_empty());
    assert_eq!(words(&asked(&mut quotes, 1_004)), ["1: buy 0.004 at 0.9 post only"]);
    // A denial names what was asked for: the order stands where it stood.
    let (mut quotes, orders) = standing();
    quotes.want(Some(wanted(90, 4)), Some(wanted(101, 4)));
    asked(&mut quotes, 3);
    let mut denied = told(4, &orders[0], Kind::Denied);
    denied.price = price("0.9");
    quotes.observe(&denied, &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 4)), ["1: cancel", "timer 3 at 1004"]);
}

#[test]
fn orders_of_before_a_restart_are_taken_over_or_cancelled() {
    let mut quotes = quotes();
    // Tags say which side; nothing is known of these.
    let [first, second] = [80, 88].map(|tag| {
        let wanted = wanted(100, 4);
        Action::post_only(tag, terms(1).instrument, Side::Buy, wanted.price, wanted.qty)
    });
    let mut actions = Actions::default();
    assert!(quotes.observe(&told(1, &first, Kind::Found), &mut actions));
    assert!(actions.as_slice().is_empty());
    assert!(quotes.observe(&told(1, &second, Kind::Found), &mut actions));
    assert_eq!(actions.as_slice(), [Action::cancel(88, terms(1).instrument)]);
    quotes.want(Some(wanted(100, 4)), None);
    assert!(asked(&mut quotes, 2).is_empty(), "the first one is the bid");
    quotes.observe(&ended(3, &first, Kind::Filled, "0"), &mut actions);
    let next = asked(&mut quotes, 3)[0];
    assert!(next.tag > 88, "tags of before are not used again");
    // What comes late of an order that has ended is no order.
    let mut quotes = quotes_without_orders();
    for kind in [Kind::Accepted, Kind::Filled, Kind::Unknown] {
        assert!(quotes.observe(&told(9, &first, kind), &mut actions));
        assert_eq!(quotes.open_qty(Side::Buy), Qty::ZERO, "{kind:?}");
    }
}

/// Quotes whose one order, of tag 80, has ended.
fn quotes_without_orders() -> Quotes {
    let mut quotes = quotes();
    let ended_at = Wanted { price: price("1"), qty: qty("0.004") };
    let order = Action::post_only(80, terms(1).instrument, Side::Buy, ended_at.price, ended_at.qty);
    quotes.observe(&told(1, &order, Kind::Found), &mut Actions::default());
    quotes.observe(&ended(2, &order, Kind::Cancelled, "0"), &mut Actions::default());
    quotes
}

#[test]
fn a_timer_that_was_lost_is_set_again() {
    let mut quotes = quotes();
    quotes.want(Some(wanted(100, 4)), None);
    let denied = |now, order: &Action| ended(now, order, Kind::Denied, "0");
    let order = asked(&mut quotes, 1)[0];
    quotes.observe(&denied(1, &order), &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 1)), ["timer 3 at 1001"]);
    // It does not come; a book does.
    let order = asked(&mut quotes, 1_001)[0];
    quotes.observe(&denied(1_001, &order), &mut Actions::default());
    assert_eq!(words(&asked(&mut quotes, 1_001)), ["timer 3 at 3001"]);
}

/// Whoever is denied all the time does not ask all the time.
#[test]
fn refusals_make_no_storm() {
    for kind in [Kind::Denied, Kind::Rejected, Kind::Expired] {
        let mut quotes = quotes();
        quotes.want(Some(wanted(100, 4)), Some(wanted(101, 4)));
        let mut submits = 0;
        for now in (0..1_000_000).step_by(50) {
            for action in asked(&mut quotes, now) {
                if action.kind == ActionKind::Submit {
                    submits += 1;
                    quotes.observe(&ended(now, &action, kind, "0"), &mut Actions::default());
                }
            }
        }
        // Of each side: at 0, 1, 3, 7, 15, 31, 63 us, and each 64 us from then on.
        assert_eq!(submits, 2 * (7 + 936 / 64), "{kind:?}");
    }
}
