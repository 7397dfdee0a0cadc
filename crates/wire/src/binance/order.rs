//! What a client asks of a trading connection: requests of the `WebSocket` interface, and of REST.
//!
//! ```text
//!   Request --> Requests::put        {"id":7,"method":"order.place","params":{...}}
//!          \--> Requests::put_query  newClientOrderId=...&...&timestamp=...&signature=...
//!                       |
//!                       +--> Signer: the payload that is signed --> the signature's text
//!                       +--> Forms: an order without a signature, of a kind that was written before: its values
//!                            between texts that are there
//! ```
//!
//! Budget: 250 ns for an `order.place` without its signature. Must not happen here: allocation per
//! request, a clock, a key (the signer has it).
//!
//! Decimals are written exactly, as texts, with the instrument's digits. Parameters stand sorted by
//! name, which is the order in which the `WebSocket` interface signs them. After `session.logon`
//! requests need no signature ([`Requests::set_logged_on`]).
//!
//! Source: `web-socket-api.md` and `rest-api.md` of the public repository
//! `binance/binance-spot-api-docs`.

mod endpoint;
mod form;
mod list;
mod params;
mod request;

use tiercel_types::Timestamp;

use crate::websocket;

pub use endpoint::{Endpoint, Verb};
use form::Forms;
pub use list::{ListOrder, ListOrders, NewOrderList, Pair, Single};
use params::{Json, Pairs, Params as _, SIGNATURE, Scratch, Stamp};
pub use request::{
    AmendOrder, CancelOrder, CancelReplace, CancelReplaceMode, Digits, MyTrades, NewOrder,
    OrderName, Request, Terms,
};

/// Nanoseconds in a millisecond, the unit of a request's time.
const NS_PER_MS: u64 = 1_000_000;
/// Room for what is signed, and for its signature, without growing.
const ROOM: usize = 1_024;

/// Signs what it is shown.
pub trait Signer {
    /// Appends the signature of `payload` as the interface wants it: HMAC-SHA256 in hexadecimal,
    /// Ed25519 or RSA in base64.
    fn sign(&mut self, payload: &[u8], signature: &mut Vec<u8>);
}

impl<F: FnMut(&[u8], &mut Vec<u8>)> Signer for F {
    fn sign(&mut self, payload: &[u8], signature: &mut Vec<u8>) {
        self(payload, signature);
    }
}

/// Writes requests of one API key.
///
/// ```
/// use tiercel_types::Timestamp;
/// use tiercel_wire::binance::order::{Request, Requests};
///
/// let sign = |_: &[u8], signature: &mut Vec<u8>| signature.extend_from_slice(b"5e1f");
/// let mut requests = Requests::new("key", None, sign);
/// let (time, mut out) = (Timestamp(7_000_000), Vec::new());
/// let open = Request::OpenOrders { symbol: Some("BTCUSDT") };
/// requests.put(&mut out, 1, time, &open);
/// assert_eq!(
///     String::from_utf8_lossy(&out),
///     r#"{"id":1,"method":"openOrders.status","params":{"apiKey":"key","symbol":"BTCUSDT","timestamp":7,"signature":"5e1f"}}"#
/// );
/// out.clear();
/// requests.put_query(&mut out, time, &open);
/// assert_eq!(out, b"symbol=BTCUSDT&timestamp=7&signature=5e1f");
/// ```
#[derive(Clone, Debug)]
pub struct Requests<S> {
    api_key: Box<str>,
    recv_window_ms: Option<u32>,
    signer: S,
    is_logged_on: bool,
    text: Scratch,
    forms: Forms,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<S: Signer> Requests<S> {
    /// Of that key, whose requests are good for `recv_window_ms` (the venue's default if it is not
    /// told; at most 60,000).
    pub fn new(api_key: &str, recv_window_ms: Option<u32>, signer: S) -> Self {
        Self {
            api_key: api_key.into(),
            recv_window_ms,
            signer,
            is_logged_on: false,
            text: Scratch::new(ROOM),
            forms: Forms::new(),
            payload: Vec::with_capacity(ROOM),
            signature: Vec::with_capacity(ROOM),
        }
    }

    /// Whether the connection is logged on: then [`put`](Self::put) signs only what always is signed.
    pub const fn set_logged_on(&mut self, is_logged_on: bool) {
        self.is_logged_on = is_logged_on;
    }

    /// Writes a request of the `WebSocket` interface behind `out`, as one text.
    #[inline]
    pub fn put(&mut self, out: &mut Vec<u8>, id: u64, time: Timestamp, request: &Request<'_>) {
        self.put_masked(out, [0; 4], id, time, request);
    }

    /// The same as it is inside a frame with that mask: [`put_masked_text`](crate::websocket::put_masked_text).
    #[inline]
    pub fn put_masked(
        &mut self,
        out: &mut Vec<u8>,
        mask: [u8; 4],
        id: u64,
        time: Timestamp,
        request: &Request<'_>,
    ) {
        let endpoint = request.endpoint();
        let is_signed = endpoint.is_always_signed || (endpoint.is_stamped && !self.is_logged_on);
        let stamp = Stamp {
            api_key: None,
            time_ms: endpoint.is_stamped.then_some(time.0 / NS_PER_MS),
            recv_window_ms: self.recv_window_ms,
        };
        if !is_signed && self.forms.put(out, mask, (id, &stamp, request), &mut self.text) {
            return;
        }
        if !is_signed {
            self.forms.learn(&mut self.text, &stamp, request);
        }
        self.put_in_full(id, &endpoint, &stamp, is_signed, request);
        let start = out.len();
        out.extend_from_slice(self.text.as_bytes());
        websocket::mask(&mut out[start..], mask);
    }

    /// Writes a request piece by piece, the signature last if it has one.
    #[inline(never)]
    fn put_in_full(
        &mut self,
        id: u64,
        endpoint: &Endpoint,
        stamp: &Stamp<'_>,
        is_signed: bool,
        request: &Request<'_>,
    ) {
        let Self { api_key, signer, text, payload, signature, .. } = self;
        let stamp = &Stamp { api_key: is_signed.then_some(&**api_key), ..*stamp };
        text.clear();
        params::put_id(text, id);
        params::put_method(text, endpoint.method);
        let mut json = Json(text);
        request.write(stamp, &mut json);
        if is_signed {
            payload.clear();
            let mut pairs = Pairs::<false>(payload);
            request.write(stamp, &mut pairs);
            pairs.finish();
            signature.clear();
            signer.sign(payload, signature);
            json.text(SIGNATURE, signature);
        }
        json.finish();
        params::put_end(text);
    }

    /// Writes a request's parameters for REST behind `out`: a query string, or a form's body. The key
    /// goes into the header `X-MBX-APIKEY`; [`Endpoint`] has verb and path. It is signed always.
    pub fn put_query(&mut self, out: &mut Vec<u8>, time: Timestamp, request: &Request<'_>) {
        let endpoint = request.endpoint();
        let start = out.len();
        let stamp = Stamp {
            api_key: None,
            time_ms: endpoint.is_stamped.then_some(time.0 / NS_PER_MS),
            recv_window_ms: self.recv_window_ms,
        };
        let mut pairs = Pairs::<true>(out);
        request.write(&stamp, &mut pairs);
        pairs.finish();
        if endpoint.is_stamped {
            self.signature.clear();
            self.signer.sign(&out[start..], &mut self.signature);
            out.push(b'&');
            let mut pairs = Pairs::<true>(out);
            pairs.text(SIGNATURE, &self.signature);
            pairs.finish();
        }
    }
}
