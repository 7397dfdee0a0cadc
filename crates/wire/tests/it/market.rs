//! Records of market data: their documentation, their checks, and the levels of an update.

use std::fmt::Write as _;

use proptest::prelude::*;
use tiercel_types::auction::AuctionKind;
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, InstrumentState, Price, Qty, Side, Timestamp};
pub(super) use tiercel_wire::market::Kind;
use tiercel_wire::market::{
    BEGIN, Body, Depth, Fault, Header, Interruption, LAST, RECORD_SIZE, Refusal, SNAPSHOT,
    TradeChange, Update, decode, depth_records, renumber,
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/market-data.md");

/// A record with something to see in every field, of one kind.
pub(super) fn example(kind: Kind) -> [u8; RECORD_SIZE] {
    let mut header = Header::new(kind, InstrumentId(3));
    header.sequence = 42;
    match kind {
        Kind::Subscribe => (header.instrument, header.sequence) = (InstrumentId(0), 0),
        Kind::Heartbeat => header.instrument = InstrumentId(0),
        Kind::Depth => (header.flags, header.levels, header.sides) = (LAST, 2, 0b10),
        Kind::Trade => header.flags = tiercel_wire::market::AUCTION,
        _ => {}
    }
    let mut record = [0; RECORD_SIZE];
    record[..16].copy_from_slice(zerocopy::IntoBytes::as_bytes(&header));
    for (at, field) in kind.fields().iter().enumerate() {
        let start = usize::from(field.offset);
        let bytes = &mut record[start..start + usize::from(field.size)];
        let value = example_value(field.name, field.type_name, at as u64);
        bytes[..value.len()].copy_from_slice(&value);
    }
    record
}

fn example_value(name: &str, type_name: &str, at: u64) -> Vec<u8> {
    let number = |number: u64| number.to_le_bytes().to_vec();
    let level = |tick: u64| [number(6_183_763_000_000 + tick), number(150_000_000)].concat();
    match (type_name, name) {
        ("Text<8>", _) => b"TIERCELM".to_vec(),
        ("Symbol", _) => b"BTCUSDT".to_vec(),
        ("u16", _) => 1_u16.to_le_bytes().to_vec(),
        ("u8", "record_kind") => vec![Kind::Subscribe as u8],
        ("Price", "tick") => number(1_000_000),
        ("Qty", "lot") => number(1_000),
        ("Price", _) => number(6_183_763_000_000),
        ("Qty", _) => number(150_000_000 + at),
        ("Timestamp", _) => number(1_784_455_201_234_567_891 + at),
        ("TradeId", _) => number(77),
        ("u64", _) => number(40 + at),
        ("Level", _) => level(1_000_000 * at),
        ("[Level; 2]", _) => [level(0), level(1_000_000)].concat(),
        ("Refusal", _) => vec![Refusal::UnknownInstrument as u8],
        ("Interruption" | "Side" | "TradeChange", _) => vec![1],
        ("InstrumentState", _) => vec![InstrumentState::Call as u8],
        ("AuctionKind", _) => vec![AuctionKind::Volatility as u8],
        _ => Vec::new(),
    }
}

/// The part of the documentation that is made from the code: each record's fields and an example.
fn generated() -> String {
    let mut text = "## Records\n\n".to_owned();
    for kind in Kind::ALL {
        writeln!(text, "### `{}` {:#04x}\n{}\n", kind.as_str(), *kind as u8, kind.doc()).unwrap();
        writeln!(text, "| bytes | field | type | meaning |\n|---|---|---|---|").unwrap();
        for field in kind.fields() {
            let (from, to, doc) = (field.offset, field.offset + field.size, field.doc.trim());
            writeln!(text, "| {from}..{to} | {} | {} | {doc} |", field.name, field.type_name)
                .unwrap();
        }
        let record = example(*kind);
        writeln!(text, "\n```").unwrap();
        for (row, bytes) in record.chunks(16).enumerate() {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(text, "{:02}  {}", row * 16, hex.join(" ")).unwrap();
        }
        let (header, body) = decode(&record).unwrap();
        write!(text, "{}", kind.as_str()).unwrap();
        header.flag_names().for_each(|name| write!(text, " {name}").unwrap());
        header.show(|name, value| write!(text, " {name}={value}").unwrap());
        body.show(|name, value| write!(text, " {name}={value}").unwrap());
        writeln!(text, "\n```\n").unwrap();
    }
    text + &codes()
}

fn codes() -> String {
    let mut text =
        "## Codes\n\nOne byte each; another is refused.\n\n| type | codes |\n|---|---|\n"
            .to_owned();
    macro_rules! rows {
        ($($type:ident),+) => {
            $(let values: Vec<String> =
                $type::ALL.iter().map(|code| format!("{} {code}", *code as u8)).collect();
            writeln!(text, "| {} | {} |", stringify!($type), values.join(", ")).unwrap();)+
        };
    }
    rows!(AuctionKind, InstrumentState, Interruption, Refusal, Side, TradeChange);
    text + "\nPrice is an i64; Qty, Timestamp and TradeId are u64; Level is a price and a quantity; Text<8> and \
        Symbol (16 bytes)\nare as many characters, zeros behind them.\n"
}

/// `TIERCEL_BLESS=1` writes it anew.
#[test]
fn the_documentation_tells_every_record_of_market_data_as_it_is() {
    const MARK: &str = "<!-- from here on made from the code -->\n\n";
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (by_hand, made) = document.split_once(MARK).expect("the mark");
    let generated = generated();
    if std::env::var_os("TIERCEL_BLESS").is_some() {
        std::fs::write(DOCUMENT, format!("{by_hand}{MARK}{generated}")).unwrap();
        return;
    }
    let line = made.lines().zip(generated.lines()).position(|(is, should)| is != should);
    assert!(made == generated, "docs/market-data.md differs at line {line:?} behind the mark");
}

#[test]
fn every_record_of_market_data_encodes_to_what_was_decoded() {
    for &kind in Kind::ALL {
        let record = example(kind);
        let (header, body) = decode(&record).unwrap();
        assert_eq!((header.kind, body.kind()), (kind as u8, kind));
        let mut again = [0; RECORD_SIZE];
        body.encode(&header, &mut again);
        assert_eq!(again, record, "{kind:?}");
        renumber(&mut again, 43);
        assert_eq!(decode(&again).unwrap(), (Header { sequence: 43, ..header }, body));
        let end = kind.fields().last().map(|field| field.offset + field.size);
        assert_eq!(end, Some(64), "{kind:?}");
    }
}

/// Every byte of every record, set to some values: what is refused names the field that holds it.
#[test]
fn a_fault_of_market_data_names_the_field_that_has_it() {
    let mut refused = 0;
    for &kind in Kind::ALL {
        for at in 0..RECORD_SIZE {
            for byte in [0x00, 0x01, 0x07, 0x1F, 0x7F, 0x80, 0xFF] {
                let mut record = example(kind);
                record[at] = byte;
                let Err(fault) = decode(&record) else { continue };
                refused += 1;
                match fault {
                    Fault::UnknownKind { kind } => assert_eq!((at, kind), (0, byte)),
                    Fault::Header { .. } => assert!(at < 4, "{at}"),
                    Fault::Field { kind: named, field } => {
                        let info = named.fields().iter().find(|info| info.offset == field).unwrap();
                        let range = usize::from(field)..usize::from(field + info.size);
                        assert!(at == 0 || range.contains(&at), "{named:?} {} {at}", info.name);
                    }
                }
            }
        }
    }
    assert!(refused > 900, "{refused}");
}

/// Of all headers' levels and sides those alone pass that have bids before asks and none too many.
#[test]
fn levels_are_bids_and_then_asks() {
    for levels in 0..=u8::MAX {
        for sides in 0..=u8::MAX {
            let mut record = [0; RECORD_SIZE];
            record[..4].copy_from_slice(&[Kind::Depth as u8, 0, levels, sides]);
            let is_allowed = matches!((levels, sides), (0..=2, 0) | (1, 1) | (2, 2 | 3));
            assert_eq!(decode(&record).is_ok(), is_allowed, "{levels} {sides}");
            record[0] = Kind::Heartbeat as u8;
            assert_eq!(decode(&record).is_ok(), (levels, sides) == (0, 0), "{levels} {sides}");
        }
    }
}

#[test]
fn a_level_that_is_not_set_is_zero() {
    let bad = |levels: u8, byte: usize| {
        let mut record = [0; RECORD_SIZE];
        (record[0], record[2], record[byte]) = (Kind::Depth as u8, levels, 1);
        decode(&record).err()
    };
    let fault = Some(Fault::Field { kind: Kind::Depth, field: 32 });
    assert_eq!([bad(0, 32), bad(0, 47), bad(0, 48), bad(1, 63)], [fault; 4]);
    assert_eq!([bad(1, 32), bad(2, 63)], [None; 2]);
}

fn update(is_snapshot: bool) -> Update {
    Update { instrument: InstrumentId(3), time: Timestamp(5), update_id: 9, is_snapshot }
}

/// The records of an update, each through its bytes.
fn written(update: &Update, levels: &[(Side, Level)]) -> Vec<(Header, Depth)> {
    let mut records = Vec::new();
    depth_records(update, levels.iter().copied(), |header, depth| {
        let mut record = [0; RECORD_SIZE];
        tiercel_wire::market::encode(&header, &depth, &mut record);
        match decode(&record) {
            Ok((header, Body::Depth(depth))) => records.push((header, depth)),
            other => panic!("{other:?}"),
        }
    });
    records
}

#[test]
fn an_empty_snapshot_is_one_record() {
    let records = written(&update(true), &[]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].0.flags, SNAPSHOT | BEGIN | LAST);
    assert_eq!(records[0].1.sides(&records[0].0), (&[][..], &[][..]));
}

