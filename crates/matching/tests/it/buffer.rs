//! Commands whose events fill the smallest buffer to each of its last places.

use tiercel_testkit::model::Mode;
use tiercel_types::command::{NewOrder, ReplaceOrder};
use tiercel_types::order::TimeInForce;
use tiercel_types::{ClientOrderId, Side, Timestamp};

use crate::session::{BOUND, FREE, Session, check, limit, qty};

/// The records of what expires come first. Whatever room they leave, the command's own follow.
#[test]
fn orders_that_expire_leave_room_for_the_command() {
    for mode in [Mode::Full, Mode::Bare] {
        for expiring in 30..60 {
            let mut session = Session::new(mode);
            let target = session.limit(FREE, 1, Side::Buy, 900, 5);
            session.limit(FREE, 5, Side::Sell, 1_000, 2);
            let gtd = NewOrder {
                time_in_force: TimeInForce::Gtd,
                expire_time: Timestamp(session.time + 1),
                ..limit(BOUND, 5, Side::Buy, 955, 3)
            };
            for _ in 0..expiring {
                session.order(gtd);
            }
            session.time += 1;
            let iceberg = NewOrder { display_qty: qty(1), ..limit(FREE, 1, Side::Buy, 1_000, 9) };
            let order = session.numbered(iceberg);
            session.run(ReplaceOrder {
                target_order_id: session.name(target),
                target_client_order_id: ClientOrderId::EMPTY,
                reserved: [0; 4],
                order,
            });
            check(mode, &session.steps);
        }
    }
}

/// So many small makers that a taker is interrupted at every place, and ends in every way.
#[test]
fn a_taker_goes_on_where_the_buffer_was_full() {
    for mode in [Mode::Full, Mode::Bare] {
        for makers in 1..60 {
            let mut session = Session::new(mode);
            for _ in 0..makers {
                session.limit(FREE, 5, Side::Sell, 1_000, 1);
            }
            let time_in_force = [TimeInForce::Gtc, TimeInForce::Ioc][makers % 2];
            let taker = limit(FREE, 1, Side::Buy, 1_000, makers as u64 + makers as u64 % 3);
            session.order(NewOrder { time_in_force, ..taker });
            check(mode, &session.steps);
        }
    }
}
