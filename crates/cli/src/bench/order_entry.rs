//! Orders and their reports, from bytes and to bytes: FIX 4.4, the binary protocol, ITCH.
//!
//! ```text
//!   256 orders by seed --> messages in memory, one after the other --> decoder --> checksum
//!   256 reports by seed --> encoder --> checksum of the bytes
//! ```
//!
//! The messages differ, so that no branch predictor learns one by heart. A FIX message counts as
//! decoded when its length and its sum are checked and each field's tag and place are known; every
//! field goes into the sum, by its tag, its length and its first byte.

use std::hint::black_box;

use tiercel_sim::itch_flow::{ItchFlow, ItchFlowConfig};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    InstrumentId, OrderId, OrderKind, Price, Qty, SelfTradePrevention, Side, TimeInForce,
    Timestamp, TradeId,
};
use tiercel_wire::binary::{self, Body, ClientId, Flag, Header, Kind, NewOrder, RECORD_SIZE};
use tiercel_wire::fix::tag::{self, Tag};
use tiercel_wire::fix::{Decoder, Encoder, Frame, frame};
use tiercel_wire::itch::field::{BuySell, Price4, Text, Time};
use tiercel_wire::itch::{AddOrder, FRAME_SIZE_MAX, Frames, Head, Message};

use super::binance::Turn;
use super::contest::{Case, CaseSpec, Figure, Input, Repeated, Subject};
use super::{BenchError, Options};

/// Messages that are worked on in turn.
const MESSAGES: usize = 256;
/// What the orders trade.
pub const INSTRUMENT: InstrumentId = InstrumentId(3);

/// The cases of `tiercel bench wire` on orders and reports.
pub const CASES: &[CaseSpec] = &[
    spec("fix_decode", |options| Ok(fix_decode(options))),
    spec("fix_encode", |options| Ok(fix_encode(options))),
    spec("binary_decode", binary_decode),
    spec("binary_encode", |options| Ok(binary_encode(options))),
    spec("binary_decode_mixed", binary_decode_mixed),
    spec("binary_encode_mixed", |options| Ok(binary_encode_mixed(options))),
    spec("itch_encode", itch_encode),
    spec("itch_make", |options| Ok(itch_make(options))),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "wire", name, build }
}

/// What is told when ours does not do the work.
pub fn wrong(what: &dyn std::fmt::Display) -> BenchError {
    BenchError::Wrong { subject: "ours".to_owned(), what: what.to_string() }
}

/// Ours alone, so many items a call.
fn case(
    options: &Options,
    input: Input,
    items: u64,
    work: impl FnMut() -> Result<u64, BenchError> + 'static,
) -> Case {
    let ours: Box<dyn Subject> = Box::new(Repeated {
        name: "ours",
        figure: Figure::NsPerItem,
        items_per_call: items,
        calls: options.operations / if items == 1 { 1 } else { 64 },
        work,
    });
    Case { unit: "ns/msg", input, subjects: vec![ours] }
}

/// Numbers by seed: no more than differences between messages.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % bound
    }
}

/// One order, or a report on one.
#[derive(Clone, Copy)]
struct Terms {
    number: u64,
    client_id: [u8; 16],
    side: Side,
    price: Price,
    qty: Qty,
    time: Timestamp,
}

fn terms(seed: u64) -> Vec<Terms> {
    let mut draw = Draw(seed ^ 0x5DEE_CE66);
    let draw = &mut draw;
    (0..MESSAGES as u64)
        .map(|at| Terms {
            number: 100_000 + at * 7,
            client_id: client_id(100_000 + at * 7),
            side: if draw.below(2) == 0 { Side::Buy } else { Side::Sell },
            price: Price::from_units((6_100_000 + draw.below(99_999)) as i64 * 1_000_000),
            qty: Qty::from_units((1 + draw.below(9_999)) * 10_000),
            time: Timestamp(1_784_455_201_000_000_000 + at * 1_234_567),
        })
        .collect()
}

/// A client's name for an order: sixteen characters.
fn client_id(number: u64) -> [u8; 16] {
    let text = format!("desk7-{number:010}");
    text.as_bytes().first_chunk().copied().unwrap_or([b'x'; 16])
}

fn side_character(side: Side) -> u8 {
    b'1' + side.index() as u8
}

