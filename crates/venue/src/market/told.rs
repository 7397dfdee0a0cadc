//! From events to records: what each command changed in public.

use tiercel_types::event::{AuctionIndication, InstrumentStateChanged, Trade as TradeEvent};
use tiercel_types::market::Level;
use tiercel_types::{
    Event, EventHeader, InstrumentId, InstrumentSpec, Price, Side, Symbol, Timestamp,
};
use tiercel_wire::market::{
    self, AUCTION, BodyRecord, Header, Indication, Instrument, RECORD_SIZE, Status, Trade,
    TradeChange, TradeChanged, Update, depth_records,
};

use crate::models::{Depth, Instruments, LevelChange, Models};

/// A record that has no number yet, and whose it is.
pub type Told = (InstrumentId, [u8; RECORD_SIZE]);

/// What is public of the venue, and the records of what changed since they were last taken.
#[derive(Debug)]
pub struct Public {
    instruments: Instruments,
    depth: Depth,
    /// Levels that the command at hand changed: empty between commands.
    changes: Vec<(InstrumentId, LevelChange)>,
    records: Vec<Told>,
    /// Instruments that are new since.
    added: Vec<InstrumentId>,
}

impl Public {
    /// As it is in these models, at the end of a command.
    pub fn new(models: &Models) -> Self {
        Self {
            instruments: models.instruments().clone(),
            depth: models.depth().clone(),
            changes: Vec::new(),
            records: Vec::new(),
            added: Vec::new(),
        }
    }

    /// The records of what changed, in order. Depth is that of whole commands.
    pub fn records(&self) -> &[Told] {
        &self.records
    }

    /// Instruments that came, in order.
    pub fn added(&self) -> &[InstrumentId] {
        &self.added
    }

    /// They were told to everybody.
    pub fn clear(&mut self) {
        self.records.clear();
        self.added.clear();
    }

    /// All instruments.
    pub fn instruments(&self) -> impl Iterator<Item = InstrumentId> {
        self.instruments.iter().map(|spec| spec.instrument)
    }

    /// The instrument of this name; without a name, that of this number.
    pub fn find(&self, symbol: &Symbol, instrument: InstrumentId) -> Option<InstrumentId> {
        let spec = if symbol.is_empty() {
            self.instruments.get(instrument)
        } else {
            self.instruments.by_symbol(symbol)
        };
        spec.map(|spec| spec.instrument)
    }

    /// Folds an event in.
    pub fn apply(&mut self, header: &EventHeader, event: &Event) {
        self.instruments.apply(header, event);
        self.tell(header, event);
        let changes = &mut self.changes;
        self.depth.apply(header, event, |instrument, change| note(changes, instrument, change));
        if header.is_last() && !self.changes.is_empty() {
            self.tell_depth(Timestamp(header.time_ns));
        }
    }

    /// What is no change of a book.
    fn tell(&mut self, header: &EventHeader, event: &Event) {
        let (of, time) = (header.instrument, Timestamp(header.time_ns));
        match event {
            Event::Trade(trade) => {
                let flags = if trade.auction == 1 { AUCTION } else { 0 };
                self.put(of, flags, &trade_of(time, trade));
            }
            Event::TradeBusted(busted) => {
                let (change, reserved) = (TradeChange::Busted, [0; 15]);
                let (trade_id, price, qty) = (busted.trade_id, busted.price, busted.qty);
                self.put(of, 0, &TradeChanged { time, trade_id, price, qty, change, reserved });
            }
            Event::TradeCorrected(now) => {
                let (change, reserved) = (TradeChange::Corrected, [0; 15]);
                let (trade_id, price, qty) = (now.trade_id, now.price, now.qty);
                self.put(of, 0, &TradeChanged { time, trade_id, price, qty, change, reserved });
            }
            Event::AuctionIndication(told) => self.put(of, 0, &indication_of(time, told)),
            Event::InstrumentStateChanged(changed) => self.put(of, 0, &status_of(time, changed)),
            // Who is told of all is told of it as of one that was asked for.
            Event::InstrumentAdded(_) => self.added.push(of),
            Event::InstrumentUpdated(updated) => self.put(of, 0, &instrument_of(&updated.spec)),
            _ => {}
        }
    }

