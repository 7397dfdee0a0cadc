//! The auditor agrees with the model over many seeds, and notices what is wrong with a stream.

use tiercel_testkit::auditor::Auditor;
use tiercel_testkit::commands::{Generator, Profile};
use tiercel_testkit::harness::{SHARD, run_side_by_side};
use tiercel_testkit::model::{Events, Mode, Model};
use tiercel_types::auction::AuctionReference;
use tiercel_types::event::OrderAccepted;
use tiercel_types::order::ListKind;

use tiercel_types::{EndReason, Event, Money, OrderId, Peg, Price, Qty, Side, TradeId, Trigger};

#[test]
fn the_auditor_arrives_at_the_models_books_and_balances() {
    for profile in Profile::ALL {
        for seed in 0..12 {
            let mut model = Model::new(SHARD, profile.mode);
            if let Err(failure) = run_side_by_side(&mut model, profile, seed, 2_500) {
                panic!("{failure}");
            }
        }
    }
}

#[test]
#[ignore = "takes minutes: for the soak"]
fn over_many_long_runs_the_auditor_arrives_at_the_models_books_and_balances() {
    for seed in 100..140 {
        for profile in Profile::ALL {
            let mut model = Model::new(SHARD, profile.mode);
            if let Err(failure) = run_side_by_side(&mut model, profile, seed, 100_000) {
                panic!("{failure}");
            }
        }
    }
}

/// The events of some commands of a profile.
fn stream(profile: Profile, commands: u64) -> Vec<Events> {
    let mut generator = Generator::new(profile, 11);
    let mut model = Model::new(SHARD, profile.mode);
    (1..=commands)
        .map(|sequence| {
            let step = generator.next_step();
            let events = model.apply(sequence, step.time, &step.command);
            for (header, event) in &events {
                generator.observe(header, event);
            }
            events
        })
        .collect()
}

/// Whether the auditor refuses a stream of which `change` changed one event (it returns true for
/// the event that it changed).
fn is_noticed(profile: Profile, mut change: impl FnMut(&mut Event) -> bool) -> bool {
    let mut auditor = Auditor::new(profile.mode);
    let mut changed = false;
    for events in stream(profile, 4_000) {
        for (header, mut event) in events {
            changed = changed || change(&mut event);
            if auditor.observe(&header, &event).is_err() {
                assert!(changed, "an unchanged stream is refused");
                return true;
            }
        }
        if auditor.verify().is_err() {
            assert!(changed, "an unchanged stream is refused");
            return true;
        }
    }
    assert!(changed, "there was nothing to change");
    false
}

#[test]
fn an_untouched_stream_passes() {
    for profile in Profile::ALL {
        let mut auditor = Auditor::new(profile.mode);
        for (header, event) in stream(profile, 4_000).concat() {
            auditor.observe(&header, &event).unwrap();
        }
        auditor.verify().unwrap();
    }
}

/// Changes one field of the first event of a kind that it applies to.
macro_rules! notices {
    ($test:ident, $profile:ident, $kind:ident($event:ident) $(if $guard:expr)? => $change:expr) => {
        #[test]
        fn $test() {
            let noticed = is_noticed(Profile::$profile, |event| match event {
                Event::$kind($event) $(if $guard)? => {
                    $change;
                    true
                }
                _ => false,
            });
            assert!(noticed);
        }
    };
}

notices!(a_wrong_level_qty_of_a_trade_is_noticed, CROSSING, Trade(e) =>
    e.level_qty = Qty::from_units(e.level_qty.units() + 1));
notices!(a_gap_in_trade_ids_is_noticed, CROSSING, Trade(e) => e.trade_id = TradeId(e.trade_id.0 + 1));
notices!(a_gap_in_update_ids_is_noticed, CALM, OrderAccepted(e) if e.resting == 1 => e.update_id += 1);
notices!(a_trade_off_the_makers_price_is_noticed, CROSSING, Trade(e) =>
    e.price = Price::from_units(e.price.units() - 1));
notices!(a_trade_of_too_much_is_noticed, CROSSING, Trade(e) => e.qty = Qty::from_units(e.qty.units() * 2));
notices!(a_trade_with_another_maker_is_noticed, CROSSING, Trade(e) =>
    e.maker_order_id.0 -= 1);
