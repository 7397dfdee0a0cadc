//! The same over the Binance interface: ticks as its streams write them, and a venue that takes orders over a
//! WebSocket.

use std::fmt::Write as _;

use tiercel_execution::oms::VenueTerms;
use tiercel_execution::venue::VenueId;
use tiercel_net::tls::Channel;
use tiercel_strategy::Strategy;
use tiercel_strategy::market_maker::{FairPrice, MarketMaker, MarketMakerParameters};
use tiercel_telemetry::Registry;
use tiercel_trader::MarketBook;
use tiercel_trader::budget::Budget;
use tiercel_trader::clerk::Listed;
use tiercel_trader::connector::BinanceOrders;
use tiercel_trader::connector::binance::digits;
use tiercel_trader::feed::{BinanceFeed, StreamOptions, take_snapshot};
use tiercel_trader::key::SecretKey;
use tiercel_trader::lines::{Line, Lines};
use tiercel_trader::websocket::Handover;
use tiercel_types::market::{DepthSnapshot, Level};
use tiercel_types::{Price, Qty, Symbol, Timestamp};
use tiercel_wire::binance::order::Requests;
use tiercel_wire::websocket::{self, Assembler, Limits, Message, Role};

use super::BenchError;
use super::journal::wrong;
use super::tick_peer::{LOT, MIDDLE, OURS, Peer, TICK, Taker, core, terms};

/// Levels of each side that a tick changes.
const LEVELS: i64 = 20;
/// By how many ticks of the price the middle moves from one tick to the next, up or down.
const STEP: i64 = 3;
/// The distance of quotes from the weighted mid: so far that a new quote does not meet the old one of the other side.
const HALF_SPREAD_TICKS: f64 = 4.0;
/// Ticks in one direction.
const STRIDE: u64 = 32;
/// How far from the middle the book goes at the start.
const DEPTH: i64 = 200;
/// More than a trader sends at once.
const MESSAGE_BYTES: usize = 64 << 10;
const SECOND_NS: u64 = 1_000_000_000;

/// A private Ed25519 key: with it a connection logs on, and signs nothing more.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIAUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF\n\
                   -----END PRIVATE KEY-----\n";

/// What the trader does about a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trades {
    /// It takes what is offered.
    Taking,
    /// It quotes both sides round the weighted mid.
    Quoting,
}

/// A venue of the Binance interface that tells of one book. Its best prices lie a tick below and above a middle
/// that moves with each tick, so that what is asked for one of them does not follow from another.
pub(super) struct JsonPeer {
    trades: Trades,
    number: u64,
    middle: i64,
    assembler: Assembler,
    requests: Vec<String>,
    /// What orders are called, by their numbers.
    names: Vec<String>,
    is_logged_on: bool,
    output: Vec<u8>,
}

const fn middle_of(number: u64) -> i64 {
    let at = number % (2 * STRIDE);
    let up = if at < STRIDE { at } else { 2 * STRIDE - at };
    MIDDLE / TICK + up as i64 * STEP
}

/// What lies at a price, in ticks.
const fn qty_of(number: u64, price: i64) -> Qty {
    let mixed = (number ^ (price as u64) << 20).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Qty::from_units((1 + (mixed >> 40) % 900) * LOT)
}

const fn level(number: u64, price: i64) -> Level {
    Level { price: Price::from_units(price * TICK), qty: qty_of(number, price) }
}

impl JsonPeer {
    pub(super) fn new(trades: Trades) -> Self {
        let limits = Limits {
            role: Role::Server,
            frame_bytes_max: MESSAGE_BYTES,
            message_bytes_max: MESSAGE_BYTES,
        };
        Self {
            trades,
            number: 0,
            middle: middle_of(0),
            assembler: Assembler::new(limits),
            requests: Vec::new(),
            names: vec![String::new()],
            is_logged_on: false,
            output: Vec::new(),
        }
    }

    /// The book that the trader begins with, given to it as a snapshot is.
    pub(super) fn snapshot(now: Timestamp, lines: &mut Lines) {
        let middle = middle_of(0);
        let side = |sign: i64| -> Vec<Level> {
            (1..=DEPTH).map(|at| level(0, middle + sign * at)).collect()
        };
        let (bids, asks) = (side(-1), side(1));
        let snapshot = DepthSnapshot { last_update_id: 1, bids: &bids, asks: &asks };
        lines.core.timing.begin();
        take_snapshot(now, OURS, &snapshot, &mut lines.core);
    }

