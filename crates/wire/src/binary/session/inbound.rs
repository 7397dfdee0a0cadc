//! What a session makes of what comes.

use tiercel_types::{OrderId, Timestamp};

use super::{Application, Phase, Role, Session, client_id_of};
use crate::binary::records::{
    Body, Challenge, GapFill, Login, LoginAccepted, LoginKey, LoginSignature, Logout, Rejected,
};
use crate::binary::session::Credentials;
use crate::binary::{
    Fault, Flag, Group, Header, LogoutReason, Opaque, RECORD_SIZE, RESENT, RejectSource,
    SignatureScheme, Text, VERSION,
};
use crate::store::Store;

impl Session {
    /// Bytes have come: takes all groups that are whole, and returns how many bytes they were. The
    /// caller keeps the rest, and gives it again with more behind it.
    pub fn received(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        store: &mut impl Store,
        app: &mut impl Application,
    ) -> usize {
        let mut taken = 0;
        while !self.wants_close && self.phase != Phase::Closed {
            match Group::front(&bytes[taken..]) {
                Ok(Some(group)) => {
                    taken += group.bytes().len();
                    self.last_received = now;
                    self.take(now, &group, store, app);
                }
                Ok(None) => break,
                Err(_) => self.end(now, LogoutReason::Malformed),
            }
        }
        self.resume(now, store);
        taken
    }

    #[inline]
    fn take(
        &mut self,
        now: Timestamp,
        group: &Group<'_>,
        store: &mut impl Store,
        app: &mut impl Application,
    ) {
        let header = group.header();
        let theirs = match self.role {
            Role::Acceptor => 0x10..0x40,
            Role::Initiator(_) => 0x40..0x80,
        };
        // Records that nobody knows count as theirs: a newer version may have them.
        let is_session = header.kind < 0x10;
        let is_on = matches!(self.phase, Phase::LoggedOn | Phase::LeavingSince(_));
        if is_session {
            self.take_own(now, group, store, app);
        } else if !is_on || !theirs.contains(&header.kind) {
            self.end(now, LogoutReason::Malformed);
        } else if self.is_next(now, &header, store) {
            store.set_next_incoming(header.sequence + 1);
            if let Err(fault) = app.on_message(group) {
                self.refuse(now, group, fault, store);
            }
        }
    }

    /// Whether a record is the next. What is not is answered.
    #[inline]
    fn is_next(&mut self, now: Timestamp, header: &Header, store: &impl Store) -> bool {
        let expected = store.next_incoming();
        if header.sequence == expected {
            self.asked = None;
            return true;
        }
        if header.sequence > expected {
            self.ask_for(now, expected);
        } else if header.flags & RESENT == 0 {
            self.end(now, LogoutReason::SequenceTooLow);
        }
        false
    }

    /// An application did not take a record.
    #[cold]
    fn refuse(&mut self, now: Timestamp, group: &Group<'_>, fault: Fault, store: &mut impl Store) {
        if self.role != Role::Acceptor {
            self.end(now, LogoutReason::Malformed);
            return;
        }
        let header = group.header();
        let rejected = Rejected {
            client_id: client_id_of(group.first()),
            order_id: OrderId::NONE,
            time: now,
            request: header.sequence,
            reason: fault.code(),
            source: RejectSource::Gateway,
            record_kind: fault.record_kind(),
            field: fault.field(),
            leg: 0,
            reserved: [0; 2],
        };
        self.send(now, store, header.instrument, 0, &rejected);
    }

    /// A record of the session itself.
    fn take_own(
        &mut self,
        now: Timestamp,
        group: &Group<'_>,
        store: &mut impl Store,
        app: &mut impl Application,
    ) {
        let Ok((header, body)) = group.decode() else {
            self.end(now, LogoutReason::Malformed);
            return;
        };
        match (self.phase, body) {
            (Phase::Greeting { .. }, Body::Challenge(challenge)) => {
                self.log_on(now, group.first(), &challenge, store, app);
            }
            (Phase::Greeting { .. } | Phase::LoggingOn { .. }, Body::LoginRefused(refused)) => {
                self.wants_close = true;
                app.on_refused(refused.reason);
            }
            (Phase::LoggingOn { .. }, Body::LoginAccepted(accepted)) => {
                self.logged_on(now, &accepted, store, app);
            }
            (Phase::LoggedOn | Phase::LeavingSince(_), Body::Heartbeat(_)) => {
                let expected = store.next_incoming();
                if header.sequence > expected {
                    // Asked again with each: the answer may have been none.
                    self.asked = None;
                    self.ask_for(now, expected);
                }
            }
            (Phase::LoggedOn | Phase::LeavingSince(_), Body::GapFill(fill)) => {
                self.skip(now, &header, &fill, store, app);
            }
            (Phase::LoggedOn, Body::Resend(_)) => {
                let known = 1..=store.next_outgoing();
                if known.contains(&header.sequence) {
                    let from = self.resend.map_or(header.sequence, |at| at.min(header.sequence));
                    self.resend = (from < store.next_outgoing()).then_some(from);
                } else {
                    self.end(now, LogoutReason::Malformed);
                }
            }
            (Phase::LeavingSince(_), Body::Resend(_)) => {}
            (Phase::LoggedOn, Body::Logout(Logout { reason, .. })) => {
                self.end(now, reason);
            }
            (Phase::LeavingSince(_), Body::Logout(_)) => self.wants_close = true,
            _ => self.end(now, LogoutReason::Malformed),
        }
    }

