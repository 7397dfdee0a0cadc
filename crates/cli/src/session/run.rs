//! Runs a session: reads lines, drives the engine, prints.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};

use anyhow::Context as _;
use tiercel_matching::{Accounts, Bare, Engine, EngineConfig, Ledger};
use tiercel_types::command::{AdvanceTime, Command};
use tiercel_types::{AccountId, AssetId, EventBuffer, InstrumentId, Money, Side, Timestamp};

use super::MatchArgs;
use super::line::Line;
use super::print::{Digits, event_line, price, qty};
use super::statement::{Reader, Statement};
use crate::exit::Exit;

/// The longest line that is read; a longer one is an error.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Runs `tiercel match`.
///
/// # Errors
/// When the file cannot be opened or the output not be written.
pub(crate) fn run(args: &MatchArgs) -> anyhow::Result<Exit> {
    let input: Box<dyn BufRead> = if args.file == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file).with_context(|| format!("cannot open {}", args.file))?;
        Box::new(BufReader::new(file))
    };
    if args.bare {
        Session::<Bare>::new(args, |_, _, _| None).run(input)
    } else {
        Session::<Accounts>::new(args, Engine::<Accounts>::balance).run(input)
    }
}

/// Free and reserved funds of an account, where the engine keeps accounts.
type Balance<L> = fn(&Engine<L>, AccountId, AssetId) -> Option<(Money, Money)>;

struct Session<'a, L: Ledger> {
    args: &'a MatchArgs,
    engine: Engine<L>,
    balance: Balance<L>,
    reader: Reader,
    buffer: EventBuffer,
    sequence: u64,
    time: Timestamp,
    out: BufWriter<io::Stdout>,
    /// Whether someone may be waiting for each answer.
    interactive: bool,
}

impl<'a, L: Ledger> Session<'a, L> {
    fn new(args: &'a MatchArgs, balance: Balance<L>) -> Self {
        Self {
            args,
            balance,
            engine: Engine::new(EngineConfig::default()),
            reader: Reader::new(args.bare),
            buffer: EventBuffer::with_capacity(256),
            sequence: 0,
            time: Timestamp(0),
            out: BufWriter::new(io::stdout()),
            interactive: args.file == "-" || io::stdout().is_terminal(),
        }
    }

