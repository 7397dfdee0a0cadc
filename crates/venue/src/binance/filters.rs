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
        // It need not have one.
        if !terms.activation_price.is_zero() {
            check_price(spec, terms.activation_price)?;
        }
        if !(1..=TRAILING_BPS_MAX).contains(&terms.trailing_bps) {
            return Err(ApiError::filter("TRAILING_DELTA"));
        }
        return Ok(());
    }
    check_price(spec, terms.trigger_price)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::denial::denial;
    use proptest::prelude::*;
    use proptest::sample::select;
    use tiercel_matching::{EngineConfig, FullEngine, Progress};
    use tiercel_types::command::{
        AccountState, AddAsset, AddInstrument, Deposit, NewAdvancedOrder, SetAccount,
    };
    use tiercel_types::{
        AccountId, AssetId, Command, Event, EventBuffer, InstrumentId, Side, TimeInForce, Timestamp,
    };

    const CONFIG: EngineConfig =
        EngineConfig { shard: 0, hash_seed: 1, orders: 16, window_ticks: 64 };
    const OWNER: AccountId = AccountId(1);
    const MARKET: InstrumentId = InstrumentId(1);
    const ASSETS: (AssetId, AssetId) = (AssetId(1), AssetId(2));
    /// A tenth, in units of 10^-8.
    const TENTH: u64 = 10_000_000;

    /// What the engine denies the order by, if that is a filter.
    fn filter_of_engine(spec: &InstrumentSpec, command: Command) -> Option<ApiError> {
        let set = SetAccount {
            account: OWNER,
            trade_group: 0,
            max_open_orders: 0,
            state: AccountState::Active,
            reserved: [0; 3],
        };
        let fund = |asset: AssetId| Deposit {
            funding_id: asset.0.into(),
            account: OWNER,
            asset,
            amount: Money::from_units(1 << 80),
        };
        let name = |asset, code: &str| AddAsset { asset, code: code.parse().unwrap() };
        let (base, quote) = ASSETS;
        let commands: [Command; 7] = [
            name(base, "BTC").into(),
            name(quote, "USDT").into(),
            AddInstrument { spec: *spec }.into(),
            set.into(),
            fund(base).into(),
            fund(quote).into(),
            command,
        ];
        let mut engine = FullEngine::new(CONFIG);
        let mut events = EventBuffer::with_capacity(64);
        for (command, sequence) in commands.iter().zip(1..) {
            events.clear();
            let done = engine.apply(sequence, Timestamp(sequence), command, &mut events);
            assert_eq!(done, Progress::Done);
            let denied = events.refs().find_map(|(_, event)| match event.to_event() {
                Event::Denied(denied) => Some(denied),
                _ => None,
            });
            if let Some(denied) = denied {
                assert_eq!(sequence, 7, "{:?}", denied.reason);
                return Some(denial(denied.reason, denied.command)).filter(|it| it.code == -1013);
            }
        }
        None
    }

    fn spec() -> impl Strategy<Value = InstrumentSpec> {
        let price =
            |tenths: Vec<i64>| select(tenths).prop_map(|it| Price::from_units(it * 10_000_000));
        let qty = |tenths: Vec<u64>| select(tenths).prop_map(|it| Qty::from_units(it * TENTH));
        let prices = (price(vec![0, 4]), price(vec![0, 16]));
        let qtys = (qty(vec![0, 4]), qty(vec![0, 16]));
        let values = (qty(vec![0, 5]), qty(vec![0, 15]));
        (prices, qtys, values, select(vec![0_u32, 3])).prop_map(|(prices, qtys, values, parts)| {
            let (tick, lot) = (Price::from_units(20_000_000), Qty::from_units(2 * TENTH));
            let mut spec = InstrumentSpec::new(MARKET, ASSETS.0, ASSETS.1, tick, lot);
            spec.symbol = "BTCUSDT".parse().unwrap();
            (spec.min_price, spec.max_price) = prices;
            (spec.min_qty, spec.max_qty) = qtys;
            (spec.min_notional, spec.max_notional) = values;
            spec.max_iceberg_parts = parts;
            spec
        })
    }

    fn order() -> impl Strategy<Value = NewOrder> {
        let shape = (0_u8..3, any::<bool>());
        (shape, 0_i64..20, 0_u64..20, 0_u64..20).prop_map(|((kind, buys), price, qty, slice)| {
            let side = if buys { Side::Buy } else { Side::Sell };
            let (price, qty) =
                (Price::from_units(price * 10_000_000), Qty::from_units(qty * TENTH));
            let limit = NewOrder::limit(MARKET, OWNER, side, price, qty);
            let market = NewOrder {
                kind: OrderKind::Market,
                time_in_force: TimeInForce::Ioc,
                price: Price::ZERO,
                ..limit
            };
            match kind {
                // What is shown of it is no more than there is of it: `Fields` sees to that.
                0 => NewOrder { display_qty: Qty::from_units(slice * TENTH).min(qty), ..limit },
                1 => market,
                _ => NewOrder { qty: Qty::ZERO, quote_qty: qty, ..market },
            }
        })
    }

    fn terms() -> impl Strategy<Value = Option<OrderTerms>> {
        let price = (0_i64..20).prop_map(|tenths| Price::from_units(tenths * 10_000_000));
        let bps = select(vec![0, 1, TRAILING_BPS_MAX, TRAILING_BPS_MAX + 1]);
        (0_u8..3, price, bps).prop_map(|(kind, price, trailing_bps)| match kind {
            0 => None,
            1 => Some(OrderTerms {
                trigger: Trigger::Stop,
                trigger_price: price,
                ..OrderTerms::NONE
            }),
            _ => Some(OrderTerms {
                trigger: Trigger::TrailingStop,
                trailing_bps,
                activation_price: price,
                ..OrderTerms::NONE
            }),
        })
    }

    proptest! {
        #[test]
        fn what_is_refused_here_is_what_the_engine_denies(
            spec in spec(), order in order(), terms in terms(),
        ) {
            let command = match terms {
                Some(terms) => NewAdvancedOrder { order, terms }.into(),
                None => order.into(),
            };
            let refused = check(&spec, &order, terms.as_ref()).err();
            prop_assert_eq!(refused, filter_of_engine(&spec, command));
        }
    }
}
