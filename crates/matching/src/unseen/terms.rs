//! The checks of terms in `docs/special-orders.md`, row by row.

use tiercel_types::command::{NewOrder, OrderTerms};
use tiercel_types::order::Trigger;
use tiercel_types::{DenialReason, InstrumentState, OrderKind, Peg, Price, Side, TimeInForce};

use crate::book::{ALLOTS, Book};
use crate::engine::Engine;
use crate::entry::may_rest;
use crate::ledger::Ledger;

use super::{GROUPS_MAX, is_grouped, is_unseen};

impl<L: Ledger> Engine<L> {
    /// Rows 1 to 16.
    pub(crate) fn check_special(
        &self,
        order: &NewOrder,
        terms: &OrderTerms,
    ) -> Result<(), DenialReason> {
        check_alone(order, terms)?;
        let book = self.book(self.book_of(order.instrument)?);
        if terms.peg != Peg::None {
            check_peg::<L>(book, order, terms)?;
        }
        let lot = book.lot;
        if lot.divide(terms.min_qty.units()).is_none() || terms.min_qty > order.qty {
            return Err(DenialReason::MinQtyInvalid);
        }
        if is_unseen(terms) {
            check_allocation(book)?;
        }
        let at_once = terms.trigger == Trigger::None && !terms.min_qty.is_zero();
        if (is_grouped(terms) || at_once) && book.state != InstrumentState::Open {
            return Err(DenialReason::NotContinuous);
        }
        if is_grouped(terms) {
            check_groups(book, order, terms)?;
        }
        Ok(())
    }
}

/// Rows 1 to 8: what needs no book.
fn check_alone(order: &NewOrder, terms: &OrderTerms) -> Result<(), DenialReason> {
    let reserved = order.reserved == [0; 4]
        && terms.reserved == [0; 3]
        && terms.reserved_too == [0; 4]
        && terms.imbalance_only == 0;
    if !reserved || terms.all_or_none > 1 || terms.hidden > 1 {
        return Err(DenialReason::ReservedFieldSet);
    }
    let trailing = !terms.trailing_amount.is_zero()
        || terms.trailing_bps != 0
        || !terms.activation_price.is_zero();
    let foreign = match terms.trigger {
        Trigger::None | Trigger::Condition => trailing || !terms.trigger_price.is_zero(),
        Trigger::Stop | Trigger::TakeProfit => trailing,
        Trigger::TrailingStop => !terms.trigger_price.is_zero(),
    };
    if foreign {
        return Err(DenialReason::TermNotAllowed);
    }
    let (pegged, whole) = (terms.peg != Peg::None, terms.all_or_none != 0);
    let unseen = u8::from(pegged) + u8::from(whole) + u8::from(terms.hidden != 0);
    let minimum = !terms.min_qty.is_zero();
    let offset = !terms.peg_offset.is_zero();
    if unseen > 1 || (minimum && (pegged || whole)) || (offset && !pegged) {
        return Err(DenialReason::TermsDoNotCombine);
    }
    let market_to_limit = order.kind == OrderKind::MarketToLimit;
    if terms.trigger != Trigger::None && (pegged || whole || market_to_limit) {
        return Err(DenialReason::SpecialOrderWaits);
    }
    let plain = order.kind == OrderKind::Limit
        && may_rest(order.time_in_force)
        && order.display_qty.is_zero();
    if pegged && !plain {
        return Err(DenialReason::PegNotAllowed);
    }
    if whole && !plain {
        return Err(DenialReason::AllOrNoneNotAllowed);
    }
    if terms.hidden != 0 && !plain {
        return Err(DenialReason::HiddenNotAllowed);
    }
    let whole_at_once = order.time_in_force == TimeInForce::Fok;
    let unmeasured = !order.quote_qty.is_zero();
    if minimum && (order.kind == OrderKind::PostOnly || whole_at_once || unmeasured) {
        return Err(DenialReason::MinQtyNotAllowed);
    }
    Ok(())
}

/// Rows 10 to 12.
fn check_peg<L: Ledger>(
    book: &Book,
    order: &NewOrder,
    terms: &OrderTerms,
) -> Result<(), DenialReason> {
    if book.spec.min_price.units() < 0 {
        return Err(DenialReason::PegNotAllowed);
    }
    let least = if terms.peg == Peg::Market { book.spec.tick } else { Price::ZERO };
    let offset = terms.peg_offset;
    if offset < least || book.tick.divide_signed(offset.units()).is_none() {
        return Err(DenialReason::PegOffsetInvalid);
    }
    if L::ENABLED && order.side == Side::Buy && order.price.is_zero() {
        return Err(DenialReason::PegLimitRequired);
    }
    Ok(())
}

/// Row 14.
pub(crate) fn check_allocation(book: &Book) -> Result<(), DenialReason> {
    if book.has(ALLOTS) { Err(DenialReason::AllocationNotFifo) } else { Ok(()) }
}

/// Row 16.
fn check_groups(book: &Book, order: &NewOrder, terms: &OrderTerms) -> Result<(), DenialReason> {
    let Some(unseen) = book.unseen() else { return Ok(()) };
    let groups = &unseen.groups[order.side.index()];
    if groups.len() < GROUPS_MAX {
        return Ok(());
    }
    let lots = book.lot.divide(order.qty.units());
    let own = lots.and_then(|lots| book.group_terms(terms, order.price, lots));
    if groups.iter().any(|group| Some(group.terms) == own) {
        Ok(())
    } else {
        Err(DenialReason::UnseenGroupsFull)
    }
}
