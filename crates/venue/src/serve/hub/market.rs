//! Market streams that are told by the clock, and aggregate trades.
//!
//! | stream | told |
//! |---|---|
//! | aggregate trades | when the next trade is another's, or its command ends |
//! | partial books | at their cadence, what has not changed once a second |
//! | candles | each two seconds, those of a second each second; when they close, at once |
//! | tickers, averages | once a second; those of all markets only where something has changed |

use std::collections::HashMap;

use tiercel_types::{Event, EventHeader, InstrumentId, InstrumentSpec, Price, Timestamp};

use super::Hub;
use crate::binance::answer::NANOS_PER_MILLI;
use crate::binance::average_price::average_message;
use crate::binance::klines::{self, Clock};
use crate::binance::statistics::Statistics;
use crate::binance::stream::{self, Best, Cadence, Stream, StreamKind};
use crate::binance::trades::Aggregate;
use crate::binance::{tickers, view};
use crate::models::{Candle, Interval, Models};

/// Beats in a second.
const BEATS_A_SECOND: u32 = 10;
/// A candle closes so long after its interval is over: by then the trades of its last moment are
/// durable, if the log is at all well.
const CLOSING_MS: u64 = 250;
/// The most candles that are closed at one beat: more have passed only if the venue stood still.
const CLOSED_MAX: usize = 8;

/// What these streams remember of what they have told.
#[derive(Default)]
pub(super) struct Told {
    /// The trade that the next one may belong to.
    aggregate: Option<(InstrumentId, Aggregate)>,
    /// The book that each partial stream has told.
    books: HashMap<Stream, u64>,
    /// The interval that each stream of candles is in.
    intervals: HashMap<Stream, Timestamp>,
    /// What the tickers of all markets were when they were told.
    tickers: HashMap<InstrumentId, TickerState>,
}

/// What of a ticker can change but its time.
type TickerState = (Candle, Price, Best);

impl Hub {
    /// An event was folded: aggregate trades.
    pub(super) fn tell_aggregates(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        if let Event::Trade(trade) = event {
            let next = Aggregate::from((header, trade));
            let joined = self.told.aggregate.as_mut().is_some_and(|(instrument, before)| {
                *instrument == header.instrument && before.join(&next)
            });
            if !joined {
                self.flush_aggregate(models);
                self.told.aggregate = Some((header.instrument, next));
            }
        }
        if header.is_last() {
            self.flush_aggregate(models);
        }
    }

    fn flush_aggregate(&mut self, models: &Models) {
        let Some((instrument, aggregate)) = self.told.aggregate.take() else { return };
        self.send(Stream { instrument, kind: StreamKind::AggregateTrade }, || {
            aggregate.message(models.instruments().get(instrument)?).ok()
        });
    }

    /// Tells what is due at a beat; there are ten of them in a second.
    pub(in crate::serve) fn tell_beat(&mut self, models: &Models, beat: u32, now_ms: u64) {
        let second = beat.is_multiple_of(BEATS_A_SECOND);
        let due = |stream: &Stream| match stream.kind {
            // Candles are looked at each time: they close when their time has come.
            StreamKind::PartialDepth { cadence: Cadence::Fast, .. } | StreamKind::Kline(_) => true,
            _ => second,
        };
        let due: Vec<Stream> = self.fanout.topics().filter(due).collect();
        if second {
            let Self { fanout, told, names, .. } = self;
            names.retain(|stream, _| fanout.is_told(*stream));
            told.books.retain(|stream, _| fanout.is_told(*stream));
            told.intervals.retain(|stream, _| fanout.is_told(*stream));
        }
        let even = beat.is_multiple_of(2 * BEATS_A_SECOND);
        let mut of_all = Vec::new();
        for stream in due {
            let spec = models.instruments().get(stream.instrument);
            match (stream.kind, spec) {
                (StreamKind::AllTickers | StreamKind::AllMiniTickers { .. }, _) => {
                    of_all.push(stream);
                }
                (StreamKind::PartialDepth { levels, .. }, Some(_)) => {
                    self.tell_partial(models, stream, usize::from(levels), second);
                }
                (StreamKind::Kline(interval), Some(spec)) => {
                    let due = even || (second && interval == Interval::Second);
                    self.tell_kline(models, stream, interval, spec, due, now_ms);
                }
                (kind, Some(spec)) => self.tell_ticker(models, stream, kind, spec, now_ms),
                (_, None) => {}
            }
        }
        if !of_all.is_empty() {
            self.tell_all_tickers(models, &of_all, now_ms);
        }
    }

