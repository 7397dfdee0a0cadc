//! A connection of market data: what its client wants to be told of, and what waits for it.

use std::collections::VecDeque;

use tiercel_net::ConnectionId;
use tiercel_types::{InstrumentId, Timestamp};
use tiercel_wire::market::{
    self, Body, Heartbeat, Interrupted, Interruption, PROTOCOL, RECORD_SIZE, Refusal, Refused,
    Subscribe, VERSION, renumber,
};

use super::MarketOptions;
use super::told::Public;

/// How long a client may take to say what it wants.
const SILENCE_NS: u64 = 10_000_000_000;

/// Whether a client is told of an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Interest {
    /// No.
    #[default]
    None,
    /// Once it has had a snapshot, which is to come.
    Wanted,
    /// Yes.
    Live,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records.
    pub records: u64,
    /// Snapshots of books.
    pub snapshots: u64,
    /// Whether too much waited, so that it was dropped.
    pub was_interrupted: bool,
}

/// A connection. What it is to be sent goes into an output that somebody else sends; what that has no room
/// for waits here, where it can be taken back.
#[derive(Debug)]
pub struct Reader {
    id: ConnectionId,
    options: MarketOptions,
    /// The number of the next record.
    next: u64,
    /// By number of instrument.
    interests: Vec<Interest>,
    /// Those that are to have a snapshot, in order.
    wanted: VecDeque<InstrumentId>,
    /// Instruments to come are wanted too.
    wants_all: bool,
    /// Whole records that wait behind the connection's output.
    waiting: VecDeque<u8>,
    /// Bytes that may wait: more while a snapshot does.
    waiting_max: usize,
    /// What waited was dropped, and that is to be told first.
    is_interrupted: bool,
    ends: bool,
    since: Timestamp,
    /// When its output was last found with room.
    had_room: Timestamp,
    last_told: Timestamp,
}

impl Reader {
    /// A connection that has said nothing yet.
    pub const fn new(id: ConnectionId, options: MarketOptions, now: Timestamp) -> Self {
        Self {
            id,
            options,
            next: 1,
            interests: Vec::new(),
            wanted: VecDeque::new(),
            wants_all: false,
            waiting: VecDeque::new(),
            waiting_max: options.waiting_bytes_max,
            is_interrupted: false,
            ends: false,
            since: now,
            had_room: now,
            last_told: now,
        }
    }

    /// Its number.
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Takes a request. False: it is refused, and that is told.
    pub fn asked(&mut self, record: &[u8; RECORD_SIZE], public: &Public) -> bool {
        let (reason, field, instrument) = match market::decode(record) {
            Ok((header, Body::Subscribe(wish))) => {
                if wish.protocol.padded() != PROTOCOL || wish.version != VERSION {
                    (Refusal::Version, 0, header.instrument)
                } else if self.subscribe(&wish, header.instrument, public) {
                    return true;
                } else {
                    (Refusal::UnknownInstrument, 0, header.instrument)
                }
            }
            Ok((_, Body::Heartbeat(_))) => return true,
            Ok((header, _)) => (Refusal::Misplaced, 0, header.instrument),
            Err(fault) => (Refusal::Malformed, fault.field(), InstrumentId(0)),
        };
        self.ends |= reason != Refusal::UnknownInstrument;
        let refused = Refused { reason, record_kind: record[0], field, reserved: [0; 45] };
        self.keep(market::record(instrument, 0, 0, &refused));
        false
    }

    fn subscribe(&mut self, wish: &Subscribe, instrument: InstrumentId, public: &Public) -> bool {
        if wish.symbol.is_empty() && instrument.0 == 0 {
            self.wants_all = true;
            public.instruments().for_each(|instrument| self.want(instrument));
            return true;
        }
        let found = public.find(&wish.symbol, instrument);
        found.map(|instrument| self.want(instrument)).is_some()
    }

    /// Is to have a snapshot of it, and then its changes.
    fn want(&mut self, instrument: InstrumentId) {
        let at = instrument.0 as usize;
        if self.interests.len() <= at {
            self.interests.resize(at + 1, Interest::None);
        }
        if self.interests[at] != Interest::Wanted {
            self.interests[at] = Interest::Wanted;
            self.wanted.push_back(instrument);
        }
    }

    /// The connection is to end.
    pub const fn end(&mut self) {
        self.ends = true;
    }

    /// Whether it is to end, once what was handed to the connection is sent.
    pub const fn ends(&self) -> bool {
        self.ends
    }

