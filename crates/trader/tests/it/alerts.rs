//! What is told of a trader's states, once when it begins and once when it is over; and who takes it.

use std::time::Duration;

use tiercel_execution::breaker::BreakerState;
use tiercel_execution::oms::Anomaly;
use tiercel_execution::risk::{Day, Mode};
use tiercel_strategy::LEVELS;
use tiercel_telemetry::Registry;
use tiercel_testkit::webhook::{Fate, Posted, Webhook};
use tiercel_trader::alert::{Alert, Code, Severity, Sinks, Watch, WatchOptions};
use tiercel_trader::config::{AlertsTable, TEMPLATE, TraderConfig, WebhookTable};
use tiercel_trader::hot::Ended;
use tiercel_trader::reason::ModeReason;
use tiercel_trader::state::{MarketView, OrderView, TraderState};
use tiercel_trader::tell::Names;
use tiercel_types::market::Level;
use tiercel_types::{ClientOrderId, InstrumentId, Money, Price, Qty, Side, Timestamp};

use super::place::Place;

const PATIENCE: Duration = Duration::from_secs(20);
const SECOND_NS: u64 = 1_000_000_000;
const CLOSED: BreakerState = BreakerState::Closed { failures: 0 };

fn at(second: u64) -> Timestamp {
    Timestamp(1_000_000 * SECOND_NS + second * SECOND_NS)
}

fn market(is_live: bool) -> MarketView {
    MarketView {
        instrument: InstrumentId(0),
        is_live,
        bids: [Level::default(); LEVELS],
        asks: [Level::default(); LEVELS],
        last_price: Price::ZERO,
        owned: Money::default(),
        average_price: None,
        realised: Money::default(),
        unrealised: None,
        cash: Money::default(),
        fees: Money::default(),
        bought: Money::default(),
        sold: Money::default(),
    }
}

fn order(name: &str, is_unknown: bool) -> OrderView {
    OrderView {
        client_order_id: ClientOrderId::new(name.as_bytes()).unwrap(),
        instrument: InstrumentId(0),
        side: Side::Buy,
        price: Price::ZERO,
        qty: Qty::ZERO,
        executed_qty: Qty::ZERO,
        state: if is_unknown { "unknown_new" } else { "working" },
        is_unknown,
    }
}

/// A trader with which nothing is the matter: two lines, a venue, a market.
fn well() -> TraderState {
    TraderState {
        time_ns: 1,
        acts: true,
        lines: vec![true, true],
        breakers: vec![CLOSED],
        markets: vec![market(true)],
        ..TraderState::default()
    }
}

fn watch() -> Watch {
    let names = Names {
        lines: vec!["desk market data".to_owned(), "desk orders".to_owned()],
        venues: vec!["desk".to_owned()],
        instruments: vec![("desk".to_owned(), "BTCUSDT".to_owned())],
        quote_asset: "USDT".to_owned(),
        ..Names::default()
    };
    Watch::new("desk-1".to_owned(), names, WatchOptions::of(&AlertsTable::default()))
}

/// What is told of these states, of each second one.
fn told(watch: &mut Watch, first: u64, states: &[TraderState]) -> Vec<(u64, Alert)> {
    let mut alerts = Vec::new();
    for (second, state) in (first..).zip(states) {
        alerts.extend(watch.look(at(second), state).into_iter().map(|alert| (second, alert)));
    }
    alerts
}

/// When, what, of what, and whether it is over.
fn short(alerts: &[(u64, Alert)]) -> Vec<(u64, &'static str, &str, bool)> {
    let rows = alerts.iter();
    rows.map(|(at, alert)| (*at, alert.code.as_str(), alert.subject.as_str(), alert.resolved))
        .collect()
}

