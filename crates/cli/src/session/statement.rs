//! The verbs of a session: from the words of a line to what is to be done.

use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, Allocation, AmendOrder, BustTrade, CancelOrder, Command,
    CorrectTrade, Deposit, MassCancel, NewOrder, QueryOrder, ReplaceOrder, SetInstrumentState,
    Transfer, UpdateInstrument, Withdraw,
};
use tiercel_types::order::{AmendQtyMeaning, ListKind, SideScope};
use tiercel_types::{
    AccountId, AssetCode, AssetId, ClientOrderId, InstrumentId, InstrumentSpec, OrderId, OrderKind,
    Price, Qty, SelfTradePrevention, Side, Symbol, TimeInForce, Timestamp, TradeId,
};

use super::advanced::{Terms, read_list};
use super::decimal::parse_money;
use super::names::Names;
use super::preset::{active, read_preset};
use super::rules::read_rules;
use super::terms::{parse_state, read_number, read_terms};
use super::time::parse_time;
use super::words::{LineError, Words};

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one at a time")]
pub(super) enum Statement {
    /// Nothing: a blank line or a comment.
    Nothing,
    /// A command.
    Command(Command),
    /// Several commands that one line says.
    Commands(Vec<Command>),
    /// A preset's commands.
    Preset(Vec<Command>),
    /// The time of what follows.
    At(Timestamp),
    /// Time passes up to this.
    Advance(Option<Timestamp>),
    /// Show one book, or each.
    Book(Option<InstrumentId>),
    /// Show one account's balances, or everybody's.
    Balances(Option<AccountId>),
    /// Write a snapshot and go on with an engine restored from it.
    Restart,
}

/// Reads lines, and keeps what lines leave to the reader: names, and ids of movements of funds.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What is called how.
    pub(super) names: Names,
    /// Whether order ids are the session's to give, and accounts mean nothing.
    pub(super) bare: bool,
    /// The largest id of a movement of funds so far.
    funding_id: u64,
}

impl Reader {
    /// A reader for an engine with accounts, or without.
    pub(super) fn new(bare: bool) -> Self {
        Self { names: Names::default(), bare, funding_id: 0 }
    }

    /// Reads one line.
    pub(super) fn read(&mut self, line: &str) -> Result<Statement, LineError> {
        let mut words = Words::split(line)?;
        let Some(verb) = words.verb()? else { return Ok(Statement::Nothing) };
        let statement = self.statement(&verb, &mut words)?;
        words.finish()?;
        Ok(statement)
    }

    fn statement(&mut self, verb: &str, words: &mut Words) -> Result<Statement, LineError> {
        let command = match verb {
            "preset" => {
                let commands = read_preset(words, &mut self.names, self.bare)?;
                self.funding_id = self.funding_id.max(commands.len() as u64);
                return Ok(Statement::Preset(commands));
            }
            "at" => return required(read_time(words)?, "time").map(Statement::At),
            "advance" => return read_time(words).map(Statement::Advance),
            "book" => return self.optional_instrument(words).map(Statement::Book),
            "balances" => return self.optional_account(words).map(Statement::Balances),
            "restart" => return Ok(Statement::Restart),
            "new" | "leg" => {
                let terms = Terms::read(words)?;
                let order = self.new_order(words)?;
                let commands = terms.commands(order, verb == "leg", &self.names)?;
                return Ok(Statement::Commands(commands));
            }
            "oco" | "oto" | "otoco" => {
                let kind = required(ListKind::from_text(verb), "verb")?;
                let account = self.owner(words)?;
                let instrument = self.one_instrument(words)?;
                read_list(kind, words, account, instrument)?.into()
            }
            "cancel" => self.cancel(words)?.into(),
            "replace" => self.replace(words)?.into(),
            "amend" => self.amend(words)?.into(),
            "mass_cancel" => self.mass_cancel(words)?.into(),
            "query" => self.query(words)?.into(),
            "bust" => self.bust(words)?.into(),
            "correct" => self.correct(words)?.into(),
            "asset" => self.asset(words)?.into(),
            "instrument" => self.instrument(words)?.into(),
            "update" => self.update(words)?.into(),
            "state" => self.state(words)?.into(),
            "rules" => {
                let (_, how) = required(words.bare_that(Allocation::from_text), "allocation")?;
                let instrument = self.one_instrument(words)?;
                read_rules(words, &self.names, how, instrument)?.into()
            }
            "kill" => self.kill(words)?.into(),
            "disconnect" => self.disconnect(words)?.into(),
            "countdown" => self.countdown(words)?.into(),
            "auction" => self.auction(words)?.into(),
            "call" => self.call(words)?.into(),
            "schedule" => self.schedule(words)?.into(),
            "protect" => self.protect(words)?.into(),
            "account" => self.account(words)?,
            "deposit" | "withdraw" | "transfer" => self.funds(verb, words)?,
            _ => {
                let message = format!("no such verb: `{verb}` (see `tiercel match --help`)");
                return Err(LineError::new("verb", message));
            }
        };
        Ok(Statement::Command(command))
    }

