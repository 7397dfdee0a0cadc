//! What is worth telling, of the states that a trader shows one after the other.
//!
//! Architecture Invariant: the same states at the same times give the same alerts.

use tiercel_execution::breaker::BreakerState;
use tiercel_execution::oms::Anomaly;
use tiercel_execution::risk::Mode;
use tiercel_types::{ClientOrderId, Timestamp};

use crate::alert::alarm::Outcome;
use crate::alert::{Alert, Code, Severity};
use crate::config::AlertsTable;
use crate::hot::Ended;
use crate::lines::LineId;
use crate::reason::ModeReason;
use crate::state::{ORDERS_SHOWN, TraderState};
use crate::tell::Names;

const SECOND_NS: u64 = 1_000_000_000;
/// Characters of a reason that somebody else gave, at most.
const REASON_MAX: usize = 200;

/// How long something lasts before it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// A market that is stale.
    pub market_stale_ns: u64,
    /// A connection that is gone.
    pub line_down_ns: u64,
    /// An outcome that is not known.
    pub order_unknown_ns: u64,
    /// A strategy that does not act.
    pub not_acting_ns: u64,
    /// After how long without another one anomalies are over.
    pub anomaly_quiet_ns: u64,
}

impl WatchOptions {
    /// Those of a configuration.
    pub const fn of(table: &AlertsTable) -> Self {
        Self {
            market_stale_ns: table.market_stale_s.saturating_mul(SECOND_NS),
            line_down_ns: table.line_down_s.saturating_mul(SECOND_NS),
            order_unknown_ns: table.order_unknown_s.saturating_mul(SECOND_NS),
            not_acting_ns: table.not_acting_s.saturating_mul(SECOND_NS),
            anomaly_quiet_ns: table.anomaly_quiet_s.saturating_mul(SECOND_NS),
        }
    }
}

/// Trouble that is told once it has lasted, and once it is over if it was told.
#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    since_ns: Option<u64>,
    is_told: bool,
}

/// What is to be told of it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Begun,
    Over { lasted_ns: u64 },
}

impl Trouble {
    fn look(&mut self, now: Timestamp, is_there: bool, after_ns: u64) -> Option<Turn> {
        if is_there {
            let since_ns = *self.since_ns.get_or_insert(now.0);
            let is_due = !self.is_told && now.0.saturating_sub(since_ns) >= after_ns;
            self.is_told |= is_due;
            return is_due.then_some(Turn::Begun);
        }
        let since_ns = self.since_ns.take()?;
        let was_told = std::mem::take(&mut self.is_told);
        was_told.then_some(Turn::Over { lasted_ns: now.0.saturating_sub(since_ns) })
    }
}

/// Orders of which nobody knows what became: one trouble, however many they are.
#[derive(Debug, Default)]
struct Unknown {
    /// Those that are shown, and since when.
    shown: Vec<(ClientOrderId, u64)>,
    /// Since when there are more than are shown.
    more_since_ns: Option<u64>,
    trouble: Trouble,
}

impl Unknown {
    /// How many have been so for long, and the first of them that is shown.
    fn overdue(
        &mut self,
        now: Timestamp,
        state: &TraderState,
        after_ns: u64,
    ) -> (usize, Option<ClientOrderId>) {
        let unknown = || state.orders.iter().filter(|order| order.is_unknown);
        self.shown.retain(|(name, _)| unknown().any(|order| order.client_order_id == *name));
        for order in unknown() {
            let name = order.client_order_id;
            if self.shown.len() < ORDERS_SHOWN && self.shown.iter().all(|(known, _)| *known != name)
            {
                self.shown.push((name, now.0));
            }
        }
        let more = (state.unknown_orders as usize).saturating_sub(unknown().count());
        self.more_since_ns = (more > 0).then(|| self.more_since_ns.unwrap_or(now.0));
        let is_overdue = |since_ns: u64| now.0.saturating_sub(since_ns) >= after_ns;
        let overdue = || self.shown.iter().filter(|(_, since_ns)| is_overdue(*since_ns));
        let more = if self.more_since_ns.is_some_and(is_overdue) { more } else { 0 };
        (overdue().count() + more, overdue().next().map(|(name, _)| *name))
    }
}

/// Things that should not have happened: one trouble until there was none for some time.
#[derive(Debug, Default)]
struct Anomalies {
    seen: u64,
    last_ns: u64,
    /// How many there were when they began.
    first: Option<u64>,
    /// What was heard of the newest.
    text: String,
}

/// What was told, and since when what is not told yet.
#[derive(Debug)]
pub struct Watch {
    source: String,
    names: Names,
    options: WatchOptions,
    /// Of the newest alert.
    number: u64,
    mode: Mode,
    lines: Vec<Trouble>,
    /// Why lines went, by their number.
    reasons: Vec<String>,
    markets: Vec<Trouble>,
    breakers: Vec<Trouble>,
    journal: Trouble,
    not_acting: Trouble,
    unknown: Unknown,
    anomalies: Anomalies,
    /// What venues say and was not known, until it is told.
    differences: Vec<String>,
}

