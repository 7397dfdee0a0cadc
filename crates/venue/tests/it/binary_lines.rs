//! Binary sessions: what each request is told, what it costs, and what is refused.

use tiercel_journal::{EventLog, IoOptions, LogCursor, Options};
use tiercel_testkit::counting_allocator::{allocations, alone};
use tiercel_types::command::{
    BustTrade, CorrectTrade, CountdownCancel, MassCancel, QueryOrder, SetInstrumentState,
};
use tiercel_types::order::{SideScope, Trigger};
use tiercel_types::{
    AccountId, ClientOrderId, InstrumentId, InstrumentState, OrderId, Price, Qty,
    SelfTradePrevention, Side, TimeInForce, Timestamp, TradeId,
};
use tiercel_venue::binance::rate_limit::{OrderLimiter, RateLimits};
use tiercel_venue::binary::{Lines, login};
use tiercel_venue::entry_limits::EntryLimits;
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::open_orders::{OpenOrderLimits, OpenOrderRules};
use tiercel_venue::pipeline::{Delivery, Submission, pipeline};
use tiercel_venue::replica::Replica;
use tiercel_venue::store::{self, StoreOptions};
use tiercel_wire::binary::session::Gate;
use tiercel_wire::binary::{
    AUCTION, Body, Kind, LoginRefusal, NewOrder, OrderTrigger, RECORD_SIZE, RESTING,
};

use crate::it::binary_desk::{
    Desk, OPTIONS, amend, body_of, cancel, keys, list, options, replace, secret,
};
use crate::it::binary_peer::Peer;
use crate::it::place::{
    MARKET, Place, SMALL_ENGINE, ask, call_for_auction, limit, setup, store_options,
};

#[test]
fn each_request_is_told_what_became_of_it() {
    let mut desk = Desk::new("binary-told", false);
    let fields = ["client_id", "request", "side", "qty", "open_qty", "fee", "reason"];
    desk.ask(0, limit(1, Side::Buy, 1_000, 5, "bid"));
    let taken = desk.peers[0].news();
    assert_eq!(taken[0].say(&fields), "accepted bid 1 buy");
    assert_eq!((taken.len(), taken[0].flags), (1, RESTING));
    let order_id = taken[0].number_of("order_id");

    desk.ask(1, limit(2, Side::Sell, 1_000, 2, "ask"));
    let [accepted, executed] = &desk.peers[1].news()[..] else { panic!() };
    assert_eq!(accepted.say(&fields), "accepted ask 1 sell");
    assert_eq!((accepted.flags, executed.flags), (0, 0));
    assert_eq!(executed.say(&["qty", "open_qty", "asset"]), "executed 0.00002 0 2");
    let made = desk.peers[0].news();
    assert_eq!(made[0].flags, tiercel_wire::binary::MAKER);
    assert_eq!(made[0].say(&["qty", "open_qty"]), "executed 0.00002 0.00003");

    // Smaller: it keeps its place. Elsewhere: it trades, or rests.
    desk.ask(0, amend(0, "bid", 0, 4));
    let amended = desk.peers[0].news();
    assert_eq!(amended[0].say(&["request", "open_qty"]), "amended 0.00002 2");
    assert_eq!(amended[0].flags, RESTING | tiercel_wire::binary::PRIORITY_KEPT);
    assert_eq!(amended[0].number_of("order_id"), order_id);

    desk.ask(
        0,
        replace(0, "bid", limit(1, Side::Buy, 990, 7, "a-name-of-more-than-16-characters")),
    );
    let replaced = &desk.peers[0].news()[0];
    let long = "a-name-of-more-than-16-characters";
    assert_eq!(replaced.say(&["client_id", "text"]), format!("replaced {} {long}", &long[..16]));
    assert_eq!(replaced.number_of("target_order_id"), order_id);

    let query = QueryOrder {
        order_id: OrderId(replaced.number_of("order_id")),
        account: AccountId(1),
        client_order_id: ClientOrderId::EMPTY,
    };
    desk.ask(0, query);
    assert_eq!(
        desk.said(0, &["qty", "open_qty", "request", "time_in_force", "text"]),
        [format!("order_status 0.00007 0.00007 4 gtc {long}")]
    );
    desk.ask(0, cancel(0, long));
    assert_eq!(desk.said(0, &["request", "reason", "side"]), ["cancelled 5 cancelled buy"]);

    let mut order = limit(2, Side::Buy, 900, 1, "ioc");
    order.time_in_force = TimeInForce::Ioc;
    desk.ask(1, order);
    let expected = ["accepted 2", "expired 2 immediate_or_cancel"];
    assert_eq!(desk.said(1, &["request", "reason"]), expected);
    desk.ask(1, limit(2, Side::Buy, 900, 1, "one"));
    desk.ask(1, limit(2, Side::Buy, 901, 1, "two"));
    desk.peers[1].news();
    let all = MassCancel {
        account: AccountId(2),
        instrument: InstrumentId::ALL,
        sides: SideScope::Both,
        reserved: [0; 7],
    };
    desk.ask(1, all);
    let expected =
        ["cancelled 5 mass_cancelled", "cancelled 5 mass_cancelled", "mass_cancel_done 2 5"];
    assert_eq!(desk.said(1, &["request", "reason", "orders"]), expected);
    let countdown =
        CountdownCancel { account: AccountId(2), instrument: MARKET, after_ns: 1 << 40 };
    desk.ask(1, countdown);
    assert_eq!(desk.said(1, &["request"]), ["countdown_set 6"]);
    assert!(desk.peers.iter().all(|peer| peer.ear.gaps.is_empty()));
}

