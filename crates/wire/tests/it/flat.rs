//! The binary protocol as FlatBuffers: what goes in as records comes out as the same records.

use flatbuffers::FlatBufferBuilder;
use proptest::prelude::*;
use tiercel_types::InstrumentId;
use tiercel_wire::binary::{
    self, Body, EXTENSIONS_MAX, Fault, Group, HEADER_SIZE, Header, Kind, RECORD_SIZE,
};
use tiercel_wire::flat::schema;
use tiercel_wire::flat::{Encoder, Framing, MESSAGE_SIZE_MAX, Refusal, Translator, decode, front};

const FRAMINGS: [Framing; 2] = [Framing::Length, Framing::Carrier];

/// A record that the protocol allows, with as much of the bytes as it allows.
pub(super) fn record_of(kind: Kind, bytes: &[u8; 48]) -> [u8; RECORD_SIZE] {
    let mut record = [0; RECORD_SIZE];
    record[0] = kind as u8;
    record[HEADER_SIZE..].copy_from_slice(bytes);
    for field in kind.fields() {
        let range = usize::from(field.offset)..usize::from(field.offset + field.size);
        if field.type_name.starts_with("Text") || field.type_name.starts_with("Client") {
            let length = usize::from(record[range.start]) % (usize::from(field.size) + 1);
            let (text, rest) = record[range].split_at_mut(length);
            for byte in text {
                *byte = b' ' + *byte % 95;
            }
            rest.fill(0);
        }
    }
    // What a field cannot have is zero, or one where that is no code.
    while let Err(Fault::Field { field, .. }) = binary::decode(&record) {
        let info = kind.fields().iter().find(|info| info.offset == field).unwrap();
        let bytes = &mut record[usize::from(field)..usize::from(field + info.size)];
        let first = u8::from(bytes.iter().all(|byte| *byte == 0));
        bytes.fill(0);
        bytes[0] = first;
    }
    record
}

/// A group as a session writes it.
fn any_group() -> impl Strategy<Value = Vec<u8>> {
    let kinds = proptest::collection::vec((0..Kind::ALL.len(), any::<[u8; 48]>()), 1..=8);
    (kinds, any::<u32>(), any::<u64>(), 0..32_u8).prop_map(
        |(kinds, instrument, sequence, flags)| {
            let mut bytes = Vec::new();
            for (kind, body) in &kinds {
                let kind = Kind::ALL[*kind];
                let header =
                    Header { flags, sequence, ..Header::new(kind, InstrumentId(instrument)) };
                let mut record = record_of(kind, body);
                record[..HEADER_SIZE].copy_from_slice(zerocopy::IntoBytes::as_bytes(&header));
                bytes.extend_from_slice(&record);
            }
            bytes[1] = kinds.len() as u8 - 1;
            bytes
        },
    )
}

fn encoded(records: &[u8], framing: Framing) -> Vec<u8> {
    let group = Group::front(records).unwrap().unwrap();
    Encoder::default().encode(&group, framing).unwrap().to_vec()
}

fn decoded(message: &[u8], framing: Framing) -> Result<Vec<u8>, Refusal> {
    let mut records = Vec::new();
    decode(message, framing, &mut records)?;
    Ok(records)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_group_comes_back_as_it_was(group in any_group()) {
        for framing in FRAMINGS {
            let message = encoded(&group, framing);
            prop_assert!(message.len() <= MESSAGE_SIZE_MAX);
            prop_assert_eq!(&decoded(&message, framing), &Ok(group.clone()));
        }
    }

    /// Half messages, messages with other bytes in them, and any bytes: decoded into a whole group,
    /// which comes back as it was if its values are allowed, or refused.
    #[test]
    fn any_bytes_are_a_group_or_refused(
        group in any_group(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        for framing in FRAMINGS {
            let mut message = encoded(&group, framing);
            for (at, byte) in &changes {
                let at = at.index(message.len());
                message[at] = *byte;
            }
            if is_cut {
                message.truncate(length.index(message.len()));
            }
            let Ok(records) = decoded(&message, framing) else { continue };
            let group = Group::front(&records).unwrap().unwrap();
            prop_assert_eq!(group.bytes(), &records[..]);
            if let Ok(again) = Encoder::default().encode(&group, framing) {
                prop_assert_eq!(&decoded(again, framing), &Ok(records));
            }
        }
    }

    #[test]
    fn a_stream_is_cut_where_its_messages_end(
        groups in proptest::collection::vec(any_group(), 1..6),
        step in 1..700_usize,
    ) {
        let mut sender = Translator::new(Framing::Length);
        let mut stream = Vec::new();
        let mut output = groups.concat();
        sender.sent(&mut output, |message| stream.extend_from_slice(message)).unwrap();
        prop_assert!(output.is_empty());
        let mut receiver = Translator::new(Framing::Length);
        let (mut inbox, mut came) = (Vec::new(), Vec::new());
        for piece in stream.chunks(step) {
            inbox.extend_from_slice(piece);
            let taken = receiver.received(&inbox);
            inbox.drain(..taken);
            came.append(receiver.records());
        }
        prop_assert_eq!(came, groups.concat());
        prop_assert_eq!(receiver.refusal(), None);
    }
}

/// The message with the longest group there can be.
#[test]
fn the_largest_group_has_room() {
    let mut largest = 0;
    for kind in Kind::ALL {
        let mut group = record_of(*kind, &[0x5A; 48]).repeat(1 + EXTENSIONS_MAX);
        group[1] = EXTENSIONS_MAX as u8;
        for framing in FRAMINGS {
            let message = encoded(&group, framing);
            assert_eq!(decoded(&message, framing), Ok(group.clone()), "{kind:?}");
            largest = largest.max(message.len());
        }
    }
    assert!(largest <= MESSAGE_SIZE_MAX, "{largest}");
}

/// An order whose client id and side are what is given, and that many empty extensions.
fn order(client_id: &str, side: u8, extensions: usize) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let client_id = Some(builder.create_string(client_id));
    let side = schema::Side(side);
    let args = schema::NewOrderArgs { client_id, side, price: -7, ..Default::default() };
    let body = Some(schema::NewOrder::create(&mut builder, &args).as_union_value());
    let extensions: Vec<_> = (0..extensions)
        .map(|_| {
            let body = schema::Heartbeat::create(&mut builder, &schema::HeartbeatArgs {});
            let body = Some(body.as_union_value());
            let body_type = schema::Body::Heartbeat;
            schema::Extension::create(&mut builder, &schema::ExtensionArgs { body_type, body })
        })
        .collect();
    let extensions = Some(builder.create_vector(&extensions));
    let args = schema::MessageArgs {
        sequence: 9,
        instrument: 3,
        flags: 0,
        body_type: schema::Body::NewOrder,
        body,
        extensions,
    };
    let message = schema::Message::create(&mut builder, &args);
    builder.finish(message, None);
    builder.finished_data().to_vec()
}

