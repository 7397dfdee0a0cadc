//! Losses of the day, and what they do to the mode.

use tiercel_types::{Money, Timestamp};

use super::{Gate, GlobalLimits, Mode};

const DAY_NS: u64 = 86_400_000_000_000;

/// From which results losses and falls count: of a day of UTC, or of what is left of it once somebody enabled trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day, in days since the epoch.
    pub number: u64,
    /// What losses count from.
    pub base: Money,
    /// The best since then: what falls count from.
    pub best: Money,
}

impl Gate {
    /// The result of all that was ever done, realised and not, after fees. Takes the mode down if it has to: by what was
    /// lost since the day (of UTC) began or somebody enabled it, or since the best of that time.
    pub fn result(&mut self, now: Timestamp, result: Money) -> Mode {
        let number = now.0 / DAY_NS;
        let anew = Day { number, base: result, best: result };
        let day = self.day.filter(|day| day.number == number).unwrap_or(anew);
        let Day { base, best, .. } = *self.day.insert(Day { best: day.best.max(result), ..day });
        let result = result.units();
        let loss = base.units().saturating_sub(result);
        let fall = best.units().saturating_sub(result);
        let GlobalLimits {
            loss_reducing, loss_halting, drawdown_reducing, drawdown_halting, ..
        } = self.limits;
        let mode = if loss >= loss_halting.units() || fall >= drawdown_halting.units() {
            Mode::Halted
        } else if loss >= loss_reducing.units() || fall >= drawdown_reducing.units() {
            Mode::Reducing
        } else {
            Mode::Active
        };
        self.mode = self.mode.max(mode);
        self.mode
    }

    /// Somebody lets trading go on; losses count from the next result.
    pub const fn enable(&mut self) {
        self.mode = Mode::Active;
        self.day = None;
    }

    /// From which results losses and falls count; `None`: from the next.
    pub const fn day(&self) -> Option<Day> {
        self.day
    }

    /// Goes on as the run before ended: what may be done, and from which results losses count.
    pub const fn restore(&mut self, mode: Mode, day: Option<Day>) {
        (self.mode, self.day) = (mode, day);
    }
}
