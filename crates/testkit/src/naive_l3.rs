//! Books by order as plainly as can be: maps and lists. The judge of the fast ones.

use std::collections::BTreeMap;

use tiercel_book::l3::{Anomaly, Tape};
use tiercel_types::Side;
use tiercel_types::market::{OrderAction, OrderOperation};
use xxhash_rust::xxh3::xxh3_64;

/// The queue of one price: reference and open quantity, first in the queue first.
type Queue = Vec<(u64, u32)>;

/// One level: price, quantity, and its orders.
pub type NaiveLevel = (u32, u64, Queue);

/// The books of all instruments.
#[derive(Clone, Debug, Default)]
pub struct NaiveBooks {
    /// By locate; bids, then asks; by price.
    books: BTreeMap<u16, [BTreeMap<u32, Queue>; 2]>,
    /// Where each live order rests.
    owners: BTreeMap<u64, (u16, Side, u32)>,
    /// What was traded.
    pub tapes: BTreeMap<u16, Tape>,
}

impl NaiveBooks {
    /// The number of live orders.
    pub fn live_orders(&self) -> usize {
        self.owners.len()
    }

    /// The levels of a side, best first.
    pub fn levels(&self, locate: u16, side: Side) -> Vec<NaiveLevel> {
        let Some(sides) = self.books.get(&locate) else { return Vec::new() };
        let show = |(price, queue): (&u32, &Queue)| {
            let qty = queue.iter().map(|&(_, qty)| u64::from(qty)).sum();
            (*price, qty, queue.clone())
        };
        match side {
            Side::Buy => sides[0].iter().rev().map(show).collect(),
            Side::Sell => sides[1].iter().map(show).collect(),
        }
    }

    /// The digest that the fast books define.
    pub fn digest(&self) -> u64 {
        let mut bytes = Vec::new();
        for &locate in self.books.keys() {
            let [bids, asks] = [Side::Buy, Side::Sell].map(|side| self.levels(locate, side));
            if bids.is_empty() && asks.is_empty() {
                continue;
            }
            bytes.extend(locate.to_le_bytes());
            for levels in [bids, asks] {
                bytes.extend((levels.len() as u32).to_le_bytes());
                for (price, qty, queue) in levels {
                    bytes.extend(price.to_le_bytes());
                    bytes.extend((queue.len() as u32).to_le_bytes());
                    bytes.extend(qty.to_le_bytes());
                    for (reference, qty) in queue {
                        bytes.extend(reference.to_le_bytes());
                        bytes.extend(qty.to_le_bytes());
                    }
                }
            }
        }
        xxh3_64(&bytes)
    }

    /// Applies one operation by the rules that [`Anomaly`] documents.
    ///
    /// # Errors
    /// The anomaly.
    pub fn apply(&mut self, operation: &OrderOperation) -> Result<(), Anomaly> {
        let locate = operation.locate;
        let mut tape = self.tapes.get(&locate).copied().unwrap_or_default();
        let result = match operation.action {
            OrderAction::Add { reference, side, qty, price } => {
                self.add(locate, reference, side, qty, price)
            }
            OrderAction::Execute { reference, qty, .. } => {
                let price = self.owners.get(&reference).map_or(0, |owner| owner.2);
                self.take(locate, reference, qty).and_then(|(taken, excess)| {
                    tape.executions += 1;
                    tape.executed_qty += u64::from(taken);
                    tape.last_price = price;
                    excess
                })
            }
            OrderAction::ExecuteAt { reference, qty, price, printable, .. } => {
                self.take(locate, reference, qty).and_then(|(taken, excess)| {
                    tape.executions += 1;
                    if printable {
                        tape.executed_qty += u64::from(taken);
                        tape.last_price = price;
                    } else {
                        tape.unprinted_qty += u64::from(taken);
                    }
                    excess
                })
            }
            OrderAction::Cancel { reference, qty } => {
                self.take(locate, reference, qty).and_then(|(_, excess)| excess)
            }
            OrderAction::Delete { reference } => self.remove(locate, reference).map(|_| ()),
            OrderAction::Replace { reference, new_reference, qty, price } => self
                .remove(locate, reference)
                .and_then(|side| self.add(locate, new_reference, side, qty, price)),
            OrderAction::Trade { qty, price, .. } => {
                tape.trades += 1;
                tape.traded_qty += u64::from(qty);
                tape.last_price = price;
                Ok(())
            }
            OrderAction::Cross { qty, price, .. } => {
                tape.crosses += 1;
                tape.crossed_qty += qty;
                if qty > 0 {
                    tape.last_price = price;
                }
                Ok(())
            }
            OrderAction::Break { .. } => {
                tape.broken += 1;
                Ok(())
            }
        };
        if tape != Tape::default() {
            self.tapes.insert(locate, tape);
        }
        result
    }

