//! Lists and stops at the paper venue: what sets them off, and what becomes of the others.

use tiercel_execution::order::Input;
use tiercel_execution::venue::{AdvancedTerms, ListPlace, OrderTerms, VenueRequest};
use tiercel_sim::paper::PaperOptions;
use tiercel_types::order::ListKind;
use tiercel_types::{OrderKind, Price, Side};

use super::paper::{Desk, TICK, level, named, order};

fn stop(number: u64, side: Side, trigger: i64, ticks: i64, lots: u64) -> AdvancedTerms {
    let trigger_price = Price::from_units(trigger * TICK);
    AdvancedTerms { order: order(number, side, ticks, lots), trigger_price, list: None }
}

fn limit(number: u64, side: Side, ticks: i64, lots: u64) -> AdvancedTerms {
    let order = OrderTerms { kind: OrderKind::PostOnly, ..order(number, side, ticks, lots) };
    AdvancedTerms { order, trigger_price: Price::ZERO, list: None }
}

/// What is told, in short: `1:accepted 2:filled(3@990) ...`, numbers and times left out.
fn said(desk: &mut Desk) -> String {
    let words = desk.pass(1_000).into_iter().map(|(_, report)| {
        let name = report.client_order_id;
        let number = name.as_str().trim_start_matches("order-");
        match report.input {
            Input::Filled { price, qty, .. } => {
                format!(
                    "{number}:filled({}@{})",
                    qty.units() / super::paper::LOT,
                    price.units() / TICK
                )
            }
            input => format!("{number}:{}", input.name()),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

impl Desk {
    /// Bids from 1000 down, asks from 1010 up, ten lots each.
    fn quoted() -> Self {
        let mut desk = Self::new(PaperOptions::default());
        let levels = |first: i64, step: i64| -> Vec<_> {
            (0..5).map(|at| level(first + step * at, 10)).collect()
        };
        desk.change(&levels(1_000, -10), &levels(1_010, 10));
        desk
    }

    fn list(&mut self, kind: ListKind, orders: &[AdvancedTerms]) -> &mut Self {
        let number = orders[0].order.price.units() as u32;
        for (terms, at) in orders.iter().zip(0..) {
            let list = Some(ListPlace { number, kind, at });
            self.send(VenueRequest::NewAdvanced(AdvancedTerms { list, ..*terms }));
        }
        self
    }
}

#[test]
fn a_stop_is_set_off_by_a_trade_at_its_price_also_where_the_book_has_nothing_left_of_it() {
    let mut desk = Desk::quoted();
    desk.trade(1_000, 1, Side::Sell);
    desk.send(VenueRequest::NewAdvanced(stop(1, Side::Sell, 990, 970, 3)));
    assert_eq!(said(&mut desk), "1:accepted");
    desk.trade(1_000, 1, Side::Sell);
    assert_eq!(said(&mut desk), "");
    // The book tells first that the bids are gone, then that they have traded.
    desk.change(&[level(1_000, 0), level(990, 0)], &[]);
    desk.trade(990, 10, Side::Sell);
    assert_eq!(said(&mut desk), "1:filled(3@980)");
    assert!(desk.paper.agrees());
    assert_eq!((desk.paper.live_orders(), desk.paper.refused()), (0, 0));
}

#[test]
fn a_stop_that_a_trade_has_met_already_is_refused_and_so_is_its_list() {
    let mut desk = Desk::quoted();
    desk.trade(1_000, 1, Side::Sell);
    desk.send(VenueRequest::NewAdvanced(stop(1, Side::Sell, 1_000, 990, 3)));
    assert_eq!(said(&mut desk), "1:rejected");
    let pair = [limit(2, Side::Sell, 1_050, 3), stop(3, Side::Sell, 1_005, 990, 3)];
    assert_eq!(said(desk.list(ListKind::Oco, &pair)), "2:rejected 3:rejected");
    // One is not on the tick.
    let mut pair = [limit(4, Side::Sell, 1_050, 3), stop(5, Side::Sell, 990, 980, 3)];
    pair[1].trigger_price = Price::from_units(TICK * 990 + 1);
    assert_eq!(said(desk.list(ListKind::Oco, &pair)), "4:rejected 5:rejected");
    // A limit that crosses is refused by the engine.
    let pair = [limit(6, Side::Sell, 1_000, 3), stop(7, Side::Sell, 990, 980, 3)];
    assert_eq!(said(desk.list(ListKind::Oco, &pair)), "6:rejected 7:rejected");
    assert_eq!(desk.paper.live_orders(), 0);
}

#[test]
fn a_bracket_is_entered_takes_its_profit_and_its_stop_ends() {
    let mut desk = Desk::quoted();
    let orders = [
        limit(1, Side::Buy, 1_005, 4),
        limit(2, Side::Sell, 1_008, 4),
        stop(3, Side::Sell, 990, 980, 4),
    ];
    assert_eq!(said(desk.list(ListKind::Otoco, &orders)), "1:accepted 2:accepted 3:accepted");
    // The stop does not wait before the entry has traded.
    desk.trade(990, 1, Side::Sell);
    assert_eq!(said(&mut desk), "1:filled(1@1005)");
    desk.trade(1_005, 3, Side::Sell);
    assert_eq!(said(&mut desk), "1:filled(3@1005)");
    desk.trade(1_008, 1, Side::Buy);
    assert_eq!(said(&mut desk), "2:filled(1@1008) 3:expired");
    desk.trade(1_008, 9, Side::Buy);
    assert_eq!(said(&mut desk), "2:filled(3@1008)");
    assert_eq!(desk.paper.live_orders(), 0);
    assert!(desk.paper.agrees());
}

#[test]
fn a_stop_of_a_pair_that_is_set_off_ends_the_limit_and_a_cancel_ends_both() {
    let mut desk = Desk::quoted();
    let pair =
        |first| [limit(first, Side::Buy, 1_001, 4), stop(first + 1, Side::Buy, 1_020, 1_040, 4)];
    assert_eq!(said(desk.list(ListKind::Oco, &pair(1))), "1:accepted 2:accepted");
    desk.send(VenueRequest::Cancel(named(2)));
    assert_eq!(said(&mut desk), "2:cancelled 1:expired");
    assert_eq!(said(desk.list(ListKind::Oco, &pair(3))), "3:accepted 4:accepted");
    // Our own trade sets it off, too.
    let take = order(9, Side::Buy, 1_020, 11);
    desk.send(VenueRequest::New(take));
    assert_eq!(
        said(&mut desk),
        "9:accepted 9:filled(10@1010) 9:filled(1@1020) 3:expired 4:filled(4@1020)"
    );
    assert_eq!(desk.paper.live_orders(), 0);
    assert!(desk.paper.agrees());
}

#[test]
fn what_is_pending_looks_at_the_trade_of_its_entry_and_not_at_one_before() {
    let mut desk = Desk::quoted();
    // The last trade was below the stop; the entry trades above it at once.
    desk.trade(990, 1, Side::Sell);
    let entry = AdvancedTerms { order: order(1, Side::Buy, 1_010, 4), ..limit(1, Side::Buy, 1, 1) };
    let orders = [entry, limit(2, Side::Sell, 1_030, 4), stop(3, Side::Sell, 995, 980, 4)];
    assert_eq!(
        said(desk.list(ListKind::Otoco, &orders)),
        "1:accepted 2:accepted 3:accepted 1:filled(4@1010)"
    );
    desk.trade(995, 1, Side::Sell);
    assert_eq!(said(&mut desk), "2:expired 3:filled(4@1000)");
    assert!(desk.paper.agrees());
}
