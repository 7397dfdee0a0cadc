//! The ways that a client speaks the binary protocol: records, FlatBuffers, FlatBuffers in a
//! `WebSocket`; and what is none of them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tiercel_types::Side;
use tiercel_venue::stage::StageThread;
use tiercel_wire::binary::LoginRefusal;
use tiercel_wire::flat::{Framing, Translator};
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::it::binary_sockets::{Dial, OWN, PATIENCE, Venue};
use crate::it::place::{Place, limit};

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Records,
    FlatBuffers,
    WebSocket,
}

impl Speech {
    pub(crate) const ALL: [Self; 3] = [Self::Records, Self::FlatBuffers, Self::WebSocket];
}

/// A connection to the venue. What goes through it is records at this end.
pub(crate) enum Line {
    Records(TcpStream),
    FlatBuffers(TcpStream, Translator, Vec<u8>),
    WebSocket(Box<WebSocket<TcpStream>>, Translator),
}

impl Line {
    pub(crate) fn new(speech: Speech, address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let line = match speech {
            Speech::Records => Self::Records(stream),
            Speech::FlatBuffers => {
                Self::FlatBuffers(stream, Translator::new(Framing::Length), Vec::new())
            }
            Speech::WebSocket => {
                let mut stream = stream;
                let socket = loop {
                    match tungstenite::client(format!("ws://{address}/"), stream) {
                        Ok((socket, _)) => break socket,
                        // A wait with an end is interrupted by what else the thread has under way.
                        Err(HandshakeError::Failure(tungstenite::Error::Io(error)))
                            if error.kind() == io::ErrorKind::Interrupted =>
                        {
                            stream = TcpStream::connect(address).unwrap();
                            stream.set_read_timeout(Some(PATIENCE)).unwrap();
                        }
                        Err(error) => panic!("{error}"),
                    }
                };
                Self::WebSocket(Box::new(socket), Translator::new(Framing::Carrier))
            }
        };
        line.stream().set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        line
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        match self {
            Self::Records(stream) | Self::FlatBuffers(stream, ..) => stream,
            Self::WebSocket(socket, _) => socket.get_ref(),
        }
    }

    /// Sends records, `step` bytes at a time.
    pub(crate) fn send(&mut self, mut records: Vec<u8>, step: usize) -> io::Result<()> {
        match self {
            Self::Records(stream) => {
                records.chunks(step).try_for_each(|bytes| stream.write_all(bytes))
            }
            Self::FlatBuffers(stream, translator, _) => {
                let mut messages = Vec::new();
                translator.sent(&mut records, |message| messages.extend(message)).unwrap();
                messages.chunks(step).try_for_each(|bytes| stream.write_all(bytes))
            }
            Self::WebSocket(socket, translator) => {
                let mut result = Ok(());
                let mut send = |message: &[u8]| {
                    if result.is_ok() {
                        result = socket.send(Message::binary(message.to_vec()));
                    }
                };
                translator.sent(&mut records, &mut send).unwrap();
                result.map_err(io::Error::other)
            }
        }
    }

    /// Reads once, and puts the records of it behind `records`; zero when the connection has ended.
    pub(crate) fn receive(&mut self, chunk: &mut [u8], records: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Records(stream) => {
                let count = stream.read(chunk)?;
                records.extend_from_slice(&chunk[..count]);
                Ok(count)
            }
            Self::FlatBuffers(stream, translator, unread) => {
                let count = stream.read(chunk)?;
                unread.extend_from_slice(&chunk[..count]);
                loop {
                    let taken = translator.received(unread);
                    unread.drain(..taken);
                    records.append(translator.records());
                    if taken == 0 {
                        break;
                    }
                }
                assert!(translator.refusal().is_none(), "{:?}", translator.refusal());
                Ok(count)
            }
            Self::WebSocket(socket, translator) => match socket.read() {
                Ok(Message::Binary(message)) => {
                    assert_eq!(translator.received(&message), message.len());
                    records.append(translator.records());
                    Ok(message.len())
                }
                Ok(_) => Err(io::ErrorKind::WouldBlock.into()),
                Err(tungstenite::Error::Io(error)) => Err(error),
                Err(_) => Ok(0),
            },
        }
    }
}

/// What a stranger is answered who sends these bytes.
fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{bytes:02x?}: no end came");
    }
    answer
}

fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
}

#[test]
fn what_is_no_message_ends_its_own_connection_alone() {
    let place = Place::new("binary-speech");
    for thread in [OWN, StageThread::Fused] {
        let venue = Venue::start(place.path(), thread, |_| {});
        let mut others = Speech::ALL.map(|speech| {
            Dial::new(Speech::ALL.iter().position(|other| *other == speech).unwrap() % 2, false)
                .speaking(speech)
        });
        // One key, one session: records and FlatBuffers take turns.
        let (first, rest) = others.split_first_mut().unwrap();
        first.connect(venue.address);
        first.until(|peer| peer.session.is_logged_on());
        rest[0].connect(venue.address);
        rest[0].until(|peer| peer.session.is_logged_on());
        rest[1].connect(venue.address);
        rest[1].until(|peer| peer.ear.refused == Some(LoginRefusal::LoggedOn));

        // A length that no message has, a message that is none, and one that never ends.
        assert!(answer_to(venue.address, &[0xff; 64]).len() > 8);
        assert!(answer_to(venue.address, &[[64, 0, 0, 0, 1, 2, 3, 4]; 9].concat()).len() > 8);
        // No WebSocket: at another path, without a key, with a text in it.
        let refused = answer_to(venue.address, upgrade("/elsewhere").as_bytes());
        assert!(refused.starts_with(b"HTTP/1.1 404"), "{:?}", String::from_utf8_lossy(&refused));
        let refused = answer_to(venue.address, b"GET / HTTP/1.1\r\n\r\n");
        assert!(refused.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&refused));
        let text = [upgrade("/").as_bytes(), &[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']].concat();
        let closed = answer_to(venue.address, &text);
        assert!(closed.starts_with(b"HTTP/1.1 101"), "{:?}", String::from_utf8_lossy(&closed));
        // A frame that is longer than any message.
        let long =
            [upgrade("/").as_bytes(), &[0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert!(answer_to(venue.address, &long).starts_with(b"HTTP/1.1 101"));

        for (account, dial) in (1..).zip(&mut others[..2]) {
            let name = format!("{thread:?}-{account}").replace(|c: char| !c.is_alphanumeric(), "-");
            let order = limit(account, Side::Buy, 500, 1, &name[name.len() - 7..]);
            assert_eq!(dial.ask(order, 1, &[]), ["accepted"]);
        }
    }
}
