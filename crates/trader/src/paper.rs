//! Paper trading: live or recorded market data, and a venue that is the matching engine ([`PaperVenue`]).
//!
//! ```text
//!   feed --input at a time--> arrives: all that is due before, in virtual time:
//!                               requests arrive, reports are there, each millisecond Core::tick
//!                             then the input: book, trade --> PaperVenue, strategy --> requests --> PaperVenue
//! ```
//!
//! Virtual time moves by inputs and by the loop's turns, and what is due is done at its own time, not at the turn's: so
//! decisions do not depend on when the loop turned, and the same inputs with the same times give the same requests. What
//! came in can be recorded ([`recording`](crate::recording)) and [replayed](crate::replay).
//!
//! Architecture Invariant: a run and its replay have the same [digest](PaperView::digest).

use std::io;

use sha2::{Digest as _, Sha256};
use tiercel_execution::venue::{VenueId, VenueReport, VenueRequest};
use tiercel_sim::paper::{PaperOptions, PaperVenue};
use tiercel_sim::rng::Rng;
use tiercel_strategy::Terms;
use tiercel_types::market::{BestBidOffer, MarketTrade};
use tiercel_types::{InstrumentId, Timestamp};

use crate::core::Core;
use crate::hot::Control;
use crate::journal;
use crate::lines::LineId;
use crate::market::Market;
use crate::recording::{Input, Recorder};

/// Between two looks at timers, overdue answers and silent markets.
const TICK_NS: u64 = 1_000_000;

/// What was asked and told, as one number: SHA-256 of all requests and reports with their times.
#[derive(Clone, Debug, Default)]
struct Decisions {
    hash: Sha256,
    requests: u64,
    reports: u64,
}

impl Decisions {
    fn asked(&mut self, now: Timestamp, venue: VenueId, request: &VenueRequest) {
        self.requests += 1;
        journal::sent_bytes(now, venue, request, |bytes| self.hash.update(bytes));
    }

    fn told(&mut self, now: Timestamp, venue: VenueId, report: &VenueReport) {
        self.reports += 1;
        self.hash.update(now.0.to_le_bytes());
        journal::heard_bytes(venue, report, |bytes| self.hash.update(bytes));
    }
}

/// What a paper run shows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaperView {
    /// SHA-256 of all requests and reports so far, with their times.
    pub digest: [u8; 32],
    /// Requests so far.
    pub requests: u64,
    /// Reports so far.
    pub reports: u64,
    /// What the paper book could not take of the live one.
    pub refused: u64,
}

/// The paper venue of a core, and its time.
pub struct Paper {
    venue: PaperVenue,
    /// By instrument, where it is said to trade.
    places: Vec<VenueId>,
    now: Timestamp,
    next_tick: Timestamp,
    line: LineId,
    decisions: Decisions,
    recorder: Option<Recorder>,
    failure: Option<io::Error>,
}

impl Paper {
    /// A paper venue that begins at `start`. `places` has the venue of each instrument; there is room for `orders` at once.
    pub fn new(
        start: Timestamp,
        options: PaperOptions,
        seed: u64,
        terms: &[Terms],
        places: Vec<VenueId>,
        orders: u16,
    ) -> Self {
        Self {
            venue: PaperVenue::new(options, terms, usize::from(orders), Rng::new(seed)),
            places,
            now: start,
            next_tick: Timestamp((start.0 / TICK_NS + 1).saturating_mul(TICK_NS)),
            line: 0,
            decisions: Decisions::default(),
            recorder: None,
            failure: None,
        }
    }

