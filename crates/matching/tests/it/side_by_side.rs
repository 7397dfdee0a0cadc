//! Random commands through the engine and the reference model: every event, every level, every
//! balance, and the auditor's verdict.
//!
//! `TIERCEL_SHRINK=1` boils a failure down to the few commands that show it.
//! `TIERCEL_COMMANDS` sets how many commands each profile runs a seed, and `TIERCEL_SEEDS` how many
//! seeds; `make soak` raises the one, and runs seeds for as long as it is told to.

use tiercel_matching::{Accounts, Bare, Engine, Ledger};
use tiercel_testkit::commands::Profile;
use tiercel_testkit::harness::{report, run_side_by_side};
use tiercel_testkit::model::Mode;
use tiercel_testkit::soak;

use crate::runs::{is_soak, number};
use crate::subject::{Balances, EngineSubject, Holding};

fn run<L: Ledger>(profile: Profile, seed: u64, holding: Holding, commands: u64) -> u64
where
    Engine<L>: Balances,
{
    let mut subject = EngineSubject::<L>::new(holding);
    if let Err(failure) = run_side_by_side(&mut subject, profile, seed, commands) {
        // Boiling down takes minutes: it is done when asked for.
        let text = if std::env::var_os("TIERCEL_SHRINK").is_some() {
            report(|| EngineSubject::<L>::new(holding), &failure)
        } else {
            format!("{failure}(TIERCEL_SHRINK=1 boils it down to few commands)")
        };
        panic!("{holding:?}\n{text}");
    }
    subject.resumed
}

/// Runs a profile with each way of holding an engine; returns how often a buffer was full.
fn run_profile(profile: Profile) -> u64 {
    let commands = number("TIERCEL_COMMANDS", if is_soak() { 200_000 } else { 40_000 });
    let mut resumed = 0;
    for round in soak::rounds(profile.name, number("TIERCEL_SEEDS", 1)) {
        let seed = round + 1;
        for (shift, holding) in
            [Holding::PLAIN, Holding::TIGHT, Holding::RESTORED].iter().enumerate()
        {
            let seed = seed * 3 + shift as u64;
            resumed += match profile.mode {
                Mode::Full => run::<Accounts>(profile, seed, *holding, commands),
                Mode::Bare => run::<Bare>(profile, seed, *holding, commands),
            };
        }
    }
    resumed
}

/// One test a profile, so that they run beside each other.
macro_rules! profiles {
    ($($name:ident = $profile:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                run_profile(Profile::$profile);
            }
        )+

        #[test]
        fn no_profile_is_left_out() {
            assert_eq!(Profile::ALL.len(), [$(stringify!($name)),+].len());
        }
    };
}

profiles! {
    calm_trading_agrees = CALM,
    crossing_orders_agree = CROSSING,
    icebergs_agree = ICEBERG_HEAVY,
    self_trades_agree = STP_HEAVY,
    changing_terms_and_states_agree = ADMIN_HEAVY,
    moving_funds_agree = FUNDING_HEAVY,
    the_bare_book_agrees = BARE,
    the_bare_book_with_changing_terms_agrees = BARE_ADMIN,
    prices_at_the_ends_of_their_range_agree = WIDE_PRICES,
    orders_that_wait_agree = WAITING,
    stops_that_set_off_stops_agree = CASCADES,
    lists_agree = LISTS,
    lists_that_meet_themselves_agree = LISTS_STP,
    orders_held_over_halts_agree = WAITING_HALTS,
    the_bare_book_with_orders_that_wait_agrees = BARE_WAITING,
    orders_that_wait_for_prices_at_the_ends_agree = WIDE_WAITING,
    shared_levels_agree = SHARED,
    shared_levels_of_the_bare_book_agree = BARE_SHARED,
    special_orders_agree = SPECIAL,
    special_orders_that_meet_themselves_agree = SPECIAL_STP,
    special_orders_over_halts_agree = SPECIAL_HALTS,
    special_orders_of_the_bare_book_agree = BARE_SPECIAL,
    special_orders_at_the_ends_of_prices_agree = WIDE_SPECIAL,
    auctions_agree = AUCTIONS,
    auctions_with_lists_and_shared_levels_agree = AUCTION_LISTS,
    auctions_at_the_ends_of_the_price_range_agree = WIDE_AUCTIONS,
    bands_that_are_breached_agree = BANDS,
    sessions_with_everything_agree = SESSIONS,
    sessions_of_the_bare_book_agree = BARE_SESSIONS,
    special_orders_in_auctions_agree = SPECIAL_AUCTIONS,
    special_orders_in_auctions_of_the_bare_book_agree = BARE_SPECIAL_AUCTIONS,
    special_orders_in_auctions_at_the_ends_of_prices_agree = WIDE_SPECIAL_AUCTIONS,
    special_orders_between_bands_agree = SPECIAL_BANDS,
}

#[test]
fn cascades_larger_than_the_buffer_are_part_of_the_runs() {
    let resumed = run::<Accounts>(Profile::CROSSING, 77, Holding::TIGHT, 20_000);
    assert!(resumed > 0, "no command filled the smallest buffer");
}
