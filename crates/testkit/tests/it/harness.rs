//! The harness finds an engine that is wrong, and boils the failure down.

use tiercel_testkit::commands::{Generator, Profile};
use tiercel_testkit::harness::{
    SHARD, Subject, parse_steps, print_steps, replay, run_side_by_side,
};
use tiercel_testkit::model::{Events, Mode, Model};
use tiercel_testkit::shrink::{report, shrink};
use tiercel_types::{
    AccountId, AssetId, Command, Event, InstrumentId, Money, OrderId, Price, Qty, Side, Timestamp,
};

/// The model with a fault of one's choice.
struct Faulty {
    model: Model,
    fault: Fault,
    /// Orders that showed another slice with the last event of a command.
    replenished: Vec<OrderId>,
}

#[derive(Clone, Copy)]
enum Fault {
    /// An amendment of the price says that it kept its priority.
    Priority,
    /// A level too few is shown.
    Depth,
    /// A unit of money is lost while something is reserved.
    Balance,
    /// An order that showed another slice ends, and nothing is said of what it had left.
    Late,
}

impl Subject for Faulty {
    fn apply(&mut self, sequence: u64, time: Timestamp, command: &Command) -> Events {
        let mut events = self.model.apply(sequence, time, command);
        if let (Fault::Priority, Event::OrderAmended(amended)) = (self.fault, &mut events[0].1)
            && amended.price != amended.old_price
        {
            amended.priority_kept = 1;
        }
        if let Event::OrderReplenished(shown) = &events[events.len() - 1].1 {
            self.replenished.push(shown.order_id);
        }
        if let (Fault::Late, Event::OrderEnded(ended)) = (self.fault, &mut events[0].1)
            && self.replenished.contains(&ended.order_id)
        {
            ended.unfilled_qty = Qty::ZERO;
        }
        events
    }

    fn depth(&self, instrument: InstrumentId, side: Side) -> Vec<(Price, Qty)> {
        let mut depth = Subject::depth(&self.model, instrument, side);
        if matches!(self.fault, Fault::Depth) && depth.len() > 5 {
            depth.pop();
        }
        depth
    }

    fn balance(&self, account: AccountId, asset: AssetId) -> (Money, Money) {
        let (free, reserved) = self.model.balance(account, asset);
        let lost = matches!(self.fault, Fault::Balance) && reserved != Money::ZERO;
        (Money::from_units(free.units() - i128::from(lost)), reserved)
    }
}

fn make(fault: Fault) -> impl Fn() -> Faulty {
    move || Faulty { model: Model::new(SHARD, Mode::Full), fault, replenished: Vec::new() }
}

#[test]
fn wrong_events_books_and_balances_are_found_and_boiled_down() {
    for (fault, says, most) in [
        // Two assets, an instrument, an account, its funds, an order and what is done to it.
        (Fault::Priority, "priority_kept: 1", 8),
        (Fault::Depth, "book of instrument", 20),
        (Fault::Balance, "free and reserved", 8),
        // Two accounts and their funds, an iceberg, a taker, a cancel.
        (Fault::Late, "unfilled_qty: Qty(0)", 12),
    ] {
        let make = make(fault);
        let failure = run_side_by_side(&mut make(), Profile::CALM, 4, 5_000).unwrap_err();
        assert!(failure.difference.contains(says), "{failure}");
        let small = shrink(&make, &failure);
        println!("{}", report(&make, &failure));
        assert!(small.difference.contains(says), "{small}");
        assert!(small.steps.len() <= most, "{}", small.steps.len());
        let (count, difference) = replay(&mut make(), Mode::Full, &small.steps).unwrap_err();
        assert_eq!((count, difference), (small.steps.len(), small.difference));
    }
}

#[test]
fn printed_commands_run_again() {
    for profile in Profile::ALL {
        let mut generator = Generator::new(profile, 9);
        let mut model = Model::new(SHARD, profile.mode);
        let steps: Vec<_> = (1..=500)
            .map(|sequence| {
                let step = generator.next_step();
                for (header, event) in model.apply(sequence, step.time, &step.command) {
                    generator.observe(&header, &event);
                }
                step
            })
            .collect();
        assert_eq!(parse_steps(&print_steps(&steps)), Ok(steps));
    }
    assert!(parse_steps("xyz").is_err());
}
