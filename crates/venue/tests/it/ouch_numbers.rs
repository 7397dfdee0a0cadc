//! What OUCH's numbers are worth when the venue is killed: requests that were not answered are sent again,
//! and what is known from the log alone is what was told.

use tiercel_matching::{EngineConfig, FullEngine};
use tiercel_types::command::AmendOrder;
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{AccountId, Command, EventBuffer, OrderId, Price, Qty, Side, Timestamp};
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::ouch::{Answer, Asked, Desk, Next, User};
use tiercel_wire::ouch::{CancelOrder, Inbound, ModifyOrder, Options, OuchSide};

use super::itch_archive::scaled;
use super::ouch_client::{order, replacement, words};
use super::place::{limit, setup};

/// An engine, and a desk of one session.
struct Rig {
    engine: FullEngine,
    events: EventBuffer,
    sequence: u64,
    desk: Desk,
    told: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        let user = User::new(b"ONE").unwrap();
        let models = Models::new(ModelLimits::default());
        let mut rig = Self {
            engine: FullEngine::new(EngineConfig::default()),
            events: EventBuffer::with_capacity(16),
            sequence: 0,
            desk: Desk::new([(user, AccountId(1), 1)], &models),
            told: Vec::new(),
        };
        for command in setup() {
            rig.apply(&scaled(command), None);
        }
        rig
    }

    fn apply(&mut self, command: &Command, asked: Option<&Asked>) {
        self.sequence += 1;
        let Self { engine, events, desk, told, .. } = self;
        let time = Timestamp(self.sequence);
        engine.apply_all(self.sequence, time, command, events, |header, event| {
            let asked = asked.map(|asked| (0, asked));
            desk.apply(&header, &event, asked, &mut |_, answer: Answer| {
                told.push(words(answer.bytes()));
            });
        });
    }

    /// What a message becomes: a command that is on its way, or nothing but an answer.
    fn hear(&mut self, message: Inbound<'_>) -> Option<(Command, Asked)> {
        match self.desk.hear(0, (message, Options::default()), (true, 0), Timestamp(1)) {
            Next::Submit(command, asked) => Some((*command, asked)),
            Next::Say(answer) => {
                self.told.push(words(answer.bytes()));
                None
            }
            Next::Nothing => None,
        }
    }
}

#[test]
fn a_number_is_settled_when_its_request_is_answered_and_not_before() {
    let mut rig = Rig::new();
    let first = rig.hear(Inbound::EnterOrder(&order(1, OuchSide::Buy, 2, 99_000))).unwrap();
    let second = rig.hear(Inbound::EnterOrder(&order(2, OuchSide::Buy, 3, 99_000))).unwrap();
    // Heard is not in the log: a kill may come.
    assert_eq!(rig.desk.settled_number(0), 1);
    assert!(rig.hear(Inbound::EnterOrder(&order(2, OuchSide::Buy, 3, 99_000))).is_none());
    rig.apply(&first.0, Some(&first.1));
    assert_eq!(rig.desk.settled_number(0), 2);
    // The gateway's own refusal says nothing of those that are on their way.
    let mut odd = order(3, OuchSide::Buy, 1, 99_000);
    odd.symbol = tiercel_wire::itch::Text::new(b"NOWHERE").unwrap();
    assert!(rig.hear(Inbound::EnterOrder(&odd)).is_none());
    assert_eq!(rig.desk.settled_number(0), 2);
    rig.apply(&second.0, Some(&second.1));
    assert_eq!(rig.desk.settled_number(0), 3);
    odd.user_ref_num = 9.into();
    let third = rig.hear(Inbound::EnterOrder(&order(4, OuchSide::Buy, 3, 99_000))).unwrap();
    rig.apply(&third.0, None);
    assert!(rig.hear(Inbound::EnterOrder(&odd)).is_none());
    assert_eq!(rig.desk.settled_number(0), 10);
}

