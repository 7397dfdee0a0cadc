//! FIX 4.4 on the shipped `tiercel venue`: from an order to its report, and as many bytes without a venue.
//!
//! ```text
//!   this thread: NewOrderSingle --loopback TCP--> the venue's core thread: gateway, log, engine
//!        ^                                               |     fix_roundtrip (commands in memory)
//!        +--------------- ExecutionReport ---------------+
//!   this thread: as many bytes --> a thread that answers with as many, on the same core     echo
//! ```
//!
//! The session's numbers and messages are written to its file as ever.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tiercel_net::Tuning;
use tiercel_wire::fix::message::decode;
use tiercel_wire::fix::value::TimeWriter;
use tiercel_wire::fix::{Decoder, Encoder, Frame, frame, tag};

use super::BenchError;
use super::Options;
use super::clock::{self, Clock};
use super::contest::{Case, Input, Round, Subject, Timing};
use super::gateway::figure;
use super::gateway_venue::{Setting, Venue, now};
use super::journal::wrong;
use super::venue_sockets::{elsewhere, joined};

const WARM_UP: usize = 4_000;
const ROUND_TRIPS: usize = 20_000;
/// Orders that rest before all are cancelled.
const RESTING: usize = 500;
/// Bytes of an order and of its report, but for a few: numbers grow.
const ORDER_BYTES: usize = 166;
const REPORT_BYTES: usize = 224;
const FEW_BYTES: usize = 24;

/// `fix_roundtrip`.
pub(super) fn roundtrip(options: &Options) -> Result<Case, BenchError> {
    let cpu = options.second_cpu()?;
    let subjects: Vec<Box<dyn Subject>> = vec![Box::new(RoundTrip { cpu }), Box::new(Echo { cpu })];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

/// A session that is logged on, and polled.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    encoder: Encoder,
    decoder: Decoder,
    times: TimeWriter,
    number: u64,
}

