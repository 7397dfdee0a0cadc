//! Auctions through the engine: published examples, and hidden orders among displayed ones.

use tiercel_matching::Bare;
use tiercel_testkit::auction::{self, Order, published};
use tiercel_testkit::random::Random;
use tiercel_types::auction::{Pressure, TieBreak};
use tiercel_types::command::{
    AddAsset, AddInstrument, NewAdvancedOrder, NewOrder, OrderTerms, SetAuctionRules,
    SetInstrumentState,
};
use tiercel_types::event::{AuctionEnded, AuctionIndication, Trade};
use tiercel_types::{
    AccountId, Command, Event, InstrumentSpec, InstrumentState, OrderId, Price, Qty, Side,
    Timestamp,
};

use crate::runs::rounds;
use crate::session::{BASE, FREE, QUOTE, call};
use crate::subject::{EngineSubject, Holding};

/// The id of the first order of a [`Call`]: so many commands set it up.
const FIRST_ORDER: u64 = 5;

/// An instrument whose tick and lot are one unit, in a call, with an engine held as tightly as
/// can be.
struct Call {
    subject: EngineSubject<Bare>,
    commands: u64,
    said: Option<AuctionIndication>,
}

/// What an auction did.
#[derive(Debug, PartialEq)]
struct Outcome {
    ended: AuctionEnded,
    trades: Vec<Trade>,
}

impl Call {
    fn new(rules: SetAuctionRules) -> Self {
        let subject = EngineSubject::new(Holding { restore_every: 5, ..Holding::TIGHT });
        let mut call = Self { subject, commands: 0, said: None };
        for asset in [BASE, QUOTE] {
            let code = format!("A{asset}").parse().unwrap();
            call.run(AddAsset { asset, code });
        }
        let mut spec =
            InstrumentSpec::new(FREE, BASE, QUOTE, Price::from_units(1), Qty::from_units(1));
        spec.symbol = "FREE".parse().unwrap();
        call.run(AddInstrument { spec });
        call.run(rules);
        call.begin();
        call
    }

    fn begin(&mut self) {
        self.said = None;
        self.run(call(0));
    }

    fn run(&mut self, command: impl Into<Command>) -> Vec<Event> {
        self.commands += 1;
        let time = Timestamp(self.commands);
        let events = self.subject.events(self.commands, time, &command.into());
        let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
        for event in &events {
            assert!(!matches!(event, Event::Denied(_)), "{event:?}");
            if let Event::AuctionIndication(said) = event {
                self.said = Some(*said);
            }
        }
        events
    }

    fn enter(&mut self, (side, limit, lots): Order, hidden: bool) {
        let limit = Price::from_units(limit.expect("it has a limit"));
        let order = NewOrder {
            order_id: OrderId(self.commands),
            ..NewOrder::limit(FREE, AccountId(1), side, limit, Qty::from_units(lots))
        };
        let terms = OrderTerms { hidden: u8::from(hidden), ..OrderTerms::NONE };
        self.run(NewAdvancedOrder { order, terms });
    }

    /// The auction takes place; what it does is what was said last.
    fn end(&mut self) -> Outcome {
        let state = InstrumentState::Open;
        let events = self.run(SetInstrumentState { instrument: FREE, state, reserved: [0; 3] });
        let trades = events.iter().filter_map(|event| match event {
            Event::Trade(trade) => Some(*trade),
            _ => None,
        });
        let trades: Vec<Trade> = trades.collect();
        let ended = events.iter().find_map(|event| match event {
            Event::AuctionEnded(ended) => Some(*ended),
            _ => None,
        });
        let ended = ended.expect("the auction ends");
        if let Some(said) = self.said {
            let said = (said.price, said.executed_qty, said.surplus_qty, said.surplus_side);
            let did = (ended.price, ended.executed_qty, ended.surplus_qty, ended.surplus_side);
            assert_eq!(said, did, "what was said last");
        } else {
            assert_eq!(ended.has_price, 0, "nothing was said");
        }
        let sum: u64 = trades.iter().map(|trade| trade.qty.units()).sum();
        assert_eq!(sum, ended.executed_qty.units(), "trades add up to what executes");
        assert!(trades.iter().all(|trade| trade.price == ended.price && trade.auction == 1));
        Outcome { ended, trades }
    }
}

/// As the ASX has it.
fn narrow() -> SetAuctionRules {
    SetAuctionRules { pressure: Pressure::Narrow, ..SetAuctionRules::xetra(FREE) }
}

