//! The table of ITCH.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tiercel_wire::itch::MESSAGE_SIZE_MAX;
use tiercel_wire::mold;
use toml::Spanned;

use super::lines::{Lines, SECONDS, given};
use super::{ConfigError, ItchTable};
use crate::feed::{FeedConfig, FeedOptions};

/// Bytes of a datagram that has room for the longest message: header, length, message; and of the
/// largest there is.
const DATAGRAM: std::ops::RangeInclusive<u64> =
    (mold::HEADER_SIZE + 2 + MESSAGE_SIZE_MAX) as u64..=65_507;
/// Sessions that are kept, if nothing else is said.
const SESSIONS_KEPT: usize = 5;

impl Lines<'_> {
    /// How ITCH is served; `None` without an address. Its files lie in the venue's folder unless it is
    /// told another.
    pub(super) fn itch(
        &self,
        table: ItchTable,
        store: &Path,
    ) -> Result<Option<FeedConfig>, ConfigError> {
        let defaults = FeedOptions::default();
        let near = |given: &Spanned<String>, key: &str, address: SocketAddr| {
            let ip = address.ip();
            // How far a group is told is said by `hops`.
            if ip.is_multicast() {
                return Ok(address);
            }
            self.near((given, key), address, ("itch", table.allow_remote))
        };
        let mut targets = Vec::new();
        if let Some(given) = &table.targets {
            for text in given.as_ref() {
                let one = Spanned::new(given.span(), text.clone());
                let address = self.socket(&one, "itch.targets")?;
                targets.push(near(&one, "itch.targets", address)?);
            }
        }
        let requests = table
            .requests
            .as_ref()
            .map(|given| near(given, "itch.requests", self.socket(given, "itch.requests")?));
        let interface: Ipv4Addr = match &table.interface {
            None => defaults.interface,
            Some(given) => given.as_ref().parse().map_err(|_| {
                self.refuse(given, "itch.interface", "is an IPv4 address, such as 127.0.0.1")
            })?,
        };
        let send = self.number(
            given!(table.send_timeout_s as "itch"),
            SECONDS,
            defaults.send_timeout.as_secs(),
        )?;
        let options = FeedOptions {
            targets,
            interface,
            hops: self.number(given!(table.hops as "itch"), 0..=255, defaults.hops)?,
            requests: requests.transpose()?,
            mtu: self.number(given!(table.datagram_bytes_max as "itch"), DATAGRAM, defaults.mtu)?,
            connections_max: self.number(
                given!(table.connections_max as "itch"),
                1..=65_536,
                defaults.connections_max,
            )?,
            send_timeout: Duration::from_secs(send),
        };
        let kept = self.number(given!(table.sessions_kept as "itch"), 1..=3_650, SESSIONS_KEPT)?;
        let (thread, wait) = (table.thread.as_ref(), table.wait.as_ref());
        let thread = self.stage_thread("itch", thread, wait, table.cpu.as_ref())?;
        let address = match &table.address {
            None => None,
            Some(given) => Some(near(given, "itch.address", self.socket(given, "itch.address")?)?),
        };
        let folder = self.path(table.store, "itch.store")?;
        Ok(address.map(|address| FeedConfig {
            address,
            store: folder.unwrap_or_else(|| store.join("itch")),
            sessions_kept: kept,
            thread,
            options,
        }))
    }
}

impl FeedConfig {
    /// Over TCP alone, at `address`, with the files of a venue whose folder is `store`.
    pub fn new(address: SocketAddr, store: &Path) -> Self {
        Self {
            address,
            store: store.join("itch"),
            sessions_kept: SESSIONS_KEPT,
            thread: crate::stage::StageThread::Own {
                cpu: None,
                wait: tiercel_sync::wait::WaitKind::default(),
            },
            options: FeedOptions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::VenueConfig;
    use super::super::tests::each_has_its_line;
    use crate::stage::StageThread;

    #[test]
    fn a_feed_is_read_and_each_mistake_has_its_line() {
        let text = "[store]\npath = \"a\"\n[itch]\naddress = \"127.0.0.1:9\"\n\
            targets = [\"127.0.0.1:7\", \"239.255.0.1:8\"]\nrequests = \"127.0.0.1:6\"\n\
            thread = \"core\"\ndatagram_bytes_max = 500\nsessions_kept = 2\n";
        let itch = VenueConfig::parse(text).unwrap().itch.unwrap();
        assert_eq!((itch.store, itch.sessions_kept), ("a/itch".into(), 2));
        assert_eq!((itch.thread, itch.options.mtu), (StageThread::Fused, 500));
        assert_eq!(itch.options.targets.len(), 2);
        assert!(VenueConfig::parse("[itch]\nrequests = \"127.0.0.1:6\"\n").unwrap().itch.is_none());
        each_has_its_line(
            text,
            &[
                ("127.0.0.1:9", "0.0.0.0:9", 4, "`itch.allow_remote = true`"),
                ("127.0.0.1:7", "10.0.0.1:7", 5, "`itch.targets`"),
                ("239.255.0.1:8", "nowhere", 5, "IP address and a port"),
                ("\"core\"", "\"elsewhere\"", 7, "`itch.thread` is"),
                ("= 500", "= 50", 8, "is 72 to 65507"),
                ("sessions_kept = 2", "cpu = 5000", 9, "`itch.cpu`"),
            ],
        );
    }
}
