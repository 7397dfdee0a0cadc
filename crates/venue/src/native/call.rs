//! A request that is being looked at, and what is left to do after it was.

use serde::Serialize;
use tiercel_types::{
    AccountId, ClientOrderId, Command, DenialReason, InstrumentSpec, OrderId, Timestamp,
};

use super::order::instrument;
use super::problem::{Code, Problem};
use super::scalar::SymbolText;
use super::signals::Signals;
use crate::events::Events;
use crate::models::{Models, OrderView};

/// What a request may look at.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    /// The read models.
    pub models: &'c Models,
    /// The signals.
    pub signals: &'c Signals,
    /// Whose key signed; the venue's of a public question.
    pub account: AccountId,
    /// Whether that key may trade.
    pub may_trade: bool,
    /// The time.
    pub now: Timestamp,
    /// What stands in the places of the path, in their order, decoded.
    pub places: &'c [String],
}

/// What is left to do.
pub enum Work<A> {
    /// Nothing.
    Done(A),
    /// The engine answers.
    Submit(Submit<A>),
}

/// Commands for the engine, and how their events are told.
pub struct Submit<A> {
    /// The parts of one submission.
    pub commands: Vec<Command>,
    /// New orders among them, for the order limits.
    pub orders: u32,
    /// What makes a retry harmless, if it has it.
    pub name: Option<Name>,
    /// Tells the answer, once the events are there and folded.
    pub tell: Box<Tell<A>>,
}

/// See [`Submit::tell`].
pub type Tell<A> = dyn FnOnce(&Models, &Events) -> Result<A, Problem> + Send;

/// The client's name for what it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// Of an order.
    Order(ClientOrderId),
    /// Of a list.
    List(ClientOrderId),
}

impl Name {
    /// That of an order; none if it is empty.
    pub fn of_order(name: ClientOrderId) -> Option<Self> {
        (!name.is_empty()).then_some(Self::Order(name))
    }

    /// That of a list; none if it is empty.
    pub fn of_list(name: ClientOrderId) -> Option<Self> {
        (!name.is_empty()).then_some(Self::List(name))
    }
}

impl<A: Serialize + 'static> Work<A> {
    /// The same, with its answer as JSON.
    ///
    /// # Errors
    /// [`Problem::internal`] if it cannot be written.
    pub fn as_json(self) -> Result<Work<String>, Problem> {
        Ok(match self {
            Self::Done(answer) => Work::Done(write(&answer)?),
            Self::Submit(Submit { commands, orders, name, tell }) => Work::Submit(Submit {
                commands,
                orders,
                name,
                tell: Box::new(move |models, events| write(&tell(models, events)?)),
            }),
        })
    }
}

/// Writes an answer or a message.
///
/// # Errors
/// [`Problem::internal`] if it cannot be written.
pub fn write(answer: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(answer).map_err(|_| Problem::internal())
}

impl<A> Submit<A> {
    /// Commands that enter no order.
    pub fn of(
        commands: Vec<Command>,
        tell: impl FnOnce(&Models, &Events) -> Result<A, Problem> + Send + 'static,
    ) -> Work<A> {
        Self::entering(commands, 0, None, tell)
    }

    /// Commands that enter so many orders, under a client's name for them if there is one.
    pub fn entering(
        commands: Vec<Command>,
        orders: u32,
        name: Option<Name>,
        tell: impl FnOnce(&Models, &Events) -> Result<A, Problem> + Send + 'static,
    ) -> Work<A> {
        Work::Submit(Self { commands, orders, name, tell: Box::new(tell) })
    }
}

/// Which order a path names: `17`, or `client:my-order-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderName {
    /// By the venue's id; zero: by the client's.
    pub order_id: OrderId,
    /// By the client's.
    pub client_order_id: ClientOrderId,
}

