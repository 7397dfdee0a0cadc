//! `WebSocket` frames against `tungstenite`, both ways and in both roles, and what is refused.

use std::io::{self, Read, Write};

use tiercel_testkit::fuzz_websocket::{self, Heard, read};
use tiercel_testkit::random::Random;
use tiercel_wire::websocket::{
    Assembler, CloseCode, FrameError, Limits, Message, Opcode, Role, mask, put, put_close,
    put_masked_text, put_text_with,
};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame as JudgeFrame};
use tungstenite::protocol::{Role as JudgeRole, WebSocket};
use tungstenite::{Error, Message as Said};

const LIMITS: Limits =
    Limits { role: Role::Client, frame_bytes_max: 200_000, message_bytes_max: 200_000 };

/// What one side has said, and room for what the other answers.
#[derive(Default)]
struct Pipe {
    input: Vec<u8>,
    at: usize,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = (&self.input[self.at..]).read(into)?;
        self.at += size;
        if size == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(size) }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A payload whose length is near a bound of the header's forms, or short.
fn payload(random: &mut Random, most: usize) -> Vec<u8> {
    let length = *random.pick(&[0, 1, 4, 7, 8, 9, 31, 124, 125, 126, 127, 300, 65_535, 65_536]);
    (0..length.min(most)).map(|_| b'a' + random.below(26) as u8).collect()
}

/// Some messages, at times the last of them a close.
fn messages(random: &mut Random) -> Vec<Heard> {
    let mut messages: Vec<Heard> = (0..random.below(6))
        .map(|_| match random.below(5) {
            0 | 1 => Heard::Text(payload(random, usize::MAX)),
            2 => Heard::Binary(payload(random, usize::MAX)),
            3 => Heard::Ping(payload(random, 125)),
            _ => Heard::Pong(payload(random, 125)),
        })
        .collect();
    match random.below(4) {
        0 => messages.push(Heard::Close(None)),
        1 => {
            let text = String::from_utf8(payload(random, 123)).unwrap();
            let code = *random.pick(&[1000, 1001, 1002, 1007, 1009, 1012, 3000, 4999]);
            messages.push(Heard::Close(Some((code, text))));
        }
        _ => {}
    }
    messages
}

/// The message as the judge says it, in fragments with control frames between them where it has many.
fn said(message: &Heard, random: &mut Random) -> Vec<Said> {
    let (bytes, kind) = match message {
        Heard::Text(bytes) => (bytes, Data::Text),
        Heard::Binary(bytes) => (bytes, Data::Binary),
        Heard::Ping(bytes) => return vec![Said::Ping(bytes.clone().into())],
        Heard::Pong(bytes) => return vec![Said::Pong(bytes.clone().into())],
        Heard::Close(reason) => {
            let frame = reason.as_ref().map(|(code, text)| CloseFrame {
                code: (*code).into(),
                reason: text.as_str().into(),
            });
            return vec![Said::Close(frame)];
        }
    };
    if random.one_in(2) {
        return vec![match kind {
            Data::Text => Said::Text(String::from_utf8(bytes.clone()).unwrap().into()),
            _ => Said::Binary(bytes.clone().into()),
        }];
    }
    let mut frames = Vec::new();
    let (mut kind, mut rest) = (kind, &bytes[..]);
    loop {
        let (part, behind) = rest.split_at(random.below(rest.len() as u64 + 1) as usize);
        rest = behind;
        let last = rest.is_empty() && random.one_in(2);
        let frame = JudgeFrame::message(part.to_vec(), OpCode::Data(kind), last);
        frames.push(Said::Frame(frame));
        if last {
            return frames;
        }
        kind = Data::Continue;
    }
}

#[test]
fn what_tungstenite_says_is_heard_however_it_is_split() {
    for seed in 0..400 {
        for (judge, role) in [(JudgeRole::Server, Role::Client), (JudgeRole::Client, Role::Server)]
        {
            let mut random = Random::new(seed);
            let messages = messages(&mut random);
            let mut socket = WebSocket::from_raw_socket(Pipe::default(), judge, None);
            let mut heard = Vec::new();
            for message in &messages {
                for part in said(message, &mut random) {
                    let fragment = matches!(&part, Said::Frame(frame) if !frame.header().is_final);
                    match part {
                        Said::Close(frame) => socket.close(frame).unwrap(),
                        part => socket.send(part).unwrap(),
                    }
                    if fragment && random.one_in(3) {
                        socket.send(Said::Ping("between".into())).unwrap();
                        heard.push(Heard::Ping(b"between".to_vec()));
                    }
                }
                heard.push(message.clone());
            }
            let stream = &socket.get_ref().output;
            let limits = Limits { role, ..LIMITS };
            let most = *random.pick(&[3, 40, 5_000, 1 << 20]);
            let sizes = || random.below(most) as usize + 1;
            assert_eq!(read(stream, limits, sizes), (heard, None), "seed {seed} {role:?}");
        }
    }
}

