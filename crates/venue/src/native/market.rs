//! What answers and messages say of markets: instruments, books, trades, candles, signals, auctions.

use tiercel_types::{InstrumentSpec, Money, Price, Qty, Timestamp};

use super::scalar::{
    AssetText, AuctionKindText, InstrumentStateText, MoneyText, PriceText, QtyText, RealText,
    SideText, SymbolText, TimeText,
};
use super::signals::{self, Signals};
use super::view::{asset, price, qty, time};
use crate::models::{AuctionPrice, AuctionView, Book, Candle, Models, TradeView};

answer! {
    /// An instrument: what trades, in which steps, within which bounds.
    Instrument {
        /// Its name.
        symbol: SymbolText,
        /// Its number: what the binary protocol calls it by, and ITCH's stock locate.
        number: u32,
        /// What is bought and sold.
        base: AssetText,
        /// The number of that asset: what the binary protocol calls it by.
        base_number: u32,
        /// What it is paid with.
        quote: AssetText,
        /// The number of that asset.
        quote_number: u32,
        /// Whether it takes orders and matches them.
        state: InstrumentStateText,
        /// Prices are multiples of this.
        tick: PriceText,
        /// Quantities are multiples of this.
        lot: QtyText,
        /// The maker's fee in parts per million of what it receives; below zero: a rebate.
        maker_fee_ppm: i32,
        /// The taker's fee in parts per million of what it receives.
        taker_fee_ppm: i32,
        /// Conditions may look at what was traded in 24 hours.
        tracks_volume: bool,
        ;
        /// The lowest limit price, if it is not one tick.
        min_price: PriceText,
        /// The highest limit price.
        max_price: PriceText,
        /// The smallest order, if it is not one lot.
        min_qty: QtyText,
        /// The largest order.
        max_qty: QtyText,
        /// The smallest value of an order in the quote asset.
        min_notional: QtyText,
        /// The largest value of an order in the quote asset.
        max_notional: QtyText,
        /// The price that bands refer to until the first trade.
        reference_price: PriceText,
        /// Limit prices lie this far from the reference at most, in parts per million.
        band_ppm: u32,
        /// A market order takes nothing further from the best price than this, in parts per million.
        market_protection_ppm: u32,
        /// The most slices of an iceberg.
        max_iceberg_parts: u32,
    }
}

impl Instrument {
    /// An instrument as the read model has it.
    pub fn of(models: &Models, spec: &InstrumentSpec) -> Self {
        let unless_zero = |value: u32| (value > 0).then_some(value);
        Self {
            symbol: SymbolText(spec.symbol),
            number: spec.instrument.0,
            base: asset(models, spec.base),
            base_number: spec.base.0,
            quote: asset(models, spec.quote),
            quote_number: spec.quote.0,
            state: InstrumentStateText(spec.state),
            tick: PriceText(spec.tick),
            lot: QtyText(spec.lot),
            maker_fee_ppm: spec.maker_fee_ppm,
            taker_fee_ppm: spec.taker_fee_ppm,
            tracks_volume: spec.tracks_volume == 1,
            min_price: price(spec.min_price),
            max_price: price(spec.max_price),
            min_qty: qty(spec.min_qty),
            max_qty: qty(spec.max_qty),
            min_notional: qty(spec.min_notional),
            max_notional: qty(spec.max_notional),
            reference_price: price(spec.reference_price),
            band_ppm: unless_zero(spec.band_ppm),
            market_protection_ppm: unless_zero(spec.market_protection_ppm),
            max_iceberg_parts: unless_zero(spec.max_iceberg_parts),
        }
    }
}

answer! {
    /// All instruments.
    Instruments {
        /// By number.
        instruments: Vec<Instrument>,
    }
}

answer! {
    /// A level of a book.
    Level {
        /// The price.
        price: PriceText,
        /// What it displays; zero in a diff: it is gone.
        qty: QtyText,
    }
}

/// Levels in their order.
pub fn levels(levels: impl Iterator<Item = (Price, Qty)>) -> Vec<Level> {
    levels.map(|(price, qty)| Level { price: PriceText(price), qty: QtyText(qty) }).collect()
}

answer! {
    /// A book, at the end of a command.
    OrderBook {
        /// Which instrument's.
        symbol: SymbolText,
        /// The last command that is in it.
        sequence: u64,
        /// The last book update in it.
        update_id: u64,
        /// Bids, best first.
        bids: Vec<Level>,
        /// Asks, best first.
        asks: Vec<Level>,
    }
}

impl OrderBook {
    /// The best levels of a book.
    pub fn of(models: &Models, spec: &InstrumentSpec, book: &Book, depth: usize) -> Self {
        Self {
            symbol: SymbolText(spec.symbol),
            sequence: models.checkpoint().sequence,
            update_id: book.update_id(),
            bids: levels(book.bids().take(depth)),
            asks: levels(book.asks().take(depth)),
        }
    }
}

