//! The FlatBuffers schema says what the table of binary records says.

use std::fmt::Write as _;

use tiercel_types::order::{
    AmendQtyMeaning, Comparison, ConditionField, EndReason, ListKind, OrderKind, Peg, PendingRule,
    SelfTradePrevention, Side, SideScope, TimeInForce, Trigger, WaitState,
};
use tiercel_wire::binary::{
    FieldInfo, IdRole, Kind, LoginRefusal, LogoutReason, RejectSource, SignatureScheme, TradeChange,
};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/tiercel.fbs");

/// An enumeration: its name, and its values' names and codes.
pub(super) struct Codes {
    pub(super) name: &'static str,
    pub(super) values: Vec<(String, u8)>,
}

macro_rules! codes {
    ($($name:ident),+ $(,)?) => {
        vec![$(Codes {
            name: stringify!($name),
            values: $name::ALL.iter().map(|value| (identifier(value.as_str()), *value as u8)).collect(),
        }),+]
    };
}

pub(super) fn all_codes() -> Vec<Codes> {
    codes![
        Side,
        OrderKind,
        TimeInForce,
        SelfTradePrevention,
        AmendQtyMeaning,
        SideScope,
        ListKind,
        PendingRule,
        Trigger,
        WaitState,
        Peg,
        ConditionField,
        Comparison,
        EndReason,
        IdRole,
        RejectSource,
        TradeChange,
        SignatureScheme,
        LoginRefusal,
        LogoutReason,
    ]
}

/// The stable text, where it can be a name.
fn identifier(text: &str) -> String {
    match text {
        ">" => "above",
        ">=" => "at_least",
        "<" => "below",
        "<=" => "at_most",
        "=" => "equal",
        name => name,
    }
    .to_owned()
}

/// A comment over what it speaks of, in lines of at most 100 characters.
fn comment(text: &mut String, indent: &str, doc: &str) {
    let mut line = String::new();
    for word in doc.split_whitespace() {
        if indent.len() + 4 + line.len() + word.len() > 100 {
            writeln!(text, "{indent}///{line}").unwrap();
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(text, "{indent}///{line}").unwrap();
}

fn field_type(field: &FieldInfo, codes: &[Codes]) -> String {
    match field.type_name {
        "u8" => "ubyte",
        "u16" => "ushort",
        "u32" | "AccountId" | "AssetId" => "uint",
        "u64" | "Qty" | "Timestamp" | "OrderId" | "ListId" | "TradeId" => "ulong",
        "Price" => "long",
        "Flag" => "bool",
        "ConditionLeaf" | "Money" => field.type_name,
        name if name.starts_with("Opaque") => "[ubyte]",
        name if name.starts_with("Text") || name.starts_with("Client") => "string",
        name => {
            let codes = codes.iter().find(|codes| codes.name == name).expect(name);
            // What no code has cannot stand for a field that is not there.
            return match codes.values[0] {
                (_, 0) => name.to_owned(),
                (ref first, _) => format!("{name} = {first}"),
            };
        }
    }
    .to_owned()
}

fn schema() -> String {
    let mut text = "// Tiercel's protocol as FlatBuffers: docs/flatbuffers.md. Made from the table of binary records by
// the test `flat_schema`; what is not said here of fields stands in docs/binary.md.

namespace tiercel;
".to_owned();
    let codes = all_codes();
    for Codes { name, values } in &codes {
        writeln!(text, "\nenum {name} : ubyte {{").unwrap();
        for (value, code) in values {
            writeln!(text, "  {value} = {code},").unwrap();
        }
        writeln!(text, "}}").unwrap();
    }
    text.push_str(
        "
/// An amount of an asset, in units of 10^-16: a number of 128 bits with a sign.
table Money {
  low:ulong;
  high:long;
}

/// A comparison of a condition.
table ConditionLeaf {
  /// What is compared with: a price in units of 10^-8, or of a volume a quantity.
  value:long;
  /// Of which instrument.
  instrument:uint;
  /// What of it.
  field:ConditionField;
  /// How.
  comparison:Comparison;
}
",
    );
    for kind in Kind::ALL {
        text.push('\n');
        comment(&mut text, "", &kind.doc());
        writeln!(text, "table {kind:?} {{").unwrap();
        for field in kind.fields().iter().filter(|field| !field.name.starts_with("reserved")) {
            comment(&mut text, "  ", field.doc);
            writeln!(text, "  {}:{};", field.name, field_type(field, &codes)).unwrap();
        }
        writeln!(text, "}}").unwrap();
    }
    text.push_str("\n/// A body, by the code of its record.\nunion Body {\n");
    for kind in Kind::ALL {
        writeln!(text, "  {kind:?} = {},", *kind as u8).unwrap();
    }
    text.push_str(
        "}

/// A record that belongs to a message: its header says nothing of its own.
table Extension {
  body:Body (required);
}

/// What goes over the wire.
table Message {
  /// Its number; see the header of binary records.
  sequence:ulong;
  /// Which instrument; zero: none.
  instrument:uint;
  /// 1 sent again, 2 resting, 4 maker, 8 in an auction, 16 priority kept.
  flags:ubyte;
  body:Body (required);
  /// What belongs to it, in order; at most 31.
  extensions:[Extension];
}

root_type Message;
",
    );
    text
}

/// `TIERCEL_BLESS=1` writes it anew; then `make flatbuffers-code` makes the code of it.
#[test]
fn the_schema_has_every_record_as_it_is() {
    let made = schema();
    if std::env::var_os("TIERCEL_BLESS").is_some() {
        std::fs::write(SCHEMA, made).unwrap();
        return;
    }
    let is = std::fs::read_to_string(SCHEMA).unwrap();
    let line = is.lines().zip(made.lines()).position(|(is, made)| is != made);
    assert!(is == made, "schemas/tiercel.fbs differs at line {line:?}");
}
