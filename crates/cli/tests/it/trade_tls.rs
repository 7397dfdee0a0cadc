//! `tiercel trade` over TLS, at a venue of its own process: what it says it owns is what the venue says.

use std::fs;
use std::path::PathBuf;

use tiercel_net::tls::ClientTls;

use crate::command::{argument, run};
use crate::trade::{Trader, config, far_quotes, free_port, hit, settle};
use crate::venue_fix::certificate;
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue};

/// An Ed25519 key of 32 fives, and its public half.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF\n\
    -----END PRIVATE KEY-----\n";
const PUBLIC_KEY: &str = "MCowBQYDK2VwAyEAbnoc3Smwt4/ROvTFWY/v9O8qlxZuPKby5Pv8zYBQW/E=";

/// A venue that speaks TLS, with a certificate for `localhost`.
struct Place {
    store: PathBuf,
    venue_config: PathBuf,
    certificate: PathBuf,
    keys: Vec<Key>,
    rest: u16,
    http: u16,
}

impl Place {
    /// `more` is for the venue's configuration.
    fn new(name: &str, more: &str) -> Self {
        let (store, venue_config, keys) = market(name, more);
        let (certificate, key) = certificate(&venue_config);
        let text = fs::read_to_string(&venue_config).expect("it was written");
        let files = (argument(&certificate), argument(&key));
        let tls = format!("[tls]\ncertificate = \"{}\"\nprivate_key = \"{}\"\n", files.0, files.1);
        fs::write(&venue_config, text + &tls).expect("it can be written");
        Self { store, venue_config, certificate, keys, rest: free_port(), http: free_port() }
    }

    fn start(&self) -> Venue {
        let address = format!("127.0.0.1:{}", self.rest);
        let mut venue = Venue::start_at(&address, &self.store, &self.venue_config, &[], 0);
        venue.tls = Some(ClientTls::new(&self.certificate, "localhost", None).expect("its file"));
        venue
    }

    /// Trades with a trader of the first account, kills the venue meanwhile, and compares in the end.
    fn trades(&self, config: &std::path::Path) {
        let mut venue = self.start();
        far_quotes(&venue, &self.keys[1]);
        let trader = Trader::start(config, self.http);
        hit(&venue, &trader, &self.keys[1], 4);
        venue.kill();
        trader.until_alone();
        let venue = self.start();
        trader.until_connected();
        hit(&venue, &trader, &self.keys[1], 4);
        settle(trader, &venue, &self.keys[0]);
    }
}

#[test]
fn over_the_binance_interface_it_logs_on_with_an_ed25519_key_and_owns_what_the_venue_says() {
    let place = Place::new("trade-tls", "");
    let keys = place.venue_config.with_file_name("trade-tls-keys.toml");
    let text = fs::read_to_string(&keys).expect("it was written");
    let own = format!(
        "[[key]]\napi_key = \"key-3\"\naccount = 1\npermissions = [\"read\", \"trade\"]\n\
         ed25519_public_key = \"{PUBLIC_KEY}\"\n"
    );
    fs::write(&keys, text + &own).expect("it can be written");
    let key = Key { api_key: "key-3".to_owned(), secret: PRIVATE_KEY.to_owned() };
    let at = format!("localhost:{}", place.rest);
    let table = |roots: &std::path::Path| {
        format!(
            "kind = \"binance\"\nrest = \"https://{at}\"\nmarket = \"wss://{at}\"\n\
             orders = \"wss://{at}/ws-api/v3\"\ntls_roots = \"{}\"",
            argument(roots)
        )
    };
    place.trades(&config("trade-tls", &table(&place.certificate), place.http, &key));

    // Another authority is not whom the venue's certificate is from.
    let (other, _) = certificate(&place.venue_config.with_file_name("trade-tls-other"));
    let _venue = place.start();
    let config = config("trade-tls-other", &table(&other), place.http, &key);
    let ran = run(&["trade", "--config", argument(&config)]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("certificate"), "{}", ran.stderr);
}

#[test]
fn over_fix_it_owns_what_the_venue_says() {
    let [data, orders] = [free_port(), free_port()];
    let more = format!(
        "[market]\naddress = \"127.0.0.1:{data}\"\n[fix]\naddress = \"127.0.0.1:{orders}\"\n\
         sessions = [{{ comp_id = \"DESK\", api_key = \"key-1\" }}]\n"
    );
    let place = Place::new("trade-fix-tls", &more);
    let table = format!(
        "kind = \"tiercel\"\nrest = \"https://localhost:{}\"\nmarket = \"127.0.0.1:{data}\"\n\
         orders = \"tls://localhost:{orders}\"\norders_over = \"fix\"\ncomp_id = \"DESK\"\n\
         tls_roots = \"{}\"",
        place.rest,
        argument(&place.certificate)
    );
    place.trades(&config("trade-fix-tls", &table, place.http, &place.keys[0]));
}
