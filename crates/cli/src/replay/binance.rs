//! A Binance capture through the aggregated books.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use serde_json::json;
use tiercel_book::l2::{Anomaly, DiffOutcome, SnapshotOutcome, State, Synchroniser};
use tiercel_book::l2::{TickerAgreement, TradeContinuity};
use tiercel_types::market::{BestBidOffer, DepthSnapshot, Level, MarketTrade};
use tiercel_types::{Price, Side, Timestamp};
use tiercel_wire::binance::capture::{CaptureLine, CaptureReader};
use tiercel_wire::binance::{Decoder, Message};

use super::progress::Progress;
use super::report::{BookReport, BookRow, Finding, Report, SymbolReport};
use super::signals::{DEPTH, SignalOptions, Signals};
use super::source::Source;
use super::{Damage, ReplayArgs};
use crate::stop::Stop;
use crate::text::printable;

/// The longest line that is read. A depth snapshot of 5,000 levels a side has some 300 kB.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Between two looks at the clock.
const LINES_PER_TICK: u64 = 256;

/// Symbols that are followed; there are some 3,000. A file with more says so.
const MARKETS_MAX: usize = 4_096;

/// Symbols that are shown when none is asked for.
const SYMBOLS_SHOWN: usize = 10;

/// What is known of one symbol.
#[derive(Default)]
struct Market {
    book: Synchroniser,
    agreement: TickerAgreement,
    continuity: TradeContinuity,
    /// Units of the base asset traded, in 10^-8.
    volume_units: u128,
    last: Option<Price>,
    signals: Option<Box<Signals>>,
    /// The update as of which the signals know the best levels.
    top_update_id: u64,
}

/// A snapshot that came before any symbol was known.
struct EarlySnapshot {
    line: u64,
    last_update_id: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

struct Replay<'a> {
    args: &'a ReplayArgs,
    /// None: signals are not followed.
    signals: Option<SignalOptions>,
    /// There were too many symbols to follow the signals of all.
    signals_left_out: bool,
    markets: BTreeMap<String, Market>,
    early: Option<EarlySnapshot>,
    types: BTreeMap<&'static str, u64>,
    findings: BTreeMap<&'static str, Finding>,
    messages: u64,
}

/// Replays the file into `report`.
pub(super) fn replay(
    source: &mut Source,
    args: &ReplayArgs,
    signals: Option<SignalOptions>,
    stop: &Stop,
    progress: &mut Progress,
    report: &mut Report,
) {
    let mut reader = CaptureReader::new(Decoder::default());
    let mut replay = Replay {
        args,
        signals,
        signals_left_out: false,
        markets: BTreeMap::new(),
        early: None,
        types: BTreeMap::new(),
        findings: BTreeMap::new(),
        messages: 0,
    };
    let mut damage = Damage::default();
    let mut input = BufReader::with_capacity(256 * 1024, &mut *source);
    let mut bytes = 0_u64;
    let mut line = Vec::new();
    while !stop.asked() && !damage.too_much() {
        line.clear();
        match input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(count) => bytes += count as u64,
            Err(error) => {
                let line = reader.lines() + 1;
                damage.add(&format!("line {line}: {}", input.get_ref().describe(&error)));
                break;
            }
        }
        if line.len() as u64 == LINE_BYTES_MAX {
            let line = reader.lines() + 1;
            damage.add(&format!("line {line}: longer than {LINE_BYTES_MAX} bytes"));
            break;
        }
        let whole = line.ends_with(b"\n");
        let number = reader.lines() + 1;
        match reader.read(&line) {
            Ok(line) => {
                damage.good();
                replay.take(number, &line);
            }
            Err(error) if !whole => damage.add(&format!("{error} (the last line is cut off)")),
            Err(error) => damage.add(&error),
        }
        if number.is_multiple_of(LINES_PER_TICK) {
            progress.tick(input.get_ref().file_position(), replay.messages);
        }
    }
    replay.tell(report);
    report.bytes = bytes;
    report.damage = damage;
}

