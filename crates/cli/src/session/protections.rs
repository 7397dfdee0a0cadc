//! Kill switch, disconnects, countdowns, schedules and price bands, as lines.

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{
    CancelOnDisconnect, CountdownCancel, ScheduleAction, SchedulePhase, SetKillSwitch,
    SetProtections,
};
use tiercel_types::event::{
    BandsChanged, CountdownSet, InterruptionStarted, KillSwitchSet, LimitStateChanged,
    PhaseScheduled,
};
use tiercel_types::{AccountId, InstrumentId, Timestamp};

use super::print::Printer;
use super::statement::{Reader, required};
use super::terms::parse_state;
use super::time::{Clock, parse_time};
use super::words::{LineError, Words};

impl Reader {
    /// `kill [ACCOUNT|all] [off]`
    pub(super) fn kill(&self, words: &mut Words) -> Result<SetKillSwitch, LineError> {
        let off = words.bare_that(|text| (text == "off").then_some(())).is_some();
        let account = self.accounts(words)?;
        Ok(SetKillSwitch { account, on: u8::from(!off), reserved: [0; 3] })
    }

    /// `disconnect ACCOUNT session=N`
    pub(super) fn disconnect(&self, words: &mut Words) -> Result<CancelOnDisconnect, LineError> {
        let account = self.owner(words)?;
        let session = required(words.parsed("session", str::parse)?, "session")?;
        Ok(CancelOnDisconnect { account, session })
    }

    /// `countdown ACCOUNT [SYMBOL] after=TIME`
    pub(super) fn countdown(&self, words: &mut Words) -> Result<CountdownCancel, LineError> {
        let account = self.owner(words)?;
        let instrument = self.optional_instrument(words)?.unwrap_or(InstrumentId::ALL);
        let after_ns = required(words.parsed("after", parse_time)?, "after")?.0;
        Ok(CountdownCancel { account, instrument, after_ns })
    }

    /// `schedule [SYMBOL] STATE [AUCTION] at=TIME [off]`
    pub(super) fn schedule(&self, words: &mut Words) -> Result<SchedulePhase, LineError> {
        let off = words.bare_that(|text| (text == "off").then_some(())).is_some();
        let state = required(words.bare_that(|text| parse_state(text).ok()), "state")?.1;
        let at = required(words.parsed("at", parse_time)?, "at")?;
        let auction = words.bare_that(AuctionKind::from_text);
        let auction = auction.map_or(AuctionKind::None, |(_, kind)| kind);
        let instrument = self.one_instrument(words)?;
        let action = if off { ScheduleAction::Remove } else { ScheduleAction::Add };
        Ok(SchedulePhase { at, instrument, state, action, auction, reserved: 0 })
    }

    /// `protect [SYMBOL] [dynamic=PPM] [static=PPM] [call=TIME] [limit=PPM] [window=TIME]
    /// [limit_state=TIME] [pause=TIME]`
    pub(super) fn protect(&self, words: &mut Words) -> Result<SetProtections, LineError> {
        let duration = |words: &mut Words, key| {
            words.parsed(key, parse_time).map(|time| time.unwrap_or_default().0)
        };
        Ok(SetProtections {
            dynamic_ppm: words.parsed("dynamic", str::parse)?.unwrap_or_default(),
            static_ppm: words.parsed("static", str::parse)?.unwrap_or_default(),
            limit_ppm: words.parsed("limit", str::parse)?.unwrap_or_default(),
            call_ns: duration(words, "call")?,
            window_ns: duration(words, "window")?,
            limit_state_ns: duration(words, "limit_state")?,
            pause_ns: duration(words, "pause")?,
            instrument: self.one_instrument(words)?,
        })
    }
}

impl Printer<'_> {
    pub(super) fn kill_switch_set(&mut self, it: &KillSwitchSet) {
        self.account().line.word("on", if it.on == 1 { "on" } else { "off" });
        self.line.number("orders", it.orders);
    }

    pub(super) fn countdown_set(&mut self, it: CountdownSet) {
        self.account().symbol();
        if it.at == Timestamp(0) {
            self.line.show("off");
        } else {
            self.line.pair("at", Clock(it.at));
        }
    }

    pub(super) fn phase_scheduled(&mut self, it: &PhaseScheduled) {
        self.symbol().line.word("action", it.action).word("state", it.state);
        if it.auction != AuctionKind::None {
            self.line.word("auction", it.auction);
        }
        self.line.pair("at", Clock(it.at)).number("scheduled", it.scheduled);
    }

    pub(super) fn protections_set(&mut self, it: &SetProtections) {
        self.symbol();
        for (shown, key, ppm) in [
            ("dynamic", "dynamic_ppm", it.dynamic_ppm),
            ("static", "static_ppm", it.static_ppm),
            ("limit", "limit_ppm", it.limit_ppm),
        ] {
            self.optional_number(shown, key, u64::from(ppm));
        }
        for (key, duration_ns) in [
            ("call", it.call_ns),
            ("window", it.window_ns),
            ("limit_state", it.limit_state_ns),
            ("pause", it.pause_ns),
        ] {
            if duration_ns != 0 {
                self.line.pair(key, Clock(Timestamp(duration_ns)));
            }
        }
    }

    pub(super) fn interruption_started(&mut self, it: &InterruptionStarted) {
        self.symbol().line.word("cause", it.cause);
        if self.account != AccountId(0) {
            self.account();
        }
        self.optional_price("price", "price", it.price);
        self.optional_price("reference", "reference", it.reference);
        self.line.pair("until", Clock(it.until));
    }

    pub(super) fn bands_changed(&mut self, it: &BandsChanged) {
        self.symbol();
        self.price("reference", it.reference);
        self.price("lower", it.lower);
        self.price("upper", it.upper);
    }

    pub(super) fn limit_state_changed(&mut self, it: &LimitStateChanged) {
        let entered = if it.entered == 1 { "entered" } else { "left" };
        self.symbol().line.word("change", entered).word("side", it.side);
        self.optional_price("price", "price", it.price);
        if it.until != Timestamp(0) {
            self.line.pair("until", Clock(it.until));
        }
    }
}
