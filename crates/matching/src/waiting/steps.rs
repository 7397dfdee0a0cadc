//! Steps: what a command sets off, one order after the other, until nothing more is triggered.
//!
//! The queue makes rounds of cascades: what a step triggers goes to its end. Nothing here recurses,
//! and a step that fills the event buffer is gone on with like any command.

use tiercel_types::command::Command;
use tiercel_types::event::{BUFFER_RECORDS_MIN, EventBuffer};
use tiercel_types::{InstrumentState, Timestamp};

use crate::engine::{Engine, Pending, Progress};
use crate::ledger::Ledger;
use crate::volume::minute_of;

use super::{NOBODY, Queued, State};

/// What a step may have changed: where triggers have to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Nothing.
    #[default]
    Nothing,
    /// One book.
    Book(u32),
    /// Any book.
    All,
}

impl Touched {
    /// What both together may have changed.
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, touched) | (touched, Self::Nothing) => touched,
            (Self::Book(one), Self::Book(two)) if one == two => Self::Book(one),
            _ => Self::All,
        }
    }
}

impl<L: Ledger> Engine<L> {
    /// Sets when a command has to come by here first: at once while anybody waits, nothing may be
    /// entered, orders are collected for an auction, or a book has limit bands; else when the first
    /// order expires or something else comes.
    pub(crate) fn set_wake(&mut self) {
        let idle = self.waiting.is_idle()
            && !self.killed
            && self.auctions.calls.is_empty()
            && self.limited.is_empty();
        self.wake = if idle {
            let never = Timestamp(u64::MAX);
            let expiry = self.timers.next_time().unwrap_or(never);
            expiry.min(self.agenda.next().map_or(never, |due| due.at))
        } else {
            Timestamp(0)
        };
    }

    /// Runs a command while something is due, or orders wait.
    #[inline(never)]
    pub(crate) fn apply_awake(&mut self, command: &Command, out: &mut EventBuffer) -> Progress {
        let minute = minute_of(self.time);
        if core::mem::replace(&mut self.waiting.minute, minute) != minute {
            self.waiting.touched = Touched::All; // What was traded a day ago counts no more.
        }
        if self.is_due() {
            self.deferred = Some(*command);
            if self.run_due(out) == Progress::More {
                return Progress::More;
            }
            self.deferred = None;
        }
        if self.killed && Self::deny_killed(command, out) {
            return self.react(out);
        }
        if self.waiting.touched == Touched::All {
            self.note_all_references();
        }
        self.touch(command);
        let progress = self.run(command, out);
        if let Command::NewOrder(_) | Command::CancelOrder(_) | Command::AmendOrder(_) = command {
            // Its events tell which book it may have changed.
            let touched = self.book_of(out.newest_instrument());
            let touched = touched.map_or(Touched::Nothing, Touched::Book);
            if progress == Progress::Done && self.is_quiet(touched) {
                return Progress::Done;
            }
            self.touch_also(touched);
        }
        match progress {
            Progress::Done => self.react(out),
            Progress::More => Progress::More,
        }
    }

    /// Notes which book a command may change that its events may not tell.
    fn touch(&mut self, command: &Command) {
        let instrument = match command {
            Command::ReplaceOrder(replace) => replace.order.instrument,
            Command::NewAdvancedOrder(new) => new.order.instrument,
            Command::NewOrderList(list) => list.instrument,
            Command::UpdateInstrument(update) => update.spec.instrument,
            Command::SetInstrumentState(_)
            | Command::MassCancel(_)
            | Command::StartCall(_)
            // Who belongs together says who would trade.
            | Command::SetAccount(_)
            | Command::SetKillSwitch(_)
            | Command::CancelOnDisconnect(_) => {
                return self.touch_also(Touched::All);
            }
            _ => return,
        };
        if let Ok(book) = self.book_of(instrument) {
            self.touch_also(Touched::Book(book));
        }
    }

    pub(crate) fn touch_also(&mut self, touched: Touched) {
        self.waiting.touched = self.waiting.touched.and(touched);
    }

    /// Ends the present step, and takes the steps that it triggered.
    pub(crate) fn react(&mut self, out: &mut EventBuffer) -> Progress {
        loop {
            while self.waiting.rest[0] != NOBODY {
                let [first, second] = self.waiting.rest;
                if self.waiting.waiters.get(first).state != State::Entering {
                    self.waiting.rest = [second, NOBODY];
                    continue; // It ended with its list.
                }
                if !out.has_room_for(BUFFER_RECORDS_MIN) {
                    self.pending = Pending::Reacting;
                    return Progress::More;
                }
                self.waiting.rest = [second, NOBODY];
                if self.enter_leg(first, out) == Progress::More {
                    return Progress::More;
                }
            }
            self.look_around();
            if self.waiting.unsettled
                && let Some(progress) = self.settle_unseen(out)
            {
                if progress == Progress::More {
                    return Progress::More;
                }
                continue;
            }
            while let Some(&front) = self.waiting.queue.front()
                && (self.is_spent(front) || self.is_to_hold(front))
            {
                self.waiting.queue.pop_front();
            }
            if self.waiting.queue.is_empty() {
                return self.end_command(out);
            }
            if !out.has_room_for(BUFFER_RECORDS_MIN) {
                self.pending = Pending::Reacting;
                return Progress::More;
            }
            let progress = match self.waiting.queue.pop_front() {
                Some(Queued::Order { waiter, .. }) => self.enter_triggered(waiter, out),
                Some(Queued::Pending { list, .. }) => {
                    self.enter_pending(list, out);
                    Progress::Done
                }
                None => Progress::Done,
            };
            if progress == Progress::More {
                return Progress::More;
            }
        }
    }

