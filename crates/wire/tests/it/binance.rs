//! The Binance decoder against `serde_json`, damaged messages, and a real capture.

use tiercel_testkit::binance_messages::{Layout, damage, message};
use tiercel_testkit::random::Random;
use tiercel_testkit::{binance_capture, binance_oracle, fuzz_binance};
use tiercel_types::Timestamp;
use tiercel_wire::binance::capture::{CaptureErrorKind, CaptureReader};
use tiercel_wire::binance::{DecodeErrorKind, Decoder, Message, TimeUnit};

const TRADE: &str = r#"{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}"#;
const DEPTH: &str = r#"{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":157,"u":160,"b":[["0.00240000","10.00000000"],["0.00230000","0.00000000"]],"a":[["0.00260000","100.00000000"]]}"#;
/// As a market's: prices of two places and quantities of five, of as many digits.
const MARKET_DEPTH: &str = r#"{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":157,"u":160,"b":[["61837.63000000","0.32332000"],["61837.62000000","12.00000000"],["61830.00000000","123.45678000"]],"a":[["61838.00000000","0.00000000"],["61838.99000000","10.20000000"],["61839.00000000","1.00001000"]]}"#;

#[test]
fn valid_messages_decode_to_what_serde_json_reads() {
    let mut decoder = Decoder::default();
    for seed in 0..20_000 {
        for layout in [Layout::Venue, Layout::Unusual] {
            let mut random = Random::new(seed);
            let text = message(&mut random, layout);
            let shown = String::from_utf8_lossy(&text);
            match decoder.decode(&text) {
                Ok(decoded) => binance_oracle::verify(&decoded, &text),
                Err(error) => panic!("seed {seed} {layout:?}: {error} in {shown}"),
            }
            fuzz_binance::decode(&text);
        }
    }
}

#[test]
fn damaged_messages_never_pass_as_something_else() {
    for seed in 0..150_000 {
        let mut random = Random::new(seed);
        let layout = if random.one_in(4) { Layout::Unusual } else { Layout::Venue };
        let mut text = message(&mut random, layout);
        damage(&mut random, &mut text);
        fuzz_binance::decode(&text);
    }
}

