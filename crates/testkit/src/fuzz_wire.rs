//! What must hold for the binary codecs and their sessions on any bytes. Bodies for fuzzers and for
//! fixed seeds.

use tiercel_types::{AccountId, Timestamp};
use tiercel_wire::binary::session::{self, Credentials, Gate, LoginRequest, Role, Session};
use tiercel_wire::binary::{Fault, Group, Origin, SignatureScheme, commands};
use tiercel_wire::flat::{self, Encoder, Framing, MESSAGE_SIZE_MAX, Translator};
use tiercel_wire::glimpse::{self, Item};
use tiercel_wire::itch::FRAME_SIZE_MAX;
use tiercel_wire::market::{self, Body, RECORD_SIZE};
use tiercel_wire::mold::{Delivery, Packer, Packet, Receiver, Request, answer};
use tiercel_wire::ouch::{FIXED_SIZE_MAX, Inbound, Outbound};
use tiercel_wire::soup::{self, Client, Listener, Server};
use tiercel_wire::store::{MemoryStore, Store};

/// When sessions begin.
const START: Timestamp = Timestamp(1_700_000_000_000_000_000);
/// Room for a message of OUCH with its options.
const OUCH_SIZE_MAX: usize = FIXED_SIZE_MAX + 2 + 65_535;

/// Any bytes as records: groups cover them without gap or overlap, what is decoded is shown, and a
/// request is commands or a fault.
///
/// # Panics
/// When the decoder is wrong.
pub fn binary(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(group)) = Group::front(rest) {
        rest = &rest[group.bytes().len()..];
        look_at(&group);
    }
    binary_session(bytes);
}

fn look_at(group: &Group<'_>) {
    for body in group.decode().map(|(_, body)| body).into_iter().chain(group.extensions().flatten())
    {
        let mut shown = 0;
        body.show(|_, value| shown += value.to_string().len());
        assert!(shown < 4_096, "{body:?}");
    }
    let origin = Origin { account: AccountId(3), session: 7 };
    let mut taken = 0;
    if let Err(fault) = commands(group, origin, |_| taken += 1) {
        assert!(fault.code() > 0 && fault.field_name().is_some() == (fault.field() != 0));
    } else {
        assert!((1..=7).contains(&taken), "{taken} commands");
    }
}

/// Takes everything that decodes.
struct Anything;

impl session::Application for Anything {
    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        group.decode().map(|_| ())
    }
}

/// Any bytes as what comes at the gate, at an acceptor that is logged on, and at an initiator. What
/// they send are whole groups.
fn binary_session(bytes: &[u8]) {
    let mut gate = Gate::new(START, [7; 32]);
    let (taken, _) = gate.received(START, bytes);
    assert!(taken <= bytes.len());
    whole_groups(gate.output());
    let mut store = MemoryStore::with_room(START, 64, 4_096);
    let mut acceptor = Session::new(Role::Acceptor);
    let login = LoginRequest {
        key: (*b"key").into(),
        scheme: SignatureScheme::HmacSha256,
        signature: [0; 64],
        transcript: Box::default(),
        next_incoming: 0,
        heartbeat_ms: 1_000,
        cancel_on_disconnect: true,
    };
    acceptor
        .accepted(START, &login, 7, AccountId(3), &mut store, &mut Anything)
        .expect("a login of no connection");
    feed(&mut acceptor, &mut store, bytes);
    let credentials = Credentials {
        key: (*b"key").into(),
        scheme: SignatureScheme::HmacSha256,
        heartbeat_ms: 1_000,
        cancel_on_disconnect: true,
        resend_requests: true,
        from_now: false,
    };
    let mut initiator = Session::new(Role::Initiator(credentials));
    initiator.connected(START, [9; 32]);
    feed(&mut initiator, &mut MemoryStore::with_room(START, 64, 4_096), bytes);
}

fn feed(session: &mut Session, store: &mut MemoryStore, bytes: &[u8]) {
    let (mut from, mut now) = (0, START);
    for end in (0..bytes.len()).step_by(97).chain([bytes.len()]) {
        from += session.received(now, &bytes[from..end.max(from)], store, &mut Anything);
        now.0 += 50_000_000;
        session.tick(now, store);
        whole_groups(session.output());
    }
    session.closed(&mut Anything);
}