impl Watch {
    /// One that has seen nothing yet, of a trader that is called `source` and whose things have these names.
    pub fn new(source: String, names: Names, options: WatchOptions) -> Self {
        let none = |count: usize| vec![Trouble::default(); count];
        Self {
            source,
            options,
            number: 0,
            mode: Mode::Active,
            lines: none(names.lines.len()),
            reasons: vec![String::new(); names.lines.len()],
            markets: none(names.instruments.len()),
            breakers: none(names.venues.len()),
            journal: Trouble::default(),
            not_acting: Trouble::default(),
            unknown: Unknown::default(),
            anomalies: Anomalies::default(),
            differences: Vec::new(),
            names,
        }
    }

    /// A line went, for this reason.
    pub fn line_went(&mut self, line: LineId, why: &str) {
        if let Some(reason) = self.reasons.get_mut(line) {
            *reason = why.chars().take(REASON_MAX).collect();
        }
    }

    /// Something happened that should not have.
    pub fn anomaly(&mut self, anomaly: &Anomaly) {
        self.anomalies.text = anomaly.to_string();
    }

    /// A venue says at the start what was not known.
    pub fn differs(&mut self, what: String) {
        self.differences.push(what);
    }

    /// What is new in a state. Before a trader has shown its first one, nothing is.
    pub fn look(&mut self, now: Timestamp, state: &TraderState) -> Vec<Alert> {
        let mut alerts = Vec::new();
        if state.time_ns == 0 {
            return alerts;
        }
        self.look_at_mode(now, state, &mut alerts);
        for text in std::mem::take(&mut self.differences) {
            let code = (Code::Difference, String::new());
            alerts.push(self.alert(now, code, Severity::Warning, (text, false)));
        }
        self.look_at_journal(now, state, &mut alerts);
        self.look_at_lines(now, state, &mut alerts);
        self.look_at_markets(now, state, &mut alerts);
        self.look_at_breakers(now, state, &mut alerts);
        self.look_at_orders(now, state, &mut alerts);
        self.look_at_strategy(now, state, &mut alerts);
        self.look_at_anomalies(now, state, &mut alerts);
        alerts
    }

    /// The trader has ended so.
    pub fn ended(&mut self, now: Timestamp, outcome: &Outcome) -> Alert {
        let (severity, text) = match outcome {
            Ok(Ended::Clean) => {
                (Severity::Info, "the trader has ended, and nothing is open".into())
            }
            Ok(Ended::Open(orders)) => {
                let text = format!("the trader has ended, and {orders} orders may be open still");
                (Severity::Critical, text)
            }
            Err(why) => (Severity::Critical, format!("the trader has failed: {why}")),
        };
        self.alert(now, (Code::Ended, String::new()), severity, (text, false))
    }

    fn alert(
        &mut self,
        now: Timestamp,
        (code, subject): (Code, String),
        severity: Severity,
        (text, resolved): (String, bool),
    ) -> Alert {
        self.number += 1;
        let (number, source) = (self.number, self.source.clone());
        Alert { number, source, code, subject, severity, text, time_ns: now.0, resolved }
    }

    fn look_at_mode(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        let before = std::mem::replace(&mut self.mode, state.mode);
        if before == state.mode {
            return;
        }
        let severity = |mode| match mode {
            Mode::Active => Severity::Info,
            Mode::Reducing => Severity::Warning,
            Mode::Halted => Severity::Critical,
        };
        let why = state.mode_reason.words();
        let (worse, text) = match state.mode {
            Mode::Active => (before, format!("active again: {why}")),
            Mode::Reducing => (Mode::Reducing, format!("positions may only be reduced: {why}")),
            Mode::Halted => (Mode::Halted, format!("halted, nothing but cancels leaves: {why}")),
        };
        let result = match (state.mode_reason, state.result) {
            (ModeReason::Loss, Some(result)) => {
                format!("; the result is {result:.4} {}", self.names.quote_asset)
            }
            _ => String::new(),
        };
        let told = (text + &result, state.mode == Mode::Active);
        alerts.push(self.alert(now, (Code::Mode, String::new()), severity(worse), told));
    }

    fn look_at_journal(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        let Some(turn) = self.journal.look(now, state.has_journal_failed, 0) else { return };
        let begun = "the journal cannot be written: nothing but cancels leaves".to_owned();
        let told = told(turn, begun, "the journal can be written again");
        let code = (Code::JournalFailed, String::new());
        alerts.push(self.alert(now, code, Severity::Critical, told));
    }

