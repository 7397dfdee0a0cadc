//! The binary protocol's records: its documentation, its checks, and the engine's commands.

use std::fmt::Write as _;

use proptest::prelude::*;
use tiercel_types::command::{self, CONDITION_LEAVES_MAX, Command, ConditionLeaf};
use tiercel_types::order::{Comparison, ConditionField, Trigger};
use tiercel_types::{AccountId, DenialReason, InstrumentId, OrderId, Price, Qty, Side, Timestamp};
use tiercel_wire::binary::{
    Body, Fault, Group, Kind, Origin, Part, RECORD_SIZE, Request, commands, decode,
};

use super::flat_schema::all_codes;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/binary.md");
const ORIGIN: Origin = Origin { account: AccountId(3), session: 7 };

/// A record with something to see in every field, of one kind.
fn example(kind: Kind) -> [u8; RECORD_SIZE] {
    let mut record = [0; RECORD_SIZE];
    record[0] = kind as u8;
    if kind.part() != Part::Session {
        record[4..8].copy_from_slice(&3_u32.to_le_bytes());
        record[8..16].copy_from_slice(&42_u64.to_le_bytes());
    }
    match kind {
        Kind::ReplaceOrder | Kind::OrderStatus | Kind::OrderTrigger => record[1] = 1,
        Kind::NewOrderList => record[1] = 2,
        Kind::Login => record[1] = 4,
        Kind::Accepted | Kind::Replaced | Kind::Amended => record[2] = 2,
        Kind::Executed => (record[1], record[2]) = (1, 4),
        _ => {}
    }
    for (at, field) in kind.fields().iter().enumerate() {
        let start = usize::from(field.offset);
        let bytes = &mut record[start..start + usize::from(field.size)];
        let value = example_value(kind, field.name, field.type_name, at as u64);
        bytes[..value.len()].copy_from_slice(&value);
    }
    record
}

fn example_value(kind: Kind, name: &str, type_name: &str, at: u64) -> Vec<u8> {
    let number = |number: u64| number.to_le_bytes().to_vec();
    if name.starts_with("reserved") {
        return Vec::new();
    }
    match (type_name, name) {
        (_, "protocol") => b"TIERCELB".to_vec(),
        (_, "version" | "version_min" | "version_max") => 1_u16.to_le_bytes().to_vec(),
        ("ClientId", _) => b"mm-7-000042".to_vec(),
        ("ClientOrderId", _) => b"desk-7/strategy-12/order-000042".to_vec(),
        ("Text<48>", _) => b"vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utI".to_vec(),
        ("Opaque<16>", _) => vec![1, 2, 0x41],
        ("Opaque<32>" | "Opaque<48>", _) => {
            let size = if type_name == "Opaque<32>" { 32 } else { 48 };
            (0..size).map(|byte: u8| byte.wrapping_mul(37) ^ kind as u8).collect()
        }
        ("ConditionLeaf", _) if at > 1 => Vec::new(),
        ("ConditionLeaf", _) => {
            let mut leaf = number(6_000_000_000_000);
            leaf.extend(3_u32.to_le_bytes());
            leaf.extend([ConditionField::Last as u8, Comparison::AtLeast as u8]);
            leaf
        }
        ("Price", _) => number(6_183_763_000_000 + at),
        ("Qty", "display_qty" | "min_qty") => Vec::new(),
        ("Qty", _) => number(150_000_000),
        ("Timestamp", _) => number(1_784_455_201_234_567_891),
        ("OrderId", _) => number((1 << 48) + 1_000 + at),
        ("ListId", _) => number((1 << 48) + 5),
        ("TradeId", _) => number(77),
        ("Money", _) => number(12_345_000_000_000),
        ("u64", _) => number(40 + at),
        ("u32", _) => 1_000_u32.to_le_bytes().to_vec(),
        ("AccountId" | "AssetId", _) => 3_u32.to_le_bytes().to_vec(),
        ("u16", "reason") => 12_u16.to_le_bytes().to_vec(),
        ("u8", "record_kind") => vec![Kind::NewOrder as u8],
        ("u8", "field") => vec![32],
        ("SignatureScheme" | "LoginRefusal", _) => vec![2],
        ("Flag", "cancel_on_disconnect") | ("Side" | "Trigger", _) => vec![1],
        ("EndReason", _) if kind == Kind::Expired => vec![3],
        ("Peg", _) if kind == Kind::OrderTerms => vec![1],
        _ => Vec::new(),
    }
}