impl Client {
    fn log_on(venue: &Venue) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(venue.fix)?;
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        let mut client = Self {
            stream,
            buffer: vec![0; 64 << 10],
            filled: 0,
            encoder: Encoder::new(b"FIX.4.4"),
            decoder: Decoder::default(),
            times: TimeWriter::default(),
            number: 0,
        };
        let (key, secret) = (venue.key.clone(), venue.secret.clone());
        let logon = client.message(b"A", |encoder, _| {
            encoder.constant(b"98=0\x01108=60\x01141=Y\x01");
            encoder.text(tag::USERNAME, key.as_bytes());
            encoder.text(tag::PASSWORD, secret.as_bytes());
        });
        client.ask(&logon, b"A")?;
        Ok(client)
    }

    /// A message with the next number; its body is told the time.
    fn message(&mut self, kind: &[u8], body: impl FnOnce(&mut Encoder, &[u8])) -> Vec<u8> {
        self.number += 1;
        let Self { encoder, times, number, .. } = self;
        let time: [u8; 21] = *times.write(now());
        encoder.begin(kind);
        encoder.unsigned(tag::MSG_SEQ_NUM, *number);
        encoder.text(tag::SENDER_COMP_ID, b"DEV1");
        encoder.text(tag::SENDING_TIME, &time);
        encoder.text(tag::TARGET_COMP_ID, b"TIERCEL");
        body(encoder, &time);
        encoder.finish().to_vec()
    }

    fn order(&mut self, number: usize) -> Vec<u8> {
        self.message(b"D", |encoder, time| {
            encoder.text(tag::CL_ORD_ID, format!("{number:08x}").as_bytes());
            encoder.constant(b"38=0.001\x0140=2\x01");
            let price = format!("{}.{:02}", 59_999 - number % 400 / 100, number % 100);
            encoder.text(tag::PRICE, price.as_bytes());
            encoder.constant(b"54=1\x0155=BTCUSDT\x0159=1\x01");
            encoder.text(tag::TRANSACT_TIME, time);
        })
    }

    fn cancel_all(&mut self, number: usize) -> Result<(), BenchError> {
        let cancel = self.message(b"q", |encoder, time| {
            encoder.text(tag::CL_ORD_ID, format!("q{number}").as_bytes());
            encoder.text(tag::TRANSACT_TIME, time);
            encoder.constant(b"530=7\x01");
        });
        self.ask(&cancel, b"r").map(drop)
    }

    /// Sends a message and waits for the next of that type; its length, and when its last byte was read.
    fn ask(&mut self, message: &[u8], kind: &[u8]) -> Result<(usize, u64), BenchError> {
        self.stream.write_all(message)?;
        let mut read_at = clock::stop();
        loop {
            while let Frame::Whole { length, .. } = frame(&self.buffer[..self.filled]) {
                let answer = decode(&mut self.decoder, &self.buffer[..length]);
                let answer = answer.map_err(|error| wrong(&error))?;
                let is_it = answer.as_ref().is_some_and(|answer| {
                    answer.message_type() == kind && answer.get(tag::ORD_STATUS) != Some(b"8")
                });
                let text = answer.as_ref().and_then(|answer| answer.get(tag::TEXT));
                let text = String::from_utf8_lossy(text.unwrap_or_default()).into_owned();
                self.buffer.copy_within(length..self.filled, 0);
                self.filled -= length;
                if is_it {
                    return Ok((length, read_at));
                }
                if kind != b"r" {
                    return Err(wrong(&format!("the venue answered something else: {text}")));
                }
            }
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err(wrong(&"the venue closed the connection")),
                Ok(count) => {
                    read_at = clock::stop();
                    self.filled += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// One order at a time: until its report is there.
struct RoundTrip {
    cpu: usize,
}

impl Subject for RoundTrip {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let venue = Venue::start(self.cpu, "gateway-fix", &Setting::Fix)?;
        let mut client = Client::log_on(&venue)?;
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for number in 0..WARM_UP + ROUND_TRIPS {
            let order = client.order(number);
            let from = clock::start();
            let (report, read_at) = client.ask(&order, b"8")?;
            let time_ns = clock.between_ns(read_at - from) as f32;
            if number >= WARM_UP {
                times.push(time_ns);
            }
            for (what, length, known) in
                [("an order", order.len(), ORDER_BYTES), ("a report", report, REPORT_BYTES)]
            {
                if length.abs_diff(known) > FEW_BYTES {
                    let text = format!("{what} has {length} bytes: the echo's have {known}");
                    return Err(wrong(&text));
                }
            }
            if number % RESTING == RESTING - 1 {
                client.cancel_all(number)?;
            }
        }
        drop(client);
        venue.stop()?;
        Ok(figure(times, 0.5, timing))
    }
}

/// As many bytes there and back, and nothing else.
struct Echo {
    cpu: usize,
}

/// Answers each order's bytes with a report's.
fn answer(listener: &TcpListener, stop: &AtomicBool) -> Result<(), BenchError> {
    let (mut stream, _) = listener.accept()?;
    Tuning::default().apply(&stream);
    stream.set_nonblocking(true)?;
    let (mut order, mut got) = ([0; ORDER_BYTES], 0);
    let report = [7; REPORT_BYTES];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut order[got..]) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error.into()),
        }
        if got == ORDER_BYTES {
            stream.write_all(&report)?;
            got = 0;
        }
    }
    Ok(())
}

impl Subject for Echo {
    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let server = elsewhere(self.cpu, move || answer(&listener, &told));
        let mut stream = TcpStream::connect(address)?;
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        let mut report = [0; REPORT_BYTES];
        for number in 0..WARM_UP + ROUND_TRIPS {
            let order = [number as u8; ORDER_BYTES];
            let from = clock::start();
            stream.write_all(&order)?;
            let mut got = 0;
            while got < REPORT_BYTES {
                match stream.read(&mut report[got..]) {
                    Ok(0) => return Err(wrong(&"the server is gone")),
                    Ok(count) => got += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                    Err(error) => return Err(error.into()),
                }
            }
            let time_ns = clock.between_ns(clock::stop() - from) as f32;
            if number >= WARM_UP {
                times.push(time_ns);
            }
        }
        stop.store(true, Ordering::Relaxed);
        joined(server)?;
        Ok(figure(times, 0.5, timing))
    }
}
