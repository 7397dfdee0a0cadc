//! The acceptance definitions of `QuickFIX` (FIX 4.4, server side), played against the session in
//! this process, in its own time: what takes the sockets' runner minutes takes no time here.
//!
//! Lines: `I` is sent, `E` is expected, `iCONNECT`, `iDISCONNECT` and `eDISCONNECT` are the
//! connection's; a digit and a comma name one of several connections. `<TIME+n>` is the time.

use std::collections::BTreeMap;
use std::sync::Arc;

use tiercel_testkit::data;
use tiercel_types::Timestamp;
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, Session, SessionConfig,
};
use tiercel_wire::fix::value::TimeWriter;
use tiercel_wire::fix::{Decoder, Frame, Message, checksum, frame};

const SECOND_NS: u64 = 1_000_000_000;
/// 2026-07-19, 10:00 UTC.
const START: Timestamp = Timestamp(1_784_455_200 * SECOND_NS);

/// Takes nothing but what the session itself needs.
struct Nothing;

impl Application for Nothing {
    fn on_message(&mut self, _: &Message<'_>) -> Result<(), BusinessReject> {
        Err(BusinessReject::unsupported())
    }
}

/// One end of one connection.
#[derive(Default)]
struct Connection {
    received: Vec<u8>,
    sent: Vec<u8>,
    closed: bool,
}

struct Server {
    session: Session,
    store: MemoryStore,
    decoder: Decoder,
    now: Timestamp,
    connections: BTreeMap<u32, Connection>,
    /// The connection that the session has.
    active: Option<u32>,
}

impl Server {
    fn new(dictionary: Arc<Dictionary>) -> Self {
        let mut config = SessionConfig::new(b"ISLD", b"TW44", Role::Acceptor);
        config.reset_on_logon = true;
        config.dictionary = dictionary;
        Self {
            session: Session::new(config),
            store: MemoryStore::new(START),
            decoder: Decoder::default(),
            now: START,
            connections: BTreeMap::new(),
            active: None,
        }
    }

    /// A second connection of the same identity is dropped.
    fn connect(&mut self, number: u32) {
        let closed = self.active.is_some();
        if !closed {
            self.active = Some(number);
            self.session.connected(self.now, &mut self.store);
        }
        self.connections.insert(number, Connection { closed, ..Connection::default() });
    }

    fn disconnect(&mut self, number: u32) {
        self.connections.remove(&number);
        if self.active == Some(number) {
            self.active = None;
            self.session.closed(self.now, &mut self.store, &mut Nothing);
        }
    }

    fn send(&mut self, number: u32, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.closed {
            return;
        }
        let mut sent = std::mem::take(&mut connection.sent);
        sent.extend_from_slice(bytes);
        let mut rest = &sent[..];
        loop {
            match frame(rest) {
                Frame::Partial => break,
                Frame::Garbled { skip, .. } => rest = &rest[skip..],
                Frame::Whole { length, body } => {
                    let (message, behind) = rest.split_at(length);
                    rest = behind;
                    if let Ok(message) = self.decoder.index(message, body) {
                        let Self { session, store, now, .. } = self;
                        session.received(*now, &message, store, &mut Nothing);
                    }
                    self.flush();
                }
            }
        }
        let rest = rest.to_vec();
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.sent = rest;
        }
    }

    fn flush(&mut self) {
        let Some(number) = self.active else { return };
        let connection = self.connections.get_mut(&number).unwrap();
        connection.received.append(self.session.output());
        if self.session.wants_close() {
            connection.closed = true;
            self.active = None;
            self.session.closed(self.now, &mut self.store, &mut Nothing);
        }
    }

    /// Lets time pass until `is_done`, half a minute at most.
    fn wait(&mut self, number: u32, is_done: impl Fn(&Connection) -> bool) {
        for _ in 0..300 {
            if is_done(&self.connections[&number]) {
                return;
            }
            self.now.0 += SECOND_NS / 10;
            self.session.tick(self.now, &mut self.store);
            self.flush();
        }
    }

    fn expect(&mut self, number: u32, expected: &[u8]) -> Result<(), String> {
        let length = |connection: &Connection| match frame(&connection.received) {
            Frame::Whole { length, .. } => Some(length),
            _ => None,
        };
        self.wait(number, |connection| length(connection).is_some());
        let connection = self.connections.get_mut(&number).unwrap();
        let length = length(connection).ok_or("nothing came")?;
        let found: Vec<u8> = connection.received.drain(..length).collect();
        compare(expected, &found).map_err(|what| {
            let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\x01', "|");
            format!("{what}\n expected {}\n found    {}", show(expected), show(&found))
        })
    }

    fn expect_closed(&mut self, number: u32) -> Result<(), String> {
        self.wait(number, |connection| connection.closed || !connection.received.is_empty());
        let connection = &self.connections[&number];
        match (connection.received.is_empty(), connection.closed) {
            (false, _) => Err("a message came, where the connection was to end".to_owned()),
            (true, false) => Err("the connection did not end".to_owned()),
            (true, true) => Ok(()),
        }
    }
}

