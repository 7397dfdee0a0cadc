//! An instrument's filters: what its terms allow of a price, a quantity, a value.

use tiercel_types::command::NewOrder;
use tiercel_types::{DenialReason, Money, OrderKind, Price, Qty, Side};

use crate::book::{BANDED, Book, GUARDED};

/// Amounts of money are below this many units, so that no product or sum leaves 128 bits.
pub(crate) const MONEY_LIMIT: i128 = 1 << 100;

impl Book {
    /// Checks 15 to 18a: a price that is given, without the last two if no side's band is meant.
    /// Returns it in ticks.
    #[inline(always)]
    pub(crate) fn check_price(
        &self,
        price: Price,
        band_of: Option<Side>,
    ) -> Result<i64, DenialReason> {
        let tick = self.tick.divide_signed(price.units()).ok_or(DenialReason::PriceNotOnTick)?;
        if price < self.bounds.price_min {
            return Err(DenialReason::PriceTooLow);
        }
        if price > self.bounds.price_max {
            return Err(DenialReason::PriceTooHigh);
        }
        if let Some(side) = band_of
            && self.has(BANDED)
        {
            self.check_band(price, side)?;
        }
        Ok(tick)
    }

    /// Checks 18 and 18a.
    #[inline(always)]
    pub(crate) fn check_band(&self, price: Price, side: Side) -> Result<(), DenialReason> {
        let reference = self.last_price.unwrap_or(self.spec.reference_price).units();
        let distance = i128::from(price.units()) - i128::from(reference);
        let reach = i128::from(reference) * i128::from(self.spec.band_ppm);
        let banded = reference != 0 && self.spec.band_ppm != 0;
        if banded && distance.abs() * 1_000_000 > reach {
            return Err(DenialReason::PriceOutOfBand);
        }
        if self.has(GUARDED) { self.check_limit_bands(price, side) } else { Ok(()) }
    }

    /// Checks 19 to 21: a quantity. Returns it in lots.
    #[inline(always)]
    pub(crate) fn check_qty(&self, qty: Qty) -> Result<u64, DenialReason> {
        let lots = self.lot.divide(qty.units()).ok_or(DenialReason::QtyNotOnLot)?;
        if qty < self.bounds.qty_min && !qty.is_zero() {
            return Err(DenialReason::QtyTooSmall);
        }
        if qty > self.bounds.qty_max {
            return Err(DenialReason::QtyTooLarge);
        }
        Ok(lots)
    }

    /// Check 22: whether `lots` more on a side stay countable, `gone` lots less on it.
    #[inline(always)]
    pub(crate) fn check_side(&self, side: Side, lots: u64, gone: u64) -> Result<(), DenialReason> {
        let open = self.open_lots[side.index()] - gone;
        if lots > self.bounds.side_lots_max - open {
            Err(DenialReason::QtyTooLarge)
        } else {
            Ok(())
        }
    }

    /// Checks 23 and 24: a value in units of money.
    #[inline(always)]
    pub(crate) fn check_value(&self, value: i128, bounded: bool) -> Result<(), DenialReason> {
        if bounded || self.bounds.values {
            if value < self.bounds.value_min {
                return Err(DenialReason::NotionalTooSmall);
            }
            if value > self.bounds.value_max || (bounded && value >= MONEY_LIMIT) {
                return Err(DenialReason::NotionalTooLarge);
            }
        }
        Ok(())
    }

    /// What an order gives when it trades `qty` at `price`: quote if it buys, base if it sells.
    #[inline(always)]
    pub(crate) fn gives(side: Side, price: Price, qty: Qty) -> i128 {
        match side {
            Side::Buy => Money::of(price, qty).units(),
            Side::Sell => Money::from_qty(qty).units(),
        }
    }

    /// The tick that bounds a market order: the protection price it gives, or that of the
    /// instrument's terms from the best opposite tick, or none.
    pub(crate) fn protection(&self, side: Side, price: Price, best: Option<i64>) -> Option<i64> {
        if !price.is_zero() {
            return self.tick.divide_signed(price.units());
        }
        let ppm = i128::from(self.spec.market_protection_ppm);
        let best = i128::from(best.filter(|_| ppm != 0)?);
        let tick = match side {
            Side::Buy => best + (best * ppm).div_euclid(1_000_000),
            Side::Sell => best - (best * ppm).div_euclid(1_000_000),
        };
        // No level lies beyond what a price can say.
        let most = i128::from(i64::MAX) / i128::from(self.tick.units());
        Some(tick.clamp(-most, most) as i64)
    }
}

/// Checks 25 to 27. Returns the slice in lots.
pub(crate) fn check_slice(book: &Book, order: &NewOrder, rests: bool) -> Result<u64, DenialReason> {
    if !rests || order.kind == OrderKind::MarketToLimit {
        return Err(DenialReason::DisplayQtyNotAllowed);
    }
    let slice = book.lot.divide(order.display_qty.units());
    let slice = slice.filter(|_| order.display_qty <= order.qty);
    let slice = slice.ok_or(DenialReason::DisplayQtyInvalid)?;
    book.check_parts(order.qty, order.display_qty)?;
    Ok(slice)
}

impl Book {
    /// Check 27.
    pub(crate) fn check_parts(&self, qty: Qty, display_qty: Qty) -> Result<(), DenialReason> {
        let most = u64::from(self.spec.max_iceberg_parts);
        if most != 0 && qty.units().div_ceil(display_qty.units()) > most {
            return Err(DenialReason::TooManyIcebergParts);
        }
        Ok(())
    }
}
