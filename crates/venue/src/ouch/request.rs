//! What a message asks for, as commands.

use tiercel_types::command::{
    AmendOrder, CancelOrder, MassCancel, NewAdvancedOrder, NewOrder, OrderTerms, SetKillSwitch,
};
use tiercel_types::order::{AmendQtyMeaning, SideScope};
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentId, OrderId, OrderKind, Price, Qty,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{
    self, CrossType, Display, EnterOrder, MARKET_PRICE, ModifyOrder, OptionTag, Options, OuchSide,
    ReplaceOrder,
};

use super::name::Name;
use super::own::Own;
use crate::entry_limits::Exceeded;
use crate::itch::Units;

/// Why a request is refused at once, as the number of `Rejected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The symbol is none of this gateway's.
    Symbol = 0x0003,
    /// The price does not fit.
    Price = 0x0008,
    /// The quantity does not fit.
    Quantity = 0x0007,
    /// Time in force, display, cross or option that is not taken, or not in this combination.
    Unsupported = 0x0101,
    /// The client's name for it is not printable.
    ClOrdId = 0x0102,
    /// The firm is another one's.
    Firm = 0x0013,
    /// The order that is to be replaced does not live.
    UnknownOrder = 0x0103,
    /// The session's key may not trade.
    MayNotTrade = 0x0104,
    /// The venue is busy, or stops.
    Busy = 0x0105,
    /// More orders would be open than the venue lets an account have on the instrument.
    OpenOrders = 0x0106,
    /// The account has placed as many unfilled orders as it may, in ten seconds or in a day.
    OrderRate = 0x0107,
}

impl From<Exceeded> for Refused {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::OpenOrders => Self::OpenOrders,
            Exceeded::Rate => Self::OrderRate,
        }
    }
}

/// The base of the numbers of what the engine denies: [`DenialReason`](tiercel_types::DenialReason)'s
/// numbers behind it.
pub(super) const DENIED: u16 = 0x0200;

/// A request whose commands are on their way, as far as its events do not say it themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An order: all is in its name.
    Enter,
    /// A replacement by an order of this name.
    Replace(Name),
    /// A cancel of a part, or all.
    Cancel,
    /// A change in place.
    Modify,
    /// A mass cancel of this number.
    MassCancel {
        /// Its number.
        user_ref_num: u32,
        /// As it was asked.
        firm: Text<4>,
        /// As it was asked.
        symbol: Text<8>,
    },
    /// Order entry is disabled or enabled.
    Switch {
        /// The request's number.
        user_ref_num: u32,
        /// As it was asked.
        firm: Text<4>,
        /// Whether it is disabled.
        off: bool,
    },
}

pub(super) const fn side_of(side: OuchSide) -> Side {
    match side {
        OuchSide::Buy => Side::Buy,
        OuchSide::Sell | OuchSide::SellShort | OuchSide::SellShortExempt => Side::Sell,
    }
}

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// The time in force of an order.
fn lives(
    asked: ouch::TimeInForce,
    cross: CrossType,
    is_market: bool,
    expire_s: Option<u64>,
) -> Result<TimeInForce, Refused> {
    use ouch::TimeInForce as Asked;
    let lives = match (cross, asked) {
        (CrossType::Opening, Asked::Day) => TimeInForce::AtOpen,
        (CrossType::Closing, Asked::Day) => TimeInForce::AtClose,
        (CrossType::Halt, Asked::Day) => TimeInForce::AtAuction,
        // What takes any price never rests.
        (CrossType::Continuous, Asked::Immediate) => TimeInForce::Ioc,
        (CrossType::Continuous, Asked::Day | Asked::Extended) if is_market => TimeInForce::Ioc,
        (CrossType::Continuous, Asked::Day) => TimeInForce::Day,
        (CrossType::Continuous, Asked::Extended) => TimeInForce::Gtc,
        (CrossType::Continuous, Asked::TillTime) if !is_market && expire_s.is_some() => {
            TimeInForce::Gtd
        }
        _ => return Err(Refused::Unsupported),
    };
    // A time to live belongs to such an order alone.
    if expire_s.is_some() == (lives == TimeInForce::Gtd) {
        Ok(lives)
    } else {
        Err(Refused::Unsupported)
    }
}

/// What an order's options say.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    min_shares: u64,
    slice: u64,
    post_only: bool,
    expire_s: Option<u64>,
}

fn options(options: &Options<'_>) -> Result<Said, Refused> {
    let mut said = Said::default();
    for option in options.iter() {
        let number = || option.unsigned().ok_or(Refused::Unsupported);
        let code = option.value.first().copied().unwrap_or(b' ');
        match OptionTag::from_number(option.number) {
            Some(OptionTag::MinQty) => said.min_shares = number()?,
            Some(OptionTag::MaxFloor) => said.slice = number()?,
            Some(OptionTag::PostOnly) => said.post_only = code == b'P',
            Some(OptionTag::ExpireTime) => said.expire_s = Some(number()?),
            Some(OptionTag::PriceType) if code == b'L' => {}
            // What only describes.
            Some(
                OptionTag::Firm
                | OptionTag::CustomerType
                | OptionTag::SharesLocated
                | OptionTag::LocateBroker
                | OptionTag::GroupId,
            ) => {}
            _ => return Err(Refused::Unsupported),
        }
    }
    Ok(said)
}

