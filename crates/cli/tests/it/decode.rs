//! `tiercel decode` on captures that are made here.

use crate::command::{Ran, argument, file, run, run_with};

fn decode(protocol: &str, bytes: &[u8]) -> Ran {
    run_with(&["decode", protocol, "-"], bytes)
}

/// The lines, their padding gone.
fn lines(ran: &Ran) -> Vec<&str> {
    ran.stdout.lines().map(str::trim_start).collect()
}

const FIX: &[u8] = b"8=FIX.4.4\x019=15\x0135=0\x01112=hello\x0110=186\x01";
const ITCH: &[u8] = b"\0\x13D\0\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x07";

#[test]
fn fix_messages_are_printed_and_garbled_ones_marked() {
    let bytes = [FIX, b"\n", FIX, b"8=FIX.4.4\x019=5\x0135=0\x0110=999\x01", FIX].concat();
    let ran = decode("fix", &bytes);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let lines = lines(&ran);
    assert_eq!(lines[0], "0  FIX.4.4 35=0 112=hello");
    assert_eq!(lines[1], format!("{}  FIX.4.4 35=0 112=hello", FIX.len() + 1));
    assert!(lines[2].starts_with(&format!("{}  error: ", 2 * FIX.len() + 1)), "{}", lines[2]);
    assert!(lines.last().is_some_and(|line| line.ends_with("112=hello")));
    let whole = run(&["decode", "fix", argument(&file("good.fix", FIX))]);
    assert_eq!((whole.code, whole.stdout.lines().count()), (Some(0), 1));
    assert_eq!(run(&["decode", "fix", "/nowhere"]).code, Some(1));
}

#[test]
fn itch_is_read_from_files_from_soup_and_from_mold() {
    let delete =
        "OrderDelete stock_locate=1 tracking_number=0 timestamp=9 order_reference_number=7";
    let ran = decode("itch", &[ITCH, ITCH, b"\0\x02D?", &ITCH[..9]].concat());
    assert_eq!(ran.code, Some(3));
    let seen = lines(&ran);
    assert_eq!(seen[..2], [format!("0  {delete}"), format!("21  {delete}")]);
    assert!(seen[2].starts_with("42  error: OrderDelete message of 2 bytes"), "{}", seen[2]);
    assert!(seen[3].starts_with("46  error: torn frame"), "{}", seen[3]);

    let soup = [b"\0\x14S", &ITCH[2..], b"\0\x01H", b"\0\x16SG                  42"].concat();
    let ran = decode("itch", &soup);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let expected = [
        format!("3  {delete}"),
        "22  soup ServerHeartbeat".into(),
        "28  EndOfSnapshot sequence=42".into(),
    ];
    assert_eq!(lines(&ran), expected);
    // Behind a packet that is of no kind its next is found.
    let soup = [&b"\0\x14S"[..], &ITCH[2..], b"\0\x04?abc\0\x14S", &ITCH[2..]].concat();
    let ran = decode("itch", &soup);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);
    let seen = lines(&ran);
    assert!(seen[1].starts_with("22  error: "), "{}", seen[1]);
    assert_eq!((seen[0], seen[2]), (&*format!("3  {delete}"), &*format!("31  {delete}")));
    assert_eq!(seen.len(), 3);

    // The mark of the end in Nasdaq's files is no message.
    let ran = decode("itch", &[ITCH, b"\0\0"].concat());
    assert_eq!((ran.code, lines(&ran)), (Some(0), vec![&*format!("0  {delete}")]));

    // Behind a packet of no kind; and where a message should be and is none, its packet's place is told.
    let ran = decode("itch", &[&b"\0\x01H\0\x03?ab"[..], b"\0\x01S", b"\0\x01S"].concat());
    let seen = lines(&ran);
    assert_eq!((ran.code, seen.len()), (Some(3), 4), "{}", ran.stdout);
    assert!(seen[1].starts_with("3  error: "), "{}", seen[1]);
    assert_eq!(seen[2..], ["8  error: empty message", "11  error: empty message"]);

    let mold =
        [b"       DAY\0\0\0\0\0\0\0\x05\0\x02", ITCH, ITCH, b"       DAY\0\0\0\0\0\0\0\x07\0\0"]
            .concat();
    let ran = decode("itch", &mold);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let expected = [
        "0  mold Data session=DAY sequence=5 count=2".to_owned(),
        format!("20  {delete}"),
        format!("41  {delete}"),
        "62  mold Heartbeat session=DAY sequence=7 count=0".to_owned(),
    ];
    assert_eq!(lines(&ran), expected);
}