#[test]
fn trades_that_are_undone_and_what_self_trade_prevention_takes_are_told() {
    let mut desk = Desk::new("binary-undone", false);
    desk.ask(0, limit(1, Side::Buy, 1_000, 20, "bid"));
    desk.ask(1, limit(2, Side::Sell, 1_000, 3, ""));
    desk.ask(1, limit(2, Side::Sell, 1_000, 4, ""));
    desk.peers.iter_mut().for_each(|peer| drop(peer.news()));
    let price = Price::from_units(99_000);
    let (qty, instrument, reserved) = (Qty::from_units(2_000), MARKET, 0);
    let correct = CorrectTrade { trade_id: TradeId(1), price, qty, instrument, reserved };
    let bust = BustTrade { trade_id: TradeId(2), instrument, reserved };
    for command in [correct.into(), bust.into()] {
        desk.handle.submit(Submission { token: 0, commands: &[command] }).unwrap();
    }
    desk.turn();
    let fields = ["trade_id", "price", "qty", "change"];
    for peer in 0..2 {
        let told = desk.said(peer, &fields);
        assert_eq!(told[0], "trade_changed 1 0.00099 0.00002 corrected", "{told:?}");
        assert!(
            told[1].starts_with("trade_changed 2 ") && told[1].ends_with(" busted"),
            "{told:?}"
        );
        assert_eq!(told.len(), 2);
    }
    // Its own other side: both lose what they would have traded.
    let mut own = limit(1, Side::Sell, 1_000, 5, "own");
    own.self_trade_prevention = SelfTradePrevention::Decrement;
    desk.ask(0, own);
    let fields = ["qty", "open_qty", "side", "action", "reason"];
    let told = desk.said(0, &fields);
    assert_eq!(told[1], "prevented 0.00005 0 decrement sell", "{told:?}");
    assert_eq!(told[2], "prevented 0.00005 0.00008 decrement buy", "{told:?}");
    assert_eq!(desk.said(1, &fields), [""; 0]);
}

