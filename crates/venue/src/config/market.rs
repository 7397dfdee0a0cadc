//! The table of market data.

use std::time::Duration;

use super::lines::{Lines, SECONDS, given};
use super::{ConfigError, MarketTable};
use crate::market::{MarketConfig, MarketOptions};

impl Lines<'_> {
    /// How market data are served; `None` without an address.
    pub(super) fn market(&self, table: &MarketTable) -> Result<Option<MarketConfig>, ConfigError> {
        let defaults = MarketOptions::default();
        let send = self.number(
            given!(table.send_timeout_s as "market"),
            SECONDS,
            defaults.send_timeout.as_secs(),
        )?;
        let heartbeat = self.number(
            given!(table.heartbeat_ms as "market"),
            10..=60_000,
            defaults.heartbeat.as_millis() as u64,
        )?;
        let options = MarketOptions {
            connections_max: self.number(
                given!(table.connections_max as "market"),
                1..=65_536,
                defaults.connections_max,
            )?,
            waiting_bytes_max: self.number(
                given!(table.waiting_bytes_max as "market"),
                65_536..=1 << 30,
                defaults.waiting_bytes_max,
            )?,
            send_timeout: Duration::from_secs(send),
            heartbeat: Duration::from_millis(heartbeat),
            ..defaults
        };
        let (thread, wait) = (table.thread.as_ref(), table.wait.as_ref());
        let thread = self.stage_thread("market", thread, wait, table.cpu.as_ref())?;
        let Some(given) = &table.address else { return Ok(None) };
        let address = self.socket(given, "market.address")?;
        let table = ("market", table.allow_remote);
        let address = self.near((given, "market.address"), address, table)?;
        Ok(Some(MarketConfig { address, thread, options }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::VenueConfig;
    use super::super::tests::each_has_its_line;
    use super::*;
    use crate::stage::StageThread;

    #[test]
    fn market_data_are_read_and_each_mistake_has_its_line() {
        let text = "[market]\naddress = \"127.0.0.1:9\"\nconnections_max = 7\nheartbeat_ms = 50\n\
            waiting_bytes_max = 65536\nsend_timeout_s = 3\nthread = \"core\"\n";
        let market = VenueConfig::parse(text).unwrap().market.unwrap();
        let options = MarketOptions {
            connections_max: 7,
            waiting_bytes_max: 65_536,
            send_timeout: Duration::from_secs(3),
            heartbeat: Duration::from_millis(50),
            ..MarketOptions::default()
        };
        assert_eq!((market.options, market.thread), (options, StageThread::Fused));
        assert!(VenueConfig::parse("[market]\nconnections_max = 7\n").unwrap().market.is_none());
        each_has_its_line(
            text,
            &[
                ("127.0.0.1:9", "0.0.0.0:9", 2, "`market.allow_remote = true`"),
                ("127.0.0.1:9", "nowhere", 2, "IP address and a port"),
                ("= 7", "= 0", 3, "`market.connections_max` is"),
                ("= 50", "= 5", 4, "`market.heartbeat_ms` is"),
                ("65536", "65535", 5, "`market.waiting_bytes_max` is"),
                ("= 3", "= 0", 6, "`market.send_timeout_s` is"),
                ("\"core\"", "\"elsewhere\"", 7, "`market.thread` is"),
            ],
        );
    }
}