/// The quantity of so many shares; zero is none.
fn qty(units: &Units, shares: u32) -> Result<Qty, Refused> {
    if shares == 0 { Err(Refused::Quantity) } else { Ok(units.qty_of(shares)) }
}

fn few(units: &Units, shares: u64) -> Result<Qty, Refused> {
    u32::try_from(shares).map(|shares| units.qty_of(shares)).map_err(|_| Refused::Quantity)
}

/// The command that enters an order.
pub(super) fn enter(
    (message, given): (&EnterOrder, &Options<'_>),
    (account, session): (AccountId, u32),
    name: ClientOrderId,
    (instrument, units): (InstrumentId, &Units),
    now: Timestamp,
) -> Result<Command, Refused> {
    let said = options(given)?;
    let raw = message.price.get();
    let is_market = raw == MARKET_PRICE;
    let price = if is_market { Some(Price::ZERO) } else { Units::price_of(raw) };
    let price = price.filter(|price| is_market || !price.is_zero()).ok_or(Refused::Price)?;
    let time_in_force =
        lives(message.time_in_force.get(), message.cross_type.get(), is_market, said.expire_s)?;
    let is_hidden = match message.display.get() {
        Display::Visible | Display::Attributable => false,
        Display::Hidden => true,
        Display::Conformant => return Err(Refused::Unsupported),
    };
    let kind = match (is_market, said.post_only) {
        (true, true) => return Err(Refused::Unsupported),
        (true, false) => OrderKind::Market,
        (false, true) => OrderKind::PostOnly,
        (false, false) => OrderKind::Limit,
    };
    let side = side_of(message.side.get());
    let qty = qty(units, message.quantity.get())?;
    let expires =
        said.expire_s.map_or(0, |seconds| now.0.saturating_add(seconds.saturating_mul(SECOND_NS)));
    let order = NewOrder {
        kind,
        time_in_force,
        display_qty: few(units, said.slice)?,
        expire_time: Timestamp(expires),
        client_order_id: name,
        session,
        // As on every other interface.
        self_trade_prevention: SelfTradePrevention::ExpireMaker,
        ..NewOrder::limit(instrument, account, side, price, qty)
    };
    if !is_hidden && said.min_shares == 0 {
        return Ok(order.into());
    }
    let terms = OrderTerms {
        hidden: u8::from(is_hidden),
        min_qty: few(units, said.min_shares)?,
        ..OrderTerms::NONE
    };
    Ok(NewAdvancedOrder { order, terms }.into())
}

/// An amendment of nothing.
fn amend(account: AccountId, order_id: OrderId) -> AmendOrder {
    AmendOrder {
        order_id,
        price: Price::ZERO,
        qty: Qty::ZERO,
        account,
        client_order_id: ClientOrderId::EMPTY,
        new_client_order_id: ClientOrderId::EMPTY,
        qty_meaning: AmendQtyMeaning::Total,
        lose_priority: 0,
        reserved: [0; 2],
    }
}

/// The command that puts another order in the place of `own`: price and quantity change, nothing else.
pub(super) fn replace(
    (message, given): (&ReplaceOrder, &Options<'_>),
    account: AccountId,
    (order_id, own): (OrderId, &Own),
    name: ClientOrderId,
) -> Result<Command, Refused> {
    let units = &own.units;
    if options(given).is_err() || given.iter().next().is_some() {
        return Err(Refused::Unsupported);
    }
    let is_hidden = message.display.get() == Display::Hidden;
    let same = is_hidden == own.is_hidden && message.time_in_force.get() == own.told_lives();
    if !same {
        return Err(Refused::Unsupported);
    }
    let price = Units::price_of(message.price.get()).filter(|price| !price.is_zero());
    let price = price.filter(|_| message.price.get() != MARKET_PRICE).ok_or(Refused::Price)?;
    Ok(AmendOrder {
        price,
        qty: qty(units, message.quantity.get())?,
        // Not needed to find it: a denial says by it which replacement it denies.
        client_order_id: name,
        new_client_order_id: name,
        lose_priority: 1,
        ..amend(account, order_id)
    }
    .into())
}

/// The command that takes off all of an order, or makes the whole of it no more than that.
pub(super) fn cancel(account: AccountId, order_id: OrderId, whole: Option<Qty>) -> Command {
    match whole {
        None => {
            let client_order_id = ClientOrderId::EMPTY;
            CancelOrder { order_id, account, client_order_id }.into()
        }
        Some(qty) => AmendOrder { qty, ..amend(account, order_id) }.into(),
    }
}

/// The command that leaves an order so many shares, in its place; `None` if that is not less.
pub(super) fn modify(
    message: &ModifyOrder,
    account: AccountId,
    (order_id, own): (OrderId, &Own),
) -> Option<Command> {
    let shares = message.quantity.get();
    let is_less = shares > 0 && own.takes_some(shares);
    let is_same = side_of(message.side.get()) == own.side;
    (is_less && is_same).then(|| cancel(account, order_id, Some(own.whole(shares))))
}

/// The command that cancels everything, or everything of an instrument.
pub(super) fn mass_cancel(account: AccountId, instrument: InstrumentId) -> Command {
    MassCancel { account, instrument, sides: SideScope::Both, reserved: [0; 7] }.into()
}

/// The command by which no more orders are taken, or again.
pub(super) fn switch(account: AccountId, off: bool) -> Command {
    SetKillSwitch { account, on: u8::from(off), reserved: [0; 3] }.into()
}