notices!(a_fee_off_by_a_unit_is_noticed, CROSSING, Trade(e) if e.taker_fee != Money::ZERO =>
    e.taker_fee = Money::from_units(e.taker_fee.units() + 100_000_000));
notices!(a_slice_too_large_is_noticed, ICEBERG_HEAVY, OrderReplenished(e) =>
    e.displayed_qty = Qty::from_units(e.displayed_qty.units() + 1));
notices!(a_kept_priority_that_was_lost_is_noticed, CALM, OrderAmended(e) if e.priority_kept == 0 =>
    e.priority_kept = 1);
notices!(a_wrong_amount_free_is_noticed, FUNDING_HEAVY, FundsMoved(e) =>
    e.free = Money::from_units(e.free.units() + 1));
notices!(a_forgotten_mass_cancel_is_noticed, ADMIN_HEAVY, MassCancelDone(e) => e.orders += 1);
notices!(an_end_with_the_wrong_rest_is_noticed, CALM, OrderEnded(e) if e.was_resting == 1 =>
    e.unfilled_qty = Qty::from_units(e.unfilled_qty.units() + 1));
notices!(a_decrement_of_too_little_is_noticed, STP_HEAVY, SelfTradePrevented(e) =>
    e.qty = Qty::from_units(e.qty.units() - 1));
notices!(an_order_triggered_for_too_much_is_noticed, WAITING, OrderTriggered(e) =>
    e.qty = Qty::from_units(e.qty.units() + 1_000_000_000));
notices!(a_list_that_ends_under_another_id_is_noticed, LISTS, ListEnded(e) => e.list_id.0 += 1);
notices!(an_order_that_outlives_its_list_is_noticed, LISTS, ListEnded(e) => e.list_id.0 -= 1);
notices!(an_order_that_should_end_with_its_list_is_noticed, LISTS, OrderEnded(e)
    if e.reason == EndReason::ListEnded => e.reason = EndReason::Cancelled);
notices!(a_rejection_without_a_reason_is_noticed, WAITING, OrderEnded(e)
    if e.reason == EndReason::Rejected => e.denial = 0);
notices!(an_order_triggered_by_what_it_did_not_wait_for_is_noticed, WAITING, OrderTriggered(e)
    if e.trigger == Trigger::Stop => e.trigger = Trigger::Condition);
notices!(a_pair_announced_as_a_bracket_is_noticed, LISTS, ListAccepted(e)
    if e.kind == ListKind::Oco => e.kind = ListKind::Oto);
notices!(a_busted_trade_at_another_price_is_noticed, ADMIN_HEAVY, TradeBusted(e) =>
    e.price = Price::from_units(e.price.units() + 1));
notices!(an_unseen_order_that_shows_is_noticed, SPECIAL, OrderAccepted(e)
    if e.hidden == 1 && e.resting == 1 => e.level_qty = e.qty);
notices!(a_book_update_for_what_is_not_displayed_is_noticed, SPECIAL, OrderEnded(e)
    if e.was_resting == 1 && e.update_id == 0 => e.update_id = 1);
notices!(a_hidden_order_said_to_be_displayed_is_noticed, SPECIAL, OrderAccepted(e)
    if e.hidden == 1 && e.resting == 1 => e.hidden = 0);
#[test]
fn a_minimum_that_was_missed_after_a_trade_is_noticed() {
    let mut traded = OrderId::NONE;
    let noticed = is_noticed(Profile::SPECIAL, |event| match event {
        Event::Trade(trade) => {
            traded = trade.taker_order_id;
            false
        }
        Event::OrderEnded(e)
            if e.order_id == traded && e.reason == EndReason::ImmediateOrCancel =>
        {
            e.reason = EndReason::MinimumQty;
            true
        }
        _ => false,
    });
    assert!(noticed);
}

/// Runs a stream with an order said to be of another kind when it rests, until the auditor sees
/// what it could not have done.
fn is_noticed_later(mut change: impl FnMut(&mut OrderAccepted) -> bool) -> bool {
    is_noticed(Profile::SPECIAL, |event| match event {
        Event::OrderAccepted(accepted) if accepted.resting == 1 => change(accepted),
        _ => false,
    })
}

#[test]
fn an_unseen_order_that_trades_in_part_and_was_all_or_none_is_noticed() {
    // Of many hidden ones, one is a maker in part.
    let noticed = (0..40).any(|skipped| {
        let mut seen = 0;
        is_noticed_later(|accepted| {
            let is_hidden = accepted.hidden == 1;
            seen += u32::from(is_hidden);
            let this = is_hidden && seen == skipped + 1;
            if this {
                (accepted.hidden, accepted.all_or_none) = (0, 1);
            }
            this
        })
    });
    assert!(noticed);
}