/// A new order of 20 fields.
fn new_order_single(encoder: &mut Encoder, terms: &Terms) -> Vec<u8> {
    encoder.begin(b"D");
    encoder.unsigned(tag::MSG_SEQ_NUM, terms.number);
    encoder.text(tag::SENDER_COMP_ID, b"MAKER-7");
    encoder.time(tag::SENDING_TIME, terms.time);
    encoder.text(tag::TARGET_COMP_ID, b"TIERCEL");
    encoder.text(Tag(1), b"ACCOUNT-0007");
    encoder.text(tag::CL_ORD_ID, &terms.client_id);
    encoder.character(Tag(21), b'1');
    encoder.qty(Tag(38), terms.qty);
    encoder.character(Tag(40), b'2');
    encoder.price(tag::PRICE, terms.price);
    encoder.character(Tag(54), side_character(terms.side));
    encoder.text(Tag(55), b"BTCUSDT");
    encoder.character(Tag(59), b'1');
    encoder.time(Tag(60), terms.time);
    encoder.character(Tag(528), b'P');
    encoder.text(Tag(5001), b"STP-2");
    encoder.finish().to_vec()
}

fn fix_decode(options: &Options) -> Case {
    let mut encoder = Encoder::new(b"FIX.4.4");
    let messages: Vec<Vec<u8>> =
        terms(options.seed).iter().map(|terms| new_order_single(&mut encoder, terms)).collect();
    let input = Input::Bytes(messages.join(&b"\n"[..]).into());
    let mut turn = Turn::new(messages);
    let mut decoder = Decoder::default();
    let mut sum = 0_u64;
    case(options, input, 1, move || {
        let bytes = turn.next();
        let Frame::Whole { length, body } = frame(bytes) else {
            return Err(wrong(&"no whole message"));
        };
        let message = decoder.index(&bytes[..length], body).map_err(|error| wrong(&error))?;
        let mut own = 0_u64;
        for (tag, value) in message.iter() {
            own = own.wrapping_add(field_bits(tag.0 as u32, value)).rotate_left(7);
        }
        sum = sum.rotate_left(1) ^ own;
        Ok(sum)
    })
}

/// What a field adds to the sum of a FIX message.
#[inline]
pub fn field_bits(tag: u32, value: &[u8]) -> u64 {
    let first = value.first().copied().unwrap_or(0);
    u64::from(tag) << 32 | (value.len() as u64) << 8 | u64::from(first)
}

fn fix_encode(options: &Options) -> Case {
    let reports = terms(options.seed);
    let mut encoder = Encoder::new(b"FIX.4.4");
    let messages: Vec<Vec<u8>> =
        reports.iter().map(|report| execution_report(&mut encoder, report).to_vec()).collect();
    let input = Input::Bytes(messages.join(&b"\n"[..]).into());
    let mut next = 0;
    let mut sum = 0_u64;
    case(options, input, 1, move || {
        let report = &reports[next];
        next = if next + 1 == reports.len() { 0 } else { next + 1 };
        let bytes = execution_report(&mut encoder, report);
        sum = sum.rotate_left(1) ^ bytes_bits(black_box(bytes));
        Ok(sum)
    })
}

/// What an encoded message adds to the sum: its length and its last bytes, which have its checksum.
#[inline]
pub fn bytes_bits(bytes: &[u8]) -> u64 {
    let tail = bytes.last_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(tail) ^ (bytes.len() as u64) << 56
}

/// A fill of 20 fields: what does not change between two reports of a session is one piece.
#[inline]
fn execution_report<'e>(encoder: &'e mut Encoder, report: &Terms) -> &'e [u8] {
    encoder.begin(b"8");
    encoder.unsigned(tag::MSG_SEQ_NUM, report.number);
    encoder.constant(b"49=TIERCEL\x01");
    encoder.time(tag::SENDING_TIME, report.time);
    encoder.constant(b"56=MAKER-7\x01");
    encoder.price(Tag(6), report.price);
    encoder.text(tag::CL_ORD_ID, &report.client_id);
    encoder.qty(Tag(14), report.qty);
    encoder.unsigned(Tag(17), report.number);
    encoder.price(tag::LAST_PX, report.price);
    encoder.qty(Tag(32), report.qty);
    encoder.unsigned(Tag(37), 281_474_976_710_656 + report.number);
    encoder.constant(b"39=2\x01");
    encoder.character(Tag(54), side_character(report.side));
    encoder.constant(b"55=BTCUSDT\x01");
    encoder.time(Tag(60), report.time);
    encoder.constant(b"150=F\x01151=0\x01");
    encoder.finish()
}

fn binary_order(terms: &Terms) -> NewOrder {
    NewOrder {
        client_id: ClientId::part(format!("mm-{}", terms.number).as_bytes()),
        price: terms.price,
        qty: terms.qty,
        display_qty: Qty::ZERO,
        side: terms.side,
        kind: OrderKind::ALL[terms.number as usize % 3],
        time_in_force: TimeInForce::ALL[terms.number as usize % 4],
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        by_quote: Flag::No,
        reserved: [0; 3],
    }
}