impl OrderName {
    fn read(text: &str) -> Result<Self, Problem> {
        let client_order_id = match text.strip_prefix("client:") {
            Some(name) => name.parse().ok().filter(|name: &ClientOrderId| !name.is_empty()),
            None => None,
        };
        let order_id = text.parse().ok().filter(|id| *id != 0);
        match (order_id, client_order_id) {
            (Some(id), _) => {
                Ok(Self { order_id: OrderId(id), client_order_id: ClientOrderId::EMPTY })
            }
            (None, Some(client_order_id)) => Ok(Self { order_id: OrderId::NONE, client_order_id }),
            (None, None) => {
                let detail = "an order's id, or `client:` and a client order id, is expected";
                Err(Problem::new(Code::InvalidField, detail).of_field("order_id"))
            }
        }
    }

    /// The order that it means, if the account has it.
    pub fn find(self, models: &Models, account: AccountId) -> Option<&OrderView> {
        let orders = models.orders();
        if self.order_id.is_none() {
            orders.by_client_id(account, &self.client_order_id)
        } else {
            orders.get(account, self.order_id)
        }
    }

    /// A denial of what was to be done with it: an order that the venue knows has ended.
    pub fn denied(self, models: &Models, account: AccountId, reason: DenialReason) -> Problem {
        if reason != DenialReason::UnknownOrder {
            return Problem::denied(reason, "");
        }
        match self.find(models, account) {
            Some(_) => Problem::order_not_live(),
            None => Problem::unknown_order(),
        }
    }
}

impl<'c> Call<'c> {
    fn place(&self, at: usize) -> &'c str {
        self.places.get(at).map_or("", String::as_str)
    }

    /// The instrument whose symbol is the first place of the path.
    ///
    /// # Errors
    /// When there is none.
    pub fn instrument(&self) -> Result<InstrumentSpec, Problem> {
        let symbol: Result<SymbolText, _> = self.place(0).parse();
        let symbol = symbol.map_err(|_| Problem::unknown_symbol("symbol"))?;
        instrument(self.models, symbol, "symbol")
    }

    /// The instrument of a symbol, if one was given; it stands at `field`.
    ///
    /// # Errors
    /// When there is none of that symbol.
    pub fn of_symbol(
        &self,
        symbol: Option<SymbolText>,
        field: &'static str,
    ) -> Result<Option<InstrumentSpec>, Problem> {
        symbol.map(|symbol| instrument(self.models, symbol, field)).transpose()
    }

    /// The number that is the path's place.
    ///
    /// # Errors
    /// When it is none.
    pub fn number(&self, at: usize, field: &'static str) -> Result<u64, Problem> {
        self.place(at).parse().map_err(|_| {
            Problem::new(Code::InvalidField, "a whole number is expected").of_field(field)
        })
    }

    /// The order whose name is the second place of the path, behind its symbol.
    ///
    /// # Errors
    /// When that is no name.
    pub fn order_name(&self) -> Result<OrderName, Problem> {
        OrderName::read(self.place(1))
    }

    /// The instrument and the name of the path's order, which may live: one that is known is of that
    /// instrument.
    ///
    /// # Errors
    /// When the path says none, or another instrument than the order's.
    pub fn target(&self) -> Result<(InstrumentSpec, OrderName), Problem> {
        let spec = self.instrument()?;
        let name = self.order_name()?;
        let known = name.find(self.models, self.account);
        if known.is_some_and(|order| order.instrument != spec.instrument) {
            return Err(Problem::unknown_order());
        }
        check_may_live(known)?;
        Ok((spec, name))
    }

    /// The name of the order that is the first place of the path, of whichever instrument, which may
    /// live.
    ///
    /// # Errors
    /// When that is no name, or the order has ended.
    pub fn target_of_any(&self) -> Result<OrderName, Problem> {
        let name = OrderName::read(self.place(0))?;
        check_may_live(name.find(self.models, self.account))?;
        Ok(name)
    }
}

/// An order that is not known may be on its way.
fn check_may_live(known: Option<&OrderView>) -> Result<(), Problem> {
    if known.is_some_and(|order| !order.stage.is_live()) {
        return Err(Problem::order_not_live());
    }
    Ok(())
}
