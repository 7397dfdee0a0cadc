//! What a trader owns of an instrument, and what it has made with it.
//!
//! Average cost: a fill that adds to a position adds to its cost, one that takes from it takes the
//! same share of the cost, and the difference to what it brought is the realised profit or loss. Amounts are
//! exact; of a cost that does not divide, the rest stays with what is still owned. So after any fills
//!
//! ```text
//!   realised = received for sales - paid for purchases + cost of what is owned
//! ```
//!
//! to the last unit of 10^-16, where the cost of a short position is negative: what it brought.

use thiserror::Error;
use tiercel_types::{Money, Price, Qty, Side};

/// A part of an order that has traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Of the order: whether it bought or sold.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// What was charged for it. Negative: a rebate.
    pub fee: Fee,
}

/// What is charged for a fill, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fee {
    /// In the instrument's quote asset: off the profit.
    Quote(Money),
    /// In its base asset: off what was bought, whose cost stays.
    Base(Money),
    /// In the asset that is received: the base asset for a buy, the quote asset for a sale.
    Received(Money),
    /// In a third asset: summed by whoever knows its price.
    Other(Money),
}

impl Fee {
    /// Nothing is charged.
    pub const NONE: Self = Self::Quote(Money::ZERO);
}

/// A sum beyond what 128 bits hold: no market has such amounts. The position is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the position's amounts are too large")]
pub struct TooLarge;

/// A position and its accounts. All amounts are of the quote asset, but for [`owned`](Self::owned).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// In units of 10^-16 of the base asset; negative: short.
    owned: i128,
    /// What it cost; of a short position, the negative of what it brought.
    cost: i128,
    realised: i128,
    fees: i128,
    other_fees: i128,
    bought: u128,
    sold: u128,
}

/// One whole of an asset.
const WHOLE: i128 = Money::from_qty(Qty::from_units(100_000_000)).units();

/// One unit of a quantity.
const UNIT: i128 = Money::from_qty(Qty::from_units(1)).units();

/// `amount * part / whole`, towards zero; `None` beyond 128 bits. `whole` is not zero.
fn share(amount: i128, part: u128, whole: u128) -> Option<i128> {
    // All of it, as in most fills that close something: no division.
    if part == whole {
        return Some(amount);
    }
    let magnitude = amount.unsigned_abs();
    let shared = match magnitude.checked_mul(part) {
        Some(product) => product / whole,
        None => long_share(magnitude, part, whole)?,
    };
    let shared = i128::try_from(shared).ok()?;
    Some(if amount < 0 { -shared } else { shared })
}

/// The same where the product has more than 128 bits: a bit of `part` at a time.
#[cold]
fn long_share(amount: u128, part: u128, whole: u128) -> Option<u128> {
    let (quotient, rest) = (amount / whole, amount % whole);
    let (mut digits, mut carry) = (0_u128, 0_u128);
    for bit in (0..u128::BITS).rev() {
        // carry is the remainder of rest * (the bits so far), digits the quotient.
        let (doubled, one) = add_modulo(carry, carry, whole);
        (carry, digits) = (doubled, digits << 1 | u128::from(one));
        if part >> bit & 1 == 1 {
            let (added, one) = add_modulo(carry, rest, whole);
            (carry, digits) = (added, digits + u128::from(one));
        }
    }
    quotient.checked_mul(part)?.checked_add(digits)
}

/// The sum of two numbers below `modulus`, modulo it, and whether it was reached.
const fn add_modulo(one: u128, other: u128, modulus: u128) -> (u128, bool) {
    let room = modulus - other;
    if one >= room { (one - room, true) } else { (one + other, false) }
}