/// Orders with their numbers.
pub fn binary_orders(options: &Options) -> Vec<(u64, NewOrder)> {
    terms(options.seed).iter().map(|terms| (terms.number, binary_order(terms))).collect()
}

/// A record after the other: every field of its header and of its order is checked, and goes into the
/// sum.
fn binary_decode(options: &Options) -> Result<Case, BenchError> {
    let orders = binary_orders(options);
    let records: Vec<[u8; RECORD_SIZE]> = orders
        .iter()
        .map(|(number, order)| binary::record(INSTRUMENT, *number, 0, order))
        .collect();
    for (record, (number, order)) in records.iter().zip(&orders) {
        let decoded = binary::decode(record).map_err(|error| wrong(&error))?;
        let header = Header { sequence: *number, ..Header::new(Kind::NewOrder, INSTRUMENT) };
        if decoded != (header, Body::NewOrder(*order)) {
            return Err(wrong(&"another order"));
        }
    }
    let input = Input::Bytes(records.as_flattened().into());
    Ok(case(options, input, MESSAGES as u64, move || {
        let mut sum = 0_u64;
        for record in black_box(&records) {
            let (header, body) = binary::decode(record).map_err(|error| wrong(&error))?;
            let Body::NewOrder(order) = body else { return Err(wrong(&"no order")) };
            // Added, so that no record waits for the one before.
            sum = sum.wrapping_add(header_bits(&header) ^ order_bits(&order));
        }
        Ok(sum)
    }))
}

#[inline]
fn header_bits(header: &Header) -> u64 {
    let Header { kind, extensions, flags, reserved, instrument, sequence } = header;
    let codes = u32::from_le_bytes([*kind, *extensions, *flags, *reserved]);
    u64::from(codes) ^ u64::from(instrument.0) << 32 ^ sequence.rotate_left(5)
}

#[inline]
fn order_bits(order: &NewOrder) -> u64 {
    let NewOrder { client_id, price, qty, display_qty, .. } = order;
    let id = u128::from_le_bytes(*client_id.padded());
    let stp = order.self_trade_prevention as u8;
    let codes = [order.side as u8, order.kind as u8, order.time_in_force as u8, stp];
    (id as u64)
        ^ ((id >> 64) as u64).rotate_left(9)
        ^ (price.units() as u64).rotate_left(17)
        ^ qty.units().rotate_left(29)
        ^ display_qty.units()
        ^ u64::from(u32::from_le_bytes(codes)) << 24
        ^ (order.by_quote as u64) << 60
}

/// An order after the other into one buffer. Each record is looked at whole before the next is written,
/// so that none is left out, and no two are written as one.
fn binary_encode(options: &Options) -> Case {
    let orders = binary_orders(options);
    let mut out = vec![0_u8; MESSAGES * RECORD_SIZE];
    case(options, Input::None, MESSAGES as u64, move || {
        let (records, _) = out.as_chunks_mut::<RECORD_SIZE>();
        for ((number, order), record) in black_box(&orders).iter().zip(records) {
            let header = Header { sequence: *number, ..Header::new(Kind::NewOrder, INSTRUMENT) };
            binary::encode(&header, order, record);
            black_box(&*record);
        }
        Ok(out.len() as u64)
    })
}

/// What a session says, one kind of record after the other by seed: orders, amendments, cancels, and
/// what the venue answers.
fn bodies(options: &Options) -> Vec<(u64, Body)> {
    let mut draw = Draw(options.seed);
    let orders = binary_orders(options);
    let body = |(number, order): (u64, NewOrder)| {
        let NewOrder { client_id, price, qty, side, kind, time_in_force, .. } = order;
        let (order_id, time) = (OrderId(number), Timestamp(1_784_455_201_000_000_000 + number));
        let body = match draw.below(6) {
            0 => order.into(),
            1 => binary::CancelOrder { client_id, order_id, reserved: [0; 24] }.into(),
            2 => binary::AmendOrder {
                client_id,
                order_id,
                price,
                qty,
                qty_meaning: AmendQtyMeaning::ALL[0],
                lose_priority: Flag::No,
                reserved: [0; 6],
            }
            .into(),
            3 => binary::Accepted {
                client_id,
                order_id,
                time,
                request: number,
                side,
                kind,
                time_in_force,
                reserved: [0; 5],
            }
            .into(),
            4 => binary::Executed {
                order_id,
                trade_id: TradeId(number),
                price,
                qty,
                open_qty: Qty::ZERO,
                time,
            }
            .into(),
            _ => binary::Rested {
                order_id,
                price,
                open_qty: qty,
                displayed_qty: qty,
                time,
                side,
                reserved: [0; 7],
            }
            .into(),
        };
        (number, body)
    };
    orders.into_iter().map(body).collect()
}