#[test]
fn published_examples_come_out_of_a_call_exactly() {
    let Some(examples) = published() else { return };
    assert_eq!(examples.len(), 3);
    // Nasdaq's ladder has no pressure: it decides one of the examples otherwise.
    let flavours = [
        SetAuctionRules::xetra(FREE),
        SetAuctionRules { tie_break: TieBreak::Nearest, ..SetAuctionRules::xetra(FREE) },
        narrow(),
    ];
    for example in examples {
        // All displayed; every second hidden; all hidden.
        for (flavour, hides) in flavours.iter().flat_map(|it| [0, 1, 2].map(|hides| (it, hides))) {
            let mut call = Call::new(*flavour);
            for (at, order) in example.orders.iter().enumerate() {
                call.enter(*order, hides > at % 2);
            }
            let Outcome { ended, .. } = call.end();
            let number = |name: &str| example.expect.get(name).and_then(serde_json::Value::as_u64);
            let what = format!("{} {hides}", example.id);
            assert_eq!(Some(ended.price.units() as u64), number("price"), "{what}");
            assert_eq!(Some(ended.executed_qty.units()), number("executed"), "{what}");
            if let Some(left) = number("nonmatching") {
                assert_eq!(ended.surplus_qty.units(), left, "{what}");
            }
        }
    }
}

/// Whether orders are hidden changes who trades at the limit where there is not enough, and
/// nothing else; and nothing is left crossed.
#[test]
fn hidden_orders_make_the_price_that_displayed_ones_make() {
    let mut random = Random::new(31);
    let mut differing = 0;
    for round in 0..rounds(400) {
        let order = |random: &mut Random| {
            let side = *random.pick(&[Side::Buy, Side::Sell]);
            (side, Some(100 + random.below(6) as i64), 1 + random.below(9))
        };
        let orders: Vec<Order> = (0..2 + random.below(12)).map(|_| order(&mut random)).collect();
        let hidden: Vec<bool> = orders.iter().map(|_| random.one_in(2)).collect();
        let rules = narrow();
        let (mut one, mut other) = (Call::new(rules), Call::new(rules));
        for (order, hidden) in orders.iter().zip(&hidden) {
            one.enter(*order, false);
            other.enter(*order, *hidden);
        }
        let (one_did, other_did) = (one.end(), other.end());
        assert_eq!(one_did.ended, other_did.ended, "round {round}: {orders:?} {hidden:?}");
        differing += u64::from(one_did.trades != other_did.trades);
        check_priority(&orders, &hidden, &other_did);
        // Whatever is left crosses nothing: a call without new orders finds no price.
        other.begin();
        assert_eq!(other.end().ended.has_price, 0, "round {round}: {orders:?} {hidden:?}");
    }
    assert!(differing > rounds(400) / 8, "hidden orders come behind displayed ones");
}

/// Who traded and how much, from the order of the queues by themselves: price, displayed before
/// hidden, time.
fn check_priority(orders: &[Order], hidden: &[bool], outcome: &Outcome) {
    let Outcome { ended, trades } = outcome;
    if ended.has_price == 0 {
        return;
    }
    let (buys, sells) = auction::crossing(orders, ended.price.units());
    assert_eq!(ended.executed_qty.units(), buys.min(sells));
    for side in [Side::Buy, Side::Sell] {
        let mut queue: Vec<(i64, bool, usize)> = Vec::new();
        for (at, &(of, limit, _)) in orders.iter().enumerate() {
            let limit = limit.expect("it has a limit") - ended.price.units();
            let rank = if side == Side::Buy { -limit } else { limit };
            if of == side && rank <= 0 {
                queue.push((rank, hidden[at], at));
            }
        }
        queue.sort_unstable();
        let mut left = ended.executed_qty.units();
        let mut expected = Vec::new();
        for (_, _, at) in queue {
            let part = left.min(orders[at].2);
            left -= part;
            if part > 0 {
                expected.push((FIRST_ORDER + at as u64, part));
            }
        }
        let mut traded: Vec<(u64, u64)> = Vec::new();
        for trade in trades {
            let id = if side == Side::Buy { trade.taker_order_id } else { trade.maker_order_id };
            match traded.last_mut() {
                Some((last, sum)) if *last == id.0 => *sum += trade.qty.units(),
                _ => traded.push((id.0, trade.qty.units())),
            }
        }
        assert_eq!(traded, expected, "{side:?}");
    }
}