#[test]
fn a_denied_replacement_is_rejected_by_its_number_from_the_log_alone() {
    let mut rig = Rig::new();
    let order = rig.hear(Inbound::EnterOrder(&order(1, OuchSide::Buy, 2, 99_000))).unwrap();
    rig.apply(&order.0, None);
    let low = rig.hear(Inbound::ReplaceOrder(&replacement(1, 2, 4_000_000_000, 99_000))).unwrap();
    rig.told.clear();
    rig.apply(&low.0, None);
    assert!(rig.told[0].starts_with("Rejected 2 "), "{:?}", rig.told);
    assert_eq!((rig.told.len(), rig.desk.settled_number(0)), (1, 3));
    // One that is taken keeps its place among them.
    let good = rig.hear(Inbound::ReplaceOrder(&replacement(1, 3, 5, 99_500))).unwrap();
    rig.apply(&good.0, None);
    assert!(rig.told[1].starts_with("OrderReplaced 1 3 "), "{:?}", rig.told);
    assert_eq!(rig.desk.settled_number(0), 4);
}

#[test]
fn a_modification_that_a_trade_overtakes_does_not_make_the_order_grow() {
    let mut rig = Rig::new();
    let resting = rig.hear(Inbound::EnterOrder(&order(1, OuchSide::Sell, 10, 99_000))).unwrap();
    rig.apply(&resting.0, None);
    let modify =
        ModifyOrder { user_ref_num: 1.into(), side: OuchSide::Sell.into(), quantity: 7.into() };
    let modify = rig.hear(Inbound::ModifyOrder(&modify)).unwrap();
    let cancel = CancelOrder { user_ref_num: 1.into(), quantity: 6.into() };
    let cancel = rig.hear(Inbound::CancelOrder(&cancel)).unwrap();
    rig.apply(&scaled(limit(2, Side::Buy, 99_000, 5, "buy").into()), None);
    rig.told.clear();
    rig.apply(&modify.0, Some(&modify.1));
    rig.apply(&cancel.0, Some(&cancel.1));
    assert_eq!(rig.told, ["OrderModified 1 S 2", "OrderCancelled 1 1 U"]);
}

#[test]
fn who_asks_for_less_than_before_is_heard_and_for_more_is_not() {
    let mut rig = Rig::new();
    let resting = rig.hear(Inbound::EnterOrder(&order(1, OuchSide::Sell, 10, 99_000))).unwrap();
    rig.apply(&resting.0, None);
    rig.told.clear();
    let cancel = |quantity: u32| CancelOrder { user_ref_num: 1.into(), quantity: quantity.into() };
    let first = rig.hear(Inbound::CancelOrder(&cancel(6))).unwrap();
    // It is on its way.
    assert!(rig.hear(Inbound::CancelOrder(&cancel(8))).is_none());
    assert!(rig.hear(Inbound::CancelOrder(&cancel(6))).is_none());
    let second = rig.hear(Inbound::CancelOrder(&cancel(5))).unwrap();
    rig.apply(&first.0, Some(&first.1));
    rig.apply(&second.0, Some(&second.1));
    assert_eq!(rig.told, ["OrderCancelled 1 4 U", "OrderCancelled 1 1 U"]);
}

#[test]
fn an_order_that_another_interface_gives_a_name_is_gone_from_this_one() {
    let mut rig = Rig::new();
    let resting = rig.hear(Inbound::EnterOrder(&order(1, OuchSide::Sell, 10, 99_000))).unwrap();
    rig.apply(&resting.0, None);
    let Command::NewOrder(entered) = resting.0 else { panic!("{:?}", resting.0) };
    let renamed = AmendOrder {
        order_id: OrderId::NONE,
        price: Price::ZERO,
        qty: Qty::from_units(entered.qty.units() / 2),
        account: AccountId(1),
        client_order_id: entered.client_order_id,
        new_client_order_id: "by-another".parse().unwrap(),
        qty_meaning: AmendQtyMeaning::Total,
        lose_priority: 0,
        reserved: [0; 2],
    };
    rig.told.clear();
    rig.apply(&renamed.into(), None);
    assert_eq!((&rig.told[..], rig.desk.orders()), (&["OrderCancelled 1 10 S".to_owned()][..], 0));
    let cancel = CancelOrder { user_ref_num: 1.into(), quantity: 0.into() };
    assert!(rig.hear(Inbound::CancelOrder(&cancel)).is_none());
}
