//! The venue's core, in process: from the command ring to the event that says what happened.
//!
//! ```text
//!   this thread --submit--> command ring --> core thread --> outbox --poll--> this thread
//!
//!   one under way at a time, in memory                      ring_to_event_memory
//!   as many as the rings take, durable on disk              ring_to_event_disk
//!   one each microsecond, durable on disk: each from the    ring_to_event_disk_rate
//!     time at which it was to be sent, whenever it was
//! ```
//!
//! The flow is of full orders with accounts and money: resting orders, cancels of those, and immediate
//! ones that trade. No follower runs: there are two cores, and this thread has one of them.

use std::time::{Duration, Instant};

use tiercel_journal::{Durability, Entry, FileStorage, IoOptions, Options as JournalOptions};
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, CancelOrder, Deposit, NewOrder, SetAccount,
};
use tiercel_types::record::COMMAND_HEADER_SIZE;
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, Event, InstrumentId, InstrumentSpec, Money,
    OrderId, Price, Qty, Side, TimeInForce, Timestamp,
};
use tiercel_venue::pipeline::{Busy, Handle, PipelineOptions, Submission};
use tiercel_venue::run::{RunOptions, Running, start};
use tiercel_venue::store::{self, StoreOptions};

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::journal::{BLOCK, Bare, BareFile, Place, wrong};
use super::{BenchError, Options, venue_sockets};

/// The cases of `tiercel bench venue`.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: "venue", name: "ring_to_event_memory", build: memory },
    CaseSpec { bench: "venue", name: "ring_to_event_disk", build: disk },
    CaseSpec { bench: "venue", name: "ring_to_event_disk_rate", build: disk_rate },
    CaseSpec { bench: "venue", name: "rest_ack", build: venue_sockets::rest_ack },
    CaseSpec { bench: "venue", name: "rest_ack_disk", build: venue_sockets::rest_ack_disk },
    CaseSpec { bench: "venue", name: "ws_ack", build: venue_sockets::ws_ack },
    CaseSpec { bench: "venue", name: "ws_ack_disk", build: venue_sockets::ws_ack_disk },
    CaseSpec { bench: "venue", name: "depth_fan_out", build: venue_sockets::depth_fan_out },
];

/// Commands of a round that is timed one by one, of one at full speed, and at a fixed rate.
const SINGLES: usize = 100_000;
const FULL_SPEED: usize = 1_000_000;
const AT_RATE: usize = 250_000;
/// Nanoseconds between two commands at the fixed rate: a million in a second, half of what the disk is
/// asked for at full speed.
const BETWEEN_NS: u64 = 1_000;
/// Orders of the flow that rest at a time.
const RESTING: usize = 500;
/// How long an answer may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(20);

const MARKET: InstrumentId = InstrumentId(1);
const ACCOUNTS: u32 = 8;

/// A venue of one instrument, whose accounts have funds.
fn setup() -> Result<Vec<Command>, BenchError> {
    let mut commands = Vec::new();
    for (asset, code) in [(AssetId(1), "BTC"), (AssetId(2), "USDT")] {
        let code = code.parse().map_err(|error| wrong(&error))?;
        commands.push(AddAsset { asset, code }.into());
    }
    let (tick, lot) = (Price::from_units(1_000_000), Qty::from_units(1_000));
    let mut spec = InstrumentSpec::new(MARKET, AssetId(1), AssetId(2), tick, lot);
    spec.symbol = "BTCUSDT".parse().map_err(|error| wrong(&error))?;
    commands.push(AddInstrument { spec }.into());
    for account in (1..=ACCOUNTS).map(AccountId) {
        let (state, reserved) = (AccountState::Active, [0; 3]);
        let terms = SetAccount { account, trade_group: 0, max_open_orders: 0, state, reserved };
        commands.push(terms.into());
        for asset in [AssetId(1), AssetId(2)] {
            let funding_id = u64::from(account.0 * 10 + asset.0);
            let amount = Money::from_units(1 << 90);
            commands.push(Deposit { funding_id, account, asset, amount }.into());
        }
    }
    Ok(commands)
}

/// Of ten commands four or five enter an order that rests, four cancel one, one or two trade.
fn flow(commands: usize) -> Vec<Command> {
    let mut out = Vec::with_capacity(commands);
    let (mut entered, mut resting) = (0_u64, std::collections::VecDeque::new());
    let mut number = 0_u64;
    while out.len() < commands {
        number += 1;
        let account = AccountId(1 + (number % u64::from(ACCOUNTS)) as u32);
        let side = if number.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let away = (number * 7 % 40) as i64;
        let ticks = if side == Side::Buy { 60_000 - away } else { 60_001 + away };
        let mut order = NewOrder::limit(
            MARKET,
            account,
            side,
            Price::from_units(ticks * 1_000_000),
            Qty::from_units(5_000),
        );
        entered += 1;
        if number.is_multiple_of(5) {
            order.time_in_force = TimeInForce::Ioc;
            order.qty = Qty::from_units(1_000);
            let far = if side == Side::Buy { 60_050 } else { 59_950 };
            order.price = Price::from_units(far * 1_000_000);
        } else {
            resting.push_back((account, OrderId::new(0, entered)));
        }
        out.push(order.into());
        if resting.len() > RESTING
            && let Some((account, order_id)) = resting.pop_front()
        {
            let client_order_id = ClientOrderId::EMPTY;
            out.push(CancelOrder { order_id, account, client_order_id }.into());
        }
    }
    out.truncate(commands);
    out
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Single,
    FullSpeed,
    AtRate,
}

