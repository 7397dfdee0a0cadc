//! Gives each command its sequence, and a time that never decreases.

use tiercel_journal::Position;
use tiercel_types::Timestamp;

/// Where the log is, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequencer {
    last: Position,
    time: Timestamp,
}

impl Sequencer {
    /// Goes on behind `last`, whose time was `time`.
    pub(crate) const fn new(last: Position, time: Timestamp) -> Self {
        Self { last, time }
    }

    /// The position behind which the next command is appended.
    pub(crate) const fn last(&self) -> Position {
        self.last
    }

    /// The venue's time when the clock shows `now`: a clock that was set back makes it stand still.
    pub(crate) const fn time_at(&self, now: Timestamp) -> Timestamp {
        if now.0 > self.time.0 { now } else { self.time }
    }

    /// The next command was appended, with the time that [`Self::time_at`] gave.
    pub(crate) const fn advance(&mut self, time: Timestamp) {
        self.last.sequence += 1;
        self.time = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_until_a_clock_set_back_has_come_up_again() {
        let mut sequencer = Sequencer::new(Position { epoch: 3, sequence: 7 }, Timestamp(100));
        let mut times = Vec::new();
        for now in [90, 120, 20, 119, 121] {
            let time = sequencer.time_at(Timestamp(now));
            sequencer.advance(time);
            times.push((sequencer.last().sequence, time.0));
        }
        assert_eq!(times, [(8, 100), (9, 120), (10, 120), (11, 120), (12, 121)]);
    }
}
