//! OUCH 5.0: the size, the fields and the options of every message.

use std::fmt::Write as _;

use tiercel_wire::itch::{Code, Text};
use tiercel_wire::ouch::{
    CancelOrder, Capacity, CrossType, DecodeError, Display, EnterOrder, Inbound, Intermarket,
    OptionError, OptionTag, OptionValue, OrderCancelled, OuchSide, Outbound, Price, ReplaceOrder,
    TimeInForce,
};

/// Types, sizes without options and names, from the specification, and not from the tables.
const INBOUND: [(u8, usize); 8] =
    [(b'O', 45), (b'U', 38), (b'X', 9), (b'M', 10), (b'C', 17), (b'D', 9), (b'E', 9), (b'Q', 1)];
const OUTBOUND: [(u8, usize); 17] = [
    (b'S', 10),
    (b'A', 62),
    (b'U', 66),
    (b'C', 18),
    (b'D', 32),
    (b'E', 34),
    (b'B', 36),
    (b'J', 29),
    (b'P', 13),
    (b'I', 13),
    (b'T', 30),
    (b'M', 18),
    (b'R', 14),
    (b'X', 25),
    (b'G', 17),
    (b'K', 17),
    (b'Q', 13),
];
/// Sizes of the options' values, from the specification.
const OPTIONS: [(u8, usize); 26] = [
    (1, 8),
    (2, 4),
    (3, 4),
    (4, 1),
    (5, 4),
    (6, 1),
    (7, 4),
    (9, 8),
    (10, 1),
    (11, 4),
    (12, 1),
    (13, 4),
    (14, 4),
    (15, 4),
    (16, 1),
    (17, 1),
    (18, 1),
    (22, 4),
    (23, 8),
    (24, 2),
    (25, 1),
    (26, 4),
    (27, 1),
    (28, 1),
    (29, 1),
    (30, 2),
];

fn enter_order() -> EnterOrder {
    EnterOrder {
        user_ref_num: 1.into(),
        side: OuchSide::Buy.into(),
        quantity: 100.into(),
        symbol: Text::new(b"AAPL").unwrap(),
        price: Price::new(1_503_400),
        time_in_force: TimeInForce::Day.into(),
        display: Display::Visible.into(),
        capacity: Capacity::Agency.into(),
        inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
        cross_type: CrossType::Continuous.into(),
        cl_ord_id: Text::new(b"FIRST-1").unwrap(),
    }
}

#[test]
fn an_order_and_a_replacement_are_laid_out_as_specified() {
    let mut out = [0; 80];
    let size = enter_order().encode(&[], &mut out).unwrap();
    let expected = b"O\0\0\0\x01B\0\0\0\x64AAPL    \0\0\0\0\0\x16\xf0\xa80YANNFIRST-1       \0\0";
    assert_eq!((size, &out[..size]), (47, &expected[..]));
    let replace = ReplaceOrder {
        orig_user_ref_num: 1.into(),
        user_ref_num: 2.into(),
        quantity: 500.into(),
        price: Price::new(1_503_500),
        time_in_force: TimeInForce::TillTime.into(),
        display: Display::Attributable.into(),
        inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
        cl_ord_id: Text::new(b"SECOND").unwrap(),
    };
    let expire = 3_600_u32.to_be_bytes();
    let option = OptionValue::new(OptionTag::ExpireTime, &expire).unwrap();
    let size = replace.encode(&[option], &mut out).unwrap();
    let expected = b"U\0\0\0\x01\0\0\0\x02\0\0\x01\xf4\0\0\0\0\0\x16\xf1\x0c6ANSECOND        \0\x06\x05\x0f\0\0\x0e\x10";
    assert_eq!((size, &out[..size]), (46, &expected[..]));
    let (message, options) = Inbound::decode(&out[..size]).unwrap();
    assert_eq!(message, Inbound::ReplaceOrder(&replace));
    let read = options.get(OptionTag::ExpireTime).unwrap();
    assert_eq!((read.unsigned(), read.to_string()), (Some(3_600), "expire_time=3600".to_owned()));
    assert_eq!(replace.encode(&[option], &mut [0; 45]), None);
    let cancel = CancelOrder { user_ref_num: 7.into(), quantity: 0.into() };
    assert_eq!(cancel.encode(&[], &mut out), Some(9));
    assert_eq!(&out[..9], b"X\0\0\0\x07\0\0\0\0");
}