answer! {
    /// A public trade.
    PublicTrade {
        /// Its id, counted per instrument.
        trade_id: u64,
        /// At what price, as last corrected.
        price: PriceText,
        /// How much, as last corrected.
        qty: QtyText,
        /// It is a trade of an auction.
        auction: bool,
        /// It was undone.
        busted: bool,
        /// When.
        time_ns: TimeText,
        ;
        /// Which side took; of an auction's trade left out: nobody did.
        taker_side: SideText,
    }
}

impl PublicTrade {
    /// What the market sees of a trade.
    pub fn of(trade: &TradeView) -> Self {
        Self {
            trade_id: trade.trade_id.0,
            price: PriceText(trade.price),
            qty: QtyText(trade.qty),
            auction: trade.auction == 1,
            busted: trade.busted == 1,
            time_ns: TimeText(trade.time),
            taker_side: (trade.auction == 0).then_some(SideText(trade.taker_side)),
        }
    }
}

answer! {
    /// What traded in an interval.
    CandleAnswer {
        /// When it began.
        start_ns: TimeText,
        /// The first price.
        open: PriceText,
        /// The highest price.
        high: PriceText,
        /// The lowest price.
        low: PriceText,
        /// The last price.
        close: PriceText,
        /// How much of the base asset.
        volume: MoneyText,
        /// How much of the quote asset.
        quote_volume: MoneyText,
        /// How much of the base asset takers bought.
        taker_bought: MoneyText,
        /// How many trades.
        trades: u64,
        /// The first of them.
        first_trade_id: u64,
        /// The last of them.
        last_trade_id: u64,
    }
}

impl CandleAnswer {
    /// A candle as the read model has it.
    pub fn of(candle: &Candle) -> Self {
        Self {
            start_ns: TimeText(candle.start),
            open: PriceText(candle.open),
            high: PriceText(candle.high),
            low: PriceText(candle.low),
            close: PriceText(candle.close),
            volume: MoneyText(candle.base),
            quote_volume: MoneyText(candle.quote),
            taker_bought: MoneyText(candle.taker_bought_base),
            trades: candle.trades,
            first_trade_id: candle.first_trade_id.0,
            last_trade_id: candle.last_trade_id.0,
        }
    }
}

answer! {
    /// An instrument's last 24 hours, whole minutes, the present one included.
    TickerAnswer {
        /// Which instrument.
        symbol: SymbolText,
        /// How much of the base asset was traded.
        volume: MoneyText,
        /// How much of the quote asset.
        quote_volume: MoneyText,
        /// How many trades there were.
        trades: u64,
        ;
        /// The last price there was.
        last: PriceText,
        /// The best bid.
        bid: Level,
        /// The best ask.
        ask: Level,
        /// The first price of the 24 hours.
        open: PriceText,
        /// The highest.
        high: PriceText,
        /// The lowest.
        low: PriceText,
    }
}

impl TickerAnswer {
    /// The ticker at a time.
    pub fn of(models: &Models, spec: &InstrumentSpec, now: Timestamp) -> Self {
        let ticker = models.ticker(spec.instrument, now);
        let book = models.book(spec.instrument);
        let first = |levels: Vec<Level>| levels.into_iter().next();
        let day = ticker.day;
        Self {
            symbol: SymbolText(spec.symbol),
            volume: MoneyText(day.map_or(Money::ZERO, |day| day.base)),
            quote_volume: MoneyText(day.map_or(Money::ZERO, |day| day.quote)),
            trades: day.map_or(0, |day| day.trades),
            last: ticker.last.map(PriceText),
            bid: book.and_then(|book| first(levels(book.bids().take(1)))),
            ask: book.and_then(|book| first(levels(book.asks().take(1)))),
            open: day.map(|day| PriceText(day.open)),
            high: day.map(|day| PriceText(day.high)),
            low: day.map(|day| PriceText(day.low)),
        }
    }
}

answer! {
    /// What the best prices say of where the price goes. All but the first two are left out while a
    /// side is empty, or the book is crossed, as it may be in a call.
    MicroPrice {
        /// Which instrument.
        symbol: SymbolText,
        /// The last command that is in it.
        sequence: u64,
        ;
        /// The mid weighted by the quantity of the other side: near the side that is about to give
        /// way.
        microprice: RealText,
        /// Halfway between best bid and best ask.
        mid: RealText,
        /// Best ask less best bid.
        spread: RealText,
        /// The spread in ten-thousandths of the mid.
        spread_bps: RealText,
        /// By how much the mid is expected to move: half of imbalance times spread.
        predicted_move: RealText,
    }
}

/// Units of a price in one whole.
const ONE: f64 = tiercel_types::decimal::ONE as f64;

impl MicroPrice {
    /// Of a book as it is.
    pub fn of(models: &Models, spec: &InstrumentSpec) -> Self {
        let quoted = models.book(spec.instrument).and_then(signals::quoted);
        let quote = quoted.map(|quoted| quoted.quote);
        let real = |value: f64| value.is_finite().then_some(RealText(value));
        Self {
            symbol: SymbolText(spec.symbol),
            sequence: models.checkpoint().sequence,
            microprice: quote.and_then(|quote| real(quote.weighted_mid() / ONE)),
            mid: quote.and_then(|quote| real(quote.mid() / ONE)),
            spread: quote.and_then(|quote| real(quote.spread() as f64 / ONE)),
            spread_bps: quote.and_then(|quote| real(quote.spread_basis_points())),
            predicted_move: quoted.and_then(|quoted| real(quoted.predicted_move / ONE)),
        }
    }
}

