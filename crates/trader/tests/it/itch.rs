//! ITCH over `MoldUDP64`: two lines, of which either may lose what the other has, and a server that tells again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tiercel_execution::venue::VenueId;
use tiercel_net::Datagrams;
use tiercel_strategy::Idle;
use tiercel_testkit::counting_allocator::{allocations, alone, assert_counts_every_thread};
use tiercel_trader::core::Core;
use tiercel_trader::feed::ItchFeed;
use tiercel_trader::feed::itch::{Followed, ItchOptions};
use tiercel_trader::{MarketBook, MarketState, TopOfBook};
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Symbol, Timestamp};
use tiercel_wire::itch::{
    AddOrder, BuySell, Code, Head, MESSAGE_SIZE_MAX, Message, OrderDelete, OrderExecuted, Price4,
    StockDirectory, Text, Time,
};
use tiercel_wire::mold::{Packer, Request};

use super::place::{OURS, core};

const LOCATE: u16 = 7;
const SESSION: [u8; 10] = *b"2026112201";
const MTU: usize = 200;
const MILLISECOND_NS: u64 = 1_000_000;
const START: u64 = 1_800_000_000_000_000_000;
const GAP_MAX_NS: u64 = 100 * MILLISECOND_NS;
const PATIENCE: Duration = Duration::from_secs(20);

fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An address that was free a moment ago.
fn free_port() -> SocketAddr {
    let socket = std::net::UdpSocket::bind(free()).unwrap();
    socket.local_addr().unwrap()
}

/// The venue's side: messages, and who asks for them again.
struct Publisher {
    messages: Vec<Vec<u8>>,
    session: [u8; 10],
    sent: usize,
    socket: Datagrams,
    server: Datagrams,
    lines: Vec<SocketAddr>,
    asked: Vec<Request>,
    answers: bool,
}

impl Publisher {
    fn say<'m>(&mut self, message: impl Into<Message<'m>>) {
        let mut bytes = [0; MESSAGE_SIZE_MAX];
        let size = message.into().encode(&mut bytes).unwrap();
        self.messages.push(bytes[..size].to_vec());
    }

    fn head() -> Head {
        Head {
            stock_locate: LOCATE.into(),
            tracking_number: 0.into(),
            timestamp: Time::new(5).unwrap(),
        }
    }

    fn directory(&mut self) {
        let none = Code(b' ');
        self.say(&StockDirectory {
            head: Self::head(),
            stock: Text::new(b"BTCUSDT").unwrap(),
            market_category: none,
            financial_status_indicator: none,
            round_lot_size: 1.into(),
            round_lots_only: Code(b'Y'),
            issue_classification: none,
            issue_sub_type: Text::padding(),
            authenticity: Code(b'P'),
            short_sale_threshold_indicator: none,
            ipo_flag: none,
            luld_reference_price_tier: none,
            etp_flag: none,
            etp_leverage_factor: 0.into(),
            inverse_indicator: Code(b'N'),
        });
    }

    fn add(&mut self, reference: u64, side: Side, price: u32, shares: u32) {
        self.say(&AddOrder {
            head: Self::head(),
            order_reference_number: reference.into(),
            buy_sell_indicator: BuySell::from(side).into(),
            shares: shares.into(),
            stock: Text::new(b"BTCUSDT").unwrap(),
            price: Price4::new(price),
        });
    }

    fn delete(&mut self, reference: u64) {
        self.say(&OrderDelete { head: Self::head(), order_reference_number: reference.into() });
    }

    fn execute(&mut self, reference: u64, shares: u32) {
        self.say(&OrderExecuted {
            head: Self::head(),
            order_reference_number: reference.into(),
            executed_shares: shares.into(),
            match_number: (u64::from(LOCATE) << 48 | 0x21).into(),
        });
    }

    /// The datagram of a message.
    fn packet(&self, at: usize) -> Vec<u8> {
        let mut packer = Packer::new(self.session, at as u64 + 1, MTU);
        let mut packet = Vec::new();
        packer.push(&self.messages[at], |_| {}).unwrap();
        packer.flush(|bytes| packet = bytes.to_vec());
        packet
    }

    /// Sends what was said since, one message a datagram, to each line that does not lose it.
    fn publish(&mut self, loses: impl Fn(usize, u64) -> bool) {
        for at in self.sent..self.messages.len() {
            let (number, packet) = (at as u64 + 1, self.packet(at));
            for (line, to) in self.lines.iter().enumerate() {
                if !loses(line, number) {
                    assert!(self.socket.send(&packet, *to));
                }
            }
        }
        self.sent = self.messages.len();
    }

    fn heartbeat(&mut self) {
        let mut packer = Packer::new(self.session, self.messages.len() as u64 + 1, MTU);
        let Self { socket, lines, .. } = self;
        packer.heartbeat(|bytes| {
            for to in lines.iter() {
                assert!(socket.send(bytes, *to));
            }
        });
    }

    /// Tells again what was asked for: a datagram's worth.
    fn answer(&mut self) {
        while let Some((bytes, from)) = self.server.receive().unwrap() {
            let request = Request::decode(bytes).unwrap();
            self.asked.push(request);
            if !self.answers {
                continue;
            }
            let mut packer = Packer::new(request.session, request.sequence, MTU);
            let first = request.sequence as usize - 1;
            let wanted = self.messages[first..].iter().take(request.count.into());
            let mut packets: Vec<Vec<u8>> = Vec::new();
            for message in wanted {
                packer.push(message, |bytes| packets.push(bytes.to_vec())).unwrap();
            }
            packer.flush(|bytes| packets.push(bytes.to_vec()));
            assert!(self.server.send(&packets[0], from));
        }
    }
}

