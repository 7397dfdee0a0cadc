//! Market-data messages as Binance Spot writes them, of realistic values: input for benches,
//! demos and tests.
//!
//! The values follow a random walk and are not consistent from message to message: no book can
//! be rebuilt from them, they are for decoders. What they take from real sessions: the order of
//! fields, eight decimals everywhere, about half of the changed levels deleted, most levels near
//! the touch with a long tail, sizes over several magnitudes.

use crate::rng::Rng;

/// What a symbol's numbers look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolShape {
    /// The symbol, in capitals.
    pub symbol: &'static str,
    /// Where the price starts, in ticks.
    pub price_ticks: u64,
    /// Units of 10^-8 in a tick.
    pub tick_units: u64,
    /// Units of 10^-8 in a lot.
    pub lot_units: u64,
    /// Sizes have up to so many binary digits, in lots.
    pub lots_bits: u64,
}

impl SymbolShape {
    /// A high price and small sizes: `61837.63000000`, `0.32332000`.
    pub const BTCUSDT: Self = Self {
        symbol: "BTCUSDT",
        price_ticks: 6_183_763,
        tick_units: 1_000_000,
        lot_units: 1_000,
        lots_bits: 20,
    };
    /// A low price and large sizes, of many lengths: `0.10231000`, `48213.00000000`.
    pub const DOGEUSDT: Self = Self {
        symbol: "DOGEUSDT",
        price_ticks: 10_231,
        tick_units: 1_000,
        lot_units: 100_000_000,
        lots_bits: 17,
    };
}

/// Writes messages of one symbol; the same seed writes the same messages.
#[derive(Clone, Debug)]
pub struct BinanceFlow {
    rng: Rng,
    shape: SymbolShape,
    price_ticks: u64,
    time_ms: u64,
    update_id: u64,
    trade_id: u64,
}

impl BinanceFlow {
    /// A flow of `shape` from `seed`.
    pub const fn new(shape: SymbolShape, seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            shape,
            price_ticks: shape.price_ticks,
            time_ms: 1_723_161_255_208,
            update_id: 50_093_239_189,
            trade_id: 3_735_683_259,
        }
    }

    /// The next `depthUpdate`, with so many changed levels on each side.
    pub fn depth_update(&mut self, levels: usize) -> String {
        self.step(100);
        let first = self.update_id + 1;
        self.update_id += levels as u64 + self.rng.below(30);
        let (time, symbol, last) = (self.time_ms, self.shape.symbol, self.update_id);
        let bids = self.levels(levels, false);
        let asks = self.levels(levels, true);
        format!(
            r#"{{"e":"depthUpdate","E":{time},"s":"{symbol}","U":{first},"u":{last},"b":[{bids}],"a":[{asks}]}}"#
        )
    }

    /// The next `trade`.
    pub fn trade(&mut self) -> String {
        self.step(30);
        self.trade_id += 1;
        let (time, symbol, id) = (self.time_ms, self.shape.symbol, self.trade_id);
        let buyer_is_maker = self.rng.coin();
        let price = self.price(self.price_ticks);
        let qty = self.qty();
        let matched = time - self.rng.below(3);
        format!(
            r#"{{"e":"trade","E":{time},"s":"{symbol}","t":{id},"p":"{price}","q":"{qty}","T":{matched},"m":{buyer_is_maker},"M":true}}"#
        )
    }

    /// The next `bookTicker`.
    pub fn book_ticker(&mut self) -> String {
        self.step(10);
        self.update_id += 1 + self.rng.below(5);
        let (update_id, symbol) = (self.update_id, self.shape.symbol);
        let bid = self.price(self.price_ticks);
        let ask = self.price(self.price_ticks + 1);
        let (bid_qty, ask_qty) = (self.qty(), self.qty());
        format!(
            r#"{{"u":{update_id},"s":"{symbol}","b":"{bid}","B":"{bid_qty}","a":"{ask}","A":"{ask_qty}"}}"#
        )
    }

    /// Wraps a message as a combined stream does.
    pub fn wrap(stream: &str, message: &str) -> String {
        format!(r#"{{"stream":"{stream}","data":{message}}}"#)
    }

    /// Lets up to `time_ms` pass and the price walk by a few ticks.
    fn step(&mut self, time_ms: u64) {
        self.time_ms += self.rng.below(time_ms);
        let up = self.rng.below(9);
        self.price_ticks =
            (self.price_ticks + up).saturating_sub(4).max(self.shape.price_ticks / 2);
    }

    fn levels(&mut self, count: usize, above: bool) -> String {
        let mut pairs = Vec::with_capacity(count);
        let mut distance = 0;
        for _ in 0..count {
            // Steps of up to 1, 2, 4, ... 256 ticks: dense at the touch, with a long tail.
            let width = 1 << self.rng.below(9);
            distance += 1 + self.rng.below(width);
            let ticks = if above {
                self.price_ticks + distance
            } else {
                self.price_ticks.saturating_sub(distance).max(1)
            };
            let price = self.price(ticks);
            let qty = if self.rng.coin() { "0.00000000".to_owned() } else { self.qty() };
            pairs.push(format!(r#"["{price}","{qty}"]"#));
        }
        pairs.join(",")
    }

    fn price(&self, ticks: u64) -> String {
        decimal(ticks * self.shape.tick_units)
    }

    fn qty(&mut self) -> String {
        let bits = 1 + self.rng.below(self.shape.lots_bits);
        decimal((1 + self.rng.below(1 << bits)) * self.shape.lot_units)
    }
}

/// Units of 10^-8 with all eight decimals.
fn decimal(units: u64) -> String {
    format!("{}.{:08}", units / 100_000_000, units % 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_writes_one_flow() {
        let mut flow = BinanceFlow::new(SymbolShape::BTCUSDT, 7);
        let mut again = flow.clone();
        let messages: Vec<_> = (0..50).map(|_| flow.depth_update(20)).collect();
        assert!(messages.iter().all(|message| *message == again.depth_update(20)));
        assert!(messages.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(messages[0].matches("\",\"").count(), 42, "40 pairs, e and s");
    }

    #[test]
    fn messages_are_written_as_the_venue_writes_them() {
        let mut flow = BinanceFlow::new(SymbolShape::DOGEUSDT, 1);
        let trade = flow.trade();
        assert!(trade.starts_with(r#"{"e":"trade","E":17231612"#), "{trade}");
        assert!(trade.ends_with(r#","M":true}"#), "{trade}");
        let ticker = BinanceFlow::wrap("dogeusdt@bookTicker", &flow.book_ticker());
        assert!(ticker.starts_with(r#"{"stream":"dogeusdt@bookTicker","data":{"u":5"#), "{ticker}");
    }
}
