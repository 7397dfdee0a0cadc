//! What special orders were promised when they were asked for, and events alone do not tell: that
//! an order is of the kind that was asked for, and that a minimum quantity is kept.

use std::collections::BTreeMap;

use tiercel_types::command::NewAdvancedOrder;
use tiercel_types::event::OrderAccepted;
use tiercel_types::{Command, EndReason, Event, EventHeader, OrderId, Qty, Trigger};

/// Sees commands and events, and holds the one to the other.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    /// The minimum quantities of orders that were not entered yet.
    minimum: BTreeMap<OrderId, Qty>,
}

impl Promises {
    /// Takes a command and its events.
    ///
    /// # Errors
    /// A sentence that says what was promised and not kept.
    pub fn observe(
        &mut self,
        command: &Command,
        events: &[(EventHeader, Event)],
    ) -> Result<(), String> {
        let mut entered = Vec::new();
        if let Command::NewAdvancedOrder(new) = command
            && let Some(accepted) = events.iter().find_map(accepted)
        {
            is_as_asked(new, accepted)?;
            if !new.terms.min_qty.is_zero() {
                self.minimum.insert(accepted.order_id, new.terms.min_qty);
            }
            if new.terms.trigger == Trigger::None {
                entered.push(accepted.order_id);
            }
        }
        for (_, event) in events {
            match event {
                Event::OrderTriggered(triggered) => entered.push(triggered.order_id),
                Event::OrderEnded(ended) if !entered.contains(&ended.order_id) => {
                    self.minimum.remove(&ended.order_id);
                }
                _ => {}
            }
        }
        for id in entered {
            if let Some(minimum) = self.minimum.remove(&id) {
                keeps_minimum(id, minimum, events)?;
            }
        }
        Ok(())
    }
}

fn accepted((_, event): &(EventHeader, Event)) -> Option<&OrderAccepted> {
    match event {
        Event::OrderAccepted(accepted) => Some(accepted),
        _ => None,
    }
}

fn is_as_asked(new: &NewAdvancedOrder, accepted: &OrderAccepted) -> Result<(), String> {
    let asked = (new.terms.peg, new.terms.all_or_none, new.terms.hidden);
    let told = (accepted.peg, accepted.all_or_none, accepted.hidden);
    if asked == told {
        return Ok(());
    }
    Err(format!("order {} was to be {asked:?}, and is {told:?}", accepted.order_id))
}

/// An order that was entered traded at least its minimum in that command, or nothing and ended.
fn keeps_minimum(id: OrderId, minimum: Qty, events: &[(EventHeader, Event)]) -> Result<(), String> {
    let traded: u64 = events
        .iter()
        .map(|(_, event)| match event {
            Event::Trade(trade) if trade.taker_order_id == id => trade.qty.units(),
            _ => 0,
        })
        .sum();
    let ended = events.iter().any(|(_, event)| {
        matches!(event, Event::OrderEnded(ended)
            if ended.order_id == id && ended.reason == EndReason::MinimumQty)
    });
    let kept = if ended { traded == 0 } else { traded >= minimum.units() };
    if kept {
        return Ok(());
    }
    Err(format!("order {id} traded {} on entry, its minimum is {minimum}", Qty::from_units(traded)))
}