/// The bytes of a message whose codes are good.
fn fixed(kind: u8, size: usize, inbound: bool) -> Vec<u8> {
    let mut bytes = vec![b'0'; size];
    bytes[0] = kind;
    let codes: &[(usize, &[u8])] = match (inbound, kind) {
        (true, b'O') => &[(5, b"B"), (26, b"0YANN")],
        (true, b'U') => &[(21, b"0YN")],
        (true, b'M') => &[(5, b"S")],
        (false, b'S') => &[(9, b"S")],
        (false, b'A') => &[(13, b"B"), (34, b"0Y"), (44, b"ANNL")],
        (false, b'U') => &[(17, b"B"), (38, b"0Y"), (48, b"ANNL")],
        (false, b'T') => &[(21, b"Y")],
        (false, b'M') => &[(13, b"S")],
        _ => &[],
    };
    for (at, code) in codes {
        bytes[*at..at + code.len()].copy_from_slice(code);
    }
    bytes
}

/// A message and its options, encoded again.
fn again(bytes: &[u8], inbound: bool) -> Result<(Vec<u8>, String), DecodeError> {
    let mut out = [0; 2_000];
    let mut shown = String::new();
    let mut show = |name: &str, value: &dyn std::fmt::Display| {
        write!(shown, "{name}={value} ").unwrap();
    };
    let size = if inbound {
        let (message, options) = Inbound::decode(bytes)?;
        message.fields(|name, value| show(name, &value));
        let all: Vec<OptionValue<'_>> = options.iter().collect();
        message.encode(&all, &mut out)
    } else {
        let (message, options) = Outbound::decode(bytes)?;
        message.fields(|name, value| show(name, &value));
        let all: Vec<OptionValue<'_>> = options.iter().collect();
        message.encode(&all, &mut out)
    };
    Ok((out[..size.unwrap()].to_vec(), shown))
}

fn every_message() -> impl Iterator<Item = (u8, usize, bool, bool)> {
    let inbound = Inbound::TYPES.iter().map(|(kind, _, size, needs)| (*kind, *size, true, *needs));
    let outbound =
        Outbound::TYPES.iter().map(|(kind, _, size, needs)| (*kind, *size, false, *needs));
    inbound.chain(outbound)
}

#[test]
fn every_message_has_its_size_and_comes_back_as_it_was() {
    let sizes = |inbound: bool| -> Vec<(u8, usize)> {
        let all = every_message().filter(|(_, _, is_in, _)| *is_in == inbound);
        all.map(|(kind, size, _, _)| (kind, size)).collect()
    };
    assert_eq!(sizes(true), INBOUND);
    assert_eq!(sizes(false), OUTBOUND);
    for (kind, size, inbound, needs) in every_message() {
        let mut bytes = fixed(kind, size, inbound);
        if needs {
            assert!(matches!(again(&bytes, inbound), Err(DecodeError::InvalidSize { .. })));
            bytes.extend([0, 0]);
        }
        let (encoded, shown) = again(&bytes, inbound).unwrap();
        assert_eq!(encoded, bytes, "{}", kind as char);
        assert!(size == 1 || !shown.is_empty());
        // No room for its last byte.
        let short = &mut [0; 2_000][..bytes.len() - 1];
        let encoded = if inbound {
            Inbound::decode(&bytes).unwrap().0.encode(&[], short)
        } else {
            Outbound::decode(&bytes).unwrap().0.encode(&[], short)
        };
        assert_eq!(encoded, None, "{}", kind as char);
        // One byte less and one byte more.
        let bytes_short = &bytes[..bytes.len() - 1];
        assert!(again(bytes_short, inbound).is_err(), "{}", kind as char);
        assert!(again(&[&bytes[..], &[0]].concat(), inbound).is_err(), "{}", kind as char);
    }
}

