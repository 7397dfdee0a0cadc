//! What a venue for trying things on prints of itself: lines to copy, for each client.

use std::fmt::Write as _;
use std::net::SocketAddr;

use tiercel_venue::demo::DemoKey;

/// Each client's lines, with the venue's address and an account's key and secret where they are named.
/// docs/clients.md has them whole.
const CLIENTS: &str = r#"
curl, an order (signed by openssl)
  Q="symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=59000&quantity=1&timestamp=$(date +%s)000"
  S=$(printf %s "$Q" | openssl dgst -sha256 -hmac {secret} | sed 's/.* //')
  curl -X POST -H 'X-MBX-APIKEY: {key}' 'http://{address}/api/v3/order' -d "$Q&signature=$S"

python-binance
  from binance import BinanceSocketManager, Client
  Client.API_URL = "http://{address}/api"; Client.WS_API_URL = "ws://{address}/ws-api/v3"
  BinanceSocketManager.STREAM_URL = "ws://{address}/"
  Client("{key}", "{secret}").order_limit_buy(symbol="BTCUSDT", quantity="1", price="59000")

ccxt, ccxt.pro
  client = ccxt.binance({"apiKey": "{key}", "secret": "{secret}", "options": {
      "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}})
  for name in ("public", "private"): client.urls["api"][name] = "http://{address}/api/v3"
  client.urls["api"]["sapi"] = "http://{address}/sapi/v1"
  client.urls["api"]["ws"] = {"spot": "ws://{address}/ws", "ws-api": {"spot": "ws://{address}/ws-api/v3"}}

binance-connector
  Spot("{key}", "{secret}", base_url="http://{address}")
  SpotWebsocketStreamClient(stream_url="ws://{address}", on_message=print)

binance-sdk-spot
  Spot(config_rest_api=ConfigurationRestAPI(api_key="{key}", api_secret="{secret}", base_path="http://{address}"),
       config_ws_api=ConfigurationWebSocketAPI(api_key="{key}", api_secret="{secret}", stream_url="ws://{address}/ws-api/v3"),
       config_ws_streams=ConfigurationWebSocketStreams(stream_url="ws://{address}/stream"))

nautilus_trader
  common = {"api_key": "{key}", "api_secret": "{secret}", "account_type": BinanceAccountType.SPOT,
            "base_url_http": "http://{address}", "base_url_ws": "ws://{address}",
            "instrument_provider": InstrumentProviderConfig(load_all=True)}
  BinanceDataClientConfig(**common); BinanceExecClientConfig(**common)
"#;

/// Where the venue is and for whom; with keys, how each client is told.
pub(crate) fn told(address: SocketAddr, tls: bool, keys: &[DemoKey]) -> String {
    let scheme = if tls { "https" } else { "http" };
    let mut text = format!("venue at {scheme}://{address}\n");
    // A text takes what is written to it.
    let _written = writeln!(text, "  curl '{scheme}://{address}/api/v3/exchangeInfo'");
    for key in keys {
        let DemoKey { account, api_key, secret } = key;
        let _written = writeln!(text, "account {account}\n  api_key {api_key}\n  secret  {secret}");
    }
    if let Some(DemoKey { api_key, secret, .. }) = keys.first() {
        let mut lines = CLIENTS.replace("{address}", &address.to_string());
        if tls {
            lines = lines.replace("http://", "https://").replace("ws://", "wss://");
        }
        text += &lines.replace("{secret}", secret).replace("{key}", api_key);
    }
    text
}

/// Where FIX is, and how an account logs on.
pub(crate) fn fix(address: SocketAddr, comp_id: &str, keys: &[DemoKey]) -> String {
    let mut text = format!("FIX 4.4 at {address}, TargetCompID {comp_id}\n");
    for DemoKey { account, api_key, secret } in keys {
        // A text takes what is written to it.
        let _written =
            writeln!(text, "  SenderCompID DEV{account}  Username {api_key}  Password {secret}");
    }
    text
}

/// Where the binary protocol is, and how an account logs on.
pub(crate) fn binary(address: SocketAddr, keys: &[DemoKey]) -> String {
    let mut text = format!("binary protocol at {address} (docs/binary.md)\n");
    for DemoKey { account, api_key, .. } in keys {
        // A text takes what is written to it.
        let _written =
            writeln!(text, "  login_key {api_key}  account {account}, signed with its secret");
    }
    text
}

#[cfg(test)]
mod tests {
    use tiercel_types::AccountId;

    use super::*;

    #[test]
    fn every_client_is_told_the_address_and_a_key() {
        let key = DemoKey {
            account: AccountId(1),
            api_key: "the-key".to_owned(),
            secret: "the-secret".to_owned(),
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 4_321));
        let text = told(address, false, std::slice::from_ref(&key));
        for left in ["{address}", "{secret}", "{key}"] {
            assert!(!text.contains(left), "{left} in {text}");
        }
        for client in
            ["curl", "python-binance", "ccxt", "binance-connector", "binance-sdk-spot", "nautilus"]
        {
            let (_, lines) = text.split_once(&format!("\n{client}")).unwrap();
            let lines = lines.split("\n\n").next().unwrap();
            for part in ["127.0.0.1:4321", "the-key", "the-secret"] {
                assert!(lines.contains(part), "{client}: {part} in {lines}");
            }
        }
        assert!(text.contains("-H 'X-MBX-APIKEY: the-key'"), "{text}");
        let sapi = r#"["sapi"] = "http://127.0.0.1:4321/sapi/v1""#;
        assert!(text.contains(sapi), "where ccxt asks for its rates: {text}");
        let secure = told(address, true, &[key]);
        assert!(secure.contains("wss://") && !secure.contains("ws://127"), "{secure}");
        assert!(!told(address, false, &[]).contains("python-binance"));
    }
}