impl Position {
    /// Takes a fill in.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn fill(&mut self, fill: &Fill) -> Result<(), TooLarge> {
        self.trade(fill).ok_or(TooLarge)
    }

    /// `None`: nothing has changed.
    fn trade(&mut self, fill: &Fill) -> Option<()> {
        let amount = Money::from_qty(fill.qty).units();
        let value = Money::of(fill.price, fill.qty).units();
        let buys = fill.side == Side::Buy;
        let signed = |amount: i128| if buys { amount } else { -amount };
        let Self { mut owned, mut cost, mut realised, mut fees, mut other_fees, .. } = *self;
        let against = if buys { owned < 0 } else { owned > 0 };
        let closing = if against { amount.min(owned.checked_abs()?) } else { 0 };
        if closing > 0 {
            let share_of_cost = share(cost, closing.unsigned_abs(), owned.unsigned_abs())?;
            // What the part of the fill is worth that closes.
            let worth = share(value, closing.unsigned_abs(), amount.unsigned_abs())?;
            realised =
                realised.checked_add(signed(worth).checked_neg()?.checked_sub(share_of_cost)?)?;
            owned += signed(amount);
            cost = (cost - share_of_cost).checked_add(signed(value - worth))?;
        } else {
            owned = owned.checked_add(signed(amount))?;
            cost = cost.checked_add(signed(value))?;
        }
        let traded = if buys { self.bought } else { self.sold };
        let traded = traded.checked_add(amount.unsigned_abs())?;
        match (fill.fee, fill.side) {
            (Fee::Quote(fee), _) | (Fee::Received(fee), Side::Sell) => {
                fees = fees.checked_add(fee.units())?;
            }
            (Fee::Base(fee), _) | (Fee::Received(fee), Side::Buy) => {
                owned = owned.checked_sub(fee.units())?;
            }
            (Fee::Other(fee), _) => other_fees = other_fees.checked_add(fee.units())?,
        }
        if buys {
            self.bought = traded;
        } else {
            self.sold = traded;
        }
        *self = Self { owned, cost, realised, fees, other_fees, ..*self };
        Some(())
    }

    /// All of it, to be written down.
    pub const fn words(&self) -> [i128; 7] {
        let Self { owned, cost, realised, fees, other_fees, bought, sold } = *self;
        [owned, cost, realised, fees, other_fees, bought.cast_signed(), sold.cast_signed()]
    }

    /// A position as it was written down.
    pub const fn of_words(words: [i128; 7]) -> Self {
        let [owned, cost, realised, fees, other_fees, bought, sold] = words;
        let (bought, sold) = (bought.cast_unsigned(), sold.cast_unsigned());
        Self { owned, cost, realised, fees, other_fees, bought, sold }
    }

    /// How much of the base asset; negative: short.
    pub const fn owned(&self) -> Money {
        Money::from_units(self.owned)
    }

    /// What it cost; of a short position, the negative of what it brought.
    pub const fn cost(&self) -> Money {
        Money::from_units(self.cost)
    }

    /// What was paid, or received, for each whole on average, towards zero; `None` of no position.
    pub fn average_price(&self) -> Option<Money> {
        let owned = self.owned.unsigned_abs();
        if owned == 0 {
            return None;
        }
        let cost = i128::try_from(self.cost.unsigned_abs()).ok()?;
        share(cost, WHOLE.unsigned_abs(), owned).map(Money::from_units)
    }

    /// The profit of what was closed, before fees.
    pub const fn realised(&self) -> Money {
        Money::from_units(self.realised)
    }

    /// The profit if it were closed at `price`; `None` beyond 128 bits.
    pub fn unrealised(&self, price: Price) -> Option<Money> {
        // A price has units of 10^-8, as a quantity, and base fees leave less than a unit of one.
        let price = i128::from(price.units());
        let [wholes, rest] = [self.owned / UNIT, self.owned % UNIT];
        let worth = wholes.checked_mul(price)?.checked_add(rest * price / UNIT)?;
        Some(Money::from_units(worth.checked_sub(self.cost)?))
    }

    /// Fees charged in the quote asset.
    pub const fn fees(&self) -> Money {
        Money::from_units(self.fees)
    }

    /// Fees charged in other assets than the two, whatever they are.
    pub const fn other_fees(&self) -> Money {
        Money::from_units(self.other_fees)
    }

    /// Profit of what was closed less fees in the quote asset; `None` beyond 128 bits.
    pub fn net(&self) -> Option<Money> {
        self.realised.checked_sub(self.fees).map(Money::from_units)
    }

    /// What came in of the quote asset, less what went out, fees included; `None` beyond 128 bits.
    pub fn cash(&self) -> Option<Money> {
        self.net()?.units().checked_sub(self.cost).map(Money::from_units)
    }

    /// How much was bought and sold, of the base asset, in units of 10^-16.
    pub const fn volume(&self) -> (u128, u128) {
        (self.bought, self.sold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill(side: Side, price: &str, qty: &str) -> Fill {
        let (price, qty) = (price.parse().unwrap(), qty.parse().unwrap());
        Fill { side, price, qty, fee: Fee::NONE }
    }

    fn money(text: &str) -> Money {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let qty: Qty = digits.parse().unwrap();
        let units = Money::from_qty(qty).units();
        Money::from_units(if negative { -units } else { units })
    }

    #[test]
    fn a_position_is_opened_added_to_reduced_and_turned() {
        let mut position = Position::default();
        position.fill(&fill(Side::Buy, "100", "1")).unwrap();
        position.fill(&fill(Side::Buy, "110", "1")).unwrap();
        assert_eq!(position.average_price(), Some(money("105")));
        assert_eq!(position.unrealised("107".parse().unwrap()), Some(money("4")));
        position.fill(&fill(Side::Sell, "120", "0.5")).unwrap();
        assert_eq!((position.owned(), position.realised()), (money("1.5"), money("7.5")));
        assert_eq!(position.average_price(), Some(money("105")));
        // Sold beyond what is owned: short, at the price of the sale.
        position.fill(&fill(Side::Sell, "90", "2.5")).unwrap();
        assert_eq!((position.owned(), position.realised()), (money("-1"), money("-15")));
        assert_eq!(position.average_price(), Some(money("90")));
        assert_eq!(position.unrealised("95".parse().unwrap()), Some(money("-5")));
        position.fill(&fill(Side::Buy, "80", "1")).unwrap();
        assert_eq!((position.owned(), position.cost()), (Money::ZERO, Money::ZERO));
        assert_eq!((position.average_price(), position.realised()), (None, money("-5")));
        let whole = WHOLE.unsigned_abs();
        assert_eq!(position.volume(), (3 * whole, 3 * whole));
    }

    #[test]
    fn fees_are_taken_where_they_are_charged() {
        let mut position = Position::default();
        let bought = fill(Side::Buy, "100", "1");
        position.fill(&Fill { fee: Fee::Base(money("0.001")), ..bought }).unwrap();
        assert_eq!((position.owned(), position.cost()), (money("0.999"), money("100")));
        position.fill(&Fill { fee: Fee::Quote(money("0.2")), ..bought }).unwrap();
        position.fill(&Fill { fee: Fee::Other(money("0.3")), ..bought }).unwrap();
        assert_eq!((position.fees(), position.other_fees()), (money("0.2"), money("0.3")));
        assert_eq!(position.net(), Some(money("-0.2")));
        // In what is received: of a purchase the base asset, of a sale the quote asset.
        let received = Fee::Received(money("0.01"));
        position.fill(&Fill { fee: received, ..bought }).unwrap();
        assert_eq!((position.owned(), position.fees()), (money("3.989"), money("0.2")));
        position.fill(&Fill { side: Side::Sell, fee: received, ..bought }).unwrap();
        assert_eq!((position.owned(), position.fees()), (money("2.989"), money("0.21")));
    }

    #[test]
    fn amounts_beyond_128_bits_are_refused_and_change_nothing() {
        let mut position = Position::default();
        let (price, qty) = (Price::from_units(i64::MAX), Qty::from_units(u64::MAX));
        let huge = Fill { side: Side::Buy, price, qty, fee: Fee::NONE };
        position.fill(&huge).unwrap();
        let before = position;
        assert_eq!(position.fill(&huge), Err(TooLarge));
        assert_eq!(position, before);
        // Neither is a part of it in.
        let dear = Fee::Quote(Money::from_units(i128::MAX));
        let dear = Fill { fee: dear, ..fill(Side::Buy, "100", "1") };
        let mut charged = Position::default();
        charged.fill(&dear).unwrap();
        let before = charged;
        assert_eq!(charged.fill(&dear), Err(TooLarge));
        assert_eq!(charged, before);
        assert!(
            position
                .average_price()
                .is_some_and(|average| average == money("92233720368.54775807"))
        );
    }

    fn fills() -> impl Strategy<Value = Vec<Fill>> {
        let one =
            (any::<bool>(), 1..10_i64.pow(13), 1..10_u64.pow(12), -1_000..1_000_i128, 0..3_u8);
        let fill = |(buys, price, qty, fee, of)| {
            let fee = Money::from_units(fee);
            Fill {
                side: if buys { Side::Buy } else { Side::Sell },
                price: Price::from_units(price),
                qty: Qty::from_units(qty),
                fee: [Fee::Quote(fee), Fee::Base(fee), Fee::Other(fee)][usize::from(of)],
            }
        };
        prop::collection::vec(one.prop_map(fill), 1..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_realised_is_the_cash_and_the_cost_of_what_is_owned(fills in fills()) {
            let mut position = Position::default();
            let (mut cash, mut owned) = (0_i128, 0_i128);
            for fill in &fills {
                position.fill(fill).unwrap();
                let sign = if fill.side == Side::Buy { 1 } else { -1 };
                cash -= sign * Money::of(fill.price, fill.qty).units();
                owned += sign * Money::from_qty(fill.qty).units();
                if let Fee::Base(fee) = fill.fee {
                    owned -= fee.units();
                }
                prop_assert_eq!(position.owned().units(), owned);
                prop_assert_eq!(position.realised().units(), cash + position.cost().units());
            }
        }

        #[test]
        fn a_share_by_long_division_is_the_short_one(
            amount in 0..1_u128 << 63, part in 0..1_u128 << 62, whole in 1..1_u128 << 100,
        ) {
            prop_assert_eq!(long_share(amount, part, whole), Some(amount * part / whole));
        }
    }
}
