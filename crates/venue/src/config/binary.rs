//! The table of the binary protocol.

use std::path::Path;

use super::lines::{Lines, SECONDS, given};
use super::{BinaryTable, ConfigError};
use crate::binary::{BinaryConfig, BinaryOptions, ReactorKind};

impl Lines<'_> {
    /// How the binary protocol is served; `None` without an address. Its files lie in the venue's folder
    /// unless it is told another.
    pub(super) fn binary(
        &self,
        table: BinaryTable,
        store: &Path,
    ) -> Result<Option<BinaryConfig>, ConfigError> {
        let folder = self.path(table.store, "binary.store")?;
        let defaults = BinaryOptions::new(folder.unwrap_or_else(|| store.join("binary")));
        let seconds = |given, default: std::time::Duration| {
            let seconds = self.number(given, SECONDS, default.as_secs())?;
            Ok(std::time::Duration::from_secs(seconds))
        };
        let reactor = match table.reactor.as_ref().map(|given| (given, given.as_ref().as_str())) {
            None | Some((_, "busy")) => ReactorKind::Busy,
            Some((_, "io_uring")) => ReactorKind::IoUring,
            Some((given, _)) => {
                let what = "is \"busy\" or \"io_uring\"";
                return Err(self.refuse(given, "binary.reactor", what));
            }
        };
        let options = BinaryOptions {
            answers_kept: self.number(
                given!(table.answers_kept as "binary"),
                1_024..=1 << 24,
                defaults.answers_kept,
            )?,
            connections_max: self.number(
                given!(table.connections_max as "binary"),
                1..=65_536,
                defaults.connections_max,
            )?,
            logins_per_address: self.number(
                given!(table.logins_per_address as "binary"),
                1..=65_536,
                defaults.logins_per_address,
            )?,
            login_timeout: seconds(
                given!(table.login_timeout_s as "binary"),
                defaults.login_timeout,
            )?,
            send_timeout: seconds(given!(table.send_timeout_s as "binary"), defaults.send_timeout)?,
            reactor,
            store: defaults.store,
        };
        let (thread, wait) = (table.thread.as_ref(), table.wait.as_ref());
        let thread = self.stage_thread("binary", thread, wait, table.cpu.as_ref())?;
        let Some(address) = &table.address else { return Ok(None) };
        // There is no TLS in it.
        let may = (table.allow_remote == Some(true), table.allow_plain == Some(true));
        let address = self.reachable((address, "binary"), false, may)?;
        Ok(Some(BinaryConfig { address, options, thread }))
    }
}

#[cfg(test)]
mod tests {
    use tiercel_sync::wait::WaitKind;

    use super::super::VenueConfig;
    use super::super::tests::each_has_its_line;
    use super::*;
    use crate::stage::StageThread;

    #[test]
    fn a_gateway_is_read_and_each_mistake_has_its_line() {
        let text = "[store]\npath = \"a\"\n[binary]\naddress = \"127.0.0.1:9\"\n\
            thread = \"own\"\nwait = \"busy-spin\"\ncpu = 3\nreactor = \"io_uring\"\n\
            answers_kept = 2000\n";
        let binary = VenueConfig::parse(text).unwrap().binary.unwrap();
        assert_eq!(binary.options.store, Path::new("a/binary"));
        assert_eq!(
            (binary.options.reactor, binary.options.answers_kept),
            (ReactorKind::IoUring, 2_000)
        );
        let own = StageThread::Own { cpu: Some(3), wait: WaitKind::BusySpin };
        assert_eq!(binary.thread, own);
        each_has_its_line(
            text,
            &[
                ("\"own\"", "\"core\"", 5, "[threads]'s to say"),
                ("\"own\"", "\"mine\"", 5, "\"own\" or \"core\""),
                ("busy-spin", "nap", 6, "binary.wait"),
                ("io_uring", "epoll", 8, "binary.reactor"),
                ("2000", "3", 9, "binary.answers_kept"),
                ("127.0.0.1:9", "0.0.0.0:9", 4, "binary.allow_remote"),
            ],
        );
        assert_eq!(VenueConfig::parse("[binary]\n").unwrap().binary, None);
    }
}
