//! Whether the gate counts what there is.

use thiserror::Error;
use tiercel_types::{InstrumentId, Money, Side};

use super::Oms;

/// The gate counts something else than what is open and owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Drift {
    /// Orders.
    #[error("{counted} open orders are counted, and there are {found}")]
    OpenOrders {
        /// By the gate.
        counted: u32,
        /// By adding up.
        found: u32,
    },
    /// Worth of what is open and cost of what is owned.
    #[error("{} of credit is counted, and it is {}", .counted.units(), .found.units())]
    Credit {
        /// By the gate, in units of 10^-16.
        counted: Money,
        /// By adding up.
        found: Money,
    },
    /// The worst positions of an instrument.
    #[error("the worst position of instrument {instrument} is not what is open and owned")]
    Position {
        /// Which.
        instrument: InstrumentId,
    },
    /// Orders whose outcome is not known.
    #[error(
        "{counted} unknown outcomes of instrument {instrument} are counted, and there are {found}"
    )]
    Unknown {
        /// Which.
        instrument: InstrumentId,
        /// By the gate's door.
        counted: u32,
        /// By adding up.
        found: u32,
    },
}

impl Oms {
    /// Adds up everything that the gate counts as it goes. Not for the hot path.
    ///
    /// # Errors
    /// [`Drift`]: a programmer's error.
    pub fn audit(&self) -> Result<(), Drift> {
        let mut used = 0;
        let mut orders = 0;
        for (place, known) in self.known.iter().enumerate() {
            let instrument = InstrumentId(place as u32);
            let owned = known.position.owned().units();
            let (mut long, mut short, mut unknown) = (owned, owned, 0);
            used += known.position.cost().units().abs();
            for slot in self.slots.live().map(|at| self.slots.get(at)) {
                if slot.order.instrument != instrument {
                    continue;
                }
                let order = slot.intent();
                unknown += u32::from(slot.is_unknown());
                for open in [Some(order), slot.change].into_iter().flatten() {
                    orders += 1;
                    used += Money::of(open.price, open.qty).units();
                    match open.side {
                        Side::Buy => long += Money::from_qty(open.qty).units(),
                        Side::Sell => short -= Money::from_qty(open.qty).units(),
                    }
                }
            }
            let worst = (Money::from_units(long), Money::from_units(short));
            if self.gate.worst_position(instrument).is_some_and(|counted| counted != worst) {
                return Err(Drift::Position { instrument });
            }
            if known.unknown != unknown {
                return Err(Drift::Unknown { instrument, counted: known.unknown, found: unknown });
            }
        }
        let counted = self.gate.open_orders();
        if counted != orders {
            return Err(Drift::OpenOrders { counted, found: orders });
        }
        let (counted, found) = (self.gate.used_credit(), Money::from_units(used));
        if counted == found { Ok(()) } else { Err(Drift::Credit { counted, found }) }
    }
}