    /// The other side will not send some records again.
    fn skip(
        &mut self,
        now: Timestamp,
        header: &Header,
        fill: &GapFill,
        store: &mut impl Store,
        app: &mut impl Application,
    ) {
        let expected = store.next_incoming();
        if header.sequence > expected {
            self.ask_for(now, expected);
        } else if fill.next > expected {
            self.asked = None;
            store.set_next_incoming(fill.next);
            app.on_gap(expected, fill.next);
        }
    }

    /// Answers a challenge.
    fn log_on(
        &mut self,
        now: Timestamp,
        challenge: &[u8; RECORD_SIZE],
        body: &Challenge,
        store: &impl Store,
        app: &mut impl Application,
    ) {
        let Role::Initiator(credentials) = &self.role else { return };
        if body.version != VERSION {
            self.wants_close = true;
            app.on_refused(crate::binary::LoginRefusal::Version);
            return;
        }
        let next_incoming = if credentials.from_now { 0 } else { store.next_incoming() };
        let mut login = login_records(credentials, next_incoming);
        let mut transcript = Vec::with_capacity(6 * RECORD_SIZE);
        transcript.extend_from_slice(&self.hello);
        transcript.extend_from_slice(challenge);
        transcript.extend_from_slice(&login);
        let signature = app.sign(&transcript);
        let used = match credentials.scheme {
            SignatureScheme::HmacSha256 => 32,
            SignatureScheme::Ed25519 => 64,
        };
        for part in signature[..used].chunks(48) {
            let mut bytes = [0; 48];
            bytes[..part.len()].copy_from_slice(part);
            let part = LoginSignature { bytes: Opaque(bytes) };
            login.extend_from_slice(&super::super::record(
                tiercel_types::InstrumentId(0),
                0,
                0,
                &part,
            ));
        }
        self.output.extend_from_slice(&login);
        self.last_sent = now;
        self.phase = Phase::LoggingOn { since: now };
    }

    /// The venue took the login: both sides know where the other is.
    fn logged_on(
        &mut self,
        now: Timestamp,
        accepted: &LoginAccepted,
        store: &mut impl Store,
        app: &mut impl Application,
    ) {
        let Role::Initiator(credentials) = &self.role else { return };
        let (resends, from_now) = (credentials.resend_requests, credentials.from_now);
        self.phase = Phase::LoggedOn;
        self.heartbeat_ns = u64::from(accepted.heartbeat_ms) * super::MILLISECOND_NS;
        self.cancel_on_disconnect = accepted.cancel_on_disconnect == Flag::Yes;
        let expected = store.next_incoming();
        if accepted.next_outgoing < expected && !from_now {
            self.end(now, LogoutReason::SequenceTooLow);
            return;
        }
        app.on_logon(accepted);
        if accepted.next_outgoing != expected {
            store.set_next_incoming(accepted.next_outgoing);
            app.on_gap(expected, accepted.next_outgoing);
        }
        let (theirs, ours) = (accepted.next_incoming, store.next_outgoing());
        if theirs > ours {
            // They know requests that we forgot.
            store.set_next_outgoing(theirs);
        } else if theirs < ours && resends {
            self.resend = Some(theirs);
        } else if theirs < ours {
            self.fill_gap(theirs, ours);
            app.on_lost(theirs, ours);
        }
    }
}

/// A login and its key, without the signature: what is signed of it.
fn login_records(credentials: &Credentials, next_incoming: u64) -> Vec<u8> {
    let Credentials { key, scheme, heartbeat_ms, cancel_on_disconnect, .. } = credentials;
    let body = Login {
        next_incoming,
        heartbeat_ms: *heartbeat_ms,
        scheme: *scheme,
        cancel_on_disconnect: if *cancel_on_disconnect { Flag::Yes } else { Flag::No },
        reserved: [0; 34],
    };
    let none = tiercel_types::InstrumentId(0);
    let mut records = super::super::record(none, 0, 0, &body).to_vec();
    let mut keys = 0;
    for part in key.chunks(48).take(2) {
        let part = LoginKey { text: Text::part(part) };
        records.extend_from_slice(&super::super::record(none, 0, 0, &part));
        keys += 1;
    }
    let signatures = match scheme {
        SignatureScheme::HmacSha256 => 1,
        SignatureScheme::Ed25519 => 2,
    };
    records[1] = keys + signatures;
    records
}
