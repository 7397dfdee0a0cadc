//! The filters of a symbol: what of them can be looked at without the book and the account.
//!
//! The engine looks at all of them itself; what is refused here is what it would deny, in the order
//! in which it would. Here so that a request that breaks one does none of its parts: not the cancel
//! of a cancel-replace, not the test of an order.

use tiercel_types::command::{NewOrder, OrderTerms};
use tiercel_types::order::Trigger;
use tiercel_types::{InstrumentSpec, Money, OrderKind, Price, Qty};

use super::error::ApiError;

/// The furthest that a trailing stop may be behind, in basis points.
pub const TRAILING_BPS_MAX: u32 = 9_999;

/// Whether an order keeps to its symbol's filters.
///
/// # Errors
/// -1013 with the filter's name.
pub fn check(
    spec: &InstrumentSpec,
    order: &NewOrder,
    terms: Option<&OrderTerms>,
) -> Result<(), ApiError> {
    let market = order.kind == OrderKind::Market;
    let by_amount = !order.quote_qty.is_zero();
    if order.qty.is_zero() && !by_amount {
        return Err(ApiError::filter("LOT_SIZE"));
    }
    if !market {
        check_price(spec, order.price)?;
    }
    check_qty(spec, order.qty)?;
    if by_amount || !market {
        let value = if by_amount {
            Money::from_qty(order.quote_qty)
        } else {
            Money::of(order.price, order.qty)
        };
        check_value(spec, value)?;
    }
    check_slice(spec, order)?;
    terms.map_or(Ok(()), |terms| check_terms(spec, terms))
}

/// What of a filter is not set is no bound.
fn check_price(spec: &InstrumentSpec, price: Price) -> Result<(), ApiError> {
    let lowest = if spec.min_price.is_zero() { spec.tick } else { spec.min_price };
    let too_high = !spec.max_price.is_zero() && price > spec.max_price;
    let off_tick = price.units() % spec.tick.units().max(1) != 0;
    if off_tick || too_high || price < lowest {
        return Err(ApiError::filter("PRICE_FILTER"));
    }
    Ok(())
}

fn check_qty(spec: &InstrumentSpec, qty: Qty) -> Result<(), ApiError> {
    let too_large = !spec.max_qty.is_zero() && qty > spec.max_qty;
    let too_small = !qty.is_zero() && qty < spec.min_qty;
    if too_large || too_small || off_lot(spec, qty) {
        return Err(ApiError::filter("LOT_SIZE"));
    }
    Ok(())
}

fn off_lot(spec: &InstrumentSpec, qty: Qty) -> bool {
    !qty.units().is_multiple_of(spec.lot.units().max(1))
}

fn check_value(spec: &InstrumentSpec, value: Money) -> Result<(), ApiError> {
    let most = spec.max_notional;
    let too_large = !most.is_zero() && value > Money::from_qty(most);
    if too_large || value < Money::from_qty(spec.min_notional) {
        return Err(ApiError::filter("NOTIONAL"));
    }
    Ok(())
}

/// What an iceberg shows at a time.
fn check_slice(spec: &InstrumentSpec, order: &NewOrder) -> Result<(), ApiError> {
    let slice = order.display_qty;
    if slice.is_zero() {
        return Ok(());
    }
    if off_lot(spec, slice) {
        return Err(ApiError::filter("LOT_SIZE"));
    }
    let parts = order.qty.units().div_ceil(slice.units());
    if spec.max_iceberg_parts > 0 && parts > u64::from(spec.max_iceberg_parts) {
        return Err(ApiError::filter("ICEBERG_PARTS"));
    }
    Ok(())
}

fn check_terms(spec: &InstrumentSpec, terms: &OrderTerms) -> Result<(), ApiError> {
    if terms.trigger == Trigger::TrailingStop {
        if !(1..=TRAILING_BPS_MAX).contains(&terms.trailing_bps) {
            return Err(ApiError::filter("TRAILING_DELTA"));
        }
        // It need not have one.
        return if terms.activation_price.is_zero() {
            Ok(())
        } else {
            check_price(spec, terms.activation_price)
        };
    }
    check_price(spec, terms.trigger_price)
}