    /// What comes in is written there.
    pub fn set_recorder(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// The paper venue.
    pub const fn venue(&self) -> &PaperVenue {
        &self.venue
    }

    /// What it shows.
    pub fn view(&self) -> PaperView {
        PaperView {
            digest: self.decisions.hash.clone().finalize().into(),
            requests: self.decisions.requests,
            reports: self.decisions.reports,
            refused: self.venue.refused(),
        }
    }

    #[cold]
    pub(crate) fn book(&mut self, now: Timestamp, market: &Market) {
        if let Some(book) = market.book.levels() {
            self.venue.book(now, market.instrument(), book);
        }
    }

    #[cold]
    pub(crate) fn best(&mut self, now: Timestamp, instrument: InstrumentId, best: &BestBidOffer) {
        self.venue.best(now, instrument, best);
    }

    #[cold]
    pub(crate) fn trade(&mut self, now: Timestamp, instrument: InstrumentId, it: &MarketTrade) {
        self.venue.trade(now, instrument, it.price, it.qty, it.aggressor);
    }

    /// What the core wants leaves.
    fn submit(&mut self, core: &mut Core) {
        let Self { venue, decisions, now, .. } = self;
        core.take_requests(*now, |place, request| {
            decisions.asked(*now, place, request);
            venue.submit(*now, request);
        });
    }

    /// Lets time pass: all that is due by `to`, each at its own time.
    fn advance(&mut self, to: Timestamp, core: &mut Core) {
        self.submit(core);
        loop {
            let due = self.venue.next_due().map_or(self.next_tick, |due| due.min(self.next_tick));
            if due > to {
                break;
            }
            self.now = due;
            self.venue.advance(due, |instrument| {
                core.market(instrument).and_then(|market| market.book.levels())
            });
            while let Some(told) = self.venue.take_report(due) {
                let place = self.places.get(told.instrument.0 as usize).copied();
                let Some(place) = place else { continue };
                self.decisions.told(due, place, &told.report);
                core.report(due, place, &told.report);
                self.submit(core);
            }
            if due == self.next_tick {
                self.next_tick = Timestamp(due.0.saturating_add(TICK_NS));
                core.tick(due);
                self.submit(core);
            }
        }
        self.now = self.now.max(to);
    }

    fn record(&mut self, input: &Input<'_>) {
        let Some(recorder) = &mut self.recorder else { return };
        if let Err(error) = recorder.write(self.now, self.line, input) {
            // What follows would be without what is missing.
            (self.failure, self.recorder) = (Some(error), None);
        }
    }
}

impl Core {
    /// Orders go to a paper venue from now on, which is up.
    pub fn set_paper(&mut self, paper: Paper) {
        let (now, places) = (paper.now, paper.places.clone());
        self.paper = Some(Box::new(paper));
        for place in 0..places.iter().map(|place| place.0 + 1).max().unwrap_or(0) {
            self.venue_up(now, VenueId(place));
        }
    }

    /// The paper venue, if orders go to one.
    pub fn paper(&self) -> Option<&Paper> {
        self.paper.as_deref()
    }

    /// The time of something that comes in now: never before what came in already, on paper.
    pub fn time_of(&self, now: Timestamp) -> Timestamp {
        self.paper.as_ref().map_or(now, |paper| now.max(paper.now))
    }

    /// What comes in next is of this line.
    #[inline]
    pub fn from_line(&mut self, line: LineId) {
        if let Some(paper) = &mut self.paper {
            paper.line = line;
        }
    }

    /// Something comes in at a time. On paper all that is due before is done first, and the input is recorded: whoever hands
    /// it to the core asks this first. The time that it counts as having come at.
    #[inline]
    pub fn arrives(&mut self, now: Timestamp, input: &Input<'_>) -> Timestamp {
        if self.paper.is_none() { now } else { self.arrives_on_paper(now, input) }
    }

    #[cold]
    fn arrives_on_paper(&mut self, now: Timestamp, input: &Input<'_>) -> Timestamp {
        self.advance(now);
        let Some(paper) = &mut self.paper else { return now };
        paper.record(input);
        paper.now
    }

    /// Time has passed, and nothing came in.
    pub fn pass(&mut self, now: Timestamp) {
        if self.paper.is_none() {
            self.tick(now);
        } else {
            self.advance(now);
        }
    }

    /// On paper all that is due by a time is done: something may come in then that is not recorded.
    #[inline]
    pub fn pass_on_paper(&mut self, now: Timestamp) {
        if self.paper.is_some() {
            self.advance(now);
        }
    }

    #[cold]
    fn advance(&mut self, now: Timestamp) {
        // It is taken out while it moves: what it sets off here never asks for it.
        if let Some(mut paper) = self.paper.take() {
            paper.advance(now, self);
            self.paper = Some(paper);
        }
    }

    /// What is wanted leaves for the paper venue. Whether there is one.
    #[inline]
    pub fn submit_on_paper(&mut self) -> bool {
        let Some(mut paper) = self.paper.take() else { return false };
        paper.submit(self);
        self.paper = Some(paper);
        true
    }

    /// Does what somebody wants of a running trader.
    pub fn control(&mut self, now: Timestamp, control: Control) {
        let now = self.arrives(now, &Input::Control(control));
        match control {
            Control::Begin => self.begin(),
            Control::Halt => self.halt(now),
            Control::Enable => self.enable(),
            Control::Stop => self.end(now),
        }
    }

    /// Nothing more comes in.
    ///
    /// # Errors
    /// What was to be recorded could not be written.
    pub fn finish(&mut self, now: Timestamp) -> io::Result<()> {
        self.arrives(now, &Input::End);
        let Some(paper) = &mut self.paper else { return Ok(()) };
        if let Some(error) = paper.failure.take() {
            return Err(error);
        }
        paper.recorder.take().map_or(Ok(()), Recorder::finish)
    }
}
