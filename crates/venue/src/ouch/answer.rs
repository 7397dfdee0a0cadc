//! What clients are told, as it is written.

use tiercel_types::{EndReason, Price};
use tiercel_wire::itch::{Code, Text};
use tiercel_wire::ouch::{
    self, AccountQueryResponse, AiqCancelled, BrokenTrade, CancelReject, Capacity, CrossType,
    DisableOrderEntryResponse, Display, EnableOrderEntryResponse, EventCode, FIXED_SIZE_MAX,
    Intermarket, MassCancelResponse, OrderAccepted, OrderCancelled, OrderExecuted, OrderModified,
    OrderPriorityUpdate, OrderReplaced, OrderState, Outbound, Rejected, SystemEvent,
};

use super::own::Own;

/// Room for the longest answer: none has options.
const SIZE_MAX: usize = FIXED_SIZE_MAX;

/// A message to a client.
#[derive(Clone, Copy)]
pub struct Answer {
    bytes: [u8; SIZE_MAX],
    size: usize,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", Outbound::decode(self.bytes()))
    }
}

impl Answer {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }

    /// Whether it rejects a request.
    pub const fn is_reject(&self) -> bool {
        matches!(self.bytes[0], b'J')
    }

    fn of(write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Self {
        let mut bytes = [0; SIZE_MAX];
        // The buffer has room for the longest.
        let size = write(&mut bytes).unwrap_or(0);
        Self { bytes, size }
    }

    /// Order entry begins.
    pub fn start_of_day(time_ns: u64) -> Self {
        let event_code = EventCode::StartOfDay.into();
        Self::of(|out| SystemEvent { timestamp: time_ns.into(), event_code }.encode(&[], out))
    }

    pub(super) fn accepted(time_ns: u64, own: &Own, reference: u64) -> Self {
        let message = OrderAccepted {
            timestamp: time_ns.into(),
            user_ref_num: own.name.user_ref_num.into(),
            side: own.told_side().into(),
            quantity: own.open.into(),
            symbol: own.units.symbol(),
            price: ouch::Price::new(own.told_price()),
            time_in_force: own.told_lives().into(),
            display: own.told_display().into(),
            order_reference_number: reference.into(),
            capacity: capacity(own.name.capacity).into(),
            inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
            cross_type: own.told_cross().into(),
            order_state: OrderState::Live.into(),
            cl_ord_id: own.name.cl_ord_id,
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn replaced(time_ns: u64, former: u32, own: &Own, reference: u64) -> Self {
        let message = OrderReplaced {
            timestamp: time_ns.into(),
            orig_user_ref_num: former.into(),
            user_ref_num: own.name.user_ref_num.into(),
            side: own.told_side().into(),
            quantity: own.open.into(),
            symbol: own.units.symbol(),
            price: ouch::Price::new(own.told_price()),
            time_in_force: own.told_lives().into(),
            display: own.told_display().into(),
            order_reference_number: reference.into(),
            capacity: capacity(own.name.capacity).into(),
            inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
            cross_type: CrossType::Continuous.into(),
            order_state: OrderState::Live.into(),
            cl_ord_id: own.name.cl_ord_id,
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn cancelled(time_ns: u64, own: &Own, shares: u32, reason: u8) -> Self {
        let message = OrderCancelled {
            timestamp: time_ns.into(),
            user_ref_num: own.name.user_ref_num.into(),
            quantity: shares.into(),
            reason: Code(reason),
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn prevented(
        time_ns: u64,
        own: &Own,
        (shares, price): (u32, Price),
        (flag, strategy): (u8, u8),
    ) -> Self {
        let message = AiqCancelled {
            timestamp: time_ns.into(),
            user_ref_num: own.name.user_ref_num.into(),
            decrement_shares: shares.into(),
            reason: Code(b'Q'),
            quantity_prevented_from_trading: shares.into(),
            execution_price: ouch::Price::new(told(price)),
            liquidity_flag: Code(flag),
            aiq_strategy: Code(strategy),
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn executed(
        time_ns: u64,
        own: &Own,
        (shares, price): (u32, Price),
        (flag, match_number): (u8, u64),
    ) -> Self {
        let message = OrderExecuted {
            timestamp: time_ns.into(),
            user_ref_num: own.name.user_ref_num.into(),
            quantity: shares.into(),
            price: ouch::Price::new(told(price)),
            liquidity_flag: Code(flag),
            match_number: match_number.into(),
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn broken(
        time_ns: u64,
        (user_ref_num, cl_ord_id): (u32, Text<14>),
        match_number: u64,
    ) -> Self {
        let message = BrokenTrade {
            timestamp: time_ns.into(),
            user_ref_num: user_ref_num.into(),
            match_number: match_number.into(),
            reason: Code(b'S'),
            cl_ord_id,
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn rejected(time_ns: u64, number: u32, reason: u16, cl_ord_id: Text<14>) -> Self {
        let message = Rejected {
            timestamp: time_ns.into(),
            user_ref_num: number.into(),
            reason: reason.into(),
            cl_ord_id,
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn cancel_reject(time_ns: u64, number: u32) -> Self {
        let message = CancelReject { timestamp: time_ns.into(), user_ref_num: number.into() };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn placed(time_ns: u64, own: &Own, reference: u64) -> Self {
        let message = OrderPriorityUpdate {
            timestamp: time_ns.into(),
            user_ref_num: own.name.user_ref_num.into(),
            price: ouch::Price::new(own.told_price()),
            display: own.told_display().into(),
            order_reference_number: reference.into(),
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn modified(time_ns: u64, own: &Own) -> Self {
        let message = OrderModified {
            timestamp: time_ns.into(),
            user_ref_num: own.name.user_ref_num.into(),
            side: own.told_side().into(),
            quantity: own.open.into(),
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn mass_cancel(
        time_ns: u64,
        number: u32,
        (firm, symbol): (Text<4>, Text<8>),
    ) -> Self {
        let message = MassCancelResponse {
            timestamp: time_ns.into(),
            user_ref_num: number.into(),
            firm,
            symbol,
        };
        Self::of(|out| message.encode(&[], out))
    }

    pub(super) fn switched(time_ns: u64, number: u32, firm: Text<4>, off: bool) -> Self {
        let (timestamp, user_ref_num) = (time_ns.into(), number.into());
        Self::of(|out| {
            if off {
                DisableOrderEntryResponse { timestamp, user_ref_num, firm }.encode(&[], out)
            } else {
                EnableOrderEntryResponse { timestamp, user_ref_num, firm }.encode(&[], out)
            }
        })
    }

    pub(super) fn next_number(time_ns: u64, next: u32) -> Self {
        let message =
            AccountQueryResponse { timestamp: time_ns.into(), next_user_ref_num: next.into() };
        Self::of(|out| message.encode(&[], out))
    }
}

/// A price with four decimals.
pub(super) fn told(price: Price) -> u64 {
    u64::try_from(price.units() / 10_000).unwrap_or(0)
}

const fn capacity(byte: u8) -> Capacity {
    match byte {
        b'A' => Capacity::Agency,
        b'P' => Capacity::Principal,
        b'R' => Capacity::RisklessPrincipal,
        _ => Capacity::Other,
    }
}

pub(super) const fn display(is_hidden: bool) -> Display {
    if is_hidden { Display::Hidden } else { Display::Visible }
}

/// Why an order ended.
pub(super) const fn reason(end: EndReason) -> u8 {
    match end {
        EndReason::Cancelled
        | EndReason::MassCancelled
        | EndReason::Replaced
        | EndReason::AmendedToFilled => b'U',
        EndReason::ImmediateOrCancel
        | EndReason::FillOrKill
        | EndReason::NoLiquidity
        | EndReason::QuoteSpent
        | EndReason::MinimumQty => b'I',
        EndReason::Expired | EndReason::DayEnded => b'T',
        EndReason::SelfTrade => b'Q',
        EndReason::AuctionEnded => b'C',
        EndReason::Disconnected | EndReason::Countdown => b'D',
        EndReason::PriceBand => b'H',
        EndReason::Rejected | EndReason::ListEnded | EndReason::KillSwitch => b'S',
    }
}
