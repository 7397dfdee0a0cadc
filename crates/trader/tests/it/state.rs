//! What a trader shows of its markets, and what metrics make of it.

use tiercel_execution::position::{Fee, Fill, Position};
use tiercel_telemetry::Registry;
use tiercel_trader::feed::take_snapshot;
use tiercel_trader::lines::Lines;
use tiercel_trader::metrics::Metrics;
use tiercel_trader::state::TraderState;
use tiercel_trader::tell::Names;
use tiercel_types::market::{DepthSnapshot, Level};
use tiercel_types::{Money, Qty, Side};

use super::binance::{BTCUSDT, START, core};

const ONE: Qty = Qty::from_units(100_000_000);

/// What is shown of the only market, with this book and one bought at 60000.
fn shown(bids: &[&str], asks: &[&str]) -> TraderState {
    let (mut core, _) = core();
    let mut position = Position::default();
    let price = "60000".parse().unwrap();
    let fill = Fill { side: Side::Buy, price, qty: ONE, fee: Fee::NONE };
    position.fill(&fill).unwrap();
    core.oms_mut().set_position(BTCUSDT, position);
    if !bids.is_empty() || !asks.is_empty() {
        core.market_mut(BTCUSDT).unwrap().numbered_mut().unwrap().feed_up();
        let level = |price: &&str| Level { price: price.parse().unwrap(), qty: ONE };
        let [bids, asks] = [bids, asks].map(|side| side.iter().map(level).collect::<Vec<_>>());
        let snapshot = DepthSnapshot { last_update_id: 1, bids: &bids, asks: &asks };
        take_snapshot(START, BTCUSDT, &snapshot, &mut core);
    }
    let mut state = TraderState::default();
    state.fill(START.0, &Lines::new(core, Vec::new(), 0));
    state
}

#[test]
fn what_is_not_realised_is_not_told_where_a_side_of_the_book_is_empty() {
    let none: &[&str] = &[];
    for (bids, asks) in [(none, none), (&["60010"], none), (none, &["60030"])] {
        let market = shown(bids, asks).markets[0];
        assert_eq!((market.owned, market.unrealised), (Money::from_qty(ONE), None), "{market:?}");
    }
    let market = shown(&["60010"], &["60030"]).markets[0];
    assert_eq!(market.unrealised, Some("20".parse().map(Money::from_qty).unwrap()));
}

#[test]
fn the_same_symbol_at_two_venues_is_two_markets_in_metrics() {
    let registry = Registry::new();
    let at = |venue: &str| (venue.to_owned(), "BTCUSDT".to_owned());
    let names = Names { instruments: vec![at("one"), at("other")], ..Names::default() };
    let mut metrics = Metrics::new(&registry, &names).unwrap();
    let mut state = shown(&["60010"], &["60030"]);
    let mut other = state.markets[0];
    (other.owned, other.unrealised) = (Money::ZERO, None);
    state.markets.push(other);
    metrics.follow(&state);
    let text = registry.text();
    for line in [
        "position{symbol=\"BTCUSDT\",venue=\"one\"} 1\n",
        "position{symbol=\"BTCUSDT\",venue=\"other\"} 0\n",
        "unrealised_pnl{symbol=\"BTCUSDT\",venue=\"one\"} 20\n",
        "unrealised_pnl{symbol=\"BTCUSDT\",venue=\"other\"} NaN\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}
