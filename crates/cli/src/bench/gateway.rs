//! Gateways of the shipped `tiercel venue`, a process of its own: accounts and authentication on.
//!
//! ```text
//!   this thread: order of 64 bytes --loopback TCP--> the venue's core thread: gateway, log, engine
//!        ^                                               |     binary_roundtrip (commands in memory)
//!        +---------------- accepted, 64 bytes -----------+
//!   this thread: 64 bytes --> a thread that sends them back, on the same core             echo
//!
//!   this thread: the mixed flow, at most 1,024 requests without an answer --> the same venue
//!        ^                                               |     binary_rate (commands on the disk)
//!        +------------- all answers, counted ------------+
//! ```
//!
//! The venue's threads have the second core but for two: who folds the read models and who takes
//! snapshots run where the system likes, as they do for anybody who starts it so. The client is polled,
//! but for that of the rate, which sleeps while there is nothing to read.
//! Every answer is looked at: the requests are answered in their order, none is left out, and the
//! answers' own numbers have no gap.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tiercel_net::Tuning;
use tiercel_sim::flow::{CENTRAL_PRICE_TICKS, Op, mixed};
use tiercel_types::command::{AmendOrder, CancelOrder, Command, MassCancel, NewOrder};
use tiercel_types::order::{AmendQtyMeaning, SideScope};
use tiercel_types::{
    AccountId, ClientOrderId, InstrumentId, OrderId, Price, Qty, Side, TimeInForce,
};
use tiercel_wire::binary::{
    Accepted, Amended, BodyRecord, Busy, Cancelled, Expired, HEADER_SIZE, Kind, MassCancelDone,
    RECORD_SIZE, Rejected, Request,
};

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::gateway_venue::{Login, Setting, Venue};
use super::journal::wrong;
use super::venue_sockets::joined;
use super::{BenchError, Options};
use super::{gateway_fix, net};

/// The cases of `tiercel bench gateway`.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: "gateway", name: "binary_roundtrip", build: roundtrip },
    CaseSpec { bench: "gateway", name: "binary_roundtrip_p99", build: roundtrip_p99 },
    CaseSpec { bench: "gateway", name: "binary_rate", build: rate },
    CaseSpec { bench: "gateway", name: "fix_roundtrip", build: gateway_fix::roundtrip },
];

const WARM_UP: usize = 4_000;
const ROUND_TRIPS: usize = 20_000;
/// Orders that rest before all are cancelled.
const RESTING: usize = 500;
/// Requests without an answer, at most.
const WINDOW: u64 = 1_024;
/// Requests of one write.
const BURST: u64 = 128;
/// Of so many requests one is timed.
const TIMED: u64 = 16;
/// Requests of the mixed flow before it begins anew, with an empty book.
const FLOW: usize = 500_000;
const BTCUSDT: InstrumentId = InstrumentId(1);
/// One tick and one lot of the flow: a cent, and what is worth more than the smallest order.
const TICK: i64 = 1_000_000;
const LOT: u64 = 10_000;
const MIDDLE_TICKS: i64 = 6_000_000;

fn roundtrip(options: &Options) -> Result<Case, BenchError> {
    round_trips(options, 0.5, "ns p50")
}

fn roundtrip_p99(options: &Options) -> Result<Case, BenchError> {
    round_trips(options, 0.99, "ns p99")
}

fn round_trips(options: &Options, share: f64, unit: &'static str) -> Result<Case, BenchError> {
    let cpu = options.second_cpu()?;
    let subjects: Vec<Box<dyn Subject>> =
        vec![Box::new(RoundTrip { cpu, share }), Box::new(Echo { cpu, share })];
    Ok(Case { unit, input: Input::None, subjects })
}

/// The figure of a round: so much of its times is below it.
pub(super) fn figure(mut times_ns: Vec<f32>, share: f64, timing: Timing) -> Round {
    let mut sorted = times_ns.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let value = sorted.get(rank.saturating_sub(1)).map_or(0.0, |time| f64::from(*time));
    let operations = times_ns.len() as u64;
    if timing == Timing::Mean {
        times_ns.clear();
    }
    Round { value, operations, times_ns, checksum: 0 }
}