#[test]
fn a_refusal_names_the_record_and_the_field() {
    let mut desk = Desk::new("binary-refused", false);
    let fields = ["client_id", "request", "reason", "source", "record_kind", "field", "leg"];
    let offset = |kind: Kind, name: &str| {
        kind.fields().iter().find(|field| field.name == name).unwrap().offset
    };
    let price = offset(Kind::NewOrder, "price");
    let mut odd = limit(1, Side::Buy, 1_000, 5, "odd");
    odd.price = Price::from_units(99_999);
    desk.ask(0, odd);
    let expected = format!("rejected odd 1 12 engine 16 {price} 0");
    assert_eq!(desk.said(0, &fields), [expected]);
    desk.ask(0, cancel(0, "nothing"));
    let at = offset(Kind::CancelOrder, "order_id");
    assert_eq!(desk.said(0, &fields), [format!("rejected nothing 2 4 engine 17 {at} 0")]);
    // A stop without its price: the fault is in the extension.
    let trigger = OrderTrigger {
        trigger_price: Price::ZERO,
        trailing_amount: Price::ZERO,
        activation_price: Price::ZERO,
        trailing_bps: 0,
        trigger: Trigger::Stop,
        reserved: [0; 19],
    };
    let plain = |text: &str| body_of(&limit(1, Side::Buy, 1_000, 5, text).into());
    let now = desk.time();
    desk.peers[0].ask_group(now, MARKET, &[plain("stop"), trigger.into()]);
    desk.turn();
    let told = desk.peers[0].news();
    assert_eq!(told[0].number_of("record_kind"), u64::from(Kind::OrderTrigger as u8), "{told:?}");
    assert_eq!(told[0].number_of("field"), u64::from(offset(Kind::OrderTrigger, "trigger_price")));
    // What is no order is refused by the gateway.
    desk.peers[0].ask_group(now, MARKET, &[plain("twice"), trigger.into(), trigger.into()]);
    desk.turn();
    let expected = format!("rejected twice 4 4 gateway {} 0 0", Kind::OrderTrigger as u8);
    assert_eq!(desk.said(0, &fields), [expected]);
    desk.ask(0, limit(1, Side::Buy, 1_000, 5, "good"));
    assert_eq!(desk.said(0, &["request"]), ["accepted 5"]);
}

#[test]
fn a_list_is_told_with_its_orders_and_a_leg_that_is_wrong_is_named() {
    let mut desk = Desk::new("binary-list", false);
    // A stop waits for trades below where the market was.
    desk.ask(0, limit(1, Side::Buy, 1_000, 1, ""));
    desk.ask(1, limit(2, Side::Sell, 1_000, 1, ""));
    desk.peers[0].news();
    let now = desk.time();
    desk.peers[0].ask_group(now, MARKET, &list(0, "list"));
    desk.turn();
    let told = desk.peers[0].news();
    let kinds: Vec<_> = told.iter().map(|heard| heard.say(&["client_id", "request"])).collect();
    assert_eq!(kinds[0], "list_accepted 2");
    assert_eq!(kinds[1], "accepted list-a 2");
    assert!(kinds.contains(&"accepted list-b 2".to_owned()), "{kinds:?}");
    let waiting = told.iter().find(|heard| heard.body.kind() == Kind::Waiting).unwrap();
    assert_eq!(waiting.get("list_id"), told[0].get("list_id"));
    assert_eq!(waiting.get("order_id"), told[0].get("order_id_2"));
    let mut wrong = list(0, "wrong");
    if let Body::NewOrder(NewOrder { price, .. }) = &mut wrong[2] {
        *price = Price::from_units(89_999);
    }
    desk.peers[0].ask_group(now, MARKET, &wrong);
    desk.turn();
    let told = desk.peers[0].news();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].say(&["request", "leg"]), "rejected 3 2");
    assert_eq!(told[0].number_of("record_kind"), u64::from(Kind::NewOrder as u8));
}

#[test]
fn the_orders_of_a_session_end_with_its_connection_and_no_others() {
    let mut desk = Desk::new("binary-gone", true);
    let other = limit(1, Side::Buy, 990, 1, "by-another-gateway").into();
    desk.handle.submit(Submission { token: 0, commands: &[other] }).unwrap();
    desk.ask(0, limit(1, Side::Buy, 991, 1, "mine"));
    desk.ask(1, limit(2, Side::Buy, 992, 1, "theirs"));
    assert_eq!(desk.said(0, &["client_id"]), ["accepted mine"], "others' orders are not told");
    desk.drop_link(0);
    let now = desk.time();
    desk.lines.tick(now, &mut desk.handle.submitter);
    desk.turn();
    desk.log_on(0);
    desk.turn();
    assert_eq!(desk.said(0, &["request", "reason"]), ["cancelled 0 disconnected"]);
    // A venue that is killed owes it, and does it when it is back.
    desk.ask(0, limit(1, Side::Buy, 991, 1, "again"));
    desk.peers[0].news();
    let end = desk.delivered;
    let mut desk = desk.kill(end);
    let now = desk.time();
    desk.lines.tick(now, &mut desk.handle.submitter);
    desk.turn();
    desk.log_on(0);
    desk.log_on(1);
    assert_eq!(desk.said(0, &["request", "reason"]), ["cancelled 0 disconnected"]);
    let live = desk.core.engine().live_orders();
    assert_eq!(live, 1, "the one of another gateway");
}

