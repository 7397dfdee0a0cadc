//! The table of FIX.

use std::path::Path;
use std::time::Duration;

use tiercel_wire::fix::session::{Schedule, Window};
use toml::Spanned;

use super::lines::{Lines, SECONDS, given};
use super::{ConfigError, FixTable, SessionTable};
use crate::fix::{FixConfig, FixOptions, Identity};

/// Days, as hours name them.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_S: u32 = 86_400;
/// The least that has to be allowed to wait for a client: twice what one request is sent again.
const UNSENT_BYTES_MIN: u64 = 1 << 20;
/// The longest `CompID`.
const COMP_ID_MAX: usize = 64;

impl Lines<'_> {
    /// How FIX is served; `None` without an address. Its files lie in the venue's folder unless it is
    /// told another.
    pub(super) fn fix(
        &self,
        table: FixTable,
        store: &Path,
        tls: bool,
    ) -> Result<Option<FixConfig>, ConfigError> {
        let defaults = FixOptions::default();
        let comp_id = match &table.comp_id {
            None => defaults.comp_id.clone(),
            Some(given) => self.comp_id(given, given.as_ref(), "fix.comp_id")?,
        };
        let seconds = |given: Option<&Spanned<u64>>, key, default: Duration| {
            self.number((given, key), SECONDS, default.as_secs()).map(Duration::from_secs)
        };
        let logon =
            seconds(table.logon_timeout_s.as_ref(), "fix.logon_timeout_s", defaults.logon_timeout)?;
        let connections_max = self.number(
            given!(table.connections_max as "fix"),
            1..=65_536,
            defaults.connections_max,
        )?;
        let unsent_bytes_max = self.number(
            given!(table.unsent_bytes_max as "fix"),
            UNSENT_BYTES_MIN..=1 << 30,
            defaults.unsent_bytes_max,
        )?;
        let folder = self.path(table.store, "fix.store")?;
        let dictionary = self.path(table.dictionary, "fix.dictionary")?;
        let sessions = self.sessions(table.sessions)?;
        let (thread, wait) = (table.thread.as_ref(), table.wait.as_ref());
        let thread = self.stage_thread("fix", thread, wait, table.cpu.as_ref())?;
        let Some(address) = &table.address else { return Ok(None) };
        let may = (table.allow_remote == Some(true), table.allow_plain == Some(true));
        let address = self.reachable((address, "fix"), tls, may)?;
        let options = FixOptions {
            comp_id,
            sessions,
            store: Some(folder.unwrap_or_else(|| store.join("fix"))),
            connections_max,
            logon_timeout: logon,
            unsent_bytes_max,
            dictionary,
        };
        Ok(Some(FixConfig { address, options, thread }))
    }

    fn sessions(
        &self,
        given: Option<Spanned<Vec<Spanned<SessionTable>>>>,
    ) -> Result<Vec<Identity>, ConfigError> {
        let mut sessions: Vec<Identity> = Vec::new();
        for entry in given.map(Spanned::into_inner).unwrap_or_default() {
            let table = entry.as_ref();
            let comp_id = self.comp_id(&entry, &table.comp_id, "fix.sessions")?;
            if sessions.iter().any(|other| other.comp_id == comp_id) {
                return Err(self.refuse(&entry, "fix.sessions", "has a comp_id twice"));
            }
            let schedule = match &table.hours {
                None => None,
                Some(text) => Some(hours(text).ok_or_else(|| {
                    let what =
                        "has hours that are neither \"HH:MM-HH:MM\" nor \"mon HH:MM-fri HH:MM\"";
                    self.refuse(&entry, "fix.sessions", what)
                })?),
            };
            sessions.push(Identity {
                reset_on_logon: table.reset_on_logon,
                reset_on_logout: table.reset_on_logout,
                reset_on_disconnect: table.reset_on_disconnect,
                schedule,
                ..Identity::new(&comp_id, &table.api_key)
            });
        }
        Ok(sessions)
    }

    /// A `CompID`: it names a file too.
    fn comp_id<T>(&self, given: &Spanned<T>, text: &str, key: &str) -> Result<String, ConfigError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let fits = (1..=COMP_ID_MAX).contains(&text.len())
            && text.bytes().all(good)
            && !text.starts_with('.');
        if fits {
            return Ok(text.to_owned());
        }
        let what = "has a CompID of 1 to 64 letters, digits and -_., that begins with no point";
        Err(self.refuse(given, key, what))
    }
}