#[test]
fn a_line_that_is_gone_for_long_is_told_once_with_its_reason_and_once_when_it_is_back() {
    let mut watch = watch();
    let gone = TraderState { lines: vec![true, false], ..well() };
    // Nine seconds are not worth it, ten are.
    let mut states = vec![well()];
    states.extend(vec![gone.clone(); 9]);
    states.push(well());
    assert!(told(&mut watch, 0, &states).is_empty());
    watch.line_went(1, "the venue has ended");
    let mut states = vec![gone; 30];
    states.extend(vec![well(); 30]);
    let alerts = told(&mut watch, 100, &states);
    let expected =
        [(110, "line_down", "desk orders", false), (130, "line_down", "desk orders", true)];
    assert_eq!(short(&alerts), expected);
    let text = "desk orders: no connection for longer than 10 s: the venue has ended";
    assert_eq!(alerts[0].1.text, text);
    assert_eq!(alerts[1].1.text, "desk orders: connected, after 30.0 s");
    let numbers: Vec<u64> = alerts.iter().map(|(_, alert)| alert.number).collect();
    assert_eq!((numbers, alerts[0].1.time_ns), (vec![1, 2], at(110).0));
}

#[test]
fn a_stale_market_and_an_open_breaker_are_told_once_each_and_once_when_they_are_over() {
    let mut watch = watch();
    let open = BreakerState::Open { until: at(9) };
    let half = BreakerState::HalfOpen { permit: true };
    let stale =
        |breaker| TraderState { markets: vec![market(false)], breakers: vec![breaker], ..well() };
    let mut states = vec![well()];
    states.extend([open, open, half, open, half, CLOSED].map(stale));
    states.extend(vec![stale(CLOSED); 10]);
    states.push(well());
    let alerts = told(&mut watch, 0, &states);
    let expected = [
        (1, "breaker_open", "desk", false),
        (6, "breaker_open", "desk", true),
        (11, "market_stale", "desk BTCUSDT", false),
        (17, "market_stale", "desk BTCUSDT", true),
    ];
    assert_eq!(short(&alerts), expected);
}

#[test]
fn each_change_of_the_mode_is_told_with_what_set_it() {
    let mut watch = watch();
    let state = |mode, mode_reason| TraderState {
        mode,
        mode_reason,
        result: Some(Money::from_qty(Qty::from_units(150_000_000))),
        ..well()
    };
    let states = [
        well(),
        state(Mode::Reducing, ModeReason::Loss),
        state(Mode::Reducing, ModeReason::Loss),
        state(Mode::Halted, ModeReason::Asked),
        state(Mode::Halted, ModeReason::Journal),
        state(Mode::Active, ModeReason::Free),
    ];
    let alerts = told(&mut watch, 0, &states);
    let expected = [(1, "mode", "", false), (3, "mode", "", false), (5, "mode", "", true)];
    assert_eq!(short(&alerts), expected);
    let told: Vec<(Severity, &str)> =
        alerts.iter().map(|(_, alert)| (alert.severity, alert.text.as_str())).collect();
    let loss = "positions may only be reduced: a loss of the day, or a fall from its best; the \
                result is 1.5000 USDT";
    assert_eq!(told[0], (Severity::Warning, loss));
    let asked = "halted, nothing but cancels leaves: somebody halted it";
    assert_eq!(told[1], (Severity::Critical, asked));
    assert_eq!(told[2], (Severity::Critical, "active again: somebody enabled it"));
}

#[test]
fn what_set_the_mode_is_in_a_traders_state() {
    let mut place = Place::new(u64::MAX);
    let mut state = TraderState::default();
    let now = Timestamp(place.lines.core.timing.now_ns());
    place.lines.core.halt(now);
    state.fill(now.0, &place.lines);
    assert_eq!((state.mode, state.mode_reason), (Mode::Halted, ModeReason::Asked));
    place.lines.core.enable();
    state.fill(now.0, &place.lines);
    assert_eq!((state.mode, state.mode_reason), (Mode::Active, ModeReason::Free));
    assert!(!state.has_journal_failed);
    // As far below the day's best as halts it.
    let best = Money::from_units(i128::MAX >> 1);
    let day = Some(Day { number: now.0 / 86_400_000_000_000, base: best, best });
    place.lines.core.oms_mut().gate_mut().restore(Mode::Active, day);
    place.lines.core.tick(now);
    state.fill(now.0, &place.lines);
    assert_eq!((state.mode, state.mode_reason), (Mode::Halted, ModeReason::Loss));
}