    fn put<B: BodyRecord>(&mut self, instrument: InstrumentId, flags: u8, body: &B) {
        self.records.push((instrument, market::record(instrument, 0, flags, body)));
    }

    /// A command is complete: what it changed, book by book.
    fn tell_depth(&mut self, time: Timestamp) {
        let Self { changes, records, .. } = self;
        if changes.first().map(|(first, _)| first) != changes.last().map(|(last, _)| last)
            || !changes.is_sorted_by_key(|(instrument, _)| *instrument)
        {
            // Stable: the order within a book stays.
            changes.sort_by_key(|(instrument, _)| *instrument);
        }
        for of_book in changes.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((instrument, last)) = of_book.last() else { continue };
            let update = Update {
                instrument: *instrument,
                time,
                update_id: last.update_id,
                is_snapshot: false,
            };
            let levels = of_book
                .iter()
                .map(|(_, change)| (change.side, Level { price: change.price, qty: change.qty }));
            depth_records(&update, levels, |header, depth| {
                records.push((header.instrument, encoded(&header, &depth)));
            });
        }
        changes.clear();
    }

    /// How an instrument stands after the last whole command: its name, its state, its book. Records without
    /// numbers.
    pub fn snapshot(
        &self,
        instrument: InstrumentId,
        time: Timestamp,
        mut take: impl FnMut([u8; RECORD_SIZE]),
    ) {
        let Some(spec) = self.instruments.get(instrument) else { return };
        let Some(book) = self.depth.book(instrument) else { return };
        take(market::record(instrument, 0, market::SNAPSHOT, &instrument_of(spec)));
        let status = Status {
            time,
            ends_at: Timestamp(0),
            state: spec.state,
            auction: tiercel_types::auction::AuctionKind::None,
            reserved: [0; 30],
        };
        take(market::record(instrument, 0, market::SNAPSHOT, &status));
        let update = Update { instrument, time, update_id: book.update_id(), is_snapshot: true };
        let of = |side| move |(price, qty)| (side, Level { price, qty });
        let levels = book.bids().map(of(Side::Buy)).chain(book.asks().map(of(Side::Sell)));
        depth_records(&update, levels, |header, depth| take(encoded(&header, &depth)));
    }
}

/// Of a level that changes again and again, as one that is taken order by order, the last state is enough.
#[inline]
fn note(
    changes: &mut Vec<(InstrumentId, LevelChange)>,
    instrument: InstrumentId,
    change: &LevelChange,
) {
    if let Some((of, last)) = changes.last_mut()
        && *of == instrument
        && (last.side, last.price) == (change.side, change.price)
    {
        *last = *change;
    } else {
        changes.push((instrument, *change));
    }
}

#[inline]
fn encoded<B: BodyRecord>(header: &Header, body: &B) -> [u8; RECORD_SIZE] {
    let mut record = [0; RECORD_SIZE];
    market::encode(header, body, &mut record);
    record
}

fn trade_of(time: Timestamp, trade: &TradeEvent) -> Trade {
    let TradeEvent { trade_id, price, qty, taker_side, .. } = *trade;
    Trade { time, trade_id, price, qty, aggressor: taker_side, reserved: [0; 15] }
}

fn status_of(time: Timestamp, changed: &InstrumentStateChanged) -> Status {
    let InstrumentStateChanged { new, auction, ends_at, .. } = *changed;
    Status { time, ends_at, state: new, auction, reserved: [0; 30] }
}

fn indication_of(time: Timestamp, told: &AuctionIndication) -> Indication {
    Indication {
        time,
        price: if told.has_price == 1 { told.price } else { Price::ZERO },
        qty: told.executed_qty,
        surplus_qty: told.surplus_qty,
        surplus_side: told.surplus_side,
        auction: told.auction,
        reserved: [0; 14],
    }
}

fn instrument_of(spec: &InstrumentSpec) -> Instrument {
    let InstrumentSpec { symbol, tick, lot, .. } = *spec;
    Instrument { symbol, tick, lot, reserved: [0; 16] }
}
