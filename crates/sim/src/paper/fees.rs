//! What a fill costs.

use tiercel_execution::position::Fee;
use tiercel_types::decimal::ONE;
use tiercel_types::instrument::PPM;
use tiercel_types::{Money, Price, Qty, Side};

/// In what fees are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeeAsset {
    /// In what is received: the base asset for a purchase, the quote asset for a sale. So does our venue, and Binance
    /// without BNB.
    #[default]
    Received,
    /// In the quote asset.
    Quote,
}

/// Fees, in ppm of what a fill is worth; negative: a rebate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Of who rested.
    pub maker_ppm: i32,
    /// Of who came.
    pub taker_ppm: i32,
    /// In what.
    pub asset: FeeAsset,
}

impl Fees {
    /// The fee of a fill, rounded up to a multiple of 10^-8 as the engine's with accounts is.
    pub(super) fn of(self, is_maker: bool, side: Side, price: Price, qty: Qty) -> Fee {
        let ppm = i128::from(if is_maker { self.maker_ppm } else { self.taker_ppm });
        let in_base = self.asset == FeeAsset::Received && side == Side::Buy;
        let amount = if in_base { Money::from_qty(qty) } else { Money::of(price, qty) };
        let step = i128::from(PPM) * i128::from(ONE);
        let product = amount.units() * ppm;
        // Up: towards the one who charges.
        let steps = product.div_euclid(step) + i128::from(product.rem_euclid(step) != 0);
        let fee = Money::from_units(steps * i128::from(ONE));
        if in_base { Fee::Base(fee) } else { Fee::Quote(fee) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_of_what_is_received_and_rounds_up() {
        let fees = Fees { maker_ppm: -100, taker_ppm: 1_000, asset: FeeAsset::Received };
        let (price, qty) = ("61837.63".parse().unwrap(), "0.00123".parse().unwrap());
        let units = |fee| match fee {
            Fee::Base(fee) => ('b', fee.units()),
            Fee::Quote(fee) => ('q', fee.units()),
            _ => unreachable!(),
        };
        // 0.00000123 of the base asset; 76.0602849 quote, of which a thousandth is 0.0760602849.
        assert_eq!(units(fees.of(false, Side::Buy, price, qty)), ('b', 12_300_000_000));
        assert_eq!(units(fees.of(false, Side::Sell, price, qty)), ('q', 760_602_900_000_000));
        // A rebate of 0.00760602849 loses what does not divide.
        assert_eq!(units(fees.of(true, Side::Sell, price, qty)), ('q', -76_060_200_000_000));
        let quote = Fees { asset: FeeAsset::Quote, ..fees };
        assert_eq!(units(quote.of(false, Side::Buy, price, qty)), ('q', 760_602_900_000_000));
    }
}