#[test]
fn orders_of_unknown_outcome_are_one_trouble_and_short_ones_behind_each_other_are_none() {
    let mut watch = watch();
    let unknown = |names: &[&str]| TraderState {
        unknown_orders: names.len() as u32,
        orders: names.iter().map(|name| order(name, true)).chain([order("w", false)]).collect(),
        ..well()
    };
    let mut states = vec![unknown(&["a"]); 9];
    states.extend(vec![unknown(&["b"]); 9]);
    states.push(well());
    assert!(told(&mut watch, 0, &states).is_empty());
    let mut states = vec![unknown(&["c"]); 5];
    states.extend(vec![unknown(&["c", "d"]); 10]);
    states.extend(vec![unknown(&["d"]); 5]);
    states.push(well());
    let alerts = told(&mut watch, 100, &states);
    let expected = [(110, "order_unknown", "", false), (120, "order_unknown", "", true)];
    assert_eq!(short(&alerts), expected);
    let text = "orders of unknown outcome for longer than 10 s: 1, such as c";
    assert_eq!((alerts[0].1.text.as_str(), alerts[0].1.severity), (text, Severity::Critical));
    // More than are shown.
    let many = TraderState { unknown_orders: 7, ..well() };
    let alerts = told(&mut watch, 200, &vec![many; 20]);
    assert_eq!(short(&alerts), [(210, "order_unknown", "", false)]);
    assert!(alerts[0].1.text.ends_with(": 7"), "{}", alerts[0].1.text);
}

#[test]
fn anomalies_are_one_trouble_until_there_was_none_for_a_minute() {
    let mut watch = watch();
    let state = |anomalies| {
        let mut state = well();
        state.counts.anomalies = anomalies;
        state
    };
    watch.anomaly(&Anomaly::Stray { order: ClientOrderId::new(b"x").unwrap() });
    let mut states = vec![state(0), state(2), state(2), state(3)];
    states.extend(vec![state(3); 70]);
    states.push(state(4));
    let alerts = told(&mut watch, 0, &states);
    let expected =
        [(1, "anomaly", "", false), (63, "anomaly", "", true), (74, "anomaly", "", false)];
    assert_eq!(short(&alerts), expected);
    let first = "what should not have happened: x: an order of this trader that it does not know";
    assert_eq!(alerts[0].1.text, first);
    assert_eq!(alerts[1].1.text, "no anomaly for 60 s; there were 3");
}

#[test]
fn a_strategy_that_does_not_begin_is_told_and_so_is_each_thing_that_a_venue_says_and_was_not_known()
{
    let mut watch = watch();
    let waits = TraderState { acts: false, ..well() };
    let mut states = vec![waits.clone(); 32];
    states.push(TraderState { open_orders: 3, ..waits });
    states.push(well());
    let alerts = told(&mut watch, 0, &states);
    assert_eq!(short(&alerts), [(30, "not_acting", "", false), (33, "not_acting", "", true)]);
    let text = "the strategy does not act for longer than 30 s: a venue does not say what is open, or \
                what is owned has no price";
    assert_eq!((alerts[0].1.text.as_str(), alerts[0].1.severity), (text, Severity::Warning));
    for text in ["one", "other"] {
        watch.differs(text.to_owned());
    }
    let alerts = told(&mut watch, 40, &[well(), well()]);
    assert_eq!(short(&alerts), [(40, "difference", "", false); 2]);
    assert_eq!([&*alerts[0].1.text, &*alerts[1].1.text], ["one", "other"]);
}