/// Times and sums are those of the moment; all else is compared byte by byte, in order.
fn compare(expected: &[u8], found: &[u8]) -> Result<(), String> {
    let fields = |bytes: &[u8]| -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.trim_end_matches('\x01')
            .split('\x01')
            .filter_map(|field| field.split_once('='))
            .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
            .collect()
    };
    let (expected, found) = (fields(expected), fields(found));
    if expected.len() != found.len() {
        return Err(format!("{} fields, not {}", found.len(), expected.len()));
    }
    for ((tag, value), (found_tag, found_value)) in expected.iter().zip(&found) {
        let of_the_moment = ["10", "42", "52", "60", "122"].contains(&tag.as_str());
        if tag != found_tag || (value != found_value && !of_the_moment) {
            return Err(format!("{found_tag}={found_value}, not {tag}={value}"));
        }
    }
    Ok(())
}

/// A line's message, with its times, its length and its sum where the line leaves them out.
fn message(text: &str, now: Timestamp) -> Vec<u8> {
    let mut text = text.to_owned();
    while let Some(at) = text.find("<TIME") {
        let end = at + text[at..].find('>').unwrap();
        let offset: i64 = text[at + 5..end].parse().unwrap_or(0);
        let time = Timestamp(now.0.wrapping_add_signed(offset * SECOND_NS as i64));
        let written = String::from_utf8(TimeWriter::default().write(time)[..17].to_vec()).unwrap();
        text.replace_range(at..=end, &written);
    }
    let has_length = text.contains("\x019=");
    let has_sum = text.contains("\x0110=");
    if text.starts_with("8=") && !has_length {
        let head = text.find('\x01').unwrap() + 1;
        let length = text.find("\x0110=").map_or(text.len(), |at| at + 1) - head;
        text.insert_str(head, &format!("9={length}\x01"));
    }
    let mut bytes: Vec<u8> = text.chars().map(|character| character as u32 as u8).collect();
    if !has_sum {
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    }
    bytes
}

fn play(text: &str, dictionary: Arc<Dictionary>) -> Result<(), String> {
    let mut server = Server::new(dictionary);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (kind, rest) = line.split_at(1);
        let named = rest
            .split_once(',')
            .and_then(|(number, rest)| number.parse().ok().map(|number| (number, rest)));
        let (number, rest) = named.unwrap_or((1, rest));
        let result = match (kind, rest.trim()) {
            ("i" | "I", _) => {
                match rest.trim() {
                    "CONNECT" => server.connect(number),
                    "DISCONNECT" => server.disconnect(number),
                    _ => server.send(number, &message(rest, server.now)),
                }
                Ok(())
            }
            ("e", "DISCONNECT") => server.expect_closed(number),
            ("E", _) => server.expect(number, &message(rest, server.now)),
            _ => Err("no such line".to_owned()),
        };
        result.map_err(|what| format!("line {}: {what}", at + 1))?;
    }
    Ok(())
}

#[test]
fn every_session_definition_passes_with_the_dictionary_it_comes_with() {
    let Some(folder) = data::path("fix_at") else { return };
    let xml = std::fs::read_to_string(folder.join("FIX44.xml")).unwrap();
    let dictionary = Arc::new(Dictionary::from_xml(&xml).unwrap());
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|name| name.extension().is_some_and(|extension| extension == "def"));
    names.sort();
    assert!(names.len() >= 30, "{} definitions", names.len());
    let mut failed = Vec::new();
    for built_in in [false, true] {
        let dictionary =
            if built_in { Arc::new(Dictionary::fix44()) } else { Arc::clone(&dictionary) };
        for name in &names {
            let bytes = std::fs::read(name).unwrap();
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            if let Err(what) = play(&text, Arc::clone(&dictionary)) {
                failed.push(format!("{} (built in: {built_in}): {what}", name.display()));
            }
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}