#[test]
fn a_value_that_its_field_cannot_have_is_refused_by_the_record() {
    let judged = |message: &[u8]| {
        let records = decoded(message, Framing::Carrier).unwrap();
        Group::front(&records).unwrap().unwrap().decode()
    };
    let field = |field| Err(Fault::Field { kind: Kind::NewOrder, field });
    let (header, Body::NewOrder(good)) = judged(&order("mm-7", 1, 0)).unwrap() else { panic!() };
    assert_eq!((header.sequence, header.instrument), (9, InstrumentId(3)));
    assert_eq!((good.client_id.as_bytes(), good.price.units()), (&b"mm-7"[..], -7));
    assert_eq!(judged(&order("seventeen letters", 1, 0)), field(16));
    assert_eq!(judged(&order("a\nb", 1, 0)), field(16));
    assert_eq!(judged(&order("a\0b", 1, 0)), field(16));
    assert_eq!(judged(&order("é", 1, 0)), field(16));
    assert_eq!(judged(&order("", 2, 0)), field(56));
    // A body that only a newer schema has: its code stands in one of these bytes.
    let whole = order("", 1, 0);
    let newer = |at: &usize| {
        let mut message = whole.clone();
        message[*at] = 0x3F;
        let records = decoded(&message, Framing::Carrier).unwrap_or_default();
        Group::front(&records) == Ok(None) || judged(&message).is_ok()
    };
    let kinds = (0..whole.len()).filter(|at| whole[*at] == Kind::NewOrder as u8);
    let told: Vec<usize> = kinds.filter(|at| !newer(at)).collect();
    assert_eq!(told.len(), 1);
    let mut message = whole.clone();
    message[told[0]] = 0x3F;
    assert_eq!(judged(&message), Err(Fault::UnknownKind { kind: 0x3F }));
}

#[test]
fn what_is_no_message_is_refused_with_its_reason() {
    assert!(decoded(&order("", 0, EXTENSIONS_MAX), Framing::Carrier).is_ok());
    assert_eq!(
        decoded(&order("", 0, EXTENSIONS_MAX + 1), Framing::Carrier),
        Err(Refusal::Extensions { count: 32 })
    );
    let whole = order("mm-7", 1, 0);
    for length in 0..whole.len() {
        // The last bytes may be padding.
        let cut = decoded(&whole[..length], Framing::Carrier);
        assert!(cut.is_err() || cut == decoded(&whole, Framing::Carrier), "{length}");
        assert!(cut.is_err() || length + 8 > whole.len(), "{length}");
    }
    let long = vec![0; MESSAGE_SIZE_MAX + 1];
    assert_eq!(
        decoded(&long, Framing::Carrier),
        Err(Refusal::Length { length: MESSAGE_SIZE_MAX + 1 })
    );
    // Of a stream: what cannot be a length, at once; half a message, not yet.
    for length in [0, 11, MESSAGE_SIZE_MAX as u32 - 3, u32::MAX] {
        let refusal = Refusal::Length { length: length as usize };
        assert_eq!(front(&length.to_le_bytes()), Err(refusal));
    }
    let mut stream = (whole.len() as u32).to_le_bytes().to_vec();
    stream.extend_from_slice(&whole);
    for length in 0..stream.len() {
        assert_eq!(front(&stream[..length]), Ok(None));
    }
    assert_eq!(front(&stream), Ok(Some(&stream[..])));
}

/// The session gets what came before, and then what it says goodbye to; nothing after it.
#[test]
fn bytes_that_are_no_message_end_the_translation() {
    let mut translator = Translator::new(Framing::Length);
    let group = record_of(Kind::MassCancel, &[0; 48]);
    let mut stream = encoded(&group, Framing::Length);
    let good = stream.len();
    stream.extend_from_slice(&[0xFF; 64]);
    assert_eq!(translator.received(&stream), good);
    let records = std::mem::take(translator.records());
    assert_eq!(records[..RECORD_SIZE], group);
    assert!(Group::front(&records[RECORD_SIZE..]).is_err());
    assert_eq!(translator.refusal().map(Refusal::code), Some(1));
    assert_eq!(translator.received(&stream), 0);
    assert!(translator.records().is_empty());
    // What a session cannot have said.
    let mut output = vec![0xFF; RECORD_SIZE];
    assert!(translator.sent(&mut output, |_| panic!()).is_err());
}
