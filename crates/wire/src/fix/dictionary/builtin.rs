//! FIX 4.4 as far as the venue speaks it: session, orders, lists of orders, market data, status.
//!
//! Members are written as text: a tag; `!` behind it if the field has to be there; and in brackets
//! the entries of the group that it counts, which begin with the first tag inside. Names in braces
//! stand for the blocks below.
//!
//! Source: FIX 4.4 with errata 20030618, volumes 2, 3 and 4, and the standard header and trailer of
//! volume 1. Of each message the fields are listed that an order or a quote of a spot venue can have
//! a use for, and those that other engines send along.

use super::{DataType, Dictionary, FieldDefinition, Group, Member, Members, Values};
use crate::fix::tag::Tag;

use DataType::{
    Boolean, Character, Date, Decimal, Integer, MultipleValues, Text, TimeOnly, Timestamp, Unsigned,
};

const HEADER: &str = "35! 49! 56! 34! 52! 115 128 90 91 50 142 57 143 116 144 129 145 43 97 122 \
    212 213 347 369 627(628 629 630)";
const TRAILER: &str = "93 89";

const INSTRUMENT: &str =
    "65 48 22 454(455! 456) 460 461 167 762 200 541 202 947 206 231 207 106 107";
const PARTIES: &str = "453(448! 447 452 802(523! 803))";
const QUANTITY: &str = "38 152 516 468 469";
const TEXT: &str = "58 354 355";
/// Of an order, alone or in a list.
const ORDER: &str = "526 583 {parties} 229 75 1 660 581 589 590 591 70 78(79! 661 736 467 80) 63 64 \
    544 635 21 18 110 111 100 386(336! 625) 81 {instrument} 140 114 {quantity} 423 44 99 15 376 377 \
    23 117 59 168 432 126 427 12 13 479 497 528 529 582 121 120 775 {text} 77 203 210 211 835 836 \
    837 838 840 388 389 841 842 843 844 846 847 848 849 480 481 513 494 \
    5001 5002 5003 5004 5005";
/// Of an entry in a book.
const ENTRY: &str = "270 15 271 272 273 274 275 336 625 276 277 282 283 284 286 59 432 126 110 18 \
    287 37 299 288 289 346 290 546 811 {text}";

/// Each message and its members.
const MESSAGES: &[(&str, &str)] = &[
    ("0", "112"),
    ("1", "112!"),
    ("2", "7! 16!"),
    ("3", "45! 371 372 373 {text}"),
    ("4", "123 36!"),
    ("5", "{text}"),
    ("A", "98! 108! 95 96 141 789 383 384(372! 385) 464 553 554"),
    ("j", "45 372! 379 380! {text}"),
    ("D", "11! 55! 54! 60! 40! {order}"),
    (
        "E",
        "66! 390 391 414 394! 415 480 481 513 433 69 352 353 765 766 767 68! 893 1385 \
         73!(11! 67! 55! 54! 60 40 {order})",
    ),
    (
        "F",
        "41! 37 11! 526 66 583 586 {parties} 1 660 581 55! {instrument} 54! 60! {quantity} 376 377 \
         {text}",
    ),
    ("G", "37 41! 11! 66 586 55! 54! 60! 40! {order}"),
    ("H", "37 11! 526 583 {parties} 1 660 790 55! {instrument} 54!"),
    ("q", "11! 526 530! 336 625 55 {instrument} 54 60! {text}"),
    ("AF", "584! 585! {parties} 1 660 336 625 55 {instrument} 54"),
    (
        "8",
        "37! 198 527 11 41 66 693 790 584 911 912 382(375! 337 437 438 655) 17! 19 150! 39! 636 103 \
         378 55! 54! 40 32 652 31 669 194 195 30 943 29 151! 14! 6! 424 425 426 60 113 851 880 336 \
         625 {order}",
    ),
    ("9", "37! 198 526 11! 583 41! 39! 636 586 66 1 660 581 229 75 60 434! 102 {text}"),
    ("r", "11 526 37! 198 530! 531! 532 533 534(41! 535 536) 336 625 55 {instrument} 54 60 {text}"),
    (
        "N",
        "66! 429! 82! 431! 444 83! 445 446 60 68! 893 \
         73!(11! 526 14! 39! 636 151! 84! 6! 103 {text})",
    ),
    (
        "V",
        "262! 263! 264! 265 266 286 546 547 267!(269!) 146!(55! {instrument} 336 625) 386(336! 625) 815 812",
    ),
    ("W", "262 55! {instrument} 291 292 451 268!(269! {entry})"),
    ("X", "262 268!(279! 285 269 278 280 55 {instrument} 291 292 451 {entry}) 813 814"),
    ("Y", "262! 281 816(817!) {text}"),
    ("e", "324! 55! {instrument} 15 263! 336 625"),
    (
        "f",
        "324 55! {instrument} 15 336 625 325 326 291 292 327 328 329 330 331 332 333 334 60 445 446 {text}",
    ),
];

