//! What is handed in piece by piece before it is entered: a command larger than one record.

use tiercel_types::command::{Kind, NewOrder, OrderTerms, StageCondition, StageLeg};
use tiercel_types::event::{EventBuffer, Staged};
use tiercel_types::{DenialReason, InstrumentId};

use crate::engine::{Engine, Named};
use crate::ledger::Ledger;

/// An order of a list that is to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leg {
    pub(crate) staged: StageLeg,
    pub(crate) condition: Option<StageCondition>,
}

impl Leg {
    /// Fills the places behind the last.
    const NOTHING: Self = Self {
        staged: StageLeg { order: NewOrder::NOTHING, terms: OrderTerms::NONE },
        condition: None,
    };
}

/// Most orders of a list.
pub(crate) const LEGS_MAX: usize = 3;

/// The orders staged for a list, and the condition staged for the next order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// The command that added to it last: any other command in between makes it void.
    pub(crate) sequence: u64,
    pub(crate) legs: Vec<Leg>,
    pub(crate) condition: Option<StageCondition>,
}

impl Draft {
    /// What is staged, which is used up.
    pub(crate) fn take_legs(&mut self) -> ([Leg; LEGS_MAX], usize) {
        let mut legs = [Leg::NOTHING; LEGS_MAX];
        let count = self.legs.len();
        legs[..count].copy_from_slice(&self.legs);
        self.legs.clear();
        self.condition = None;
        (legs, count)
    }
}

impl<L: Ledger> Engine<L> {
    /// The draft, void if another command came in between.
    pub(crate) fn draft(&mut self) -> &mut Draft {
        let draft = &mut self.waiting.draft;
        if draft.sequence.wrapping_add(1) != self.sequence {
            draft.legs.clear();
            draft.condition = None;
        }
        draft
    }

    pub(crate) fn stage_condition(&mut self, condition: &StageCondition, out: &mut EventBuffer) {
        self.draft().condition = None;
        let checked = self.check_condition(condition).and_then(|()| {
            let counted = self.counts_volumes(condition);
            if counted { Ok(()) } else { Err(DenialReason::VolumeNotTracked) }
        });
        if let Err(reason) = checked {
            self.waiting.draft.legs.clear();
            let named = Named::plain(Kind::StageCondition, InstrumentId(0), condition.account);
            return named.deny(reason, out);
        }
        self.waiting.draft.condition = Some(*condition);
        self.tell_staged(InstrumentId(0), condition.account, out);
    }

    pub(crate) fn stage_leg(&mut self, leg: &StageLeg, out: &mut EventBuffer) {
        let draft = self.draft();
        if draft.legs.len() == LEGS_MAX {
            draft.legs.clear();
            draft.condition = None;
            let named = Named {
                order_id: leg.order.order_id,
                client_order_id: leg.order.client_order_id,
                ..Named::plain(Kind::StageLeg, leg.order.instrument, leg.order.account)
            };
            return named.deny(DenialReason::TooManyLegs, out);
        }
        let condition = draft.condition.take();
        draft.legs.push(Leg { staged: *leg, condition });
        self.tell_staged(leg.order.instrument, leg.order.account, out);
    }

    fn tell_staged(
        &mut self,
        instrument: InstrumentId,
        account: tiercel_types::AccountId,
        out: &mut EventBuffer,
    ) {
        let draft = &mut self.waiting.draft;
        draft.sequence = self.sequence;
        let staged = Staged {
            legs: draft.legs.len() as u32,
            condition: u32::from(draft.condition.is_some()),
        };
        out.push(instrument, account, staged);
    }

    /// The condition staged right before, if it is this account's.
    pub(crate) fn staged_condition(
        &self,
        terms: &OrderTerms,
        account: tiercel_types::AccountId,
    ) -> Option<StageCondition> {
        use tiercel_types::Trigger;
        let draft = &self.waiting.draft;
        let fresh = draft.sequence.wrapping_add(1) == self.sequence;
        draft.condition.filter(|condition| {
            fresh && terms.trigger == Trigger::Condition && condition.account == account
        })
    }
}
