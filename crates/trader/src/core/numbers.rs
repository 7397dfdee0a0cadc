//! How a venue numbers its answers: where the next run goes on, and what was not heard.

use tiercel_execution::oms::Anomaly;
use tiercel_execution::venue::VenueId;
use tiercel_types::Timestamp;

use super::Core;

impl Core {
    /// The next answer of a venue has this number: the next run goes on there, or behind what is heard until then. To be
    /// told before anything is asked, and before the venue is up.
    pub fn answers_from(&mut self, venue: VenueId, number: u64) {
        if let Some(journal) = &mut self.journal {
            self.has_journal_failed |= journal.answers_from(venue, number).is_err();
        }
    }

    /// Where the answer of number `expected` of a venue was due, that of number `next` comes: answers were not heard, and
    /// will not be told again.
    #[cold]
    pub fn unheard(&mut self, now: Timestamp, venue: VenueId, expected: u64, next: u64) {
        self.out.anomalies.push(Anomaly::Unheard { venue, expected, next });
        self.act(now);
    }
}
