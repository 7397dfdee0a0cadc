//! What a run reached: which events, denials, ends and preventions, and how often.

use core::fmt;
use std::collections::BTreeMap;

use tiercel_types::{Command, DenialReason, EndReason, Event, SelfTradePrevention, command, event};

use crate::model::Mode;

/// Counts what a run reached.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Commands by kind.
    pub commands: BTreeMap<command::Kind, u64>,
    /// Events by kind.
    pub events: BTreeMap<event::Kind, u64>,
    /// Denials by kind of command and reason.
    pub denials: BTreeMap<(command::Kind, DenialReason), u64>,
    /// Ends by reason.
    pub ends: BTreeMap<EndReason, u64>,
    /// Prevented self-trades by what was done.
    pub preventions: BTreeMap<SelfTradePrevention, u64>,
}

/// Denials that take more than a run has: 2^48 orders, 1,024 groups of unseen orders on a side,
/// 4,096 countdowns.
const UNREACHABLE: [DenialReason; 3] = [
    DenialReason::OrderIdsExhausted,
    DenialReason::UnseenGroupsFull,
    DenialReason::TooManyCountdowns,
];

/// Denials that only an engine with accounts has.
const FULL_ONLY: [DenialReason; 16] = [
    DenialReason::UnknownAccount,
    DenialReason::UnknownAsset,
    DenialReason::AccountBlocked,
    DenialReason::DuplicateClientOrderId,
    DenialReason::InsufficientFunds,
    DenialReason::TooManyOpenOrders,
    DenialReason::UnknownTrade,
    DenialReason::TradeBusted,
    DenialReason::CorrectionInvalid,
    DenialReason::AmountInvalid,
    DenialReason::FundingIdTooOld,
    DenialReason::FundingIdInvalid,
    DenialReason::TransferToSelf,
    DenialReason::PegLimitRequired,
    DenialReason::ProtectionRequired,
    DenialReason::SessionRequired,
];

/// Denials that only the bare engine has.
const BARE_ONLY: [DenialReason; 2] = [DenialReason::DuplicateOrderId, DenialReason::NoAccounts];

/// Events that only an engine with accounts has.
const FULL_ONLY_EVENTS: [event::Kind; 6] = [
    event::Kind::TradeBusted,
    event::Kind::TradeCorrected,
    event::Kind::AccountChanged,
    event::Kind::FundsMoved,
    event::Kind::FundingRepeated,
    event::Kind::CountdownSet,
];

/// Ends that only an engine with accounts has.
const FULL_ONLY_ENDS: [EndReason; 2] = [EndReason::Disconnected, EndReason::Countdown];

impl Coverage {
    /// Counts a command.
    pub fn command(&mut self, command: &Command) {
        *self.commands.entry(command.kind()).or_default() += 1;
    }

    /// Counts an event.
    pub fn event(&mut self, event: &Event) {
        *self.events.entry(event.kind()).or_default() += 1;
        match event {
            Event::Denied(denied) => {
                *self.denials.entry((denied.command, denied.reason)).or_default() += 1;
            }
            Event::OrderEnded(ended) => *self.ends.entry(ended.reason).or_default() += 1,
            Event::SelfTradePrevented(prevented) => {
                *self.preventions.entry(prevented.action).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Adds what another run reached.
    pub fn add(&mut self, other: &Self) {
        fn add<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            for (key, count) in from {
                *to.entry(*key).or_default() += count;
            }
        }
        add(&mut self.commands, &other.commands);
        add(&mut self.events, &other.events);
        add(&mut self.denials, &other.denials);
        add(&mut self.ends, &other.ends);
        add(&mut self.preventions, &other.preventions);
    }

    /// How often a reason was given, whatever the command.
    pub fn denied(&self, reason: DenialReason) -> u64 {
        let of_reason = self.denials.iter().filter(|((_, each), _)| *each == reason);
        of_reason.map(|(_, count)| count).sum()
    }

    /// What an engine of this mode can do and the run did not reach: event kinds, denial reasons,
    /// end reasons and preventions.
    pub fn missing(&self, mode: Mode) -> Vec<String> {
        let impossible_events: &[_] = if mode == Mode::Bare { &FULL_ONLY_EVENTS } else { &[] };
        let impossible: &[_] = if mode == Mode::Bare { &FULL_ONLY } else { &BARE_ONLY };
        let mut missing = Vec::new();
        for kind in event::Kind::ALL {
            if !self.events.contains_key(kind) && !impossible_events.contains(kind) {
                missing.push(format!("event {kind}"));
            }
        }
        for reason in DenialReason::ALL {
            let unreachable = UNREACHABLE.contains(reason) || impossible.contains(reason);
            if self.denied(*reason) == 0 && !unreachable {
                missing.push(format!("denial {reason}"));
            }
        }
        for reason in EndReason::ALL {
            let impossible = mode == Mode::Bare && FULL_ONLY_ENDS.contains(reason);
            if !self.ends.contains_key(reason) && !impossible {
                missing.push(format!("end {reason}"));
            }
        }
        for action in SelfTradePrevention::ALL {
            // Without accounts there are no groups: nothing is transferred within one.
            let possible = *action != SelfTradePrevention::None
                && (mode == Mode::Full || *action != SelfTradePrevention::Transfer);
            if possible && !self.preventions.contains_key(action) {
                missing.push(format!("prevention {action}"));
            }
        }
        missing
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in &self.commands {
            writeln!(f, "{count:>10} command {kind}")?;
        }
        for (kind, count) in &self.events {
            writeln!(f, "{count:>10} event {kind}")?;
        }
        for ((kind, reason), count) in &self.denials {
            writeln!(f, "{count:>10} denial of {kind}: {reason}")?;
        }
        for (reason, count) in &self.ends {
            writeln!(f, "{count:>10} end {reason}")?;
        }
        for (action, count) in &self.preventions {
            writeln!(f, "{count:>10} prevention {action}")?;
        }
        Ok(())
    }
}
