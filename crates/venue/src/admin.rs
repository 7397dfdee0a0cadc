//! Administration without its socket: what a request asks for, and what it is answered.
//!
//! ```text
//!   method + path + body --> Act::read --> commands ..> engine ..> events --> answer --> JSON
//!                                |
//!                                +--> what the venue's shell does: keys, snapshots, levels of the log
//! ```
//!
//! docs/admin-api.md describes it. Whatever changes the engine's state is a command, and goes
//! through the log; secrets never do.

mod body;
mod problem;
mod request;
mod text;
mod token;
mod view;

pub use problem::{Problem, no_such_call, unauthorized};
pub use token::{Token, TokenError};

use serde_json::{Value, json};
use tiercel_types::event::{Denied, FundingRepeated, KillSwitchSet, MassCancelDone};
use tiercel_types::{AccountId, AssetId, Command, InstrumentId};

use crate::events::{Events, first};
use crate::models::Models;

/// In front of every path.
pub const PREFIX: &str = "/admin/v1/";
/// Times are told in milliseconds.
const NANOS_PER_MILLI: u64 = 1_000_000;

/// What a request asks for.
#[derive(Debug)]
pub enum Act {
    /// Nothing is left to do: this is the answer.
    Tell(Value),
    /// The engine is to do this; then [`Shown::answer`] makes the answer.
    Command(Box<Command>, Shown),
    /// How the venue is.
    Status,
    /// The API keys.
    ListKeys,
    /// A new API key.
    CreateKey {
        /// Whose.
        account: AccountId,
        /// Whether it may read, and trade.
        may: (bool, bool),
        /// What verifies its signatures; `None`: a new secret.
        ed25519_public_key: Option<String>,
    },
    /// An API key is taken back.
    RevokeKey(String),
    /// A snapshot now.
    Snapshot,
    /// The digest of the state.
    Digest,
    /// What is logged.
    LogLevels,
    /// What is logged from now on.
    SetLogLevels(String),
}

/// What is shown of a command that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An asset.
    Asset(AssetId),
    /// An instrument.
    Instrument(InstrumentId),
    /// An account.
    Account(AccountId),
    /// Movements of funds.
    Funds(AccountId),
    /// What a kill switch ended.
    KillSwitch,
    /// What a mass cancel ended.
    Cancelled,
}

impl Act {
    /// Reads a request: its path behind [`PREFIX`], not decoded, and its body.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn read(method: &str, path: &str, body: &[u8], models: &Models) -> Result<Self, Problem> {
        let segments = request::segments(path)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (method, segments.as_slice()) {
            ("GET", ["status"]) => Ok(Self::Status),
            ("GET", ["assets"]) => Ok(Self::Tell(view::assets(models))),
            ("POST", ["assets"]) => request::add_asset(body, models),
            ("GET", ["instruments"]) => Ok(Self::Tell(view::instruments(models))),
            ("POST", ["instruments"]) => request::add_instrument(body, models),
            (_, ["instruments", symbol, rest @ ..]) => {
                let instrument = request::instrument(symbol, models)?;
                request::of_instrument(method, instrument, rest, body, models)
            }
            ("GET", ["accounts"]) => Ok(Self::Tell(view::accounts(models))),
            ("POST", ["accounts"]) => request::add_account(body, models),
            (_, ["accounts", account, rest @ ..]) => {
                let account = request::account(account, models)?;
                request::of_account(method, account, rest, body, models)
            }
            ("POST", ["kill-switch"]) => request::kill_switch(AccountId::ALL, body),
            ("GET", ["keys"]) => Ok(Self::ListKeys),
            ("POST", ["keys"]) => request::create_key(body, models),
            ("DELETE", ["keys", api_key]) => Ok(Self::RevokeKey((*api_key).to_owned())),
            ("POST", ["snapshot"]) => Ok(Self::Snapshot),
            ("GET", ["digest"]) => Ok(Self::Digest),
            ("GET", ["log-levels"]) => Ok(Self::LogLevels),
            ("PUT", ["log-levels"]) => request::log_levels(body),
            _ => Err(no_such_call()),
        }
    }
}

impl Shown {
    /// The answer to a command, from its durable events and what is so after them.
    ///
    /// # Errors
    /// The engine's denial.
    pub fn answer(self, events: &Events, models: &Models) -> Result<Value, Problem> {
        if let Some(denied) = first::<Denied>(events) {
            return Err(problem::denied(denied.reason));
        }
        let answer = match self {
            Self::Asset(asset) => view::asset(models, asset),
            Self::Instrument(instrument) => {
                let spec = models.instruments().get(instrument);
                spec.map(|spec| view::instrument(models, spec))
            }
            Self::Account(account) => view::account(models, account),
            Self::Funds(account) => view::account(models, account).map(|mut shown| {
                shown["repeated"] = first::<FundingRepeated>(events).is_some().into();
                shown
            }),
            Self::KillSwitch => first::<KillSwitchSet>(events)
                .map(|set| json!({ "on": set.on == 1, "orders_ended": set.orders })),
            Self::Cancelled => {
                first::<MassCancelDone>(events).map(|done| json!({ "orders_ended": done.orders }))
            }
        };
        // What the command did is in its events, and what it is about is in the read models.
        answer.ok_or_else(Problem::internal)
    }
}