fn whole_groups(output: &mut Vec<u8>) {
    let mut rest = &output[..];
    while let Some(group) = Group::front(rest).expect("what is sent is a group") {
        group.decode().expect("what is sent is a record");
        rest = &rest[group.bytes().len()..];
    }
    assert!(rest.is_empty());
    output.clear();
}

/// Any bytes as records of market data: a fault that says where, or a record that is shown, whose levels are
/// on the sides that it says, and which encodes to the same bytes.
///
/// # Panics
/// When the decoder or the encoder is wrong.
pub fn market(bytes: &[u8]) {
    for record in bytes.as_chunks::<RECORD_SIZE>().0 {
        let (header, body) = match market::decode(record) {
            Ok(decoded) => decoded,
            Err(fault) => {
                assert_eq!(fault.record_kind(), record[0]);
                assert!(fault.code() > 0 && usize::from(fault.field()) < RECORD_SIZE);
                continue;
            }
        };
        let mut shown = 0;
        body.show(|_, value| shown += value.to_string().len());
        assert!(shown < 1_024, "{body:?}");
        let mut again = [0; RECORD_SIZE];
        body.encode(&header, &mut again);
        assert_eq!(&again, record, "encoding is not the inverse of decoding");
        if let Body::Depth(depth) = body {
            let (bids, asks) = depth.sides(&header);
            assert_eq!(bids.len() + asks.len(), usize::from(header.levels));
            assert_eq!(asks.len(), header.sides.count_ones() as usize);
        }
    }
}

/// Any bytes as messages of FlatBuffers: a whole group, which comes back as it was if its values are
/// allowed, or a refusal; and as a stream, the same in chunks as at once.
///
/// # Panics
/// When the translation is wrong.
pub fn flat(bytes: &[u8]) {
    for framing in [Framing::Length, Framing::Carrier] {
        let mut records = Vec::new();
        if flat::decode(bytes, framing, &mut records).is_err() {
            assert!(records.is_empty(), "of a refused message there is nothing");
            continue;
        }
        let group = Group::front(&records).expect("a group").expect("a whole one");
        assert_eq!(group.bytes(), &records[..]);
        if let Ok(message) = Encoder::default().encode(&group, framing) {
            assert!(message.len() <= MESSAGE_SIZE_MAX);
            let mut again = Vec::new();
            flat::decode(message, framing, &mut again).expect("what was encoded");
            assert_eq!(again, records);
        }
        binary(&records);
    }
    let translated = |step: usize| {
        let mut translator = Translator::new(Framing::Length);
        let (mut inbox, mut records) = (Vec::new(), Vec::new());
        for chunk in bytes.chunks(step) {
            inbox.extend_from_slice(chunk);
            loop {
                let taken = translator.received(&inbox);
                inbox.drain(..taken);
                records.append(translator.records());
                if taken == 0 {
                    break;
                }
            }
        }
        records
    };
    assert_eq!(translated(13), translated(bytes.len().max(1)));
}

/// Any bytes as a message of OUCH, either way: what decodes encodes to the same bytes.
///
/// # Panics
/// When the decoder or the encoder is wrong.
pub fn ouch(bytes: &[u8]) {
    let mut shown = 0;
    let mut out = vec![0; OUCH_SIZE_MAX];
    if let Ok((message, options)) = Inbound::decode(bytes) {
        let options: Vec<_> = options.iter().collect();
        let size = message.encode(&options, &mut out).expect("there is room");
        same(&out[..size], bytes);
        message.fields(|_, value| shown += format!("{value:?}").len());
    }
    if let Ok((message, options)) = Outbound::decode(bytes) {
        let options: Vec<_> = options.iter().collect();
        let size = message.encode(&options, &mut out).expect("there is room");
        same(&out[..size], bytes);
        message.fields(|_, value| shown += format!("{value:?}").len());
    }
}

/// Whether it is the same message: the length of no options may be left out.
fn same(encoded: &[u8], bytes: &[u8]) {
    let is_same = encoded == bytes || bytes.strip_suffix(&[0, 0]) == Some(encoded);
    assert!(is_same, "encoding is not the inverse of decoding");
}

/// Hears everything.
#[derive(Default)]
struct Ear {
    heard: usize,
}

impl Listener for Ear {
    fn on_message(&mut self, _: Option<u64>, message: &[u8]) {
        self.heard += message.len();
    }
}

