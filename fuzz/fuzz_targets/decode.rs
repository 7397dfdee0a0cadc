//! Any bytes as a capture, of each protocol: it is printed to its end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_cli::decode::{Protocol, print};

fuzz_target!(|bytes: &[u8]| {
    for protocol in [Protocol::Fix, Protocol::Itch, Protocol::Ouch, Protocol::Binary] {
        check(protocol, bytes);
    }
});

/// Each line says where its message begins, behind the one before; what is no message is counted.
fn check(protocol: Protocol, bytes: &[u8]) {
    let mut text = Vec::new();
    let errors = print(protocol, bytes, &mut text).expect("memory takes it");
    let text = String::from_utf8(text).expect("what is printed is text");
    let (mut last, mut marked) = (0, 0);
    for line in text.lines() {
        let (offset, said) = line.trim_start().split_once("  ").expect("a place and words");
        let offset: usize = offset.parse().expect("a place is a number");
        assert!(last <= offset && offset < bytes.len(), "{protocol:?}: {line}");
        last = offset;
        marked += u64::from(said.starts_with("error: "));
    }
    assert_eq!(marked, errors, "{protocol:?}");
    assert_eq!(text.is_empty(), says_nothing(protocol, bytes), "{protocol:?}");
}

/// Whether there is nothing to print: no bytes, or white space between FIX messages.
fn says_nothing(protocol: Protocol, bytes: &[u8]) -> bool {
    let is_space = protocol == Protocol::Fix && bytes.iter().all(u8::is_ascii_whitespace);
    bytes.is_empty() || is_space
}
