//! Boils a failure down to the few commands that show it (delta debugging, Zeller and Hildebrandt
//! 2002).
//!
//! An engine with accounts numbers its orders as it takes them: without an early order, every later
//! one has another id. So the commands that name orders are renamed with each try, or hardly any
//! command could go.

use std::collections::{BTreeMap, BTreeSet};

use tiercel_types::{Command, Event, OrderId};

use crate::commands::Step;
use crate::harness::{Failure, SHARD, Subject, print_steps, replay};
use crate::model::{Mode, Model};

/// A command and the id of the order that was taken by it.
#[derive(Clone, Copy)]
struct Tracked {
    step: Step,
    taken: Option<OrderId>,
}

/// An id that no order has: what a command names whose order went.
const NOBODY: OrderId = OrderId(u64::MAX);

/// Takes commands away from a failure as long as engine and model still disagree: the fewer left,
/// the plainer the fault. What they disagree on may change on the way. `make` makes a new engine
/// for each try.
#[must_use]
pub fn shrink<S: Subject>(mut make: impl FnMut() -> S, failure: &Failure) -> Failure {
    let mode = failure.mode;
    let mut best = failure.clone();
    let first: Vec<_> =
        best.steps.iter().map(|step| Tracked { step: *step, taken: None }).collect();
    let mut tracked = rename(mode, &first, &BTreeSet::new());
    let mut chunk = tracked.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let mut shrunk = false;
        let mut ids: BTreeSet<OrderId> = tracked.iter().filter_map(|each| each.taken).collect();
        while at < tracked.len() {
            let mut fewer = tracked.clone();
            fewer.drain(at..(at + chunk).min(fewer.len()));
            let mut fewer = rename(mode, &fewer, &ids);
            let steps: Vec<Step> = fewer.iter().map(|each| each.step).collect();
            if let Err((count, difference)) = replay(&mut make(), mode, &steps) {
                fewer.truncate(count);
                (tracked, best.difference, shrunk) = (fewer, difference, true);
                ids = tracked.iter().filter_map(|each| each.taken).collect();
            } else {
                at += chunk;
            }
        }
        // The last round is repeated until nothing more can go.
        chunk = if chunk == 1 && shrunk { 1 } else { chunk / 2 };
    }
    best.steps = tracked.iter().map(|each| each.step).collect();
    best
}

/// Runs the commands on the model and gives those that name one of `ids` the name that its order
/// has now.
fn rename(mode: Mode, tracked: &[Tracked], ids: &BTreeSet<OrderId>) -> Vec<Tracked> {
    let mut model = Model::new(SHARD, mode);
    let mut names: BTreeMap<OrderId, OrderId> = BTreeMap::new();
    let mut sequence = 0;
    let mut follow = |each: &Tracked| {
        let mut step = each.step;
        if let Some(id) = named_order(&mut step.command)
            && ids.contains(id)
        {
            *id = names.get(id).copied().unwrap_or(NOBODY);
        }
        sequence += 1;
        let events = model.apply(sequence, step.time, &step.command);
        let taken = events.iter().find_map(|(_, event)| match event {
            Event::OrderAccepted(accepted) => Some(accepted.order_id),
            _ => None,
        });
        names.extend(each.taken.zip(taken));
        Tracked { step, taken }
    };
    tracked.iter().map(&mut follow).collect()
}

/// Where a command names a live order by its id.
fn named_order(command: &mut Command) -> Option<&mut OrderId> {
    match command {
        Command::CancelOrder(cancel) => Some(&mut cancel.order_id),
        Command::QueryOrder(query) => Some(&mut query.order_id),
        Command::AmendOrder(amend) => Some(&mut amend.order_id),
        Command::ReplaceOrder(replace) => Some(&mut replace.target_order_id),
        _ => None,
    }
}

/// What a failing test prints: the failure, boiled down, and its commands to run again.
#[must_use]
pub fn report<S: Subject>(make: impl FnMut() -> S, failure: &Failure) -> String {
    let small = shrink(make, failure);
    let steps = print_steps(&small.steps);
    format!("{failure}\nboiled down to {} commands:\n{small}\n{steps}", small.steps.len())
}
