//! How many messages a trader takes in a second: its feeds, its books, and a strategy that looks at all of them.
//!
//! ```text
//!   this thread: messages, 16 in a segment --TCP--> the trader's thread: feed, book, strategy
//! ```

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use tiercel_net::Limits;
use tiercel_telemetry::Registry;
use tiercel_trader::MarketBook;
use tiercel_trader::dial::Dialer;
use tiercel_trader::hot::{Control, Hot, Wait};
use tiercel_trader::lines::{Line, Lines};

use super::clock::{self, Clock};
use super::contest::{Case, Input, Round, Subject, Timing};
use super::journal::wrong;
use super::tick_json::{self, JsonPeer, Trades};
use super::tick_peer::{Peer, Ticks, VENUE, Watcher, core};
use super::tick_sockets::{Polled, endpoint};
use super::tick_to_trade::{Way, feed};
use super::venue_sockets::{elsewhere, joined};
use super::{BenchError, Options};

/// Messages of a segment.
const SEGMENT: usize = 16;
/// More than a trader's input holds at once.
const INPUT_BYTES: usize = 1 << 20;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Records: every third a trade, the others changes of the book.
    Records,
    /// JSON: trades and best prices in turn.
    JsonTrades,
    /// JSON: changes of the book, 20 levels a side.
    JsonDepth,
}

pub(super) fn feed_rate(options: &Options, flow: Flow) -> Result<Case, BenchError> {
    let subject = FeedRate { cpu: options.second_cpu()?, messages: options.operations, flow };
    Ok(Case { unit: "message/s", input: Input::None, subjects: vec![Box::new(subject)] })
}

/// As many messages as the trader takes.
struct FeedRate {
    cpu: usize,
    messages: usize,
    flow: Flow,
}

impl Flow {
    const fn way(self) -> Way {
        match self {
            Self::Records => Way::Binary,
            Self::JsonTrades | Self::JsonDepth => Way::Json(Trades::Taking),
        }
    }

    fn line(self) -> Result<Line, BenchError> {
        Ok(match self.way() {
            Way::Binary => Line::BinaryFeed(feed()?),
            Way::Json(_) => Line::BinanceFeed(Box::new(tick_json::feed()?)),
        })
    }

    fn book(self) -> MarketBook {
        match self.way() {
            Way::Binary => MarketBook::direct(),
            Way::Json(_) => MarketBook::numbered(),
        }
    }

    /// What comes first, and then so many messages, by segments.
    fn segments(self, messages: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut first = Vec::new();
        let mut segments = vec![Vec::new(); messages / SEGMENT];
        let (mut records, mut json) = (Ticks::new(), JsonPeer::new(Trades::Taking));
        if self == Self::Records {
            records.begin(&mut first);
        }
        for (number, segment) in (0..messages).map(|number| (number, number / SEGMENT)) {
            let Some(out) = segments.get_mut(segment) else { break };
            match self {
                Self::Records if number % 3 == 0 => records.trade(out),
                Self::Records => records.tick(out),
                Self::JsonTrades if number % 2 == 0 => json.trade(out),
                Self::JsonTrades => json.best_prices(out),
                Self::JsonDepth => json.tick(out),
            }
        }
        (first, segments)
    }
}

impl Subject for FeedRate {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, _: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (flow, way) = (self.flow, self.flow.way());
        let endpoints = vec![endpoint(way, &listener, None)?];
        let (control, controlled) = channel();
        let taken = Arc::new(AtomicU64::new(0));
        let theirs = Arc::clone(&taken);
        let trader: JoinHandle<Result<(), BenchError>> = elsewhere(self.cpu, move || {
            let dialer = Dialer::new(endpoints)?;
            let core = core(Box::new(Watcher::default()), &Registry::new(), flow.book(), VENUE)?;
            let lines = Lines::new(core, vec![flow.line()?], 4);
            let limits = Limits { input_bytes: INPUT_BYTES, ..Limits::default() };
            let hot = Hot::new(lines, dialer, controlled, Wait::Spin, limits)?;
            let mut is_prepared = false;
            hot.run(|_, lines, _| {
                if !is_prepared && lines.lines().all(|(line, _)| line.is_up()) {
                    way.prepare(lines);
                    is_prepared = true;
                }
                let counts = lines.core.counts();
                theirs.store(counts.books + counts.trades, Ordering::Release);
            })?;
            Ok(())
        });
        let mut feed = Polled::accept(&listener, None)?;
        match way {
            Way::Binary => feed.read()?,
            Way::Json(_) => feed.upgrade()?,
        }
        let stream = feed.blocking()?;
        let (first, segments) = flow.segments(self.messages);
        stream.write_all(&first)?;
        // The book is counted as one.
        while taken.load(Ordering::Acquire) == 0 {
            std::hint::spin_loop();
        }
        let messages = (segments.len() * SEGMENT) as u64;
        let from = clock::start();
        for segment in &segments {
            stream.write_all(segment)?;
        }
        // The trader tells each millisecond how far it is.
        while taken.load(Ordering::Acquire) < messages + 1 {
            std::hint::spin_loop();
        }
        let seconds = clock.between_ns(clock::stop() - from) / 1e9;
        control.send(Control::Stop).map_err(|error| wrong(&error))?;
        joined(trader)?;
        let value = messages as f64 / seconds;
        Ok(Round { value, operations: messages, times_ns: Vec::new(), checksum: 0 })
    }
}