/// Tags of a data type, and the values that they may have, if those are told.
const FIELDS: &[(&[i32], DataType, &str)] = &[
    (
        &[
            1, 11, 15, 17, 19, 22, 30, 35, 37, 41, 48, 49, 50, 55, 56, 57, 58, 65, 66, 70, 79, 83,
            89, 91, 96, 100, 106, 107, 112, 115, 116, 117, 120, 128, 129, 142, 143, 144, 145, 167,
            198, 200, 207, 213, 262, 275, 278, 280, 282, 283, 284, 285, 288, 289, 299, 336, 337,
            347, 353, 355, 372, 375, 376, 379, 390, 391, 437, 438, 446, 448, 455, 456, 461, 467,
            479, 494, 513, 523, 526, 527, 536, 541, 544, 553, 554, 583, 584, 586, 589, 591, 625,
            628, 655, 660, 661, 693, 736, 762, 817, 840, 880, 324, 291, 292, 276, 277, 286, 69,
            790,
        ],
        Text,
        "",
    ),
    (
        &[18],
        MultipleValues,
        "0 1 2 3 4 5 6 7 8 9 A B C D E F G H I J K L M N O P Q R S T U V W X Y Z a b c d",
    ),
    (&[529], MultipleValues, "1 2 3 4 5 6 7 8 9 A"),
    (&[546], MultipleValues, "1 2 3"),
    (&[13], Character, "1 2 3 4 5 6"),
    (&[21], Character, "1 2 3"),
    (&[29], Character, "1 2 3 4"),
    (&[39], Character, "0 1 2 3 4 5 6 7 8 9 A B C D E"),
    (&[40], Character, "1 2 3 4 6 7 8 9 D E G I J K L M P"),
    (&[54], Character, "1 2 3 4 5 6 7 8 9 A B C D E F G"),
    (&[59], Character, "0 1 2 3 4 5 6 7"),
    (&[63], Character, "0 1 2 3 4 5 6 7 8 9"),
    (&[77], Character, "C F O R"),
    (&[150], Character, "0 3 4 5 6 7 8 9 A B C D E F G H I"),
    (&[263], Character, "0 1 2"),
    (&[269], Character, "0 1 2 3 4 5 6 7 8 9 A B C"),
    (&[279], Character, "0 1 2"),
    (&[281], Character, "0 1 2 3 4 5 6 7 8 9 A B C D"),
    (&[327], Character, "D E I M P X"),
    (&[385], Character, "R S"),
    (&[388], Character, "0 1 2 3 4 5 6"),
    (&[433], Character, "1 2 3 4 5"),
    (&[434], Character, "1 2"),
    (&[447], Character, ""),
    (&[468], Character, "0 1 2"),
    (&[480], Character, "Y N M"),
    (&[481], Character, "Y N 1 2 3"),
    (&[528], Character, "A G I P R W"),
    (&[530], Character, "1 2 3 4 5 6 7"),
    (&[531], Character, "0 1 2 3 4 5 6 7"),
    (&[532], Character, "0 1 2 3 4 5 6 99"),
    (&[535, 581, 590, 635, 775, 274, 287], Text, ""),
    (
        &[43, 97, 113, 114, 121, 123, 141, 266, 325, 328, 329, 377, 464, 547, 636, 893, 912],
        Boolean,
        "",
    ),
    (&[98], Integer, "0 1 2 3 4 5 6"),
    (
        &[264, 108, 371, 102, 103, 373, 378, 380, 394, 414, 415, 423, 427, 429, 431, 452, 460, 497],
        Integer,
        "",
    ),
    (&[265], Integer, "0 1"),
    (&[326], Integer, ""),
    (
        &[203, 210, 290, 346, 451, 582, 585, 652, 765, 803, 811, 813, 814, 815, 835, 836, 837, 838],
        Integer,
        "",
    ),
    (&[841, 842, 843, 844, 846, 847, 848, 851, 943, 1385, 330, 331], Integer, ""),
    (
        &[
            7, 16, 34, 36, 45, 67, 68, 73, 78, 81, 82, 90, 93, 95, 146, 212, 267, 268, 352, 354,
            369, 382, 383, 384, 386, 444, 445, 453, 454, 533, 534, 627, 630, 789, 802, 812, 816,
            911,
        ],
        Unsigned,
        "",
    ),
    (
        &[
            6, 12, 14, 31, 32, 38, 44, 80, 84, 99, 110, 111, 140, 151, 152, 194, 195, 202, 211,
            231, 270, 271, 332, 333, 334, 389, 424, 425, 426, 516, 669, 766, 849,
        ],
        Decimal,
        "",
    ),
    (&[23, 206, 947], Text, ""),
    (&[469], Decimal, ""),
    (&[52, 60, 122, 126, 168, 629], Timestamp, ""),
    (&[273], TimeOnly, ""),
    (&[64, 75, 229, 272, 432], Date, ""),
    (&[767], Text, ""),
    // The venue's own: see docs/fix.md.
    (&[5001], Character, "0 1 2 3 4 5"),
    (&[5002], Character, "1 2"),
    (&[5003, 5005], Decimal, ""),
    (&[5004], Unsigned, ""),
];

