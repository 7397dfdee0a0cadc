//! How prices and quantities stand in messages, and which instruments' fit.

use thiserror::Error;
use tiercel_types::decimal::ONE;
use tiercel_types::{InstrumentSpec, Price, Qty};
use tiercel_wire::itch::field::Text;

/// Units of a [`Price`] in the last of a message's four decimals.
const PRICE_UNIT: i64 = 10_000;

/// Why an instrument cannot be told of: nothing of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Misfit {
    /// Locate 0 means no instrument.
    #[error("its number is 0")]
    Number,
    /// A symbol has eight bytes.
    #[error("its symbol is empty or longer than 8 characters")]
    Symbol,
    /// A price has four decimals.
    #[error("its tick is no multiple of 0.0001")]
    Tick,
    /// A price has no sign.
    #[error("its min_price is negative")]
    Negative,
    /// A price has 32 bits.
    #[error("its max_price is not set, or above 429496.7295")]
    HighestPrice,
    /// A quantity has 32 bits.
    #[error("its max_qty is not set, or above 4294967295 shares (a share is a lot, or 1)")]
    LargestQty,
    /// New terms fit, and what rests since before does not.
    #[error("orders from before its present terms do not fit")]
    Orders,
}

/// How an instrument's quantities stand in messages: in shares. Its prices have four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// Units of a [`Qty`] in a share.
    share: u64,
    symbol: Text<8>,
    locate: u16,
    round_lot: u32,
}

impl Units {
    /// Those of an instrument, if all that may happen to it fits: a share is one whole, where lots are
    /// multiples of that, and else a lot.
    ///
    /// # Errors
    /// [`Misfit`].
    pub fn of(spec: &InstrumentSpec) -> Result<Self, Misfit> {
        let locate = u16::try_from(spec.instrument.0).ok().filter(|locate| *locate != 0);
        let locate = locate.ok_or(Misfit::Number)?;
        let symbol = Text::new(spec.symbol.as_bytes()).filter(|_| !spec.symbol.is_empty());
        let symbol = symbol.ok_or(Misfit::Symbol)?;
        if spec.tick.units() % PRICE_UNIT != 0 {
            return Err(Misfit::Tick);
        }
        if spec.min_price.units() < 0 {
            return Err(Misfit::Negative);
        }
        let highest = spec.max_price.units();
        if highest == 0 || highest / PRICE_UNIT > i64::from(u32::MAX) {
            return Err(Misfit::HighestPrice);
        }
        let lot = spec.lot.units();
        let share = if lot.is_multiple_of(ONE) { ONE } else { lot };
        let largest = spec.max_qty.units();
        if largest == 0 || largest / share > u64::from(u32::MAX) {
            return Err(Misfit::LargestQty);
        }
        // At most the largest quantity, but for one that no order can have.
        let round_lot = u32::try_from(lot / share).map_err(|_| Misfit::LargestQty)?;
        Ok(Self { share, symbol, locate, round_lot })
    }

    /// The number of the instrument in messages: its own.
    pub const fn locate(&self) -> u16 {
        self.locate
    }

    /// Its symbol.
    pub const fn symbol(&self) -> Text<8> {
        self.symbol
    }

    /// Shares in a lot.
    pub const fn round_lot(&self) -> u32 {
        self.round_lot
    }

    /// A price; `None` of one that the terms do not allow.
    #[inline]
    pub fn price(&self, price: Price) -> Option<u32> {
        let units = price.units();
        let fits = units % PRICE_UNIT == 0;
        u32::try_from(units / PRICE_UNIT).ok().filter(|_| fits)
    }

    /// A quantity in shares; `None` of one that the terms do not allow.
    #[inline]
    pub fn shares(&self, qty: Qty) -> Option<u32> {
        u32::try_from(self.many_shares(qty)).ok()
    }

    /// A sum of quantities in shares.
    #[inline]
    pub const fn many_shares(&self, qty: Qty) -> u64 {
        qty.units() / self.share
    }

    /// The price that a message tells.
    pub fn price_of(price: u64) -> Option<Price> {
        let units = i64::try_from(price).ok()?.checked_mul(PRICE_UNIT)?;
        Some(Price::from_units(units))
    }

    /// The quantity of so many shares.
    pub const fn qty_of(&self, shares: u32) -> Qty {
        Qty::from_units((shares as u64).saturating_mul(self.share))
    }
}

#[cfg(test)]
mod tests {
    use tiercel_types::{AssetId, InstrumentId};

    use super::*;

    fn spec(tick: &str, lot: &str) -> InstrumentSpec {
        let (tick, lot) = (tick.parse().unwrap(), lot.parse().unwrap());
        let spec = InstrumentSpec::new(InstrumentId(7), AssetId(1), AssetId(2), tick, lot);
        InstrumentSpec {
            symbol: "BTCUSDT".parse().unwrap(),
            max_price: "429496.7295".parse().unwrap(),
            max_qty: "9000".parse().unwrap(),
            ..spec
        }
    }

    #[test]
    fn shares_are_whole_ones_or_lots_and_prices_have_four_decimals() {
        let units = Units::of(&spec("0.01", "0.00001")).unwrap();
        assert_eq!((units.locate(), units.round_lot()), (7, 1));
        assert_eq!(units.shares("1.5".parse().unwrap()), Some(150_000));
        assert_eq!(units.qty_of(150_000), "1.5".parse().unwrap());
        assert_eq!(units.price("61000.01".parse().unwrap()), Some(610_000_100));
        assert_eq!(Units::price_of(610_000_100), "61000.01".parse().ok());
        assert_eq!(units.price("0.00001".parse().unwrap()), None);
        let units = Units::of(&spec("0.01", "100")).unwrap();
        assert_eq!((units.round_lot(), units.shares("300".parse().unwrap())), (100, Some(300)));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let good = spec("0.0001", "1");
        let of = |change: fn(&mut InstrumentSpec)| {
            let mut spec = good;
            change(&mut spec);
            Units::of(&spec).err()
        };
        assert_eq!(of(|_| {}), None);
        assert_eq!(of(|spec| spec.instrument.0 = 0), Some(Misfit::Number));
        assert_eq!(of(|spec| spec.symbol = "LONGCOINS".parse().unwrap()), Some(Misfit::Symbol));
        assert_eq!(of(|spec| spec.tick = "0.00015".parse().unwrap()), Some(Misfit::Tick));
        assert_eq!(of(|spec| spec.min_price = "-1".parse().unwrap()), Some(Misfit::Negative));
        assert_eq!(of(|spec| spec.max_price = Price::ZERO), Some(Misfit::HighestPrice));
        let over = |spec: &mut InstrumentSpec| spec.max_price = "429496.73".parse().unwrap();
        assert_eq!(of(over), Some(Misfit::HighestPrice));
        assert_eq!(of(|spec| spec.max_qty = Qty::ZERO), Some(Misfit::LargestQty));
        let over = |spec: &mut InstrumentSpec| spec.max_qty = "4294967296".parse().unwrap();
        assert_eq!(of(over), Some(Misfit::LargestQty));
        let small = |spec: &mut InstrumentSpec| spec.lot = "0.00000001".parse().unwrap();
        assert_eq!(of(small), Some(Misfit::LargestQty));
    }
}