#[test]
fn a_journal_that_fails_and_the_end_are_told_and_nothing_before_the_first_state() {
    let mut watch = watch();
    let early = TraderState { has_journal_failed: true, ..TraderState::default() };
    assert!(watch.look(at(0), &early).is_empty());
    let failed = TraderState { has_journal_failed: true, ..well() };
    let alerts = told(&mut watch, 1, &vec![failed; 3]);
    assert_eq!(short(&alerts), [(1, "journal_failed", "", false)]);
    let ends = [
        (Ok(Ended::Clean), Severity::Info, "nothing is open"),
        (Ok(Ended::Open(3)), Severity::Critical, "3 orders may be open"),
        (Err("no memory".to_owned()), Severity::Critical, "no memory"),
    ];
    for (outcome, severity, text) in ends {
        let alert = watch.ended(at(9), &outcome);
        assert_eq!((alert.code, alert.severity), (Code::Ended, severity));
        assert!(alert.text.contains(text), "{}", alert.text);
    }
}

fn alert(number: u64) -> Alert {
    Alert {
        number,
        source: "desk-1".to_owned(),
        code: Code::LineDown,
        subject: "desk orders".to_owned(),
        severity: Severity::Warning,
        text: "gone".to_owned(),
        time_ns: 9,
        resolved: number.is_multiple_of(2),
    }
}

fn quiet(_: &str) {}

fn table(webhook: &Webhook) -> WebhookTable {
    WebhookTable {
        url: webhook.url.clone(),
        retry_first_ms: 20,
        retry_max_ms: 100,
        ..WebhookTable::default()
    }
}

fn sinks(webhook: WebhookTable) -> (Sinks, Registry) {
    let table = AlertsTable { webhook: Some(webhook), ..AlertsTable::default() };
    let registry = Registry::new();
    (Sinks::new(&table, &registry, &quiet).unwrap(), registry)
}

fn next(webhook: &Webhook) -> Posted {
    webhook.next(PATIENCE).unwrap()
}

fn number(posted: &Posted) -> u64 {
    posted.body["number"].as_u64().unwrap()
}

