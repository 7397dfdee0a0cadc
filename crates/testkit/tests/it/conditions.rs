//! Conditions, by hand from `docs/waiting.md`.

use tiercel_types::command::{
    CONDITION_AND, CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf, OrderTerms,
    StageCondition,
};
use tiercel_types::order::{Comparison, ConditionField};
use tiercel_types::{AccountId, InstrumentId, Side, Trigger};

use crate::it::desk::{BTCUSD, Desk, limit, price};

const CONDITIONAL: OrderTerms = OrderTerms { trigger: Trigger::Condition, ..OrderTerms::NONE };

fn leaf(field: ConditionField, comparison: Comparison, at: &str) -> ConditionLeaf {
    ConditionLeaf {
        value: price(at).units(),
        instrument: BTCUSD,
        field,
        comparison,
        reserved: [0; 2],
    }
}

/// A condition of account 1.
fn condition(leaves: &[ConditionLeaf], program: &[u8]) -> StageCondition {
    let mut condition = StageCondition {
        leaves: [ConditionLeaf::NONE; CONDITION_LEAVES_MAX],
        program: [CONDITION_END; 2 * CONDITION_LEAVES_MAX],
        account: AccountId(1),
        reserved: [0; 4],
    };
    condition.leaves[..leaves.len()].copy_from_slice(leaves);
    condition.program[..program.len()].copy_from_slice(program);
    condition
}

pub(crate) fn bid_at_most(at: &str) -> StageCondition {
    condition(&[leaf(ConditionField::Bid, Comparison::AtMost, at)], &[1])
}

#[test]
fn a_condition_belongs_to_the_next_order_of_its_account() {
    let mut desk = Desk::new();
    let order = limit(1, Side::Sell, "1", "200");
    assert_eq!(desk.run(bid_at_most("90")), ["staged 0 and a condition"]);
    // A side without orders has no best price: the leaf is false.
    assert_eq!(desk.advanced(order, CONDITIONAL), ["accepted 1", "waiting 1"]);
    assert_eq!(desk.advanced(order, CONDITIONAL), ["denied CONDITION_MISSING"]);
    desk.run(bid_at_most("90"));
    let of_other = limit(2, Side::Sell, "1", "200");
    assert_eq!(desk.advanced(of_other, CONDITIONAL), ["denied CONDITION_MISSING"]);
    desk.run(bid_at_most("90"));
    desk.query(1, 1);
    assert_eq!(desk.advanced(order, CONDITIONAL), ["denied CONDITION_MISSING"]);
    assert_eq!(desk.buy(2, "1", "91"), ["accepted 2 rests"], "above: the condition is false");
    assert_eq!(desk.cancel(2, 2), ["ended 2 cancelled left 1"], "no bid: false again");
    assert_eq!(
        desk.buy(2, "1", "90"),
        ["accepted 3 rests", "triggered 1 1 by condition", "rested 1 1 shows 1 at 200"]
    );
}

#[test]
fn a_tree_joins_leaves_and_the_middle_counts_half_units() {
    let mut desk = Desk::new();
    let leaves = [
        leaf(ConditionField::Mid, Comparison::Above, "94"),
        leaf(ConditionField::Last, Comparison::Equal, "100"),
        leaf(ConditionField::Ask, Comparison::Below, "99"),
    ];
    // 3 and 1, or 2.
    desk.run(condition(&leaves, &[3, 1, CONDITION_AND, 2, CONDITION_OR]));
    desk.advanced(limit(1, Side::Sell, "1", "200"), CONDITIONAL); // 1
    desk.buy(2, "1", "91"); // 2
    // The middle is 94 exactly.
    assert_eq!(desk.sell(2, "1", "97"), ["accepted 3 rests"]);
    assert_eq!(desk.sell(2, "1", "96"), ["accepted 4 rests"]);
    desk.cancel(2, 4);
    desk.cancel(2, 3);
    assert_eq!(desk.sell(2, "1", "98")[1], "triggered 1 1 by condition", "the middle is 94.5");
    desk.run(condition(&leaves, &[1, 2, CONDITION_OR, 3, CONDITION_AND]));
    desk.advanced(limit(1, Side::Sell, "1", "200"), CONDITIONAL);
    // True already: it waits, and is triggered at once.
    let events = desk.query(1, 6);
    assert_eq!(events.len(), 1, "it rests: {events:?}");
}

#[test]
fn what_is_no_tree_is_denied() {
    let mut desk = Desk::new();
    let last = leaf(ConditionField::Last, Comparison::Above, "1");
    let mut beyond = condition(&[last], &[1]);
    beyond.leaves[3] = last;
    let negative = ConditionLeaf { value: -1, ..last };
    let far = ConditionLeaf { value: 1 << 62, field: ConditionField::Mid, ..last };
    let elsewhere = ConditionLeaf { instrument: InstrumentId(999), ..last };
    let volume = ConditionLeaf { field: ConditionField::Volume24h, ..last };
    let cases = [
        (condition(&[], &[]), "CONDITION_INVALID"),
        (condition(&[last], &[2]), "CONDITION_INVALID"),
        (condition(&[last, last], &[1, 2]), "CONDITION_INVALID"),
        (condition(&[last, last], &[1, 1, CONDITION_AND]), "CONDITION_INVALID"),
        (condition(&[last, last], &[1, CONDITION_AND, 2]), "CONDITION_INVALID"),
        (condition(&[last], &[1, 0, 1]), "CONDITION_INVALID"),
        (beyond, "CONDITION_INVALID"),
        (condition(&[negative], &[1]), "CONDITION_INVALID"),
        (condition(&[far], &[1]), "CONDITION_INVALID"),
        (condition(&[elsewhere], &[1]), "CONDITION_INSTRUMENT"),
        (condition(&[volume], &[1]), "VOLUME_NOT_TRACKED"),
        (StageCondition { reserved: [1; 4], ..condition(&[], &[]) }, "RESERVED_FIELD_SET"),
    ];
    for (condition, reason) in cases {
        assert_eq!(desk.run(condition), [format!("denied {reason}")], "{condition:?}");
    }
}

#[test]
fn what_expires_can_set_something_off_though_the_command_is_denied() {
    let mut desk = Desk::new();
    desk.order(2, Side::Buy, "95", "1", |order| {
        order.time_in_force = tiercel_types::TimeInForce::Gtd;
        order.expire_time = tiercel_types::Timestamp(7);
    }); // 1
    desk.buy(2, "1", "80"); // 2
    desk.run(bid_at_most("90"));
    desk.advanced(limit(1, Side::Sell, "1", "200"), CONDITIONAL); // 3
    desk.time = 7;
    assert_eq!(
        desk.cancel(1, 77),
        [
            "ended 1 expired left 1",
            "denied UNKNOWN_ORDER",
            "triggered 3 1 by condition",
            "rested 3 1 shows 1 at 200"
        ]
    );
}
