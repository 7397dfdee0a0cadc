//! A trader's state as it is told to people and programs.

use tiercel_execution::risk::Mode;
use tiercel_telemetry::Registry;
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Money};

use crate::core::Differs;
use crate::paper::PaperView;
use crate::state::{
    LatencyTold, LevelText, MarketTold, MarketView, OrderTold, OrderView, PaperTold, Told,
    TraderState,
};

/// Digits of amounts behind the point.
const AMOUNT_DIGITS: usize = 4;

/// What things are called.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The strategy.
    pub strategy: String,
    /// Lines, by their number.
    pub lines: Vec<String>,
    /// Venues, by their number.
    pub venues: Vec<String>,
    /// Venue and symbol of instruments, by their number.
    pub instruments: Vec<(String, String)>,
    /// What is paid with.
    pub quote_asset: String,
}

impl Names {
    fn instrument(&self, instrument: InstrumentId) -> (String, String) {
        self.instruments.get(instrument.0 as usize).cloned().unwrap_or_default()
    }

    /// What a venue says and was not known, with its name in front.
    pub fn differs(&self, differs: &Differs) -> String {
        let Differs { venue, instrument, difference } = differs;
        let name = match instrument {
            Some(instrument) => {
                let (venue, symbol) = self.instrument(*instrument);
                format!("{venue} {symbol}")
            }
            None => self.venues.get(venue.index()).cloned().unwrap_or_default(),
        };
        format!("{name}: {difference}")
    }

    /// A state, with names and the times that `registry` has.
    pub fn tell(&self, state: &TraderState, registry: &Registry) -> Told {
        let mode = match state.mode {
            Mode::Active => "active",
            Mode::Reducing => "reducing",
            Mode::Halted => "halted",
        };
        Told {
            strategy: self.strategy.clone(),
            time_ns: state.time_ns,
            acts: state.acts,
            mode: mode.to_owned(),
            result: state.result.map(amount),
            used_credit: amount(state.used_credit),
            quote_asset: self.quote_asset.clone(),
            open_orders: state.open_orders,
            unknown_orders: state.unknown_orders,
            counts: state.counts,
            lines: self.lines.iter().cloned().zip(state.lines.iter().copied()).collect(),
            breakers: self
                .venues
                .iter()
                .cloned()
                .zip(state.breakers.iter().map(|state| state.name().to_owned()))
                .collect(),
            markets: state.markets.iter().map(|market| self.market(market)).collect(),
            orders: state.orders.iter().map(|order| self.order(order)).collect(),
            latency: latency(registry),
            paper: state.paper.as_ref().map(paper),
        }
    }

    fn market(&self, market: &MarketView) -> MarketTold {
        let (venue, symbol) = self.instrument(market.instrument);
        MarketTold {
            venue,
            symbol,
            is_live: market.is_live,
            bids: levels(&market.bids),
            asks: levels(&market.asks),
            last_price: market.last_price.to_string(),
            position: market.owned.to_string(),
            average_price: market.average_price.map(amount),
            realised: amount(market.realised),
            unrealised: market.unrealised.map(amount),
            cash: market.cash.to_string(),
            fees: amount(market.fees),
            bought: market.bought.to_string(),
            sold: market.sold.to_string(),
        }
    }

    fn order(&self, order: &OrderView) -> OrderTold {
        OrderTold {
            client_order_id: order.client_order_id.as_str().to_owned(),
            symbol: self.instrument(order.instrument).1,
            side: order.side.as_str().to_owned(),
            price: order.price.to_string(),
            qty: order.qty.to_string(),
            executed_qty: order.executed_qty.to_string(),
            state: order.state.to_owned(),
        }
    }
}

fn paper(view: &PaperView) -> PaperTold {
    use std::fmt::Write as _;
    let mut digest = String::with_capacity(2 * view.digest.len());
    for byte in view.digest {
        // A text takes what is written to it.
        let _written = write!(digest, "{byte:02x}");
    }
    let PaperView { requests, reports, refused, .. } = *view;
    PaperTold { digest, requests, reports, refused }
}

fn amount(money: Money) -> String {
    format!("{money:.AMOUNT_DIGITS$}")
}

fn levels(levels: &[Level]) -> Vec<LevelText> {
    let there = levels.iter().take_while(|level| !level.qty.is_zero());
    there.map(|level| (level.price.to_string(), level.qty.to_string())).collect()
}

/// Every histogram that has something, in the order of the stages.
fn latency(registry: &Registry) -> Vec<LatencyTold> {
    let report = registry.report();
    let told = report.rows.iter().map(|row| {
        let stage = row.labels.first().map_or(row.name.as_str(), |(_, value)| value.as_str());
        let latency = &row.latency;
        LatencyTold {
            stage: stage.trim_end_matches("_ns").replace('_', " "),
            count: latency.count,
            p50: latency.p50_ns,
            p90: latency.p90_ns,
            p99: latency.p99_ns,
            p999: latency.p999_ns,
            max: latency.max_ns,
        }
    });
    let mut told: Vec<LatencyTold> = told.collect();
    told.sort_by_key(|row| rank(&row.stage));
    told
}

fn rank(stage: &str) -> usize {
    const ORDER: [&str; 8] =
        ["parse", "book", "strategy", "risk", "encode", "send", "tick to update", "tick to trade"];
    ORDER.iter().position(|known| *known == stage).unwrap_or(ORDER.len())
}
