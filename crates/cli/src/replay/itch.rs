//! An ITCH 5.0 file through the books by order.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::json;
use tiercel_book::l3::{Anomaly, AnomalyKind, Book, BookSet, Capacity, Level, Tape};
use tiercel_types::market::{self, FeedUnits, OrderAction, OrderOperation};
use tiercel_types::{Side, Timestamp};
use tiercel_wire::itch::{FrameError, FrameReader, Kind, Message};

use super::progress::Progress;
use super::report::{BookReport, BookRow, Finding, Report, SymbolReport};
use super::signals::{SignalOptions, Signals};
use super::source::Source;
use super::{Damage, ReplayArgs};
use crate::stop::Stop;

/// Bytes read at once.
const CHUNK_SIZE: usize = 256 * 1024;

/// Symbols and books that are shown when none is asked for.
const SYMBOLS_SHOWN: usize = 10;
const BOOKS_SHOWN: usize = 3;

/// Everything that a pass over the file builds up.
struct Replay {
    frames: FrameReader,
    books: BookSet,
    followed: Followed,
    /// Symbols by locate.
    symbols: BTreeMap<u16, String>,
    /// Messages by type byte.
    types: [u64; 256],
    messages: u64,
    /// The first anomaly of each kind.
    first: BTreeMap<AnomalyKind, Anomaly>,
    damage: Damage,
    /// Where a frame of zero length begins, if one came: the end, unless more follows.
    end_mark: Option<u64>,
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
    let capacity = Capacity { instruments: 1024, orders: 1 << 16, levels: 16 };
    let mut replay = Replay {
        frames: FrameReader::default(),
        books: BookSet::new(capacity),
        followed: Followed { options: signals, signals: BTreeMap::new(), left_out: false },
        symbols: BTreeMap::new(),
        types: [0; 256],
        messages: 0,
        first: BTreeMap::new(),
        damage: Damage::default(),
        end_mark: None,
    };
    let mut chunk = vec![0; CHUNK_SIZE];
    let mut cut = false;
    while !stop.asked() && !replay.damage.too_much() {
        match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => replay.take(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                replay.damage.add(&source.describe(&error));
                cut = true;
                break;
            }
        }
        progress.tick(source.file_position(), replay.messages);
    }
    let ended = !stop.asked() && !cut && !replay.damage.too_much();
    replay.finish(ended, source.position());
    replay.tell(args, report);
    report.bytes = source.position();
}

impl Replay {
    fn take(&mut self, chunk: &[u8]) {
        let Self { frames, books, followed, symbols, types, messages, first, damage, end_mark } =
            self;
        frames.feed(chunk, |result| match result {
            // Behind a lost framing nothing is believed, also within this chunk.
            _ if damage.too_much() => {}
            Ok(message) => {
                damage.good();
                *messages += 1;
                types[message.kind() as usize] += 1;
                if let Message::StockDirectory(directory) = message {
                    let symbol = directory.stock.trimmed().escape_ascii().to_string();
                    symbols.insert(directory.head.stock_locate.get(), symbol);
                }
                if let Some(operation) = message.operation() {
                    let trade = followed.trade(books, &operation);
                    if let Err(anomaly) = books.apply(&operation) {
                        first.entry(anomaly.kind()).or_insert(anomaly);
                    }
                    followed.take(books, &operation, trade, symbols);
                }
            }
            Err(FrameError::ZeroLength { offset }) => *end_mark = Some(offset),
            Err(error) => damage.add(&error),
        });
    }

    /// Judges the end of the data, if it was reached.
    fn finish(&mut self, ended: bool, position: u64) {
        if let Some(offset) = self.end_mark {
            // Two bytes of zero at the very end are the mark of a whole file.
            if offset + 2 != position {
                self.damage.add(&FrameError::ZeroLength { offset });
            }
        } else if ended && let Err(error) = self.frames.clone().finish() {
            self.damage.add(&error);
        }
    }

    fn tell(mut self, args: &ReplayArgs, report: &mut Report) {
        report.messages = self.messages;
        let mut signals = std::mem::take(&mut self.followed.signals);
        for kind in Kind::ALL {
            let count = self.types[kind as usize];
            if count > 0 {
                let code = char::from(kind as u8);
                report.types.push((format!("{code} {kind:?}"), count));
            }
        }
        let mut shown: Vec<(&str, &Book)> =
            self.books.books().iter().map(|book| (self.symbol(book.locate()), book)).collect();
        report.symbols_total = shown.len();
        // The busiest first; the symbol decides between equals.
        shown.sort_by_key(|(symbol, book)| (core::cmp::Reverse(volume(book.tape())), *symbol));
        for (symbol, book) in &shown {
            if let Some(signals) = signals.remove(&book.locate()) {
                report.signals.push(signals.finish(symbol));
            }
        }
        if args.symbol.is_empty() {
            shown.truncate(SYMBOLS_SHOWN);
        } else {
            shown.retain(|(symbol, _)| args.symbol.iter().any(|wanted| wanted == symbol));
        }
        let books = if args.symbol.is_empty() { BOOKS_SHOWN } else { shown.len() };
        for (at, (symbol, book)) in shown.into_iter().enumerate() {
            report.symbols.push(symbol_report(symbol, book));
            if at < books && args.depth > 0 {
                report.books.push(book_report(symbol, book, args.depth));
            }
        }
        for (kind, anomaly) in &self.first {
            report.findings.push(Finding {
                name: kind.as_str().to_owned(),
                count: self.books.anomalies().of(*kind),
                first: anomaly.to_string(),
            });
        }
        report.signals_left_out = self.followed.left_out;
        report.damage = self.damage;
    }