/// A trader's books, and the venue.
struct Market {
    core: Core,
    feed: ItchFeed,
    venue: Publisher,
    now: u64,
    told: Vec<(usize, Result<(), String>)>,
}

impl Market {
    /// Of two lines, without GLIMPSE.
    fn new() -> Self {
        let server = Datagrams::bind(free(), 1 << 16).unwrap();
        let lines = vec![free_port(), free_port()];
        let options = ItchOptions {
            lines: lines.clone(),
            interface: std::net::Ipv4Addr::LOCALHOST,
            requests: server.local_addr().unwrap(),
            glimpse: None,
            gap_max_ns: GAP_MAX_NS,
        };
        let symbol = Symbol::new(b"BTCUSDT").unwrap();
        let followed = vec![Followed { symbol, instrument: OURS, lot: Qty::from_units(1_000) }];
        let feed = ItchFeed::new(VenueId(0), followed, &options).unwrap();
        let socket = Datagrams::bind(free(), 1 << 16).unwrap();
        let mut core = core(Box::new(Idle), 5_000 * MILLISECOND_NS);
        core.market_mut(OURS).unwrap().book = MarketBook::Top(TopOfBook::default());
        let venue = Publisher {
            messages: Vec::new(),
            session: SESSION,
            sent: 0,
            socket,
            server,
            lines,
            asked: Vec::new(),
            answers: true,
        };
        let mut market = Self { core, feed, venue, now: START, told: Vec::new() };
        market.venue.directory();
        market.venue.add(1, Side::Buy, 600_000_000, 100);
        market.venue.add(2, Side::Sell, 600_010_000, 100);
        market
    }

    /// Lets a millisecond pass, and everybody look.
    fn turn(&mut self) {
        self.now += MILLISECOND_NS;
        self.venue.answer();
        std::thread::sleep(Duration::from_micros(50));
        let now = Timestamp(self.now);
        let Self { core, feed, told, .. } = self;
        while feed.poll(now, core, 32) > 0 {}
        feed.tick(now, core, |line, what| told.push((line, what)));
        core.tick(now);
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < end, "never {what}: {:?} {:?}", self.state(), self.told);
            self.turn();
        }
    }

    fn state(&self) -> MarketState {
        self.core.market(OURS).unwrap().state()
    }

    fn bid(&self) -> Level {
        let MarketBook::Top(top) = &self.core.market(OURS).unwrap().book else { panic!() };
        top.bids[0]
    }

    /// Whether the book is live with this bid, in ten-thousandths and lots.
    fn has_bid(&self, price: u32, shares: u64) -> bool {
        let price = Price::from_units(i64::from(price) * 10_000);
        let is_it = self.bid() == Level { price, qty: Qty::from_units(shares * 1_000) };
        is_it && self.state() == MarketState::Live
    }

    /// Live, from messages that came in order.
    fn begin(&mut self) {
        // Its thread makes the first books.
        self.until("books", |market| market.feed.is_following());
        self.venue.publish(|_, _| false);
        self.until("a book", |market| market.has_bid(600_000_000, 100));
    }
}

