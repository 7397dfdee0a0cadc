//! What is between trader and venue, and what goes wrong there.

use tiercel_execution::order::Input;
use tiercel_execution::venue::{AdvancedTerms, Gathered, VenueReport, VenueRequest};
use tiercel_types::{OrderId, Timestamp};

use super::{Kind, MS, VENUE, World};

/// No time.
const NEVER: u64 = u64::MAX;

/// An answer to a single request, and the run that asked.
type Answer = (u64, Vec<VenueReport>);

/// Something that happens at a time.
pub(super) enum Event {
    /// Another participant does something.
    Market,
    /// The strategy does something.
    Drive,
    /// The trader looks at its clock.
    Tick,
    /// A request arrives over a connection.
    Request { run: u64, connection: u64, request: VenueRequest, sent: u64 },
    /// What a question is answered with is put together: the fills were looked for before.
    Answering { run: u64, request: VenueRequest, reports: Vec<VenueReport> },
    /// What the venue has done is durable: it may be told.
    Durable { life: u64, commands: usize, reports: Vec<VenueReport>, answer: Option<Answer> },
    /// A message of a session arrives.
    Deliver { connection: u64, index: usize },
    /// A message of the stream arrives.
    Stream { connection: u64, report: VenueReport },
    /// The answer to a single request arrives, at a run.
    Answer { run: u64, reports: Vec<VenueReport> },
    /// The trader notices that a connection is gone.
    Notice { connection: u64 },
    /// The trader connects.
    Connect,
    /// The venue is there again.
    VenueStarts,
    /// The trader is there again.
    TraderStarts { lost: usize },
    /// Something goes wrong.
    Fault,
}

/// The connection: what the trader believes is `is_up`, and the truth is the rest.
pub(super) struct Link {
    connection: u64,
    is_up: bool,
    /// From these times on nothing gets through to the venue, and from it.
    cut_in_at: u64,
    cut_out_at: u64,
    /// The last times of arrival, where the order is kept.
    last_in: u64,
    last_out: u64,
    /// Of a session: all that was told, and how much of it the trader has.
    told: Vec<VenueReport>,
    pub(super) received: usize,
    venue_is_there: bool,
    /// Counts the venue's lives.
    life: u64,
    /// So many commands are durable.
    durable: usize,
    /// Single requests and answers are lost now and then, and often until this time.
    storm_until: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            connection: 0,
            is_up: false,
            cut_in_at: 0,
            cut_out_at: 0,
            last_in: 0,
            last_out: 0,
            told: Vec::new(),
            received: 0,
            venue_is_there: true,
            life: 0,
            durable: 0,
            storm_until: 0,
        }
    }
}

