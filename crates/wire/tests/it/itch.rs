//! ITCH 5.0: published vectors, a sample file, another decoder, bad bytes.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use tiercel_testkit::random::Random;
use tiercel_testkit::{data, fuzz_itch, itch_messages};
use tiercel_types::market::OrderAction;
use tiercel_wire::itch::{
    AddOrder, BuySell, Checksum, Code, DecodeError, EventCode, FRAME_SIZE_MAX, FieldValue,
    FrameError, FrameReader, Frames, Head, Kind, MESSAGE_SIZE_MAX, Message, Price4, SystemEvent,
    Text, Time,
};

use super::itch_peer;

/// What a published vector says.
struct Vector {
    bytes: Vec<u8>,
    fields: BTreeMap<String, String>,
}

/// Reads the few lines that matter of a vector's TOML: `raw_hex` and `[expected_fields]`.
fn vector(text: &str) -> Vector {
    let mut bytes = Vec::new();
    let mut fields = BTreeMap::new();
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, value)) = line.split_once(" = ") {
            let value = value.trim_matches('"');
            if section.is_empty() && key == "raw_hex" {
                let hex = value.split(' ').map(|pair| u8::from_str_radix(pair, 16).unwrap());
                bytes = hex.collect();
            } else if section == "[expected_fields]" {
                fields.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    Vector { bytes, fields }
}

/// The field as the vectors write it: integers as they are, texts with their padding.
fn written(value: FieldValue<'_>) -> String {
    match value {
        FieldValue::Number(raw) | FieldValue::Price { raw, .. } => raw.to_string(),
        FieldValue::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        FieldValue::Code(code) => char::from(code).to_string(),
    }
}

#[test]
fn every_published_vector_decodes_to_its_fields_and_no_other_size() {
    let Some(folder) = data::path("itch") else { return };
    let mut seen = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let vector = vector(&fs::read_to_string(&path).unwrap());
        let message = Message::decode(&vector.bytes).expect("a published vector");
        let head = message.head();
        let mut fields = BTreeMap::from([
            ("message_type".to_owned(), char::from(message.kind() as u8).to_string()),
            ("stock_locate".to_owned(), head.stock_locate.get().to_string()),
            ("tracking_number".to_owned(), head.tracking_number.get().to_string()),
            ("timestamp".to_owned(), head.timestamp.get().to_string()),
        ]);
        message.fields(|name, value| {
            fields.insert(name.to_owned(), written(value));
        });
        assert_eq!(fields, vector.fields, "{}", path.display());
        sizes_around_are_refused(&vector.bytes);
        let mut out = [0; MESSAGE_SIZE_MAX];
        let size = message.encode(&mut out).unwrap();
        assert_eq!(out[..size], vector.bytes);
        seen.push(message.kind());
    }
    seen.sort_unstable();
    let mut all = Kind::ALL;
    all.sort_unstable();
    assert_eq!(seen, all, "one vector for each type");
}

/// Types and sizes from the specification, and not from the table.
const SIZES: [(u8, usize); 23] = [
    (b'S', 12),
    (b'R', 39),
    (b'H', 25),
    (b'Y', 20),
    (b'L', 26),
    (b'V', 35),
    (b'W', 12),
    (b'K', 28),
    (b'J', 35),
    (b'A', 36),
    (b'F', 40),
    (b'E', 31),
    (b'C', 36),
    (b'X', 23),
    (b'D', 19),
    (b'U', 35),
    (b'P', 44),
    (b'Q', 40),
    (b'B', 19),
    (b'I', 50),
    (b'N', 20),
    (b'h', 21),
    (b'O', 48),
];

#[test]
fn every_message_has_its_size_and_comes_back_as_it_was() {
    let kinds: BTreeMap<u8, Kind> = Kind::ALL.into_iter().map(|kind| (kind as u8, kind)).collect();
    assert_eq!(kinds.len(), SIZES.len());
    let mut random = Random::new(3);
    for (byte, size) in SIZES {
        let kind = kinds[&byte];
        for _ in 0..20 {
            let mut arbitrary = [0; MESSAGE_SIZE_MAX];
            arbitrary.fill_with(|| random.next_u64() as u8);
            let bytes = itch_messages::message(kind, &arbitrary);
            assert_eq!((bytes[0], bytes.len(), kind.size()), (byte, size, size));
            let message = Message::decode(&bytes).unwrap();
            let mut out = [0; MESSAGE_SIZE_MAX];
            assert_eq!(message.encode(&mut out[..size - 1]), None);
            assert_eq!(message.encode(&mut out), Some(size));
            assert_eq!(out[..size], bytes);
            sizes_around_are_refused(&bytes);
        }
    }
}

