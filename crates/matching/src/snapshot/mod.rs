//! Snapshots and digests: the engine's state as bytes that say nothing of how it is held.
//!
//! ```text
//! header | assets | instruments | orders | accounts | balances | trades | funding ids
//!        | matching rules | volumes | auctions | protections | waiting orders | checksum
//! ```
//!
//! The last parts are written only if they have something to tell.
//!
//! Everything is sorted: assets, instruments, accounts and balances by number, orders by
//! instrument, side, level (best first) and place in the queue, trades as they happened. So two
//! engines in the same state write the same bytes, whatever their capacities and seeds, and the
//! digest is a hash of those bytes.

mod accounts;
mod bytes;

use thiserror::Error;
use tiercel_types::command::{AddAsset, NewOrder, SetMatchingRules, StageCondition};
use tiercel_types::event::{Event, EventBuffer};
use tiercel_types::{
    AccountId, AssetCode, AssetId, ClientOrderId, InstrumentId, InstrumentSpec, InstrumentState,
    OrderId, OrderKind, Price, RULES_VERSION, SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use self::bytes::{Header, MAGIC, SNAPSHOT_VERSION, SectionImage};
pub(crate) use self::bytes::{Reader, Sink, put_section};
use crate::auction::AuctionImage;
use crate::book::ALLOTS;
use crate::engine::{Engine, EngineConfig, NO_BOOK, Pending};
use crate::ledger::Ledger;
use crate::orders::{NONE, Order, rare_bits};
use crate::protections::ProtectionParts;
use crate::table::Probe;
use crate::volume::{MinuteImage, minute_of};
use crate::waiting::WaiterImage;

/// Why bytes are not a snapshot that this engine can start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// No snapshot at all.
    #[error("not a snapshot")]
    Foreign,
    /// Of a layout or of rules that this build does not know.
    #[error(
        "a snapshot of layout {layout} and rules version {rules}, which this build does not know"
    )]
    Version {
        /// Its layout version.
        layout: u16,
        /// Its rules version.
        rules: u16,
    },
    /// Of a full engine where a bare one starts, or the other way round.
    #[error("a snapshot of the other build (with or without accounts)")]
    Build,
    /// Cut short or damaged.
    #[error("the checksum does not match: the snapshot is cut short or damaged")]
    Checksum,
    /// Whole, but not the state of an engine.
    #[error("the snapshot contradicts itself in its {part}")]
    Contradiction {
        /// Which part.
        part: &'static str,
    },
}

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct AssetImage {
    asset: AssetId,
    code: AssetCode,
}

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct InstrumentImage {
    spec: InstrumentSpec,
    last_price: Price,
    traded: u64,
    trades: u64,
    updates: u64,
}

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct OrderImage {
    id: OrderId,
    tick: i64,
    displayed: u64,
    hidden: u64,
    total: u64,
    slice: u64,
    expire_time: Timestamp,
    instrument: InstrumentId,
    account: AccountId,
    side: Side,
    time_in_force: TimeInForce,
    self_trade_prevention: SelfTradePrevention,
    kind: OrderKind,
    client_order_id: ClientOrderId,
}

/// The part of the minutes in which instruments traded that count their volume.
const VOLUMES: [u8; 8] = *b"VOLUMES\0";

/// The part of instruments that have rules for auctions, or are in a call.
const AUCTIONS: [u8; 8] = *b"AUCTIONS";

/// The part of instruments that share levels out.
const MATCHING_RULES: [u8; 8] = *b"MATCHRUL";

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct MatchingRulesImage {
    rules: SetMatchingRules,
    /// Buy and sell; none: there is no such order.
    top_orders: [OrderId; 2],
}

impl<L: Ledger> Engine<L> {
    /// A 128-bit digest of the whole state. Equal states have equal digests, in any process and
    /// build.
    ///
    /// # Panics
    /// Within a command that is not complete.
    pub fn digest(&self) -> u128 {
        let mut hasher = Xxh3::new();
        self.write(&mut hasher);
        hasher.digest128()
    }