    fn symbol(&self, locate: u16) -> &str {
        self.symbols.get(&locate).map_or("?", String::as_str)
    }
}

/// Shares traded: in the book, beside it, and in crosses.
const fn volume(tape: &Tape) -> u64 {
    tape.executed_qty.saturating_add(tape.traded_qty).saturating_add(tape.crossed_qty)
}

fn symbol_report(symbol: &str, book: &Book) -> SymbolReport {
    let tape = book.tape();
    let best = |side| book.best(side).map(|level| price(level.price()));
    let last = (tape.last_price != 0).then(|| price(tape.last_price));
    SymbolReport {
        symbol: symbol.to_owned(),
        cells: vec![
            ("locate", json!(book.locate())),
            ("executions", json!(tape.executions)),
            ("hidden trades", json!(tape.trades)),
            ("crosses", json!(tape.crosses)),
            ("broken", json!(tape.broken)),
            ("volume", json!(volume(tape))),
            ("last", json!(last)),
            ("bid", json!(best(Side::Buy))),
            ("ask", json!(best(Side::Sell))),
        ],
    }
}

fn book_report(symbol: &str, book: &Book, depth: usize) -> BookReport {
    let row = |level: &Level| BookRow {
        price: price(level.price()),
        qty: level.qty().to_string(),
        orders: Some(level.orders()),
    };
    // The best level is the last of the slice.
    let side = |side| book.top(side, depth).iter().rev().map(row).collect();
    BookReport {
        symbol: symbol.to_owned(),
        absent: None,
        crossed: matches!(
            (book.best(Side::Buy), book.best(Side::Sell)),
            (Some(bid), Some(ask)) if bid.price() >= ask.price()
        ),
        bids: side(Side::Buy),
        asks: side(Side::Sell),
    }
}

/// A price of the feed with its four places.
fn price(units: u32) -> String {
    format!("{:.4}", FeedUnits::ITCH.price(units))
}

/// A trade, for the signals: at what price, how much, and who took where that is told.
type Trade = (u32, u64, Option<Side>);

/// The symbols whose signals are followed.
struct Followed {
    /// None: signals are not followed.
    options: Option<SignalOptions>,
    /// By locate.
    signals: BTreeMap<u16, Signals>,
    /// Some were not, for there are too many.
    left_out: bool,
}

impl Followed {
    /// The trade that an operation is, before the order that it takes from is changed.
    fn trade(&self, books: &BookSet, operation: &OrderOperation) -> Option<Trade> {
        self.options.as_ref()?;
        // Who rests does not take.
        let taken = |reference: u64| {
            let order = books.order(reference)?;
            Some((order.price(), order.side().opposite()))
        };
        match operation.action {
            OrderAction::Execute { reference, qty, .. } => {
                let (price, aggressor) = taken(reference)?;
                Some((price, u64::from(qty), Some(aggressor)))
            }
            OrderAction::ExecuteAt { reference, qty, price, printable: true, .. } => {
                Some((price, u64::from(qty), taken(reference).map(|(_, aggressor)| aggressor)))
            }
            // Since 2014 every hidden order is reported as a bid: its side tells nothing.
            OrderAction::Trade { qty, price, .. } => Some((price, u64::from(qty), None)),
            OrderAction::Cross { qty, price, .. } if qty > 0 => Some((price, qty, None)),
            _ => None,
        }
    }

    /// Gives an operation that was applied to the signals of its symbol.
    fn take(
        &mut self,
        books: &BookSet,
        operation: &OrderOperation,
        trade: Option<Trade>,
        symbols: &BTreeMap<u16, String>,
    ) {
        let Some(options) = &self.options else { return };
        let locate = operation.locate;
        if !self.signals.contains_key(&locate) {
            let symbol = symbols.get(&locate).map_or("?", String::as_str);
            let follow = options.follows(symbol, self.signals.len());
            self.left_out |= !follow && options.symbols.is_empty();
            // The options were checked when they were read.
            let Some(signals) = follow.then(|| Signals::new(options).ok()).flatten() else {
                return;
            };
            self.signals.insert(locate, signals);
        }
        let Some(signals) = self.signals.get_mut(&locate) else { return };
        let time = Timestamp(operation.time_ns);
        if let Some((price, qty, aggressor)) = trade {
            let units = FeedUnits::ITCH;
            signals.on_trade(time, units.price(price), units.qty(qty), aggressor);
        }
        if let OrderAction::Trade { .. } | OrderAction::Cross { .. } | OrderAction::Break { .. } =
            operation.action
        {
            return;
        }
        let Some(book) = books.book(locate) else { return };
        let best = |side| {
            book.best(side).map_or_else(market::Level::default, |level| market::Level {
                price: FeedUnits::ITCH.price(level.price()),
                qty: FeedUnits::ITCH.qty(level.qty()),
            })
        };
        signals.on_quote(time, best(Side::Buy), best(Side::Sell));
        let side =
            |side| book.top(side, 20).iter().rev().map(|level| FeedUnits::ITCH.qty(level.qty()));
        signals.on_depth(time, &side(Side::Buy), &side(Side::Sell));
    }
}