    fn new_order(&self, words: &mut Words) -> Result<NewOrder, LineError> {
        let account = self.owner(words)?;
        let order_id = words.bare_that(parse_order_id).map_or(OrderId::NONE, |(_, id)| id);
        self.order(words, account, order_id)
    }

    /// The words that a new order and a replacement share.
    fn order(
        &self,
        words: &mut Words,
        account: AccountId,
        order_id: OrderId,
    ) -> Result<NewOrder, LineError> {
        let side = required(words.bare_that(Side::from_text), "side")?.1;
        let kind = words.bare_that(OrderKind::from_text).map_or(OrderKind::Limit, |(_, it)| it);
        let expire_time = words.parsed("until", parse_time)?;
        let time_in_force = words.bare_that(TimeInForce::from_text).map(|(_, it)| it);
        let self_trade_prevention = words.parsed("stp", |text| {
            SelfTradePrevention::from_text(text).ok_or("no such self-trade prevention")
        })?;
        let quote_qty = words.parsed("quote", str::parse)?.unwrap_or_default();
        let display_qty = words.parsed("show", str::parse)?.unwrap_or_default();
        let client_order_id = words.parsed("id", str::parse)?.unwrap_or_default();
        let session = words.parsed("session", str::parse)?.unwrap_or_default();
        let instrument = self.one_instrument(words)?;
        let (qty, price) = read_size(words)?;
        let implied = match (kind, expire_time) {
            (OrderKind::Market, _) => TimeInForce::Ioc,
            (_, Some(_)) => TimeInForce::Gtd,
            (_, None) => TimeInForce::Gtc,
        };
        let (price, qty) = (price.unwrap_or_default(), qty.unwrap_or_default());
        Ok(NewOrder {
            order_id,
            quote_qty,
            display_qty,
            expire_time: expire_time.unwrap_or_default(),
            client_order_id,
            session,
            kind,
            time_in_force: time_in_force.unwrap_or(implied),
            self_trade_prevention: self_trade_prevention.unwrap_or(SelfTradePrevention::None),
            ..NewOrder::limit(instrument, account, side, price, qty)
        })
    }

    fn cancel(&self, words: &mut Words) -> Result<CancelOrder, LineError> {
        let account = self.owner(words)?;
        let (order_id, client_order_id) = read_target(words, "id")?;
        Ok(CancelOrder { order_id, account, client_order_id })
    }

    fn query(&self, words: &mut Words) -> Result<QueryOrder, LineError> {
        let account = self.owner(words)?;
        let (order_id, client_order_id) = read_target(words, "id")?;
        Ok(QueryOrder { order_id, account, client_order_id })
    }

    fn replace(&self, words: &mut Words) -> Result<ReplaceOrder, LineError> {
        let account = self.owner(words)?;
        let (target_order_id, target_client_order_id) = read_target(words, "target")?;
        let order_id = words.parsed("as", |text| parse_order_id(text).ok_or("not an order id"))?;
        let order = self.order(words, account, order_id.unwrap_or_default())?;
        Ok(ReplaceOrder { target_order_id, target_client_order_id, reserved: [0; 4], order })
    }

    fn amend(&self, words: &mut Words) -> Result<AmendOrder, LineError> {
        let account = self.owner(words)?;
        let (order_id, client_order_id) = read_target(words, "id")?;
        let new_client_order_id = words.parsed("new_id", str::parse)?.unwrap_or_default();
        let open: Option<Qty> = words.parsed("open", str::parse)?;
        let back = words.bare_that(|text| (text == "back").then_some(())).is_some();
        let (total, price) = read_size(words)?;
        if open.is_some() && total.is_some() {
            return Err(LineError::new("open", "either a total quantity or an open one"));
        }
        Ok(AmendOrder {
            order_id,
            price: price.unwrap_or_default(),
            qty: open.or(total).unwrap_or_default(),
            account,
            client_order_id,
            new_client_order_id,
            qty_meaning: if open.is_some() {
                AmendQtyMeaning::Open
            } else {
                AmendQtyMeaning::Total
            },
            lose_priority: u8::from(back),
            reserved: [0; 2],
        })
    }