proptest! {
    /// Each side's levels arrive in the order in which they were given, two to a record, the last marked.
    #[test]
    fn an_update_arrives_whole(
        levels in proptest::collection::vec((any::<bool>(), any::<i64>(), any::<u64>()), 1..9),
        is_snapshot in any::<bool>(),
    ) {
        let levels: Vec<(Side, Level)> = levels
            .into_iter()
            .map(|(is_ask, price, qty)| {
                let level = Level { price: Price::from_units(price), qty: Qty::from_units(qty) };
                (if is_ask { Side::Sell } else { Side::Buy }, level)
            })
            .collect();
        let records = written(&update(is_snapshot), &levels);
        prop_assert_eq!(records.len(), levels.len().div_ceil(2));
        let mut sides = [Vec::new(), Vec::new()];
        for (at, (header, depth)) in records.iter().enumerate() {
            prop_assert_eq!(header.is_last(), at + 1 == records.len());
            prop_assert_eq!(header.begins(), is_snapshot && at == 0);
            prop_assert_eq!(header.is_snapshot(), is_snapshot);
            prop_assert_eq!((depth.time, depth.update_id), (Timestamp(5), 9));
            let diff = depth.diff(header, 8);
            prop_assert_eq!((diff.first_update_id, diff.last_update_id), (8, 9));
            sides[0].extend_from_slice(diff.bids);
            sides[1].extend_from_slice(diff.asks);
        }
        for (side, taken) in [Side::Buy, Side::Sell].into_iter().zip(sides) {
            let given: Vec<Level> =
                levels.iter().filter(|(of, _)| *of == side).map(|(_, level)| *level).collect();
            prop_assert_eq!(taken, given);
        }
    }
}