/// A venue that is started anew for each round.
struct Ours {
    place: Place,
    load: Load,
    core_cpu: usize,
    commands: Vec<Command>,
}

fn case(options: &Options, name: &str, load: Load, commands: usize) -> Result<Case, BenchError> {
    let core_cpu = options.second_cpu()?;
    let ours = Ours { place: Place::new(name)?, load, core_cpu, commands: flow(commands) };
    let mut subjects: Vec<Box<dyn Subject>> = vec![Box::new(ours)];
    if load == Load::AtRate {
        subjects.push(Box::new(Bare(Place::new("venue-bare")?)));
        let all = flow(commands);
        let bytes = all
            .iter()
            .map(|command| COMMAND_HEADER_SIZE + Entry::command(Timestamp(0), command).body.len());
        let a_command = bytes.sum::<usize>() / commands;
        subjects.push(Box::new(GroupCommit {
            place: Place::new("venue-group")?,
            commands,
            a_command,
        }));
    }
    let unit = if load == Load::FullSpeed { "cmd/s" } else { "ns p50" };
    Ok(Case { unit, input: Input::None, subjects })
}

fn memory(options: &Options) -> Result<Case, BenchError> {
    case(options, "venue-memory", Load::Single, SINGLES)
}

fn disk(options: &Options) -> Result<Case, BenchError> {
    case(options, "venue-disk", Load::FullSpeed, FULL_SPEED)
}

fn disk_rate(options: &Options) -> Result<Case, BenchError> {
    case(options, "venue-rate", Load::AtRate, AT_RATE)
}

impl Ours {
    fn start(&self) -> Result<(Running<FileStorage>, Handle), BenchError> {
        let segment_size = if self.load == Load::AtRate { 64 << 20 } else { 256 << 20 };
        let journal = JournalOptions { segment_size, ..JournalOptions::default() };
        let options = StoreOptions { journal, ..StoreOptions::default() };
        let opened = store::open(self.place.emptied()?, IoOptions::default(), &options)
            .map_err(|error| wrong(&error))?;
        let durability =
            if self.load == Load::Single { Durability::Memory } else { Durability::Disk };
        let events = if self.load == Load::Single { 2_048 } else { 32_768 };
        let pipeline = PipelineOptions { durability, events, ..PipelineOptions::default() };
        // It waits as venues do: the disk's interrupt may be its core's, and needs it.
        let run = RunOptions { core_cpu: Some(self.core_cpu), ..RunOptions::default() };
        let (running, _, handles) =
            start(opened, &pipeline, run, 1).map_err(|error| wrong(&error))?;
        let handle = handles.into_iter().next().ok_or_else(|| wrong(&"no handle"))?;
        Ok((running, handle))
    }
}

/// Reads what is there: the number of submissions that are answered by it, and of trades.
fn read(handle: &mut Handle) -> Result<(usize, u64), BenchError> {
    let (mut answered, mut trades) = (0, 0);
    handle
        .poll(usize::MAX, |delivery| {
            answered += usize::from(delivery.is_end_of_submission());
            trades += u64::from(matches!(delivery.event, Event::Trade(_)));
        })
        .map_err(|error| wrong(&error))?;
    Ok((answered, trades))
}

/// Hands in one command and waits for all its events.
fn single(handle: &mut Handle, command: Command) -> Result<u64, BenchError> {
    let submission = Submission { token: 0, commands: &[command] };
    handle.submit(submission).map_err(|error| wrong(&error))?;
    let mut all = 0;
    let mut looks = 0_u64;
    loop {
        let (answered, trades) = read(handle)?;
        all += trades;
        if answered > 0 {
            return Ok(all);
        }
        looks += 1;
        if looks > 2_000_000_000 {
            return Err(wrong(&"no answer"));
        }
        std::hint::spin_loop();
    }
}

/// All commands, each as soon as the rings take it; how many traded.
fn full_speed(handle: &mut Handle, commands: &[Command]) -> Result<u64, BenchError> {
    let (mut next, mut answered, mut trades) = (0, 0, 0);
    let from = Instant::now();
    while answered < commands.len() {
        for _ in 0..256 {
            let Some(command) = commands.get(next) else { break };
            match handle.submit(Submission { token: 0, commands: &[*command] }) {
                Ok(()) => next += 1,
                Err(Busy::Full) => break,
                Err(error) => return Err(wrong(&error)),
            }
        }
        let (ends, traded) = read(handle)?;
        (answered, trades) = (answered + ends, trades + traded);
        if ends == 0 {
            // The disk's interrupt may be this core's.
            std::thread::yield_now();
        }
        if from.elapsed() > PATIENCE {
            return Err(wrong(&"no answer"));
        }
    }
    Ok(trades)
}