    fn mass_cancel(&self, words: &mut Words) -> Result<MassCancel, LineError> {
        let sides = match words.bare_that(Side::from_text) {
            None => SideScope::Both,
            Some((_, Side::Buy)) => SideScope::Buy,
            Some((_, Side::Sell)) => SideScope::Sell,
        };
        let instrument = self.optional_instrument(words)?.unwrap_or(InstrumentId::ALL);
        let account = self.accounts(words)?;
        Ok(MassCancel { account, instrument, sides, reserved: [0; 7] })
    }

    fn bust(&self, words: &mut Words) -> Result<BustTrade, LineError> {
        let trade_id = required(words.bare_that(parse_trade_id), "trade")?.1;
        Ok(BustTrade { trade_id, instrument: self.one_instrument(words)?, reserved: 0 })
    }

    fn correct(&self, words: &mut Words) -> Result<CorrectTrade, LineError> {
        let trade_id = required(words.bare_that(parse_trade_id), "trade")?.1;
        let instrument = self.one_instrument(words)?;
        let (qty, price) = read_size(words)?;
        Ok(CorrectTrade {
            trade_id,
            price: required(price, "price")?,
            qty: required(qty, "qty")?,
            instrument,
            reserved: 0,
        })
    }

    fn asset(&self, words: &mut Words) -> Result<AddAsset, LineError> {
        let asset = words.parsed("n", |text| text.parse().map(AssetId))?;
        let code = required(words.bare(), "code")?;
        let code: AssetCode = parse_as("code", &code)?;
        Ok(AddAsset { asset: asset.unwrap_or_else(|| self.names.next_asset()), code })
    }

    fn instrument(&self, words: &mut Words) -> Result<AddInstrument, LineError> {
        let symbol = required(words.bare(), "symbol")?;
        let number = read_number(words, &self.names)?;
        let (base, quote) = (AssetId(0), AssetId(0));
        let mut spec = InstrumentSpec::new(number, base, quote, Price::ZERO, Qty::ZERO);
        spec.symbol = parse_as::<Symbol, _>("symbol", &symbol)?;
        read_terms(words, &self.names, &mut spec)?;
        Ok(AddInstrument { spec })
    }

    fn update(&self, words: &mut Words) -> Result<UpdateInstrument, LineError> {
        let instrument = self.one_instrument(words)?;
        let mut spec = match self.names.spec(instrument) {
            Some(spec) => *spec,
            None => InstrumentSpec::new(instrument, AssetId(0), AssetId(0), Price::ZERO, Qty::ZERO),
        };
        read_terms(words, &self.names, &mut spec)?;
        Ok(UpdateInstrument { spec })
    }

    fn state(&self, words: &mut Words) -> Result<SetInstrumentState, LineError> {
        let found = words.bare_that(|text| parse_state(text).ok());
        let (_, state) = required(found, "state")?;
        Ok(SetInstrumentState { instrument: self.one_instrument(words)?, state, reserved: [0; 3] })
    }

    fn account(&mut self, words: &mut Words) -> Result<Command, LineError> {
        let number = words.parsed("n", |text| text.parse().map(AccountId))?;
        let state = words.bare_that(AccountState::from_text);
        let name = required(words.bare(), "account")?;
        let trade_group = words.parsed("group", str::parse)?.unwrap_or_default();
        let max_open_orders = words.parsed("max_open_orders", str::parse)?.unwrap_or_default();
        let account = self.names.name_account(&name, number)?;
        let mut terms = active(account);
        terms.trade_group = trade_group;
        terms.max_open_orders = max_open_orders;
        if let Some((_, state)) = state {
            terms.state = state;
        }
        Ok(terms.into())
    }

    fn funds(&mut self, verb: &str, words: &mut Words) -> Result<Command, LineError> {
        let account = self.owner(words)?;
        let to = match verb {
            "transfer" => Some(self.names.account(&required(words.bare(), "to")?)?),
            _ => None,
        };
        let amount = required(words.bare(), "amount")?;
        let amount = parse_money(&amount)
            .map_err(|error| LineError::new("amount", format!("{error}: `{amount}`")))?;
        let asset = self.names.asset(&required(words.bare(), "asset")?)?;
        let given = words.parsed("fund", str::parse)?;
        let funding_id = given.unwrap_or_else(|| self.funding_id.saturating_add(1));
        self.funding_id = self.funding_id.max(funding_id);
        Ok(match (verb, to) {
            (_, Some(to)) => {
                Transfer { funding_id, from: account, to, asset, reserved: 0, amount }.into()
            }
            ("deposit", None) => Deposit { funding_id, account, asset, amount }.into(),
            (_, None) => Withdraw { funding_id, account, asset, amount }.into(),
        })
    }

