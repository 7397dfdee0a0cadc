//! A long run: memory stays where it was after warm-up, and money is neither made nor lost.

use std::fs;

use tiercel_matching::{Accounts, Engine};
use tiercel_testkit::commands::{Generator, Profile, Weights};
use tiercel_testkit::counting_allocator::{alone, live_bytes};
use tiercel_types::event::FundsMovement;
use tiercel_types::{AccountId, AssetId, Event, EventBuffer};

use crate::runs::{is_soak, number};
use crate::subject::Holding;

/// Everything but new assets and instruments, which take room for ever. Funds move often, so that
/// the engine's memory of them is full when warm-up ends.
const PROFILE: Profile = Profile {
    name: "soak",
    weights: Weights { list: 0, funds: 200, ..Profile::CALM.weights },
    market: 100,
    iceberg: 150,
    crossing: 300,
    self_trade_prevention: 300,
    ..Profile::CALM
};

/// Memory of trades and of funding ids is full after so many commands of [`PROFILE`].
const WARM_UP: u64 = 700_000;

/// What the process holds of the machine's memory; `None` where the system does not say.
fn resident_bytes() -> Option<usize> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? * 1_024)
}

/// Deposits less withdrawals, by asset.
#[derive(Default)]
struct Net(Vec<i128>);

impl Net {
    fn observe(&mut self, event: &Event) {
        let Event::FundsMoved(moved) = event else { return };
        let index = moved.asset.0 as usize;
        self.0.resize(self.0.len().max(index + 1), 0);
        match moved.movement {
            FundsMovement::Deposit => self.0[index] += moved.amount.units(),
            FundsMovement::Withdraw => self.0[index] -= moved.amount.units(),
            FundsMovement::Transfer => {}
        }
    }

    fn verify(&self, engine: &Engine<Accounts>) {
        for (asset, net) in (0..).map(AssetId).zip(&self.0) {
            let balances = (0..64).filter_map(|account| engine.balance(AccountId(account), asset));
            let held: i128 = balances.map(|(free, kept)| free.units() + kept.units()).sum();
            assert_eq!(held, *net, "asset {asset}");
        }
    }
}

#[test]
fn memory_stays_flat() {
    alone("soak::memory_stays_flat", || {
        let default = if is_soak() { 100_000_000 } else { 1_000_000 };
        let commands = number("TIERCEL_SOAK_COMMANDS", default).max(WARM_UP + 1);
        let mut generator = Generator::new(PROFILE, 1);
        let mut engine = Engine::<Accounts>::new(Holding::PLAIN.config());
        let mut buffer = EventBuffer::with_capacity(64);
        let (mut net, mut events) = (Net::default(), 0_u64);
        let (mut warm_live, mut warm_resident) = (0, None);
        for sequence in 1..=commands {
            let step = generator.next_step();
            engine.apply_all(sequence, step.time, &step.command, &mut buffer, |header, event| {
                events += 1;
                net.observe(&event);
                generator.observe(&header, &event);
            });
            if sequence.is_multiple_of(1_000_000) {
                net.verify(&engine);
            }
            if sequence == WARM_UP {
                (warm_live, warm_resident) = (live_bytes(), resident_bytes());
            }
        }
        net.verify(&engine);
        let (live, resident) = (live_bytes(), resident_bytes());
        println!(
            "{commands} commands, {events} events, {} live orders; bytes allocated {warm_live} \
             after {WARM_UP} commands, {live} at the end; resident {warm_resident:?}, {resident:?}; \
             digest {:032x}",
            engine.live_orders(),
            engine.digest(),
        );
        assert!(live <= warm_live + SLACK_LIVE, "{live} after {warm_live}");
        if let (Some(warm), Some(end)) = (warm_resident, resident) {
            assert!(end <= warm + SLACK_RESIDENT, "{end} after {warm}");
        }
    });
}

/// Tables of the generator double once in a while, and nodes of trees come and go.
const SLACK_LIVE: usize = 256 * 1_024;
const SLACK_RESIDENT: usize = 2 * 1_024 * 1_024;
