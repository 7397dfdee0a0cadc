//! What events repeat of the commands and orders that they are about.

use tiercel_types::event::{Denied, OrderAccepted};
use tiercel_types::{
    AccountId, ClientOrderId, Command, DenialReason, InstrumentId, OrderId, Price, Qty,
};

use super::{Model, Order};

impl Model {
    pub(super) fn deny(&mut self, command: &Command, reason: DenialReason) {
        let (order_id, client_order_id) = match command {
            Command::NewOrder(new) => (new.order_id, new.client_order_id),
            Command::NewAdvancedOrder(new) => (new.order.order_id, new.order.client_order_id),
            Command::StageLeg(stage) => (stage.order.order_id, stage.order.client_order_id),
            Command::NewOrderList(new) => (OrderId::NONE, new.list_client_order_id),
            Command::CancelOrder(cancel) => (cancel.order_id, cancel.client_order_id),
            Command::ReplaceOrder(replace) => {
                (replace.target_order_id, replace.order.client_order_id)
            }
            Command::AmendOrder(amend) => (amend.order_id, amend.client_order_id),
            Command::QueryOrder(query) => (query.order_id, query.client_order_id),
            _ => (OrderId::NONE, ClientOrderId::EMPTY),
        };
        let (instrument, account) = names(command);
        self.emit(
            instrument,
            account,
            Denied {
                reason,
                command: command.kind(),
                leg: self.denied_leg,
                reserved: [0; 4],
                order_id,
                client_order_id,
                reserved_too: [0; 4],
            },
        );
    }
}

/// The instrument and the account that a command names; zero where it names none.
fn names(command: &Command) -> (InstrumentId, AccountId) {
    let (no_instrument, no_account) = (InstrumentId(0), AccountId(0));
    match command {
        Command::NewOrder(new) => (new.instrument, new.account),
        Command::NewAdvancedOrder(new) => (new.order.instrument, new.order.account),
        Command::StageLeg(stage) => (stage.order.instrument, stage.order.account),
        Command::StageCondition(stage) => (no_instrument, stage.account),
        Command::NewOrderList(new) => (new.instrument, new.account),
        Command::ReplaceOrder(replace) => (replace.order.instrument, replace.order.account),
        Command::CancelOrder(cancel) => (no_instrument, cancel.account),
        Command::AmendOrder(amend) => (no_instrument, amend.account),
        Command::QueryOrder(query) => (no_instrument, query.account),
        Command::MassCancel(mass) => (mass.instrument, mass.account),
        Command::BustTrade(bust) => (bust.instrument, no_account),
        Command::CorrectTrade(correct) => (correct.instrument, no_account),
        Command::AddInstrument(add) => (add.spec.instrument, no_account),
        Command::UpdateInstrument(update) => (update.spec.instrument, no_account),
        Command::SetInstrumentState(set) => (set.instrument, no_account),
        Command::SetMatchingRules(set) => (set.instrument, no_account),
        Command::SetAuctionRules(set) => (set.instrument, no_account),
        Command::StartCall(start) => (start.instrument, no_account),
        Command::SetKillSwitch(set) => (no_instrument, set.account),
        Command::CancelOnDisconnect(cancel) => (no_instrument, cancel.account),
        Command::CountdownCancel(set) => (set.instrument, set.account),
        Command::SchedulePhase(schedule) => (schedule.instrument, no_account),
        Command::SetProtections(set) => (set.instrument, no_account),
        Command::SetAccount(set) => (no_instrument, set.account),
        Command::Deposit(deposit) => (no_instrument, deposit.account),
        Command::Withdraw(withdraw) => (no_instrument, withdraw.account),
        Command::Transfer(transfer) => (no_instrument, transfer.from),
        Command::AddAsset(_) | Command::AdvanceTime(_) => (no_instrument, no_account),
    }
}

/// The acceptance of an order that does not rest.
pub(super) fn order_accepted(order: &Order) -> OrderAccepted {
    OrderAccepted {
        order_id: order.id,
        price: Price::from_units(order.price),
        qty: order.asked.qty,
        level_qty: Qty::ZERO,
        update_id: 0,
        side: order.side,
        kind: order.kind,
        time_in_force: order.time_in_force,
        self_trade_prevention: order.self_trade_prevention,
        resting: 0,
        peg: order.terms.peg,
        all_or_none: order.terms.all_or_none,
        hidden: order.terms.hidden,
        client_order_id: order.asked.client_order_id,
        session: order.asked.session,
        quote_qty: order.asked.quote_qty,
        display_qty: order.asked.display_qty,
        expire_time: order.asked.expire_time,
    }
}
