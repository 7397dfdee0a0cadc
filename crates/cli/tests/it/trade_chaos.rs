//! `tiercel trade` over a network that holds back, cuts, and leaves connections half-open, at a venue that is killed: what
//! it says it owns is what the venue says, to the last unit.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tiercel_testkit::proxy::Proxy;
use tiercel_testkit::soak::rounds;

use crate::trade::{Trader, config, far_quotes, far_quotes_alone, free_port, hit, order, settle};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue};

/// How long a network is bad before the trader has to be right again.
const BAD: Duration = Duration::from_secs(3);

/// How the trader speaks to its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Records,
    Fix,
    Binance,
}

/// A trader behind proxies at a venue.
struct Place {
    venue: Option<Venue>,
    start: Box<dyn Fn() -> Venue>,
    proxies: [Proxy; 2],
    trader: Trader,
    keys: Vec<Key>,
}

impl Place {
    fn new(name: &str, way: Way) -> Self {
        let [rest, data, orders, http] = [free_port(), free_port(), free_port(), free_port()];
        let address = format!("127.0.0.1:{rest}");
        let [gateways, places] = match way {
            Way::Records => {
                let gateways = format!(
                    "[market]\naddress = \"127.0.0.1:{data}\"\n[binary]\naddress = \"127.0.0.1:{orders}\"\n"
                );
                [
                    gateways,
                    "kind = \"tiercel\"\nmarket = \"MARKET\"\norders = \"ORDERS\"".to_owned(),
                ]
            }
            Way::Fix => {
                let gateways = format!(
                    "[market]\naddress = \"127.0.0.1:{data}\"\n[fix]\naddress = \"127.0.0.1:{orders}\"\n\
                     sessions = [{{ comp_id = \"DESK\", api_key = \"key-1\" }}]\n"
                );
                let places = "kind = \"tiercel\"\nmarket = \"MARKET\"\norders = \"ORDERS\"\n\
                              orders_over = \"fix\"\ncomp_id = \"DESK\"";
                [gateways, places.to_owned()]
            }
            Way::Binance => {
                let places = "kind = \"binance\"\nmarket = \"ws://MARKET\"\n\
                              orders = \"ws://ORDERS/ws-api/v3\"\nrecv_window_ms = 1000";
                [String::new(), places.to_owned()]
            }
        };
        let (store, venue_config, keys) = market(name, &gateways);
        let to = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let ends = if way == Way::Binance { [rest, rest] } else { [data, orders] };
        let proxies = [(ends[0], 1), (ends[1], 2)]
            .map(|(port, seed)| Proxy::start(to(port), seed).expect("a proxy"));
        let [market_end, orders_end] = proxies.each_ref().map(|proxy| proxy.address().to_string());
        let places = places.replace("MARKET", &market_end).replace("ORDERS", &orders_end);
        // Questions over HTTP have to be answered for anything to be known.
        let table = format!("rest = \"http://{address}\"\n{places}");
        let trader_config = config(name, &table, http, &keys[0]);
        // What breaks here is the network, again and again: nobody is left alone for that.
        let text = std::fs::read_to_string(&trader_config).expect("it was written");
        let text = format!("{text}[breaker]\nfailures_max = 0\n");
        std::fs::write(&trader_config, text).expect("it is ours");
        let start = Box::new(move || Venue::start_at(&address, &store, &venue_config, &[], 0));
        let venue = start();
        far_quotes(&venue, &keys[1]);
        let trader = Trader::start(&trader_config, http);
        Self { venue: Some(venue), start, proxies, trader, keys }
    }

    fn venue(&self) -> &Venue {
        self.venue.as_ref().expect("it runs")
    }

    fn set_bad(&self, is_bad: bool) {
        self.proxies.iter().for_each(|proxy| proxy.set_bad(is_bad));
    }

    /// Trades as far as the trader quotes, and moves what it quotes by.
    fn trade(&self, number: u64) {
        if number.is_multiple_of(32) {
            far_quotes_alone(self.venue(), &self.keys[1]);
        }
        let price = format!("{}", 59_900 + number % 7);
        order(self.venue(), &self.keys[1], "BUY", &price, "0.001", "GTC");
        let (side, price) =
            if number.is_multiple_of(2) { ("BUY", "60090") } else { ("SELL", "59910") };
        order(self.venue(), &self.keys[1], side, price, "0.004", "IOC");
    }

    fn round(&mut self, number: u64) {
        self.set_bad(true);
        let end = Instant::now() + BAD;
        let mut trades = 0;
        while Instant::now() < end {
            self.trade(trades);
            trades += 1;
        }
        if number % 2 == 1 {
            self.venue.as_mut().expect("it runs").kill();
            self.venue = None;
            self.venue = Some((self.start)());
            self.trade(trades);
        }
        self.set_bad(false);
        self.trader.until_connected();
        hit(self.venue(), &self.trader, &self.keys[1], 2);
    }
}

fn run(name: &'static str, way: Way) {
    let mut place = Place::new(name, way);
    hit(place.venue(), &place.trader, &place.keys[1], 2);
    for number in rounds(name, 2) {
        place.round(number);
    }
    let harm = place.proxies.each_ref().map(Proxy::harm);
    assert!(
        harm.iter().any(|harm| harm.cut > 0) && harm.iter().any(|harm| harm.held > 0),
        "{harm:?}"
    );
    let Place { venue, trader, keys, .. } = place;
    settle(trader, &venue.expect("it runs"), &keys[0]);
}

#[test]
fn over_a_bad_network_by_records_nothing_is_lost_or_done_twice() {
    run("trade-chaos", Way::Records);
}

#[test]
fn over_a_bad_network_by_fix_nothing_is_lost_or_done_twice() {
    run("trade-chaos-fix", Way::Fix);
}

#[test]
fn over_a_bad_network_over_the_binance_interface_nothing_is_lost_or_done_twice() {
    run("trade-chaos-binance", Way::Binance);
}
