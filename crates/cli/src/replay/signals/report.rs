//! What is told of a symbol's signals: tables, JSON, and what a plot is made of.

use std::io::{self, Write};
use std::rc::Rc;

use serde_json::{Map, Value, json};
use tiercel_book::signal::MicroPrice;
use tiercel_types::Qty;

use super::kind::{Kind, Unit};
use super::prediction::{HORIZONS, Pairs, Prediction, STEP_NS};
use super::series::{Cell, Series};
use super::{Counts, Model, ONE, Signals, Toxicity};
use crate::text::{grouped, printable};

/// The signals of one symbol, at the end.
#[derive(Debug)]
pub(crate) struct SignalReport {
    pub(crate) symbol: String,
    cells: Vec<(Kind, Cell)>,
    counts: Counts,
    seconds: f64,
    bucket_qty: Option<Qty>,
    micro_price: MicroPriceReport,
    prediction: Prediction,
    pub(crate) series: Series,
}

/// The micro-price, or why there is none.
#[derive(Debug)]
enum MicroPriceReport {
    Absent(String),
    Known { model: Rc<MicroPrice>, given: bool, adjustment: Cell },
}

impl Signals {
    /// What came of it.
    pub(in crate::replay) fn finish(self, symbol: &str) -> SignalReport {
        let given = matches!(self.model, Model::Given(_));
        let micro_price = match self.model() {
            None => MicroPriceReport::Absent("too few quotes to find the tick".to_owned()),
            Some(Err(error)) => MicroPriceReport::Absent(error.to_string()),
            Some(Ok(model)) => {
                let adjustment = self.adjustment(&model);
                MicroPriceReport::Known { model, given, adjustment }
            }
        };
        let bucket_qty = match &self.toxicity {
            Toxicity::Size { .. } => None,
            Toxicity::Known { bucket_qty, .. } => Some(*bucket_qty),
        };
        SignalReport {
            symbol: printable(symbol),
            cells: Kind::ALL.into_iter().map(|kind| (kind, self.cells[kind as usize])).collect(),
            counts: self.counts,
            seconds: self.last_ns.saturating_sub(self.first_ns.unwrap_or(0)) as f64 / 1e9,
            bucket_qty,
            micro_price,
            prediction: self.prediction,
            series: self.series,
        }
    }

    /// The micro-price less the mid, over all quotes: it follows from how often each state was seen.
    fn adjustment(&self, model: &MicroPrice) -> Cell {
        let mut cell = Cell::EMPTY;
        for (&seen, &adjustment) in self.states.iter().zip(model.adjustments()) {
            cell.add_many(adjustment / ONE, seen);
        }
        cell.last = self.state.map_or(f64::NAN, |state| model.adjustments()[state] / ONE);
        cell
    }
}

impl SignalReport {
    /// The micro-price's model, if there is one.
    pub(crate) const fn model(&self) -> Option<&Rc<MicroPrice>> {
        match &self.micro_price {
            MicroPriceReport::Absent(_) => None,
            MicroPriceReport::Known { model, .. } => Some(model),
        }
    }

    /// Why there is no model.
    pub(crate) fn no_model(&self) -> Option<&str> {
        match &self.micro_price {
            MicroPriceReport::Absent(why) => Some(why),
            MicroPriceReport::Known { .. } => None,
        }
    }

    /// What was seen, in words.
    pub(crate) fn seen(&self) -> String {
        let Counts { quotes, depths, trades, .. } = self.counts;
        format!(
            "{} quotes, {} depths, {} trades in {:.1} s",
            grouped(quotes),
            grouped(depths),
            grouped(trades),
            self.seconds
        )
    }

    /// The rows of the table: name, unit, values.
    fn rows(&self) -> Vec<(&'static str, Unit, &Cell)> {
        let mut rows: Vec<_> =
            self.cells.iter().map(|(kind, cell)| (kind.name(), kind.unit(), cell)).collect();
        if let MicroPriceReport::Known { adjustment, .. } = &self.micro_price {
            rows.insert(
                Kind::WeightedMid as usize + 1,
                ("micro-price less mid", Unit::Price, adjustment),
            );
        }
        rows
    }

