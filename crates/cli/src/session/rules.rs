//! How an instrument's levels are shared out, as fields of a line.

use tiercel_types::InstrumentId;
use tiercel_types::command::{Allocation, MARKET_MAKERS_MAX, MarketMaker, SetMatchingRules};

use super::names::Names;
use super::words::{LineError, Words};

/// Reads `fifo`, or `pro_rata` with its fields; `maker=ACCOUNT:PPM` up to four times.
pub(super) fn read_rules(
    words: &mut Words,
    names: &Names,
    allocation: Allocation,
    instrument: InstrumentId,
) -> Result<SetMatchingRules, LineError> {
    let mut rules = SetMatchingRules { allocation, ..SetMatchingRules::fifo(instrument) };
    rules.minimum_allocation = words.parsed("minimum", str::parse)?.unwrap_or_default();
    rules.fifo_ppm = words.parsed("fifo_ppm", str::parse)?.unwrap_or_default();
    rules.top = words.parsed("top", str::parse)?.unwrap_or_default();
    rules.top_min_qty = words.parsed("top_min", str::parse)?.unwrap_or_default();
    rules.top_max_qty = words.parsed("top_max", str::parse)?.unwrap_or_default();
    let mut entries = rules.market_makers.iter_mut();
    while let Some(text) = words.value("maker") {
        let Some(entry) = entries.next() else {
            let message = format!("there are no more than {MARKET_MAKERS_MAX}: `{text}`");
            return Err(LineError::new("maker", message));
        };
        let parts = text.split_once(':').and_then(|(name, ppm)| Some((name, ppm.parse().ok()?)));
        let Some((name, share_ppm)) = parts else {
            return Err(LineError::new("maker", format!("not ACCOUNT:PPM: `{text}`")));
        };
        *entry = MarketMaker { account: names.account(name)?, share_ppm };
    }
    Ok(rules)
}