    /// Whether the client has said for too long nothing that can be answered.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.interests.is_empty()
            && !self.wants_all
            && now.0.saturating_sub(self.since.0) >= SILENCE_NS
    }

    /// Whether its client has taken too little for too long.
    pub fn is_stuck(&self, now: Timestamp) -> bool {
        let since_ns = now.0.saturating_sub(self.had_room.0);
        u128::from(since_ns) >= self.options.send_timeout.as_nanos()
    }

    /// Hands to the connection what the turn has for it: what waited, what changed, snapshots that it wants.
    pub fn fill(&mut self, public: &Public, now: Timestamp, output: &mut Vec<u8>) -> Sent {
        let before = output.len();
        self.drain(output);
        if self.has_room(output) {
            self.had_room = now;
        }
        for (instrument, record) in public.records() {
            if self.interest(*instrument) == Interest::Live {
                self.put(*record, output);
            }
        }
        if self.wants_all {
            public.added().iter().for_each(|instrument| self.want(*instrument));
        }
        let was_interrupted = self.waiting.len() > self.waiting_max;
        if was_interrupted {
            self.interrupt();
        }
        let snapshots = self.tell_wanted(public, now, output);
        let silence_ns = u128::from(now.0.saturating_sub(self.last_told.0));
        let is_quiet = output.len() == before && self.waiting.is_empty();
        if is_quiet && silence_ns >= self.options.heartbeat.as_nanos() {
            let beat = Heartbeat { time: now, reserved: [0; 40] };
            self.put(market::record(InstrumentId(0), 0, 0, &beat), output);
        }
        if output.len() > before {
            self.last_told = now;
        }
        let records = ((output.len() - before) / RECORD_SIZE) as u64;
        Sent { records, snapshots, was_interrupted }
    }

    #[inline]
    fn interest(&self, instrument: InstrumentId) -> Interest {
        self.interests.get(instrument.0 as usize).copied().unwrap_or_default()
    }

    #[inline]
    const fn has_room(&self, output: &[u8]) -> bool {
        output.len() < self.options.output_bytes
    }

    /// Writes a record under the next number.
    #[inline]
    fn put(&mut self, mut record: [u8; RECORD_SIZE], output: &mut Vec<u8>) {
        if !self.waiting.is_empty() || !self.has_room(output) {
            return self.keep(record);
        }
        renumber(&mut record, self.next);
        self.next += 1;
        output.extend_from_slice(&record);
    }

    /// The same, behind what waits.
    fn keep(&mut self, mut record: [u8; RECORD_SIZE]) {
        renumber(&mut record, self.next);
        self.next += 1;
        self.waiting.extend(&record);
    }

    /// Moves what waits into the output, as far as it has room.
    fn drain(&mut self, output: &mut Vec<u8>) {
        let room = self.options.output_bytes.saturating_sub(output.len());
        let room = (room - room % RECORD_SIZE).min(self.waiting.len());
        let (front, back) = self.waiting.as_slices();
        let of_front = room.min(front.len());
        output.extend_from_slice(&front[..of_front]);
        output.extend_from_slice(&back[..room - of_front]);
        self.waiting.drain(..room);
        if self.waiting.is_empty() {
            self.waiting_max = self.options.waiting_bytes_max;
        }
    }

    /// Drops what waits: what was told is made good by snapshots, once there is room. Their records take the
    /// numbers of those that were never sent.
    fn interrupt(&mut self) {
        self.next -= (self.waiting.len() / RECORD_SIZE) as u64;
        self.waiting.clear();
        self.waiting_max = self.options.waiting_bytes_max;
        self.is_interrupted = true;
        for (number, interest) in (0..).zip(&mut self.interests) {
            if *interest == Interest::Live {
                *interest = Interest::Wanted;
                self.wanted.push_back(InstrumentId(number));
            }
        }
    }

    /// Snapshots of what is wanted, while there is room: the last one may be of any size. Returns how many.
    fn tell_wanted(&mut self, public: &Public, now: Timestamp, output: &mut Vec<u8>) -> u64 {
        let mut count = 0;
        while self.has_room(output)
            && let Some(instrument) = self.wanted.pop_front()
        {
            if std::mem::take(&mut self.is_interrupted) {
                let reason = Interruption::TooSlow;
                let interrupted = Interrupted { time: now, reason, reserved: [0; 39] };
                self.put(market::record(InstrumentId(0), 0, 0, &interrupted), output);
            }
            public.snapshot(instrument, now, |record| self.put(record, output));
            self.interests[instrument.0 as usize] = Interest::Live;
            // Changes may wait behind it as if it did not.
            self.waiting_max = self.options.waiting_bytes_max + self.waiting.len();
            count += 1;
        }
        count
    }
}
