//! A client of market data: books from records alone, as others would make them.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Price, Qty, Side, Symbol};
use tiercel_wire::binary::Text;
use tiercel_wire::market::{
    self, Body, Header, Kind, PROTOCOL, RECORD_SIZE, Refused, SNAPSHOT, Subscribe, VERSION,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Both sides of a book, best first.
pub(crate) type Levels = [Vec<Level>; 2];

/// What asks for an instrument; for all without a name.
pub(crate) fn subscribe(symbol: &str) -> [u8; RECORD_SIZE] {
    let (protocol, symbol) = (Text::new(PROTOCOL).unwrap(), symbol.parse().unwrap());
    let wish = Subscribe { protocol, symbol, version: VERSION, reserved: [0; 22] };
    market::record(InstrumentId(0), 0, 0, &wish)
}

/// A book of the client's.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientBook {
    sides: [BTreeMap<Price, Qty>; 2],
    pub(crate) update_id: u64,
    /// It had a snapshot, and nothing is missing since.
    is_good: bool,
    /// It lies within an update.
    is_torn: bool,
}

impl ClientBook {
    pub(crate) fn levels(&self) -> Levels {
        let level = |(price, qty): (&Price, &Qty)| Level { price: *price, qty: *qty };
        let [bids, asks] = &self.sides;
        [bids.iter().rev().map(level).collect(), asks.iter().map(level).collect()]
    }
}

/// What a client has heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) books: BTreeMap<InstrumentId, ClientBook>,
    pub(crate) names: BTreeMap<InstrumentId, Symbol>,
    pub(crate) counts: BTreeMap<Kind, u64>,
    pub(crate) snapshots: u64,
    pub(crate) refused: Vec<Refused>,
    /// Records that change no book.
    pub(crate) told: Vec<(InstrumentId, Body)>,
    sequence: u64,
}

impl Heard {
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Takes a record in; the instrument whose book is whole now.
    pub(crate) fn take(&mut self, record: &[u8; RECORD_SIZE]) -> Option<InstrumentId> {
        let (header, body) = market::decode(record).unwrap();
        self.sequence += 1;
        assert_eq!(header.sequence, self.sequence, "numbers without a gap");
        *self.counts.entry(body.kind()).or_default() += 1;
        match body {
            Body::Depth(depth) => return self.depth(&header, &depth),
            Body::Interrupted(_) => self.books.values_mut().for_each(|book| book.is_good = false),
            Body::Instrument(instrument) => {
                self.names.insert(header.instrument, instrument.symbol);
            }
            Body::Refused(refused) => self.refused.push(refused),
            Body::Heartbeat(_) => {}
            body => {
                let is_news = header.flags & SNAPSHOT == 0;
                let is_good = |book: &ClientBook| book.is_good;
                let book = self.books.get(&header.instrument);
                assert!(!is_news || book.is_some_and(is_good), "{body:?} before a snapshot");
                self.told.extend(is_news.then_some((header.instrument, body)));
            }
        }
        None
    }

    fn depth(&mut self, header: &Header, depth: &market::Depth) -> Option<InstrumentId> {
        let book = self.books.entry(header.instrument).or_default();
        if header.begins() {
            *book = ClientBook { is_good: true, ..ClientBook::default() };
            self.snapshots += 1;
        } else {
            assert!(book.is_good, "a change of a book without a snapshot");
            let is_next = depth.update_id > book.update_id;
            assert!(is_next || book.is_torn, "{} to {}", book.update_id, depth.update_id);
        }
        assert!(!book.is_torn || header.begins() || depth.update_id == book.update_id);
        book.update_id = depth.update_id;
        let (bids, asks) = depth.sides(header);
        for (levels, side) in [bids, asks].into_iter().zip(&mut book.sides) {
            for level in levels {
                if level.qty.is_zero() {
                    side.remove(&level.price);
                } else {
                    side.insert(level.price, level.qty);
                }
            }
        }
        book.is_torn = !header.is_last();
        header.is_last().then_some(header.instrument)
    }
}

/// A connection.
pub(crate) struct MarketClient {
    stream: TcpStream,
    unread: Vec<u8>,
    pub(crate) heard: Heard,
    pub(crate) is_closed: bool,
    /// The books after each update, of the instrument that is looked at.
    pub(crate) seen: BTreeMap<u64, Levels>,
    looks_at: InstrumentId,
}

impl MarketClient {
    pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        stream.write_all(bytes).unwrap();
        Self {
            stream,
            unread: Vec::new(),
            heard: Heard::default(),
            is_closed: false,
            seen: BTreeMap::new(),
            looks_at: super::place::MARKET,
        }
    }

    pub(crate) fn connect(address: SocketAddr, symbol: &str) -> Self {
        Self::raw(address, &subscribe(symbol))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Listens until it has heard enough.
    pub(crate) fn until(&mut self, enough: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !enough(self) {
            assert!(Instant::now() < end, "nothing more comes: {:?}", self.heard.counts);
            self.listen();
        }
    }

    fn listen(&mut self) {
        let mut chunk = [0; 1 << 14];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.is_closed = true,
            Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => self.is_closed = true,
        }
        let (records, rest) = self.unread.as_chunks::<RECORD_SIZE>();
        for record in records {
            if self.heard.take(record) == Some(self.looks_at) {
                let book = &self.heard.books[&self.looks_at];
                self.seen.insert(book.update_id, book.levels());
            }
        }
        self.unread = rest.to_vec();
    }

    /// Until the book is as of this update.
    pub(crate) fn until_update(&mut self, update_id: u64) {
        self.until(|client| client.seen.contains_key(&update_id));
    }
}

/// A level of some orders' quantities.
pub(crate) fn add_up(orders: impl Iterator<Item = (Price, Qty)>, side: Side) -> Vec<Level> {
    let mut levels: BTreeMap<Price, u64> = BTreeMap::new();
    for (price, qty) in orders {
        *levels.entry(price).or_default() += qty.units();
    }
    let of = |(price, qty): (Price, u64)| Level { price, qty: Qty::from_units(qty) };
    let levels = levels.into_iter().filter(|(_, qty)| *qty > 0).map(of);
    match side {
        Side::Buy => levels.rev().collect(),
        Side::Sell => levels.collect(),
    }
}