#[test]
fn nobody_logs_on_before_the_orders_of_the_former_connection_are_taken_off() {
    let mut desk = Desk::new("binary-owed", true);
    desk.ask(0, limit(1, Side::Buy, 991, 1, "mine"));
    assert_eq!(desk.said(0, &["client_id"]), ["accepted mine"]);
    desk.drop_link(0);
    assert_eq!(desk.ask_to_log_on(0), Err(LoginRefusal::LoggedOn));
    desk.peers[0].closed();
    let now = desk.time();
    desk.lines.tick(now, &mut desk.handle.submitter);
    desk.log_on(0);
    desk.ask(0, limit(1, Side::Buy, 992, 1, "new"));
    let fields = ["client_id", "request", "reason"];
    assert_eq!(desk.said(0, &fields), ["cancelled 0 disconnected", "accepted new 2"]);
    assert_eq!(desk.core.engine().live_orders(), 1);
}

#[test]
fn in_an_auction_nobody_made_the_market_of_another() {
    let mut desk = Desk::new("binary-auction", false);
    desk.handle.submit(Submission { token: 0, commands: &[call_for_auction().into()] }).unwrap();
    desk.turn();
    desk.ask(0, limit(1, Side::Buy, 1_000, 5, "bid"));
    desk.ask(1, limit(2, Side::Sell, 1_000, 5, "ask"));
    desk.peers.iter_mut().for_each(|peer| drop(peer.news()));
    let open =
        SetInstrumentState { instrument: MARKET, state: InstrumentState::Open, reserved: [0; 3] };
    desk.handle.submit(Submission { token: 0, commands: &[open.into()] }).unwrap();
    desk.turn();
    for peer in &mut desk.peers {
        let [executed] = &peer.news()[..] else { panic!() };
        assert_eq!(executed.say(&["qty", "open_qty"]), "executed 0.00005 0");
        assert_eq!(executed.flags, AUCTION);
    }
}

#[test]
fn no_more_orders_are_open_or_placed_than_an_account_may_have() {
    let mut desk = Desk::new("binary-limits", false);
    let rules = [(
        "BTCUSDT".parse().unwrap(),
        OpenOrderLimits { orders: Some(3), ..OpenOrderLimits::default() },
    )];
    let mut models = Models::new(ModelLimits::default());
    let mut replica = Replica::new(SMALL_ENGINE, ModelLimits::default());
    let mut cursor = desk.core.log().read(1).unwrap();
    while let Some(record) = cursor.next_record().unwrap() {
        replica.apply(&record).unwrap();
    }
    models.clone_from(replica.models());
    let rates = RateLimits { orders_10s: 5, orders_1d: 5, ..RateLimits::default() };
    let orders = OrderLimiter::new(rates);
    let rules = rules.into_iter().collect();
    desk.lines.limit(EntryLimits::new(orders.clone(), &rules, &models));
    let now = desk.time();
    for (at, text) in ["a", "b", "c", "d"].iter().enumerate() {
        desk.peers[0].ask(now, &limit(1, Side::Buy, 990 - at as i64, 1, text).into());
    }
    desk.turn();
    let said = desk.said(0, &["client_id", "request", "reason", "source"]);
    assert_eq!(said[0], "rejected d 4 6 gateway", "at once, without the engine");
    assert_eq!(said[1..], ["accepted a 1", "accepted b 2", "accepted c 3"]);
    desk.ask(0, cancel(0, "a"));
    desk.ask(0, limit(1, Side::Buy, 980, 1, "e"));
    assert_eq!(desk.said(0, &["request"]), ["cancelled 5", "accepted 6"]);
    // Four were counted; the fifth is the last. One that fills counts no more.
    desk.ask(0, cancel(0, "b"));
    desk.ask(0, limit(1, Side::Buy, 970, 1, "f"));
    desk.ask(0, cancel(0, "c"));
    desk.ask(0, limit(1, Side::Buy, 970, 1, "g"));
    let said = desk.said(0, &["request", "reason", "source"]);
    assert_eq!(said[3], "rejected 10 7 gateway", "{said:?}");
    let now_ms = desk.time().0 / 1_000_000;
    orders.first_fill(AccountId(1), now_ms);
    desk.ask(0, limit(1, Side::Buy, 970, 1, "g"));
    assert_eq!(desk.said(0, &["request"]), ["accepted 11"]);
}

