//! The live table, and the plain lines in its stead.

use std::io::{self, Write};

use crossterm::style::Stylize as _;
use serde_json::json;
use tiercel_telemetry::histogram::Nanoseconds;
use tiercel_types::{InstrumentSpec, Side};

use super::DemoArgs;
use super::simulation::Simulation;
use super::tally::LastTrade;
use crate::text::{grouped, rate};

/// Levels of the book that are shown on each side.
const LEVELS: usize = 10;

/// Half a character's block.
const LEFT_HALF: char = '\u{258c}';
const RIGHT_HALF: char = '\u{2590}';

/// Widths of the book's columns.
const BAR: usize = 12;
const QTY: usize = 11;
const PRICE: usize = 10;

/// One line for one interval, where there is no live table.
pub(super) fn print_line(simulation: &Simulation, as_json: bool) -> io::Result<()> {
    let (sample, counts) = (simulation.sample(), simulation.tally().counts());
    let seconds = simulation.elapsed().as_secs_f64();
    let conserved = simulation.conserved();
    let mut out = io::stdout().lock();
    if as_json {
        let row = json!({
            "row": "second",
            "seconds": seconds,
            "commands": counts.commands,
            "commands_per_second": sample.commands_per_second.round(),
            "orders_per_second": sample.orders_per_second.round(),
            "trades_per_second": sample.trades_per_second.round(),
            "live_orders": simulation.engine().live_orders(),
            "latency": sample.latency,
            "conserved": conserved,
        });
        return writeln!(out, "{row}");
    }
    writeln!(
        out,
        "{seconds:6.1} s  {} commands/s  {} orders/s  {} trades/s  {} live  {}  {}",
        rate(sample.commands_per_second),
        rate(sample.orders_per_second),
        rate(sample.trades_per_second),
        grouped(simulation.engine().live_orders() as u64),
        sample.latency,
        if conserved { "money conserved" } else { "MONEY NOT CONSERVED" },
    )
}

/// The live table, for a terminal of this size.
pub(super) fn lines(
    simulation: &Simulation,
    args: &DemoArgs,
    instrument_at: usize,
    width: usize,
    height: usize,
) -> Vec<String> {
    let mut lines = Vec::with_capacity(height);
    lines.push(heading(simulation, args, width));
    lines.push(String::new());
    if let Some(instrument) = simulation.instrument(instrument_at)
        && let Some(spec) = simulation.engine().spec(instrument)
    {
        lines.push(instrument_line(simulation, spec, instrument_at));
        lines.push(String::new());
        // What is left of the height, less the lines around the book.
        let levels = height.saturating_sub(13).clamp(3, LEVELS);
        book(simulation, spec, levels, width, &mut lines);
    }
    lines.push(String::new());
    numbers(simulation, &mut lines);
    lines.truncate(height);
    lines
}

fn heading(simulation: &Simulation, args: &DemoArgs, width: usize) -> String {
    let left = format!(
        " tiercel demo   seed {}   {:.1} s   {} commands",
        args.seed,
        simulation.elapsed().as_secs_f64(),
        grouped(simulation.tally().counts().commands)
    );
    let right = "Tab: next instrument   q: end ";
    let gap = width.saturating_sub(left.chars().count() + right.len());
    if gap == 0 {
        return format!("{left:width$.width$}").reverse().to_string();
    }
    format!("{left}{}{right}", " ".repeat(gap)).reverse().to_string()
}

fn instrument_line(simulation: &Simulation, spec: &InstrumentSpec, at: usize) -> String {
    let engine = simulation.engine();
    let last = engine.last_price(spec.instrument);
    let touch = |side| engine.best(spec.instrument, side);
    let spread = match (touch(Side::Buy), touch(Side::Sell)) {
        (Some(bid), Some(ask)) => {
            let units = ask.price.units() - bid.price.units();
            format!("{}", tiercel_types::Price::from_units(units))
        }
        _ => "-".to_owned(),
    };
    format!(
        " {}  last {}  spread {spread}  (instrument {} of {})",
        spec.symbol.to_string().bold(),
        last.map_or_else(|| "-".to_owned(), |price| format!("{price:.*}", price_places(spec))),
        at + 1,
        simulation.instruments()
    )
}