#[test]
fn a_webhook_that_fails_twice_and_then_takes_them_has_all_of_them_in_order() {
    let webhook = Webhook::start(vec![Fate::Answered(503), Fate::Unanswered]);
    let (mut sinks, registry) = sinks(table(&webhook));
    for number in 1..=5 {
        sinks.tell(&alert(number));
    }
    let posted: Vec<Posted> = (0..7).map(|_| next(&webhook)).collect();
    let (failed, taken) = posted.split_at(2);
    assert!(failed.iter().all(|posted| number(posted) == 1 && !posted.is_taken()));
    assert_eq!(taken.iter().map(number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(taken.iter().all(Posted::is_taken));
    assert_eq!(taken[0].header("content-type"), Some("application/json"));
    assert_eq!(taken[0].header("authorization"), None);
    assert_eq!(taken[1].body, serde_json::to_value(alert(2)).unwrap());
    assert_eq!(taken[1].body["code"], Code::LineDown.as_str());
    let text = registry.text();
    assert!(text.contains("alerts_total{code=\"line_down\"} 3\n"), "{text}");
    assert!(text.contains("alerts_total{code=\"mode\"} 0\n"), "{text}");
    assert!(text.contains("alerts_dropped_total 0\n"), "{text}");
}

#[test]
fn the_oldest_that_waits_is_dropped_and_so_is_what_was_tried_often_enough_and_both_are_counted() {
    let webhook = Webhook::start(vec![Fate::Answered(302), Fate::Answered(500)]);
    let options = WebhookTable {
        waiting_max: 2,
        attempts_max: 2,
        retry_first_ms: 400,
        retry_max_ms: 400,
        ..table(&webhook)
    };
    let (mut sinks, registry) = sinks(options);
    sinks.tell(&alert(1));
    assert_eq!(number(&next(&webhook)), 1);
    // The first is under way, two wait.
    for number in 2..=5 {
        sinks.tell(&alert(number));
    }
    assert_eq!(number(&next(&webhook)), 1);
    assert_eq!([number(&next(&webhook)), number(&next(&webhook))], [4, 5]);
    drop(sinks);
    let text = registry.text();
    assert!(text.contains("alerts_dropped_total 3\n"), "{text}");
}

#[test]
fn a_token_is_shown_from_a_file_that_nobody_else_may_see_and_what_waits_at_the_end_is_posted() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("tiercel-alerts-token-{}", std::process::id()));
    std::fs::write(&path, "let-me\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    let webhook = Webhook::start(vec![Fate::Answered(500)]);
    let options = WebhookTable { token_file: Some(path.clone()), ..table(&webhook) };
    let start = || {
        let table = AlertsTable { webhook: Some(options.clone()), ..AlertsTable::default() };
        Sinks::new(&table, &Registry::new(), &quiet)
    };
    mode(0o644);
    let seen = start().err().map(|error| error.to_string());
    mode(0o600);
    let mut sinks = start().unwrap();
    sinks.tell(&alert(1));
    drop(sinks);
    let posted = [next(&webhook), next(&webhook)];
    std::fs::remove_file(&path).unwrap();
    assert!(seen.is_some_and(|error| error.contains("mode 644")));
    for posted in &posted {
        assert_eq!((number(posted), posted.header("authorization")), (1, Some("Bearer let-me")));
    }
    assert!(posted[1].is_taken());
}

#[test]
fn the_table_of_alerts_has_the_templates_values_and_mistakes_are_told_by_key() {
    let config: TraderConfig = TEMPLATE.parse().unwrap();
    assert_eq!(config.alerts, AlertsTable::default());
    // The webhook's keys stand in the template with their defaults.
    let keys = [
        "url",
        "token_file",
        "tls_roots",
        "timeout_ms",
        "retry_first_ms",
        "retry_max_ms",
        "attempts_max",
        "waiting_max",
    ];
    let (before, after) = TEMPLATE.split_once("# [alerts.webhook]").unwrap();
    let mut after = after.to_owned();
    for key in keys {
        after = after.replacen(&format!("\n# {key} = "), &format!("\n{key} = "), 1);
    }
    let text = format!("{before}[alerts.webhook]{after}");
    let config: TraderConfig = text.parse().unwrap();
    let webhook = config.alerts.webhook.unwrap();
    let default = WebhookTable {
        url: "https://example.com/alerts".to_owned(),
        token_file: Some("alerts-token".into()),
        tls_roots: Some("/etc/ssl/certs/ca-certificates.crt".into()),
        ..WebhookTable::default()
    };
    assert_eq!(webhook, default);
    for (from, to, key) in [
        ("url = \"https://", "url = \"ftp://", "alerts.webhook.url"),
        ("url = \"https://example.com/alerts\"", "url = \"http://\"", "alerts.webhook.url"),
        ("\ntls_roots = ", "\n# tls_roots = ", "alerts.webhook.tls_roots"),
        ("\ntimeout_ms = 5000", "\ntimeout_ms = 60001", "alerts.webhook.timeout_ms"),
        ("retry_max_ms = 30000", "retry_max_ms = 499", "alerts.webhook.retry_max_ms"),
        ("attempts_max = 20", "attempts_max = 0", "alerts.webhook.attempts_max"),
        ("waiting_max = 256", "waiting_max = 0", "alerts.webhook.waiting_max"),
        ("line_down_s = 10", "line_gone_s = 10", "line_gone_s"),
    ] {
        assert!(text.contains(from), "{from}");
        let told = text.replacen(from, to, 1).parse::<TraderConfig>().unwrap_err().to_string();
        assert!(told.contains(key), "{told}");
    }
}
