//! Arbitrary but valid ITCH 5.0 messages of every type, made from arbitrary bytes.

use tiercel_wire::itch::{Kind, MESSAGE_SIZE_MAX};

/// What a stretch of bytes of a message must be, beside numbers, which can be anything.
enum Rule {
    /// One of these characters.
    OneOf(&'static [u8]),
    /// One of these two-character texts.
    PairOf(&'static [&'static [u8; 2]]),
    /// Printable ASCII of this length.
    Text(usize),
}
use Rule::{OneOf, PairOf, Text};

/// The rules of a type, each with the offset at which its bytes begin. The codes are those that
/// the specification lists, or fewer where another decoder that ours is compared with loses the
/// difference between two of them.
fn rules(kind: Kind) -> &'static [(usize, Rule)] {
    match kind {
        Kind::SystemEvent => &[(11, OneOf(b"OSQMEC"))],
        Kind::StockDirectory => &[
            (11, Text(8)),
            (19, OneOf(b"QGSNAPZV ")),
            (20, OneOf(b"DEQSGHJKCN ")),
            (25, OneOf(b"YN")),
            (26, OneOf(b"ABCFILNOPQRSTUVW")),
            (27, PairOf(&[b"A ", b"AI", b"C ", b"EM", b"PP", b"SI", b"WC", b"Z "])),
            (29, OneOf(b"PT")),
            (30, OneOf(b"YN ")),
            (31, OneOf(b"YN ")),
            (32, OneOf(b"12 ")),
            (33, OneOf(b"YN ")),
            (38, OneOf(b"YN")),
        ],
        Kind::StockTradingAction => &[(11, Text(8)), (19, OneOf(b"HPQT")), (21, Text(4))],
        Kind::RegShoRestriction => &[(11, Text(8)), (19, OneOf(b"012"))],
        Kind::MarketParticipantPosition => &[
            (11, Text(4)),
            (15, Text(8)),
            (23, OneOf(b"YN")),
            (24, OneOf(b"NPSRL")),
            (25, OneOf(b"AEWSD")),
        ],
        Kind::MwcbStatus => &[(11, OneOf(b"123"))],
        Kind::IpoQuotingPeriodUpdate => &[(11, Text(8)), (23, OneOf(b"AC"))],
        Kind::OperationalHalt => &[(11, Text(8)), (19, OneOf(b"QBX")), (20, OneOf(b"HT"))],
        Kind::AddOrder | Kind::Trade => &[(19, OneOf(b"BS")), (24, Text(8))],
        Kind::AddOrderMpid => &[(19, OneOf(b"BS")), (24, Text(8)), (36, Text(4))],
        Kind::OrderExecutedWithPrice => &[(31, OneOf(b"YN"))],
        Kind::CrossTrade => &[(19, Text(8)), (39, OneOf(b"OCHIA"))],
        Kind::NetOrderImbalanceIndicator => &[
            (27, OneOf(b"BSNO")),
            (28, Text(8)),
            (48, OneOf(b"OCHA")),
            (49, OneOf(b"L123456789ABC ")),
        ],
        Kind::RetailPriceImprovementIndicator => &[(11, Text(8)), (19, OneOf(b"BSAN"))],
        Kind::DirectListingWithCapitalRaise => &[(11, Text(8)), (19, OneOf(b"YN"))],
        Kind::LuldAuctionCollar => &[(11, Text(8))],
        Kind::MwcbDeclineLevel
        | Kind::OrderExecuted
        | Kind::OrderCancel
        | Kind::OrderDelete
        | Kind::OrderReplace
        | Kind::BrokenTrade => &[],
    }
}

/// A valid message of `kind` without a length prefix; numbers are the arbitrary bytes themselves.
pub fn message(kind: Kind, arbitrary: &[u8; MESSAGE_SIZE_MAX]) -> Vec<u8> {
    let mut bytes = arbitrary[..kind.size()].to_vec();
    bytes[0] = kind as u8;
    for (at, rule) in rules(kind) {
        match rule {
            OneOf(codes) => bytes[*at] = codes[usize::from(bytes[*at]) % codes.len()],
            PairOf(pairs) => {
                let pair = pairs[usize::from(bytes[*at]) % pairs.len()];
                bytes[*at..*at + 2].copy_from_slice(pair);
            }
            Text(length) => {
                for byte in &mut bytes[*at..*at + length] {
                    *byte = b' ' + *byte % 95;
                }
            }
        }
    }
    bytes
}

/// A message behind its length, as files frame it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = (message.len() as u16).to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    frame
}
