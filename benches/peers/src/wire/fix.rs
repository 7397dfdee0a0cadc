//! fix-codec-rs on the same messages. Its decoder finds the fields; length and sum are checked by
//! calls of their own. Its encoder copies the fields of a message that it decoded before: no number
//! is turned into text, as ours are.

use std::hint::black_box;

use fix_codec_rs::decoder::Decoder;
use fix_codec_rs::encoder::Encoder;
use fix_codec_rs::error::FixError;
use fix_codec_rs::message::Message;
use tiercel_cli::bench::BenchError;
use tiercel_cli::bench::binance::Turn;
use tiercel_cli::bench::contest::{Figure, Repeated, Subject};
use tiercel_cli::bench::order_entry::{bytes_bits, field_bits};

const NAME: &str = "fix-codec-rs";

fn wrong(error: FixError) -> BenchError {
    BenchError::Wrong { subject: NAME.to_owned(), what: format!("{error:?}") }
}

fn subject(
    calls: usize,
    work: impl FnMut() -> Result<u64, BenchError> + 'static,
) -> Box<dyn Subject> {
    Box::new(Repeated { name: NAME, figure: Figure::NsPerItem, items_per_call: 1, calls, work })
}

/// The decoder of new orders.
pub fn decode(messages: &[Vec<u8>], calls: usize) -> Box<dyn Subject> {
    let mut turn = Turn::new(messages.to_vec());
    let mut decoder = Decoder::new();
    let mut sum = 0_u64;
    subject(calls, move || {
        let message = decoder.decode(turn.next()).map_err(wrong)?;
        message.validate_body_length().map_err(wrong)?;
        message.validate_checksum().map_err(wrong)?;
        let mut own = 0_u64;
        // Ours gives the fields of the body alone: neither version, length nor sum.
        for field in message.fields().skip(2).take(message.len().saturating_sub(3)) {
            own = own.wrapping_add(field_bits(field.tag, field.value)).rotate_left(7);
        }
        sum = sum.rotate_left(1) ^ own;
        Ok(sum)
    })
}

/// The encoder of execution reports.
///
/// # Errors
/// [`BenchError::Wrong`] when it cannot read them first.
pub fn encode(messages: &[Vec<u8>], calls: usize) -> Result<Box<dyn Subject>, BenchError> {
    // A message lends from its decoder: both live as long as the process.
    let messages: &'static [Vec<u8>] = messages.to_vec().leak();
    let decoders: &'static mut [Decoder] =
        messages.iter().map(|_| Decoder::new()).collect::<Vec<_>>().leak();
    let read: Vec<Message<'static>> = decoders
        .iter_mut()
        .zip(messages)
        .map(|(decoder, bytes)| decoder.decode(bytes).map_err(wrong))
        .collect::<Result<_, _>>()?;
    let mut encoder = Encoder::with_capacity(1_024);
    let mut out = Vec::with_capacity(1_024);
    let (mut next, mut sum) = (0, 0_u64);
    Ok(subject(calls, move || {
        let message = &read[next];
        next = if next + 1 == read.len() { 0 } else { next + 1 };
        encoder.encode(message, &mut out).map_err(wrong)?;
        sum = sum.rotate_left(1) ^ bytes_bits(black_box(&out));
        Ok(sum)
    }))
}