/// What the judge hears.
fn heard(said: Said) -> Heard {
    match said {
        Said::Text(text) => Heard::Text(text.as_bytes().to_vec()),
        Said::Binary(bytes) => Heard::Binary(bytes.to_vec()),
        Said::Ping(bytes) => Heard::Ping(bytes.to_vec()),
        Said::Pong(bytes) => Heard::Pong(bytes.to_vec()),
        Said::Close(frame) => {
            Heard::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
        }
        Said::Frame(frame) => panic!("{frame}"),
    }
}

#[test]
fn tungstenite_hears_what_is_said() {
    for seed in 0..400 {
        for judge in [JudgeRole::Server, JudgeRole::Client] {
            let mut random = Random::new(seed);
            let messages = messages(&mut random);
            let mut input = Vec::new();
            for message in &messages {
                let key = (random.next_u64() as u32).to_le_bytes();
                let mask = (judge == JudgeRole::Server).then_some(key);
                match message {
                    // By the other writer, which does not know the length beforehand.
                    Heard::Text(text) if random.one_in(2) => {
                        put_text_with(&mut input, mask, |out| out.extend_from_slice(text));
                    }
                    message => message.put(&mut input, mask),
                }
            }
            let pipe = Pipe { input, ..Pipe::default() };
            let mut socket = WebSocket::from_raw_socket(pipe, judge, None);
            for message in messages {
                assert_eq!(heard(socket.read().unwrap()), message, "seed {seed} {judge:?}");
            }
            match socket.read() {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(Error::ConnectionClosed) => {}
                other => panic!("{other:?} behind the last"),
            }
        }
    }
}

#[test]
fn a_text_is_the_same_frame_whoever_masks_it_and_whether_its_length_is_known() {
    for length in [0, 1, 125, 126, 127, 300, 65_535, 65_536, 100_000] {
        let text: Vec<u8> = (0..length).map(|at| b'a' + (at % 23) as u8).collect();
        for key in [None, Some([1, 2, 3, 250])] {
            let [mut expected, mut out] = [b"before".to_vec(), b"before".to_vec()];
            assert!(put(&mut expected, Opcode::Text, &text, key));
            put_text_with(&mut out, key, |out| out.extend_from_slice(&text));
            assert!(out == expected, "{length} bytes, {key:?}");
            let Some(key) = key else { continue };
            out.truncate(b"before".len());
            put_masked_text(&mut out, key, |out| {
                let start = out.len();
                out.extend_from_slice(&text);
                mask(&mut out[start..], key);
            });
            assert!(out == expected, "{length} bytes, masked by who writes it");
        }
    }
}

/// How a stream is refused, by a client unless it is masked.
#[track_caller]
fn check(stream: &[u8], code: &str, section: &str, close: CloseCode) {
    let is_masked = code != "masked" && stream.get(1).is_some_and(|byte| byte & 0x80 != 0);
    let role = if is_masked || code == "unmasked" { Role::Server } else { Role::Client };
    let limits = Limits { role, frame_bytes_max: 1_000, message_bytes_max: 10 };
    let error = read(stream, limits, || 1).1.expect("it is refused");
    assert_eq!((error.code(), error.section(), error.close_code()), (code, section, close));
    fuzz_websocket::stream(stream);
}