impl World {
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Market => self.market(),
            Event::Drive => self.drive(),
            Event::Tick => self.tick(),
            Event::Request { run, connection, request, sent } => {
                self.arrive(run, connection, request, sent);
            }
            Event::Answering { run, request, mut reports } => {
                if let VenueRequest::Query { name, question, .. } = request {
                    reports.push(self.venue.status(&name.client_order_id, question));
                }
                self.durable_soon(Vec::new(), Some((run, reports)));
            }
            Event::Durable { life, commands, reports, answer } if life == self.link.life => {
                self.link.durable = self.link.durable.max(commands);
                self.tell(reports, answer);
            }
            Event::Deliver { connection, index } => self.deliver(connection, index),
            Event::Stream { connection, report } => {
                let is_there =
                    connection == self.link.connection && self.link.cut_out_at > self.now;
                if is_there {
                    self.hear(&report);
                }
            }
            Event::Answer { run, reports } => {
                if run == self.runs && self.link.venue_is_there && self.trader.is_some() {
                    for report in &reports {
                        self.hear(report);
                    }
                }
            }
            Event::Notice { connection } if connection == self.link.connection => self.notice(),
            Event::Connect => self.connect(),
            Event::VenueStarts => self.link.venue_is_there = true,
            Event::TraderStarts { lost } => {
                if self.trader.is_none() {
                    self.start(lost);
                    self.after(MS, Event::Connect);
                }
            }
            Event::Fault => self.fault(),
            Event::Durable { .. } | Event::Notice { .. } => {}
        }
    }

    fn market(&mut self) {
        let next = MS + self.random.below(5 * MS);
        self.after(next, Event::Market);
        if self.link.venue_is_there && self.is_faulty {
            let reports = self.venue.step(Timestamp(self.now));
            self.durable_soon(reports, None);
        }
    }

    /// A request leaves.
    pub(super) fn send(&mut self, request: VenueRequest) {
        if let VenueRequest::NewAdvanced(terms) = &request {
            // A list is one message: it goes with its last order.
            if self.gathered.take(terms).is_none() {
                return;
            }
            self.together.insert(terms.order.client_order_id, self.gathered);
        }
        if !self.link.is_up {
            return;
        }
        let sent = self.now;
        let (run, connection) = (self.runs, self.link.connection);
        let arrives = match self.kind {
            Kind::Session => {
                let arrives = self.now + MS + self.random.below(3 * MS);
                self.link.last_in = self.link.last_in.max(arrives);
                self.link.last_in
            }
            Kind::Requests => {
                if self.is_lost() {
                    self.count("request lost");
                    return;
                }
                let validity_ns = self.kind.terms().validity_ns;
                let is_slow = self.is_faulty && self.random.one_in(25);
                // Now and then it arrives when it is not valid any more.
                let most = if is_slow { validity_ns * 5 / 4 } else { 15 * MS };
                self.now + MS + self.random.below(most)
            }
        };
        self.at(arrives, Event::Request { run, connection, request, sent });
        if self.kind == Kind::Requests && self.is_faulty && self.random.one_in(40) {
            // What changes nothing may come twice.
            if matches!(request, VenueRequest::Cancel(_) | VenueRequest::Query { .. }) {
                self.at(arrives + MS, Event::Request { run, connection, request, sent });
            }
        }
    }

    /// The orders that are entered with a request.
    fn together(&self, request: &VenueRequest) -> &[AdvancedTerms] {
        let name = request.entered().map(|terms| terms.client_order_id).unwrap_or_default();
        self.together.get(&name).map_or(&[], Gathered::orders)
    }

    /// Whether a single message is lost.
    fn is_lost(&mut self) -> bool {
        let one_in = if self.now < self.link.storm_until { 3 } else { 60 };
        self.is_faulty && self.random.one_in(one_in)
    }

    fn arrive(&mut self, run: u64, connection: u64, request: VenueRequest, sent: u64) {
        let is_single = self.kind == Kind::Requests;
        let is_other = !is_single && connection != self.link.connection;
        if !self.link.venue_is_there || self.link.cut_in_at <= self.now || is_other {
            self.count("request lost");
            return;
        }
        if is_single && self.now > sent + self.kind.terms().validity_ns {
            self.count("request void");
            let refused = void(&request, self.together(&request));
            return self.durable_soon(Vec::new(), Some((run, refused)));
        }
        if let VenueRequest::Query { name, executed_qty, .. } = request {
            let reports = self.venue.fills(&name.client_order_id, executed_qty);
            let later = if is_single { self.random.below(6 * MS) } else { 0 };
            if is_single {
                return self.after(later, Event::Answering { run, request, reports });
            }
            return self.happen(Event::Answering { run, request, reports });
        }
        let together = self.together(&request).to_vec();
        let (told, refused) = self.venue.request(Timestamp(self.now), &request, &together);
        let mut answer = told.clone();
        answer.retain(|report| is_of(report, &request, &together));
        answer.extend(refused);
        self.durable_soon(told, Some((run, answer)));
    }

    /// What was done is durable in a while, and told then.
    fn durable_soon(&mut self, reports: Vec<VenueReport>, answer: Option<Answer>) {
        let (life, commands) = (self.link.life, self.venue.commands());
        self.after(MS, Event::Durable { life, commands, reports, answer });
    }

    fn tell(&mut self, reports: Vec<VenueReport>, answer: Option<Answer>) {
        match self.kind {
            Kind::Session => {
                // What was told of orders is not told again as an answer.
                let rest = answer.map(|(_, answer)| answer).unwrap_or_default();
                let is_new = |report: &VenueReport| !reports.contains(report);
                let rest: Vec<_> = rest.into_iter().filter(is_new).collect();
                let from = self.link.told.len();
                self.link.told.extend(reports.into_iter().chain(rest));
                for index in from..self.link.told.len() {
                    self.post(index);
                }
            }
            Kind::Requests => {
                let connection = self.link.connection;
                for report in reports {
                    let out = self.link.last_out.max(self.now + MS + self.random.below(4 * MS));
                    self.link.last_out = out;
                    self.at(out, Event::Stream { connection, report });
                    if self.is_faulty && self.random.one_in(20) {
                        self.at(out, Event::Stream { connection, report });
                    }
                }
                let Some((run, reports)) = answer else { return };
                if self.is_lost() {
                    return self.count("answer lost");
                }
                let is_slow = self.is_faulty && self.random.one_in(8);
                let most = if is_slow { 300 * MS } else { 8 * MS };
                let ns = MS + self.random.below(most);
                self.after(ns, Event::Answer { run, reports });
            }
        }
    }

    /// A message of a session leaves the venue.
    fn post(&mut self, index: usize) {
        let out = self.link.last_out.max(self.now + MS + self.random.below(3 * MS));
        self.link.last_out = out;
        self.at(out, Event::Deliver { connection: self.link.connection, index });
    }

    fn deliver(&mut self, connection: u64, index: usize) {
        let is_there = connection == self.link.connection && self.link.cut_out_at > self.now;
        if !is_there || self.trader.is_none() {
            return;
        }
        assert_eq!(index, self.link.received);
        self.link.received += 1;
        let report = self.link.told[index];
        self.hear(&report);
    }

    /// The trader notices that the connection is gone.
    fn notice(&mut self) {
        if !self.link.is_up {
            return;
        }
        self.link.is_up = false;
        if let Some(trader) = &mut self.trader {
            trader.oms.venue_down(Timestamp(self.now), VENUE, &mut self.out);
        }
        self.act();
        let wait = 20 * MS + self.random.below(200 * MS);
        self.after(wait, Event::Connect);
    }

    fn connect(&mut self) {
        if self.link.is_up || self.trader.is_none() {
            return;
        }
        if !self.link.venue_is_there {
            return self.after(30 * MS, Event::Connect);
        }
        self.link.connection += 1;
        (self.link.is_up, self.link.cut_in_at, self.link.cut_out_at) = (true, NEVER, NEVER);
        (self.link.last_in, self.link.last_out) = (self.now, self.now);
        if let Some(trader) = &mut self.trader {
            trader.oms.venue_up(Timestamp(self.now), VENUE, &mut self.out);
        }
        self.act();
        self.list();
        if self.kind == Kind::Session {
            for index in self.link.received..self.link.told.len() {
                self.post(index);
            }
        }
    }

    /// Something goes wrong.
    fn fault(&mut self) {
        if !self.is_faulty {
            return;
        }
        let next = 60 * MS + self.random.below(600 * MS);
        self.after(next, Event::Fault);
        match self.random.below(8) {
            0..2 => self.cut(false),
            2..4 => self.cut(true),
            4 => self.kill_venue(),
            5 => self.kill_trader(),
            6 => {
                self.count("storm");
                self.link.storm_until = self.now + self.random.below(400 * MS);
            }
            _ => {
                // Something may not have been heard, the trader thinks.
                self.count("told again");
                let Some(trader) = self.trader.as_mut().filter(|_| self.link.is_up) else { return };
                trader.oms.venue_up(Timestamp(self.now), VENUE, &mut self.out);
                self.act();
            }
        }
    }

    /// The connection ends, or is half open: requests arrive, and nothing comes back.
    fn cut(&mut self, half: bool) {
        if !self.link.is_up || self.link.cut_out_at != NEVER {
            return;
        }
        self.count(if half { "half open" } else { "cut" });
        self.link.cut_out_at = self.now + self.random.below(5 * MS);
        if !half {
            self.link.cut_in_at = self.now + self.random.below(5 * MS);
        }
        let until = if half { 900 * MS } else { 60 * MS };
        let noticed = 6 * MS + self.random.below(until);
        self.after(noticed, Event::Notice { connection: self.link.connection });
    }

    /// The venue is killed. What was not durable is gone; of answers on their way those that are not sent again
    /// are lost.
    fn kill_venue(&mut self) {
        if !self.link.venue_is_there {
            return;
        }
        self.count("venue killed");
        self.venue.restart(self.link.durable);
        self.link.life += 1;
        self.link.venue_is_there = false;
        (self.link.cut_in_at, self.link.cut_out_at) = (self.now, self.now);
        let down = 20 * MS + self.random.below(300 * MS);
        self.after(down, Event::VenueStarts);
        let noticed = self.random.below(100 * MS);
        self.after(noticed, Event::Notice { connection: self.link.connection });
    }

    /// The trader is killed.
    fn kill_trader(&mut self) {
        if self.trader.take().is_none() {
            return;
        }
        self.count("trader killed");
        self.out.clear();
        self.link.is_up = false;
        self.link.cut_out_at = self.link.cut_out_at.min(self.now);
        // Of a journal that is not durable the end may be lost.
        let lost = if self.random.one_in(4) { self.random.below(4) as usize } else { 0 };
        let down = 10 * MS + self.random.below(200 * MS);
        self.after(down, Event::TraderStarts { lost });
    }

    /// Nothing goes wrong any more; what is wrong is noticed.
    pub(super) fn heal(&mut self) {
        if self.link.cut_out_at != NEVER && self.link.is_up {
            self.after(MS, Event::Notice { connection: self.link.connection });
        }
    }
}

