//! The live table of a trader: book, orders, position, result, times by stage, risk.

use tiercel_trader::state::{LatencyTold, MarketTold, PaperTold, Told};

/// Width of the column of the book.
const BOOK: usize = 50;

/// The table, as lines for a terminal of that width and height.
pub(crate) fn lines(told: &Told, width: usize, height: usize) -> Vec<String> {
    let mut lines = head(told);
    for market in &told.markets {
        lines.push(String::new());
        lines.extend(market_lines(market, &told.quote_asset));
    }
    lines.push(String::new());
    lines.extend(latency(&told.latency));
    lines.push(String::new());
    lines.extend(orders(told));
    if let Some(paper) = &told.paper {
        let PaperTold { digest, requests, reports, refused } = paper;
        lines.push(format!("paper: requests {requests}   reports {reports}   refused {refused}"));
        lines.push(format!("digest {digest}"));
    }
    lines.truncate(height);
    lines.into_iter().map(|line| line.chars().take(width).collect()).collect()
}

fn head(told: &Told) -> Vec<String> {
    let acts = if told.acts { "" } else { ", not acting" };
    let paper = if told.paper.is_some() { "PAPER   " } else { "" };
    let result = told.result.as_deref().unwrap_or("-");
    let counts = &told.counts;
    let mut lines = vec![
        format!("tiercel trade   {paper}{}{acts}   risk {}", told.strategy, told.mode),
        format!(
            "result {result} {}   credit used {}   open orders {}   unknown {}",
            told.quote_asset, told.used_credit, told.open_orders, told.unknown_orders
        ),
        format!(
            "books {}   trades {}   sent {}   fills {}   denied {}   anomalies {}",
            counts.books,
            counts.trades,
            counts.requests,
            counts.fills,
            counts.denied,
            counts.anomalies
        ),
    ];
    let links: Vec<String> = told
        .lines
        .iter()
        .map(|(name, is_up)| format!("{name} {}", if *is_up { "up" } else { "DOWN" }))
        .collect();
    lines.push(links.join("   "));
    let breakers: Vec<String> = told
        .breakers
        .iter()
        .filter(|(_, state)| state != "closed")
        .map(|(venue, state)| format!("{venue} breaker {}", state.to_uppercase()))
        .collect();
    if !breakers.is_empty() {
        lines.push(breakers.join("   "));
    }
    lines
}

fn market_lines(market: &MarketTold, quote: &str) -> Vec<String> {
    let state = if market.is_live { "" } else { "   STALE" };
    let none = "-".to_owned();
    let facts = [
        format!("position   {}", market.position),
        format!("average    {}", market.average_price.as_ref().unwrap_or(&none)),
        format!("realised   {} {quote}", market.realised),
        format!("unrealised {} {quote}", market.unrealised.as_ref().unwrap_or(&none)),
        format!("fees       {} {quote}", market.fees),
        format!("traded     {} bought, {} sold", market.bought, market.sold),
    ];
    let mut lines =
        vec![format!("{} {}   last {}{state}", market.venue, market.symbol, market.last_price)];
    let rows = market.bids.len().max(market.asks.len()).max(facts.len());
    for row in 0..rows {
        let side = |levels: &[(String, String)]| {
            levels
                .get(row)
                .map_or_else(String::new, |(price, qty)| format!("{qty:>11} {price:>11}"))
        };
        let ask = market.asks.get(row);
        let ask = ask.map_or_else(String::new, |(price, qty)| format!("{price:<11} {qty:<11}"));
        let book = format!("{:>23}   {ask:<23}", side(&market.bids));
        let fact = facts.get(row).map_or("", String::as_str);
        lines.push(format!("{book:<BOOK$} {fact}").trim_end().to_owned());
    }
    lines
}

fn latency(rows: &[LatencyTold]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<15} {:>11} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "stage", "count", "p50", "p90", "p99", "p99.9", "max"
    )];
    for row in rows {
        let times = [row.p50, row.p90, row.p99, row.p999, row.max];
        let times: Vec<String> =
            times.iter().map(|time| format!("{:>9}", time_of(*time))).collect();
        lines.push(format!("{:<15} {:>11} {}", row.stage, row.count, times.join(" ")));
    }
    lines
}

/// A time with its unit.
pub(crate) fn time_of(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.2} us", ns as f64 / 1e3),
        _ => format!("{:.2} ms", ns as f64 / 1e6),
    }
}

fn orders(told: &Told) -> Vec<String> {
    let mut lines = Vec::new();
    for order in &told.orders {
        lines.push(format!(
            "{:<17} {:<10} {:<4} {:>11} @ {:<11} traded {:<11} {}",
            order.client_order_id,
            order.symbol,
            order.side,
            order.qty,
            order.price,
            order.executed_qty,
            order.state
        ));
    }
    lines
}