/// A connection that is polled.
struct Polled {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Polled {
    fn new(stream: TcpStream, unread: &[u8]) -> Result<Self, BenchError> {
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        let mut buffer = vec![0; 256 << 10];
        buffer[..unread.len()].copy_from_slice(unread);
        Ok(Self { stream, buffer, filled: unread.len() })
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<(), BenchError> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what there is; whether there was anything.
    fn fill(&mut self) -> Result<bool, BenchError> {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Err(wrong(&"the venue closed the connection")),
            Ok(count) => {
                self.filled += count;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets others have the core until there is something to read.
    fn sleep_until_readable(&self) -> Result<(), BenchError> {
        let mut waits_for = [PollFd::new(&self.stream, PollFlags::IN)];
        match poll(&mut waits_for, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(std::io::Error::from(error).into()),
        }
    }

    /// Hands over the records that are whole.
    fn records(
        &mut self,
        mut each: impl FnMut(&[u8; RECORD_SIZE]) -> Result<(), BenchError>,
    ) -> Result<usize, BenchError> {
        let (records, rest) = self.buffer[..self.filled].as_chunks::<RECORD_SIZE>();
        for record in records {
            each(record)?;
        }
        let (count, rest) = (records.len(), rest.len());
        self.buffer.copy_within(count * RECORD_SIZE..self.filled, 0);
        self.filled = rest;
        Ok(count)
    }
}

/// What the client has to see: every request answered, in order, and no answer missing.
struct Answers {
    account: AccountId,
    next_request: u64,
    next_number: u64,
    rejected: u64,
    executed: u64,
}

/// Where an answer's body has the number of its request.
fn request_at(kind: u8) -> Option<usize> {
    use core::mem::offset_of;
    let at = match Kind::from_code(kind)? {
        Accepted::KIND => offset_of!(Accepted, request),
        Rejected::KIND => offset_of!(Rejected, request),
        Amended::KIND => offset_of!(Amended, request),
        Cancelled::KIND => offset_of!(Cancelled, request),
        Expired::KIND => offset_of!(Expired, request),
        MassCancelDone::KIND => offset_of!(MassCancelDone, request),
        Busy::KIND => offset_of!(Busy, request),
        _ => return None,
    };
    Some(HEADER_SIZE + at)
}

fn number_at(record: &[u8; RECORD_SIZE], at: usize) -> u64 {
    record[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Answers {
    /// Looks at a record; the request that it is the first answer to, if it is.
    fn look(&mut self, record: &[u8; RECORD_SIZE]) -> Result<Option<u64>, BenchError> {
        let kind = record[0];
        if !(0x40..0x80).contains(&kind) {
            // Of the session, or behind another.
            return Ok(None);
        }
        let number = number_at(record, 8);
        if number != self.next_number {
            return Err(wrong(&format!("answer {number} where {} was due", self.next_number)));
        }
        self.next_number += 1;
        match Kind::from_code(kind) {
            Some(Kind::Busy) => return Err(wrong(&"the venue was busy")),
            Some(Kind::Rejected) => self.rejected += 1,
            Some(Kind::Executed) => self.executed += 1,
            _ => {}
        }
        let Some(at) = request_at(kind) else { return Ok(None) };
        let request = number_at(record, at);
        if request == self.next_request {
            self.next_request += 1;
            return Ok(Some(request));
        }
        if request > self.next_request {
            return Err(wrong(&format!("request {} has no answer", self.next_request)));
        }
        Ok(None)
    }
}

/// A client that is logged on.
struct Client {
    wire: Polled,
    answers: Answers,
    next_request: u64,
}

impl Client {
    fn log_on(venue: &Venue) -> Result<Self, BenchError> {
        let Login { stream, unread, account, next_request, next_answer } = venue.log_on()?;
        let answers =
            Answers { account, next_request, next_number: next_answer, rejected: 0, executed: 0 };
        Ok(Self { wire: Polled::new(stream, &unread)?, answers, next_request })
    }

    /// Gives a record the next number.
    fn number(&mut self, record: &mut [u8]) {
        record[8..16].copy_from_slice(&self.next_request.to_le_bytes());
        self.next_request += 1;
    }

    /// Sends a request and waits for its first answer.
    fn ask(&mut self, record: &[u8]) -> Result<(), BenchError> {
        let Self { wire, answers, next_request } = self;
        wire.send(record)?;
        while answers.next_request < *next_request {
            if wire.fill()? {
                wire.records(|record| answers.look(record).map(drop))?;
            } else {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }

    /// Cancels what rests, and reads all that is told of it.
    fn cancel_all(&mut self) -> Result<(), BenchError> {
        let account = self.answers.account;
        let (instrument, sides) = (BTCUSDT, SideScope::Both);
        let cancel = MassCancel { account, instrument, sides, reserved: [0; 7] };
        let mut record = record_of(&cancel.into())?;
        self.number(&mut record);
        self.wire.send(&record)?;
        let Self { wire, answers, .. } = self;
        let mut is_done = false;
        while !is_done {
            wire.fill()?;
            wire.records(|record| {
                is_done |= record[0] == MassCancelDone::KIND as u8;
                answers.look(record).map(drop)
            })?;
        }
        Ok(())
    }
}

/// The record of a command, with no number yet.
fn record_of(command: &Command) -> Result<[u8; RECORD_SIZE], BenchError> {
    let request = Request::of(command).ok_or_else(|| wrong(&"no client's command"))?;
    let mut record = [0; RECORD_SIZE];
    let body = request.bodies().next().ok_or_else(|| wrong(&"an empty request"))?;
    record[0] = body.kind() as u8;
    record[4..8].copy_from_slice(&BTCUSDT.0.to_le_bytes());
    record[HEADER_SIZE..].copy_from_slice(body.as_bytes());
    Ok(record)
}

/// One order at a time: until it is accepted.
struct RoundTrip {
    cpu: usize,
    share: f64,
}

impl Subject for RoundTrip {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let venue = Venue::start(self.cpu, "gateway", &Setting::Memory)?;
        let mut client = Client::log_on(&venue)?;
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for number in 0..WARM_UP + ROUND_TRIPS {
            let price = Price::from_units((MIDDLE_TICKS - 1 - number as i64 % 400) * TICK);
            let qty = Qty::from_units(10 * LOT);
            let account = client.answers.account;
            let mut order = NewOrder::limit(BTCUSDT, account, Side::Buy, price, qty);
            order.client_order_id = name(number as u64)?;
            let mut record = record_of(&order.into())?;
            client.number(&mut record);
            let from = clock::start();
            client.ask(&record)?;
            let time_ns = clock.between_ns(clock::stop() - from) as f32;
            if number >= WARM_UP {
                times.push(time_ns);
            }
            if number % RESTING == RESTING - 1 {
                client.cancel_all()?;
            }
        }
        if client.answers.rejected > 0 {
            return Err(wrong(&format!("{} orders were rejected", client.answers.rejected)));
        }
        drop(client);
        venue.stop()?;
        Ok(figure(times, self.share, timing))
    }
}

/// As many bytes there and back, and nothing else.
pub(super) struct Echo {
    pub(super) cpu: usize,
    pub(super) share: f64,
}

impl Subject for Echo {
    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let (address, stop, server): (SocketAddr, Arc<AtomicBool>, JoinHandle<_>) =
            net::bare(self.cpu)?;
        let mut stream = TcpStream::connect(address)?;
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for number in 0..WARM_UP + ROUND_TRIPS {
            let from = clock::start();
            net::round_trip(&mut stream, number)?;
            if number >= WARM_UP {
                times.push(clock.between_ns(clock::stop() - from) as f32);
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        joined(server)?;
        Ok(figure(times, self.share, timing))
    }
}

fn rate(options: &Options) -> Result<Case, BenchError> {
    let requests = options.operations as u64;
    let flow = flow(options.seed)?;
    let subject = Rate { cpu: options.second_cpu()?, requests, flow, times: Vec::new() };
    Ok(Case { unit: "order/s", input: Input::None, subjects: vec![Box::new(subject)] })
}

fn name(number: u64) -> Result<ClientOrderId, BenchError> {
    ClientOrderId::new(format!("{number:08x}").as_bytes()).map_err(|error| wrong(&error))
}

/// The mixed flow as records, of one account, and at its end a cancel of all that is left.
fn flow(seed: u64) -> Result<Vec<[u8; RECORD_SIZE]>, BenchError> {
    let account = AccountId(1);
    let price = |ticks: i64| Price::from_units((MIDDLE_TICKS - CENTRAL_PRICE_TICKS + ticks) * TICK);
    let qty = |lots: u64| Qty::from_units(lots * LOT);
    let (load, _) = mixed(seed, FLOW, false);
    let mut records = Vec::with_capacity(load.ops.len() + 1);
    for op in &load.ops {
        let command: Command = match *op {
            Op::New { id, side, price_ticks, qty: lots, ioc, .. } => {
                let mut order =
                    NewOrder::limit(BTCUSDT, account, side, price(price_ticks), qty(lots));
                order.client_order_id = name(id)?;
                if ioc {
                    order.time_in_force = TimeInForce::Ioc;
                }
                order.into()
            }
            Op::Cancel { id, .. } => {
                let client_order_id = name(id)?;
                CancelOrder { order_id: OrderId::NONE, account, client_order_id }.into()
            }
            Op::Move { id, price_ticks, qty: lots, .. } => AmendOrder {
                order_id: OrderId::NONE,
                price: price(price_ticks),
                qty: qty(lots),
                account,
                client_order_id: name(id)?,
                new_client_order_id: ClientOrderId::EMPTY,
                qty_meaning: AmendQtyMeaning::Open,
                lose_priority: 1,
                reserved: [0; 2],
            }
            .into(),
        };
        records.push(record_of(&command)?);
    }
    let cancel =
        MassCancel { account, instrument: BTCUSDT, sides: SideScope::Both, reserved: [0; 7] };
    records.push(record_of(&cancel.into())?);
    Ok(records)
}

/// As much as one connection carries.
struct Rate {
    cpu: usize,
    requests: u64,
    flow: Vec<[u8; RECORD_SIZE]>,
    times: Vec<f32>,
}

impl Subject for Rate {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each && !self.times.is_empty() {
            // Every round times some of its requests: no other is needed.
            let times_ns = std::mem::take(&mut self.times);
            return Ok(Round { times_ns, ..Round::default() });
        }
        let venue = Venue::start(self.cpu, "gateway-rate", &Setting::Disk)?;
        let mut client = Client::log_on(&venue)?;
        // The first pass of the flow warms everything up.
        self.drive(&mut client, clock, self.flow.len() as u64)?;
        self.times.clear();
        let before = venue.resident_bytes()?;
        let from = clock::start();
        self.drive(&mut client, clock, self.requests)?;
        let seconds = clock.between_ns(clock::stop() - from) / 1e9;
        let after = venue.resident_bytes()?;
        let Answers { rejected, executed, next_number, .. } = client.answers;
        eprintln!(
            "binary_rate: {} requests in {seconds:.1} s, all answered; {next_number} answers, \
             {executed} of them executions, {rejected} rejections; resident {} MiB before, {} MiB after",
            self.requests,
            before >> 20,
            after >> 20
        );
        drop(client);
        venue.stop()?;
        let value = self.requests as f64 / seconds;
        let times_ns =
            if timing == Timing::Each { std::mem::take(&mut self.times) } else { Vec::new() };
        Ok(Round { value, operations: self.requests, times_ns, checksum: 0 })
    }
}

impl Rate {
    /// Sends so many requests, and reads until all are answered.
    fn drive(
        &mut self,
        client: &mut Client,
        clock: &Clock,
        requests: u64,
    ) -> Result<(), BenchError> {
        let Self { flow, times, .. } = self;
        let mut sent_at = [0_u64; WINDOW as usize];
        let end = client.next_request + requests;
        let mut burst = Vec::with_capacity(BURST as usize * RECORD_SIZE);
        let first = client.next_request;
        while client.answers.next_request < end {
            let room = WINDOW - (client.next_request - client.answers.next_request);
            let count = room.min(BURST).min(end - client.next_request);
            if count == BURST || (count > 0 && room >= WINDOW / 2) {
                burst.clear();
                let now = clock::start();
                for _ in 0..count {
                    let number = client.next_request;
                    let at = (number - first) % flow.len() as u64;
                    let start = burst.len();
                    burst.extend_from_slice(&flow[at as usize]);
                    client.number(&mut burst[start..]);
                    sent_at[(number % WINDOW) as usize] = now;
                }
                client.wire.send(&burst)?;
            }
            let Client { wire, answers, .. } = client;
            if !wire.fill()? {
                // The venue's other threads have this core when there is nothing to do.
                wire.sleep_until_readable()?;
                continue;
            }
            let now = clock::stop();
            wire.records(|record| {
                if let Some(request) = answers.look(record)?
                    && request % TIMED == 0
                {
                    let ticks = now - sent_at[(request % WINDOW) as usize];
                    times.push(clock.between_ns(ticks) as f32);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