#[test]
fn every_cut_and_every_flipped_byte_of_a_message_is_handled() {
    let long = depth([5, 5], 3, 2);
    for text in [TRADE, DEPTH, MARKET_DEPTH, &long] {
        let wrapped = format!(r#"{{"stream":"btcusdt@depth","data":{text}}}"#);
        for text in [text, &wrapped] {
            for end in 0..text.len() {
                let cut = &text.as_bytes()[..end];
                assert!(Decoder::default().decode(cut).is_err(), "cut to {end} bytes: accepted");
            }
            for at in 0..text.len() {
                for byte in 0..=255 {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = byte;
                    fuzz_binance::decode(&bytes);
                }
            }
        }
    }
}

/// A depth update of as many levels a side, its prices and quantities of some digits each.
fn depth([bids, asks]: [u64; 2], price_digits: u32, qty_digits: u32) -> String {
    let side = |sign: u64, levels: u64| {
        let level = |at: u64| {
            let mixed = (at * 2 + sign).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let least = |digits: u32| if digits > 1 { 10_u64.pow(digits - 1) } else { 0 };
            let number = |digits: u32| least(digits) + mixed % (10_u64.pow(digits) - least(digits));
            // Now and then a shorter one.
            let qty = number(if mixed >> 61 == 0 { 1 } else { qty_digits });
            format!(
                "[\"{}.{:08}\",\"{qty}.{:08}\"]",
                number(price_digits),
                mixed >> 40,
                mixed >> 38
            )
        };
        (0..levels).map(level).collect::<Vec<_>>().join(",")
    };
    format!(
        r#"{{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":157,"u":160,"b":[{}],"a":[{}]}}"#,
        side(0, bids),
        side(1, asks)
    )
}

#[test]
fn levels_at_once_are_those_that_are_read_one_by_one() {
    let mut decoder = Decoder::default();
    for levels in 0..=66 {
        for price_digits in 1..=8 {
            for qty_digits in 1..=8 {
                let is_usual = (10..=64).contains(&levels) && price_digits < 8 && qty_digits < 8;
                for sides in [[levels, levels], [levels, 0], [0, levels]] {
                    let text = depth(sides, price_digits, qty_digits);
                    fuzz_binance::decode(text.as_bytes());
                    let is_read = decoder.decode_at_once(text.as_bytes()).is_some();
                    assert!(is_read || !is_usual, "{text}");
                }
            }
        }
    }
}

#[test]
fn what_was_read_before_is_no_part_of_a_message() {
    for text in [depth([20, 20], 5, 1), depth([30, 9], 1, 2)] {
        let mut decoder = Decoder::default();
        for end in 0..text.len() {
            decoder.decode_at_once(text.as_bytes()).expect("it is as usual");
            assert!(decoder.decode_at_once(&text.as_bytes()[..end]).is_none(), "{end}");
        }
        // Nor does a side have what another one had.
        for sides in [[0, 12], [12, 0], [9, 10]] {
            let other = depth(sides, 2, 1);
            let mut judge = Decoder::default();
            let expected = judge.decode_general(other.as_bytes()).ok();
            assert_eq!(decoder.decode_at_once(other.as_bytes()), expected);
        }
    }
}

/// Replaces the first `from` of a valid message by `to`, and tells how it is refused.
#[track_caller]
fn check(text: &str, from: &str, to: &str, field: &str, code: &str) {
    assert!(text.contains(from), "{from} is not in the message");
    let damaged = text.replacen(from, to, 1);
    fuzz_binance::decode(damaged.as_bytes());
    let mut decoder = Decoder::default();
    let error = decoder.decode(damaged.as_bytes()).expect_err(&damaged);
    assert_eq!((error.field, error.kind.code()), (field, code), "{error} in {damaged}");
}

#[test]
fn malformed_messages_are_refused_with_the_field_named() {
    // Not JSON.
    check(TRADE, r#""M":true}"#, r#""M":true,}"#, "M", "syntax");
    check(TRADE, r#""M":true}"#, r#""M":true"#, "M", "truncated");
    check(TRADE, r#""M":true}"#, r#""M":true} x"#, "$", "trailing");
    check(TRADE, r#""M":true}"#, r#""M":true}}"#, "$", "trailing");
    check(TRADE, r#""M":true}"#, r#""M":true]"#, "M", "syntax");
    check(TRADE, r#""M":true}"#, r#""M":truE}"#, "M", "syntax");
    check(TRADE, "3735683259", "03735683259", "t", "syntax");
    check(TRADE, "BTCUSDT", "BTC\u{1}USDT", "s", "control_character");
    check(TRADE, "BTCUSDT", r"BTC\xUSDT", "s", "escape");
    check(TRADE, "BTCUSDT", r"BTC\ud800USDT", "s", "escape");
    check(TRADE, "BTCUSDT", r"BTC\udc00\ud800", "s", "escape");
    check(TRADE, "BTCUSDT", r"BTC\u12g4", "s", "escape");
    check(TRADE, r#""s":"BTCUSDT","#, r#""s":"BTCUSDT",,"#, "s", "syntax");
    check(TRADE, r#""s":"#, r#""s""#, "s", "syntax");
    check(TRADE, r#""M":true"#, r#""n":1e308"#, "*", "number_range");
    check(TRADE, r#""M":true"#, r#""n":01"#, "*", "syntax");
    check(TRADE, r#""M":true"#, r#""n":1."#, "*", "syntax");
    check(TRADE, r#""M":true"#, r#""n":-"#, "*", "syntax");
    check(TRADE, r#""M":true"#, r#""n":+1"#, "*", "syntax");
    check(TRADE, r#""M":true"#, r#""n":.5"#, "*", "syntax");
    check(TRADE, r#""M":true"#, r#""n":1e"#, "*", "syntax");
    check(TRADE, r#""M":true"#, r#""n":NaN"#, "*", "syntax");
    check(DEPTH, "]]}", "],]}", "a", "syntax");
    check(DEPTH, "]]}", "]}", "a", "syntax");
    // Not the message.
    check(TRADE, r#""t":3735683259,"#, "", "t", "missing_field");
    check(TRADE, r#""E""#, r#""T":1,"E""#, "T", "duplicate_field");
    check(TRADE, r#""E""#, r#""e":"trade","E""#, "e", "duplicate_field");
    check(TRADE, r#""trade""#, r#""kline""#, "e", "unknown_event");
    check(TRADE, r#""e":"trade","#, "", "$", "unknown_message");
    check(TRADE, r#""m":true"#, r#""m":1"#, "m", "mistyped_field");
    check(TRADE, "3735683259", r#""3735683259""#, "t", "mistyped_field");
    check(TRADE, "3735683259", "-1", "t", "mistyped_field");
    check(TRADE, "3735683259", "1.0", "t", "mistyped_field");
    check(TRADE, "3735683259", "1e3", "t", "mistyped_field");
    check(TRADE, "3735683259", "18446744073709551616", "t", "integer_range");
    check(TRADE, "1723161255343", "18446744073710", "E", "integer_range");
    check(DEPTH, r#"["0.00260000","100.00000000"]"#, r#"["0.00260000"]"#, "a", "mistyped_field");
    check(DEPTH, r#""10.00000000"]"#, r#""10.00000000","1"]"#, "b", "mistyped_field");
    check(DEPTH, r#"[["0.00260000","100.00000000"]]"#, "{}", "a", "mistyped_field");
    check(DEPTH, r#""100.00000000""#, "100.0", "a", "mistyped_field");
    // Not decimals.
    for bad in [
        "61837.630000001",
        "-61837.63000000",
        "+61837.63000000",
        "6.183763e4",
        "061837.63000000",
        "61837.",
        ".63000000",
        "",
        "61837,63000000",
        "61837.6300000O",
        " 61837.63000000",
        "92233720368.54775808",
        "99999999999999999999.0",
    ] {
        check(TRADE, "61837.63000000", bad, "p", "decimal");
        check(TRADE, "0.02000000", &format!("{bad}x"), "q", "decimal");
    }
    for text in
        ["", " ", "null", "[]", "5", "{}", r#"{"stream":"x"}"#, r#"{"stream":"x","data":5}"#]
    {
        fuzz_binance::decode(text.as_bytes());
        assert!(Decoder::default().decode(text.as_bytes()).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn an_error_tells_the_byte() {
    let text = TRADE.replace("61837.63000000", "61837.6300x000");
    let error = Decoder::default().decode(text.as_bytes()).unwrap_err();
    assert_eq!(error.offset, text.find("\"61837").unwrap());
    let error = Decoder::default().decode(b"{\"a\":\"\xff\"}").unwrap_err();
    assert_eq!((error.offset, error.kind), (6, DecodeErrorKind::Utf8));
}

#[test]
fn bounds_are_errors() {
    let mut small = Decoder::new(1, TimeUnit::default());
    let error = small.decode(DEPTH.as_bytes()).unwrap_err();
    assert_eq!((error.field, error.kind), ("b", DecodeErrorKind::LevelLimit { limit: 1 }));

    for (depth, accepted) in [(63, true), (64, false)] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = TRADE.replace("\"M\":true", &format!("\"n\":{nested}"));
        assert_eq!(Decoder::default().decode(text.as_bytes()).is_ok(), accepted, "{depth}");
    }

    let long = format!("\\u0042{}", "X".repeat(64));
    check(TRADE, "BTCUSDT", &long, "s", "text_length");
}

#[test]
fn times_can_be_microseconds() {
    let mut decoder = Decoder::new(10, TimeUnit::Microsecond);
    let text = TRADE.replace("1723161255343", "1723161255343123");
    let Message::Trade(trade) = decoder.decode(text.as_bytes()).unwrap().message else {
        panic!("not a trade")
    };
    assert_eq!(trade.event_time, Timestamp(1_723_161_255_343_123_000));
}

#[test]
fn symbols_outside_ascii_and_escaped_ones_are_read() {
    for (written, symbol) in [("币安人生USDT", "币安人生USDT"), (r"\u5e01USDT", "币USDT")]
    {
        let text = TRADE.replace("BTCUSDT", written);
        let mut decoder = Decoder::default();
        let Message::Trade(trade) = decoder.decode(text.as_bytes()).unwrap().message else {
            panic!("not a trade")
        };
        assert_eq!(trade.symbol, symbol);
    }
}

#[test]
fn a_capture_error_tells_line_and_byte() {
    let mut reader = CaptureReader::default();
    let first = format!("1723161254087896568 {TRADE}\r\n");
    assert_eq!(
        reader.read(first.as_bytes()).unwrap().local_time,
        Timestamp(1_723_161_254_087_896_568)
    );
    let second = format!("17 {}\n", TRADE.replace("true,", "True,"));
    let error = reader.read(second.as_bytes()).unwrap_err();
    let at = first.len() + second.find("True").unwrap();
    assert_eq!((error.line, error.offset), (2, at as u64), "{error}");
    for bad in ["{}\n", "\n", "x1 {}\n", "1{}\n", "99999999999999999999 {}\n"] {
        let error = reader.read(bad.as_bytes()).unwrap_err();
        assert_eq!(error.kind, CaptureErrorKind::Time, "{bad:?}");
    }
    assert!(reader.read(first.as_bytes()).is_ok(), "a good line after bad ones");
    assert_eq!(reader.lines(), 8);
}

#[test]
fn a_real_capture_is_read_as_serde_json_reads_it() {
    let Some(bytes) = binance_capture::btcusdt() else { return };
    let mut reader = CaptureReader::default();
    let mut counts = [0; 5];
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let read = reader.read(line).unwrap();
        let at = line.iter().position(|&byte| byte == b' ').unwrap();
        binance_oracle::verify(&read.decoded, line[at + 1..].trim_ascii_end());
        counts[match read.decoded.message {
            Message::Depth(_) => 0,
            Message::Trade(_) => 1,
            Message::AggregateTrade(_) => 2,
            Message::BookTicker(_) => 3,
            Message::Snapshot(_) => 4,
        }] += 1;
    }
    assert_eq!(counts, [3_451, 9_757, 0, 28_040, 1]);
}