    /// Appends the whole state to `out`. An engine [restored](Self::restore) from it goes on
    /// byte for byte as this one.
    ///
    /// # Panics
    /// Within a command that is not complete.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.write(out);
        let checksum = xxh3_64(&out[start..]);
        out.extend_from_slice(&checksum.to_le_bytes());
    }

    fn write(&self, sink: &mut impl Sink) {
        assert!(matches!(self.pending, Pending::Nothing), "a command is not complete");
        let accounts = self.ledger.accounts();
        let header = Header {
            magic: MAGIC,
            layout: SNAPSHOT_VERSION,
            rules: RULES_VERSION,
            shard: self.config.shard,
            accounts_kept: u16::from(L::ENABLED),
            time: self.time,
            sequence: self.sequence,
            orders_entered: self.orders_entered,
            forgotten_funding: accounts.map_or(0, |accounts| accounts.forgotten_funding),
            assets: self.assets().count() as u64,
            instruments: self.books.len() as u64,
            orders: (self.orders.len() - self.waiting.asides - self.waiting.unseen) as u64,
            accounts: accounts.map_or(0, |accounts| accounts.images().count() as u64),
            balances: accounts.map_or(0, |accounts| accounts.balance_images().count() as u64),
            trades: accounts.map_or(0, |accounts| accounts.trades.len() as u64),
            fundings: accounts.map_or(0, |accounts| accounts.fundings.len() as u64),
        };
        sink.put(header.as_bytes());
        for (asset, code) in self.assets() {
            sink.put(AssetImage { asset, code }.as_bytes());
        }
        for &index in self.directory.iter().filter(|&&index| index != NO_BOOK) {
            let book = self.book(index);
            let image = InstrumentImage {
                spec: book.spec,
                last_price: book.last_price.unwrap_or(Price::ZERO),
                traded: u64::from(book.last_price.is_some()),
                trades: book.trades,
                updates: book.updates,
            };
            sink.put(image.as_bytes());
        }
        self.write_orders(sink);
        if let Some(accounts) = accounts {
            accounts.write(sink);
        }
        self.write_matching_rules(sink);
        self.write_volumes(sink);
        self.write_auctions(sink);
        self.write_protections(sink);
        self.write_waiting(sink);
    }

    fn write_matching_rules(&self, sink: &mut impl Sink) {
        let books = || self.directory.iter().filter(|&&index| index != NO_BOOK);
        let with_rules = || books().map(|&index| self.book(index)).filter(|book| book.has(ALLOTS));
        let records = with_rules().count() as u64;
        if records == 0 {
            return;
        }
        sink.put(SectionImage { name: MATCHING_RULES, records }.as_bytes());
        for book in with_rules() {
            let id = |handle: Option<u32>| {
                handle.map_or(OrderId::NONE, |handle| self.orders.get(handle).id)
            };
            let top_orders = self.top_orders(book).map(id);
            sink.put(MatchingRulesImage { rules: book.rules.set, top_orders }.as_bytes());
        }
    }

    fn write_volumes(&self, sink: &mut impl Sink) {
        let now = minute_of(self.time);
        let books = self.directory.iter().filter(|&&index| index != NO_BOOK);
        let images = books.map(|&index| self.book(index)).flat_map(|book| {
            let volume = book.volume.as_ref();
            volume.into_iter().flat_map(|volume| volume.images(book.spec.instrument, now))
        });
        put_section(sink, VOLUMES, &images.collect::<Vec<_>>());
    }

    fn write_auctions(&self, sink: &mut impl Sink) {
        let records = self.auction_images().count() as u64;
        if records > 0 {
            sink.put(SectionImage { name: AUCTIONS, records }.as_bytes());
            self.auction_images().for_each(|image| sink.put(image.as_bytes()));
        }
    }

    fn write_orders(&self, sink: &mut impl Sink) {
        for &index in self.directory.iter().filter(|&&index| index != NO_BOOK) {
            let book = self.book(index);
            for ladder in &book.ladders {
                for level in ladder.keys().filter_map(|key| ladder.level(key)) {
                    let mut handle = level.head;
                    while handle != NONE {
                        sink.put(self.order_image(handle).as_bytes());
                        handle = self.orders.get(handle).next;
                    }
                }
            }
        }
    }

    fn order_image(&self, handle: u32) -> OrderImage {
        let order = self.orders.get(handle);
        OrderImage {
            id: order.id,
            tick: order.tick,
            displayed: order.displayed,
            hidden: order.hidden,
            total: order.total,
            slice: self.orders.slice(handle),
            expire_time: self.expire_time_of(handle),
            instrument: self.book(order.book).spec.instrument,
            account: order.account,
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
            client_order_id: self.client_order_id_of(handle),
        }
    }

    /// An engine in the state of a snapshot. The shard is the snapshot's; the rest of `config` is
    /// taken as it is.
    ///
    /// # Errors
    /// [`SnapshotError`] when the bytes are not a whole snapshot of this build.
    pub fn restore(bytes: &[u8], config: EngineConfig) -> Result<Self, SnapshotError> {
        let mut reader = Reader::new(bytes)?;
        let header: Header = reader.read("header")?;
        if header.accounts_kept != u16::from(L::ENABLED) {
            return Err(SnapshotError::Build);
        }
        let mut engine = Self::new(EngineConfig { shard: header.shard, ..config });
        engine.time = header.time;
        engine.sequence = header.sequence;
        engine.orders_entered = header.orders_entered;
        let mut scratch = EventBuffer::with_capacity(1);
        for _ in 0..header.assets {
            let AssetImage { asset, code } = reader.read("assets")?;
            engine.add_asset(&AddAsset { asset, code }, &mut scratch);
            accepted(&mut scratch, "assets")?;
        }
        for _ in 0..header.instruments {
            let image: InstrumentImage = reader.read("instruments")?;
            // No instrument is added in a call or a pause, but it may have come there.
            let added = InstrumentSpec { state: InstrumentState::PreOpen, ..image.spec };
            engine.add_instrument(&added, &mut scratch);
            accepted(&mut scratch, "instruments")?;
            let book = engine.books.last_mut();
            let book = book.ok_or(SnapshotError::Contradiction { part: "instruments" })?;
            (book.state, book.spec.state) = (image.spec.state, image.spec.state);
            book.last_price = (image.traded == 1).then_some(image.last_price);
            book.trades = image.trades;
            book.updates = image.updates;
        }
        // Orders come before accounts in the bytes, but need them: they are read twice over.
        let orders = reader.clone();
        reader.skip::<OrderImage>(header.orders, "orders")?;
        if let Some(accounts) = engine.ledger.accounts_mut() {
            accounts.read(&header, &mut reader)?;
        }
        let rules = reader.skip_section(MATCHING_RULES, size_of::<MatchingRulesImage>())?;
        if let Some(mut volumes) = reader.skip_section(VOLUMES, size_of::<MinuteImage>())? {
            engine.read_volumes(&mut volumes)?;
        }
        let auctions = reader.skip_section(AUCTIONS, size_of::<AuctionImage>())?;
        let protections = ProtectionParts::skip(&mut reader)?;
        let waiters =
            if reader.is_at_end() { Vec::new() } else { engine.read_waiting(&mut reader)? };
        if !reader.is_at_end() {
            return Err(SnapshotError::Contradiction { part: "end" });
        }
        engine.read_orders(header.orders, orders, &waiters)?;
        engine.read_auctions(auctions)?;
        engine.attach_waiters(&waiters)?;
        if let Some(mut rules) = rules {
            engine.read_matching_rules(&mut rules)?;
        }
        engine.read_protections(protections)?;
        Ok(engine)
    }

    fn read_volumes(&mut self, reader: &mut Reader<'_>) -> Result<(), SnapshotError> {
        const PART: &str = "volumes";
        let now = minute_of(self.time);
        while !reader.is_at_end() {
            let image: MinuteImage = reader.read(PART)?;
            let book = self.book_of(image.instrument).ok();
            let volume = book.and_then(|index| self.books[index as usize].volume.as_mut());
            if !volume.is_some_and(|volume| volume.restore(&image, now)) {
                return Err(SnapshotError::Contradiction { part: PART });
            }
        }
        Ok(())
    }

    fn read_auctions(&mut self, reader: Option<Reader<'_>>) -> Result<(), SnapshotError> {
        const PART: &str = "auctions";
        let wrong = SnapshotError::Contradiction { part: PART };
        if let Some(mut reader) = reader {
            while !reader.is_at_end() {
                self.restore_auction(&reader.read(PART)?).ok_or(wrong)?;
            }
        }
        let called = self.books.iter().filter(|book| book.state == InstrumentState::Call).count();
        self.set_wake();
        if called == self.auctions.calls.len() { Ok(()) } else { Err(wrong) }
    }

    fn read_matching_rules(&mut self, reader: &mut Reader<'_>) -> Result<(), SnapshotError> {
        const PART: &str = "matching rules";
        let wrong = SnapshotError::Contradiction { part: PART };
        while !reader.is_at_end() {
            let MatchingRulesImage { rules, top_orders } = reader.read(PART)?;
            if !self.restore_matching_rules(&rules) {
                return Err(wrong);
            }
            self.restore_top_orders(&rules, top_orders).ok_or(wrong)?;
        }
        Ok(())
    }

    fn read_orders(
        &mut self,
        count: u64,
        mut reader: Reader<'_>,
        waiters: &[(WaiterImage, Option<StageCondition>)],
    ) -> Result<(), SnapshotError> {
        let wrong = SnapshotError::Contradiction { part: "orders" };
        let mut placed = Vec::new();
        for _ in 0..count {
            let image: OrderImage = reader.read("orders")?;
            let index = self.book_of(image.instrument).map_err(|_| wrong)?;
            let open = image.displayed.checked_add(image.hidden).ok_or(wrong)?;
            let sound = image.displayed > 0
                && open <= image.total
                && self.ledger.knows(image.account)
                && self.book(index).check_side(image.side, open, 0).is_ok();
            if !sound {
                return Err(wrong);
            }
            let handle = self.orders.allocate();
            *self.orders.get_mut(handle) = Order {
                id: image.id,
                tick: image.tick,
                displayed: image.displayed,
                hidden: image.hidden,
                total: image.total,
                next: NONE,
                previous: NONE,
                account: image.account,
                book: index,
                side: image.side,
                time_in_force: image.time_in_force,
                self_trade_prevention: image.self_trade_prevention,
                kind: image.kind,
                rare: rare_bits(image.slice, image.time_in_force),
            };
            let book = &mut self.books[index as usize];
            // Only a call leaves the book crossed.
            let uncrossed = matches!(book.state, InstrumentState::Open | InstrumentState::PreOpen);
            if uncrossed && book.crosses(image.side, image.tick) {
                return Err(wrong);
            }
            let place = (image.side, image.tick);
            book.link(&mut self.orders, handle, place, (image.displayed, image.hidden));
            let order = NewOrder {
                order_id: image.id,
                account: image.account,
                client_order_id: image.client_order_id,
                expire_time: image.expire_time,
                time_in_force: image.time_in_force,
                ..NewOrder::NOTHING
            };
            placed.push((handle, order, image.slice));
        }
        placed.extend(self.place_waiters(waiters)?);
        // An account's orders are listed by age, which is by id.
        placed.sort_unstable_by_key(|(_, order, _)| order.order_id);
        for (handle, order, slice) in placed {
            if matches!(self.probe_id(order.order_id), Probe::Found { .. })
                || self.find_client_id(order.account, &order.client_order_id).is_some()
            {
                return Err(wrong);
            }
            self.register(handle, (order.order_id, order.account), &order, slice);
        }
        Ok(())
    }
}

/// Whether the last event in `scratch` is no denial; empties it.
fn accepted(scratch: &mut EventBuffer, part: &'static str) -> Result<(), SnapshotError> {
    let denied = scratch.iter().any(|(_, event)| matches!(event, Event::Denied(_)));
    scratch.clear();
    if denied { Err(SnapshotError::Contradiction { part }) } else { Ok(()) }
}
