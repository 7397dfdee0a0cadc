//! What Binance venues say, as it came: captures that `tiercel replay` reads.
//!
//! ```text
//!   <time of receipt in ns> <message>          one a line; a file of each instrument
//! ```
//!
//! Of two connections that tell the same what comes first is recorded. A file begins with the book as it is then, in the
//! form of the venue's answer to `depth`; so does whatever follows something that was missed.

use std::io;
use std::path::PathBuf;

use tiercel_book::l2::L2Book;
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Side, Symbol, Timestamp};

use super::files::{Files, Span};
use crate::market::{Market, MarketState};
use crate::tap::{Tap, Tapped, TextKind};

/// What captures end with.
pub(super) const EXTENSION: &str = "jsonl";
/// Levels of each side that a book is recorded with: as many as the venue's own answer has at most.
const LEVELS: usize = 5_000;

/// An instrument that is recorded.
struct Own {
    symbol: Symbol,
    /// The newest message of each kind.
    newest: [u64; 3],
    /// Its book is to be recorded, once it is whole.
    wants_book: bool,
}

/// Records the texts of a venue.
pub struct TextsTap {
    files: Files,
    /// By the recorder's number; none: of another venue.
    owned: Vec<Option<Own>>,
    folder: PathBuf,
    venue: String,
    span: Span,
}

impl TextsTap {
    /// In a folder, each file called by venue, symbol and time, and of so long. Instruments are given by their number:
    /// the others are of other venues.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn new(
        folder: PathBuf,
        venue: String,
        instruments: impl IntoIterator<Item = Option<Symbol>>,
        span_ns: u64,
    ) -> io::Result<Self> {
        let own = |symbol: Symbol| Own { symbol, newest: [0; 3], wants_book: true };
        let owned: Vec<Option<Own>> =
            instruments.into_iter().map(|symbol| symbol.map(own)).collect();
        let files = Files::new(owned.len())?;
        Ok(Self { files, owned, folder, venue, span: Span::new(span_ns) })
    }

    fn begin_files(&mut self, now: Timestamp) {
        for (place, own) in self.owned.iter_mut().enumerate() {
            let Some(own) = own else { continue };
            let stem = format!("{}-{}", self.venue, own.symbol.as_str());
            self.files.begin(place, now, &self.folder, &stem, EXTENSION);
            own.wants_book = true;
        }
    }
}

impl Tap for TextsTap {
    #[inline]
    fn take(&mut self, now: Timestamp, instrument: InstrumentId, what: &Tapped<'_>) {
        let place = instrument.0 as usize;
        let Some(own) = self.owned.get_mut(place).and_then(Option::as_mut) else { return };
        match *what {
            Tapped::Text(kind, number, text) => {
                let newest = &mut own.newest[kind_index(kind)];
                if number > *newest {
                    *newest = number;
                    self.files.write(place, |buffer| put_line(now, text, buffer));
                }
            }
            // The venue may number anew. While a connection goes on, it does not.
            Tapped::Down => own.newest = [0; 3],
            Tapped::Anew => own.wants_book = true,
            _ => {}
        }
    }

    fn tick(&mut self, now: Timestamp, markets: &[Market]) {
        if self.span.is_due(now) {
            self.begin_files(now);
        }
        for (place, (own, market)) in self.owned.iter_mut().zip(markets).enumerate() {
            let Some(own) = own else { continue };
            let book = market.book.levels().filter(|_| market.state() == MarketState::Live);
            if let Some(book) = book
                && core::mem::take(&mut own.wants_book)
            {
                self.files.write(place, |buffer| put_book(now, book, buffer));
            }
        }
        self.files.hand_over_all();
    }

    fn end(&mut self, _: Timestamp) {
        self.files.end();
    }

    fn fault(&mut self) -> Option<String> {
        self.files.fault().map(str::to_owned)
    }
}

const fn kind_index(kind: TextKind) -> usize {
    match kind {
        TextKind::Depth => 0,
        TextKind::Trade => 1,
        TextKind::Best => 2,
    }
}

fn put_line(now: Timestamp, text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(now.0.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// The book as the venue tells it of `depth`.
fn put_book(now: Timestamp, book: &L2Book, out: &mut Vec<u8>) {
    let side = |side: Side| {
        let level = |level: Level| format!("[\"{:.8}\",\"{:.8}\"]", level.price, level.qty);
        book.levels(side).take(LEVELS).map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(Side::Buy), side(Side::Sell));
    let update_id = book.update_id();
    let text = format!("{{\"lastUpdateId\":{update_id},\"bids\":[{bids}],\"asks\":[{asks}]}}");
    put_line(now, text.as_bytes(), out);
}