#[test]
fn of_two_lines_each_message_counts_once_and_what_one_lost_the_other_has() {
    let mut market = Market::new();
    market.begin();
    assert_eq!(market.feed.learned().as_slice(), [(OURS, tiercel_types::InstrumentId(7))]);
    for reference in 10..110 {
        market.venue.add(reference, Side::Buy, 600_000_000, 1);
        // The one loses the even, the other the odd.
        market.venue.publish(|line, number| number % 2 == line as u64);
    }
    market.until("all", |market| market.has_bid(600_000_000, 200));
    assert_eq!(market.venue.asked, [], "nothing was missing");
    market.venue.execute(1, 60);
    market.venue.publish(|_, _| false);
    market.until("a trade", |market| market.has_bid(600_000_000, 140));
    assert_eq!(market.core.counts().trades, 1);
    assert_eq!(market.core.market(OURS).unwrap().last_price, "60000".parse().unwrap());
    assert_eq!(market.told, [(0, Ok(())), (1, Ok(()))]);
}

#[test]
fn what_both_lost_is_asked_for_and_for_a_moment_the_market_stays() {
    let mut market = Market::new();
    market.begin();
    market.venue.delete(1);
    market.venue.publish(|_, _| true);
    market.venue.add(3, Side::Buy, 599_990_000, 5);
    market.venue.publish(|_, _| false);
    market.until("both", |market| market.has_bid(599_990_000, 5));
    let asked = Request { session: SESSION, sequence: 4, count: 1 };
    assert_eq!(market.venue.asked, [asked]);
    // A heartbeat shows what is missing at the end.
    market.venue.delete(3);
    market.venue.add(4, Side::Buy, 599_980_000, 6);
    market.venue.publish(|_, _| true);
    market.venue.heartbeat();
    market.until("the end", |market| market.has_bid(599_980_000, 6));
    assert_eq!(market.core.counts().anomalies, 0);
}

#[test]
fn what_is_missing_for_long_makes_it_stale_and_what_nobody_tells_again_makes_books_anew() {
    let mut market = Market::new();
    market.begin();
    market.venue.execute(1, 60);
    market.venue.publish(|_, _| false);
    market.until("a trade", |market| market.has_bid(600_000_000, 40));
    market.venue.answers = false;
    market.venue.delete(1);
    market.venue.publish(|_, _| true);
    market.venue.add(3, Side::Buy, 599_990_000, 5);
    market.venue.publish(|_, _| false);
    market.turn();
    assert_eq!(market.state(), MarketState::Live);
    let since = market.now;
    market.until("stale", |market| market.state() == MarketState::Stale);
    assert!(market.now - since >= GAP_MAX_NS, "{} ns", market.now - since);
    market.venue.answers = true;
    market.until("live again", |market| market.has_bid(599_990_000, 5));

    // For so long that it is given up: everything is told again, from the first message on.
    market.venue.answers = false;
    market.venue.delete(3);
    market.venue.publish(|_, _| true);
    market.venue.add(4, Side::Buy, 599_980_000, 6);
    market.venue.publish(|_, _| false);
    market.until(
        "books anew",
        |market| matches!(market.told.last(), Some((1, Err(why))) if why.contains("are lost")),
    );
    assert_eq!(market.state(), MarketState::Stale);
    market.venue.answers = true;
    market.until("books", |market| market.feed.is_following());
    market.venue.heartbeat();
    market.until("live", |market| market.has_bid(599_980_000, 6));
    assert_eq!(market.core.counts().trades, 1, "what traded before is no news");
}

