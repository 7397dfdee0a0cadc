//! Orders as messages, and the commands that they become.

use tiercel_types::command::{NewAdvancedOrder, NewOrder, OrderTerms, StageLeg};
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentSpec, OrderKind, Peg, Price, Qty,
    SelfTradePrevention, Symbol, TimeInForce, Timestamp, Trigger,
};
use tiercel_wire::fix::tag::{self, Tag};
use tiercel_wire::fix::{Message, code, value};

use super::refusal::Refused;
use crate::models::Models;

/// Nanoseconds of a day.
const DAY_NS: u64 = 86_400_000_000_000;

/// An order that a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft {
    pub(super) symbol: Symbol,
    pub(super) order: NewOrder,
    pub(super) terms: OrderTerms,
}

impl Draft {
    /// An order that says nothing, of that name: what a message is told about that has no more to it.
    pub(super) fn nothing(name: ClientOrderId, account: AccountId) -> Self {
        let order = NewOrder { client_order_id: name, account, ..NewOrder::NOTHING };
        Self { symbol: Symbol::EMPTY, order, terms: OrderTerms::NONE }
    }

    /// The command that enters it.
    pub(super) fn command(&self) -> Command {
        if self.terms == OrderTerms::NONE {
            return self.order.into();
        }
        NewAdvancedOrder { order: self.order, terms: self.terms }.into()
    }

    /// The command that hands it in as an order of a list.
    pub(super) fn leg(&self) -> Command {
        StageLeg { order: self.order, terms: self.terms }.into()
    }

    /// Reads `NewOrderSingle`, or an order of a list.
    ///
    /// # Errors
    /// What is wrong first; what was read by then stays in the draft, for its refusal.
    pub(super) fn read(&mut self, models: &Models, message: &Message<'_>) -> Result<(), Refused> {
        let account = self.order.account;
        self.symbol = symbol(message);
        self.order.side = message
            .get(tag::SIDE)
            .and_then(code::parse_side)
            .ok_or_else(|| Refused::unsupported("Side (54) is 1 or 2"))?;
        self.order.qty = qty(message, tag::ORDER_QTY)?;
        self.order.price = price(message, tag::PRICE)?;
        self.order.quote_qty = qty(message, tag::CASH_ORDER_QTY)?;
        check_account(account, message)?;
        self.order.instrument = instrument(models, message)?.instrument;
        self.order_type(message)?;
        self.time_in_force(message)?;
        self.visibility(message)?;
        self.instructions(message)?;
        if let Some(text) = message.get(tag::SELF_TRADE_PREVENTION) {
            self.order.self_trade_prevention = code::parse_self_trade_prevention(text)
                .ok_or_else(|| Refused::unsupported("SelfTradePrevention (5001) is 0 to 5"))?;
        } else {
            self.order.self_trade_prevention = SelfTradePrevention::ExpireMaker;
        }
        Ok(())
    }

    /// `OrdType` and what goes with it: the trigger.
    fn order_type(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        let needs =
            |given: bool, what| if given { Ok(()) } else { Err(Refused::unsupported(what)) };
        let has_price = message.get(tag::PRICE).is_some();
        let stop = price(message, tag::STOP_PX)?;
        let (kind, waits) = match message.get(tag::ORD_TYPE) {
            Some(b"1") => (OrderKind::Market, false),
            Some(b"2" | b"P") => (OrderKind::Limit, false),
            Some(b"3" | b"J") => (OrderKind::Market, true),
            Some(b"4") => (OrderKind::Limit, true),
            Some(b"K") => (OrderKind::MarketToLimit, false),
            _ => return Err(Refused::unsupported("OrdType (40) is 1, 2, 3, 4, J, K or P")),
        };
        needs(kind != OrderKind::Limit || has_price, "a limit order has a Price (44)")?;
        self.order.kind = kind;
        self.terms.trailing_amount = price(message, tag::TRAILING_AMOUNT)?;
        self.terms.trailing_bps = number(message, tag::TRAILING_BPS)?;
        self.terms.activation_price = price(message, tag::ACTIVATION_PX)?;
        let trails = !self.terms.trailing_amount.is_zero() || self.terms.trailing_bps > 0;
        if !waits {
            needs(stop.is_zero() && !trails, "StopPx (99) goes with OrdType (40) 3, 4 and J")?;
            return Ok(());
        }
        self.terms.trigger = match (message.get(tag::TRIGGER), message.get(tag::ORD_TYPE)) {
            _ if trails => Trigger::TrailingStop,
            (Some(b"2"), _) | (None, Some(b"J")) => Trigger::TakeProfit,
            (None | Some(b"1"), _) => Trigger::Stop,
            _ => return Err(Refused::unsupported("Trigger (5002) is 1 or 2")),
        };
        needs(trails || !stop.is_zero(), "this OrdType (40) has a StopPx (99)")?;
        needs(!trails || stop.is_zero(), "a trailing stop has no StopPx (99)")?;
        self.terms.trigger_price = stop;
        Ok(())
    }

