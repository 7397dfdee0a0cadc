//! The allocator of this test binary counts: after the first message none allocates.

use tiercel_testkit::binance_answers::SAMPLES;
use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};
use tiercel_types::{ClientOrderId, Price, Qty, Side, Timestamp};
use tiercel_wire::binance::answer::{Body, Incoming};
use tiercel_wire::binance::order::{Digits, NewOrder, Request, Requests, Terms};
use tiercel_wire::binance::{ResponseType, TimeUnit};
use tiercel_wire::binary::{Group, Kind};
use tiercel_wire::flat::{Encoder, Framing, Translator};
use tiercel_wire::websocket::{Assembler, Limits, Message, Opcode, Role, put, put_text_with};

use super::flat::record_of;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn messages_of_flatbuffers_allocate_nothing() {
    alone("it::allocations::messages_of_flatbuffers_allocate_nothing", || {
        assert_counts_every_thread();
        carry_messages();
    });
}

fn carry_messages() {
    let order = record_of(Kind::NewOrder, &[0x41; 48]);
    let mut replace = record_of(Kind::ReplaceOrder, &[0x42; 48]).to_vec();
    replace.extend_from_slice(&record_of(Kind::Target, &[0x43; 48]));
    replace[1] = 1;
    let groups = [&order[..], &replace].map(|group| Group::front(group).unwrap().unwrap());
    let mut encoder = Encoder::default();
    let mut translator = Translator::new(Framing::Length);
    let mut carry = |times: usize| {
        for group in groups.iter().cycle().take(times) {
            let message = encoder.encode(group, Framing::Length).unwrap();
            assert_eq!(translator.received(message), message.len());
            assert_eq!(translator.records(), group.bytes());
            translator.records().clear();
        }
    };
    carry(2);
    assert_eq!(allocations(|| carry(1_000)), 0);
}

#[test]
fn a_trading_connection_allocates_nothing() {
    alone("it::allocations::a_trading_connection_allocates_nothing", || {
        assert_counts_every_thread();
        trade();
    });
}

/// Reads a result as each of what it may be.
fn read(body: &Body<'_>) {
    let read = usize::from(body.placed().is_ok())
        + usize::from(body.cancel_replaced().is_ok())
        + usize::from(body.amended().is_ok())
        + usize::from(body.cancelled().is_ok())
        + usize::from(body.order().is_ok())
        + body.all_cancelled().map_or(0, Iterator::count)
        + body.open_orders().map_or(0, Iterator::count)
        + body.trades().map_or(0, Iterator::count)
        + body.account().map_or(0, |account| account.balances.count())
        + usize::from(body.server_time().is_ok())
        + usize::from(body.subscription_id().is_ok());
    assert!(read > 0);
}

/// Orders, masked, and all that may come back, some of it in fragments.
fn trade() {
    let sign = |_: &[u8], signature: &mut Vec<u8>| signature.extend_from_slice(&[b'5'; 64]);
    let mut requests = Requests::new(&"k".repeat(64), Some(5_000), sign);
    let order = Request::Place(NewOrder {
        symbol: "BTCUSDT",
        digits: Digits { price: 2, qty: 5 },
        side: Side::Buy,
        terms: Terms::LimitMaker { price: Price::from_units(6_183_763_000_000) },
        qty: Qty::from_units(1_000),
        client_order_id: ClientOrderId::new(b"7-42").unwrap(),
        response: ResponseType::Full,
        self_trade_prevention: None,
    });
    let limits = Limits { role: Role::Client, frame_bytes_max: 65_536, message_bytes_max: 65_536 };
    let mut assembler = Assembler::new(limits);
    let (mut out, mut inbox) = (Vec::with_capacity(4_096), Vec::with_capacity(65_536));
    let mut run = |times: u64| {
        for id in 0..times {
            out.clear();
            put_text_with(&mut out, Some([1, 2, 3, 4]), |out| {
                requests.put(out, id, Timestamp(id), &order);
            });
            inbox.clear();
            for (_, text) in SAMPLES {
                let (first, second) = text.as_bytes().split_at(text.len() / 2);
                let start = inbox.len();
                put(&mut inbox, Opcode::Text, first, None);
                inbox[start] &= 0x7F;
                put(&mut inbox, Opcode::Continuation, second, None);
                put(&mut inbox, Opcode::Text, text.as_bytes(), None);
            }
            let mut at = 0;
            let mut heard = 0;
            while let step = assembler.next(&mut inbox[at..]).unwrap()
                && let Some(message) = step.message
            {
                at += step.taken;
                heard += 1;
                let Message::Text(text) = message else { panic!("{message:?}") };
                if let Incoming::Answer(answer) =
                    Incoming::decode(text, TimeUnit::Millisecond).unwrap()
                    && let Ok(body) = answer.outcome
                {
                    read(&body);
                }
            }
            assert_eq!(heard, 2 * SAMPLES.len());
        }
    };
    run(2);
    assert_eq!(allocations(|| run(20)), 0);
}