/// Datagrams that are none: the names of sessions with nothing behind them, headers that promise more than there is,
/// and bytes that mean nothing.
fn junk(number: u64) -> Vec<Vec<u8>> {
    let header = |session: &[u8], sequence: u64, count: u16| {
        [session, &sequence.to_be_bytes(), &count.to_be_bytes()].concat()
    };
    let promise = |length: u16| [&header(&SESSION, number, 1)[..], &length.to_be_bytes()].concat();
    let noise = (0..1_400_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    vec![
        Vec::new(),
        b"abc".to_vec(),
        SESSION.to_vec(),
        header(&SESSION, number, 0)[..19].to_vec(),
        header(&SESSION, number, 3),
        promise(u16::MAX),
        promise(1),
        [header(&SESSION, number, 2), vec![0, 2, b'Z', b'Z', 0]].concat(),
        header(b"2026112301", 1, 7),
        noise,
    ]
}

#[test]
fn datagrams_that_are_none_are_counted_and_nothing_else_suffers() {
    let mut market = Market::new();
    market.begin();
    let carry = |market: &mut Market| {
        let Publisher { messages, socket, lines, .. } = &mut market.venue;
        for bytes in junk(messages.len() as u64 + 1) {
            for to in lines.iter() {
                assert!(socket.send(&bytes, *to));
            }
        }
    };
    for reference in 10..30 {
        carry(&mut market);
        market.venue.add(reference, Side::Buy, 600_000_000, 1);
        market.venue.publish(|_, _| false);
    }
    carry(&mut market);
    market.until("all", |market| market.has_bid(600_000_000, 120));
    assert_eq!(
        (&market.venue.asked[..], &market.told[..]),
        (&[][..], &[(0, Ok(())), (1, Ok(()))][..])
    );
    // On two lines, so many of each kind that is of this session and not whole.
    market.until("each counted", |market| market.feed.refused() == 2 * 21 * 6);
    assert_eq!(market.core.counts().anomalies, 0);
}

#[test]
fn without_either_line_the_market_is_stale_and_a_heartbeat_brings_it_back() {
    let mut market = Market::new();
    market.begin();
    market.until("silent", |market| market.state() == MarketState::Stale);
    let silence_ns = 5_000 * MILLISECOND_NS;
    assert!(market.now - START >= silence_ns);
    let why = || Err("nothing was heard for 3 s".to_owned());
    assert_eq!(market.told[2..], [(0, why()), (1, why())]);
    market.venue.heartbeat();
    market.until("back", |market| market.has_bid(600_000_000, 100));
}

#[test]
fn another_session_begins_with_books_of_its_own() {
    let mut market = Market::new();
    market.begin();
    market.until("silent", |market| market.state() == MarketState::Stale);
    market.venue.session = *b"2026112301";
    market.venue.messages.clear();
    market.venue.sent = 0;
    market.venue.directory();
    market.venue.add(1, Side::Buy, 500_000_000, 7);
    market.venue.publish(|_, _| false);
    market.until("another", |market| {
        market.told.iter().any(|(_, what)| matches!(what, Err(why) if why.contains("session")))
    });
    market.until("books", |market| market.feed.is_following());
    market.venue.heartbeat();
    market.until("live", |market| market.has_bid(500_000_000, 7));
}

#[test]
fn datagrams_are_taken_without_allocating() {
    alone("it::itch::datagrams_are_taken_without_allocating", || {
        assert_counts_every_thread();
        let mut market = Market::new();
        market.begin();
        let first = market.venue.messages.len();
        for reference in 10..1_010 {
            market.venue.add(reference, Side::Buy, 600_000_000, 1);
            market.venue.delete(reference);
        }
        let packets: Vec<Vec<u8>> =
            (first..market.venue.messages.len()).map(|at| market.venue.packet(at)).collect();
        let Market { core, feed, venue, now, .. } = &mut market;
        let mut carry = |packets: &[Vec<u8>]| {
            for packet in packets {
                for to in &venue.lines {
                    assert!(venue.socket.send(packet, *to));
                }
                let end = Instant::now() + PATIENCE;
                let mut taken = 0;
                while taken < 2 {
                    assert!(Instant::now() < end, "never taken");
                    *now += 1_000;
                    taken += feed.poll(Timestamp(*now), core, 32);
                }
            }
        };
        let (warm, counted) = packets.split_at(packets.len() / 2);
        carry(warm);
        assert_eq!(allocations(|| carry(counted)), 0);
        assert!(market.has_bid(600_000_000, 100));
    });
}