fn sizes_around_are_refused(bytes: &[u8]) {
    let expected = bytes.len();
    let kind = Kind::from_byte(bytes[0]).unwrap();
    let mut longer = bytes.to_vec();
    longer.push(0);
    for wrong in [&bytes[..expected - 1], &longer] {
        let error = DecodeError::InvalidSize { kind, expected, found: wrong.len() };
        assert_eq!(Message::decode(wrong), Err(error));
    }
}

#[test]
fn the_sample_file_has_its_counts_and_another_decoder_reads_the_same() {
    let Some(path) = data::path("itch/sample/test_20101224_length_prefixed.itch") else { return };
    let bytes = fs::read(path).unwrap();
    let mut counts = BTreeMap::new();
    let mut checksum = Checksum::default();
    for message in Frames::new(&bytes) {
        let message = message.expect("a good file");
        *counts.entry(char::from(message.kind() as u8)).or_insert(0) += 1;
        checksum.add(&message);
    }
    let expected = [
        ('S', 6),
        ('R', 3),
        ('H', 3),
        ('A', 4997),
        ('F', 3),
        ('E', 198),
        ('X', 45),
        ('D', 1745),
        ('U', 12),
        ('P', 5000),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    assert_eq!(checksum, itch_peer::checksum(&bytes));
}

/// Arbitrary bytes for one message.
fn arbitrary_bytes() -> impl Strategy<Value = [u8; MESSAGE_SIZE_MAX]> {
    any::<[[u8; 10]; 5]>().prop_map(|parts| {
        let mut bytes = [0; MESSAGE_SIZE_MAX];
        for (to, from) in bytes.chunks_mut(10).zip(parts) {
            to.copy_from_slice(&from);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn another_decoder_reads_every_field_the_same(
        kind in proptest::sample::select(Kind::ALL.to_vec()),
        arbitrary in arbitrary_bytes(),
    ) {
        let message = itch_messages::message(kind, &arbitrary);
        fuzz_itch::decode_one(&message);
        let decoded = Message::decode(&message).unwrap();
        prop_assert_eq!(decoded.kind(), kind);
        if itch_peer::knows(kind) {
            let mut checksum = Checksum::default();
            checksum.add(&decoded);
            prop_assert_eq!(checksum, itch_peer::checksum(&itch_messages::framed(&message)));
        }
    }

    #[test]
    fn a_changed_bit_of_any_field_changes_the_digest(
        kind in proptest::sample::select(Kind::ALL.to_vec()),
        arbitrary in arbitrary_bytes(),
        bit in 8..8 * MESSAGE_SIZE_MAX,
    ) {
        let mut message = itch_messages::message(kind, &arbitrary);
        let digest = Message::decode(&message).unwrap().digest();
        let bit = 8 + (bit - 8) % (8 * (kind.size() - 1));
        message[bit / 8] ^= 1 << (bit % 8);
        let reserved = kind == Kind::StockTradingAction && bit / 8 == 20;
        if let Ok(changed) = Message::decode(&message) {
            prop_assert_eq!(changed.digest() == digest, reserved);
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        fuzz_itch::decode_one(&bytes);
        fuzz_itch::frames(&bytes);
    }
}

/// A stream of valid messages of all types.
fn stream(random: &mut Random, messages: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..messages {
        let mut arbitrary = [0; MESSAGE_SIZE_MAX];
        arbitrary.fill_with(|| random.next_u64() as u8);
        let kind = *random.pick(&Kind::ALL);
        bytes.extend(itch_messages::framed(&itch_messages::message(kind, &arbitrary)));
    }
    bytes
}

#[test]
fn mutated_streams_read_the_same_whole_and_in_chunks() {
    let mut random = Random::new(5);
    for _ in 0..3_000 {
        let mut bytes = stream(&mut random, 12);
        for _ in 0..random.below(6) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.next_u64() as u8,
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        fuzz_itch::frames(&bytes);
    }
}

#[test]
fn an_unknown_code_is_refused_by_its_field() {
    for (kind, field, at) in [
        (Kind::AddOrder, "buy_sell_indicator", 19),
        (Kind::AddOrderMpid, "buy_sell_indicator", 19),
        (Kind::Trade, "buy_sell_indicator", 19),
        (Kind::OrderExecutedWithPrice, "printable", 31),
        (Kind::SystemEvent, "event_code", 11),
        (Kind::StockTradingAction, "trading_state", 19),
        (Kind::RegShoRestriction, "reg_sho_action", 19),
        (Kind::MwcbStatus, "breached_level", 11),
        (Kind::OperationalHalt, "operational_halt_action", 20),
        (Kind::IpoQuotingPeriodUpdate, "ipo_quotation_release_qualifier", 23),
    ] {
        let mut message = itch_messages::message(kind, &[7; MESSAGE_SIZE_MAX]);
        message[at] = b'x';
        let error = DecodeError::InvalidCode { kind, field, code: b'x' };
        assert_eq!(Message::decode(&message), Err(error));
    }
}

#[test]
fn bad_frames_are_reported_in_place_and_the_good_ones_kept() {
    let good = itch_messages::framed(&itch_messages::message(Kind::OrderDelete, &[1; 50]));
    let mut bytes = good.clone();
    bytes.extend([0, 3, b'Z', 1, 2]); // unknown type
    bytes.extend([0, 4, b'D', 0, 0, 0]); // a delete of four bytes
    bytes.extend(&good);
    let after = bytes.len() as u64;
    let read = |bytes: &[u8]| {
        let results: Vec<_> = Frames::new(bytes).map(|frame| frame.map(|m| m.kind())).collect();
        fuzz_itch::frames(bytes);
        results
    };
    let unknown =
        FrameError::Message { offset: 21, error: DecodeError::UnknownType { kind: b'Z' } };
    let size = FrameError::Message {
        offset: 26,
        error: DecodeError::InvalidSize { kind: Kind::OrderDelete, expected: 19, found: 4 },
    };
    let mut expected = vec![Ok(Kind::OrderDelete), Err(unknown), Err(size), Ok(Kind::OrderDelete)];
    assert_eq!(read(&bytes), expected);

    let mut torn = bytes.clone();
    torn.extend(&good[..20]);
    expected.push(Err(FrameError::TornTail { offset: after, needed: 21, available: 20 }));
    assert_eq!(read(&torn), expected);

    torn.truncate(bytes.len() + 1);
    expected[4] = Err(FrameError::TornTail { offset: after, needed: 2, available: 1 });
    assert_eq!(read(&torn), expected);

    let mut zero = bytes.clone();
    zero.extend([0, 0]);
    expected[4] = Err(FrameError::ZeroLength { offset: after });
    assert_eq!(read(&zero), expected);
    zero.extend(&good);
    assert_eq!(read(&zero), expected, "nothing is read behind a length of zero");
}

#[test]
fn a_zero_length_at_the_end_leaves_nothing_behind() {
    let mut frames = Frames::at(&[0, 0], 100);
    assert_eq!(frames.next(), Some(Err(FrameError::ZeroLength { offset: 100 })));
    assert!(frames.remaining().is_empty());
}

#[test]
fn a_stream_in_single_bytes_keeps_its_place() {
    let bytes = stream(&mut Random::new(9), 40);
    let mut reader = FrameReader::default();
    let mut seen = 0;
    for byte in &bytes {
        reader.feed(&[*byte], |message| {
            assert!(message.is_ok());
            seen += 1;
        });
    }
    assert_eq!((seen, reader.position()), (40, bytes.len() as u64));
    assert_eq!(reader.finish(), Ok(()));
}

#[test]
fn a_built_message_encodes_to_its_frame_and_becomes_an_operation() {
    let head = Head {
        stock_locate: 258.into(),
        tracking_number: 772.into(),
        timestamp: Time::new(34_200_000_000_001).unwrap(),
    };
    let order = AddOrder {
        head,
        order_reference_number: 17.into(),
        buy_sell_indicator: BuySell::Sell.into(),
        shares: 34.into(),
        stock: Text::new(b"TEST").unwrap(),
        price: Price4::new(123_456),
    };
    let mut out = [0; FRAME_SIZE_MAX];
    let size = Message::from(&order).encode_framed(&mut out).unwrap();
    assert_eq!((size, &out[..3]), (38, &[0, 36, b'A'][..]));
    let decoded = Message::decode(&out[2..size]).unwrap();
    assert_eq!(decoded, Message::AddOrder(&order));
    assert_eq!(order.price.price().to_string(), "12.3456");
    let operation = decoded.operation().unwrap();
    assert_eq!((operation.locate, operation.time_ns), (258, 34_200_000_000_001));
    let OrderAction::Add { reference: 17, side, qty: 34, price: 123_456 } = operation.action else {
        panic!("{operation:?}");
    };
    assert_eq!(side, BuySell::Sell.side());

    let event = SystemEvent { head, event_code: EventCode::StartOfMarketHours.into() };
    assert_eq!(Message::from(&event).encode(&mut out[..11]), None, "too short");
    assert_eq!(Message::from(&event).operation(), None);
    assert_eq!(Time::new(Time::NS_MAX + 1), None);
    assert_eq!(Text::<4>::new(b"ABCDE"), None);
    assert_eq!(format!("{:?} {:?}", Code(b'Q'), order.stock), "'Q' \"TEST    \"");
}
