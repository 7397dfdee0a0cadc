//! Orders with terms, and lists: what their words say.

use tiercel_types::command::{
    Command, NewAdvancedOrder, NewOrder, NewOrderList, OrderTerms, StageLeg,
};
use tiercel_types::order::{ListKind, PendingRule, Trigger};
use tiercel_types::{AccountId, InstrumentId, Peg, Price};

use super::condition::read_condition;
use super::names::Names;
use super::words::{LineError, Words};

/// What an order says beyond the plain words.
pub(super) struct Terms {
    terms: OrderTerms,
    /// The text of its condition.
    when: Option<String>,
}

impl Terms {
    /// Takes the words that say what an order waits for, and how it trades.
    pub(super) fn read(words: &mut Words) -> Result<Self, LineError> {
        let mut terms = OrderTerms::NONE;
        let mut triggers = 0;
        for (key, trigger) in [("stop", Trigger::Stop), ("take_profit", Trigger::TakeProfit)] {
            if let Some(price) = words.parsed(key, str::parse::<Price>)? {
                (terms.trigger, terms.trigger_price) = (trigger, price);
                triggers += 1;
            }
        }
        if let Some(distance) = words.value("trail") {
            terms.trigger = Trigger::TrailingStop;
            triggers += 1;
            let wrong = |why: String| LineError::new("trail", format!("{why}: `{distance}`"));
            match distance.strip_suffix("bps") {
                Some(bps) => {
                    terms.trailing_bps = bps.parse().map_err(|why| wrong(format!("{why}")))?;
                }
                None => {
                    terms.trailing_amount =
                        distance.parse().map_err(|why| wrong(format!("{why}")))?;
                }
            }
        }
        let imbalance_only = words.bare_that(|text| (text == "imbalance_only").then_some(()));
        terms.imbalance_only = u8::from(imbalance_only.is_some());
        terms.activation_price = words.parsed("from", str::parse)?.unwrap_or_default();
        let when = words.value("when");
        if when.is_some() {
            terms.trigger = Trigger::Condition;
            triggers += 1;
        }
        if triggers > 1 {
            let message = "an order waits for one thing: stop, take_profit, trail or when";
            return Err(LineError::new("stop", message));
        }
        read_special(words, &mut terms)?;
        Ok(Self { terms, when })
    }

    /// The commands that enter the order, or stage it for a list.
    pub(super) fn commands(
        &self,
        order: NewOrder,
        staged: bool,
        names: &Names,
    ) -> Result<Vec<Command>, LineError> {
        let mut commands = Vec::new();
        if let Some(text) = &self.when {
            commands.push(read_condition(text, names, order.account, order.instrument)?.into());
        }
        let terms = self.terms;
        commands.push(match (staged, terms == OrderTerms::NONE) {
            (true, _) => StageLeg { order, terms }.into(),
            (false, true) => order.into(),
            (false, false) => NewAdvancedOrder { order, terms }.into(),
        });
        Ok(commands)
    }
}

/// A list of the orders staged before.
pub(super) fn read_list(
    kind: ListKind,
    words: &mut Words,
    account: AccountId,
    instrument: InstrumentId,
) -> Result<NewOrderList, LineError> {
    let list_client_order_id = words.parsed("id", str::parse)?.unwrap_or_default();
    let rule = words.bare_that(PendingRule::from_text).map(|(_, rule)| rule);
    Ok(NewOrderList {
        instrument,
        account,
        list_client_order_id,
        kind,
        pending_rule: rule.unwrap_or(PendingRule::FullFill),
        reserved: [0; 2],
    })
}

/// Takes the words that say how an order trades.
fn read_special(words: &mut Words, terms: &mut OrderTerms) -> Result<(), LineError> {
    let mut flag = |name: &str| words.bare_that(|text| (text == name).then_some(())).is_some();
    terms.hidden = u8::from(flag("hidden"));
    terms.all_or_none = u8::from(flag("all_or_none"));
    let peg = words.parsed("peg", |text| Peg::from_text(text).ok_or("no such peg"))?;
    terms.peg = peg.unwrap_or(Peg::None);
    terms.peg_offset = words.parsed("offset", str::parse)?.unwrap_or_default();
    terms.min_qty = words.parsed("minimum", str::parse)?.unwrap_or_default();
    Ok(())
}
