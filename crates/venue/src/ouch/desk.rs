//! All sessions' orders: what requests become, and what events are told as.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tiercel_types::command::{AmendOrder, CancelOrder};
use tiercel_types::event::{
    Denied, OrderAccepted, OrderAmended, OrderEnded, SelfTradePrevented, Trade,
};
use tiercel_types::{
    AccountId, Command, Event, EventHeader, InstrumentId, OrderId, SelfTradePrevention, Timestamp,
};
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{self, EnterOrder, Inbound, Options};

use super::answer::{self, Answer};
use super::name::{Name, User};
use super::own::Own;
use super::request::{self, Asked, DENIED, Refused};
use crate::itch::{Day, Units, match_number, reference};
use crate::models::{Models, OrderView};

/// A session, by its place in the configuration.
pub type SessionNumber = usize;

/// Trades that are remembered, for when they are undone.
const TRADES_MAX: usize = 65_536;

/// What a message becomes.
#[derive(Debug)]
pub enum Next {
    /// Nothing: it came before, or names an order that is gone.
    Nothing,
    /// An answer at once.
    Say(Answer),
    /// A command, and what was asked.
    Submit(Box<Command>, Asked),
}

/// A session.
#[derive(Clone, Copy, Debug)]
struct Session {
    user: User,
    account: AccountId,
    /// The number that its next request has at least.
    next: u32,
    /// The same, as far as requests were answered: what a kill leaves of it.
    settled: u32,
}

impl Session {
    /// A request of that number was answered.
    fn settle(&mut self, number: u32) {
        self.settled = self.settled.max(number.saturating_add(1));
        self.next = self.next.max(self.settled);
    }
}

/// All sessions. See the top of this file's module.
#[derive(Debug, Default)]
pub struct Desk {
    sessions: Vec<Session>,
    instruments: BTreeMap<InstrumentId, Units>,
    symbols: HashMap<[u8; 8], InstrumentId>,
    own: HashMap<OrderId, Own>,
    numbers: HashMap<(SessionNumber, u32), OrderId>,
    /// Trades of sessions' orders, the newest last.
    trades: VecDeque<(u64, SessionNumber, u32, Text<14>)>,
}

impl Desk {
    /// The desk of these sessions, each with its account and its next number, in a venue that stands
    /// so.
    pub fn new(
        sessions: impl IntoIterator<Item = (User, AccountId, u32)>,
        models: &Models,
    ) -> Self {
        let mut desk = Self::default();
        for (user, account, next) in sessions {
            let next = next.max(1);
            desk.sessions.push(Session { user, account, next, settled: next });
        }
        for spec in models.instruments().iter() {
            desk.list(spec);
        }
        let accounts: std::collections::BTreeSet<AccountId> =
            desk.sessions.iter().map(|session| session.account).collect();
        for order in accounts.iter().flat_map(|account| models.orders().live(*account)) {
            desk.know(order);
        }
        desk
    }

    /// The number behind the last request of a session that was answered. Those on their way are above it:
    /// of them the log may have none when a kill comes, and the client sends them again.
    pub fn settled_number(&self, session: SessionNumber) -> u32 {
        self.sessions.get(session).map_or(1, |session| session.settled)
    }

    /// Orders of sessions that live.
    pub fn orders(&self) -> usize {
        self.own.len()
    }

    fn list(&mut self, spec: &tiercel_types::InstrumentSpec) {
        match Units::of(spec) {
            Ok(units) => {
                self.symbols.insert(*units.symbol().padded(), spec.instrument);
                self.instruments.insert(spec.instrument, units);
            }
            Err(_) => _ = self.instruments.remove(&spec.instrument),
        }
    }

    /// An order that lives since before.
    fn know(&mut self, order: &OrderView) {
        let Some((name, session)) = self.whose(order.account, &order.client_order_id) else {
            return;
        };
        let Some(units) = self.instruments.get(&order.instrument).copied() else { return };
        let shares = |qty| units.shares(qty).unwrap_or(0);
        let own = Own {
            name,
            session,
            units,
            instrument: order.instrument,
            side: order.side,
            price: order.price,
            kind: order.kind,
            lives: order.time_in_force,
            is_hidden: order.hidden == 1,
            open: shares(order.open_qty),
            gone: shares(order.executed_qty).saturating_add(shares(order.prevented_qty)),
            leaves: u32::MAX,
        };
        self.insert(order.order_id, own);
    }

    fn insert(&mut self, id: OrderId, own: Own) {
        self.numbers.insert((own.session, own.name.user_ref_num), id);
        self.own.insert(id, own);
    }