    fn look_at_lines(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        let after_ns = self.options.line_down_ns;
        for at in 0..self.lines.len().min(state.lines.len()) {
            let Some(turn) = self.lines[at].look(now, !state.lines[at], after_ns) else { continue };
            let name = self.names.lines[at].clone();
            let reason = match self.reasons[at].as_str() {
                "" => "it was never there",
                reason => reason,
            };
            let begun = format!("{name}: no connection{}: {reason}", for_longer(after_ns));
            let told = told(turn, begun, &format!("{name}: connected"));
            alerts.push(self.alert(now, (Code::LineDown, name), Severity::Warning, told));
        }
    }

    fn look_at_markets(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        let after_ns = self.options.market_stale_ns;
        for at in 0..self.markets.len().min(state.markets.len()) {
            let is_stale = !state.markets[at].is_live;
            let Some(turn) = self.markets[at].look(now, is_stale, after_ns) else { continue };
            let (venue, symbol) = &self.names.instruments[at];
            let name = format!("{venue} {symbol}");
            let begun = format!("{name}: the book is of the past{}", for_longer(after_ns));
            let told = told(turn, begun, &format!("{name}: the book is the venue's"));
            alerts.push(self.alert(now, (Code::MarketStale, name), Severity::Warning, told));
        }
    }

    fn look_at_breakers(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        for at in 0..self.breakers.len().min(state.breakers.len()) {
            let is_open = !matches!(state.breakers[at], BreakerState::Closed { .. });
            let Some(turn) = self.breakers[at].look(now, is_open, 0) else { continue };
            let name = self.names.venues[at].clone();
            let begun = format!("{name}: failed too often, and is left alone for a time");
            let told = told(turn, begun, &format!("{name}: takes orders again"));
            alerts.push(self.alert(now, (Code::BreakerOpen, name), Severity::Warning, told));
        }
    }

    fn look_at_orders(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        let after_ns = self.options.order_unknown_ns;
        let (overdue, first) = self.unknown.overdue(now, state, after_ns);
        let Some(turn) = self.unknown.trouble.look(now, overdue > 0, 0) else { return };
        let such_as = first.map_or_else(String::new, |name| format!(", such as {}", name.as_str()));
        let begun =
            format!("orders of unknown outcome{}: {overdue}{such_as}", for_longer(after_ns));
        let told = told(turn, begun, "no outcome is unknown for long");
        let code = (Code::OrderUnknown, String::new());
        alerts.push(self.alert(now, code, Severity::Critical, told));
    }

    fn look_at_strategy(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        let after_ns = self.options.not_acting_ns;
        let Some(turn) = self.not_acting.look(now, !state.acts, after_ns) else { return };
        let open = match state.open_orders {
            0 => "a venue does not say what is open, or what is owned has no price".to_owned(),
            orders => format!("{orders} orders are open still"),
        };
        let begun = format!("the strategy does not act{}: {open}", for_longer(after_ns));
        let told = told(turn, begun, "the strategy acts");
        let code = (Code::NotActing, String::new());
        alerts.push(self.alert(now, code, Severity::Warning, told));
    }

    fn look_at_anomalies(&mut self, now: Timestamp, state: &TraderState, alerts: &mut Vec<Alert>) {
        let (seen, count) = (self.anomalies.seen, state.counts.anomalies);
        let subject = || (Code::Anomaly, String::new());
        if count > seen {
            (self.anomalies.seen, self.anomalies.last_ns) = (count, now.0);
            if self.anomalies.first.is_none() {
                self.anomalies.first = Some(seen);
                let what = std::mem::take(&mut self.anomalies.text);
                let colon = if what.is_empty() { "" } else { ": " };
                let text = format!("what should not have happened{colon}{what}");
                alerts.push(self.alert(now, subject(), Severity::Warning, (text, false)));
            }
            return;
        }
        let quiet_ns = now.0.saturating_sub(self.anomalies.last_ns);
        if quiet_ns >= self.options.anomaly_quiet_ns
            && let Some(first) = self.anomalies.first.take()
        {
            self.anomalies.text.clear();
            let text = format!(
                "no anomaly for {} s; there were {}",
                quiet_ns / SECOND_NS,
                count.saturating_sub(first)
            );
            alerts.push(self.alert(now, subject(), Severity::Warning, (text, true)));
        }
    }
}

/// What is told of a trouble, and whether it is over.
fn told(turn: Turn, begun: String, over: &str) -> (String, bool) {
    match turn {
        Turn::Begun => (begun, false),
        Turn::Over { lasted_ns } => {
            (format!("{over}, after {:.1} s", lasted_ns as f64 / SECOND_NS as f64), true)
        }
    }
}

fn for_longer(than_ns: u64) -> String {
    format!(" for longer than {} s", than_ns / SECOND_NS)
}