#[test]
fn requests_and_answers_allocate_nothing_after_warm_up() {
    const ROUNDS: u64 = 1_500;
    let this = "it::binary_lines::requests_and_answers_allocate_nothing_after_warm_up";
    alone(this, || {
        let place = Place::new("binary-allocation");
        let journal = Options { segment_size: 64 << 20, ..Options::default() };
        let stored = StoreOptions { journal, ..store_options(None) };
        let opened = store::open(place.path(), IoOptions::default(), &stored).unwrap();
        let (mut core, mut handles) = pipeline(&OPTIONS, opened.journal, opened.engine, 1);
        let mut handle = handles.remove(0);
        for command in setup() {
            ask(&mut core, &mut handle, 1, &[command]);
        }
        let mut lines = Lines::open(options(&place), Timestamp(0)).unwrap();
        let most = u32::MAX;
        let rates = RateLimits { orders_10s: most, orders_1d: most, ..RateLimits::default() };
        let rules = OpenOrderRules::default();
        lines.limit(EntryLimits::new(OrderLimiter::new(rates), &rules, &opened.models));
        let mut peer = Peer::new("key-0", secret(0), false);
        let now = Timestamp(1_000_000);
        let mut gate = Gate::new(now, [0; 32]);
        peer.connected(now);
        gate.received(now, &peer.take());
        peer.hear(now, gate.output());
        let (_, login) = gate.received(now, &peer.take());
        let login = login.unwrap();
        let (text, key) = login::verify(&keys(), &login).unwrap();
        let line = lines.log_on(now, &login, (&text, key)).unwrap();
        peer.hear(now, lines.line(line).session().output());
        // Two orders that trade, one that rests, and its cancel; made before anything is counted.
        let rounds: Vec<Vec<u8>> = (0..ROUNDS)
            .map(|_| {
                peer.ask(now, &limit(1, Side::Buy, 1_000, 1, "bid").into());
                peer.ask(now, &limit(1, Side::Sell, 1_000, 1, "ask").into());
                peer.ask(now, &limit(1, Side::Buy, 990, 1, "rest").into());
                peer.ask(now, &cancel(0, "rest"));
                peer.take()
            })
            .collect();
        let mut go = |bytes: &[u8]| {
            let mut told = 0;
            assert_eq!(lines.received(line, now, bytes, &mut handle.submitter), bytes.len());
            while told < 6 {
                core.poll(now).unwrap();
                if core.waits_for_log() {
                    core.idle(now, std::time::Duration::ZERO).unwrap();
                }
                let tell = |delivery: &Delivery| lines.delivered(delivery, now, 1);
                handle.deliveries.poll(usize::MAX, tell).unwrap();
                while let Some(line) = lines.next_stirred() {
                    let output = lines.line(line).session().output();
                    told += output.len() / RECORD_SIZE;
                    output.clear();
                }
                lines.save_checkpoint();
            }
            told
        };
        let (warm_up, counted) = rounds.split_at(ROUNDS as usize / 2);
        let mut told: usize = warm_up.iter().map(|bytes| go(bytes)).sum();
        let allocated = allocations(|| {
            for bytes in counted {
                told += go(bytes);
            }
        });
        assert_eq!(allocated, 0, "{told} answers");
        assert!(told as u64 >= 6 * ROUNDS, "it was work: {told}");
    });
}
