//! What a replay found, as tables or as JSON.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::signals::report::SignalReport;
use super::{Damage, Format};
use crate::exit::Exit;
use crate::text::{grouped, rate};

/// What a replay found.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    format: Format,
    /// Bytes, unpacked.
    pub(super) bytes: u64,
    pub(super) messages: u64,
    pub(super) elapsed: Duration,
    /// Name and count of each type of message that occurred.
    pub(super) types: Vec<(String, u64)>,
    pub(super) symbols: Vec<SymbolReport>,
    /// Symbols in the data, shown or not.
    pub(super) symbols_total: usize,
    pub(super) books: Vec<BookReport>,
    /// Of the symbols that were followed, the busiest first.
    pub(super) signals: Vec<SignalReport>,
    /// There were too many symbols to follow all.
    pub(super) signals_left_out: bool,
    pub(super) findings: Vec<Finding>,
    pub(super) damage: Damage,
    pub(super) interrupted: bool,
}

/// What is told of one symbol: cells under the table's headings.
#[derive(Debug)]
pub(super) struct SymbolReport {
    pub(super) symbol: String,
    pub(super) cells: Vec<(&'static str, Value)>,
}

/// The top of one final book.
#[derive(Debug)]
pub(super) struct BookReport {
    pub(super) symbol: String,
    /// Why there is no book to show, if so.
    pub(super) absent: Option<String>,
    /// Whether the best bid is at or above the best ask.
    pub(super) crossed: bool,
    /// Best first.
    pub(super) bids: Vec<BookRow>,
    /// Best first.
    pub(super) asks: Vec<BookRow>,
}

/// One level.
#[derive(Debug)]
pub(super) struct BookRow {
    pub(super) price: String,
    pub(super) qty: String,
    /// How many orders, where the data tell.
    pub(super) orders: Option<u32>,
}

/// Something that contradicts itself in the data.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) name: String,
    pub(super) count: u64,
    /// The first of them in words.
    pub(super) first: String,
}

impl Report {
    /// A report that says nothing yet.
    pub(super) fn new(file: String, format: Format) -> Self {
        Self {
            file,
            format,
            bytes: 0,
            messages: 0,
            elapsed: Duration::ZERO,
            types: Vec::new(),
            symbols: Vec::new(),
            symbols_total: 0,
            books: Vec::new(),
            signals: Vec::new(),
            signals_left_out: false,
            findings: Vec::new(),
            damage: Damage::default(),
            interrupted: false,
        }
    }

    /// How the program ends.
    pub(super) const fn exit(&self) -> Exit {
        match (self.damage.count, self.interrupted) {
            (1.., _) => Exit::Damaged,
            (0, true) => Exit::Interrupted,
            (0, false) => Exit::Ok,
        }
    }

    fn per_second(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Prints it all; damage also on standard error.
    pub(super) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        if json {
            writeln!(out, "{}", self.json())?;
        } else {
            self.tables(&mut out)?;
        }
        out.flush()?;
        for what in &self.damage.first {
            eprintln!("tiercel: {}: {what}", self.file);
        }
        let more = self.damage.count - self.damage.first.len() as u64;
        if more > 0 {
            eprintln!("tiercel: {}: and {} more", self.file, grouped(more));
        }
        if self.damage.too_much() {
            eprintln!("tiercel: {}: too many in a row: stopped reading", self.file);
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let rows = |rows: &[BookRow]| -> Vec<Value> {
            let row = |row: &BookRow| match row.orders {
                Some(orders) => json!({"price": row.price, "qty": row.qty, "orders": orders}),
                None => json!({"price": row.price, "qty": row.qty}),
            };
            rows.iter().map(row).collect()
        };
        let book = |book: &BookReport| {
            json!({
                "symbol": book.symbol,
                "absent": book.absent,
                "crossed": book.crossed,
                "bids": rows(&book.bids),
                "asks": rows(&book.asks),
            })
        };
        let symbol = |symbol: &SymbolReport| {
            let mut object = serde_json::Map::new();
            object.insert("symbol".to_owned(), symbol.symbol.clone().into());
            for (name, value) in &symbol.cells {
                object.insert(name.replace(' ', "_"), value.clone());
            }
            Value::Object(object)
        };
        let finding = |found: &Finding| json!({"name": found.name, "count": found.count, "first": found.first});
        json!({
            "file": self.file,
            "format": self.format.name(),
            "bytes": self.bytes,
            "messages": self.messages,
            "seconds": self.elapsed.as_secs_f64(),
            "messages_per_second": self.per_second(),
            "types": self.types.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "symbols_total": self.symbols_total,
            "symbols": self.symbols.iter().map(symbol).collect::<Vec<_>>(),
            "books": self.books.iter().map(book).collect::<Vec<_>>(),
            "signals_left_out": self.signals_left_out,
            "signals": self.signals.iter().map(SignalReport::json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "damage": {"count": self.damage.count, "first": self.damage.first},
            "interrupted": self.interrupted,
        })
    }

    fn tables(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}: {}, {} bytes", self.file, self.format.name(), grouped(self.bytes))?;
        writeln!(
            out,
            "{} messages in {:.3} s, {}/s with reading and unpacking",
            grouped(self.messages),
            self.elapsed.as_secs_f64(),
            rate(self.per_second())
        )?;
        if self.interrupted {
            writeln!(out, "interrupted: this is what was read until then")?;
        }
        writeln!(out)?;
        let width = self.types.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, count) in &self.types {
            writeln!(out, "  {name:width$} {:>14}", grouped(*count))?;
        }
        self.symbol_table(out)?;
        for book in &self.books {
            book.print(out)?;
        }
        for signals in &self.signals {
            signals.print(out)?;
        }
        if self.signals_left_out {
            writeln!(out, "\nsignals of the first symbols alone: --symbol names others")?;
        }
        self.finding_table(out)
    }