impl Replay<'_> {
    fn take(&mut self, number: u64, line: &CaptureLine<'_>) {
        self.messages += 1;
        let kind = match &line.decoded.message {
            Message::Depth(_) => "depthUpdate",
            Message::Trade(_) => "trade",
            Message::AggregateTrade(_) => "aggTrade",
            Message::BookTicker(_) => "bookTicker",
            Message::Snapshot(_) if line.decoded.stream.is_some() => "partial depth",
            Message::Snapshot(_) => "depth snapshot",
        };
        *self.types.entry(kind).or_default() += 1;
        match &line.decoded.message {
            Message::Depth(update) => {
                let market = self.market(update.symbol);
                match market.map(|market| market.book.on_diff(&update.diff)) {
                    Some(Ok(DiffOutcome::Applied)) => {
                        self.compare(update.symbol);
                        self.depth(update.symbol, line.local_time);
                    }
                    Some(Ok(DiffOutcome::Kept | DiffOutcome::Stale)) | None => {}
                    Some(Err(anomaly)) => self.anomaly(number, update.symbol, &anomaly),
                }
            }
            Message::Trade(trade) => {
                self.trade(number, trade.symbol, &trade.trade, line.local_time);
            }
            // Its trades come one by one as well, where they were recorded.
            Message::AggregateTrade(_) => {}
            Message::BookTicker(ticker) => {
                if let Some(market) = self.market(ticker.symbol) {
                    market.agreement.on_ticker(&ticker.best);
                    market.top(line.local_time, &ticker.best);
                }
            }
            // Some twenty levels of a book are no book to build on.
            Message::Snapshot(_) if line.decoded.stream.is_some() => {}
            Message::Snapshot(snapshot) => self.snapshot(number, snapshot),
        }
    }

    /// The market of a symbol, made when it is first met; none when there are too many.
    fn market(&mut self, symbol: &str) -> Option<&mut Market> {
        if !self.markets.contains_key(symbol) {
            if self.markets.len() == MARKETS_MAX {
                self.find("too_many_symbols", &format!("{symbol} and later ones are left out"));
                return None;
            }
            let market = Market { signals: self.follow(symbol), ..Market::default() };
            self.markets.insert(symbol.to_owned(), market);
            if let Some(early) = self.early.take() {
                let EarlySnapshot { line, last_update_id, bids, asks } = early;
                self.snapshot(line, &DepthSnapshot { last_update_id, bids: &bids, asks: &asks });
            }
        }
        self.markets.get_mut(symbol)
    }

    /// The signals of a new symbol, if they are followed.
    fn follow(&mut self, symbol: &str) -> Option<Box<Signals>> {
        let options = self.signals.as_ref()?;
        if !options.follows(symbol, self.markets.len()) {
            self.signals_left_out |= options.symbols.is_empty();
            return None;
        }
        // The options were checked when they were read.
        Signals::new(options).ok().map(Box::new)
    }

    /// Gives the book to the signals.
    fn depth(&mut self, symbol: &str, time: Timestamp) {
        let Some(market) = self.markets.get_mut(symbol) else { return };
        let Some(best) = market.book.book().map(tiercel_book::l2::L2Book::best) else { return };
        market.top(time, &best);
        if let (Some(signals), Some(book)) = (&mut market.signals, market.book.book()) {
            let mut levels = [[Level::default(); DEPTH]; 2];
            let counts =
                [Side::Buy, Side::Sell].map(|side| book.top(side, &mut levels[side.index()]));
            let side = |side: usize| levels[side].iter().take(counts[side]).map(|level| level.qty);
            signals.on_depth(time, &side(0), &side(1));
        }
    }

    /// Takes the answer of REST `depth`, which does not say its symbol: it is that of the only
    /// market there is.
    fn snapshot(&mut self, number: u64, snapshot: &DepthSnapshot<'_>) {
        let mut symbols = self.markets.keys();
        let (Some(symbol), None) = (symbols.next().cloned(), symbols.next()) else {
            if self.markets.is_empty() {
                self.early = Some(EarlySnapshot {
                    line: number,
                    last_update_id: snapshot.last_update_id,
                    bids: snapshot.bids.to_vec(),
                    asks: snapshot.asks.to_vec(),
                });
                return;
            }
            let what = "a depth snapshot does not say its symbol, and there are many";
            return self.find("snapshot_without_symbol", &format!("line {number}: {what}"));
        };
        let Some(market) = self.markets.get_mut(&symbol) else { return };
        match market.book.on_snapshot(snapshot) {
            Ok(SnapshotOutcome::Adopted { .. }) => self.compare(&symbol),
            Ok(SnapshotOutcome::TooOld { needed }) => {
                let have = snapshot.last_update_id;
                let what = format!("line {number}: {symbol}: as of {have}, needed {needed}");
                self.find("snapshot_too_old", &what);
            }
            Ok(SnapshotOutcome::Stale) => {}
            Err(anomaly) => self.anomaly(number, &symbol, &anomaly),
        }
    }

    fn trade(&mut self, number: u64, symbol: &str, trade: &MarketTrade, time: Timestamp) {
        let Some(market) = self.market(symbol) else { return };
        market.volume_units += u128::from(trade.qty.units());
        market.last = Some(trade.price);
        if let Some(signals) = &mut market.signals {
            signals.on_trade(time, trade.price, trade.qty, Some(trade.aggressor));
        }
        let repeated = market.continuity.repeated();
        let missing = market.continuity.on_trade(trade.trade_id);
        let again = market.continuity.repeated() > repeated;
        let id = trade.trade_id;
        if missing > 0 {
            let what = format!("line {number}: {symbol}: {missing} missing before trade {id}");
            self.find("trade_gap", &what);
        }
        if again {
            self.find("trade_repeated", &format!("line {number}: {symbol}: trade {id} again"));
        }
    }

    /// Compares the book with the tickers, as of its update.
    fn compare(&mut self, symbol: &str) {
        let Some(market) = self.markets.get_mut(symbol) else { return };
        if let Some(best) = market.book.book().map(tiercel_book::l2::L2Book::best) {
            market.agreement.on_book(&best);
        }
    }

    fn anomaly(&mut self, number: u64, symbol: &str, anomaly: &Anomaly) {
        self.find(anomaly.code(), &format!("line {number}: {symbol}: {anomaly}"));
    }

    fn find(&mut self, name: &'static str, what: &str) {
        let found = self.findings.entry(name);
        found.and_modify(|finding| finding.count += 1).or_insert_with(|| Finding {
            name: name.to_owned(),
            count: 1,
            first: printable(what),
        });
    }

    fn tell(mut self, report: &mut Report) {
        let args = self.args;
        report.messages = self.messages;
        report.types =
            self.types.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        report.symbols_total = self.markets.len();
        report.signals_left_out = self.signals_left_out;
        for market in self.markets.values_mut() {
            market.agreement.finish();
        }
        let mut shown: Vec<(&String, &mut Market)> = self.markets.iter_mut().collect();
        shown.sort_by_key(|(symbol, market)| {
            (core::cmp::Reverse(market.continuity.trades()), symbol.as_str())
        });
        for (symbol, market) in &mut shown {
            if let Some(signals) = market.signals.take() {
                report.signals.push(signals.finish(symbol));
            }
        }
        if args.symbol.is_empty() {
            shown.truncate(SYMBOLS_SHOWN);
        } else {
            shown.retain(|(symbol, _)| args.symbol.contains(symbol));
        }
        for (symbol, market) in shown {
            report.symbols.push(symbol_report(symbol, market));
            if args.depth > 0 {
                report.books.push(book_report(symbol, market, args.depth));
            }
        }
        if self.early.is_some() {
            let what = "the file has a snapshot and no market that it could be of";
            self.find("snapshot_without_symbol", what);
        }
        report.findings = self.findings.into_values().collect();
    }
}