/// All commands, each when its time has come; the times from then to their last events.
fn at_rate(
    handle: &mut Handle,
    commands: &[Command],
    clock: &Clock,
) -> Result<(u64, Vec<f32>), BenchError> {
    let mut times = Vec::with_capacity(commands.len());
    let (mut next, mut trades) = (0, 0);
    let begin = clock::start();
    while times.len() < commands.len() {
        let now_ns = clock.between_ns(clock::stop() - begin);
        while next < commands.len() && (next as u64 * BETWEEN_NS) as f64 <= now_ns {
            match handle.submit(Submission { token: 0, commands: &[commands[next]] }) {
                Ok(()) => next += 1,
                // Its time goes on.
                Err(Busy::Full) => break,
                Err(error) => return Err(wrong(&error)),
            }
        }
        let (ends, traded) = read(handle)?;
        trades += traded;
        let told_ns = clock.between_ns(clock::stop() - begin);
        for _ in 0..ends {
            let intended_ns = (times.len() as u64 * BETWEEN_NS) as f64;
            times.push((told_ns - intended_ns) as f32);
        }
        if ends == 0 {
            std::thread::yield_now();
        }
        if told_ns > PATIENCE.as_nanos() as f64 {
            return Err(wrong(&"no answer"));
        }
    }
    Ok((trades, times))
}

/// The middle of some times; they are put in order.
pub(super) fn middle(times: &mut [f32]) -> f64 {
    times.sort_unstable_by(f32::total_cmp);
    times.get(times.len() / 2).map_or(0.0, |time| f64::from(*time))
}

/// Group commit and nothing else: no ring, no matching, no second thread. Each write takes the
/// commands whose time has come when it begins, and its end is their answer.
struct GroupCommit {
    place: Place,
    commands: usize,
    /// Bytes of a command in the log.
    a_command: usize,
}

impl Subject for GroupCommit {
    fn name(&self) -> String {
        "bare_group_commit".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let commands = self.commands - self.commands / 10;
        // A write ends on a whole block; there are some thousand of them.
        let room = 4 * commands * self.a_command;
        let mut file = BareFile::new(&self.place, room.next_multiple_of(BLOCK))?;
        let mut times: Vec<f32> = Vec::with_capacity(commands);
        let mut offset = 0;
        let begin = clock::start();
        while times.len() < commands {
            let now_ns = clock.between_ns(clock::stop() - begin);
            let come = (now_ns as u64 / BETWEEN_NS + 1).min(commands as u64) as usize;
            if come == times.len() {
                std::hint::spin_loop();
                continue;
            }
            let length = ((come - times.len()) * self.a_command).next_multiple_of(BLOCK);
            file.write(offset, length)?;
            offset += length;
            let told_ns = clock.between_ns(clock::stop() - begin);
            for at in times.len()..come {
                times.push((told_ns - (at as u64 * BETWEEN_NS) as f64) as f32);
            }
        }
        let value = middle(&mut times);
        if timing == Timing::Mean {
            times.clear();
        }
        Ok(Round { value, operations: commands as u64, times_ns: times, checksum: 0 })
    }
}

impl Subject for Ours {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let (running, mut handle) = self.start()?;
        for command in setup()? {
            single(&mut handle, command)?;
        }
        // Both sides' caches, the rings' pages, the engine's tables.
        let (warm_up, measured) = self.commands.split_at(self.commands.len() / 10);
        full_speed(&mut handle, warm_up)?;
        let mut round = Round { operations: measured.len() as u64, ..Round::default() };
        match self.load {
            Load::FullSpeed => {
                let from = Instant::now();
                round.checksum = full_speed(&mut handle, measured)?;
                round.value = measured.len() as f64 / from.elapsed().as_secs_f64();
            }
            Load::AtRate => {
                (round.checksum, round.times_ns) = at_rate(&mut handle, measured, clock)?;
            }
            Load::Single => {
                round.times_ns.reserve(measured.len());
                for command in measured {
                    let from = clock::start();
                    round.checksum += single(&mut handle, *command)?;
                    round.times_ns.push(clock.between_ns(clock::stop() - from) as f32);
                }
            }
        }
        if self.load != Load::FullSpeed {
            round.value = middle(&mut round.times_ns);
        }
        if round.checksum == 0 {
            return Err(wrong(&"nothing traded"));
        }
        if timing == Timing::Mean {
            round.times_ns.clear();
        }
        // Nobody's result: the bare writes trade nothing.
        round.checksum = 0;
        running.status().stop();
        while handle.poll(usize::MAX, |_| {}).is_ok() {
            std::thread::yield_now();
        }
        running.stop().map_err(|error| wrong(&error))?;
        Ok(round)
    }
}