#[test]
fn every_option_has_its_size_and_comes_once() {
    assert_eq!(
        OptionTag::ALL.iter().map(|tag| (*tag as u8, tag.size())).collect::<Vec<_>>(),
        OPTIONS
    );
    let with = |options: &[u8]| {
        let mut bytes = fixed(b'O', 45, true);
        bytes.extend((options.len() as u16).to_be_bytes());
        bytes.extend(options);
        again(&bytes, true).map(|(encoded, _)| assert_eq!(encoded, bytes))
    };
    let refused = |error| Err(DecodeError::Options { kind: "EnterOrder", error });
    for (number, size) in OPTIONS {
        let tag = OptionTag::from_number(number).unwrap();
        let option = |size: usize| [&[size as u8 + 1, number][..], &vec![b'7'; size]].concat();
        assert_eq!(with(&option(size)), Ok(()));
        for found in [size - 1, size + 1] {
            assert_eq!(with(&option(found)), refused(OptionError::Size { tag, found }));
        }
        let twice = [option(size), option(size)].concat();
        assert_eq!(with(&twice), refused(OptionError::Doubled { tag }));
        assert_eq!(OptionValue::new(tag, &[0; 9]), None);
    }
    // An option that is not known passes, whatever its size.
    assert_eq!(with(&[3, 99, 1, 2, 1, 200]), Ok(()));
    assert_eq!(with(&[2, 28, 5, 0]), refused(OptionError::Torn { at: 3 }));
    assert_eq!(with(&[2, 28, 5, 4, 1]), refused(OptionError::Torn { at: 3 }));
    let mut bytes = fixed(b'O', 45, true);
    bytes.extend([0, 9, 1]);
    assert_eq!(
        again(&bytes, true),
        refused(OptionError::Length { expected: 9, found: 1 }).map(|()| unreachable!())
    );
    let behind = bytes.len() - 2;
    bytes[behind - 1] = 0;
    bytes[behind] = 0;
    assert_eq!(
        again(&bytes, true),
        refused(OptionError::Length { expected: 0, found: 1 }).map(|()| unreachable!())
    );
    let offset = OptionValue::new(OptionTag::PegOffset, &[0xFF, 0xFF, 0xFF, 0x9C]).unwrap();
    assert_eq!(offset.to_string(), "peg_offset=-0.0100");
}

#[test]
fn unknown_types_and_codes_are_refused_by_name() {
    assert_eq!(Inbound::decode(b""), Err(DecodeError::Empty));
    assert_eq!(Inbound::decode(b"A"), Err(DecodeError::UnknownType { kind: b'A' }));
    assert_eq!(Outbound::decode(b"O"), Err(DecodeError::UnknownType { kind: b'O' }));
    let mut bytes = fixed(b'O', 45, true);
    bytes.extend([0, 0]);
    bytes[26] = b'9';
    let error = DecodeError::InvalidCode { kind: "EnterOrder", field: "time_in_force", code: b'9' };
    assert_eq!(again(&bytes, true), Err(error));
    // Why an order was cancelled only describes.
    let cancelled = OrderCancelled {
        timestamp: 1.into(),
        user_ref_num: 2.into(),
        quantity: 3.into(),
        reason: Code(b'~'),
    };
    let mut out = [0; 18];
    assert_eq!(cancelled.encode(&[], &mut out), Some(18));
    assert_eq!(Outbound::decode(&out).unwrap().0, Outbound::OrderCancelled(&cancelled));
}