    /// How long it lives: for the day unless said, as the standard has it; a market order at once.
    fn time_in_force(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        let given = message.get(tag::TIME_IN_FORCE).map(|text| {
            code::parse_time_in_force(text)
                .ok_or_else(|| Refused::unsupported("TimeInForce (59) is 0, 1, 2, 3, 4, 6 or 7"))
        });
        let market = self.order.kind == OrderKind::Market;
        let usual = if market { TimeInForce::Ioc } else { TimeInForce::Day };
        let given = given.transpose()?;
        // Whatever lives longer than its entry: a market order does not rest.
        let given = given.map(|given| match given {
            TimeInForce::Day | TimeInForce::Gtc if market => TimeInForce::Ioc,
            given => given,
        });
        self.order.time_in_force = given.unwrap_or(usual);
        if self.order.time_in_force == TimeInForce::Gtd {
            self.order.expire_time = expiry(message).ok_or_else(|| {
                Refused::unsupported("GTD has an ExpireTime (126) or ExpireDate (432)")
            })?;
        }
        Ok(())
    }

    /// `MaxFloor`: a visible slice; zero: nothing is ever shown.
    fn visibility(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        let shown = qty(message, tag::MAX_FLOOR)?;
        match message.get(tag::MAX_FLOOR) {
            Some(_) if shown.is_zero() => self.terms.hidden = 1,
            Some(_) if shown < self.order.qty => self.order.display_qty = shown,
            _ => {}
        }
        self.terms.min_qty = qty(message, tag::MIN_QTY)?;
        Ok(())
    }

    /// `ExecInst`: post-only, all or none, pegs.
    fn instructions(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        let given = message.get(tag::EXEC_INST).unwrap_or_default();
        for one in given.split(|byte| *byte == b' ').filter(|one| !one.is_empty()) {
            match one {
                b"6" if self.order.kind == OrderKind::Limit => {
                    self.order.kind = OrderKind::PostOnly;
                }
                b"G" => self.terms.all_or_none = 1,
                b"R" => self.terms.peg = Peg::Primary,
                b"M" => self.terms.peg = Peg::Midpoint,
                b"P" => self.terms.peg = Peg::Market,
                _ => return Err(Refused::unsupported("ExecInst (18) is of 6, G, R, M and P")),
            }
        }
        let pegged = message.get(tag::ORD_TYPE) == Some(b"P");
        if pegged != (self.terms.peg != Peg::None) {
            let text = "OrdType (40) P goes with ExecInst (18) R, M or P";
            return Err(Refused::unsupported(text));
        }
        self.terms.peg_offset = price(message, tag::PEG_OFFSET_VALUE)?;
        Ok(())
    }
}

/// The name that a message gives or names in that field.
///
/// # Errors
/// When it is longer than names are here.
pub(super) fn name(message: &Message<'_>, tag: Tag) -> Result<ClientOrderId, Refused> {
    let text = message.get(tag).unwrap_or_default();
    ClientOrderId::new(text)
        .map_err(|_| Refused::other(format!("field {tag} has 1 to 36 printable characters")))
}

pub(super) fn symbol(message: &Message<'_>) -> Symbol {
    Symbol::new(message.get(tag::SYMBOL).unwrap_or_default()).unwrap_or_default()
}

/// The instrument of `Symbol`.
pub(super) fn instrument<'m>(
    models: &'m Models,
    message: &Message<'_>,
) -> Result<&'m InstrumentSpec, Refused> {
    models.instruments().by_symbol(&symbol(message)).ok_or_else(Refused::unknown_symbol)
}

/// Whether `Account`, if it is there, is the session's.
pub(super) fn check_account(account: AccountId, message: &Message<'_>) -> Result<(), Refused> {
    let named = message.get(tag::ACCOUNT);
    let is_ours = named.is_none_or(|text| value::unsigned(text) == Some(account.0.into()));
    if is_ours { Ok(()) } else { Err(Refused::wrong_account()) }
}

/// A price; zero if it is not there.
pub(super) fn price(message: &Message<'_>, tag: Tag) -> Result<Price, Refused> {
    let Some(text) = message.get(tag) else { return Ok(Price::ZERO) };
    value::price(text)
        .ok_or_else(|| Refused::other(format!("field {tag} has at most eight places")))
}

/// A quantity; zero if it is not there.
pub(super) fn qty(message: &Message<'_>, tag: Tag) -> Result<Qty, Refused> {
    let Some(text) = message.get(tag) else { return Ok(Qty::ZERO) };
    value::qty(text).ok_or_else(|| Refused {
        order_reason: 13,
        ..Refused::other(format!("field {tag} is no quantity of at most eight places"))
    })
}

fn number(message: &Message<'_>, tag: Tag) -> Result<u32, Refused> {
    let Some(text) = message.get(tag) else { return Ok(0) };
    let number = value::unsigned(text).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Refused::other(format!("field {tag} is no such number")))
}

/// Until when: a time, or the end of a day by UTC.
fn expiry(message: &Message<'_>) -> Option<Timestamp> {
    if let Some(text) = message.get(tag::EXPIRE_TIME) {
        return value::utc_timestamp(text);
    }
    let day = value::utc_date(message.get(tag::EXPIRE_DATE)?)?;
    day.checked_add(1)?.checked_mul(DAY_NS).map(Timestamp)
}
