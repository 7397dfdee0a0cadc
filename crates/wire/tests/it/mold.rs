//! `MoldUDP64`: packets, and a receiver on a link that loses, doubles and reorders them.

use std::collections::VecDeque;

use tiercel_testkit::random::Random;
use tiercel_types::Timestamp;
use tiercel_wire::mold::{
    Delivery, HEADER_SIZE, Packer, Packet, PacketError, PacketKind, Receiver, Request, TooLong,
    answer,
};
use tiercel_wire::store::{MemoryStore, Store};

const SESSION: [u8; 10] = *b"0000000042";

fn message(number: u64) -> Vec<u8> {
    let size = number as usize * 7 % 50;
    number.to_be_bytes().into_iter().cycle().take(size).collect()
}

/// Packets of so many messages, each handed to `send`.
fn publish(packer: &mut Packer, store: &mut MemoryStore, number: u64, send: impl FnMut(&[u8])) {
    let message = message(number);
    store.sent(Some(&message));
    assert_eq!(packer.push(&message, send), Ok(number));
}

#[test]
fn packets_have_the_layout_of_the_specification() {
    let mut packets = Vec::new();
    let mut packer = Packer::new(SESSION, 7, 64);
    packer.push(b"abc", |packet| packets.push(packet.to_vec())).unwrap();
    packer.push(b"", |packet| packets.push(packet.to_vec())).unwrap();
    packer.heartbeat(|packet| packets.push(packet.to_vec()));
    packer.end(|packet| packets.push(packet.to_vec()));
    assert_eq!(packets[0], b"0000000042\0\0\0\0\0\0\0\x07\0\x02\0\x03abc\0\0");
    assert_eq!(packets[1], b"0000000042\0\0\0\0\0\0\0\x09\0\0");
    assert_eq!(packets[2], b"0000000042\0\0\0\0\0\0\0\x09\xff\xff");
    let read = |at: usize| Packet::decode(&packets[at]).unwrap();
    assert_eq!((read(0).kind, read(0).next()), (PacketKind::Data, 9));
    assert_eq!(read(0).messages().collect::<Vec<_>>(), [(7, &b"abc"[..]), (8, b"")]);
    assert_eq!((read(1).kind, read(1).sequence), (PacketKind::Heartbeat, 9));
    assert_eq!((read(2).kind, read(2).count), (PacketKind::EndOfSession, 0));
    let request = Request { session: SESSION, sequence: 3, count: 500 };
    assert_eq!(Request::decode(&request.encode()), Some(request));
    assert_eq!(Request::decode(&packets[0]), None);
}

#[test]
fn no_datagram_is_longer_than_allowed() {
    let mut packer = Packer::new(SESSION, 1, 100);
    let mut sizes = Vec::new();
    let mut count = 0;
    for number in 1..500 {
        packer
            .push(&message(number), |packet| {
                sizes.push(packet.len());
                count += Packet::decode(packet).unwrap().count;
            })
            .unwrap();
    }
    packer.flush(|packet| count += Packet::decode(packet).unwrap().count);
    assert!(sizes.iter().all(|size| *size <= 100) && sizes.iter().any(|size| *size > 90));
    assert_eq!(count, 499);
    assert_eq!(packer.push(&[0; 79], |_| {}), Err(TooLong { size: 79, room: 78 }));
    assert_eq!(packer.next(), 500, "it has no number");
}

#[test]
fn damaged_packets_are_refused_with_their_place() {
    let good = b"0000000042\0\0\0\0\0\0\0\x07\0\x02\0\x03abc\0\0";
    assert_eq!(Packet::decode(&good[..19]), Err(PacketError::Header { found: 19 }));
    for cut in HEADER_SIZE..good.len() {
        let (index, offset) = if cut < 25 { (0, 20) } else { (1, 25) };
        let torn = PacketError::Torn { index, count: 2, offset };
        assert_eq!(Packet::decode(&good[..cut]), Err(torn), "{cut}");
    }
    let more = [&good[..], b"x"].concat();
    assert_eq!(Packet::decode(&more), Err(PacketError::Left { left: 1, offset: 27 }));
    let mut last = *good;
    last[10..18].fill(0xFF);
    assert_eq!(Packet::decode(&last), Err(PacketError::Sequence { sequence: u64::MAX }));
}

/// What a receiver made of it, in order.
#[derive(Default)]
struct Seen {
    numbers: Vec<u64>,
    lost: Vec<(u64, u64)>,
}

impl Seen {
    fn take(&mut self, delivery: Delivery<'_>) {
        match delivery {
            Delivery::Message { sequence, bytes } => {
                assert_eq!(bytes, message(sequence));
                self.numbers.push(sequence);
            }
            Delivery::Lost { from, next } => self.lost.push((from, next)),
        }
    }
}

