//! `tiercel trade` at a venue of its own process: what it says it owns is what the venue says.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::command::{argument, file, run, tiercel};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue, ask, look};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// What each account was given, in units of 10^-16.
pub(crate) const BASE: i128 = 100 * ONE;
pub(crate) const QUOTE: i128 = 10_000_000 * ONE;
const ONE: i128 = 10_000_000_000_000_000;

/// A port that is free, and that no outgoing connection is given while nobody listens on it: one below those.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 22_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(61);
    (0..PORTS)
        .map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS + FIRST)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// A decimal of at most 16 places, in units of 10^-16.
pub(crate) fn units(text: &str) -> i128 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let places = format!("{places:0<16}");
    sign * (whole.parse::<i128>().expect(text) * ONE + places.parse::<i128>().expect(text))
}

/// A trader that is killed when the test ends.
pub(crate) struct Trader {
    pub(crate) child: Child,
    http: String,
}

impl Trader {
    pub(crate) fn start(config: &Path, http: u16) -> Self {
        Self::start_with(config, http, &[])
    }

    pub(crate) fn start_with(config: &Path, http: u16, more: &[&str]) -> Self {
        Self::start_to(config, http, more, Stdio::piped(), Stdio::null())
    }

    /// Starts it, with what reads its output and its messages.
    pub(crate) fn start_to(
        config: &Path,
        http: u16,
        more: &[&str],
        output: impl Into<Stdio>,
        messages: impl Into<Stdio>,
    ) -> Self {
        let child = tiercel()
            .args(["trade", "--json", "--config", argument(config)])
            .args(more)
            .stdout(output)
            .stderr(messages)
            .spawn()
            .expect("the binary runs");
        Self { child, http: format!("http://127.0.0.1:{http}") }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(id, signal).expect("it runs");
    }

    /// Waits for its end, and not for what it prints: its exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }

    /// What it shows, once it is so.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < end {
            if let Ok(mut answer) = ureq::get(&format!("{}/state", self.http)).call() {
                let text = answer.body_mut().read_to_string().expect("a text");
                last = serde_json::from_str(&text).expect("JSON");
                if is_so(&last) {
                    return last;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("never {what}: {last}");
    }

    /// Waits until none of its connections is there.
    pub(crate) fn until_alone(&self) {
        self.until("without its venue", |state| {
            let lines = state["lines"].as_array().expect("lines");
            lines.iter().all(|line| line[1] == false)
        });
    }

    /// Waits until all of its connections are there, and it knows of all of its orders.
    pub(crate) fn until_connected(&self) {
        self.until("connected again", |state| {
            let lines = state["lines"].as_array().expect("lines");
            lines.iter().all(|line| line[1] == true) && state["unknown_orders"] == 0
        });
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    pub(crate) fn post(&self, path: &str, token: &str) -> u16 {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(&format!("{}/{path}", self.http));
        let answer = request.header("authorization", &format!("Bearer {token}")).send_empty();
        answer.expect("an answer").status().as_u16()
    }

    /// Its end: what it printed last, and its exit code.
    pub(crate) fn end(mut self) -> (Value, Option<i32>) {
        let out = self.child.stdout.take().expect("its output");
        let text = std::io::read_to_string(out).expect("UTF-8");
        let status = self.child.wait().expect("it ends");
        let last = text.lines().last().expect("a line");
        (serde_json::from_str(last).expect("JSON"), status.code())
    }
}

impl Drop for Trader {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A file that nobody but its owner may see.
pub(crate) fn private(name: &str, text: &str) -> PathBuf {
    let path = file(name, text.as_bytes());
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
    path
}

/// The configuration of a market maker of the first account, whose venue is said by `table`: all but its key.
pub(crate) fn config(name: &str, table: &str, http: u16, key: &Key) -> PathBuf {
    let secret = private(&format!("{name}-secret"), &key.secret);
    let token = private(&format!("{name}-token"), "let-me");
    let store = token.with_extension("store");
    drop(fs::remove_dir_all(&store));
    let text = format!(
        "[trader]\nstore = \"{}\"\nhttp = \"127.0.0.1:{http}\"\ntoken_file = \"{}\"\nkill_file = \"{}\"\n\
         silence_max_ms = 60000\n\
         [strategy]\nname = \"market_maker\"\nqty = \"0.01\"\ninventory_max = \"0.2\"\n\
         gamma = 0.000001\n\
         volatility_interval_ns = 1000000\nvolatility_samples = 1000\nwarm_up_samples = 2\n\
         spread_max_ticks = 100000\nbackoff_ns = 1000000\n\
         [[venue]]\nname = \"desk\"\n{table}\nkey = \"{}\"\nsecret_file = \"{}\"\n\
         [[instrument]]\nvenue = \"desk\"\nsymbol = \"BTCUSDT\"\nqty_max = \"0.1\"\n\
         notional_max = \"100000\"\nposition_max = \"1\"\ntouch_collar_bps = 500\n\
         reference_age_max_ms = 60000\n",
        argument(&store),
        argument(&token),
        argument(&token.with_extension("kill")),
        key.api_key,
        argument(&secret),
    );
    file(&format!("{name}-trader.toml"), text.as_bytes())
}

/// A venue that is to be, and speaks by records.
pub(crate) struct Desk {
    /// Of market data, of orders, and of the trader's own page.
    pub(crate) ports: [u16; 3],
    store: PathBuf,
    venue_config: PathBuf,
    pub(crate) keys: Vec<Key>,
}

impl Desk {
    pub(crate) fn new(name: &str) -> Self {
        let ports = [free_port(), free_port(), free_port()];
        let more = format!(
            "[market]\naddress = \"127.0.0.1:{}\"\n[binary]\naddress = \"127.0.0.1:{}\"\n",
            ports[0], ports[1]
        );
        let (store, venue_config, keys) = market(name, &more);
        Self { ports, store, venue_config, keys }
    }

    /// One that is open, and the configuration of a trader of that name.
    pub(crate) fn opened(name: &str) -> (Self, Venue, PathBuf) {
        let desk = Self::new(name);
        let venue = desk.open();
        let config = desk.config(name, &venue);
        (desk, venue, config)
    }

    pub(crate) fn start(&self) -> Venue {
        Venue::start(&self.store, &self.venue_config, &[], 0)
    }

    /// Starts it at an address.
    pub(crate) fn start_at(&self, address: &str) -> Venue {
        Venue::start_at(address, &self.store, &self.venue_config, &[], 0)
    }

    /// Starts it, with a market to make.
    pub(crate) fn open(&self) -> Venue {
        let venue = self.start();
        far_quotes(&venue, &self.keys[1]);
        venue
    }

    /// The venue of a trader that speaks to it by records.
    pub(crate) fn by_records(&self, venue: &Venue) -> String {
        let [market, orders, _] = self.ports;
        format!(
            "kind = \"tiercel\"\nrest = \"http://{}\"\nmarket = \"127.0.0.1:{market}\"\n\
             orders = \"127.0.0.1:{orders}\"",
            venue.address
        )
    }

    /// The configuration of such a trader.
    pub(crate) fn config(&self, name: &str, venue: &Venue) -> PathBuf {
        config(name, &self.by_records(venue), self.ports[2], &self.keys[0])
    }

    /// A trader of a configuration.
    pub(crate) fn trader(&self, config: &Path) -> Trader {
        Trader::start(config, self.ports[2])
    }
}

/// A market to make: far quotes of another account.
pub(crate) fn far_quotes(venue: &Venue, key: &Key) {
    order(venue, key, "BUY", "59900", "1", "GTC");
    order(venue, key, "SELL", "60100", "1", "GTC");
}

/// What an account has of an asset, in units of 10^-16.
pub(crate) fn owns(venue: &Venue, key: &Key, asset: &str) -> i128 {
    let mut stream = venue.speak();
    let (status, body) = ask(&mut *stream, key, "GET", "account", "").expect("an answer");
    assert_eq!(status, 200, "{body}");
    let balances = body["balances"].as_array().expect("balances");
    let of = balances.iter().find(|balance| balance["asset"] == asset).expect(asset);
    units(of["free"].as_str().expect("a text")) + units(of["locked"].as_str().expect("a text"))
}

/// The five best levels of each side, in units, as REST has them.
pub(crate) fn depth(venue: &Venue) -> [Vec<[i128; 2]>; 2] {
    let mut stream = venue.connect();
    let (status, depth) = look(&mut stream, "depth?symbol=BTCUSDT&limit=5").expect("an answer");
    assert_eq!(status, 200, "{depth}");
    ["bids", "asks"].map(|name| levels(&depth[name]))
}

/// Price and quantity of each level of a side, in units.
pub(crate) fn levels(side: &Value) -> Vec<[i128; 2]> {
    let part = |level: &Value, at: usize| units(level[at].as_str().expect("a text"));
    let side = side.as_array().expect("levels").iter();
    side.map(|level| [part(level, 0), part(level, 1)]).collect()
}

/// Another account's order. It may be refused, but not lost.
pub(crate) fn order(
    venue: &Venue,
    key: &Key,
    side: &str,
    price: &str,
    qty: &str,
    time_in_force: &str,
) {
    let mut stream = venue.speak();
    let query = format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce={time_in_force}&price={price}&quantity={qty}"
    );
    let (status, body) = ask(&mut *stream, key, "POST", "order", &query).expect("an answer");
    assert_eq!(status, 200, "{body}");
}

/// Another account's far quotes again, and nothing else of it: a venue takes 200 orders of an account.
pub(crate) fn far_quotes_alone(venue: &Venue, key: &Key) {
    let mut stream = venue.speak();
    let asked = ask(&mut *stream, key, "DELETE", "openOrders", "symbol=BTCUSDT");
    // There may be none.
    drop(asked.expect("an answer"));
    far_quotes(venue, key);
}

/// Moves what the maker quotes by until it quotes, and goes on to.
pub(crate) fn until_quoting(venue: &Venue, trader: &Trader, key: &Key) {
    let end = Instant::now() + PATIENCE;
    for number in 0_u32.. {
        let price = format!("{}", 59_900 + number % 7);
        order(venue, key, "BUY", &price, "0.001", "GTC");
        // Later than any request takes.
        std::thread::sleep(Duration::from_millis(100));
        let state = trader.until("there", |_| true);
        if state["open_orders"] != 0 && state["unknown_orders"] == 0 {
            return;
        }
        assert!(Instant::now() < end, "it does not quote: {state}");
    }
}

/// Trades with the maker until it has so many fills more.
pub(crate) fn hit(venue: &Venue, trader: &Trader, key: &Key, fills: u64) {
    let begun = trader.until("acting", |state| state["acts"] == true);
    let wanted = begun["counts"]["fills"].as_u64().expect("a count") + fills;
    let end = Instant::now() + PATIENCE;
    for number in 0_u32.. {
        assert!(Instant::now() < end, "no {fills} fills: {}", trader.until("there", |_| true));
        if number % 32 == 31 {
            far_quotes_alone(venue, key);
        }
        // What moves the mid, and what takes.
        let price = format!("{}", 59_900 + number % 7);
        order(venue, key, "BUY", &price, "0.001", "GTC");
        let side = if number.is_multiple_of(2) { "BUY" } else { "SELL" };
        let price = if side == "BUY" { "60090" } else { "59910" };
        order(venue, key, side, price, "0.004", "IOC");
        let state = trader.until("there", |_| true);
        if state["counts"]["fills"].as_u64() >= Some(wanted) {
            return;
        }
    }
}

#[test]
fn what_it_owns_is_what_the_venue_says_also_when_that_was_killed_meanwhile() {
    let desk = Desk::new("trade");
    let keys = &desk.keys;
    let mut venue = desk.open();
    let trader = desk.trader(&desk.config("trade", &venue));
    hit(&venue, &trader, &keys[1], 6);

    venue.kill();
    trader.until_alone();
    let venue = desk.start();
    trader.until_connected();
    hit(&venue, &trader, &keys[1], 6);

    assert_eq!(trader.post("halt", "wrong"), 401);
    assert_eq!(trader.post("halt", "let-me"), 202);
    let halted = trader.until("halted", |state| state["mode"] == "halted");
    assert_eq!(halted["counts"]["anomalies"], 0, "{halted}");
    trader.until("without orders", |state| state["open_orders"] == 0);
    assert_eq!(trader.post("enable", "let-me"), 202);
    trader.until("active", |state| state["mode"] == "active");
    let health = run(&["top", &trader.http, "--once"]);
    assert_eq!(health.code, Some(0), "{}", health.stderr);
    assert!(health.stdout.contains("tick to trade"), "{}", health.stdout);

    settle(trader, &venue, &keys[0]);
}

/// Stops a trader; it has to own what the venue says.
pub(crate) fn settle(trader: Trader, venue: &Venue, key: &Key) {
    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!((code, &last["open_orders"]), (Some(0), &Value::from(0)), "{last}");
    assert_eq!(last["counts"]["anomalies"], 0, "{last}");
    agrees(&last, 0, venue, key);
}

/// What the trader says it owns of a market is what the venue says.
pub(crate) fn agrees(last: &Value, market: usize, venue: &Venue, key: &Key) {
    let told = |field: &str| units(last["markets"][market][field].as_str().expect(field));
    assert_eq!(owns(venue, key, "BTC"), BASE + told("position"), "{last}");
    assert_eq!(owns(venue, key, "USDT"), QUOTE + told("cash"), "{last}");
}

/// Kills traders in the midst of their trades; the last of them has to own what the venue says.
pub(crate) fn killed_thrice(venue: &Venue, keys: &[Key], trader: impl Fn() -> Trader) {
    for _ in 0..3 {
        let mut trader = trader();
        hit(venue, &trader, &keys[1], 3);
        trader.kill();
        // What its orders did meanwhile, it did not hear.
        order(venue, &keys[1], "BUY", "60090", "0.004", "IOC");
    }
    let trader = trader();
    hit(venue, &trader, &keys[1], 3);
    settle(trader, venue, &keys[0]);
}

#[test]
fn a_trader_that_was_killed_goes_on_from_the_truth() {
    let (desk, venue, config) = Desk::opened("trader-killed");
    killed_thrice(&venue, &desk.keys, || desk.trader(&config));
}

#[test]
fn a_halt_outlives_the_run_until_somebody_ends_it() {
    let (desk, venue, config) = Desk::opened("trade-halted");
    let mut trader = desk.trader(&config);
    hit(&venue, &trader, &desk.keys[1], 1);
    assert_eq!(trader.post("halt", "let-me"), 202);
    trader.until("halted", |state| state["mode"] == "halted" && state["open_orders"] == 0);
    trader.kill();

    let trader = desk.trader(&config);
    let begun = trader.until("acting", |state| state["acts"] == true);
    assert_eq!((&begun["mode"], &begun["counts"]["requests"]), (&"halted".into(), &0.into()));
    assert_eq!(trader.post("enable", "let-me"), 202);
    hit(&venue, &trader, &desk.keys[1], 1);
    settle(trader, &venue, &desk.keys[0]);
}

#[test]
fn what_a_strategy_knows_is_kept_at_a_stop_and_not_when_it_is_killed() {
    let desk = Desk::new("trade-state");
    let keys = &desk.keys;
    let venue = desk.open();
    let config = desk.config("trade-state", &venue);
    let kept = |name: &str| config.with_file_name(name);
    let store = kept("trade-state-token").with_extension("store");
    let trader = desk.trader(&config);
    hit(&venue, &trader, &keys[1], 3);
    settle(trader, &venue, &keys[0]);
    assert!(store.join("strategy.state").exists());

    // It goes on with it, and quotes.
    let mut trader = desk.trader(&config);
    hit(&venue, &trader, &keys[1], 3);
    let is_there = |name: &str| store.join(name).exists();
    assert!(is_there("strategy.state.last") && !is_there("strategy.state"));
    trader.kill();
    assert!(!is_there("strategy.state"));

    // One that nobody can have written is refused by name.
    fs::write(store.join("strategy.state"), b"tiercel-state 1 somebody\n").expect("it is ours");
    let ran = run(&["trade", "--json", "--config", argument(&config)]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("the state is of somebody"), "{}", ran.stderr);
}

#[test]
fn the_demo_trades_and_leaves_nothing_behind() {
    let ran = run(&["trade", "--demo", "--json", "--seconds", "6"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let last: Value =
        serde_json::from_str(ran.stdout.lines().last().expect("a line")).expect("JSON");
    let count = |field: &str| last["counts"][field].as_u64().expect("a count");
    assert!(count("books") > 100 && count("requests") > 4, "{last}");
    assert_eq!((count("anomalies"), &last["open_orders"]), (0, &Value::from(0)), "{last}");
    let stages = last["latency"].as_array().expect("times");
    let named = |name: &str| stages.iter().any(|row| row["stage"] == name);
    assert!(named("tick to trade") && named("risk") && named("send"), "{last}");
}

#[test]
fn mistakes_are_told_by_line_and_key() {
    let printed = run(&["trade", "--print-config"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let wrong = printed.stdout.replace("rate_max = 1000", "rate_max = \"many\"");
    let path = file("trade-wrong.toml", wrong.as_bytes());
    let ran = run(&["trade", "--config", argument(&path)]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("line ") && ran.stderr.contains("rate_max"), "{}", ran.stderr);
    let listed = run(&["trade", "--strategies"]);
    for name in ["market_maker", "golden_cross", "mean_reversion", "arbitrage"] {
        assert!(listed.stdout.contains(name), "{}", listed.stdout);
    }
}