    fn tell_partial(&mut self, models: &Models, stream: Stream, levels: usize, second: bool) {
        let Some(book) = models.book(stream.instrument) else { return };
        let unchanged = self.told.books.insert(stream, book.update_id()) == Some(book.update_id());
        if !unchanged || second {
            self.send(stream, || view::depth(book, levels).ok());
        }
    }

    fn tell_kline(
        &mut self,
        models: &Models,
        stream: Stream,
        interval: Interval,
        spec: &InstrumentSpec,
        due: bool,
        now_ms: u64,
    ) {
        let clock = Clock { interval, zone_ns: 0 };
        let settled_ms = now_ms.saturating_sub(CLOSING_MS);
        let start = clock.start(Timestamp(settled_ms.saturating_mul(NANOS_PER_MILLI)));
        let before = self.told.intervals.insert(stream, start);
        if !due && before.is_none_or(|before| before >= start) {
            return;
        }
        let traded = models.candles_of(stream.instrument, interval, 0);
        let passed = std::iter::successors(before, |at| Some(clock.next(*at)));
        for closed in passed.take_while(|at| *at < start).take(CLOSED_MAX) {
            self.send(stream, || {
                let candle = clock.candle(&traded, closed)?;
                klines::message(spec, interval, &candle, true, now_ms).ok()
            });
        }
        if due {
            self.send(stream, || {
                let candle = clock.candle(&traded, start)?;
                klines::message(spec, interval, &candle, false, now_ms).ok()
            });
        }
    }

    fn tell_ticker(
        &mut self,
        models: &Models,
        stream: Stream,
        kind: StreamKind,
        spec: &InstrumentSpec,
        now_ms: u64,
    ) {
        let now = Timestamp(now_ms.saturating_mul(NANOS_PER_MILLI));
        let day = || Statistics::day(models, spec, now);
        match kind {
            StreamKind::Ticker => {
                self.send(stream, || tickers::day_ticker_message(models, spec, &day()).ok());
            }
            StreamKind::MiniTicker => {
                self.send(stream, || tickers::mini_ticker_message(spec, &day(), now_ms).ok());
            }
            StreamKind::WindowTicker(window) => self.send(stream, || {
                let told = Statistics::window(models, spec, now, window.length_ns());
                tickers::window_ticker_message(window.as_str(), spec, &told).ok()
            }),
            StreamKind::AveragePrice => {
                self.send(stream, || average_message(models, spec, now).ok());
            }
            _ => {}
        }
    }

    /// The tickers of all markets, where something has changed since they were told last.
    fn tell_all_tickers(&mut self, models: &Models, streams: &[Stream], now_ms: u64) {
        let now = Timestamp(now_ms.saturating_mul(NANOS_PER_MILLI));
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for spec in models.instruments().iter() {
            let told = Statistics::day(models, spec, now);
            let best = models.book(spec.instrument).map(stream::best).unwrap_or_default();
            let state = (told.candle, told.last, best);
            if self.told.tickers.insert(spec.instrument, state) == Some(state) {
                continue;
            }
            long.extend(tickers::day_ticker_message(models, spec, &told));
            short.extend(tickers::mini_ticker_message(spec, &told, now_ms));
        }
        for stream in streams {
            let told = if stream.kind == StreamKind::AllTickers { &long } else { &short };
            self.send(*stream, || (!told.is_empty()).then(|| format!("[{}]", told.join(","))));
        }
    }
}