#[test]
fn what_breaks_the_protocol_is_refused_with_its_section() {
    const BROKEN: CloseCode = CloseCode::PROTOCOL_ERROR;
    for bit in [0x10, 0x20, 0x40] {
        check(&[0x81 | bit], "reserved_bits", "5.2", BROKEN);
    }
    for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        check(&[0x80 | opcode], "unknown_opcode", "5.2", BROKEN);
    }
    check(&[0x81, 0x80], "masked", "5.1", BROKEN);
    check(&[0x81, 0x00], "unmasked", "5.1", BROKEN);
    for opcode in [8, 9, 0xA] {
        check(&[opcode], "fragmented_control", "5.5", BROKEN);
        check(&[0x80 | opcode, 126, 0, 126], "long_control", "5.5", BROKEN);
        check(&[0x80 | opcode, 127, 0, 0, 0, 0, 0, 1, 0, 0], "long_control", "5.5", BROKEN);
    }
    check(&[0x82, 126, 0, 125], "length_form", "5.2", BROKEN);
    check(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], "length_form", "5.2", BROKEN);
    check(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], "length_sign", "5.2", BROKEN);
    check(&[0x82, 126, 0x03, 0xE9], "frame_limit", "10.4", CloseCode::TOO_BIG);
    check(&[0x82, 127, 0x7F, 0, 0, 0, 0, 0, 0, 0], "frame_limit", "10.4", CloseCode::TOO_BIG);
    check(b"\x01\x06abcdef\x80\x05ghijk", "message_limit", "10.4", CloseCode::TOO_BIG);
    check(b"\x80\x01a", "continuation_without_start", "5.4", BROKEN);
    check(b"\x01\x01a\x80\x01b\x00\x01c", "continuation_without_start", "5.4", BROKEN);
    check(b"\x01\x01a\x81\x01b", "interleaved", "5.4", BROKEN);
    check(b"\x02\x01a\x02\x01b", "interleaved", "5.4", BROKEN);
    check(b"\x88\x01\x03", "close_length", "5.5.1", BROKEN);
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        let [high, low] = code.to_be_bytes();
        check(&[0x88, 2, high, low], "close_code", "7.4", BROKEN);
    }
    check(b"\x88\x03\x03\xE8\xFF", "utf8", "8.1", CloseCode::INVALID_PAYLOAD);
    assert_eq!(Message::Text(b"\xFF").text().unwrap_err().close_code(), CloseCode::INVALID_PAYLOAD);
    assert_eq!(Message::Text("ü".as_bytes()).text(), Ok(Some("ü")));
    assert_eq!(Message::Binary(b"\xFF").text(), Ok(None));
}

#[test]
fn behind_a_close_nothing_is_heard_until_the_next_connection() {
    let mut assembler = Assembler::new(LIMITS);
    let mut stream = *b"\x01\x01a\x88\x00\x81\x01b\xFF";
    let step = assembler.next(&mut stream).unwrap();
    assert_eq!((step.taken, step.message), (5, Some(Message::Close(None))));
    assert!(assembler.is_closed());
    let step = assembler.next(&mut stream[5..]).unwrap();
    assert_eq!((step.taken, step.message), (4, None));
    assembler.reset();
    assert!(!assembler.is_closed());
    let step = assembler.next(&mut stream[5..8]).unwrap();
    assert_eq!(step.message, Some(Message::Text(b"b")), "nothing is left of the fragment");
}

#[test]
fn a_server_s_stream_that_is_left_as_it_is_gives_the_same_messages() {
    let mut stream = b"\x01\x01a\x89\x02hi\x80\x01b\x82\x01c\x88\x02\x03\xE8\x81\x01d".to_vec();
    let (mut one, mut other) = (Assembler::new(LIMITS), Assembler::new(LIMITS));
    let copy = stream.clone();
    let (mut at, mut count) = (0, 0);
    while at < copy.len() {
        let step = other.next_unmasked(&copy[at..]).unwrap();
        assert_eq!(one.next(&mut stream[at..]).unwrap(), step);
        at += step.taken;
        count += usize::from(step.message.is_some());
    }
    assert_eq!((count, other.is_closed(), stream), (4, true, copy));
    let mut server = Assembler::new(Limits { role: Role::Server, ..LIMITS });
    let masked = b"\x81\x81\x01\x02\x03\x04a";
    assert_eq!(server.next_unmasked(masked), Err(FrameError::Masked));
    assert_eq!(server.next_unmasked(masked), Err(FrameError::Masked));
}

#[test]
fn a_control_frame_that_is_too_long_is_not_written_and_a_reason_is_cut() {
    let mut out = Vec::new();
    for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
        assert!(!put(&mut out, opcode, &[0; 126], None));
    }
    assert!(out.is_empty());
    put_close(&mut out, CloseCode::GOING_AWAY, &"ü".repeat(100), None);
    let expected = Heard::Close(Some((1001, "ü".repeat(61))));
    assert_eq!(read(&out, LIMITS, || 9), (vec![expected], None));
}

#[test]
fn broken_streams_are_the_same_however_they_are_split() {
    for seed in 0..4_000 {
        let mut random = Random::new(seed);
        let mut stream = Vec::new();
        for _ in 0..=random.below(5) {
            let mask = random.one_in(2).then_some([1, 2, 3, 4]);
            let start = stream.len();
            let opcode = *random.pick(&[Opcode::Text, Opcode::Binary, Opcode::Continuation]);
            let length = random.below(200) as usize;
            put(&mut stream, opcode, &vec![b'x'; length], mask);
            if random.one_in(2) {
                stream[start] &= 0x7F;
            }
        }
        for _ in 0..random.below(3) {
            let at = random.below(stream.len() as u64) as usize;
            stream[at] = random.next_u64() as u8;
        }
        fuzz_websocket::stream(&stream);
    }
}
