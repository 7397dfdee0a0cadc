use std::time::Duration;

use super::*;
use crate::binance::rate_limit::RateLimits;
use crate::open_orders::{OpenOrderLimits, OpenOrderRules};

/// Each of `mistakes` (what of `text` is written wrongly, how, the line that is named, a part of what is
/// said) is refused so.
pub(super) fn each_has_its_line(text: &str, mistakes: &[(&str, &str, usize, &str)]) {
    for &(from, to, line, part) in mistakes {
        let error = VenueConfig::parse(&text.replace(from, to)).unwrap_err();
        assert_eq!(error.line, line, "{to}: {error}");
        assert!(error.message.contains(part), "{to}: {error}");
    }
}

#[test]
fn the_template_is_the_defaults() {
    assert_eq!(VenueConfig::parse(TEMPLATE), Ok(VenueConfig::default()));
    assert_eq!(VenueConfig::parse(""), Ok(VenueConfig::default()));
}

#[test]
fn the_template_names_every_key() {
    // With every key that it names set, none is left out above by a typing mistake.
    let whole: String = TEMPLATE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key) if key.split(' ').nth(1) == Some("=") || key.starts_with("[[") => {
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let config = VenueConfig::parse(&whole.replace("token_env", "# token_env")).unwrap();
    assert_eq!(config.keys_file, Some("keys.toml".into()));
    assert_eq!(config.tls.unwrap().client_ca, Some("clients.pem".into()));
    assert_eq!(config.admin.unwrap().token, TokenSource::File("admin.token".into()));
    assert_eq!(config.serve.open_orders.len(), 1);
    assert_eq!(config.threads.follower_cpu, Some(3));
    // Every key that is read is in the template.
    let source = include_str!("../config.rs");
    let tables = source.split_once("tables! {\n").unwrap().1.split_once("\n}\n").unwrap().0;
    for key in tables.split_whitespace().filter_map(|word| word.strip_suffix(':')) {
        let there =
            TEMPLATE.contains(&format!("{key} = ")) || TEMPLATE.contains(&format!("[{key}]"));
        assert!(there, "{key} is not in the template");
    }
}

#[test]
fn values_reach_their_places() {
    let config = VenueConfig::parse(
        "[store]\npath = \"a\"\ndurability = \"memory\"\n[snapshots]\ncommands = 11\n\
         interval_s = 12\n[http]\naddress = \"[::1]:1\"\nconnections_max = 2\n\
         connections_per_address = 1\nbody_bytes_max = 2048\nheader_timeout_s = 3\n\
         request_timeout_s = 4\nsend_timeout_s = 5\ncors_origins = [\"http://a\"]\n\
         metrics = false\n[limits]\nweight_1m = 5\norders_10s = 6\norders_1d = 7\n\
         refusals_1m = 0\nstreams_per_connection = 8\nstream_messages_1s = 9\n\
         native_channels_per_connection = 10\nnative_messages_1s = 11\n[[instruments]]\n\
         symbol = \"A\"\nmax_num_orders = 3\nmax_num_algo_orders = 0\n[[instruments]]\n\
         symbol = \"B\"\nmax_num_iceberg_orders = 1\n[admin]\n\
         address = \"127.0.0.1:9\"\ntoken_env = \"TOKEN\"\n[log]\nlevels = \"warn\"\n\
         format = \"json\"\n[threads]\ncore_cpu = 0\nwait = \"busy-spin\"\n",
    );
    let serve = ServeOptions {
        connections_max: 2,
        connections_per_address: 1,
        body_bytes_max: 2_048,
        header_timeout: Duration::from_secs(3),
        request_timeout: Duration::from_secs(4),
        send_timeout: Duration::from_secs(5),
        connection_lifetime: Duration::from_hours(24),
        cors_origins: vec!["http://a".to_owned()],
        metrics: false,
        limits: RateLimits { weight_1m: 5, orders_10s: 6, orders_1d: 7, refusals_1m: 0 },
        open_orders: OpenOrderRules::from([
            (
                "A".parse().unwrap(),
                OpenOrderLimits { orders: Some(3), algo_orders: Some(0), iceberg_orders: None },
            ),
            (
                "B".parse().unwrap(),
                OpenOrderLimits { iceberg_orders: Some(1), ..OpenOrderLimits::default() },
            ),
        ]),
        streams_max: 8,
        stream_messages_1s: 9,
        native_channels_max: 10,
        native_messages_1s: 11,
    };
    let expected = VenueConfig {
        store_path: "a".into(),
        durability: Durability::Memory,
        snapshots: Some(SnapshotPolicy { commands: 11, interval_ns: 12_000_000_000 }),
        address: "[::1]:1".parse().unwrap(),
        serve,
        admin: Some(AdminConfig {
            address: "127.0.0.1:9".parse().unwrap(),
            token: TokenSource::Environment("TOKEN".to_owned()),
        }),
        log: LogConfig { levels: "warn".to_owned(), format: LogFormat::Json },
        threads: ThreadConfig {
            core_cpu: Some(0),
            wait: WaitKind::BusySpin,
            ..ThreadConfig::default()
        },
        ..VenueConfig::default()
    };
    assert_eq!(config, Ok(expected));
    let without = VenueConfig::parse("[snapshots]\nenabled = false\n").unwrap();
    assert_eq!(without.snapshots, None);
}