/// Whether a report is of an order that the request names.
fn is_of(report: &VenueReport, request: &VenueRequest, together: &[AdvancedTerms]) -> bool {
    let name = report.client_order_id;
    match request {
        VenueRequest::New(terms) => name == terms.client_order_id,
        VenueRequest::NewAdvanced(_) => {
            together.iter().any(|terms| name == terms.order.client_order_id)
        }
        VenueRequest::CancelReplace { name: old, terms } => {
            name == terms.client_order_id || name == old.client_order_id
        }
        VenueRequest::Cancel(old)
        | VenueRequest::Amend { name: old, .. }
        | VenueRequest::Query { name: old, .. } => name == old.client_order_id,
    }
}

/// What a request is answered with that came too late.
fn void(request: &VenueRequest, together: &[AdvancedTerms]) -> Vec<VenueReport> {
    let report = |name, input| VenueReport::new(name, OrderId::NONE, input);
    match request {
        VenueRequest::New(terms) => vec![report(terms.client_order_id, Input::Rejected)],
        VenueRequest::NewAdvanced(_) => {
            let of = |terms: &AdvancedTerms| report(terms.order.client_order_id, Input::Rejected);
            together.iter().map(of).collect()
        }
        VenueRequest::Cancel(name) => vec![report(name.client_order_id, Input::CancelRejected)],
        VenueRequest::Amend { name, .. } => {
            vec![report(name.client_order_id, Input::ReplaceRejected)]
        }
        VenueRequest::CancelReplace { name, terms } => vec![
            report(name.client_order_id, Input::CancelRejected),
            report(terms.client_order_id, Input::Rejected),
        ],
        VenueRequest::Query { .. } => Vec::new(),
    }
}
