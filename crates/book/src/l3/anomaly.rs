//! What contradicts a book, and what is done about it.

use thiserror::Error;

/// What an operation met that contradicts the books. Each kind says how it was handled.
///
/// `locate` is the instrument that the operation names; `reference` the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Anomaly {
    /// No such order is live. Nothing changed; of a replacement, the new order is not known either,
    /// since its side is not.
    #[error("unknown order reference {reference} (locate {locate})")]
    UnknownReference {
        /// The instrument named.
        locate: u16,
        /// The order named.
        reference: u64,
    },
    /// A new order with the reference of a live one. The live one stays, the new one is refused;
    /// of a replacement, the replaced order is gone.
    #[error("order reference {reference} is already live (locate {locate})")]
    DuplicateReference {
        /// The instrument named.
        locate: u16,
        /// The order named.
        reference: u64,
    },
    /// The order is live on another instrument. Nothing changed.
    #[error("order {reference} named for locate {locate} rests on locate {owner}")]
    OtherInstrument {
        /// The instrument named.
        locate: u16,
        /// The order named.
        reference: u64,
        /// The instrument it rests on.
        owner: u16,
    },
    /// More executed or cancelled than the order had open. The order is gone, and no more than it
    /// had open was counted.
    #[error("{asked} taken off order {reference} with {open} open (locate {locate})")]
    ExcessQuantity {
        /// The instrument named.
        locate: u16,
        /// The order named.
        reference: u64,
        /// What it had open.
        open: u32,
        /// What was to be taken off.
        asked: u32,
    },
    /// A quantity of zero. Nothing changed; of a replacement, the replaced order is gone.
    #[error("zero quantity for order {reference} (locate {locate})")]
    ZeroQuantity {
        /// The instrument named.
        locate: u16,
        /// The order named.
        reference: u64,
    },
    /// A new order at the best price of the other side. It rests there: the feed decides what
    /// trades, and halted instruments may lock.
    #[error("order {reference} locks the book at {price} (locate {locate})")]
    Locked {
        /// The instrument named.
        locate: u16,
        /// The new order.
        reference: u64,
        /// Its price.
        price: u32,
    },
    /// A new order through the best price of the other side. It rests there, as one that locks.
    #[error("order {reference} at {price} crosses {against} (locate {locate})")]
    Crossed {
        /// The instrument named.
        locate: u16,
        /// The new order.
        reference: u64,
        /// Its price.
        price: u32,
        /// The best price of the other side.
        against: u32,
    },
    /// [`ORDERS_MAX`](super::ORDERS_MAX) orders are live. The new one is refused.
    #[error("no room for order {reference} (locate {locate})")]
    Full {
        /// The instrument named.
        locate: u16,
        /// The order named.
        reference: u64,
    },
}

/// The kinds of [`Anomaly`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AnomalyKind {
    /// [`Anomaly::UnknownReference`].
    UnknownReference,
    /// [`Anomaly::DuplicateReference`].
    DuplicateReference,
    /// [`Anomaly::OtherInstrument`].
    OtherInstrument,
    /// [`Anomaly::ExcessQuantity`].
    ExcessQuantity,
    /// [`Anomaly::ZeroQuantity`].
    ZeroQuantity,
    /// [`Anomaly::Locked`].
    Locked,
    /// [`Anomaly::Crossed`].
    Crossed,
    /// [`Anomaly::Full`].
    Full,
}

impl AnomalyKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::UnknownReference,
        Self::DuplicateReference,
        Self::OtherInstrument,
        Self::ExcessQuantity,
        Self::ZeroQuantity,
        Self::Locked,
        Self::Crossed,
        Self::Full,
    ];

    /// The stable text: what reports show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownReference => "unknown_reference",
            Self::DuplicateReference => "duplicate_reference",
            Self::OtherInstrument => "other_instrument",
            Self::ExcessQuantity => "excess_quantity",
            Self::ZeroQuantity => "zero_quantity",
            Self::Locked => "locked",
            Self::Crossed => "crossed",
            Self::Full => "full",
        }
    }
}

impl Anomaly {
    /// The kind.
    pub const fn kind(&self) -> AnomalyKind {
        match self {
            Self::UnknownReference { .. } => AnomalyKind::UnknownReference,
            Self::DuplicateReference { .. } => AnomalyKind::DuplicateReference,
            Self::OtherInstrument { .. } => AnomalyKind::OtherInstrument,
            Self::ExcessQuantity { .. } => AnomalyKind::ExcessQuantity,
            Self::ZeroQuantity { .. } => AnomalyKind::ZeroQuantity,
            Self::Locked { .. } => AnomalyKind::Locked,
            Self::Crossed { .. } => AnomalyKind::Crossed,
            Self::Full { .. } => AnomalyKind::Full,
        }
    }
}

/// How often each kind of anomaly was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnomalyCounts([u64; AnomalyKind::ALL.len()]);

impl AnomalyCounts {
    /// How often this kind was met.
    pub const fn of(&self, kind: AnomalyKind) -> u64 {
        self.0[kind as usize]
    }

    /// How many were met of all kinds.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) const fn add(&mut self, kind: AnomalyKind) {
        self.0[kind as usize] += 1;
    }
}