/// Whatever is lost, doubled or overtaken on the way, each message comes once, in order.
#[test]
fn everything_comes_in_order_over_a_link_that_loses_and_reorders() {
    const MESSAGES: u64 = 3_000;
    for seed in 1..=60 {
        let mut random = Random::new(seed);
        let mut draw = |below| random.below(below);
        // One in twenty is lost, one in ten overtaken, one in fifty doubled.
        let mut link: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
        let mut packer = Packer::new(SESSION, 1, 200);
        let mut store = MemoryStore::new(Timestamp(0));
        let mut receiver = Receiver::new(None, 1);
        let mut seen = Seen::default();
        let (mut number, mut now_ms, mut scratch) = (1, 0, Vec::new());
        while !receiver.is_over() {
            now_ms += 1;
            assert!(now_ms < 200_000, "seed {seed}: stuck at {}", receiver.next());
            let mut sent: Vec<Vec<u8>> = Vec::new();
            if number <= MESSAGES {
                for _ in 0..draw(20) {
                    if number <= MESSAGES {
                        publish(&mut packer, &mut store, number, |packet| sent.push(packet.into()));
                        number += 1;
                    }
                }
                packer.flush(|packet| sent.push(packet.into()));
            } else if now_ms % 10 == 0 {
                packer.end(|packet| sent.push(packet.into()));
            }
            let request = receiver.poll(Timestamp(now_ms * 1_000_000), |d| seen.take(d));
            if let Some(request) = request
                && draw(20) > 0
            {
                answer(&request, SESSION, 200, &mut store, &mut scratch, |p| sent.push(p.into()));
            }
            for packet in sent {
                let copies = if draw(50) == 0 { 2 } else { 1 };
                for _ in 0..copies {
                    if draw(20) > 0 {
                        let delay = if draw(10) == 0 { draw(15) } else { 1 };
                        link.push_back((now_ms + delay, packet.clone()));
                    }
                }
            }
            let (due, later): (VecDeque<_>, VecDeque<_>) =
                link.into_iter().partition(|(at, _)| *at <= now_ms);
            link = later;
            for (_, packet) in due {
                receiver.received(&packet, |delivery| seen.take(delivery)).unwrap();
            }
        }
        assert_eq!(seen.lost, [], "seed {seed}");
        assert_eq!(seen.numbers, (1..=MESSAGES).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn what_nobody_sends_again_is_told_as_lost() {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut packer = Packer::new(SESSION, 1, 80);
    let mut store = MemoryStore::new(Timestamp(0));
    for number in 1..=9 {
        publish(&mut packer, &mut store, number, |packet| packets.push(packet.into()));
        packer.flush(|packet| packets.push(packet.into()));
    }
    let mut receiver = Receiver::new(Some(SESSION), 0);
    let mut seen = Seen::default();
    for at in [2, 3, 6, 7] {
        receiver.received(&packets[at], |delivery| seen.take(delivery)).unwrap();
    }
    // Another session says nothing.
    let mut foreign = packets[8].clone();
    foreign[0] = b'9';
    receiver.received(&foreign, |_| panic!("another session")).unwrap();
    let mut requests = Vec::new();
    for now_ms in 0..4_000 {
        let now = Timestamp(now_ms * 1_000_000);
        if let Some(request) = receiver.poll(now, |delivery| seen.take(delivery)) {
            assert_eq!((request.sequence, request.count), (5, 2));
            requests.push(now_ms);
        }
    }
    assert_eq!(requests, [0, 10, 30, 70, 150, 310, 630, 1_270]);
    assert_eq!((seen.numbers, seen.lost), (vec![3, 4, 7, 8], vec![(5, 7)]));
}

#[test]
fn an_answer_is_of_its_session_and_no_longer_than_allowed() {
    let mut packer = Packer::new(SESSION, 1, 1_000);
    let mut store = MemoryStore::new(Timestamp(0));
    for number in 1..=9 {
        publish(&mut packer, &mut store, number, |_| {});
    }
    let mut scratch = Vec::new();
    let mut answers = |session, mtu| {
        let request = Request { session, sequence: 2, count: 8 };
        let mut packets: Vec<Vec<u8>> = Vec::new();
        answer(&request, SESSION, mtu, &mut store, &mut scratch, |p| packets.push(p.into()));
        packets
    };
    assert!(answers(*b"0000000041", 1_000).is_empty());
    let whole = answers(SESSION, 1_000)[0].len();
    for mtu in HEADER_SIZE..=whole {
        for packet in answers(SESSION, mtu) {
            let packed = Packet::decode(&packet).unwrap();
            assert!(packet.len() <= mtu && packed.sequence == 2, "{mtu}");
            let is_full = packet.len() + 2 + message(packed.next()).len() > mtu;
            assert!(is_full || packed.next() == 10, "{mtu}");
        }
    }
}

/// What comes early is kept up to a bound; what is beyond it is asked for in its turn.
#[test]
fn so_many_early_packets_are_kept_and_no_more() {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut packer = Packer::new(SESSION, 1, 80);
    let mut store = MemoryStore::new(Timestamp(0));
    for number in 1..=2_000 {
        publish(&mut packer, &mut store, number, |packet| packets.push(packet.into()));
        packer.flush(|packet| packets.push(packet.into()));
    }
    let mut receiver = Receiver::new(Some(SESSION), 1);
    let mut seen = Seen::default();
    for packet in &packets[1..] {
        receiver.received(packet, |delivery| seen.take(delivery)).unwrap();
    }
    assert!(seen.numbers.is_empty());
    receiver.received(&packets[0], |delivery| seen.take(delivery)).unwrap();
    assert_eq!(seen.numbers, (1..=1_025).collect::<Vec<_>>());
    let request = receiver.poll(Timestamp(1), |delivery| seen.take(delivery)).unwrap();
    assert_eq!((request.sequence, request.count), (1_026, 975));
}
