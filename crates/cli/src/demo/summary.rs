//! What the demo says at its end.

use std::io::{self, Write};

use serde_json::json;
use tiercel_telemetry::Distribution;
use tiercel_telemetry::histogram::Nanoseconds;
use tiercel_types::{AssetId, DenialReason, Money};

use super::DemoArgs;
use super::simulation::Simulation;
use super::tally::Counts;
use crate::text::{grouped, rate};

/// The end of a demo.
pub(super) struct Summary {
    seed: u64,
    instruments: u32,
    seconds: f64,
    counts: Counts,
    denials: Vec<(DenialReason, u64)>,
    turnover: Money,
    live_orders: u64,
    latency: Distribution,
    /// Asset, what all hold, what was deposited: those that differ.
    not_conserved: Vec<(AssetId, Money, Money)>,
    assets: usize,
    digest: u128,
    machine: String,
}

impl Summary {
    /// The summary of a simulation.
    pub(super) fn of(simulation: &Simulation, args: &DemoArgs) -> Self {
        let tally = simulation.tally();
        let funds: Vec<_> = simulation.funds().collect();
        Self {
            seed: args.seed,
            instruments: args.instruments,
            seconds: simulation.elapsed().as_secs_f64(),
            counts: *tally.counts(),
            denials: tally.denials(),
            turnover: Money::from_units(
                i128::try_from(tally.turnover_units()).unwrap_or(i128::MAX),
            ),
            live_orders: simulation.engine().live_orders() as u64,
            latency: tally.latencies(),
            assets: funds.len(),
            not_conserved: funds.into_iter().filter(|(_, held, all)| held != all).collect(),
            digest: simulation.engine().digest(),
            machine: tiercel_host::machine().to_string(),
        }
    }

    /// Whether no money was made or lost.
    pub(super) const fn conserved(&self) -> bool {
        self.not_conserved.is_empty()
    }

    /// Prints it.
    pub(super) fn print(&self, as_json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if as_json {
            return writeln!(out, "{}", self.json());
        }
        let per_second = self.counts.commands as f64 / self.seconds.max(1e-9);
        let counts = &self.counts;
        let rows = [
            (
                "commands",
                format!(
                    "{} in {:.1} s, {}/s",
                    grouped(counts.commands),
                    self.seconds,
                    rate(per_second)
                ),
            ),
            ("events", grouped(counts.events)),
            (
                "orders",
                format!(
                    "{} accepted, {} live at the end",
                    grouped(counts.orders),
                    grouped(self.live_orders)
                ),
            ),
            ("trades", format!("{}, worth {:.2} USDT", grouped(counts.trades), self.turnover)),
            ("self-trades", format!("{} prevented", grouped(counts.self_trades_prevented))),
            ("denied", grouped(counts.denied)),
        ];
        writeln!(out, "tiercel demo, seed {}, {} instruments", self.seed, self.instruments)?;
        for (name, value) in rows {
            writeln!(out, "  {name:12} {value}")?;
        }
        for (reason, count) in &self.denials {
            writeln!(out, "  {:12}   {reason:26} {:>12}", "", grouped(*count))?;
        }
        writeln!(out, "  {:12} per command, the clock's own reading included:", "latency")?;
        let mean = self.latency.mean_ns;
        write!(out, "  {:12}   mean {mean:.0} ns", "")?;
        for (name, value_ns) in self.latency.columns() {
            write!(out, "  {name} {}", Nanoseconds(value_ns))?;
        }
        writeln!(out)?;
        if self.conserved() {
            writeln!(
                out,
                "  {:12} conserved to the last unit in all {} assets",
                "money", self.assets
            )?;
        }
        for (asset, held, deposited) in &self.not_conserved {
            writeln!(
                out,
                "  {:12} NOT CONSERVED: asset {asset}: {held} held, {deposited} deposited",
                "money"
            )?;
        }
        writeln!(out, "  {:12} {:032x}", "digest", self.digest)?;
        writeln!(out, "  {:12} {}", "machine", self.machine)
    }

    fn json(&self) -> serde_json::Value {
        let denials: serde_json::Map<_, _> = self
            .denials
            .iter()
            .map(|(reason, count)| (reason.as_str().to_owned(), json!(count)))
            .collect();
        json!({
            "row": "summary",
            "seed": self.seed,
            "instruments": self.instruments,
            "seconds": self.seconds,
            "commands": self.counts.commands,
            "events": self.counts.events,
            "orders": self.counts.orders,
            "live_orders": self.live_orders,
            "trades": self.counts.trades,
            "turnover": self.turnover.to_string(),
            "self_trades_prevented": self.counts.self_trades_prevented,
            "denied": self.counts.denied,
            "denials": denials,
            "latency": self.latency,
            "conserved": self.conserved(),
            "digest": format!("{:032x}", self.digest),
            "machine": self.machine,
        })
    }
}