    /// A trade at the best ask.
    pub(super) fn trade(&mut self, out: &mut Vec<u8>) {
        self.number += 1;
        let (number, (_, ask)) = (self.number, self.best());
        let time = 1_800_000_000_000 + number;
        let mut text = String::with_capacity(256);
        // Writing to a text cannot fail.
        let _written = write!(
            text,
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{time},"s":"BTCUSDT","t":{number},"p":"{:.8}","q":"{:.8}","T":{time},"m":false,"M":true}}}}"#,
            ask.price, ask.qty
        );
        websocket::put_text_with(out, None, |out| out.extend_from_slice(text.as_bytes()));
    }

    /// The best prices.
    pub(super) fn best_prices(&mut self, out: &mut Vec<u8>) {
        self.number += 1;
        self.middle = middle_of(self.number);
        let (update, (bid, ask)) = (1 + self.number, self.best());
        let mut text = String::with_capacity(256);
        let _written = write!(
            text,
            r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{update},"s":"BTCUSDT","b":"{:.8}","B":"{:.8}","a":"{:.8}","A":"{:.8}"}}}}"#,
            bid.price, bid.qty, ask.price, ask.qty
        );
        websocket::put_text_with(out, None, |out| out.extend_from_slice(text.as_bytes()));
    }

    const fn best(&self) -> (Level, Level) {
        (level(self.number, self.middle - 1), level(self.number, self.middle + 1))
    }

    /// The mid, weighted by the other side's quantity, in ticks.
    fn weighted_mid(&self) -> f64 {
        let (bid, ask) = self.best();
        let (bid_qty, ask_qty) = (bid.qty.units() as f64, ask.qty.units() as f64);
        // From the bid it is two ticks to the ask.
        (self.middle - 1) as f64 + 2.0 * bid_qty / (bid_qty + ask_qty)
    }

    /// Whether a quote lies where it belongs: the half-spread from the weighted mid, the bid rounded down, the ask up.
    fn is_due(&self, is_bid: bool, price: i64) -> bool {
        let ticks = price as f64 / TICK as f64;
        let beyond = if is_bid {
            self.weighted_mid() - HALF_SPREAD_TICKS - ticks
        } else {
            ticks - self.weighted_mid() - HALF_SPREAD_TICKS
        };
        (-1e-6..1.0 + 1e-6).contains(&beyond)
    }

    fn text(&mut self, write: impl FnOnce(&mut String)) {
        let mut text = String::new();
        write(&mut text);
        websocket::put_text_with(&mut self.output, None, |out| {
            out.extend_from_slice(text.as_bytes());
        });
    }

    fn answered(&mut self, id: &str, result: &str) {
        self.text(|text| {
            let _written = write!(text, r#"{{"id":{id},"status":200,"result":{result}}}"#);
        });
    }

    fn take(&mut self, text: String) -> Result<(), BenchError> {
        let id = value(&text, "id")?.to_owned();
        match value(&text, "method")? {
            "session.logon" => self.answered(&id, r#"{"apiKey":"bench"}"#),
            "userDataStream.subscribe" => {
                self.is_logged_on = true;
                self.answered(&id, r#"{"subscriptionId":0}"#);
            }
            "order.place" | "order.cancelReplace" => self.requests.push(text),
            other => return Err(wrong(&format!("{other} was not expected"))),
        }
        Ok(())
    }

    /// The answers to one order.
    fn answer_one(&mut self, request: &str) -> Result<(), BenchError> {
        let (id, name) = (value(request, "id")?, value(request, "newClientOrderId")?);
        let order_id = self.names.len();
        self.names.push(name.to_owned());
        let placed = format!(
            r#"{{"symbol":"BTCUSDT","orderId":{order_id},"orderListId":-1,"clientOrderId":"{name}","transactTime":1800000000000}}"#
        );
        if value(request, "method")? == "order.place" {
            self.answered(id, &placed);
        } else {
            let replaced = value(request, "cancelOrderId")?;
            let at: usize = replaced.parse().map_err(|error| wrong(&error))?;
            let original =
                self.names.get(at).ok_or_else(|| wrong(&"an order that is not there"))?;
            let result = format!(
                r#"{{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS","cancelResponse":{{"symbol":"BTCUSDT","origClientOrderId":"{original}","orderId":{replaced},"orderListId":-1,"clientOrderId":"c","transactTime":1800000000000,"price":"1.0","origQty":"1.0","executedQty":"0.0","origQuoteOrderQty":"0.0","cummulativeQuoteQty":"0.0","status":"CANCELED","timeInForce":"GTC","type":"LIMIT_MAKER","side":"BUY","selfTradePreventionMode":"EXPIRE_TAKER"}},"newOrderResponse":{placed}}}"#
            );
            self.answered(id, &result);
        }
        if self.trades == Trades::Taking {
            // What an order that takes what is there ends with.
            let (qty, price) = (value(request, "quantity")?, value(request, "price")?);
            let text = format!(
                r#"{{"subscriptionId":0,"event":{{"e":"executionReport","E":1,"s":"BTCUSDT","c":"{name}","S":"BUY","o":"LIMIT","f":"IOC","q":"{qty}","p":"{price}","P":"0.0","F":"0.0","g":-1,"C":"","x":"EXPIRED","X":"EXPIRED","r":"NONE","i":{order_id},"l":"0.0","z":"0.0","L":"0.0","n":"0","N":null,"t":-1,"T":1,"I":9,"w":false,"m":false,"M":false,"O":1,"Z":"0.0","Y":"0.0","Q":"0.0","W":1,"V":"EXPIRE_TAKER"}}}}"#
            );
            self.text(|out| out.push_str(&text));
        }
        Ok(())
    }

    /// Levels of a side that change: those that the middle passed, and those next to the new best price.
    fn side(&self, out: &mut String, sign: i64, from: i64) {
        let moved = (self.middle - from) * sign;
        // A side that the middle moves towards loses levels; the other one gets some.
        let first = if moved > 0 { from + sign } else { self.middle + sign };
        for at in 0..LEVELS {
            let price = first + sign * at;
            let is_gone = (price - self.middle) * sign <= 0;
            out.push_str(if at == 0 { "[\"" } else { ",[\"" });
            let qty = if is_gone { Qty::ZERO } else { qty_of(self.number, price) };
            let (price, qty) = (Price::from_units(price * TICK), qty);
            // Writing to a text cannot fail.
            let _written = write!(out, "{price:.8}\",\"{qty:.8}\"]");
        }
    }
}

impl Peer for JsonPeer {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn tick(&mut self, out: &mut Vec<u8>) {
        self.number += 1;
        let from = std::mem::replace(&mut self.middle, middle_of(self.number));
        let mut text = String::with_capacity(2 << 10);
        let update = 1 + self.number;
        let _written = write!(
            text,
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{},"s":"BTCUSDT","U":{update},"u":{update},"b":["#,
            1_800_000_000_000 + self.number
        );
        self.side(&mut text, -1, from);
        text.push_str("],\"a\":[");
        self.side(&mut text, 1, from);
        text.push_str("]}}");
        websocket::put_text_with(out, None, |out| out.extend_from_slice(text.as_bytes()));
    }

    fn is_logged_on(&self) -> bool {
        self.is_logged_on
    }

    fn received(&mut self, _: Timestamp, bytes: &[u8]) -> Result<usize, BenchError> {
        let mut bytes = bytes.to_vec();
        let (mut taken, mut texts) = (0, Vec::<String>::new());
        loop {
            let step = self.assembler.next(&mut bytes[taken..]).map_err(|error| wrong(&error))?;
            taken += step.taken;
            match step.message {
                None => break,
                Some(Message::Text(text)) => texts.push(String::from_utf8_lossy(text).into_owned()),
                Some(_) => {}
            }
        }
        for text in texts {
            self.take(text)?;
        }
        Ok(taken)
    }

    fn has_orders(&self) -> bool {
        let wanted = match self.trades {
            Trades::Taking => 1,
            Trades::Quoting => 2,
        };
        self.requests.len() >= wanted
    }

    fn check(&self) -> Result<(), BenchError> {
        let number = |request: &str, name: &str| -> Result<i64, BenchError> {
            let price: Price = value(request, name)?.parse().map_err(|error| wrong(&error))?;
            Ok(price.units())
        };
        match self.trades {
            Trades::Taking => {
                let [request] = &self.requests[..] else { return Err(wrong(&"not one order")) };
                let (_, ask) = self.best();
                let found = (number(request, "price")?, number(request, "quantity")?);
                if found != (ask.price.units(), ask.qty.units().cast_signed()) {
                    return Err(wrong(&format!("an order at {found:?} where {ask:?} is")));
                }
            }
            Trades::Quoting => {
                for request in &self.requests {
                    let found = number(request, "price")?;
                    if !self.is_due(value(request, "side")? == "BUY", found) {
                        let middle = self.weighted_mid();
                        return Err(wrong(&format!("a quote at {found} round {middle} ticks")));
                    }
                }
            }
        }
        Ok(())
    }

    fn answer(&mut self, _: Timestamp) -> Result<(), BenchError> {
        for request in std::mem::take(&mut self.requests) {
            self.answer_one(&request)?;
        }
        Ok(())
    }

    fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.output);
    }
}

/// The value of a key that is there once: a text without its quotes, or a number.
fn value<'a>(text: &'a str, key: &str) -> Result<&'a str, BenchError> {
    let missing = || wrong(&format!("no {key} in {text}"));
    let at = text.find(&format!("\"{key}\":")).ok_or_else(missing)?;
    let rest = &text[at + key.len() + 3..];
    let end = rest.find([',', '}']).ok_or_else(missing)?;
    Ok(rest[..end].trim_matches('"'))
}