    fn symbol_table(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(first) = self.symbols.first() else { return Ok(()) };
        writeln!(out)?;
        if self.symbols_total == 1 {
            // One row is wider than it is high: it stands upright.
            let width = first.cells.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            writeln!(out, "  {}", first.symbol)?;
            for (name, value) in &first.cells {
                writeln!(out, "    {name:width$} {:>12}", cell(value))?;
            }
            return Ok(());
        }
        let mut rows: Vec<Vec<String>> = Vec::new();
        let headings = first.cells.iter().map(|(name, _)| (*name).to_owned());
        rows.push(core::iter::once("symbol".to_owned()).chain(headings).collect());
        for symbol in &self.symbols {
            let cells = symbol.cells.iter().map(|(_, value)| cell(value));
            rows.push(core::iter::once(symbol.symbol.clone()).chain(cells).collect());
        }
        let columns = first.cells.len() + 1;
        let widths: Vec<usize> = (0..columns)
            .map(|at| rows.iter().filter_map(|row| row.get(at)).map(String::len).max().unwrap_or(0))
            .collect();
        for row in rows {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let text =
                    if at == 0 { format!("  {cell:width$}") } else { format!("  {cell:>width$}") };
                line.push_str(&text);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        let more = self.symbols_total.saturating_sub(self.symbols.len());
        if more > 0 {
            writeln!(out, "  and {} more (--symbol shows one)", grouped(more as u64))?;
        }
        Ok(())
    }

    fn finding_table(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out)?;
        if self.findings.is_empty() {
            return writeln!(out, "nothing contradicts itself");
        }
        writeln!(out, "what contradicts itself")?;
        for Finding { name, count, first } in &self.findings {
            writeln!(out, "  {name} {}; first: {first}", grouped(*count))?;
        }
        Ok(())
    }
}

/// A cell of a table: numbers grouped, texts as they are.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.as_u64().map_or_else(|| other.to_string(), grouped),
    }
}

impl BookReport {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let crossed = if self.crossed { " (crossed)" } else { "" };
        writeln!(out, "\n{} at the end{crossed}", self.symbol)?;
        if let Some(absent) = &self.absent {
            return writeln!(out, "  {absent}");
        }
        let all = || self.bids.iter().chain(&self.asks);
        let prices = all().map(|row| row.price.len()).max().unwrap_or(0);
        let quantities = all().map(|row| row.qty.len()).max().unwrap_or(0);
        let asks = self.asks.iter().rev().map(|row| ("ask", row));
        for (side, row) in asks.chain(self.bids.iter().map(|row| ("bid", row))) {
            write!(out, "  {side} {:>prices$}  {:>quantities$}", row.price, row.qty)?;
            match row.orders {
                Some(1) => writeln!(out, "  1 order")?,
                Some(orders) => writeln!(out, "  {orders} orders")?,
                None => writeln!(out)?,
            }
        }
        if self.bids.is_empty() && self.asks.is_empty() {
            writeln!(out, "  empty")?;
        }
        Ok(())
    }
}