/// `22:00-06:00`: each day, by UTC. `sun 17:00-fri 17:00`: once a week.
fn hours(text: &str) -> Option<Schedule> {
    let (from, to) = text.split_once('-')?;
    match (moment(from)?, moment(to)?) {
        ((None, start_s), (None, end_s)) => Some(Schedule::Daily(Window { start_s, end_s })),
        ((Some(first), start_s), (Some(last), end_s)) => Some(Schedule::Weekly(Window {
            start_s: first * DAY_S + start_s,
            end_s: last * DAY_S + end_s,
        })),
        _ => None,
    }
}

/// A day, if it is there, and seconds of it.
fn moment(text: &str) -> Option<(Option<u32>, u32)> {
    let (day, clock) = match text.trim().split_once(' ') {
        None => (None, text.trim()),
        Some((day, clock)) => {
            let at = DAYS.iter().position(|known| *known == day)?;
            (Some(u32::try_from(at).ok()?), clock)
        }
    };
    let (hour, minute) = clock.split_once(':')?;
    let two = |text: &str, most: u32| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &u32| digits && *number < most)
    };
    Some((day, two(hour, 24)? * 3_600 + two(minute, 60)? * 60))
}

#[cfg(test)]
mod tests {
    use super::super::VenueConfig;
    use super::super::tests::each_has_its_line;
    use super::*;

    #[test]
    fn sessions_are_read_and_each_mistake_has_its_line() {
        let text = "[store]\npath = \"a\"\n[fix]\naddress = \"127.0.0.1:9\"\ncomp_id = \"X\"\n\
            sessions = [\n{ comp_id = \"ONE\", api_key = \"k\", hours = \"22:00-06:00\" },\n\
            { comp_id = \"TWO\", api_key = \"l\", hours = \"sun 17:00-fri 17:00\", \
            reset_on_logon = true }]\n";
        let mut config = VenueConfig::parse(text).unwrap();
        assert_eq!(config.fix.as_ref().unwrap().options.store, Some("a/fix".into()));
        config.move_store("b".as_ref());
        let fix = config.fix.unwrap();
        assert_eq!((fix.options.store, config.store_path), (Some("b/fix".into()), "b".into()));
        let fix = VenueConfig::parse(text).unwrap().fix.unwrap();
        let [one, two] = &fix.options.sessions[..] else { panic!() };
        let night = Window { start_s: 22 * 3_600, end_s: 6 * 3_600 };
        assert_eq!((one.schedule, one.reset_on_logon), (Some(Schedule::Daily(night)), false));
        let week = Window { start_s: 6 * DAY_S + 61_200, end_s: 4 * DAY_S + 61_200 };
        assert_eq!((two.schedule, two.reset_on_logon), (Some(Schedule::Weekly(week)), true));
        each_has_its_line(
            text,
            &[
                ("22:00-06:00", "24:00-06:00", 7, "has hours"),
                ("22:00-06:00", "mon 22:00-06:00", 7, "has hours"),
                ("\"TWO\"", "\"ONE\"", 8, "twice"),
                ("\"ONE\"", "\"../ONE\"", 7, "CompID"),
                ("\"X\"", "\"\"", 5, "`fix.comp_id`"),
                ("127.0.0.1:9", "0.0.0.0:9", 4, "`fix.allow_remote = true`"),
                ("api_key = \"k\"", "apikey = \"k\"", 7, "apikey"),
            ],
        );
    }
}
