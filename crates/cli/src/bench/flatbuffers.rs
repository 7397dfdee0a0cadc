//! Orders as FlatBuffers: ours beside a loop over the generated code alone.
//!
//! ```text
//!   256 orders by seed --> messages --> verified, to a record, its values checked --> checksum   ours
//!                              +------> verified, read field by field --------------> checksum   generated
//!   256 records --> read and checked, to a message --> checksum of the bytes                     ours
//!   256 orders ---> to a message ---------------------> checksum of the bytes                    generated
//! ```
//!
//! `generated` is what a client in Rust would write: default limits of the verifier, one builder for
//! all messages. It neither checks values nor keeps to the protocol's bounds.

use flatbuffers::FlatBufferBuilder;
use tiercel_wire::binary::{self, Body, Group, NewOrder, RECORD_SIZE};
use tiercel_wire::flat::schema::{self, MessageArgs, NewOrderArgs};
use tiercel_wire::flat::{Encoder, Framing, decode};

use super::binance::Turn;
use super::contest::{Case, CaseSpec, Figure, Input, Repeated, Subject};
use super::order_entry::{self, INSTRUMENT, bytes_bits, wrong};
use super::{BenchError, Options};

/// The cases of `tiercel bench wire` on FlatBuffers.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: "wire", name: "flatbuffers_decode", build: |options| Ok(decoding(options)) },
    CaseSpec { bench: "wire", name: "flatbuffers_encode", build: |options| Ok(encoding(options)) },
];

fn subject(
    name: &'static str,
    options: &Options,
    work: impl FnMut() -> Result<u64, BenchError> + 'static,
) -> Box<dyn Subject> {
    let figure = Figure::NsPerItem;
    Box::new(Repeated { name, figure, items_per_call: 1, calls: options.operations, work })
}

fn case(subjects: Vec<Box<dyn Subject>>) -> Case {
    Case { unit: "ns/msg", input: Input::None, subjects }
}

/// A message by the generated code alone.
fn generated<'b>(
    builder: &'b mut FlatBufferBuilder<'static>,
    number: u64,
    order: &NewOrder,
) -> Result<&'b [u8], BenchError> {
    builder.reset();
    let client_id = str::from_utf8(order.client_id.as_bytes()).map_err(|error| wrong(&error))?;
    let client_id = Some(builder.create_string(client_id));
    let args = NewOrderArgs {
        client_id,
        price: order.price.units(),
        qty: order.qty.units(),
        display_qty: order.display_qty.units(),
        side: schema::Side(order.side as u8),
        kind: schema::OrderKind(order.kind as u8),
        time_in_force: schema::TimeInForce(order.time_in_force as u8),
        self_trade_prevention: schema::SelfTradePrevention(order.self_trade_prevention as u8),
        by_quote: order.by_quote == binary::Flag::Yes,
    };
    let body = Some(schema::NewOrder::create(builder, &args).as_union_value());
    let args = MessageArgs {
        sequence: number,
        instrument: INSTRUMENT.0,
        flags: 0,
        body_type: schema::Body::NewOrder,
        body,
        extensions: None,
    };
    let message = schema::Message::create(builder, &args);
    builder.finish_size_prefixed(message, None);
    Ok(builder.finished_data())
}

/// What an order adds to the sum.
#[inline]
fn sum_of(id: &[u8], numbers: [u64; 4], codes: [u8; 4]) -> u64 {
    let first = u64::from(id.first().copied().unwrap_or(0)) << 8 | id.len() as u64;
    numbers
        .iter()
        .fold(first, |sum, number| sum.rotate_left(13) ^ number)
        .wrapping_add(u64::from(u32::from_le_bytes(codes)) << 24)
}

fn decoding(options: &Options) -> Case {
    let mut builder = FlatBufferBuilder::new();
    let messages: Vec<Vec<u8>> = order_entry::binary_orders(options)
        .iter()
        .filter_map(|(number, order)| {
            generated(&mut builder, *number, order).ok().map(<[u8]>::to_vec)
        })
        .collect();
    let (mut turn, mut theirs) = (Turn::new(messages.clone()), Turn::new(messages));
    let mut records = Vec::new();
    let (mut sum, mut their_sum) = (0_u64, 0_u64);
    let ours = subject("ours", options, move || {
        records.clear();
        decode(turn.next(), Framing::Length, &mut records).map_err(|error| wrong(&error))?;
        let record = records.first_chunk::<RECORD_SIZE>().ok_or_else(|| wrong(&"no record"))?;
        let (header, body) = binary::decode(record).map_err(|error| wrong(&error))?;
        let Body::NewOrder(order) = body else { return Err(wrong(&"no order")) };
        let NewOrder { client_id, price, qty, display_qty, side, kind, time_in_force, .. } = order;
        let numbers = [header.sequence, price.units() as u64, qty.units(), display_qty.units()];
        let codes =
            [side as u8, kind as u8, time_in_force as u8, order.self_trade_prevention as u8];
        sum = sum.rotate_left(1) ^ sum_of(client_id.as_bytes(), numbers, codes);
        Ok(sum)
    });
    let generated = subject("generated", options, move || {
        let message =
            schema::size_prefixed_root_as_message(theirs.next()).map_err(|error| wrong(&error))?;
        let order = message.body_as_new_order().ok_or_else(|| wrong(&"no order"))?;
        let numbers = [message.sequence(), order.price() as u64, order.qty(), order.display_qty()];
        let codes = [
            order.side().0,
            order.kind().0,
            order.time_in_force().0,
            order.self_trade_prevention().0,
        ];
        let id = order.client_id().unwrap_or_default().as_bytes();
        their_sum = their_sum.rotate_left(1) ^ sum_of(id, numbers, codes);
        Ok(their_sum)
    });
    case(vec![ours, generated])
}

fn encoding(options: &Options) -> Case {
    let orders = order_entry::binary_orders(options);
    let records: Vec<[u8; RECORD_SIZE]> = orders
        .iter()
        .map(|(number, order)| binary::record(INSTRUMENT, *number, 0, order))
        .collect();
    let mut encoder = Encoder::default();
    let mut builder = FlatBufferBuilder::new();
    let (mut next, mut their_next) = (0, 0);
    let (mut sum, mut their_sum) = (0_u64, 0_u64);
    let count = orders.len();
    let ours = subject("ours", options, move || {
        let group = Group::front(&records[next]).map_err(|error| wrong(&error))?;
        let group = group.ok_or_else(|| wrong(&"no record"))?;
        next = if next + 1 == count { 0 } else { next + 1 };
        let bytes = encoder.encode(&group, Framing::Length).map_err(|error| wrong(&error))?;
        sum = sum.rotate_left(1) ^ bytes_bits(bytes);
        Ok(sum)
    });
    let generated = subject("generated", options, move || {
        let (number, order) = &orders[their_next];
        their_next = if their_next + 1 == count { 0 } else { their_next + 1 };
        their_sum = their_sum.rotate_left(1) ^ bytes_bits(generated(&mut builder, *number, order)?);
        Ok(their_sum)
    });
    case(vec![ours, generated])
}