    fn remove(&mut self, id: OrderId) -> Option<Own> {
        let own = self.own.remove(&id)?;
        self.numbers.remove(&(own.session, own.name.user_ref_num));
        Some(own)
    }

    /// Whose order has this name, if it is a session's and of its account.
    fn whose(
        &self,
        account: AccountId,
        id: &tiercel_types::ClientOrderId,
    ) -> Option<(Name, SessionNumber)> {
        let name = Name::of(id)?;
        let is_it = |session: &Session| session.user == name.user && session.account == account;
        Some((name, self.sessions.iter().position(is_it)?))
    }

    /// What a message becomes; one that is none is passed over. `session_id`: what its orders belong to
    /// in the engine; zero: nothing.
    pub fn hear(
        &mut self,
        session: SessionNumber,
        (message, options): (Inbound<'_>, Options<'_>),
        (may_trade, session_id): (bool, u32),
        now: Timestamp,
    ) -> Next {
        let Some(known) = self.sessions.get(session).copied() else { return Next::Nothing };
        let time_ns = time_of(now);
        let account = known.account;
        let (number, cl_ord_id) = number_of(&message);
        if let Some(number) = number {
            // A number that was used, or passed over, is the same request again.
            if number < known.next || number == u32::MAX {
                return Next::Nothing;
            }
            self.sessions[session].next = number + 1;
        }
        let is_alone = known.settled == known.next;
        let outcome = match message {
            Inbound::AccountQuery(_) => {
                return Next::Say(Answer::next_number(time_ns, known.next));
            }
            _ if !may_trade => Err(Refused::MayNotTrade),
            Inbound::EnterOrder(message) => self.enter((message, &options), known, session_id, now),
            Inbound::ReplaceOrder(message) => {
                let outcome = self.replace(session, (message, &options), known);
                if let Ok((Command::AmendOrder(AmendOrder { order_id, .. }), _)) = &outcome {
                    // Its former number is gone with it.
                    self.leave(*order_id, 0);
                }
                outcome
            }
            Inbound::CancelOrder(message) => {
                let Some(command) = self.cancel(session, account, *message) else {
                    return Next::Nothing;
                };
                Ok((command, Asked::Cancel))
            }
            Inbound::ModifyOrder(message) => {
                let Some(command) = self.modify(session, account, message) else {
                    return Next::Nothing;
                };
                Ok((command, Asked::Modify))
            }
            Inbound::MassCancel(message) => {
                let asked = Asked::MassCancel {
                    user_ref_num: message.user_ref_num.get(),
                    firm: message.firm,
                    symbol: message.symbol,
                };
                self.mass_cancel(known, message.firm, message.symbol)
                    .map(|instrument| (request::mass_cancel(account, instrument), asked))
            }
            Inbound::DisableOrderEntry(ouch::DisableOrderEntry { user_ref_num, firm }) => {
                switch(known, user_ref_num.get(), *firm, true)
            }
            Inbound::EnableOrderEntry(ouch::EnableOrderEntry { user_ref_num, firm }) => {
                switch(known, user_ref_num.get(), *firm, false)
            }
        };
        match (outcome, number) {
            (Ok((command, asked)), _) => Next::Submit(Box::new(command), asked),
            (Err(refused), Some(number)) => {
                // Those before it, if they are on their way, may be lost yet.
                if is_alone {
                    self.sessions[session].settle(number);
                }
                Next::Say(Answer::rejected(time_ns, number, refused as u16, cl_ord_id))
            }
            (Err(_), None) => Next::Nothing,
        }
    }

    fn find(&self, session: SessionNumber, number: u32) -> Option<(OrderId, &Own)> {
        let id = *self.numbers.get(&(session, number))?;
        Some((id, self.own.get(&id)?))
    }

    /// A request is on its way that leaves so many shares of an order; `u32::MAX`: none is.
    fn leave(&mut self, id: OrderId, left: u32) {
        if let Some(own) = self.own.get_mut(&id) {
            own.leaves = left;
        }
    }

    /// The command that takes off all of an order, or so much that so many shares are left; `None`: there are
    /// no more.
    fn cancel(
        &mut self,
        session: SessionNumber,
        account: AccountId,
        message: ouch::CancelOrder,
    ) -> Option<Command> {
        let (id, own) = self.find(session, message.user_ref_num.get())?;
        let left = message.quantity.get();
        if left > 0 && !own.takes_some(left) {
            return None;
        }
        let whole = (left > 0).then(|| own.whole(left));
        self.leave(id, left);
        Some(request::cancel(account, id, whole))
    }

