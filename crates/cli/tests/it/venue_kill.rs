//! `tiercel venue` is killed under load: clients that come back find what they were told, and settle what
//! they were not.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;

use crate::command::{argument, file};
use crate::venue_process::{Key, NO_LIMITS, Venue, ask};

/// Traders, two of an account, each on a connection of its own.
const TRADERS: u64 = 4;
/// Orders of a trader at most: of those that have ended, the venue remembers 1,000 of an account.
const ORDERS: u64 = 450;

/// A market with two funded accounts, whose keys are in a file that outlives the venue; `more` is for
/// its configuration.
pub(crate) fn market(name: &str, more: &str) -> (PathBuf, PathBuf, Vec<Key>) {
    let key =
        |account: u32| Key { api_key: format!("key-{account}"), secret: format!("s-{account}") };
    let keys: Vec<Key> = (1..=2).map(key).collect();
    let entry = |(key, account): (&Key, u32)| {
        format!(
            "[[key]]\napi_key = \"{}\"\naccount = {account}\npermissions = [\"read\", \"trade\"]\n\
             secret = \"{}\"\n",
            key.api_key, key.secret
        )
    };
    let text: String = keys.iter().zip(1..).map(entry).collect();
    let secrets = file(&format!("{name}-keys.toml"), text.as_bytes());
    fs::set_permissions(&secrets, PermissionsExt::from_mode(0o600)).expect("it is ours");
    let config = format!("{NO_LIMITS}[keys]\nfile = \"{}\"\n{more}", argument(&secrets));
    let config = file(&format!("{name}.toml"), config.as_bytes());
    let store = config.with_extension("store");
    drop(fs::remove_dir_all(&store));
    // Made by the first start, killed at once: what it printed its keys behind is on the disk.
    Venue::start(&store, &config, &["--dev"], 2).kill();
    (store, config, keys)
}

/// What a trader knows of an order, by the name that it gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// The venue said that it took it, under this id.
    Taken(u64),
    /// No answer came.
    Unknown,
}

fn order(name: &str, random: &mut Random) -> String {
    let side = if random.one_in(2) { "BUY" } else { "SELL" };
    let price = 60_000 + random.below(5);
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&price={price}&quantity=0.001\
         &newClientOrderId={name}"
    )
}

/// Orders, one behind the other, until the venue is gone.
fn trade(mut stream: TcpStream, key: &Key, seed: u64, prefix: &str) -> BTreeMap<String, Known> {
    let (mut random, mut known) = (Random::new(seed), BTreeMap::new());
    for number in 0..ORDERS {
        let name = format!("{prefix}-{number}");
        let order = order(&name, &mut random);
        let Ok((status, body)) = ask(&mut stream, key, "POST", "order", &order) else {
            known.insert(name, Known::Unknown);
            break;
        };
        assert_eq!(status, 200, "{body}");
        known.insert(name, Known::Taken(body["orderId"].as_u64().expect("an id")));
    }
    known
}

/// Asks for each order; those that no answer came to are settled by asking, then entered again.
fn reconcile(venue: &Venue, key: &Key, known: &mut BTreeMap<String, Known>, random: &mut Random) {
    let mut stream = venue.connect();
    for (name, known) in known {
        let query = format!("symbol=BTCUSDT&origClientOrderId={name}");
        let asked = ask(&mut stream, key, "GET", "order", &query).expect("an answer");
        match (*known, asked) {
            (Known::Taken(order_id), (200, body)) => {
                assert_eq!(body["orderId"], order_id, "{body}");
            }
            (Known::Taken(_), (_, body)) => panic!("{name} was taken, and is gone: {body}"),
            (Known::Unknown, (200, body)) => {
                *known = Known::Taken(body["orderId"].as_u64().expect("an id"));
                // Entered again while it lives, it is not taken twice.
                if body["status"] == "NEW" {
                    let again = order(name, random);
                    let (status, body) =
                        ask(&mut stream, key, "POST", "order", &again).expect("an answer");
                    assert_eq!((status, &body["code"]), (400, &Value::from(-2010)), "{body}");
                }
            }
            (Known::Unknown, (status, body)) => {
                assert_eq!((status, &body["code"]), (400, &Value::from(-2013)), "{body}");
                let again = order(name, random);
                let (status, body) =
                    ask(&mut stream, key, "POST", "order", &again).expect("an answer");
                assert_eq!(status, 200, "{body}");
                *known = Known::Taken(body["orderId"].as_u64().expect("an id"));
            }
        }
    }
}

/// Runs a venue until it is killed; what the traders know then, by their account.
fn run_and_kill(
    (store, config): (&Path, &Path),
    keys: &[Key],
    seed: u64,
) -> Vec<(usize, BTreeMap<String, Known>)> {
    let mut venue = Venue::start(store, config, &[], 0);
    let wait = Duration::from_millis(10 + Random::new(seed).below(100));
    std::thread::scope(|scope| {
        let traders: Vec<_> = (0..TRADERS)
            .map(|trader| {
                let (stream, account) = (venue.connect(), (trader % 2) as usize);
                let key = &keys[account];
                let prefix = format!("{seed}-{trader}");
                (account, scope.spawn(move || trade(stream, key, seed * 100 + trader, &prefix)))
            })
            .collect();
        std::thread::sleep(wait);
        venue.kill();
        traders.into_iter().map(|(at, thread)| (at, thread.join().expect("no panic"))).collect()
    })
}

#[test]
fn clients_of_a_killed_venue_come_back_and_agree_with_it() {
    let points = if soak::is_soak() { 20 } else { 3 };
    let (store, config, keys) = market("venue-kill", "");
    let (mut taken, mut unknown) = (0, 0);
    for seed in 1..=points {
        let known = run_and_kill((&store, &config), &keys, seed);
        let venue = Venue::start(&store, &config, &[], 0);
        let mut random = Random::new(seed);
        for (account, mut known) in known {
            taken += known.len();
            unknown += known.values().filter(|known| **known == Known::Unknown).count();
            reconcile(&venue, &keys[account], &mut known, &mut random);
        }
        drop(venue);
    }
    eprintln!("{points} kills, {taken} orders, {unknown} without an answer");
    assert!(taken > 20 && unknown > 0);
    drop(fs::remove_dir_all(&store));
}