/// Any bytes as a stream of `SoupBinTCP`, at a server and at a client: what they say is packets.
///
/// # Panics
/// When a session is wrong.
pub fn soup(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(packet)) = soup::Packet::front(rest) {
        let mut again = Vec::new();
        assert!(soup::put(&mut again, packet.kind, packet.payload));
        assert_eq!(again, rest[..packet.size()]);
        let login = soup::Login::decode(packet.payload);
        assert!(login.is_none_or(|login| login.user.len() <= 6));
        rest = &rest[packet.size()..];
    }
    let mut store = MemoryStore::with_room(START, 64, 4_096);
    (0..9).for_each(|_| store.sent(Some(b"message")));
    let mut server = Server::new(*b"0000000042");
    server.connected(START);
    let mut client = Client::new(b"user", b"password", 1);
    client.connected(START);
    let mut ear = Ear::default();
    let (mut at_server, mut at_client, mut now) = (0, 0, START);
    for end in (0..bytes.len()).step_by(31).chain([bytes.len()]) {
        now.0 += 100_000_000;
        let came = &bytes[at_server..end.max(at_server)];
        at_server += server.received(now, came, &mut store, &mut ear);
        at_client += client.received(now, &bytes[at_client..end.max(at_client)], &mut ear);
        server.tick(now, &mut store);
        client.tick(now);
        for output in [server.output(), client.output()] {
            let mut rest = &output[..];
            while let Some(packet) = soup::Packet::front(rest).expect("what is sent is a packet") {
                rest = &rest[packet.size()..];
            }
            assert!(rest.is_empty());
            output.clear();
        }
    }
    assert!(
        at_server <= bytes.len() && at_client <= bytes.len() && ear.heard <= 2 * bytes.len() + 63
    );
}

/// Any bytes as datagrams of `MoldUDP64`, each behind its length of two bytes, at a receiver and at a
/// retransmission server: numbers only go up, and nothing is handed over twice.
///
/// # Panics
/// When the receiver is wrong.
pub fn mold(bytes: &[u8]) {
    let mut receiver = Receiver::new(None, 0);
    let mut store = MemoryStore::with_room(START, 64, 4_096);
    (0..9).for_each(|_| store.sent(Some(b"message")));
    let (mut scratch, mut now, mut next) = (Vec::new(), START, None);
    let mut rest = bytes;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (datagram, behind) = behind.split_at(length);
        rest = behind;
        if let Ok(packet) = Packet::decode(datagram) {
            assert_eq!(packet.messages().count(), usize::from(packet.count));
            if packet.count > 0 {
                let mut packer = Packer::new(packet.session, packet.sequence, datagram.len());
                let mut again = Vec::new();
                for (_, message) in packet.messages() {
                    packer.push(message, |_| panic!("it fits")).expect("it fits");
                }
                packer.flush(|packet| again = packet.to_vec());
                assert_eq!(again, datagram);
            }
        }
        if let Some(request) = Request::decode(datagram) {
            assert_eq!(request.encode(), datagram);
            answer(&request, request.session, 200, &mut store, &mut scratch, |packet| {
                assert!(packet.len() <= 200 && Packet::decode(packet).is_ok());
            });
        }
        let mut take = |delivery: Delivery<'_>| {
            let (from, to) = match delivery {
                Delivery::Message { sequence, .. } => (sequence, sequence.wrapping_add(1)),
                Delivery::Lost { from, next } => (from, next),
            };
            assert!(next.is_none_or(|next| next == from), "{next:?} was to come, not {from}");
            next = Some(to);
        };
        let _refused = receiver.received(datagram, &mut take);
        now.0 += 5_000_000;
        let _request = receiver.poll(now, &mut take);
    }
}

/// Any bytes as a message of a snapshot: what decodes encodes to the same bytes.
///
/// # Panics
/// When the decoder or the encoder is wrong.
pub fn glimpse(bytes: &[u8]) {
    match Item::decode(bytes) {
        Ok(Item::Message(message)) => {
            let mut out = [0; FRAME_SIZE_MAX];
            let size = message.encode(&mut out).expect("a frame fits");
            assert_eq!(&out[..size], bytes);
        }
        Ok(Item::End(next)) => assert_eq!(Item::decode(&glimpse::end(next)), Ok(Item::End(next))),
        Err(_) => {}
    }
}
