//! What the fuzz targets ask of the codecs, on messages made here and broken in ways of a seed.

use tiercel_testkit::random::Random;
use tiercel_testkit::{fuzz_wire, itch_messages};
use tiercel_wire::binary::{Group, Kind};
use tiercel_wire::flat::{Encoder, Framing};
use tiercel_wire::mold::Packer;
use tiercel_wire::ouch::{Inbound, Outbound};
use tiercel_wire::{glimpse, itch, soup};

use super::flat::record_of;
use super::market;

/// Each seed as it is, and some hundred times with bytes changed, cut out or doubled.
fn broken(seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    let mut random = Random::new(42);
    let mut draw = |bound: usize| random.below(bound.max(1) as u64) as usize;
    for seed in seeds {
        check(seed);
        for _ in 0..200 {
            let mut bytes = seed.clone();
            for _ in 0..=draw(4) {
                let at = draw(bytes.len());
                match draw(4) {
                    0 | 1 if !bytes.is_empty() => bytes[at] = draw(256) as u8,
                    2 => bytes.truncate(at),
                    _ => {
                        let part = bytes[at..].to_vec();
                        bytes.extend(part);
                    }
                }
            }
            check(&bytes);
        }
    }
}

fn records() -> Vec<Vec<u8>> {
    Kind::ALL.iter().map(|kind| record_of(*kind, &[0x37; 48]).to_vec()).collect()
}

#[test]
fn the_binary_protocol_stands_broken_records() {
    let mut seeds = records();
    seeds.push(seeds.concat());
    broken(&seeds, fuzz_wire::binary);
}

#[test]
fn market_data_stand_broken_records() {
    let mut seeds: Vec<Vec<u8>> =
        market::Kind::ALL.iter().map(|kind| market::example(*kind).to_vec()).collect();
    seeds.push(seeds.concat());
    broken(&seeds, fuzz_wire::market);
}

#[test]
fn flatbuffers_stand_broken_messages() {
    let mut encoder = Encoder::default();
    let mut seeds = Vec::new();
    for framing in [Framing::Length, Framing::Carrier] {
        for record in records() {
            let group = Group::front(&record).unwrap().unwrap();
            seeds.push(encoder.encode(&group, framing).unwrap().to_vec());
        }
    }
    broken(&seeds, fuzz_wire::flat);
}

#[test]
fn ouch_stands_broken_messages() {
    let types = Inbound::TYPES.iter().chain(Outbound::TYPES);
    let seeds: Vec<Vec<u8>> = types
        .map(|(kind, _, size, _)| {
            let mut bytes = vec![b'S'; size + 2];
            (bytes[0], bytes[*size], bytes[size + 1]) = (*kind, 0, 0);
            bytes
        })
        .collect();
    broken(&seeds, fuzz_wire::ouch);
}

#[test]
fn soup_stands_broken_packets() {
    let mut login = b"user  password            ".to_vec();
    login.extend_from_slice(&soup::number_text(1));
    let mut seeds = vec![Vec::new()];
    for (kind, payload) in [
        (soup::Kind::LoginRequest, &login[..]),
        (soup::Kind::Unsequenced, b"an order"),
        (soup::Kind::ClientHeartbeat, b""),
        (soup::Kind::LoginAccepted, b"0000000042                   7"),
        (soup::Kind::Sequenced, b"an answer"),
        (soup::Kind::ServerHeartbeat, b""),
        (soup::Kind::EndOfSession, b""),
    ] {
        let mut bytes = Vec::new();
        assert!(soup::put(&mut bytes, kind, payload));
        seeds[0].extend_from_slice(&bytes);
        seeds.push(bytes);
    }
    broken(&seeds, fuzz_wire::soup);
}

#[test]
fn mold_stands_broken_datagrams() {
    let mut stream = Vec::new();
    let mut send = |packet: &[u8]| {
        stream.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        stream.extend_from_slice(packet);
    };
    let mut packer = Packer::new(*b"0000000042", 1, 80);
    for number in 0..40_usize {
        packer.push(&[0x41; 48][..number], &mut send).unwrap();
    }
    packer.heartbeat(&mut send);
    packer.end(&mut send);
    broken(&[stream], fuzz_wire::mold);
}

#[test]
fn snapshots_stand_broken_messages() {
    let mut seeds: Vec<Vec<u8>> =
        itch::Kind::ALL.iter().map(|kind| itch_messages::message(*kind, &[0x41; 50])).collect();
    seeds.push(glimpse::end(42).to_vec());
    broken(&seeds, fuzz_wire::glimpse);
}
