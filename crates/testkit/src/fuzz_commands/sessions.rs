//! Calls and auctions, switches, disconnects, countdowns, schedules, price bands.

use tiercel_types::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use tiercel_types::command::{
    CancelOnDisconnect, CountdownCancel, ScheduleAction, SchedulePhase, SetAuctionRules,
    SetKillSwitch, SetProtections, StartCall,
};
use tiercel_types::{AccountId, Command, InstrumentId, InstrumentState, Price, Timestamp};

use super::reader::Reader;
use super::venue::TICK_UNITS;

/// What a byte stands for as a price band: up to some 5 ticks.
const PPM_PER_BYTE: u32 = 20;

impl Reader<'_> {
    /// A command that stops trading, slows it down, or lets it begin again.
    pub(super) fn session_command(&mut self, now: u64) -> Command {
        match self.byte() % 20 {
            0..=3 => self.start_call(now).into(),
            4..=6 => self.set_auction_rules().into(),
            7 => self.set_kill_switch().into(),
            8 | 9 => {
                let session = u32::from(self.byte() % 4);
                CancelOnDisconnect { account: self.account(), session }.into()
            }
            10 | 11 => self.countdown_cancel().into(),
            12..=16 => self.schedule_phase(now).into(),
            _ => self.set_protections().into(),
        }
    }

    fn start_call(&mut self, now: u64) -> StartCall {
        let (instrument, traits, ends_in) = (self.instrument(), self.byte(), self.byte());
        StartCall {
            instrument,
            auction: AuctionKind::ALL[usize::from(traits) % AuctionKind::ALL.len()],
            then: match traits >> 4 {
                0 => self.pick(InstrumentState::ALL),
                1..=3 => InstrumentState::Closed,
                _ => InstrumentState::Open,
            },
            reserved: [0, traits / 255],
            ends_at: Timestamp(if ends_in < 128 { 0 } else { now + u64::from(ends_in % 64) }),
        }
    }

    fn set_auction_rules(&mut self) -> SetAuctionRules {
        let (instrument, traits) = (self.instrument(), self.byte());
        SetAuctionRules {
            instrument,
            minimum_surplus: (traits & 1) + traits / 255,
            pressure: self.pick(Pressure::ALL),
            tie_break: self.pick(TieBreak::ALL),
            reference: self.pick(AuctionReference::ALL),
            bound: match traits >> 1 & 3 {
                0 => self.price(),
                1 => Price::from_units(i64::from(self.byte() % 8) * TICK_UNITS),
                _ => Price::ZERO,
            },
            bound_ppm: if traits & 8 == 0 { 0 } else { u32::from(self.byte()) * PPM_PER_BYTE },
            reserved: [0, 0, 0, traits / 255],
            indication_interval_ns: u64::from(traits >> 4),
        }
    }

    /// Mostly of one account, and off: where all are stopped there is little to see.
    fn set_kill_switch(&mut self) -> SetKillSwitch {
        let account = match self.byte() {
            224.. => AccountId::ALL,
            _ => self.account(),
        };
        let on = self.byte();
        SetKillSwitch { account, on: on % 3 % 2 + on / 255, reserved: [0, 0, on / 254 % 2] }
    }

    fn countdown_cancel(&mut self) -> CountdownCancel {
        let instrument = match self.byte() {
            byte if byte & 1 == 0 => InstrumentId::ALL,
            _ => self.instrument(),
        };
        let after_ns = match self.byte() {
            255 => self.word(),
            byte => u64::from(byte % 64),
        };
        CountdownCancel { account: self.account(), instrument, after_ns }
    }

    /// Removals name what was added last.
    fn schedule_phase(&mut self, now: u64) -> SchedulePhase {
        let traits = self.byte();
        if let (true, Some(added)) = (traits & 31 == 7, self.scheduled) {
            return SchedulePhase { action: ScheduleAction::Remove, ..added };
        }
        let mut schedule = SchedulePhase {
            at: Timestamp(now + 4 * u64::from(self.byte())),
            instrument: self.instrument(),
            state: InstrumentState::Open,
            action: ScheduleAction::ALL[usize::from(traits & 31 == 1)],
            auction: AuctionKind::None,
            reserved: traits / 255,
        };
        if traits & 8 != 0 {
            schedule.state = self.pick(InstrumentState::ALL);
        }
        if (schedule.state == InstrumentState::Call) != (traits >> 4 == 0) {
            schedule.auction = self.pick(AuctionKind::ALL);
        }
        if traits >> 3 == 31 {
            // As many as an instrument may have, and one more.
            let at = |after: u64| Timestamp(schedule.at.0 + 64 * after);
            let next = |after| Command::from(SchedulePhase { at: at(after), ..schedule });
            self.queued.extend((1..=8).map(next));
        }
        self.scheduled = Some(schedule);
        schedule
    }

    fn set_protections(&mut self) -> SetProtections {
        let mut set = SetProtections::none(self.instrument());
        let traits = self.byte();
        let ppm = |byte: u8| u32::from(byte) * PPM_PER_BYTE;
        if traits & 1 != 0 {
            set.dynamic_ppm = ppm(self.byte());
        }
        if traits & 2 != 0 {
            set.static_ppm = ppm(self.byte());
        }
        if traits & 4 != 0 {
            set.limit_ppm = ppm(self.byte());
            let mut time_ns = || 1 + u64::from(self.byte() % 64);
            (set.window_ns, set.limit_state_ns, set.pause_ns) = (time_ns(), time_ns(), time_ns());
        }
        if traits & 7 != 0 {
            set.call_ns = 1 + u64::from(self.byte() % 64);
        }
        match traits {
            250.. => set.call_ns = self.word(),
            248 | 249 => set.dynamic_ppm = self.word() as u32,
            _ => {}
        }
        set
    }
}