    fn add(
        &mut self,
        locate: u16,
        reference: u64,
        side: Side,
        qty: u32,
        price: u32,
    ) -> Result<(), Anomaly> {
        if qty == 0 {
            return Err(Anomaly::ZeroQuantity { locate, reference });
        }
        if self.owners.contains_key(&reference) {
            return Err(Anomaly::DuplicateReference { locate, reference });
        }
        self.owners.insert(reference, (locate, side, price));
        let sides = self.books.entry(locate).or_default();
        sides[side.index()].entry(price).or_default().push((reference, qty));
        let against = match side {
            Side::Buy => sides[1].keys().next().copied().filter(|ask| price >= *ask),
            Side::Sell => sides[0].keys().next_back().copied().filter(|bid| price <= *bid),
        };
        match against {
            None => Ok(()),
            Some(against) if against == price => Err(Anomaly::Locked { locate, reference, price }),
            Some(against) => Err(Anomaly::Crossed { locate, reference, price, against }),
        }
    }

    fn find(&self, locate: u16, reference: u64) -> Result<(Side, u32), Anomaly> {
        match self.owners.get(&reference) {
            None => Err(Anomaly::UnknownReference { locate, reference }),
            Some(&(owner, ..)) if owner != locate => {
                Err(Anomaly::OtherInstrument { locate, reference, owner })
            }
            Some(&(_, side, price)) => Ok((side, price)),
        }
    }

    fn remove(&mut self, locate: u16, reference: u64) -> Result<Side, Anomaly> {
        let (side, price) = self.find(locate, reference)?;
        self.owners.remove(&reference);
        let ladder =
            &mut self.books.get_mut(&locate).expect("an order rests in no book")[side.index()];
        let queue = ladder.get_mut(&price).expect("an order rests in no level");
        queue.retain(|order| order.0 != reference);
        if queue.is_empty() {
            ladder.remove(&price);
        }
        Ok(side)
    }

    /// Takes a quantity off an order: what was taken, and whether it was too much.
    fn take(
        &mut self,
        locate: u16,
        reference: u64,
        qty: u32,
    ) -> Result<(u32, Result<(), Anomaly>), Anomaly> {
        if qty == 0 {
            return Err(Anomaly::ZeroQuantity { locate, reference });
        }
        let (side, price) = self.find(locate, reference)?;
        let ladder =
            &mut self.books.get_mut(&locate).expect("an order rests in no book")[side.index()];
        let queue = ladder.get_mut(&price).expect("an order rests in no level");
        let order = queue
            .iter_mut()
            .find(|order| order.0 == reference)
            .expect("an order is not in the queue of its level");
        let open = order.1;
        if qty < open {
            order.1 -= qty;
            return Ok((qty, Ok(())));
        }
        self.remove(locate, reference)?;
        let excess = Anomaly::ExcessQuantity { locate, reference, open, asked: qty };
        Ok((open, if qty > open { Err(excess) } else { Ok(()) }))
    }
}