/// The part of the documentation that is made from the code: each record's fields and an example.
fn generated() -> String {
    let mut text = String::new();
    for part in [Part::Session, Part::Request, Part::Answer, Part::Extension] {
        let title = match part {
            Part::Session => "Records of the session",
            Part::Request => "Requests",
            Part::Answer => "Answers",
            Part::Extension => "Extensions",
        };
        writeln!(text, "## {title}\n").unwrap();
        for kind in Kind::ALL.iter().filter(|kind| kind.part() == part) {
            writeln!(text, "### `{}` {:#04x}\n{}\n", kind.as_str(), *kind as u8, kind.doc())
                .unwrap();
            writeln!(text, "| bytes | field | type | meaning |\n|---|---|---|---|").unwrap();
            for field in kind.fields() {
                let (from, to) = (field.offset, field.offset + field.size);
                let doc = field.doc.trim();
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
            if header.extensions != 0 {
                write!(text, " extensions={}", header.extensions).unwrap();
            }
            if header.flags != 0 {
                write!(text, " flags={}", header.flags).unwrap();
            }
            if header.sequence != 0 {
                write!(text, " instrument={} sequence={}", header.instrument, header.sequence)
                    .unwrap();
            }
            body.show(|name, value| write!(text, " {name}={value}").unwrap());
            writeln!(text, "\n```\n").unwrap();
        }
    }
    text + &codes()
}

/// The same of the types that fields have.
fn codes() -> String {
    let mut text = "## Codes

One byte each; another is refused.

| type | codes |
|---|---|
| Flag | 0 no, 1 yes |
"
    .to_owned();
    for codes in all_codes() {
        let one = |(name, code): &(String, u8)| format!("{code} {name}");
        let values: Vec<String> = codes.values.iter().map(one).collect();
        writeln!(text, "| {} | {} |", codes.name, values.join(", ")).unwrap();
    }
    text.push_str(
        "
| other types | bytes |
|---|---|
| Price | i64 |
| Qty, Timestamp, OrderId, ListId, TradeId | u64 |
| AccountId, AssetId | u32 |
| Money | i128 |
| ClientId, Text<16> and the like | as many characters, zeros behind them; ClientOrderId has 36 |
| ConditionLeaf | 0..8 value (i64: a price, or a quantity), 8..12 instrument, 12 ConditionField, 13 Comparison, two zeros |

## Denial reasons

The `reason` of a `rejected` whose source is the engine, and `denial` of a `cancelled`.

| | | field at fault |
|---|---|---|
",
    );
    for reason in DenialReason::ALL {
        let field = reason.field();
        writeln!(text, "| {} | {} | {field} |", *reason as u16, reason.as_str()).unwrap();
    }
    text
}

/// `TIERCEL_BLESS=1` writes it anew.
#[test]
fn the_documentation_tells_every_record_as_it_is() {
    const MARK: &str = "<!-- from here on made from the code -->\n\n";
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (by_hand, made) = document.split_once(MARK).expect("the mark");
    let generated = generated();
    if std::env::var_os("TIERCEL_BLESS").is_some() {
        std::fs::write(DOCUMENT, format!("{by_hand}{MARK}{generated}")).unwrap();
        return;
    }
    let line = made.lines().zip(generated.lines()).position(|(is, should)| is != should);
    assert!(made == generated, "docs/binary.md differs at line {line:?} behind the mark");
}

#[test]
fn every_record_encodes_to_what_was_decoded() {
    for &kind in Kind::ALL {
        let record = example(kind);
        let (header, body) = decode(&record).unwrap();
        assert_eq!((header.kind, body.kind()), (kind as u8, kind));
        assert_eq!(Kind::from_code(kind as u8), Some(kind));
        let mut again = [0; RECORD_SIZE];
        again[..16].copy_from_slice(zerocopy::IntoBytes::as_bytes(&header));
        again[16..].copy_from_slice(body.as_bytes());
        assert_eq!(again, record, "{kind:?}");
        let end = kind.fields().last().map(|field| field.offset + field.size);
        assert_eq!(end, Some(64), "{kind:?}");
    }
}

/// Every byte of every record, set to every value: what is refused names the field that holds it.
#[test]
fn a_fault_names_the_field_that_has_it() {
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
                    Fault::Header { .. } => assert!((1..4).contains(&at), "{at}"),
                    Fault::Field { kind: named, field } => {
                        let info = named.fields().iter().find(|info| info.offset == field).unwrap();
                        let range = usize::from(field)..usize::from(field + info.size);
                        assert!(at == 0 || range.contains(&at), "{named:?} {} {at}", info.name);
                        assert_eq!(fault.field_name(), Some(info.name));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert!(refused > 3_000, "{refused}");
}

/// All the commands that a request asks for.
fn read(bytes: &[u8]) -> Result<Vec<Command>, Fault> {
    let group = Group::front(bytes)?.expect("a whole group");
    let mut taken = Vec::new();
    commands(&group, ORIGIN, |command| taken.push(command))?;
    Ok(taken)
}

fn bytes_of(request: &Request) -> Vec<u8> {
    let bodies: Vec<Body> = request.bodies().copied().collect();
    group(request.instrument, &bodies)
}

fn group(instrument: InstrumentId, bodies: &[Body]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in bodies {
        let mut header = tiercel_wire::binary::Header::new(body.kind(), instrument);
        header.extensions = if bytes.is_empty() { bodies.len() as u8 - 1 } else { 0 };
        bytes.extend_from_slice(zerocopy::IntoBytes::as_bytes(&header));
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}

fn order_of(id: &str, by_quote: bool) -> command::NewOrder {
    let mut order = command::NewOrder::limit(
        InstrumentId(5),
        ORIGIN.account,
        Side::Sell,
        Price::from_units(77),
        Qty::from_units(99),
    );
    order.session = ORIGIN.session;
    order.client_order_id = id.parse().unwrap();
    if by_quote {
        (order.qty, order.quote_qty) = (Qty::ZERO, Qty::from_units(5));
    }
    order
}

/// One command of each sort, of what the draws say.
fn any_command() -> impl Strategy<Value = Command> {
    ("[ -~]{0,36}", "[ -~]{1,36}", any::<[u64; 4]>(), any::<[u8; 6]>()).prop_map(
        |(id, other, words, bytes)| {
            let (id, other) = (id.parse().unwrap(), other.parse().unwrap());
            let mut order = order_of("", bytes[0] & 1 == 1);
            order.client_order_id = id;
            order.display_qty = Qty::from_units(words[0]);
            order.kind = tiercel_types::OrderKind::ALL[usize::from(bytes[1]) % 4];
            order.time_in_force = tiercel_types::TimeInForce::ALL[usize::from(bytes[2]) % 8];
            let timed = command::NewOrder { expire_time: Timestamp(words[1] % 3), ..order };
            let account = ORIGIN.account;
            match bytes[3] % 8 {
                0 => order.into(),
                1 => timed.into(),
                2 => {
                    let mut terms = command::OrderTerms::NONE;
                    terms.trigger = Trigger::ALL[usize::from(bytes[4]) % 4];
                    terms.trailing_bps = words[2] as u32;
                    if terms.trigger == Trigger::None {
                        terms.trailing_bps = 0;
                        terms.hidden = 1;
                    }
                    terms.min_qty = Qty::from_units(words[3] % 2);
                    command::NewAdvancedOrder { order: timed, terms }.into()
                }
                3 => command::CancelOrder {
                    order_id: OrderId(words[0]),
                    account,
                    client_order_id: id,
                }
                .into(),
                4 => command::QueryOrder {
                    order_id: OrderId(words[0]),
                    account,
                    client_order_id: id,
                }
                .into(),
                5 => command::AmendOrder {
                    order_id: OrderId(words[0]),
                    price: Price::from_units(words[1] as i64),
                    qty: Qty::from_units(words[2]),
                    account,
                    client_order_id: id,
                    new_client_order_id: other,
                    qty_meaning: tiercel_types::order::AmendQtyMeaning::Open,
                    lose_priority: bytes[4] & 1,
                    reserved: [0; 2],
                }
                .into(),
                6 => command::ReplaceOrder {
                    target_order_id: OrderId(words[0]),
                    target_client_order_id: other,
                    reserved: [0; 4],
                    order: timed,
                }
                .into(),
                _ => command::CountdownCancel {
                    account,
                    instrument: InstrumentId(5),
                    after_ns: words[0],
                }
                .into(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_command_sent_as_a_request_arrives_as_it_was(command in any_command()) {
        let request = Request::of(&command).unwrap();
        prop_assert_eq!(read(&bytes_of(&request)), Ok(vec![command]));
    }

    #[test]
    fn no_bytes_make_a_request_panic(mut bytes in proptest::collection::vec(any::<u8>(), 64 * 5), main in 0x10_u8..0x18, kinds in any::<[u8; 4]>()) {
        (bytes[0], bytes[1], bytes[2], bytes[3]) = (main, kinds[0] % 5, 0, 0);
        for (record, kind) in bytes.chunks_mut(64).skip(1).zip(kinds) {
            (record[0], record[1], record[2], record[3]) = (0x80 + kind % 11, 0, 0, 0);
        }
        let _ = read(&bytes);
    }
}

fn leaf(value: i64) -> ConditionLeaf {
    ConditionLeaf {
        value,
        instrument: InstrumentId(9),
        field: ConditionField::Bid,
        comparison: Comparison::Below,
        reserved: [0; 2],
    }
}

fn condition(leaves: usize) -> command::StageCondition {
    let mut all = [ConditionLeaf::NONE; CONDITION_LEAVES_MAX];
    (0..leaves).for_each(|at| all[at] = leaf(at as i64 + 1));
    let mut program = [0; 16];
    program[0] = 1;
    (2..=leaves).for_each(|at| {
        program[2 * at - 3] = at as u8;
        program[2 * at - 2] = command::CONDITION_AND;
    });
    command::StageCondition { leaves: all, program, account: ORIGIN.account, reserved: [0; 4] }
}

#[test]
fn conditions_of_every_size_come_before_their_order() {
    let terms = command::OrderTerms { trigger: Trigger::Condition, ..command::OrderTerms::NONE };
    let order = command::NewAdvancedOrder { order: order_of(&"i".repeat(36), false), terms };
    for leaves in 1..=CONDITION_LEAVES_MAX {
        let condition = condition(leaves);
        let request = Request::of_conditional(&condition, &order);
        let expected = vec![condition.into(), order.into()];
        assert_eq!(read(&bytes_of(&request)), Ok(expected), "{leaves} leaves");
    }
}

#[test]
fn a_list_enters_its_orders_with_all_that_they_say() {
    let terms = command::OrderTerms { trigger: Trigger::Stop, ..command::OrderTerms::NONE };
    let stop = command::NewAdvancedOrder { order: order_of("stop", false), terms };
    let list = tiercel_wire::binary::NewOrderList {
        client_id: tiercel_wire::binary::ClientId::new(b"list").unwrap(),
        kind: tiercel_types::order::ListKind::Oco,
        pending_rule: tiercel_types::order::PendingRule::FullFill,
        reserved: [0; 30],
    };
    let mut bodies: Vec<Body> = vec![list.into()];
    bodies.extend(Request::of(&order_of("take", false).into()).unwrap().bodies().copied());
    bodies.extend(Request::of(&stop.into()).unwrap().bodies().copied());
    let taken = read(&group(InstrumentId(5), &bodies)).unwrap();
    let legs: Vec<Command> = vec![
        command::StageLeg { order: order_of("take", false), terms: command::OrderTerms::NONE }
            .into(),
        command::StageLeg { order: stop.order, terms }.into(),
    ];
    assert_eq!(taken[..2], legs);
    let Command::NewOrderList(entered) = taken[2] else { panic!("{:?}", taken[2]) };
    assert_eq!(
        (entered.instrument, entered.list_client_order_id.as_str()),
        (InstrumentId(5), "list")
    );
    // One order short, and one too many.
    let missing = Fault::Missing { kind: Kind::NewOrderList, missing: Kind::NewOrder };
    assert_eq!(read(&group(InstrumentId(5), &bodies[..2])), Err(missing));
    bodies.push(bodies[1]);
    let misplaced = Fault::Misplaced { kind: Kind::NewOrder };
    assert_eq!(read(&group(InstrumentId(5), &bodies)), Err(misplaced));
}

#[test]
fn what_does_not_belong_to_a_request_is_refused() {
    let order: Body = {
        let request = Request::of(&order_of("a", false).into()).unwrap();
        *request.bodies().next().unwrap()
    };
    let body = |kind| decode(&example(kind)).unwrap().1;
    let misplaced = |kind| Err(Fault::Misplaced { kind });
    for (bodies, expected) in [
        (vec![order, body(Kind::Fee)], misplaced(Kind::Fee)),
        (vec![order, body(Kind::Target)], misplaced(Kind::Target)),
        (vec![order, body(Kind::LongId)], misplaced(Kind::LongId)),
        (vec![order, body(Kind::OrderTerms), body(Kind::OrderTerms)], misplaced(Kind::OrderTerms)),
        (vec![order, body(Kind::MoreLeaves)], misplaced(Kind::MoreLeaves)),
        (
            vec![order, body(Kind::Condition)],
            Err(Fault::Missing { kind: Kind::Condition, missing: Kind::OrderTrigger }),
        ),
        (
            vec![body(Kind::ReplaceOrder)],
            Err(Fault::Missing { kind: Kind::ReplaceOrder, missing: Kind::Target }),
        ),
        (vec![body(Kind::ReplaceOrder), body(Kind::OrderTrigger)], misplaced(Kind::OrderTrigger)),
        (vec![body(Kind::MassCancel), body(Kind::LongId)], misplaced(Kind::LongId)),
        (vec![body(Kind::CancelOrder), body(Kind::Target)], misplaced(Kind::Target)),
        (vec![body(Kind::Accepted)], misplaced(Kind::Accepted)),
        (vec![body(Kind::LongId)], misplaced(Kind::LongId)),
    ] {
        assert_eq!(read(&group(InstrumentId(5), &bodies)), expected, "{bodies:?}");
    }
}