/// Writes a record of any kind.
fn encode_any(number: u64, body: &Body, record: &mut [u8; RECORD_SIZE]) {
    let header = Header { sequence: number, ..Header::new(body.kind(), INSTRUMENT) };
    match body {
        Body::NewOrder(body) => binary::encode(&header, body, record),
        Body::CancelOrder(body) => binary::encode(&header, body, record),
        Body::AmendOrder(body) => binary::encode(&header, body, record),
        Body::Accepted(body) => binary::encode(&header, body, record),
        Body::Executed(body) => binary::encode(&header, body, record),
        Body::Rested(body) => binary::encode(&header, body, record),
        _ => {}
    }
}

/// As `binary_decode`, but the kinds of the records differ.
fn binary_decode_mixed(options: &Options) -> Result<Case, BenchError> {
    let bodies = bodies(options);
    let mut records = vec![[0; RECORD_SIZE]; bodies.len()];
    for ((number, body), record) in bodies.iter().zip(&mut records) {
        encode_any(*number, body, record);
        if binary::decode(record).map(|(_, decoded)| decoded) != Ok(*body) {
            return Err(wrong(&"another record"));
        }
    }
    let input = Input::Bytes(records.as_flattened().into());
    Ok(case(options, input, MESSAGES as u64, move || {
        for record in black_box(&records) {
            let decoded = binary::decode(record).map_err(|error| wrong(&error))?;
            black_box(&decoded);
        }
        Ok(records.len() as u64)
    }))
}

/// As `binary_encode`, but the kinds of the records differ.
fn binary_encode_mixed(options: &Options) -> Case {
    let bodies = bodies(options);
    let mut out = vec![0_u8; MESSAGES * RECORD_SIZE];
    case(options, Input::None, MESSAGES as u64, move || {
        let (records, _) = out.as_chunks_mut::<RECORD_SIZE>();
        for ((number, body), record) in black_box(&bodies).iter().zip(records) {
            encode_any(*number, body, record);
            black_box(&*record);
        }
        Ok(out.len() as u64)
    })
}

/// Messages of a day, each written framed into one buffer: what a feed does with a view.
fn itch_encode(options: &Options) -> Result<Case, BenchError> {
    let mut day = Vec::new();
    let mut flow = ItchFlow::new(&ItchFlowConfig {
        instruments: 10,
        live_orders: 1_000,
        messages: 4 * MESSAGES,
        seed: options.seed,
    });
    flow.open(&mut Vec::new());
    flow.trade(4 * MESSAGES, &mut day);
    let day: &'static [u8] = day.leak();
    let messages: Vec<Message<'static>> =
        Frames::new(day).collect::<Result<_, _>>().map_err(|error| wrong(&error))?;
    let mut out = vec![0; day.len() + FRAME_SIZE_MAX];
    Ok(case(options, Input::None, messages.len() as u64, move || {
        let mut at = 0;
        for message in black_box(&messages) {
            at += message.encode_framed(&mut out[at..]).unwrap_or(0);
        }
        Ok(bytes_bits(black_box(&out[..at])))
    }))
}

/// New orders made of prices and quantities, then written framed: what a feed does with an event.
fn itch_make(options: &Options) -> Case {
    let terms = terms(options.seed);
    let mut out = vec![0; MESSAGES * FRAME_SIZE_MAX];
    let stock = Text::new(b"BTCUSDT").unwrap_or(Text::padding());
    case(options, Input::None, MESSAGES as u64, move || {
        let mut at = 0;
        for terms in black_box(&terms) {
            let side = match terms.side {
                Side::Buy => BuySell::Buy,
                Side::Sell => BuySell::Sell,
            };
            let order = AddOrder {
                head: Head {
                    stock_locate: 7.into(),
                    tracking_number: 0.into(),
                    timestamp: Time::new(terms.time.0 & Time::NS_MAX).unwrap_or_default(),
                },
                order_reference_number: terms.number.into(),
                buy_sell_indicator: side.into(),
                shares: (terms.qty.units() as u32).into(),
                stock,
                price: Price4::new((terms.price.units() / 10_000) as u32),
            };
            at += Message::AddOrder(&order).encode_framed(&mut out[at..]).unwrap_or(0);
        }
        Ok(bytes_bits(black_box(&out[..at])))
    })
}
