//! The allocator of this test binary counts: after the first message none allocates.

use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};
use tiercel_wire::binary::{Group, Kind};
use tiercel_wire::flat::{Encoder, Framing, Translator};

use super::flat::record_of;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn messages_of_flatbuffers_allocate_nothing() {
    alone("it::allocations::messages_of_flatbuffers_allocate_nothing", || {
        assert_counts_every_thread();
        carry_messages();
    });
}

fn carry_messages() {
    let order = record_of(Kind::NewOrder, &[0x41; 48]);
    let mut replace = record_of(Kind::ReplaceOrder, &[0x42; 48]).to_vec();
    replace.extend_from_slice(&record_of(Kind::Target, &[0x43; 48]));
    replace[1] = 1;
    let groups = [&order[..], &replace].map(|group| Group::front(group).unwrap().unwrap());
    let mut encoder = Encoder::default();
    let mut translator = Translator::new(Framing::Length);
    let mut carry = |times: usize| {
        for group in groups.iter().cycle().take(times) {
            let message = encoder.encode(group, Framing::Length).unwrap();
            assert_eq!(translator.received(message), message.len());
            assert_eq!(translator.records(), group.bytes());
            translator.records().clear();
        }
    };
    carry(2);
    assert_eq!(allocations(|| carry(1_000)), 0);
}