    /// Nothing is left to do of a command, or of what was due before it.
    fn end_command(&mut self, out: &mut EventBuffer) -> Progress {
        self.set_wake();
        if self.deferred.is_some() {
            return Progress::Done;
        }
        if !self.auctions.calls.is_empty() && self.indicate(out) == Progress::More {
            return Progress::More;
        }
        if !self.limited.is_empty() && self.look_at_limits(out) == Progress::More {
            self.pending = Pending::Reacting;
            return Progress::More;
        }
        Progress::Done
    }

    /// Looks at what the step may have triggered.
    fn look_around(&mut self) {
        let touched = core::mem::take(&mut self.waiting.touched);
        self.limits_touched = self.limits_touched.and(touched);
        match touched {
            Touched::Nothing => {}
            Touched::Book(book) => {
                self.look_at(book);
                self.unsettle(book);
            }
            Touched::All => {
                for at in 0..self.waiting.watched.len() {
                    self.look_at(self.waiting.watched[at]);
                }
                for at in 0..self.waiting.with_unseen.len() {
                    self.unsettle(self.waiting.with_unseen[at]);
                }
            }
        }
        if !self.waiting.doubtful.is_empty() {
            self.settle_doubts();
        }
    }

    fn look_at(&mut self, book: u32) {
        self.elect(book);
        self.look_at_fields(book);
        self.quieten(book);
    }

    /// Conditions that may have become true are triggered, or watch other leaves.
    fn settle_doubts(&mut self) {
        let mut doubtful = core::mem::take(&mut self.waiting.doubtful);
        let since = |&index: &u32| self.waiting.waiters.get(index).since;
        doubtful.sort_unstable_by_key(since);
        doubtful.dedup();
        for index in doubtful.drain(..) {
            let waiter = self.waiting.waiters.get(index);
            let condition = waiter.condition;
            if waiter.state != State::Waiting || condition == NOBODY {
                continue; // It ended meanwhile.
            }
            self.unwatch_condition(condition);
            if self.condition_is_true(condition) {
                self.enqueue(index);
            } else {
                self.watch_condition(condition);
            }
        }
        // What became true while it was looked at is none: nothing changes meanwhile.
        self.waiting.doubtful = doubtful;
    }

    /// An order that waits no more comes to its turn later.
    pub(crate) fn enqueue(&mut self, index: u32) {
        let waiter = self.waiting.waiters.get_mut(index);
        waiter.state = State::Queued;
        let since = waiter.since;
        self.waiting.queue.push_back(Queued::Order { waiter: index, since });
    }

    /// Whether nothing comes of a queued turn any more: then it must not be waited for, since a
    /// command that is not complete has to have another event.
    fn is_spent(&self, queued: Queued) -> bool {
        match queued {
            Queued::Order { waiter, since } => {
                let waiter = self.waiting.waiters.get(waiter);
                waiter.since != since || waiter.state != State::Queued
            }
            Queued::Pending { list, .. } => !self.has_a_turn(list),
        }
    }

    /// Holds the turn of a list's pending orders while their instrument is not open; tells whether
    /// it does.
    fn is_to_hold(&mut self, queued: Queued) -> bool {
        let Queued::Pending { list, .. } = queued else { return false };
        let book = self.book_of_list(list);
        if book.is_none_or(|book| self.book(book).state == InstrumentState::Open) {
            return false;
        }
        let since = self.waiting.mark();
        self.waiting.lists.get_mut(list).since = since;
        self.waiting.held.push_back(Queued::Pending { list, since });
        true
    }

    /// Brings the orders back that were held until an instrument opened.
    pub(crate) fn release_held(&mut self, book: u32) {
        // Each in its turn, in place: who stays goes to the end, and so all keep their order.
        for _ in 0..self.waiting.held.len() {
            let Some(entry) = self.waiting.held.pop_front() else { break };
            let (index, since) = match entry {
                Queued::Order { waiter, since } => (waiter, since),
                Queued::Pending { list, since } => {
                    if !self.waiting.lists.is_held(list, since) {
                        continue; // It has ended.
                    }
                    if self.book_of_list(list) == Some(book) {
                        self.waiting.lists.get_mut(list).since = 0;
                        self.waiting.queue.push_back(Queued::Pending { list, since: 0 });
                    } else {
                        self.waiting.held.push_back(entry);
                    }
                    continue;
                }
            };
            let waiter = self.waiting.waiters.get(index);
            if waiter.state != State::Held || waiter.since != since {
                continue; // It has ended.
            }
            if self.orders.get(waiter.handle).book == book {
                self.enqueue(index);
            } else {
                self.waiting.held.push_back(entry);
            }
        }
    }
}
