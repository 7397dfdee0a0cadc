//! The connections of a trader, and who asks its venues over HTTP, as they are configured.

use std::io;
use std::path::Path;

use tiercel_execution::venue::VenueId;
use tiercel_host::secret;
use tiercel_types::{InstrumentId, Symbol};
use tiercel_wire::binance::order::Requests;

use super::SetupError;
use crate::budget::Budget;
use crate::clerk::{Clerk, Desk, Listed};
use crate::config::{OrdersOver, VenueTable};
use crate::connector::binary::Login;
use crate::connector::fix::{self, FixLogin};
use crate::connector::{self, BinanceOrders, BinaryOrders, FixOrders};
use crate::endpoint::{Endpoint, WebSocketEndpoint};
use crate::feed::{self, BinanceFeed, BinaryFeed, StreamOptions};
use crate::instruments::{Instrument, RequestLimit};
use crate::key::SecretKey;
use crate::lines::Line;
use crate::rest::Rest;
use crate::source::Source;

/// Connections, what they are called and where they go; and who asks venues over HTTP.
#[derive(Default)]
pub(super) struct Wiring {
    pub(super) lines: Vec<Line>,
    pub(super) names: Vec<String>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) clerks: Vec<Option<Clerk>>,
    /// Market data without a connection.
    pub(super) sources: Vec<Source>,
    pub(super) source_names: Vec<String>,
    /// No orders leave.
    pub(super) on_paper: bool,
}

impl Wiring {
    /// Market data that come without a connection.
    pub(super) fn source(&mut self, venue: &VenueTable, source: Source) {
        self.source_names.append(&mut source.names(&venue.name));
        self.sources.push(source);
    }

    fn line(&mut self, line: Line, name: String, endpoint: Endpoint) {
        self.lines.push(line);
        self.names.push(name);
        self.endpoints.push(endpoint);
    }

    pub(super) fn tiercel_feed(
        &mut self,
        id: VenueId,
        venue: &VenueTable,
        wanted: Vec<(Symbol, InstrumentId)>,
    ) {
        if !venue.market.is_empty() {
            let feed = Line::BinaryFeed(BinaryFeed::new(id, wanted));
            let market = Endpoint::Tcp(venue.market.clone());
            self.line(feed, format!("{} market data", venue.name), market);
        }
    }

    pub(super) fn fix(
        &mut self,
        id: VenueId,
        venue: &VenueTable,
        (instruments, limits): (&[&(Symbol, Instrument)], &[RequestLimit]),
        (numbers, next_answer): (fix::Numbers, Option<u64>),
    ) -> Result<(), SetupError> {
        let text = secret::read(&venue.secret_file)?;
        let login = FixLogin {
            comp_id: venue.comp_id.as_str().into(),
            venue_comp_id: venue.venue_comp_id.as_str().into(),
            key: venue.key.as_str().into(),
            secret: text.trim().as_bytes().into(),
            heartbeat_s: venue.heartbeat_ms.div_ceil(1_000),
        };
        let listed = self.clerk(venue, &text, instruments, limits)?;
        let orders = FixOrders::new(id, &login, listed, numbers, next_answer);
        let endpoint = Endpoint::of_bytes(&venue.orders, venue.tls_roots.as_deref())?;
        self.line(Line::FixOrders(Box::new(orders)), format!("{} orders", venue.name), endpoint);
        Ok(())
    }

    /// Who asks our venue over HTTP, with the key of its other ways; and what it lists.
    fn clerk(
        &mut self,
        venue: &VenueTable,
        secret: &str,
        instruments: &[&(Symbol, Instrument)],
        limits: &[RequestLimit],
    ) -> Result<Vec<Listed>, SetupError> {
        let secret = SecretKey::of_file(secret);
        let secret = secret.map_err(|error| SetupError::Key(venue.secret_file.clone(), error))?;
        let listed: Vec<Listed> =
            instruments.iter().map(|(symbol, instrument)| listed(*symbol, instrument)).collect();
        self.clerks.push(Some(Clerk::new(Desk {
            rest: Rest::new(&venue.rest, &venue.key, venue.tls_roots.as_deref())?,
            requests: Requests::new(&venue.key, Some(venue.recv_window_ms), secret),
            listed: listed.clone(),
            budget: Budget::new(limits.iter().copied()),
            valid_ns: u64::from(venue.recv_window_ms) * 1_000_000,
        })?));
        Ok(listed)
    }

