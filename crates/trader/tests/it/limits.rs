//! A gate whose limits no test meets.

use tiercel_execution::risk::{Gate, GlobalLimits, Limits};
use tiercel_types::{InstrumentId, Money, Qty};

/// The gate of so many instruments.
pub(crate) fn gate(instruments: u32) -> Gate {
    let most = Money::from_units(i128::MAX >> 1);
    let global = GlobalLimits {
        rate_max: 1_000_000,
        rate_window_ns: 1_000_000_000,
        duplicate_window_ns: 0,
        open_orders_max: 64,
        credit: most,
        loss_reducing: most,
        loss_halting: most,
        drawdown_reducing: most,
        drawdown_halting: most,
    };
    let limits = Limits {
        restricted: false,
        qty_max: Qty::from_units(1 << 40),
        notional_max: most,
        touch_collar_bps: 5_000,
        trade_collar_bps: 5_000,
        reference_age_max_ns: u64::MAX,
        position_max: Qty::from_units(1 << 50),
        open_orders_max: 64,
    };
    let mut gate = Gate::new(global, instruments as usize);
    for instrument in (0..instruments).map(InstrumentId) {
        gate.set_limits(instrument, limits);
    }
    gate
}