#[test]
fn a_peg_that_follows_something_else_is_noticed() {
    let noticed = (0..40).any(|skipped| {
        let mut seen = 0;
        is_noticed_later(|accepted| {
            let follows = accepted.peg == Peg::Midpoint;
            seen += u32::from(follows);
            let this = follows && seen == skipped + 1;
            if this {
                // It trades beyond the best price of its own side.
                accepted.peg = Peg::Primary;
            }
            this
        })
    });
    assert!(noticed);
}

#[test]
fn a_stop_that_sleeps_through_a_trade_is_noticed() {
    // Not one of the first: its instrument has to have traded.
    let mut earlier = 50;
    let noticed = is_noticed(Profile::CASCADES, |event| match event {
        Event::OrderWaiting(e) if e.trigger == Trigger::Stop && e.side == Side::Sell => {
            if earlier == 0 {
                e.trigger_price = Price::MAX;
            }
            earlier -= 1;
            earlier < 0
        }
        _ => false,
    });
    assert!(noticed);
}

#[test]
fn a_missing_event_is_noticed_wherever_it_is() {
    let whole = stream(Profile::CROSSING, 1_500).concat();
    let refused = |skipped: usize| {
        let mut auditor = Auditor::new(Mode::Full);
        let rest = whole.iter().enumerate().filter(|(at, _)| *at != skipped);
        rest.into_iter().any(|(_, (header, event))| auditor.observe(header, event).is_err())
    };
    // All but the very first event, which may be where a stream begins, and the very last.
    for skipped in (1..whole.len() - 1).step_by(7) {
        assert!(refused(skipped), "event {skipped} is not missed");
    }
}

notices!(an_auction_off_its_price_is_noticed, AUCTIONS, AuctionEnded(e) if e.has_price == 1 =>
    e.price = Price::from_units(e.price.units() + 1));
notices!(an_indication_of_too_little_is_noticed, AUCTIONS, AuctionIndication(e)
    if e.executed_qty > Qty::ZERO => e.executed_qty = Qty::from_units(e.executed_qty.units() - 1));
notices!(an_auction_trade_at_another_price_is_noticed, AUCTIONS, Trade(e) if e.auction == 1 =>
    e.price = Price::from_units(e.price.units() - 1));
notices!(a_level_left_wrong_by_an_auction_is_noticed, AUCTIONS, LevelChanged(e) =>
    e.level_qty = Qty::from_units(e.level_qty.units() + 1));
notices!(an_order_for_the_imbalance_that_does_not_say_so_is_noticed, AUCTIONS, OrderWaiting(e)
    if e.imbalance_only == 1 => e.imbalance_only = 0);
notices!(a_trade_beyond_a_band_is_noticed, BANDS, BandsChanged(e) => e.upper = e.lower);
notices!(an_interruption_with_the_wrong_reference_is_noticed, BANDS, InterruptionStarted(e)
    if !e.reference.is_zero() => e.reference = Price::from_units(e.reference.units() * 2));
notices!(a_kill_switch_that_leaves_orders_is_noticed, SESSIONS, OrderEnded(e)
    if e.reason == EndReason::KillSwitch => e.order_id.0 -= 1);
notices!(a_limit_state_on_the_other_side_is_noticed, BANDS, LimitStateChanged(e) if e.entered == 1 =>
    e.side = e.side.opposite());

// What the rules said last decides: the price is found by all steps of the ladder.
notices!(an_auction_beyond_its_bounds_is_noticed, AUCTIONS, AuctionRulesSet(e)
    if e.rules.bound.is_zero() && e.rules.bound_ppm == 0 =>
    e.rules.bound_ppm = 1);
notices!(an_auction_round_another_reference_is_noticed, AUCTIONS, AuctionRulesSet(e)
    if e.rules.reference == AuctionReference::Last => e.rules.reference = AuctionReference::Terms);
notices!(a_hidden_order_left_out_of_an_auction_is_noticed, SPECIAL_AUCTIONS, OrderAccepted(e)
    if e.hidden == 1 && e.resting == 1 => (e.hidden, e.peg) = (0, Peg::Primary));
