//! What must hold for FIX on any bytes. Bodies for fuzzers and for fixed seeds.

use std::sync::{Arc, LazyLock};

use tiercel_types::Timestamp;
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, Session, SessionConfig,
};
use tiercel_wire::fix::tag::Tag;
use tiercel_wire::fix::{Decoder, Encoder, Frame, Message, SOH, frame, value};

/// When sessions begin.
const START: Timestamp = Timestamp(1_700_000_000_000_000_000);

/// Any bytes as a stream: frames cover it without gap or overlap, fields cover a message, and a
/// value that is read is written as what is read again.
///
/// # Panics
/// When the decoder or the encoder is wrong.
pub fn stream(bytes: &[u8]) {
    let mut decoder = Decoder::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        match frame(rest) {
            Frame::Partial => return,
            Frame::Garbled { skip, .. } => {
                assert!((1..=rest.len()).contains(&skip), "{skip} of {}", rest.len());
                rest = &rest[skip..];
            }
            Frame::Whole { length, body } => {
                assert!(body < length && length <= rest.len());
                let (message, behind) = rest.split_at(length);
                assert_eq!(frame(message), Frame::Whole { length, body }, "alone it is another");
                if let Ok(message) = decoder.index(message, body) {
                    fields(&message);
                }
                rest = behind;
            }
        }
    }
}

fn fields(message: &Message<'_>) {
    for (tag, text) in message.iter() {
        assert!(message.get(tag).is_some());
        values(text);
        let _group = message.group(tag, |member| member != tag).count();
    }
    let _type = (message.message_type(), message.begin_string());
}

/// What is read of a field's bytes.
fn values(text: &[u8]) {
    let mut encoder = Encoder::new(b"FIX.4.4");
    let mut again = |write: &dyn Fn(&mut Encoder), check: &dyn Fn(&[u8])| {
        encoder.begin(b"0");
        write(&mut encoder);
        let bytes = encoder.finish();
        let Frame::Whole { body, .. } = frame(bytes) else { panic!("no frame was written") };
        let mut decoder = Decoder::default();
        let message = decoder.index(bytes, body).expect("fields were written");
        check(message.get(Tag(5_001)).expect("the field is there"));
    };
    if let Some(number) = value::integer(text) {
        again(&|to| to.integer(Tag(5_001), number), &|text| {
            assert_eq!(value::integer(text), Some(number));
        });
    }
    if let Some(number) = value::unsigned(text) {
        again(&|to| to.unsigned(Tag(5_001), number), &|text| {
            assert_eq!(value::unsigned(text), Some(number));
        });
    }
    if let Some(price) = value::price(text) {
        again(&|to| to.price(Tag(5_001), price), &|text| {
            assert_eq!(value::price(text), Some(price));
        });
    }
    if let Some(qty) = value::qty(text) {
        again(&|to| to.qty(Tag(5_001), qty), &|text| assert_eq!(value::qty(text), Some(qty)));
    }
    let _times = (value::utc_timestamp(text), value::is_utc_timestamp(text));
    let _parts = (value::is_utc_time(text), value::is_date(text), value::utc_date(text));
}

/// Any bytes as a dictionary in XML.
///
/// # Panics
/// When the reader is wrong.
pub fn dictionary(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(dictionary) = Dictionary::from_xml(text) {
        let mut decoder = Decoder::default();
        let heartbeat = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01";
        let message = decoder.index(heartbeat, 14).expect("a heartbeat");
        assert!(dictionary.check(&message).is_ok() || !dictionary.knows(b"nothing"));
    }
}

/// Takes everything.
struct Anything;

impl Application for Anything {
    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        fields(message);
        Ok(())
    }
}

/// Any bytes as what a counterparty sends, on both sides of a session: lines are messages, whose
/// frame and header are put round them so that they get past the door; each first byte says how much
/// time passes before it. What the session sends are whole messages.
///
/// # Panics
/// When the session is wrong.
pub fn session(bytes: &[u8]) {
    static DICTIONARY: LazyLock<Arc<Dictionary>> = LazyLock::new(|| Arc::new(Dictionary::fix44()));
    for role in [Role::Acceptor, Role::Initiator { heartbeat_interval_s: 30 }] {
        let config = SessionConfig::new(b"US", b"THEM", role);
        let config = SessionConfig { dictionary: Arc::clone(&DICTIONARY), ..config };
        let mut session = Session::new(config);
        let (mut now, mut store) = (START, MemoryStore::new(START));
        let mut decoder = Decoder::default();
        session.connected(now, &mut store);
        for (number, line) in (1_u64..).zip(bytes.split(|byte| *byte == b'\n')) {
            let Some((first, line)) = line.split_first() else { continue };
            now = Timestamp(now.0 + u64::from(*first) * 200_000_000);
            let message = framed(line, number, now);
            if let Frame::Whole { length, body } = frame(&message)
                && let Ok(message) = decoder.index(&message[..length], body)
            {
                session.received(now, &message, &mut store, &mut Anything);
            }
            session.tick(now, &mut store);
            sent(session.output());
            if session.wants_close() {
                session.closed(now, &mut store, &mut Anything);
                session.connected(now, &mut store);
            }
        }
        session.log_out(now, &mut store, "the end");
        sent(session.output());
    }
}

/// A line as a message: `|` ends a field, the type comes first; a header stands behind it unless the
/// line begins with `!`.
fn framed(line: &[u8], number: u64, now: Timestamp) -> Vec<u8> {
    let mut times = value::TimeWriter::default();
    let time = String::from_utf8_lossy(times.write(now)).into_owned();
    let header = format!("49=THEM\u{1}56=US\u{1}34={number}\u{1}52={time}\u{1}");
    let bare = line.strip_prefix(b"!");
    let header = if bare.is_some() { "" } else { &header };
    let line = bare.unwrap_or(line);
    let end = line.iter().position(|byte| *byte == b'|').unwrap_or(line.len());
    let (kind, rest) = line.split_at(end);
    let mut body = [b"35=", kind, &[SOH], header.as_bytes()].concat();
    body.extend(rest.iter().skip(1).map(|byte| if *byte == b'|' { SOH } else { *byte }));
    if body.last() != Some(&SOH) {
        body.push(SOH);
    }
    let mut message = format!("8=FIX.4.4\u{1}9={}\u{1}", body.len()).into_bytes();
    message.extend(body);
    let sum = tiercel_wire::fix::checksum(&message);
    message.extend(format!("10={sum:03}\u{1}").into_bytes());
    message
}

/// Everything that is sent is a message.
fn sent(output: &mut Vec<u8>) {
    let mut decoder = Decoder::default();
    let mut rest = &output[..];
    while !rest.is_empty() {
        let Frame::Whole { length, body } = frame(rest) else { panic!("no message: {rest:?}") };
        decoder.index(&rest[..length], body).expect("its fields");
        rest = &rest[length..];
    }
    output.clear();
}