/// A market maker whose half-spread is the least, whatever the market does.
pub(super) fn quoting() -> Result<Box<dyn Strategy>, BenchError> {
    let parameters = MarketMakerParameters {
        qty: Qty::from_units(10 * LOT),
        inventory_max: Qty::from_units(1_000 * LOT),
        gamma: 1e-6,
        k: 1e6,
        horizon_ns: 1,
        fair_price: FairPrice::WeightedMid,
        micro_price_model: String::new(),
        half_spread_min_ticks: HALF_SPREAD_TICKS,
        spread_max_ticks: 100,
        volatility_interval_ns: 1_000_000,
        volatility_samples: 300,
        warm_up_samples: 2,
        vpin_bucket_qty: Qty::ZERO,
        vpin_buckets: 50,
        vpin_widening: 1.0,
        hysteresis_ticks: 0,
        refill_below_ppm: 500_000,
        post_only: true,
        backoff_ns: 100_000_000,
    };
    Ok(Box::new(MarketMaker::new(&parameters, &terms()).map_err(|error| wrong(&error))?))
}

/// A trader of one instrument over the Binance interface.
pub(super) fn lines(strategy: Box<dyn Strategy>, registry: &Registry) -> Result<Lines, BenchError> {
    let options =
        StreamOptions { silence_max_ns: 3_600 * SECOND_NS, lifetime_ns: 86_400 * SECOND_NS };
    let secret = SecretKey::of_file(KEY).map_err(|error| wrong(&error))?;
    let terms = terms();
    let listed = Listed {
        instrument: OURS,
        symbol: "BTCUSDT".into(),
        digits: digits(terms.tick, terms.lot),
        base_asset: "BTC".into(),
        quote_asset: "USDT".into(),
    };
    let logs_on = secret.logs_on();
    let requests = Requests::new("bench", Some(1_000), secret);
    let budget = Budget::new([]);
    let mut orders =
        BinanceOrders::new(VenueId(0), requests, logs_on, vec![listed], budget, options);
    orders.set_clock_offset(0);
    let venue = VenueTerms { amends: false, validity_ns: SECOND_NS };
    let core = core(strategy, registry, MarketBook::numbered(), venue)?;
    let lines = vec![Line::BinanceFeed(Box::new(feed()?)), Line::BinanceOrders(Box::new(orders))];
    Ok(Lines::new(core, lines, 4))
}

/// Its market data alone.
pub(super) fn feed() -> Result<BinanceFeed, BenchError> {
    let options =
        StreamOptions { silence_max_ns: 3_600 * SECOND_NS, lifetime_ns: 86_400 * SECOND_NS };
    let symbol = Symbol::new(b"BTCUSDT").map_err(|error| wrong(&error))?;
    Ok(BinanceFeed::new(VenueId(0), vec![(symbol, OURS)], options))
}

/// One that takes what each tick offers.
pub(super) fn taking() -> Box<dyn Strategy> {
    Box::new(Taker::new())
}

/// A connection without a socket.
pub(super) fn handover() -> Handover {
    Handover { channel: Channel::Plain, early: Vec::new(), nonce: [7; 32] }
}