/// Bids to the left, asks to the right, the last trades beside them.
fn book(
    simulation: &Simulation,
    spec: &InstrumentSpec,
    levels: usize,
    width: usize,
    lines: &mut Vec<String>,
) {
    let trades_fit = width >= 2 * (BAR + QTY + PRICE + 2) + 34;
    let titles = format!(
        " {:>BAR$} {:>QTY$} {:>PRICE$} | {:<PRICE$} {:<QTY$} {:BAR$}",
        "", "bid qty", "bid", "ask", "ask qty", ""
    );
    let trades_title = if trades_fit { "  last trades" } else { "" };
    lines.push(format!("{}{}", titles.dim(), trades_title.dim()));
    let side = |side| -> Vec<_> {
        simulation.engine().depth(spec.instrument, side).take(levels).collect()
    };
    let (bids, asks) = (side(Side::Buy), side(Side::Sell));
    let largest =
        bids.iter().chain(&asks).map(|level| level.displayed.units()).max().unwrap_or(1).max(1);
    let mut trades = simulation.tally().trades(spec.instrument);
    let (prices, quantities) = (price_places(spec), qty_places(spec));
    for at in 0..levels {
        let bid = bids.get(at).map_or_else(
            || " ".repeat(BAR + QTY + PRICE + 3),
            |level| {
                let bar = bar(level.displayed.units(), largest, RIGHT_HALF);
                let qty = format!("{:.quantities$}", level.displayed);
                let price = format!("{:.prices$}", level.price);
                format!(
                    " {} {qty:>QTY$} {}",
                    format!("{bar:>BAR$}").green(),
                    format!("{price:>PRICE$}").green()
                )
            },
        );
        let ask = asks.get(at).map_or_else(
            || " ".repeat(BAR + QTY + PRICE + 3),
            |level| {
                let bar = bar(level.displayed.units(), largest, LEFT_HALF);
                let qty = format!("{:.quantities$}", level.displayed);
                let price = format!("{:.prices$}", level.price);
                format!(
                    "{} {qty:<QTY$} {} ",
                    format!("{price:<PRICE$}").red(),
                    format!("{bar:<BAR$}").red()
                )
            },
        );
        let trade = match trades.next() {
            Some(trade) if trades_fit => trade_cell(trade, spec),
            _ => String::new(),
        };
        lines.push(format!("{bid} | {ask}{trade}"));
    }
}

fn trade_cell(trade: &LastTrade, spec: &InstrumentSpec) -> String {
    let seconds = trade.time_ns / 1_000_000_000 % 86_400;
    let price = format!("{:>PRICE$.*}", price_places(spec), trade.price);
    let price = if trade.taker_side == Side::Buy { price.green() } else { price.red() };
    format!(
        "  {:02}:{:02}:{:02}.{:03} {price} {:.*}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        trade.time_ns / 1_000_000 % 1_000,
        qty_places(spec),
        trade.qty
    )
}

fn numbers(simulation: &Simulation, lines: &mut Vec<String>) {
    let (sample, counts) = (simulation.sample(), simulation.tally().counts());
    let denied = counts.denied as f64 * 100.0 / counts.commands.max(1) as f64;
    lines.push(format!(
        " {:>9} commands/s {:>9} orders/s {:>9} trades/s {:>8} live orders",
        rate(sample.commands_per_second),
        rate(sample.orders_per_second),
        rate(sample.trades_per_second),
        grouped(simulation.engine().live_orders() as u64)
    ));
    let latency = sample.latency;
    let cells: Vec<String> = latency
        .columns()
        .into_iter()
        .filter(|(name, _)| *name != "p99.99")
        .map(|(name, ns)| format!("{name} {:>7}", Nanoseconds(ns).to_string().bold()))
        .collect();
    lines.push(format!(" Engine::apply  {}", cells.join("  ")));
    let money = if simulation.conserved() { "conserved".green() } else { "NOT CONSERVED".red() };
    lines.push(format!(
        " {} trades   {} self-trades prevented   {denied:.2}% denied   money {money}",
        grouped(counts.trades),
        grouped(counts.self_trades_prevented)
    ));
}

/// A bar of a size's share of the largest: full characters, and a half one at its free end.
fn bar(size: u64, largest: u64, half: char) -> String {
    let halves = (u128::from(size) * (BAR as u128) * 2 / u128::from(largest)) as usize;
    let full = "\u{2588}".repeat(halves / 2);
    match (halves % 2, half) {
        (0, _) => full,
        (_, LEFT_HALF) => format!("{full}{half}"),
        _ => format!("{half}{full}"),
    }
}

fn price_places(spec: &InstrumentSpec) -> usize {
    places(&spec.tick.to_string())
}

fn qty_places(spec: &InstrumentSpec) -> usize {
    places(&spec.lot.to_string())
}

/// The decimal places of a number in text.
fn places(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}