answer! {
    /// How the quantity of the best levels is spread over the two sides.
    Imbalance {
        /// Which instrument.
        symbol: SymbolText,
        /// The last command that is in it.
        sequence: u64,
        /// How many levels of each side were looked at.
        levels: u16,
        ;
        /// (bids - asks) / (bids + asks), from -1 to 1; left out of an empty book.
        imbalance: RealText,
    }
}

impl Imbalance {
    /// Of a book as it is.
    pub fn of(models: &Models, spec: &InstrumentSpec, levels: u16) -> Self {
        let book = models.book(spec.instrument);
        let value = book.and_then(|book| signals::imbalance(book, usize::from(levels)));
        Self {
            symbol: SymbolText(spec.symbol),
            sequence: models.checkpoint().sequence,
            levels,
            imbalance: value.map(RealText),
        }
    }
}

answer! {
    /// The volume-synchronised probability of informed trading.
    VpinAnswer {
        /// Which instrument.
        symbol: SymbolText,
        /// The last command that is in it.
        sequence: u64,
        /// How many buckets count.
        buckets: u32,
        /// How many were filled.
        buckets_filled: u64,
        ;
        /// What a bucket holds; left out before the first 200 trades.
        bucket_qty: QtyText,
        /// From 0 to 1; left out before so many buckets were filled.
        vpin: RealText,
        /// low, moderate, high or extreme: a quarter of the range each.
        #[schema(example = "moderate")]
        toxicity: &'static str,
    }
}

impl VpinAnswer {
    /// Of an instrument's trades so far.
    pub fn of(models: &Models, signals: &Signals, spec: &InstrumentSpec) -> Self {
        let toxic = signals.toxic(spec.instrument);
        Self {
            symbol: SymbolText(spec.symbol),
            sequence: models.checkpoint().sequence,
            buckets: signals::BUCKETS,
            buckets_filled: toxic.buckets_filled,
            bucket_qty: toxic.bucket_qty.map(QtyText),
            vpin: toxic.vpin.map(RealText),
            toxicity: toxic.toxicity,
        }
    }
}

answer! {
    /// What an auction would do, or did.
    Uncross {
        /// When it was said.
        time_ns: TimeText,
        /// Which auction.
        auction: AuctionKindText,
        /// How much trades.
        executed_qty: QtyText,
        /// How much finds no other side.
        surplus_qty: QtyText,
        ;
        /// At which price; left out: nothing trades.
        price: PriceText,
        /// Whose the surplus is, if there is one.
        surplus_side: SideText,
    }
}

impl Uncross {
    /// What was said; `None` if nothing was.
    pub fn of(said: &AuctionPrice) -> Option<Self> {
        (said.time.0 != 0).then(|| Self {
            time_ns: TimeText(said.time),
            auction: AuctionKindText(said.auction),
            executed_qty: QtyText(said.executed_qty),
            surplus_qty: QtyText(said.surplus_qty),
            price: (said.has_price == 1).then_some(PriceText(said.price)),
            surplus_side: qty(said.surplus_qty).map(|_| SideText(said.surplus_side)),
        })
    }
}

answer! {
    /// A call that runs: orders are collected, and nothing matches.
    CallAnswer {
        /// For which auction.
        auction: AuctionKindText,
        /// Since when.
        started_ns: TimeText,
        ;
        /// When it ends by itself; left out: when it is told to.
        ends_at_ns: TimeText,
        /// The state that follows when it ends by itself.
        then: InstrumentStateText,
        /// What the auction would do now; left out until the first change: nothing trades.
        indication: Uncross,
    }
}

answer! {
    /// An instrument's phase, its call if there is one, and its last auction.
    AuctionAnswer {
        /// Which instrument.
        symbol: SymbolText,
        /// The last command that is in it.
        sequence: u64,
        /// Its phase.
        state: InstrumentStateText,
        ;
        /// The call that runs.
        call: CallAnswer,
        /// The last auction.
        last: Uncross,
    }
}

impl AuctionAnswer {
    /// An instrument's auction as the read model has it.
    pub fn of(models: &Models, spec: &InstrumentSpec) -> Self {
        let view = models.auctions().get(spec.instrument);
        Self {
            symbol: SymbolText(spec.symbol),
            sequence: models.checkpoint().sequence,
            state: InstrumentStateText(spec.state),
            call: CallAnswer::of(&view),
            last: Uncross::of(&view.last),
        }
    }
}

impl CallAnswer {
    fn of(view: &AuctionView) -> Option<Self> {
        (view.started.0 != 0).then(|| Self {
            auction: AuctionKindText(view.auction),
            started_ns: TimeText(view.started),
            ends_at_ns: time(view.ends_at),
            then: time(view.ends_at).map(|_| InstrumentStateText(view.then)),
            indication: Uncross::of(&view.indication),
        })
    }
}