/// The text of a block in braces.
fn block(name: &str) -> &'static str {
    match name {
        "instrument" => INSTRUMENT,
        "parties" => PARTIES,
        "quantity" => QUANTITY,
        "text" => TEXT,
        "order" => ORDER,
        _ => ENTRY,
    }
}

/// Reads members up to the end, or to the bracket that closes the group they are in.
fn members(text: &mut &str) -> Members {
    let mut members = Vec::new();
    loop {
        *text = text.trim_start();
        if let Some(rest) = text.strip_prefix('{') {
            let (name, rest) = rest.split_once('}').unwrap_or((rest, ""));
            members.extend(self::members(&mut block(name)).all);
            *text = rest;
            continue;
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let Ok(tag) = text[..digits].parse() else { break };
        *text = &text[digits..];
        let required = text.strip_prefix('!').inspect(|rest| *text = rest).is_some();
        let group = text.strip_prefix('(').inspect(|rest| *text = rest).map(|inside| {
            let first = inside.bytes().take_while(u8::is_ascii_digit).count();
            let first = Tag(inside[..first].parse().unwrap_or_default());
            let members = self::members(text);
            *text = text.trim_start().strip_prefix(')').unwrap_or(text);
            Group { first, members }
        });
        members.push(Member { tag: Tag(tag), required, group });
    }
    Members::of(members)
}

pub(super) fn fix44() -> Dictionary {
    let mut fields = Vec::new();
    for (tags, data_type, values) in FIELDS {
        let values = values.split_whitespace().map(|value| value.as_bytes().into());
        let values = Values::of(values.collect());
        fields.extend(tags.iter().map(|tag| FieldDefinition {
            tag: Tag(*tag),
            data_type: *data_type,
            values: values.clone(),
        }));
    }
    let message = |(name, text): &(&str, &str)| -> (Box<[u8]>, Members) {
        (name.as_bytes().into(), members(&mut { *text }))
    };
    let messages = MESSAGES.iter().map(message).collect();
    Dictionary::of(fields, [members(&mut { HEADER }), members(&mut { TRAILER })], messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(members: &Members, seen: &mut dyn FnMut(Tag)) {
        for Member { tag, group, .. } in &members.all {
            seen(*tag);
            if let Some(group) = group {
                assert!(group.members.position(group.first).is_some(), "{tag}: {}", group.first);
                visit(&group.members, seen);
            }
        }
    }

    #[test]
    fn the_tables_are_read_to_their_ends_and_name_fields_that_are_there_once() {
        for text in MESSAGES.iter().map(|(_, text)| *text).chain([HEADER, TRAILER]) {
            let mut rest = text;
            members(&mut rest);
            assert_eq!(rest, "", "of {text}");
        }
        let dictionary = fix44();
        let mut tags: Vec<_> = dictionary.fields.iter().map(|field| field.tag).collect();
        tags.dedup();
        assert_eq!(tags.len(), dictionary.fields.len(), "a field stands twice");
        let mut used = std::collections::BTreeSet::new();
        let all = dictionary.messages.iter().map(|(_, members)| members);
        for members in all.chain([&dictionary.header, &dictionary.trailer]) {
            visit(members, &mut |tag| {
                used.insert(tag);
                assert!(dictionary.field(tag).is_some(), "{tag} has no type");
            });
        }
        let unused: Vec<_> = tags.iter().filter(|tag| !used.contains(tag)).collect();
        assert!(unused.is_empty(), "{unused:?} belong to no message");
    }
}