impl Market {
    /// Gives the best levels to the signals, unless they are older than what those know: tickers and
    /// depths tell of the same book, each in its own time.
    fn top(&mut self, time: Timestamp, best: &BestBidOffer) {
        if let Some(signals) = &mut self.signals
            && best.update_id > self.top_update_id
        {
            self.top_update_id = best.update_id;
            signals.on_quote(time, best.bid, best.ask);
        }
    }
}

fn symbol_report(symbol: &str, market: &Market) -> SymbolReport {
    let counts = market.book.counts();
    let agreement = &market.agreement;
    let share = match agreement.compared() {
        0 => None,
        compared => Some(format!("{:.3}%", agreement.agreed() as f64 * 100.0 / compared as f64)),
    };
    let volume = tiercel_types::Money::from_units(
        i128::try_from(market.volume_units * 100_000_000).unwrap_or(i128::MAX),
    );
    SymbolReport {
        symbol: printable(symbol),
        cells: vec![
            ("trades", json!(market.continuity.trades())),
            ("volume", json!(volume.to_string())),
            ("last", json!(market.last.map(|price| price.to_string()))),
            ("diffs applied", json!(counts.diffs_applied)),
            ("diffs stale", json!(counts.diffs_stale)),
            ("gaps", json!(counts.gaps)),
            ("trade gaps", json!(market.continuity.gaps())),
            ("compared", json!(agreement.compared())),
            ("agreed", json!(agreement.agreed())),
            ("agreement", json!(share)),
        ],
    }
}

fn book_report(symbol: &str, market: &Market, depth: usize) -> BookReport {
    let absent = match market.book.state() {
        State::Synchronised => None,
        State::Buffering => Some("no book: no snapshot to begin with".to_owned()),
        State::OutOfSync(anomaly) => Some(format!("no book: it was lost: {anomaly}")),
    };
    let top = |side: Side| {
        market.book.book().into_iter().flat_map(move |book| book.levels(side).take(depth))
    };
    let shown = || top(Side::Buy).chain(top(Side::Sell));
    // The same places for all, so that the points stand below each other.
    let places = |text: String| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let price_places = shown().map(|level| places(level.price.to_string())).max().unwrap_or(0);
    let qty_places = shown().map(|level| places(level.qty.to_string())).max().unwrap_or(0);
    let row = |level: Level| BookRow {
        price: format!("{:.price_places$}", level.price),
        qty: format!("{:.qty_places$}", level.qty),
        orders: None,
    };
    let side = |side: Side| top(side).map(row).collect();
    BookReport {
        symbol: printable(symbol),
        absent,
        crossed: false,
        bids: side(Side::Buy),
        asks: side(Side::Sell),
    }
}