    /// The account that a line begins with.
    pub(super) fn owner(&self, words: &mut Words) -> Result<AccountId, LineError> {
        let text = words.value("account").or_else(|| words.bare());
        self.names.account(&required(text, "account")?)
    }

    /// The accounts that a line names: one, or all.
    pub(super) fn accounts(&self, words: &mut Words) -> Result<AccountId, LineError> {
        match words.value("account").or_else(|| words.bare()).as_deref() {
            None | Some("all") => Ok(AccountId::ALL),
            Some(text) => self.names.account(text),
        }
    }

    fn optional_account(&self, words: &mut Words) -> Result<Option<AccountId>, LineError> {
        let text = words.value("account").or_else(|| words.bare());
        text.map(|text| self.names.account(&text)).transpose()
    }

    /// The instrument that a line names by symbol or by number; the only one if it names none.
    pub(super) fn one_instrument(&self, words: &mut Words) -> Result<InstrumentId, LineError> {
        let named = self.optional_instrument(words)?;
        named.or_else(|| self.names.only_instrument()).ok_or_else(|| {
            let message = "which one? There are none or many: give a known symbol, or instrument=N";
            LineError::new("instrument", message)
        })
    }

    pub(super) fn optional_instrument(
        &self,
        words: &mut Words,
    ) -> Result<Option<InstrumentId>, LineError> {
        let number = words.parsed("instrument", |text| text.parse().map(InstrumentId))?;
        let symbol = || words.bare_that(|text| self.names.instrument(text)).map(|(_, id)| id);
        Ok(number.or_else(symbol))
    }
}

pub(super) fn required<T>(value: Option<T>, field: &str) -> Result<T, LineError> {
    value.ok_or_else(|| LineError::new(field, "missing"))
}

fn parse_as<T: core::str::FromStr<Err = E>, E: core::fmt::Display>(
    field: &str,
    text: &str,
) -> Result<T, LineError> {
    text.parse().map_err(|error| LineError::new(field, format!("{error}: `{text}`")))
}

fn read_time(words: &mut Words) -> Result<Option<Timestamp>, LineError> {
    let Some(text) = words.bare() else { return Ok(None) };
    let time = parse_time(&text);
    time.map(Some).map_err(|error| LineError::new("time", format!("{error}: `{text}`")))
}

/// `#N`, or `#SHARD:N`.
fn parse_order_id(text: &str) -> Option<OrderId> {
    let digits = text.strip_prefix('#')?;
    match digits.split_once(':') {
        None => digits.parse().ok().map(OrderId),
        Some((shard, counter)) => {
            let counter = counter.parse().ok().filter(|&counter: &u64| counter < 1 << 48)?;
            Some(OrderId::new(shard.parse().ok()?, counter))
        }
    }
}

/// `tN`.
fn parse_trade_id(text: &str) -> Option<TradeId> {
    text.strip_prefix('t')?.parse().ok().map(TradeId)
}

/// Which order: `#N`, or a client order id.
fn read_target(words: &mut Words, key: &str) -> Result<(OrderId, ClientOrderId), LineError> {
    let order_id = words.bare_that(parse_order_id).map(|(_, id)| id);
    // With an order id, `id=` is the new order's (or is left over, and told so).
    if let Some(order_id) = order_id {
        return Ok((order_id, ClientOrderId::EMPTY));
    }
    let client_order_id = required(words.parsed(key, str::parse)?, key)?;
    Ok((OrderId::NONE, client_order_id))
}

/// `QTY@PRICE`, `QTY` or `@PRICE`.
fn read_size(words: &mut Words) -> Result<(Option<Qty>, Option<Price>), LineError> {
    let looks_like_size =
        |text: &str| text.starts_with(|c: char| "0123456789.@-".contains(c)).then_some(());
    let Some((text, ())) = words.bare_that(looks_like_size) else { return Ok((None, None)) };
    let (qty, price) = match text.split_once('@') {
        Some((qty, price)) => (qty, Some(price)),
        None => (text.as_str(), None),
    };
    let qty = if qty.is_empty() { None } else { Some(parse_as("qty", qty)?) };
    let price = price.map(|price| parse_as("price", price)).transpose()?;
    Ok((qty, price))
}