#[test]
fn ouch_is_read_from_soup_and_from_files() {
    let order = b"O\0\0\0\x01B\0\0\0\x64AAPL    \0\0\0\0\0\x16\xf0\xa80YANNFIRST-1       \0\x03\x02\x1c\x05";
    let shown = "EnterOrder user_ref_num=1 side=B quantity=100 symbol=AAPL price=150.3400 \
                 time_in_force=0 display=Y capacity=A inter_market_sweep_eligibility=N cross_type=N \
                 cl_ord_id=FIRST-1 user_ref_idx=5";
    let event = b"\0\x0bSS\0\0\0\0\0\0\0\x09S";
    let soup = [&[0, order.len() as u8 + 1, b'U'][..], order, event, b"\0\x05UX\0\0\0"].concat();
    let ran = decode("ouch", &soup);
    let seen = lines(&ran);
    assert_eq!(
        seen[..2],
        [format!("3  {shown}"), "56  SystemEvent timestamp=9 event_code=S".into()]
    );
    assert!(seen[2].starts_with("69  error: CancelOrder of 4 bytes"), "{}", seen[2]);
    let plain = [&[0, order.len() as u8][..], order, &event[3..3]].concat();
    assert_eq!(lines(&decode("ouch", &plain)), [format!("0  {shown}")]);
}

#[test]
fn binary_groups_are_printed_with_what_belongs_to_them() {
    let mut cancel = [0_u8; 64];
    cancel[0] = 0x11;
    cancel[4] = 3;
    cancel[8] = 42;
    cancel[16..20].copy_from_slice(b"mm-7");
    let mut long = [0_u8; 64];
    long[0] = 0x86;
    long[16..20].copy_from_slice(b"long");
    let mut group = cancel;
    (group[1], group[16]) = (1, 0);
    group[17..20].fill(0);
    let mut bad = cancel;
    bad[63] = 1;
    let ran = decode("binary", &[&cancel[..], &group, &long, &bad, &cancel[..9]].concat());
    assert_eq!(ran.code, Some(3));
    assert_eq!(
        lines(&ran),
        [
            "0  cancel_order instrument=3 sequence=42 client_id=mm-7 order_id=0",
            "64  cancel_order instrument=3 sequence=42 client_id= order_id=0 + long_id text=long role=own",
            "192  error: cancel_order with a value that its field at byte 40 cannot have (reserved)",
            "256  error: torn record or group: 9 bytes of it",
        ]
    );
    // A record that none belongs to, and of no kind: the next is found behind it.
    let ran = decode("binary", &[&[0xFF; 64][..], &cancel].concat());
    let seen = lines(&ran);
    assert!(seen[0].starts_with("0  error: "), "{}", seen[0]);
    let expected = "64  cancel_order instrument=3 sequence=42 client_id=mm-7 order_id=0";
    assert_eq!((seen[1], seen.len(), ran.code), (expected, 2, Some(3)));
}

#[test]
fn records_of_market_data_are_printed_one_by_one() {
    let mut depth = [0_u8; 64];
    depth[..9].copy_from_slice(&[0x12, 3, 2, 2, 3, 0, 0, 0, 42]);
    (depth[32], depth[40], depth[48], depth[56]) = (100, 1, 200, 2);
    let mut bad = depth;
    bad[3] = 1;
    let mut worse = depth;
    worse[2..4].copy_from_slice(&[1, 0]);
    let ran =
        decode("market", &[&depth[..], &bad, &worse, &[0xFF; 64], &depth, &depth[..9]].concat());
    let line = "depth LAST SNAPSHOT levels=2 sides=2 instrument=3 sequence=42 time=0 update_id=0 \
                levels=0.00000001@0.000001,0.00000002@0.000002";
    let expected = [
        &*format!("0  {line}"),
        "64  error: depth with flags, levels or sides that it cannot have",
        "128  error: depth with a value that its field at byte 32 cannot have (levels)",
        "192  error: unknown record kind 0xff",
        &*format!("256  {line}"),
        "320  error: torn record: 9 bytes of it",
    ];
    assert_eq!((ran.code, lines(&ran)), (Some(3), expected.to_vec()));
}

/// Whatever the bytes, each protocol comes to its end.
#[test]
fn no_bytes_end_it_before_its_time() {
    let mut state = 7_u64;
    let noise: Vec<u8> = (0..20_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            (state >> 56) as u8
        })
        .collect();
    for protocol in ["fix", "itch", "ouch", "binary", "market"] {
        for bytes in [&noise[..], &noise[..7], b"", &[0; 300], &[0xFF; 300], FIX, ITCH] {
            let ran = decode(protocol, bytes);
            assert!(matches!(ran.code, Some(0 | 3)), "{protocol}: {:?} {}", ran.code, ran.stderr);
        }
    }
}