    /// Each predictor with its pairs, by horizon.
    fn predictors(&self) -> Vec<(&'static str, [Pairs; HORIZONS.len()])> {
        let of = |(at, kind): (usize, Kind)| {
            let pairs = [0, 1, 2].map(|horizon: usize| self.prediction.horizons[horizon].pairs[at]);
            (kind.name(), pairs)
        };
        let mut all: Vec<_> = Kind::PREDICTORS.into_iter().enumerate().map(of).collect();
        if let MicroPriceReport::Known { model, given, .. } = &self.micro_price {
            let adjustments = model.adjustments();
            let pairs = [0, 1, 2]
                .map(|horizon: usize| self.prediction.horizons[horizon].micro_price(adjustments));
            let name = if *given { "micro-price" } else { "micro-price, in sample" };
            all.push((name, pairs));
        }
        all
    }

    /// Prints the tables.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{}: signals of {}", self.symbol, self.seen())?;
        writeln!(out, "  {:28} {:>12} {:>12} {:>12} {:>12}", "", "last", "min", "mean", "max")?;
        for (name, unit, cell) in self.rows() {
            let unit = unit.as_str();
            let name = if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") };
            write!(out, "  {name:28}")?;
            match cell.mean() {
                Some(mean) => {
                    let scale = cell.min.abs().max(cell.max.abs());
                    for value in [cell.last, cell.min, mean, cell.max] {
                        write!(out, " {:>12}", figure(value, scale))?;
                    }
                    writeln!(out)?;
                }
                None => writeln!(out, " {:>12}", "-")?,
            }
        }
        let size = self.bucket_qty.map_or_else(
            || "too few trades to find a bucket's size".to_owned(),
            |qty| format!("{} buckets of {qty}", super::VPIN_BUCKETS),
        );
        writeln!(out, "  VPIN: {size}")?;
        if self.counts.trades_without_side > 0 {
            let count = grouped(self.counts.trades_without_side);
            writeln!(out, "  {count} trades have no side and are not in VPIN by side")?;
        }
        if self.counts.overflows > 0 {
            writeln!(out, "  {} trades did not fit a sum", grouped(self.counts.overflows))?;
        }
        self.print_prediction(out)?;
        self.print_model(out)
    }

    fn print_prediction(&self, out: &mut impl Write) -> io::Result<()> {
        let samples = self.prediction.horizons[0].pairs[0].count();
        writeln!(
            out,
            "\n  against the mid's move of the next seconds: correlation, and moves whose direction \
             was right\n  ({} samples, one each {} s)",
            grouped(samples),
            STEP_NS as f64 / 1e9
        )?;
        write!(out, "  {:28}", "")?;
        for steps in HORIZONS {
            write!(out, " {:>14}", format!("{} s", seconds(steps)))?;
        }
        writeln!(out)?;
        for (name, horizons) in self.predictors() {
            write!(out, "  {name:28}")?;
            for pairs in horizons {
                let correlation =
                    pairs.correlation().map_or_else(|| "-".to_owned(), |r| format!("{r:+.3}"));
                let right = pairs
                    .right()
                    .map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", share * 100.0));
                write!(out, " {correlation:>9} {right:>4}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn print_model(&self, out: &mut impl Write) -> io::Result<()> {
        let (model, given) = match &self.micro_price {
            MicroPriceReport::Absent(why) => return writeln!(out, "\n  no micro-price: {why}"),
            MicroPriceReport::Known { model, given, .. } => (model, given),
        };
        let origin = if *given { "as given: from" } else { "estimated from" };
        writeln!(
            out,
            "\n  micro-price {origin} {} steps, {} of them moves, in {} rounds; tick {}",
            grouped(model.steps()),
            grouped(model.moves()),
            model.rounds(),
            model.grid().tick()
        )?;
        writeln!(out, "  adjustment in ticks, by the bid's share of the best quantities")?;
        let (tick, shares) = (model.grid().tick().units() as f64, shares(model));
        write!(out, "  {:12}", "spread")?;
        for share in &shares {
            write!(out, " {share:>7}")?;
        }
        writeln!(out)?;
        for (at, row) in model.adjustments().chunks(shares.len()).enumerate() {
            let more = if at + 1 == usize::from(model.grid().spread_buckets()) { "+" } else { "" };
            write!(out, "  {:12}", format!("{}{more}", at + 1))?;
            for (adjustment, seen) in row.iter().zip(&model.seen()[at * shares.len()..]) {
                match seen {
                    0 => write!(out, " {:>7}", "-")?,
                    _ => write!(out, " {:>+7.3}", adjustment / tick)?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// All of it, for machines.
    pub(crate) fn json(&self) -> Value {
        let mut signals = Map::new();
        for (name, unit, cell) in self.rows() {
            let value = json!({
                "unit": unit.as_str(),
                "count": cell.count,
                "last": number(cell.last),
                "min": number(cell.min),
                "mean": cell.mean(),
                "max": number(cell.max),
            });
            signals.insert(name.to_owned(), value);
        }
        let mut predictors = Map::new();
        for (name, horizons) in self.predictors() {
            let horizon = |(steps, pairs): (usize, Pairs)| {
                json!({
                    "seconds": seconds(steps),
                    "samples": pairs.count(),
                    "correlation": pairs.correlation(),
                    "right": pairs.right(),
                })
            };
            let all: Vec<Value> = HORIZONS.into_iter().zip(horizons).map(horizon).collect();
            predictors.insert(name.to_owned(), all.into());
        }
        let micro_price = match &self.micro_price {
            MicroPriceReport::Absent(why) => json!({ "absent": why }),
            MicroPriceReport::Known { model, given, .. } => json!({
                "given": given,
                "tick": model.grid().tick().to_string(),
                "imbalance_buckets": model.grid().imbalance_buckets(),
                "spread_buckets": model.grid().spread_buckets(),
                "steps": model.steps(),
                "moves": model.moves(),
                "rounds": model.rounds(),
                "adjustments": model.adjustments().iter().map(|a| a / ONE).collect::<Vec<_>>(),
                "seen": model.seen(),
            }),
        };
        json!({
            "symbol": self.symbol,
            "seconds": self.seconds,
            "quotes": self.counts.quotes,
            "not_quotes": self.counts.no_quotes,
            "depths": self.counts.depths,
            "trades": self.counts.trades,
            "trades_without_side": self.counts.trades_without_side,
            "overflows": self.counts.overflows,
            "vpin_bucket": self.bucket_qty.map(|qty| qty.to_string()),
            "signals": signals,
            "prediction": predictors,
            "micro_price": micro_price,
        })
    }
}

fn seconds(steps: usize) -> f64 {
    (steps as u64 * STEP_NS) as f64 / 1e9
}

/// The middle of each bucket of imbalance, as the bid's share.
fn shares(model: &MicroPrice) -> Vec<String> {
    let buckets = model.grid().imbalance_buckets();
    let middle = |bucket: u16| (f64::from(bucket) + 0.5) / f64::from(buckets);
    (0..buckets).map(|bucket| format!("{:.0}%", middle(bucket) * 100.0)).collect()
}

fn number(value: f64) -> Value {
    if value.is_finite() { value.into() } else { Value::Null }
}

/// A value with the places that its row's scale asks for.
fn figure(value: f64, scale: f64) -> String {
    if value.is_nan() {
        return "-".to_owned();
    }
    let places = match scale {
        scale if scale >= 1e6 => 0,
        scale if scale >= 1e4 => 3,
        scale if scale >= 1.0 => 4,
        scale if scale >= 1e-3 => 5,
        _ => 8,
    };
    // What rounds to zero is not below it.
    let rounded = format!("{value:.places$}");
    if rounded.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.')) {
        return format!("{:.places$}", 0.0);
    }
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_places_of_their_scale() {
        let seen = [
            figure(61_685.995, 61_900.0),
            figure(-0.5, 1.0),
            figure(-0.000_000_1, 1.0),
            figure(f64::NAN, 1.0),
            figure(0.000_012_34, 0.000_1),
        ];
        assert_eq!(seen, ["61685.995", "-0.5000", "0.0000", "-", "0.00001234"]);
    }
}
