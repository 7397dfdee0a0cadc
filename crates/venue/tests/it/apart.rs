//! A venue in a process of its own: its memory is its alone.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::serve::ServeOptions;

use super::admin::Office;
use super::http::{Client, Venue};
use super::raw_ws::LONG;

const CHILD: &str = "TIERCEL_APART_CHILD";

/// How long the head of a request may take.
const HEADER_TIMEOUT: Duration = Duration::from_millis(700);
/// How long a request may take: longer than any good one does on a loaded machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// Not a test of its own: the venue that the tests here ask. It ends with its standard input.
#[test]
fn child_venue() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let most = 1_000_000_000;
    let limits =
        RateLimits { weight_1m: most, orders_10s: most, orders_1d: most, refusals_1m: most };
    let options = ServeOptions {
        header_timeout: HEADER_TIMEOUT,
        request_timeout: REQUEST_TIMEOUT,
        limits,
        ..ServeOptions::default()
    };
    let (change, office) = Office::open();
    let venue = Venue::custom(options, change);
    let key = |client: &Client| json!({ "api_key": client.api_key, "secret": client.secret() });
    let told = json!({ "public": venue.address, "admin": office.address,
        "keys": [key(&venue.one), key(&venue.two)] });
    println!("\nopen {told}");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A venue in a process of its own.
pub(super) struct Apart {
    child: Child,
    pub(super) admin: SocketAddr,
    pub(super) one: Client,
    pub(super) two: Client,
}

impl Apart {
    pub(super) fn start() -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "it::apart::child_venue", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.find_map(|line| line.unwrap().strip_prefix("open ").map(str::to_owned));
        let told: Value = serde_json::from_str(&told.unwrap()).unwrap();
        // What the test harness prints at its end needs a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let address = |name: &str| told[name].as_str().unwrap().parse().unwrap();
        let client = |at: usize| Client::at(address("public"), &told["keys"][at]);
        Self { child, admin: address("admin"), one: client(0), two: client(1) }
    }

    /// Resident memory in KiB.
    pub(super) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// Open connections of the public door and of the administrators'.
    fn connections(&self) -> [u64; 2] {
        let metrics = self.one.raw("GET", "/metrics", "").body;
        ["public", "admin"].map(|door| {
            let name = format!("connections{{door=\"{door}\"}} ");
            let metrics = metrics.as_str().unwrap();
            metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
        })
    }

    /// Waits until there are no more connections than these.
    pub(super) fn settle(&self, expected: [u64; 2]) {
        let from = Instant::now();
        loop {
            let open = self.connections();
            if open.iter().zip(expected).all(|(open, expected)| *open <= expected) {
                return;
            }
            assert!(from.elapsed() < LONG, "{open:?} connections are left of {expected:?}");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let ended = self.child.wait();
        if !std::thread::panicking() {
            assert!(ended.unwrap().success(), "the venue did not end well");
        }
    }
}