    pub(super) fn records(
        &mut self,
        id: VenueId,
        venue: &VenueTable,
        (instruments, limits): (&[&(Symbol, Instrument)], &[RequestLimit]),
        next_answer: Option<u64>,
    ) -> Result<(), SetupError> {
        let text = secret::read(&venue.secret_file)?;
        self.clerk(venue, &text, instruments, limits)?;
        let login = Login {
            key: venue.key.as_str().into(),
            secret: text.trim().as_bytes().into(),
            heartbeat_ms: venue.heartbeat_ms,
            cancel_on_disconnect: venue.cancel_on_disconnect,
        };
        let orders = BinaryOrders::new(id, &login, Vec::new(), next_answer);
        let endpoint = Endpoint::Tcp(venue.orders.clone());
        self.line(Line::BinaryOrders(orders), format!("{} orders", venue.name), endpoint);
        Ok(())
    }

    pub(super) fn binance(
        &mut self,
        id: VenueId,
        venue: &VenueTable,
        instruments: &[&(Symbol, Instrument)],
        limits: &[RequestLimit],
    ) -> Result<(), SetupError> {
        let roots = venue.tls_roots.as_deref();
        let wanted: Vec<(Symbol, InstrumentId)> = instruments
            .iter()
            .map(|(symbol, instrument)| (*symbol, instrument.terms.instrument))
            .collect();
        let options = venue.stream_options();
        let streams = Streams {
            venue: id,
            name: &venue.name,
            address: &venue.market,
            roots,
            options,
            connections: venue.market_connections,
        };
        if !venue.market.is_empty() {
            for (line, name, endpoint) in streams.lines(&wanted)? {
                self.line(line, name, endpoint);
            }
        }
        // On paper nothing is asked that has to be signed.
        let text = if self.on_paper { String::new() } else { secret::read(&venue.secret_file)? };
        let secret = SecretKey::of_file(&text);
        let secret = secret.map_err(|error| SetupError::Key(venue.secret_file.clone(), error))?;
        let logs_on = secret.logs_on();
        let requests = Requests::new(&venue.key, Some(venue.recv_window_ms), secret);
        let listed: Vec<Listed> =
            instruments.iter().map(|(symbol, instrument)| listed(*symbol, instrument)).collect();
        let budget = Budget::new(limits.iter().copied());
        self.clerks.push(Some(Clerk::new(Desk {
            rest: Rest::new(&venue.rest, &venue.key, roots)?,
            requests: requests.clone(),
            listed: listed.clone(),
            budget: budget.clone(),
            valid_ns: u64::from(venue.recv_window_ms) * 1_000_000,
        })?));
        if self.on_paper {
            return Ok(());
        }
        let orders = BinanceOrders::new(id, requests, logs_on, listed, budget, options);
        let orders = match venue.orders_over() {
            OrdersOver::Rest => orders.over_rest(),
            _ => orders,
        };
        let endpoint = WebSocketEndpoint::new(&venue.orders, "", roots)?;
        self.line(
            Line::BinanceOrders(Box::new(orders)),
            format!("{} orders", venue.name),
            Endpoint::WebSocket(Box::new(endpoint)),
        );
        Ok(())
    }
}

/// Connections of market data of a Binance venue that tell the same.
pub(crate) struct Streams<'a> {
    pub(crate) venue: VenueId,
    /// What the venue is called.
    pub(crate) name: &'a str,
    /// The address of its streams.
    pub(crate) address: &'a str,
    /// Whom TLS trusts.
    pub(crate) roots: Option<&'a Path>,
    pub(crate) options: StreamOptions,
    /// How many.
    pub(crate) connections: u8,
}

impl Streams<'_> {
    /// The connections of these instruments, what they are called, and where they go.
    pub(crate) fn lines(
        &self,
        wanted: &[(Symbol, InstrumentId)],
    ) -> io::Result<Vec<(Line, String, Endpoint)>> {
        let path = feed::path(wanted.iter().map(|(symbol, _)| *symbol));
        let line = |at: u8| {
            // They are not replaced at the same time.
            let lifetime_ns = self.options.lifetime_ns;
            let lifetime_ns = lifetime_ns - lifetime_ns / 4 * u64::from(at);
            let options = StreamOptions { lifetime_ns, ..self.options };
            let feed = BinanceFeed::new(self.venue, wanted.to_vec(), options);
            let endpoint = WebSocketEndpoint::new(self.address, &path, self.roots)?;
            let name = stream_name(self.name, at);
            let endpoint = Endpoint::WebSocket(Box::new(endpoint));
            Ok((Line::BinanceFeed(Box::new(feed)), name, endpoint))
        };
        (0..self.connections).map(line).collect()
    }
}

pub(crate) fn listed(symbol: Symbol, instrument: &Instrument) -> Listed {
    let terms = &instrument.terms;
    Listed {
        instrument: terms.instrument,
        symbol: symbol.as_str().into(),
        digits: connector::binance::digits(terms.tick, terms.lot),
        base_asset: instrument.base_asset.as_str().into(),
        quote_asset: instrument.quote_asset.as_str().into(),
    }
}

/// What a connection of a Binance venue's market data is called.
pub(super) fn stream_name(venue: &str, number: u8) -> String {
    format!("{venue} market data {}", char::from(b'A' + number))
}