    /// The same in its place, if the side is the order's.
    fn modify(
        &mut self,
        session: SessionNumber,
        account: AccountId,
        message: &ouch::ModifyOrder,
    ) -> Option<Command> {
        let (id, own) = self.find(session, message.user_ref_num.get())?;
        let command = request::modify(message, account, (id, own))?;
        self.leave(id, message.quantity.get());
        Some(command)
    }

    fn enter(
        &self,
        message: (&EnterOrder, &Options<'_>),
        known: Session,
        session_id: u32,
        now: Timestamp,
    ) -> Result<(Command, Asked), Refused> {
        let EnterOrder { user_ref_num, symbol, capacity, cl_ord_id, .. } = message.0;
        let instrument = self.symbols.get(symbol.padded()).copied();
        let instrument = instrument
            .and_then(|instrument| Some((instrument, self.instruments.get(&instrument)?)))
            .ok_or(Refused::Symbol)?;
        let name = Name {
            user: known.user,
            user_ref_num: user_ref_num.get(),
            capacity: capacity.get() as u8,
            cl_ord_id: *cl_ord_id,
        };
        let id = name.id().ok_or(Refused::ClOrdId)?;
        let command = request::enter(message, (known.account, session_id), id, instrument, now)?;
        Ok((command, Asked::Enter))
    }

    fn replace(
        &self,
        session: SessionNumber,
        message: (&ouch::ReplaceOrder, &Options<'_>),
        known: Session,
    ) -> Result<(Command, Asked), Refused> {
        let own = self.find(session, message.0.orig_user_ref_num.get());
        let (order_id, own) = own.ok_or(Refused::UnknownOrder)?;
        let name = Name {
            user_ref_num: message.0.user_ref_num.get(),
            cl_ord_id: message.0.cl_ord_id,
            ..own.name
        };
        let id = name.id().ok_or(Refused::ClOrdId)?;
        let command = request::replace(message, known.account, (order_id, own), id)?;
        Ok((command, Asked::Replace(name)))
    }

    fn mass_cancel(
        &self,
        known: Session,
        firm: Text<4>,
        symbol: Text<8>,
    ) -> Result<InstrumentId, Refused> {
        check_firm(known, firm)?;
        if symbol == Text::padding() {
            return Ok(InstrumentId::ALL);
        }
        self.symbols.get(symbol.padded()).copied().ok_or(Refused::Symbol)
    }

    /// What a request is told that was not handed in, and why: it may be sent again under a higher
    /// number.
    pub fn turned_down(
        &mut self,
        asked: &Asked,
        command: &Command,
        refused: Refused,
        now: Timestamp,
    ) -> Option<Answer> {
        if let Command::AmendOrder(AmendOrder { order_id, .. })
        | Command::CancelOrder(CancelOrder { order_id, .. }) = command
        {
            self.leave(*order_id, u32::MAX);
        }
        let (number, cl_ord_id) = match asked {
            Asked::Cancel | Asked::Modify => return None,
            Asked::Replace(name) => (name.user_ref_num, name.cl_ord_id),
            Asked::MassCancel { user_ref_num, .. } | Asked::Switch { user_ref_num, .. } => {
                (*user_ref_num, Text::padding())
            }
            Asked::Enter => {
                let id = match command {
                    Command::NewOrder(order) => &order.client_order_id,
                    Command::NewAdvancedOrder(new) => &new.order.client_order_id,
                    _ => return None,
                };
                let name = Name::of(id)?;
                (name.user_ref_num, name.cl_ord_id)
            }
        };
        Some(Answer::rejected(time_of(now), number, refused as u16, cl_ord_id))
    }

    /// Tells sessions of the next event. `asked`: the request that made it happen, if it is a
    /// session's.
    pub fn apply(
        &mut self,
        header: &EventHeader,
        event: &Event,
        asked: Option<(SessionNumber, &Asked)>,
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        let time_ns = time_of(Timestamp(header.time_ns));
        match event {
            Event::OrderAccepted(taken) => self.accepted(header, taken, say),
            Event::OrderRested(rested) if rested.update_id != 0 => {
                let place = reference(header.instrument, rested.update_id);
                self.placed(rested.order_id, (time_ns, place), say);
            }
            Event::OrderReplenished(shown) => {
                let place = reference(header.instrument, shown.update_id);
                self.placed(shown.order_id, (time_ns, place), say);
            }
            Event::Trade(trade) => self.traded(header, trade, say),
            Event::SelfTradePrevented(prevented) => self.prevented(time_ns, prevented, say),
            Event::OrderEnded(ended) => self.ended(time_ns, ended, say),
            Event::OrderAmended(amended) => self.amended(header, amended, asked, say),
            Event::Denied(denied) => self.denied(header, denied, asked, say),
            Event::TradeBusted(busted) => {
                let number = match_number(header.instrument, busted.trade_id);
                for (_, session, user_ref_num, cl_ord_id) in
                    self.trades.iter().filter(|(trade, ..)| *trade == number)
                {
                    say(*session, Answer::broken(time_ns, (*user_ref_num, *cl_ord_id), number));
                }
            }
            Event::InstrumentAdded(added) => self.list(&added.spec),
            Event::InstrumentUpdated(updated) => self.list(&updated.spec),
            Event::MassCancelDone(_) | Event::KillSwitchSet(_) => match asked {
                Some((session, Asked::MassCancel { user_ref_num, firm, symbol })) => {
                    self.sessions[session].settle(*user_ref_num);
                    say(session, Answer::mass_cancel(time_ns, *user_ref_num, (*firm, *symbol)));
                }
                Some((session, Asked::Switch { user_ref_num, firm, off })) => {
                    self.sessions[session].settle(*user_ref_num);
                    say(session, Answer::switched(time_ns, *user_ref_num, *firm, *off));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn accepted(
        &mut self,
        header: &EventHeader,
        taken: &OrderAccepted,
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        let Some((name, session)) = self.whose(header.account, &taken.client_order_id) else {
            return;
        };
        let Some(units) = self.instruments.get(&header.instrument).copied() else { return };
        let own = Own {
            name,
            session,
            units,
            instrument: header.instrument,
            side: taken.side,
            price: taken.price,
            kind: taken.kind,
            lives: taken.time_in_force,
            is_hidden: taken.hidden == 1,
            open: units.shares(taken.qty).unwrap_or(0),
            gone: 0,
            leaves: u32::MAX,
        };
        self.sessions[session].settle(name.user_ref_num);
        let place = match taken.update_id {
            0 => taken.order_id.0,
            update_id => reference(header.instrument, update_id),
        };
        say(session, Answer::accepted(time_of(Timestamp(header.time_ns)), &own, place));
        self.insert(taken.order_id, own);
    }

    /// An order is in the displayed book now, or in another place of it.
    fn placed(
        &self,
        id: OrderId,
        (time_ns, place): (u64, u64),
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        if let Some(own) = self.own.get(&id) {
            say(own.session, Answer::placed(time_ns, own, place));
        }
    }

    fn traded(
        &mut self,
        header: &EventHeader,
        trade: &Trade,
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        let time_ns = time_of(Timestamp(header.time_ns));
        let number = match_number(header.instrument, trade.trade_id);
        let flag = |flag| if trade.auction == 1 { b'H' } else { flag };
        for (id, open, flag) in [
            (trade.taker_order_id, trade.taker_open_qty, flag(b'R')),
            (trade.maker_order_id, trade.maker_open_qty, flag(b'A')),
        ] {
            let Some(own) = self.own.get_mut(&id) else { continue };
            let shares = own.units.shares(trade.qty).unwrap_or(0);
            own.lose(shares);
            let told = (own.session, own.name.user_ref_num, own.name.cl_ord_id);
            say(own.session, Answer::executed(time_ns, own, (shares, trade.price), (flag, number)));
            if self.trades.len() == TRADES_MAX {
                self.trades.pop_front();
            }
            self.trades.push_back((number, told.0, told.1, told.2));
            if open.is_zero() {
                self.remove(id);
            }
        }
    }

    fn prevented(
        &mut self,
        time_ns: u64,
        prevented: &SelfTradePrevented,
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        let strategy = match prevented.action {
            SelfTradePrevention::Decrement => b'D',
            SelfTradePrevention::Transfer => b'T',
            // What ends says so itself.
            _ => return,
        };
        for (id, flag) in [(prevented.taker_order_id, b'R'), (prevented.maker_order_id, b'A')] {
            let Some(own) = self.own.get_mut(&id) else { continue };
            let shares = own.units.shares(prevented.qty).unwrap_or(0);
            own.lose(shares);
            let told = (shares, prevented.price);
            say(own.session, Answer::prevented(time_ns, own, told, (flag, strategy)));
        }
    }

    fn ended(
        &mut self,
        time_ns: u64,
        ended: &OrderEnded,
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        let Some(own) = self.remove(ended.order_id) else { return };
        // One whose last share self-trade prevention took has been told of it.
        if own.open > 0 {
            let reason = answer::reason(ended.reason);
            say(own.session, Answer::cancelled(time_ns, &own, own.open, reason));
        }
    }

    fn amended(
        &mut self,
        header: &EventHeader,
        amended: &OrderAmended,
        asked: Option<(SessionNumber, &Asked)>,
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        let time_ns = time_of(Timestamp(header.time_ns));
        let Some(mut own) = self.remove(amended.order_id) else { return };
        let before = own;
        own.price = amended.price;
        own.open = own.units.shares(amended.open_qty).unwrap_or(0);
        if own.open > before.open {
            own.leaves = u32::MAX;
        }
        let place = match (amended.resting, amended.update_id) {
            (1, update_id) if update_id != 0 => reference(own.instrument, update_id),
            _ => amended.order_id.0,
        };
        match self.whose(header.account, &amended.client_order_id) {
            // Another interface gave it a name of its own.
            None => {
                say(own.session, Answer::cancelled(time_ns, &before, before.open, b'S'));
                return;
            }
            Some((name, session)) if name != own.name => {
                (own.name, own.session, own.leaves) = (name, session, u32::MAX);
                self.sessions[session].settle(name.user_ref_num);
                let former = before.name.user_ref_num;
                say(session, Answer::replaced(time_ns, former, &own, place));
            }
            Some(_) if matches!(asked, Some((_, Asked::Modify))) => {
                say(own.session, Answer::modified(time_ns, &own));
            }
            Some(_) => {
                if own.open < before.open {
                    let lost = before.open - own.open;
                    say(own.session, Answer::cancelled(time_ns, &own, lost, b'U'));
                }
                if amended.priority_kept == 0 && amended.resting == 1 {
                    say(own.session, Answer::placed(time_ns, &own, place));
                }
            }
        }
        self.insert(amended.order_id, own);
    }

    fn denied(
        &mut self,
        header: &EventHeader,
        denied: &Denied,
        asked: Option<(SessionNumber, &Asked)>,
        say: &mut impl FnMut(SessionNumber, Answer),
    ) {
        let time_ns = time_of(Timestamp(header.time_ns));
        let reason = DENIED + denied.reason as u16;
        self.leave(denied.order_id, u32::MAX);
        if let Some((
            session,
            Asked::MassCancel { user_ref_num, .. } | Asked::Switch { user_ref_num, .. },
        )) = asked
        {
            self.sessions[session].settle(*user_ref_num);
            say(session, Answer::rejected(time_ns, *user_ref_num, reason, Text::padding()));
            return;
        }
        let named = self.whose(header.account, &denied.client_order_id);
        // A new order's name, and a replacement's, is no live order's; else it is about the order that it names.
        let about = match &named {
            Some((name, session)) => self.find(*session, name.user_ref_num).map(|(_, own)| own),
            None => self.own.get(&denied.order_id),
        };
        match (about, named) {
            (Some(own), _) => {
                say(own.session, Answer::cancel_reject(time_ns, own.name.user_ref_num));
            }
            (None, Some((Name { user_ref_num, cl_ord_id, .. }, session))) => {
                self.sessions[session].settle(user_ref_num);
                say(session, Answer::rejected(time_ns, user_ref_num, reason, cl_ord_id));
            }
            (None, None) => {}
        }
    }
}

/// Nanoseconds since midnight.
fn time_of(time: Timestamp) -> u64 {
    Day::of(time).since_midnight(time)
}

/// The number of a request that has one, and its client's name for it.
fn number_of(message: &Inbound<'_>) -> (Option<u32>, Text<14>) {
    let (number, cl_ord_id) = match message {
        Inbound::EnterOrder(message) => (message.user_ref_num, message.cl_ord_id),
        Inbound::ReplaceOrder(message) => (message.user_ref_num, message.cl_ord_id),
        Inbound::MassCancel(message) => (message.user_ref_num, Text::padding()),
        Inbound::DisableOrderEntry(message) => (message.user_ref_num, Text::padding()),
        Inbound::EnableOrderEntry(message) => (message.user_ref_num, Text::padding()),
        _ => return (None, Text::padding()),
    };
    (Some(number.get()), cl_ord_id)
}

/// A firm is the session's, or not named.
fn check_firm(known: Session, firm: Text<4>) -> Result<(), Refused> {
    let is_own = firm == Text::padding() || firm == known.user.firm();
    if is_own { Ok(()) } else { Err(Refused::Firm) }
}

fn switch(
    known: Session,
    user_ref_num: u32,
    firm: Text<4>,
    off: bool,
) -> Result<(Command, Asked), Refused> {
    check_firm(known, firm)?;
    Ok((request::switch(known.account, off), Asked::Switch { user_ref_num, firm, off }))
}