#[test]
fn each_mistake_names_its_line_and_key() {
    let admin = |rest| format!("[admin]\naddress = \"127.0.0.1:9\"\n{rest}");
    let plain: &[(String, usize, &str)] = &[
        (admin(""), 2, "`admin.address` needs `admin.token_file`"),
        (admin("token_env = \"A\"\ntoken_file = \"a\"\n"), 2, "one of them"),
        (admin("token_file = \"\"\n"), 3, "`admin.token_file` is empty"),
    ];
    for (text, line, part) in [
        ("\n\n[htpp]\n", 3, "htpp"),
        ("[http]\ncolour = 1\n", 2, "colour"),
        ("[http]\n\nconnections_max = 0", 3, "`http.connections_max` is 1 to 65536"),
        ("[http]\nconnections_max = -1", 2, "-1"),
        ("[http]\naddress = \"localhost\"", 2, "`http.address` is an IP address"),
        ("[http]\naddress = \"0.0.0.0:80\"", 2, "`http.allow_remote = true`"),
        ("[http]\naddress = \"0.0.0.0:80\"\nallow_remote = true", 2, "`http.allow_plain = true`"),
        ("[http]\ncors_origins = [\"a\"]", 2, "`http.cors_origins` is a list of origins"),
        ("[tls]\ncertificate = \"a\"", 2, "`tls.certificate` needs `tls.private_key`"),
        ("[tls]\nclient_ca = \"a\"", 2, "`tls.client_ca` needs `tls.certificate`"),
        ("[admin]\naddress = \"127.0.0.1:8080\"", 2, "`admin.address` is `http.address`"),
        ("[admin]\naddress = \"0.0.0.0:1\"\nallow_remote = true", 2, "TLS (`tls.certificate`)"),
        ("[log]\nlevels = \"info=loud\"", 2, "`log.levels` is not a list of levels"),
        ("[log]\n\nlevels = \"loud\"", 3, "`log.levels` is not a list of levels"),
        ("[log]\nlevels = \"info,tiercel_venue\"", 2, "neither a level nor TARGET=LEVEL"),
        ("[log]\nlevels = \"\"", 2, "`log.levels` is not a list of levels"),
        ("[log]\nformat = \"xml\"", 2, "`log.format` is"),
        ("[threads]\nwait = \"sleep\"", 2, "`threads.wait` is"),
        ("[threads]\ncore_cpu = 5000", 2, "`threads.core_cpu` is 0 to 4095"),
        ("[snapshots]\ncommands = 0", 2, "`snapshots.commands` is"),
        ("[store]\ndurability = \"maybe\"", 2, "`store.durability` is"),
        ("[store]\npath = \"\"", 2, "`store.path` is empty"),
        ("[limits]\nweight_1m = 0\n", 2, "`limits.weight_1m` is"),
        ("[limits]\nweight_1m = 1.5\n", 2, "1.5"),
        ("[[instruments]]\nmax_num_orders = 1\n", 1, "`instruments.symbol` has to be there"),
        ("[[instruments]]\nsymbol = \"\"\n", 2, "`instruments.symbol` is no symbol"),
        ("[[instruments]]\nsymbol = \"A\"\nmax_num_orders = -1\n", 3, "-1"),
        (
            "[[instruments]]\nsymbol = \"A\"\n[[instruments]]\nsymbol = \"A\"\n",
            4,
            "`instruments.symbol` is there twice",
        ),
        ("[limits\n", 1, ""),
    ]
    .into_iter()
    .map(|(text, line, part)| (text.to_owned(), line, part))
    .chain(plain.iter().cloned())
    {
        let error = VenueConfig::parse(&text).unwrap_err();
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.message.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn beyond_this_machine_there_is_tls_or_a_word_for_going_without() {
    let remote = "[http]\naddress = \"0.0.0.0:80\"\nallow_remote = true\n";
    let tls = "[tls]\ncertificate = \"a\"\nprivate_key = \"b\"\n";
    assert!(VenueConfig::parse(&format!("{remote}{tls}")).is_ok());
    assert!(VenueConfig::parse(&format!("{remote}allow_plain = true\n")).is_ok());
    let admin = "[admin]\naddress = \"0.0.0.0:81\"\nallow_remote = true\ntoken_env = \"A\"\n";
    assert!(VenueConfig::parse(&format!("{admin}{tls}")).is_ok());
}
