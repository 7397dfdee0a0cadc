//! Random Binance messages, valid as they are made and then damaged at will.

use crate::random::Random;

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As the venue writes it.
    Venue,
    /// With shuffled fields, blanks, unknown fields and escapes, but valid.
    Unusual,
}

/// A valid message of a random kind, raw or wrapped.
pub fn message(random: &mut Random, layout: Layout) -> Vec<u8> {
    let fields = match random.below(6) {
        0 | 1 => depth_update(random),
        2 => trade(random),
        3 => aggregate_trade(random),
        4 => book_ticker(random),
        _ => snapshot(random),
    };
    let body = object(random, fields, layout);
    let text = if random.one_in(2) {
        let stream = ("stream", string("btcusdt@depth@100ms"));
        object(random, vec![stream, ("data", body)], layout)
    } else {
        body
    };
    text.into_bytes()
}

/// Damages a message: flips, cuts, doubles, swaps or overwrites some of its bytes.
pub fn damage(random: &mut Random, message: &mut Vec<u8>) {
    const TELLING: &[u8] = b"\"\\{}[]:,.0123456789-+eEtfnu/ \t\n\r\x00\x1f\x7f\x80\xc3\xff";
    for _ in 0..=random.below(3) {
        if message.is_empty() {
            return;
        }
        let at = random.below(message.len() as u64) as usize;
        match random.below(7) {
            0 => message[at] = *random.pick(TELLING),
            1 => message[at] ^= 1 << random.below(8),
            2 => message.insert(at, *random.pick(TELLING)),
            3 => {
                message.remove(at);
            }
            4 => message.truncate(at),
            5 => {
                let end = (at + random.below(40) as usize).min(message.len());
                let piece = message[at..end].to_vec();
                message.splice(at..at, piece);
            }
            _ => {
                let end = (at + random.below(40) as usize).min(message.len());
                message.drain(at..end);
            }
        }
    }
}

type Fields = Vec<(&'static str, String)>;

fn depth_update(random: &mut Random) -> Fields {
    let first = random.below(1 << 40);
    let last = first + random.below(50);
    let mut fields = head(random, "depthUpdate");
    fields.extend([("U", first.to_string()), ("u", last.to_string())]);
    fields.extend([("b", levels(random)), ("a", levels(random))]);
    fields
}

fn trade(random: &mut Random) -> Fields {
    let mut fields = head(random, "trade");
    fields.push(("t", integer(random)));
    fields.extend([("p", price(random)), ("q", quantity(random))]);
    fields.extend(tail(random));
    fields
}

fn aggregate_trade(random: &mut Random) -> Fields {
    let mut fields = head(random, "aggTrade");
    fields.push(("a", integer(random)));
    fields.extend([("p", price(random)), ("q", quantity(random))]);
    fields.extend([("f", integer(random)), ("l", integer(random))]);
    fields.extend(tail(random));
    fields
}

fn book_ticker(random: &mut Random) -> Fields {
    vec![
        ("u", integer(random)),
        ("s", string("BTCUSDT")),
        ("b", price(random)),
        ("B", quantity(random)),
        ("a", price(random)),
        ("A", quantity(random)),
    ]
}

fn snapshot(random: &mut Random) -> Fields {
    vec![("lastUpdateId", integer(random)), ("bids", levels(random)), ("asks", levels(random))]
}

fn head(random: &mut Random, event: &str) -> Fields {
    let symbol = *random.pick(&["BTCUSDT", "ETHBTC", "1000SATSUSDT", "X"]);
    vec![("e", string(event)), ("E", time(random)), ("s", string(symbol))]
}

fn tail(random: &mut Random) -> Fields {
    let maker = random.one_in(2).to_string();
    vec![("T", time(random)), ("m", maker), ("M", "true".to_owned())]
}

fn time(random: &mut Random) -> String {
    (1_723_161_255_208 + random.below(1_000_000_000_000)).to_string()
}

/// Integers of all lengths.
fn integer(random: &mut Random) -> String {
    let bits = random.below(64);
    (random.next_u64() >> bits).to_string()
}

fn levels(random: &mut Random) -> String {
    // Now and then more than are read together.
    let most = if random.one_in(8) { 70 } else { 8 };
    let count = random.below(most);
    let level = |random: &mut Random| format!("[{},{}]", price(random), quantity(random));
    let is_market = random.one_in(2);
    // As in a market: prices of as many digits and two places, quantities of five.
    let least = 10_u64.pow(random.below(8) as u32);
    let market_level = |random: &mut Random| {
        let digits = random.below(24);
        let [price, qty] = [random.below(9 * least), random.below(1 << digits)];
        let [cents, places] = [random.below(100), random.below(100_000)];
        format!("[\"{}.{cents:02}000000\",\"{qty}.{places:05}000\"]", least + price)
    };
    let pairs: Vec<_> =
        (0..count).map(|_| if is_market { market_level(random) } else { level(random) }).collect();
    format!("[{}]", pairs.join(","))
}

fn price(random: &mut Random) -> String {
    decimal(random, i64::MAX as u64)
}

fn quantity(random: &mut Random) -> String {
    decimal(random, u64::MAX)
}

/// Mostly eight places as the venue sends them, of all sizes; now and then fewer or more.
fn decimal(random: &mut Random, limit: u64) -> String {
    let bits = random.below(64);
    let units = random.below(limit) >> bits;
    let (whole, fraction) = (units / 100_000_000, units % 100_000_000);
    match random.below(12) {
        0 => format!("\"{whole}\""),
        1 => format!("\"{whole}.{:03}\"", fraction % 1000),
        2 => format!("\"{whole}.{fraction:08}000\""),
        _ => format!("\"{whole}.{fraction:08}\""),
    }
}

fn string(text: &str) -> String {
    format!("\"{text}\"")
}

/// Values of unknown fields.
const UNKNOWN: &[&str] = &[
    "null",
    "true",
    "-0.5e-3",
    "1E+300",
    "\"\\u00e9\\ud83d\\ude00\\n\"",
    "\"\u{5e01}\"",
    "[]",
    "{}",
    "[[{\"b\":[1,2]}],\"]\"]",
    "{\"e\":\"trade\",\"x\":{}}",
];

fn object(random: &mut Random, mut fields: Fields, layout: Layout) -> String {
    if layout == Layout::Venue {
        let pairs: Vec<_> =
            fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        return format!("{{{}}}", pairs.join(","));
    }
    for key in ["zz", "bb", "\\u007a", "pu", "Event"] {
        if random.one_in(4) {
            fields.push((key, (*random.pick(UNKNOWN)).to_owned()));
        }
    }
    if random.one_in(2) {
        random.shuffle(&mut fields);
    }
    let mut text = "{".to_owned();
    for (index, (key, value)) in fields.iter().enumerate() {
        let blank = if random.one_in(3) { *random.pick(&[" ", "\n", "\t\r\n ", "  "]) } else { "" };
        let comma = if index == 0 { "" } else { "," };
        let key = escape(random, key);
        let value = if value.starts_with('"') && !value.contains('\\') {
            format!("\"{}\"", escape(random, value.trim_matches('"')))
        } else {
            value.clone()
        };
        for piece in [comma, blank, "\"", &key, "\"", blank, ":", blank, &value, blank] {
            text.push_str(piece);
        }
    }
    text + "}"
}

/// Now and then writes the first letter as an escape.
fn escape(random: &mut Random, text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if first != '\\' && random.one_in(12) => {
            format!("\\u{:04x}{}", first as u32, letters.as_str())
        }
        _ => text.to_owned(),
    }
}