    fn run(mut self, mut input: Box<dyn BufRead>) -> anyhow::Result<Exit> {
        let mut bytes = Vec::new();
        let mut number = 0_u64;
        loop {
            bytes.clear();
            number += 1;
            let taken = io::Read::take(&mut input, LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
            if taken.with_context(|| format!("cannot read {}", self.args.file))? == 0 {
                break;
            }
            if let Err(message) = self.line(&bytes)? {
                self.out.flush()?;
                eprintln!("{}:{number}: {message}", self.args.file);
                return Ok(Exit::Damaged);
            }
            if self.interactive {
                self.out.flush()?;
            }
        }
        if self.args.balances {
            self.print_balances(None)?;
        }
        if self.args.digest {
            let mut line = Line::new("show", "digest");
            line.word("digest", format_args!("{:032x}", self.engine.digest()));
            self.print(&line)?;
        }
        self.out.flush()?;
        Ok(Exit::Ok)
    }

    /// Does what one line says; the inner error tells what is wrong with it.
    fn line(&mut self, bytes: &[u8]) -> io::Result<Result<(), String>> {
        if bytes.len() as u64 >= LINE_BYTES_MAX {
            return Ok(Err("line: longer than 64 KiB".to_owned()));
        }
        let Ok(line) = core::str::from_utf8(bytes) else {
            return Ok(Err("line: not UTF-8 text".to_owned()));
        };
        let line = line.trim_end();
        if self.args.echo && !self.args.json {
            let gap = if line.is_empty() { "" } else { " " };
            writeln!(self.out, ">{gap}{line}")?;
        }
        let statement = match self.reader.read(line) {
            Ok(statement) => statement,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.statement(statement)
    }

    fn statement(&mut self, statement: Statement) -> io::Result<Result<(), String>> {
        match statement {
            Statement::Nothing => {}
            Statement::Command(command) => self.command(&command, true)?,
            Statement::Commands(commands) => {
                for command in &commands {
                    self.command(command, true)?;
                }
            }
            Statement::Preset(commands) => {
                for command in &commands {
                    self.command(command, self.args.setup)?;
                }
            }
            Statement::At(time) => return Ok(self.set_time(time)),
            Statement::Advance(time) => {
                if let Some(Err(error)) = time.map(|time| self.set_time(time)) {
                    return Ok(Err(error));
                }
                self.command(&AdvanceTime::default().into(), true)?;
            }
            Statement::Book(instrument) => self.print_books(instrument)?,
            Statement::Balances(account) => self.print_balances(account)?,
            Statement::Restart => {
                let mut bytes = Vec::new();
                self.engine.snapshot(&mut bytes);
                match Engine::restore(&bytes, EngineConfig::default()) {
                    Ok(engine) => self.engine = engine,
                    Err(error) => return Ok(Err(format!("restart: {error}"))),
                }
            }
        }
        Ok(Ok(()))
    }

    fn set_time(&mut self, time: Timestamp) -> Result<(), String> {
        if time < self.time {
            return Err("time: earlier than the line before".to_owned());
        }
        self.time = time;
        Ok(())
    }

    fn command(&mut self, command: &Command, show: bool) -> io::Result<()> {
        self.sequence += 1;
        let mut lines = Vec::new();
        let mut changed = None;
        let names = &mut self.reader.names;
        self.engine.apply_all(
            self.sequence,
            self.time,
            command,
            &mut self.buffer,
            |header, event| {
                names.learn(&header, &event);
                if show {
                    lines.push(event_line(&header, &event, names));
                }
                if changes_the_book(&event) {
                    changed = Some(header.instrument);
                }
            },
        );
        for line in &lines {
            self.print(line)?;
        }
        match changed {
            Some(instrument) if self.args.book => self.print_books(Some(instrument)),
            _ => Ok(()),
        }
    }

    fn print(&mut self, line: &Line) -> io::Result<()> {
        if self.args.json {
            writeln!(self.out, "{}", line.json())
        } else {
            writeln!(self.out, "{}", line.text())
        }
    }

    fn print_books(&mut self, only: Option<InstrumentId>) -> io::Result<()> {
        let instruments: Vec<_> = match only {
            Some(instrument) => vec![instrument],
            None => self.reader.names.instruments().map(|spec| spec.instrument).collect(),
        };
        for instrument in instruments {
            self.print_book(instrument)?;
        }
        Ok(())
    }

    /// One book: asks from the far ones down to the best, then bids from the best on.
    fn print_book(&mut self, instrument: InstrumentId) -> io::Result<()> {
        let names = &self.reader.names;
        let digits = Digits::of(names.spec(instrument));
        let side = |side: Side| -> Vec<[String; 2]> {
            let levels = self.engine.depth(instrument, side);
            levels.map(|level| [price(level.price, digits), qty(level.displayed, digits)]).collect()
        };
        let (bids, asks) = (side(Side::Buy), side(Side::Sell));
        let mut line = Line::new("show", "book");
        line.word("instrument", names.symbol(instrument));
        if let Some(spec) = names.spec(instrument) {
            line.word("state", spec.state);
        }
        if let Some(last) = self.engine.last_price(instrument) {
            line.pair("last", price(last, digits));
        }
        let (width, places) = widths(bids.iter().chain(&asks));
        let json = serde_json::json!({ "bids": bids, "asks": asks });
        line.value("bids", json["bids"].clone()).value("asks", json["asks"].clone());
        self.print(&line)?;
        if self.args.json {
            return Ok(());
        }
        let rows =
            asks.iter().rev().map(|row| ("ask", row)).chain(bids.iter().map(|row| ("bid", row)));
        for (side, [price, qty]) in rows {
            writeln!(self.out, "  {side} {price:>width$} {qty:>places$}")?;
        }
        Ok(())
    }

    /// The balances of one account, or of all: those that are not zero.
    fn print_balances(&mut self, only: Option<AccountId>) -> io::Result<()> {
        let names = &self.reader.names;
        let accounts: Vec<_> = match only {
            Some(account) => vec![account],
            None => names.accounts().collect(),
        };
        let mut lines = Vec::new();
        for account in accounts {
            for asset in names.assets() {
                let Some((free, reserved)) = (self.balance)(&self.engine, account, asset) else {
                    continue;
                };
                if (free, reserved) == (Money::ZERO, Money::ZERO) {
                    continue;
                }
                let mut line = Line::new("show", "balance");
                line.word("account", names.account_name(account))
                    .word("asset", names.asset_name(asset))
                    .pair("free", free)
                    .pair("reserved", reserved);
                lines.push(line);
            }
        }
        lines.iter().try_for_each(|line| self.print(line))
    }
}

/// The widths of a book's two columns.
fn widths<'a>(rows: impl Iterator<Item = &'a [String; 2]>) -> (usize, usize) {
    rows.fold((0, 0), |(a, b), [price, qty]| (a.max(price.len()), b.max(qty.len())))
}

/// Whether an event changes what is displayed of a book, as far as its kind tells.
fn changes_the_book(event: &tiercel_types::Event) -> bool {
    use tiercel_types::Event;
    match event {
        Event::OrderAccepted(it) => it.resting != 0,
        Event::OrderEnded(it) => it.was_resting != 0,
        Event::SelfTradePrevented(it) => it.update_id != 0,
        Event::Trade(_)
        | Event::OrderRested(_)
        | Event::OrderReplenished(_)
        | Event::OrderAmended(_) => true,
        _ => false,
    }
}
