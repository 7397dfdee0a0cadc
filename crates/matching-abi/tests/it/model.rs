//! What the contract says, in the plainest form: a list of resting orders, oldest first.

use crate::harness::{BUY, Message, NewOrder, Report, SELL};

#[derive(Clone, Copy)]
struct Resting {
    id: u64,
    side: u8,
    price: i64,
    open: u32,
}

/// The book of the contract.
#[derive(Default)]
pub struct Model {
    resting: Vec<Resting>,
}

impl Model {
    /// The reports that a message has to give, in order.
    pub fn expect(&mut self, message: &Message) -> Vec<(u64, Report)> {
        let (sequence, reports) = match message {
            Message::New(order) => (order.sequence, self.new_order(order)),
            Message::Cancel(it) => {
                let report = match self.take_out(it.order_id) {
                    Some(Resting { id, side, price, .. }) => Report::CancelAck { side, id, price },
                    None => Report::CancelReject { id: it.order_id },
                };
                (it.sequence, vec![report])
            }
            Message::Modify(it) => {
                let reports = match self.take_out(it.order_id) {
                    Some(old) => {
                        let (price, open) = (it.price, it.quantity);
                        let mut reports = Vec::new();
                        self.enter(Resting { price, open, ..old }, false, &mut reports);
                        let (id, side, quantity) = (old.id, old.side, it.quantity);
                        reports.push(Report::ModifyAck { side, id, price, quantity });
                        reports
                    }
                    None => vec![Report::ModifyReject { id: it.order_id }],
                };
                (it.sequence, reports)
            }
        };
        reports.into_iter().map(|report| (sequence, report)).collect()
    }

    fn new_order(&mut self, order: &NewOrder) -> Vec<Report> {
        let NewOrder { order_id: id, side, price, quantity, ioc, .. } = *order;
        if self.resting.iter().any(|other| other.id == id) {
            return Vec::new();
        }
        let mut reports = vec![Report::OrderAck { side, id, price, quantity }];
        self.enter(Resting { id, side, price, open: quantity }, ioc != 0, &mut reports);
        reports
    }

    fn enter(&mut self, mut taker: Resting, ioc: bool, reports: &mut Vec<Report>) {
        while taker.open > 0 {
            let Some(at) = self.best_against(&taker) else { break };
            let maker = &mut self.resting[at];
            let quantity = taker.open.min(maker.open);
            taker.open -= quantity;
            maker.open -= quantity;
            let (price, maker_id) = (maker.price, maker.id);
            reports.push(Report::Trade { price, quantity, maker: maker_id, taker: taker.id });
            if maker.open == 0 {
                self.resting.remove(at);
            }
        }
        if taker.open > 0 {
            if ioc {
                let Resting { id, side, price, .. } = taker;
                reports.push(Report::CancelAck { side, id, price });
            } else {
                self.resting.push(taker);
            }
        }
    }

    /// The oldest order of the best price that `taker` meets.
    fn best_against(&self, taker: &Resting) -> Option<usize> {
        let makers = self.resting.iter().enumerate().filter(|(_, maker)| {
            maker.side != taker.side
                && if taker.side == BUY {
                    maker.price <= taker.price
                } else {
                    maker.price >= taker.price
                }
        });
        // `min_by_key` keeps the first of equals, which is the oldest.
        let sign =
            |price: i64| if taker.side == BUY { i128::from(price) } else { -i128::from(price) };
        makers.min_by_key(|(_, maker)| sign(maker.price)).map(|(at, _)| at)
    }

    fn take_out(&mut self, id: u64) -> Option<Resting> {
        let at = self.resting.iter().position(|order| order.id == id)?;
        Some(self.resting.remove(at))
    }

    pub fn best_bid(&self) -> i64 {
        self.prices(BUY).max().unwrap_or(i64::MIN)
    }

    pub fn best_ask(&self) -> i64 {
        self.prices(SELL).min().unwrap_or(i64::MAX)
    }

    fn prices(&self, side: u8) -> impl Iterator<Item = i64> {
        self.resting.iter().filter(move |order| order.side == side).map(|order| order.price)
    }

    pub fn depth(&self, side: u8, price: i64) -> u64 {
        let level = self.resting.iter().filter(|order| (order.side, order.price) == (side, price));
        level.map(|order| u64::from(order.open)).sum()
    }
}
