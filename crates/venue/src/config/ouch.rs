//! The table of OUCH.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::lines::{Lines, SECONDS, given};
use super::{ConfigError, OuchSessionTable, OuchTable};
use crate::ouch::{OuchConfig, OuchIdentity, OuchOptions, User};

impl Lines<'_> {
    /// How OUCH is served; `None` without an address. Its files lie in the venue's folder unless it is
    /// told another.
    pub(super) fn ouch(
        &self,
        table: OuchTable,
        store: &Path,
        tls: bool,
    ) -> Result<Option<OuchConfig>, ConfigError> {
        let defaults = OuchOptions::default();
        let send = self.number(
            given!(table.send_timeout_s as "ouch"),
            SECONDS,
            defaults.send_timeout.as_secs(),
        )?;
        let connections_max = self.number(
            given!(table.connections_max as "ouch"),
            1..=65_536,
            defaults.connections_max,
        )?;
        let (thread, wait) = (table.thread.as_ref(), table.wait.as_ref());
        let thread = self.stage_thread("ouch", thread, wait, table.cpu.as_ref())?;
        let folder = self.path(table.store, "ouch.store")?;
        let sessions = self.ouch_sessions(table.sessions)?;
        let Some(address) = &table.address else { return Ok(None) };
        let may = (table.allow_remote == Some(true), table.allow_plain == Some(true));
        let address = self.reachable((address, "ouch"), tls, may)?;
        let options = OuchOptions {
            sessions,
            store: Some(folder.unwrap_or_else(|| store.join("ouch"))),
            connections_max,
            send_timeout: Duration::from_secs(send),
        };
        Ok(Some(OuchConfig { address, thread, options }))
    }

    fn ouch_sessions(
        &self,
        given: Option<Spanned<Vec<Spanned<OuchSessionTable>>>>,
    ) -> Result<Vec<OuchIdentity>, ConfigError> {
        let mut sessions: Vec<OuchIdentity> = Vec::new();
        for entry in given.map(Spanned::into_inner).unwrap_or_default() {
            let OuchSessionTable { user, api_key, cancel_on_disconnect } = entry.as_ref();
            let what = "has a user of one to six letters and digits";
            let user = User::new(user.as_bytes())
                .ok_or_else(|| self.refuse(&entry, "ouch.sessions", what))?;
            if sessions.iter().any(|other| other.user == user) {
                return Err(self.refuse(&entry, "ouch.sessions", "has a user twice"));
            }
            sessions.push(OuchIdentity {
                user,
                api_key: api_key.clone(),
                cancel_on_disconnect: *cancel_on_disconnect,
            });
        }
        Ok(sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::super::VenueConfig;
    use super::super::tests::each_has_its_line;

    #[test]
    fn sessions_are_read_and_each_mistake_has_its_line() {
        let text = "[store]\npath = \"a\"\n[ouch]\naddress = \"127.0.0.1:9\"\nsessions = [\n\
            { user = \"ONE\", api_key = \"k\" },\n\
            { user = \"TWO\", api_key = \"l\", cancel_on_disconnect = true }]\n";
        let ouch = VenueConfig::parse(text).unwrap().ouch.unwrap();
        assert_eq!(ouch.options.store, Some("a/ouch".into()));
        let on_disconnect = ouch.options.sessions.iter().map(|one| one.cancel_on_disconnect);
        assert!(on_disconnect.eq([false, true]));
        each_has_its_line(
            text,
            &[
                ("\"TWO\"", "\"ONE\"", 7, "twice"),
                ("\"ONE\"", "\"A NAME\"", 6, "one to six"),
                ("127.0.0.1:9", "0.0.0.0:9", 4, "`ouch.allow_remote = true`"),
                ("api_key = \"k\"", "apikey = \"k\"", 6, "apikey"),
            ],
        );
    }
}
