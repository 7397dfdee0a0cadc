//! `tiercel trade` by a venue's ITCH, of which each line loses datagrams, and with orders in records.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::command::argument;
use crate::trade::{Trader, config, depth, far_quotes, free_port, hit, levels, order, settle};
use crate::venue_kill::market;
use crate::venue_process::Venue;

/// Parts of a hundred that a line loses.
const LOSS: u64 = 5;

/// A port for datagrams that was free a moment ago.
fn free_datagrams() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("its address")
}

/// A line that loses some of what it carries, and all of it while it is dead.
struct LossyLine {
    address: SocketAddr,
    is_dead: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LossyLine {
    fn new(to: SocketAddr, mut seed: u64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("its address");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
        let [is_dead, stop] = [false; 2].map(|set| Arc::new(AtomicBool::new(set)));
        let lost = Arc::new(AtomicU64::new(0));
        let told = (Arc::clone(&is_dead), Arc::clone(&stop), Arc::clone(&lost));
        let thread = std::thread::spawn(move || {
            let (is_dead, stop, lost) = told;
            let mut bytes = vec![0; 65_536];
            while !stop.load(Ordering::Relaxed) {
                let Ok(count) = socket.recv(&mut bytes) else { continue };
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if is_dead.load(Ordering::Relaxed) || (seed >> 33) % 100 < LOSS {
                    lost.fetch_add(1, Ordering::Relaxed);
                } else {
                    drop(socket.send_to(&bytes[..count], to));
                }
            }
        });
        Self { address, is_dead, lost, stop, thread: Some(thread) }
    }
}

impl Drop for LossyLine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[test]
fn by_two_lines_that_lose_datagrams_it_has_the_venues_book_and_without_them_no_orders() {
    let (binary, http, itch, requests) = (free_port(), free_port(), free_port(), free_datagrams());
    let more = format!("[binary]\naddress = \"127.0.0.1:{binary}\"\n");
    let (store, venue_config, keys) = market("trade-itch", &more);
    let ends = [free_datagrams(), free_datagrams()];
    let lines = [LossyLine::new(ends[0], 1), LossyLine::new(ends[1], 2)];
    let addresses = [
        format!("127.0.0.1:{itch}"),
        lines[0].address.to_string(),
        lines[1].address.to_string(),
        requests.to_string(),
    ];
    let [soup, a, b, asked] = &addresses;
    let arguments = ["--itch", soup, "--itch-mold", a, "--itch-mold", b, "--itch-requests", asked];
    let venue = Venue::start(&store, &venue_config, &arguments, 0);
    far_quotes(&venue, &keys[1]);
    let table = format!(
        "kind = \"tiercel\"\nrest = \"http://{}\"\norders = \"127.0.0.1:{binary}\"",
        venue.address
    );
    let path = config("trade-itch", &table, http, &keys[0]);
    let text = fs::read_to_string(&path).expect("it was written");
    let source = format!(
        "[venue.itch]\na = \"{}\"\nb = \"{}\"\nrequests = \"{asked}\"\nglimpse = \"{soup}\"\n[[instrument]]",
        ends[0], ends[1]
    );
    let text = text.replacen("[[instrument]]", &source, 1);
    let text = text.replace("silence_max_ms = 60000", "silence_max_ms = 2500");
    fs::write(&path, text).expect("it can be written");
    assert!(argument(&path).contains("trade-itch"));
    let trader = Trader::start(&path, http);
    hit(&venue, &trader, &keys[1], 6);

    // Its own orders are gone: the book is that of the other account.
    assert_eq!(trader.post("halt", "let-me"), 202);
    trader.until("without orders", |state| state["open_orders"] == 0);
    for number in 0..150 {
        let price = format!("{}", 59_700 + number);
        order(&venue, &keys[1], "BUY", &price, "0.002", "GTC");
    }
    let wanted = depth(&venue);
    trader.until("the venue's book", |state| {
        let market = &state["markets"][0];
        [levels(&market["bids"]), levels(&market["asks"])] == wanted
    });
    let lost = lines.each_ref().map(|line| line.lost.load(Ordering::Relaxed));
    assert!(lost[0] > 0 && lost[1] > 0, "{lost:?} lost: the lines are too good");
    assert_eq!(trader.post("enable", "let-me"), 202);
    hit(&venue, &trader, &keys[1], 1);

    // Without either line nothing is quoted.
    for line in &lines {
        line.is_dead.store(true, Ordering::Relaxed);
    }
    trader.until("stale", |state| {
        state["markets"][0]["is_live"] == false && state["open_orders"] == 0
    });
    order(&venue, &keys[1], "BUY", "59901", "0.002", "GTC");
    for line in &lines {
        line.is_dead.store(false, Ordering::Relaxed);
    }
    trader.until("live", |state| state["markets"][0]["is_live"] == true);
    hit(&venue, &trader, &keys[1], 2);
    settle(trader, &venue, &keys[0]);
}
