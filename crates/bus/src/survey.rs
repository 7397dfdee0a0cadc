//! What is in a bus: for `stat` and `verify`.

use std::sync::atomic::Ordering;

use crate::bus::{Access, Bus, Cycle, REACH_FIRST};
use crate::error::BusError;
use crate::header::{HEADER_SIZE, Header};
use crate::index::Index;
use crate::lock::{self, SHARED_WRITERS_MAX};
use crate::protocol::{self, Cursor, Memory};

/// What is in one cycle, up to its tail at the time of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleSurvey {
    /// Which.
    pub cycle: u32,
    /// When it was made, in nanoseconds since the Unix epoch.
    pub created_ns: u64,
    /// Records in it.
    pub records: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Records that were aborted.
    pub aborted: u64,
    /// Claims under way, or left by dead writers.
    pub pending: u64,
    /// Bytes of the file that are written, the first page included.
    pub used_bytes: u64,
    /// Whether it has ended.
    pub ended: bool,
}

/// A fault that [`Bus::survey`] found.
#[derive(Debug)]
pub struct Fault {
    /// Which cycle.
    pub cycle: u32,
    /// What is wrong with it.
    pub error: BusError,
}

impl Bus {
    /// Walks over the whole bus and counts. `progress` is told after each cycle how many were
    /// looked at, of how many.
    ///
    /// A cycle that cannot be opened, has a word that no writer puts there, or has not ended
    /// though the next one is in use, is a [`Fault`]; the walk goes on with the next cycle. A cycle
    /// that is removed meanwhile is left out.
    ///
    /// # Errors
    /// The system's refusal to list the cycles.
    pub fn survey(
        &self,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(Vec<CycleSurvey>, Vec<Fault>), BusError> {
        let bus = self.clone().with_prefault(false);
        let cycles = bus.cycles()?;
        let (mut surveys, mut faults) = (Vec::new(), Vec::new());
        for (done, &number) in cycles.iter().enumerate() {
            match bus.open_cycle(number, Access::Read) {
                Ok(Some(cycle)) => {
                    let (survey, fault) = bus.survey_cycle(&cycle);
                    surveys.push(survey);
                    faults.extend(fault.map(|error| Fault { cycle: number, error }));
                }
                Ok(None) => {}
                Err(error) => faults.push(Fault { cycle: number, error }),
            }
            progress(done as u64 + 1, cycles.len() as u64);
        }
        for pair in surveys.windows(2) {
            let [cycle, next] = pair else { continue };
            let in_use = next.records + next.aborted + next.pending > 0 || next.ended;
            let what = match cycle {
                _ if cycle.cycle + 1 != next.cycle => "the next cycle is missing",
                _ if in_use && !cycle.ended => "it has no end mark, and the next cycle is in use",
                _ => continue,
            };
            let path = bus.place().cycle_path(cycle.cycle);
            faults.push(Fault { cycle: cycle.cycle, error: BusError::Damaged { path, what } });
        }
        Ok((surveys, faults))
    }

    fn survey_cycle(&self, cycle: &Cycle) -> (CycleSurvey, Option<BusError>) {
        let mut survey = CycleSurvey {
            cycle: cycle.page.cycle,
            created_ns: cycle.page.created_ns,
            records: 0,
            payload_bytes: 0,
            aborted: 0,
            pending: 0,
            used_bytes: 0,
            ended: false,
        };
        let mut cursor = Cursor::start(&cycle.geometry);
        loop {
            let count = |_: Cursor, header: Header| match header {
                Header::Record { length, .. } => {
                    survey.records += 1;
                    survey.payload_bytes += length as u64;
                }
                Header::Pending { .. } => survey.pending += 1,
                _ => survey.aborted += 1,
            };
            let seen = protocol::walk(&cycle.mapping, &cycle.geometry, &mut cursor, count);
            survey.used_bytes = cursor.position as u64;
            survey.ended = seen == Header::End;
            if seen == Header::Foreign {
                return (survey, Some(self.damaged(cycle, cursor)));
            }
            let Some(stray) = stray_word(cycle, cursor, survey.ended) else {
                return (survey, None);
            };
            // A writer that went on meanwhile has moved the tail; then it is looked at again.
            let now = protocol::look(&cycle.mapping, &cycle.geometry, cursor);
            if now == seen {
                let index = Index::new(survey.cycle, cursor.sequence);
                let path = self.place().cycle_path(survey.cycle);
                return (survey, Some(BusError::Word { path, index, position: stray }));
            }
        }
    }

    /// The slots that living writers hold.
    ///
    /// # Errors
    /// The system's refusal to look at the locks.
    pub fn living_writers(&self) -> Result<Vec<u32>, BusError> {
        let file = self.place().open_lock_file(false)?;
        let slots = if self.is_shared() { SHARED_WRITERS_MAX } else { 1 };
        let mut living = Vec::new();
        for slot in 0..slots {
            if lock::is_taken(&file, slot).map_err(BusError::system("look at", self.path()))? {
                living.push(slot);
            }
        }
        Ok(living)
    }

    /// The index that the next record will have, as far as can be seen now.
    ///
    /// # Errors
    /// [`BusError`] when the newest cycle cannot be opened or is damaged.
    pub fn next_index(&self) -> Result<Index, BusError> {
        let bus = self.clone().with_prefault(false);
        let (cycle, cursor) = bus.open_tail(Access::Read)?;
        Ok(Index::new(cycle.page.cycle, cursor.sequence))
    }
}

/// The first word that is not zero where nobody may have written: beyond what the writer of the
/// next record may be filling in, or beyond the end mark.
fn stray_word(cycle: &Cycle, tail: Cursor, ended: bool) -> Option<usize> {
    let reach = cycle.mapping.reach().load(Ordering::Relaxed).max(REACH_FIRST) as usize;
    let end = cycle.geometry.last + cycle.geometry.align;
    // The reach is a word of the file, and any.
    let from = tail.position.saturating_add(if ended { HEADER_SIZE } else { reach });
    (from.min(end).next_multiple_of(HEADER_SIZE)..end)
        .step_by(HEADER_SIZE)
        .find(|&offset| cycle.mapping.word(offset).load(Ordering::Relaxed) != 0)
}
